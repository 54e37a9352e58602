//! The log's side: what it asks of a witness, and what it makes of the answer.
//!
//! A witness is told the size that it cosigned last; where that is not known, it says so itself (409), and is asked again
//! from there.

use std::{fmt, sync::Arc};

use super::protocol::{MOST_HASHES, Request, SIZE_TYPE, plain};
use crate::tlog::{Files, Note, NoteError, TileNodes, VerifierKey, consistency_proof};

/// A checkpoint that the log has just published.
#[derive(Clone)]
pub struct Published {
    /// Which log.
    pub origin: Arc<str>,
    /// How many rows it had.
    pub size: u64,
    /// The checkpoint, signed.
    pub note: Arc<str>,
    /// The log's tiles, from which it is proved that it goes on from an older checkpoint.
    pub files: Arc<dyn Files + Send + Sync>,
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Published({} {})", self.origin, self.size)
    }
}

/// What a witness signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Who.
    pub witness: String,
    /// Which log.
    pub origin: Arc<str>,
    /// The size of the checkpoint.
    pub size: u64,
    /// Lines to stand under that checkpoint, each with its line feed. They verify.
    pub lines: Vec<String>,
    /// When it signed, in Unix seconds, by its own clock.
    pub time: u64,
}

/// Why a checkpoint was not cosigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not follow this log (404).
    #[error("it does not follow this log: its operator must add the log's key")]
    Unknown,
    /// It knows the log under another key (403).
    #[error("it knows this log under another key")]
    Unsigned,
    /// It cosigned a larger tree: this log has lost rows.
    #[error("it has cosigned {0} rows, more than this log has: rows were lost")]
    Ahead(u64),
    /// It cosigned this size with another root (409).
    #[error("it has cosigned another history of the same size")]
    Forked,
    /// What it cosigned is not the beginning of this log (422).
    #[error("what it has cosigned is not the beginning of this log")]
    Unproven,
    /// It names a size, and does not go on from there.
    #[error("it does not go on from the size that it names")]
    Unsteady,
    /// Its answer is none of the protocol.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It answered 200 and nothing that verifies.
    #[error("its answer holds no valid cosignature: {0}")]
    Invalid(&'static str),
    /// The log's own tiles do not give a proof.
    #[error("the log's tiles give no proof: {0}")]
    NoProof(String),
}

impl Refused {
    /// Whether it says that two histories of this log exist, or that rows were lost.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::Ahead(_) | Self::Forked | Self::Unproven)
    }
}

/// What an answer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It cosigned.
    Cosigned(Cosigned),
    /// It said what it cosigned last: to be asked again from there.
    Again,
    /// It did not cosign.
    Refused(Refused),
}

/// What to send to a witness that cosigned `old` rows last.
///
/// # Errors
/// [`Refused::NoProof`] when the tiles do not give the proof.
pub fn request(published: &Published, old: u64) -> Result<Request, Refused> {
    let old = old.min(published.size);
    let mut nodes = TileNodes::new(&*published.files, published.size);
    let proof = consistency_proof(&mut nodes, old, published.size)
        .map_err(|error| Refused::NoProof(error.to_string()))?;
    // INVARIANT: a tree of 2^63 rows has no longer proof.
    debug_assert!(proof.len() <= MOST_HASHES);
    Ok(Request { old, proof, checkpoint: published.note.to_string() })
}

/// Asks one witness, and remembers how far it is.
#[derive(Debug)]
pub struct Submitter {
    witness: VerifierKey,
    origin: Arc<str>,
    known: u64,
    cosigned: Option<Arc<str>>,
}

impl Submitter {
    /// Asks the witness with this key, of which nothing else is known yet.
    #[must_use]
    pub fn new(witness: VerifierKey) -> Self {
        Self { witness, origin: "".into(), known: 0, cosigned: None }
    }

    /// The key of the witness.
    #[must_use]
    pub fn witness(&self) -> &VerifierKey {
        &self.witness
    }

    /// The size that the witness cosigned last of `origin`, as far as is known; 0 if nothing is.
    pub fn known(&mut self, origin: &Arc<str>) -> u64 {
        if self.origin != *origin {
            // A new shard is a log of its own.
            (self.origin, self.known, self.cosigned) = (origin.clone(), 0, None);
        }
        self.known
    }

    /// Whether it cosigned what this checkpoint says already, as far as is known.
    #[must_use]
    pub fn has(&self, published: &Published) -> bool {
        let text = |note: &str| note.rsplit_once("\n\n").map(|(text, _)| text.to_owned());
        self.cosigned.as_deref().is_some_and(|note| text(note) == text(&published.note))
    }

    /// Makes something of the answer to a request for `published`.
    pub fn hear(
        &mut self,
        published: &Published,
        status: u16,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Heard {
        let asked = self.known(&published.origin).min(published.size);
        let refused = match status {
            200 => match self.lines(published, body) {
                Ok(cosigned) => {
                    self.known = published.size;
                    self.cosigned = Some(published.note.clone());
                    return Heard::Cosigned(cosigned);
                }
                Err(why) => Refused::Invalid(why),
            },
            403 => Refused::Unsigned,
            404 => Refused::Unknown,
            409 => match size(media_type, body) {
                Some(kept) if kept > published.size => Refused::Ahead(kept),
                Some(kept) if kept != asked => {
                    self.known = kept;
                    return Heard::Again;
                }
                _ if asked == published.size => Refused::Forked,
                Some(_) => Refused::Unsteady,
                None => Refused::Status(409),
            },
            422 => Refused::Unproven,
            other => Refused::Status(other),
        };
        Heard::Refused(refused)
    }

    /// The lines of this witness in an answer. Lines of others are left aside, as they may stand there.
    fn lines(&self, published: &Published, body: &[u8]) -> Result<Cosigned, &'static str> {
        let body = std::str::from_utf8(body).map_err(|_| "it is no text")?;
        let signed =
            Note::parse(published.note.as_bytes()).map_err(|_| "the checkpoint is none")?;
        let (mut lines, mut time) = (Vec::new(), 0);
        for line in body.split_inclusive('\n') {
            let alone = format!("{}\n{line}", signed.text);
            let note = Note::parse(alone.as_bytes()).map_err(|_| "a line is no signature")?;
            match note.signed_by(&self.witness) {
                Ok(Some(when)) => {
                    lines.push(line.to_owned());
                    time = when;
                }
                Ok(None) => {}
                Err(NoteError::Signature(_)) => return Err("its signature does not verify"),
                Err(_) => return Err("a line is no signature"),
            }
        }
        if lines.is_empty() {
            return Err("it did not sign");
        }
        let (origin, size) = (published.origin.clone(), published.size);
        Ok(Cosigned { witness: self.witness.name.clone(), origin, size, lines, time })
    }
}

/// The size that an answer tells.
fn size(media_type: Option<&str>, body: &[u8]) -> Option<u64> {
    let is_size = media_type.is_some_and(|media| {
        media.split(';').next().is_some_and(|media| media.trim() == SIZE_TYPE)
    });
    let text = std::str::from_utf8(body).ok().filter(|_| is_size)?;
    plain(text.strip_suffix('\n')?)
}
