//! Sends each new checkpoint to the configured witnesses and hands back what they sign.
//!
//! Each witness has a task of its own: one that is slow, down or lying delays neither the log nor the others. After a
//! fault it is left alone for a second, then for twice as long each time, a minute at most, and then asked about the
//! checkpoint that is the latest by then.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::header;
use tokio::{sync::watch, task::JoinSet};

use super::address::reach;
use crate::{
    app::{AppError, WitnessSettings},
    observe::Cosigning,
    upstream::{Letter, Post},
    witness::{Cosigned, Heard, Published, Refused, Submitter, request},
};

/// How long a witness is left alone after the first fault, and at most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How many checkpoints are remembered, for witnesses that are behind others.
const REMEMBERED: usize = 8;

/// The witnesses of one log.
#[derive(Clone, Debug, Default)]
pub struct Witnesses(Vec<Arc<Known>>);

struct Known {
    settings: WitnessSettings,
    post: Post,
    url: String,
    seen: Arc<Cosigning>,
}

/// Why a round with a witness came to nothing.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it took too long")]
    Late,
    #[error("the exchange with it failed: {0}")]
    Exchange(io::Error),
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::Late } else { Self::Exchange(error) }
    }
}

impl Witnesses {
    /// The witnesses that `settings` name. None of them is spoken to yet.
    ///
    /// # Errors
    /// When a URL is none, two have one key, or certificates for `https` cannot be read.
    pub fn open(settings: &[WitnessSettings]) -> Result<Self, AppError> {
        let mut known: Vec<Arc<Known>> = Vec::new();
        for settings in settings {
            let name = &settings.vkey.name;
            if known.iter().any(|other| other.settings.vkey.name == *name) {
                let text = format!("[[audit.witness]]: {name} is there twice");
                return Err(AppError::Settings(text));
            }
            let seen = Arc::new(Cosigning::of(name));
            let (post, url) = reach(settings)?;
            known.push(Arc::new(Known { settings: settings.clone(), post, url, seen }));
        }
        Ok(Self(known))
    }

    /// Whether none is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How each of them fares, for [`Observer::show_witnesses`](crate::observe::Observer::show_witnesses).
    #[must_use]
    pub fn seen(&self) -> Vec<Arc<Cosigning>> {
        self.0.iter().map(|known| known.seen.clone()).collect()
    }

    /// Sends the latest of `published` to each witness until its sender is gone, or this is dropped. `read` says what
    /// is sent; `publish` is handed all lines so far under one checkpoint whenever there are more. `read` must not wait;
    /// `publish` may, and runs once at a time.
    pub async fn run<P: Clone + Send + Sync + 'static>(
        self,
        published: watch::Receiver<Option<P>>,
        read: impl Fn(&P) -> Published + Send + Sync + 'static,
        publish: impl Fn(&P, &[String]) + Send + Sync + 'static,
    ) {
        let board = Arc::new(Board {
            read: Box::new(read),
            publish: Box::new(publish),
            signed: Mutex::default(),
        });
        let mut couriers = JoinSet::new();
        for known in self.0 {
            let courier = Courier {
                submitter: Submitter::new(known.settings.vkey.clone()),
                trouble: None,
                known,
            };
            couriers.spawn(courier.follow(published.clone(), board.clone()));
        }
        while couriers.join_next().await.is_some() {}
    }
}

type Read<P> = dyn Fn(&P) -> Published + Send + Sync;
type Publish<P> = dyn Fn(&P, &[String]) + Send + Sync;

/// What the witnesses have signed, put together.
struct Board<P> {
    read: Box<Read<P>>,
    publish: Box<Publish<P>>,
    signed: Mutex<Vec<Signed>>,
}

/// The lines under one checkpoint.
struct Signed {
    note: Arc<str>,
    lines: Vec<String>,
}

impl<P> Board<P> {
    /// Adds what a witness signed of `of`, and publishes it, unless as many have signed a newer checkpoint.
    fn add(&self, of: &P, note: &Arc<str>, lines: Vec<String>) {
        // Held while it is published: what was put together later is published later.
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let place = signed.iter().position(|known| known.note == *note).unwrap_or_else(|| {
            if signed.len() == REMEMBERED {
                signed.remove(0);
            }
            signed.push(Signed { note: note.clone(), lines: Vec::new() });
            signed.len() - 1
        });
        let mut rest = signed.iter_mut().skip(place);
        let Some(this) = rest.next() else { return };
        this.lines.extend(lines);
        if rest.all(|newer| newer.lines.len() < this.lines.len()) {
            (self.publish)(of, &this.lines);
        }
    }
}

/// The way of checkpoints to one witness.
struct Courier {
    known: Arc<Known>,
    submitter: Submitter,
    /// What was last told of it, if it was not well.
    trouble: Option<String>,
}

impl Courier {
    async fn follow<P: Clone + Send + Sync + 'static>(
        mut self,
        mut published: watch::Receiver<Option<P>>,
        board: Arc<Board<P>>,
    ) {
        let mut pause = FIRST;
        published.mark_changed();
        while published.changed().await.is_ok() {
            let Some(of) = published.borrow_and_update().clone() else { continue };
            let latest = (board.read)(&of);
            if self.submitter.has(&latest) {
                continue;
            }
            match self.ask(&latest).await {
                Ok(cosigned) => {
                    pause = FIRST;
                    self.is_well(&cosigned);
                    let board = board.clone();
                    let add = move || board.add(&of, &latest.note, cosigned.lines);
                    // Whether it could be published is told by who does.
                    let _ = tokio::task::spawn_blocking(add).await;
                }
                Err(fault) => {
                    self.is_not_well(&latest, &fault);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                    published.mark_changed();
                }
            }
        }
    }

    /// Asks about one checkpoint, once more if the witness says that it is elsewhere.
    async fn ask(&mut self, published: &Published) -> Result<Cosigned, Fault> {
        for _ in 0..2 {
            let (old, of) = (self.submitter.known(&published.origin), published.clone());
            // Tiles are read from the disk.
            let made = tokio::task::spawn_blocking(move || request(&of, old)).await;
            let request = made.map_err(io::Error::other)??.to_string();
            let letter = Letter::post(&self.known.url, plain_text(), request.into_bytes());
            let reply = self.known.post.send(letter).await?;
            let media_type = reply.headers.get(header::CONTENT_TYPE);
            let media_type = media_type.and_then(|media| media.to_str().ok());
            match self.submitter.hear(published, reply.status, media_type, &reply.body) {
                Heard::Cosigned(cosigned) => return Ok(cosigned),
                Heard::Again => {}
                Heard::Refused(refused) => return Err(refused.into()),
            }
        }
        Err(Refused::Unsteady.into())
    }

    fn is_well(&mut self, cosigned: &Cosigned) {
        self.known.seen.cosigned(cosigned.size);
        if self.trouble.take().is_some() {
            tracing::warn!(
                witness.name = %cosigned.witness,
                log.size = cosigned.size,
                "a witness cosigns again"
            );
        }
    }

    /// Takes note of a fault, and tells of it if it is not the one that was told of.
    fn is_not_well(&mut self, latest: &Published, fault: &Fault) {
        self.known.seen.failed();
        let told = fault.to_string();
        if self.trouble.as_ref() == Some(&told) {
            return;
        }
        let (witness, origin) = (&self.submitter.witness().name, &latest.origin);
        if matches!(fault, Fault::Refused(refused) if refused.is_grave()) {
            tracing::error!(
                witness.name = %witness,
                log.origin = %origin,
                log.size = latest.size,
                error.message = %told,
                "a witness knows another history of this log"
            );
        } else {
            tracing::warn!(
                witness.name = %witness,
                log.origin = %origin,
                log.size = latest.size,
                error.message = %told,
                "a witness does not cosign"
            );
        }
        self.trouble = Some(told);
    }
}

fn plain_text() -> Vec<(String, String)> {
    vec![(header::CONTENT_TYPE.to_string(), "text/plain; charset=utf-8".to_owned())]
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("settings", &self.settings).finish_non_exhaustive()
    }
}
