//! Publishes the log: tiles, and a signed checkpoint that goes on from the last.
//!
//! Promises: what is published was acknowledged before; no two checkpoints of one origin contradict each other, whatever
//! crashes, is restored or is lost, since the keeper's folder holds the last one that was signed and it is on the disk
//! before anyone can read it. A state that does not go on from there gets a log of a new name, whose first row names
//! where the old one stood.
//!
//! ```text
//! keys/log-signed                      the last signed checkpoint of all
//! tlog/<shard>/checkpoint              the shard's last, with the signatures of witnesses as they come
//! tlog/<shard>/checkpoint.cosigned     the last that a witness signed
//! tlog/<shard>/tile/…                  C2SP tlog-tiles
//! tlog/<shard>/vocabulary/<ruleset>.json
//! tlog/<shard>/synced                  size and root up to which the tiles are known to be on the disk
//! ```
//! All under `tlog/` can be made anew from the journal's rows.

mod covered;
mod grow;
mod prune;
mod resume;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::json;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{
    Audit, AuditError, Draft, Event, Folder, Place, Previous, Shard, ShardsError,
    shards::next_name, tree::Tree,
};
use crate::{
    ambient::{Fs, read_secret, replace_secret},
    store::{Store, StoreError},
    tlog::{Checkpoint, Files as _, NoteError, NoteSigner, Signs, VerifierKey},
};

/// Rows that are read from the store at once.
const BLOCK: u64 = 1024;
/// Every how many checkpoints the tiles are made durable. Until then a loss of power costs making them anew.
const SYNC_EVERY: u32 = 10;

/// Why the log cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file cannot be read or written.
    #[error("using the log's file {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// The last signed checkpoint was not signed by the key that is there.
    #[error(
        "the key folder's `log-signed` was not signed by its key `log`: one of them is not the log's; put it back"
    )]
    Mark(#[source] NoteError),
    /// The key has no name it can sign under.
    #[error("the log's origin must hold no space and no `+`")]
    Origin(#[source] NoteError),
    /// The rows cannot be read.
    #[error("reading rows of the log")]
    Store(#[from] StoreError),
    /// The row that opens a shard was not taken.
    #[error("opening a shard of the log")]
    Audit(#[from] AuditError),
    /// The table of shards cannot be used.
    #[error(transparent)]
    Shards(#[from] ShardsError),
    /// The rows are not those that were signed.
    #[error("the rows are not those that were signed: {0} of them give another root")]
    Forked(u64),
}

/// What a log stands on.
#[derive(Debug)]
pub struct LogGround {
    /// The rows.
    pub store: Store,
    /// Writes the rows that open shards.
    pub audit: Audit,
    /// The file system of the published files.
    pub fs: Arc<dyn Fs>,
    /// The folder of the logs.
    pub dir: PathBuf,
    /// The keeper's folder.
    pub keys: PathBuf,
    /// What checkpoints are signed with: an Ed25519 seed.
    pub seed: Zeroizing<[u8; 32]>,
    /// The start of each shard's origin.
    pub origin: String,
}

/// A checkpoint that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The log's name.
    pub origin: Arc<str>,
    /// How many rows.
    pub size: u64,
    /// The checkpoint as the log alone signed it.
    pub checkpoint: Arc<str>,
    /// The files of the log.
    pub folder: PathBuf,
}

/// The published log of a gateway.
pub struct Log {
    ground: LogGround,
    /// What is being published; nothing before the first time, and after a failure.
    live: Mutex<Option<Live>>,
    /// The last signed checkpoint of all.
    signed: Mutex<Option<Checkpoint>>,
    published: watch::Sender<Option<Published>>,
    count: AtomicU64,
}

struct Live {
    shard: Shard,
    signer: NoteSigner,
    tree: Tree,
    checkpoints: u32,
    /// Whether a checkpoint of the tree as it stands is out.
    is_out: bool,
}

impl Log {
    /// Opens the log and looks whether the state goes on from what was signed last; one that does not gets a new shard.
    /// Waits on this thread.
    ///
    /// # Errors
    /// When the key is not the one that signed, or a part cannot be read or written.
    pub fn open(ground: LogGround) -> Result<Self, LogError> {
        let path = ground.keys.join(MARK);
        let mark = read_secret(&path).map_err(|source| LogError::Io { path, source })?;
        let signed = mark.map(|mark| own(&mark, &ground.seed)).transpose()?;
        let log = Self {
            ground,
            live: Mutex::new(None),
            signed: Mutex::new(signed),
            published: watch::Sender::new(None),
            count: AtomicU64::new(0),
        };
        log.signer(&log.last().origin)?;
        log.go_on()?;
        Ok(log)
    }

    fn signed(&self) -> MutexGuard<'_, Option<Checkpoint>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> Shard {
        let shards = self.ground.audit.shards().all();
        // INVARIANT: there is always a shard.
        let first = || Shard::new(&self.ground.origin, "0000h1".to_owned(), 0);
        shards.last().cloned().unwrap_or_else(first)
    }

    fn signer(&self, origin: &str) -> Result<NoteSigner, LogError> {
        NoteSigner::new(origin, Signs::Text, self.ground.seed.as_slice()).map_err(LogError::Origin)
    }

    /// The logs of this gateway, oldest first; the last one is live.
    #[must_use]
    pub fn shards(&self) -> Arc<Vec<Shard>> {
        self.ground.audit.shards().all()
    }

    /// The files of a shard.
    #[must_use]
    pub fn folder(&self, shard: &Shard) -> Folder {
        Folder::new(self.ground.fs.clone(), self.ground.dir.join(&shard.name))
    }

    /// The files that a checkpoint was published with.
    #[must_use]
    pub fn files_of(&self, published: &Published) -> Folder {
        Folder::new(self.ground.fs.clone(), published.folder.clone())
    }

    /// What verifies the checkpoints of a shard.
    ///
    /// # Errors
    /// When its origin cannot name a key.
    pub fn verifier(&self, shard: &Shard) -> Result<VerifierKey, LogError> {
        Ok(self.signer(&shard.origin)?.verifier().clone())
    }

    /// Hears of each checkpoint.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Published>> {
        self.published.subscribe()
    }

    /// Where a row of the journal stands.
    #[must_use]
    pub fn place(&self, row: u64) -> Place {
        self.ground.audit.place(row)
    }

    /// Publishes what was acknowledged so far. To be called each second; waits on this thread. Whether there was anything
    /// new.
    ///
    /// # Errors
    /// When a part of it fails; what is published stays as it was, and the next call goes on.
    pub fn publish(&self) -> Result<bool, LogError> {
        let mut slot = self.live();
        let mut live = match slot.take() {
            Some(live) => live,
            None => match self.resume() {
                Err(LogError::Forked(rows)) => {
                    tracing::error!(log.rows = rows, "the rows are not those that were signed");
                    self.turn(FORKED)?;
                    self.live_at(self.last())?
                }
                live => live?,
            },
        };
        let news = self.catch_up(&mut live)?;
        let is_over = live.shard.is_over(self.ground.audit.now());
        *slot = Some(live);
        drop(slot);
        if is_over {
            self.turn("period")?;
        }
        Ok(news)
    }

    fn live_at(&self, shard: Shard) -> Result<Live, LogError> {
        let signer = self.signer(&shard.origin)?;
        let tree = Tree::new(self.folder(&shard));
        Ok(Live { shard, signer, tree, checkpoints: 0, is_out: false })
    }

    /// Signs the tree as it stands, and publishes it.
    fn sign(&self, live: &mut Live) -> Result<(), LogError> {
        let flushed = live.tree.flush();
        flushed.map_err(|source| self.io(&live.shard, source))?;
        let (origin, size) = (live.shard.origin.to_string(), live.tree.size());
        let checkpoint = Checkpoint { origin, size, root: live.tree.root() };
        let mut signed = self.signed();
        let before = signed.as_ref().filter(|before| before.origin == checkpoint.origin);
        if before.is_some_and(|before| {
            before.size > size || before.size == size && *before != checkpoint
        }) {
            return Err(LogError::Forked(size));
        }
        let note = checkpoint.sign(&live.signer);
        // A shard that was left behind by a later one is finished without moving the mark back.
        if before.is_some() || signed.is_none() || *live.shard.origin == *self.last().origin {
            let path = self.ground.keys.join(MARK);
            replace_secret(&path, note.as_bytes())
                .map_err(|source| LogError::Io { path, source })?;
            *signed = Some(checkpoint);
        }
        drop(signed);
        let folder = live.tree.folder();
        replace(folder, CHECKPOINT, note.as_bytes())?;
        live.is_out = true;
        live.checkpoints += 1;
        self.count.fetch_add(1, Ordering::Relaxed);
        self.published.send_replace(Some(Published {
            origin: Arc::clone(&live.shard.origin),
            size,
            checkpoint: note.into(),
            folder: folder.dir().to_owned(),
        }));
        if live.checkpoints.is_multiple_of(SYNC_EVERY) { self.sync(live) } else { Ok(()) }
    }

    fn sync(&self, live: &mut Live) -> Result<(), LogError> {
        let origin = live.shard.origin.to_string();
        let synced = Checkpoint { origin, size: live.tree.size(), root: live.tree.root() };
        live.tree.sync().map_err(|source| self.io(&live.shard, source))?;
        replace(live.tree.folder(), SYNCED, synced.text().as_bytes())
    }

    /// Publishes signatures of witnesses under a checkpoint. They are verified by whoever got them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn cosigned(&self, of: &Published, lines: &[String]) -> Result<(), LogError> {
        let live = self.live();
        let folder = self.files_of(of);
        let note = format!("{}{}", of.checkpoint, lines.concat());
        replace(&folder, COSIGNED, note.as_bytes())?;
        if self.published.borrow().as_ref() == Some(of) {
            replace(&folder, CHECKPOINT, note.as_bytes())?;
        }
        drop(live);
        Ok(())
    }

    /// Opens the next shard with a row that names where this log was signed last.
    fn turn(&self, reason: &'static str) -> Result<(), LogError> {
        let Self { ground: LogGround { store, audit, origin, .. }, .. } = self;
        let now = audit.now();
        let name = next_name(&self.last_signed_name(), now);
        let signed = self.signed().clone();
        let previous = signed.as_ref().map(|signed| Previous {
            origin: &signed.origin,
            root: signed.root,
            size: signed.size,
        });
        let draft = Draft {
            event: Event::LogOpened,
            outcome: "opened",
            reason,
            purpose: None,
            recipient: None,
            ruleset: audit.vocabulary().ruleset.clone(),
            at: now,
            rows: None,
            body: json!({ "t_ms": now.millis() }).to_string().into_bytes(),
        };
        audit.shards().turn(store, (origin, name), || -> Result<u64, LogError> {
            Ok(audit.record_opening(draft, previous)?)
        })
    }

    /// The last published checkpoint of a shard, as it is signed.
    fn note_of(&self, shard: &Shard) -> Result<Option<Vec<u8>>, LogError> {
        self.folder(shard).read(CHECKPOINT).map_err(|source| self.io(shard, source))
    }

    fn io(&self, shard: &Shard, source: io::Error) -> LogError {
        LogError::Io { path: self.ground.dir.join(&shard.name), source }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({})", self.ground.origin)
    }
}

const MARK: &str = "log-signed";
/// Why a shard begins after rows that are not those that were signed.
const FORKED: &str = "forked";
/// The path of a log's checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// The path of the last checkpoint that a witness signed.
pub const COSIGNED: &str = "checkpoint.cosigned";
const SYNCED: &str = "synced";

/// Puts `bytes` in the place of a file of a log, durably.
fn replace(folder: &Folder, path: &str, bytes: &[u8]) -> Result<(), LogError> {
    let written = folder.replace(path, bytes);
    written.map_err(|source| LogError::Io { path: folder.dir().join(path), source })
}

/// A checkpoint that this log's key signed.
fn own(note: &[u8], seed: &Zeroizing<[u8; 32]>) -> Result<Checkpoint, LogError> {
    let text = std::str::from_utf8(note).unwrap_or_default();
    let origin = text.lines().next().unwrap_or_default();
    let signer = NoteSigner::new(origin, Signs::Text, seed.as_slice()).map_err(LogError::Origin)?;
    Checkpoint::open(note, signer.verifier()).map_err(LogError::Mark)
}

/// The folder of the logs in a data folder.
#[must_use]
pub fn log_dir(data: &Path) -> PathBuf {
    data.join("tlog")
}
