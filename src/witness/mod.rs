//! A witness: it signs a log's checkpoints as long as each goes on from the one before, so that a log that shows two
//! histories is found out. And what a log says to one (C2SP tlog-witness, tlog-cosignature).
//!
//! Promises: what was cosigned is on the disk before anybody hears of it, so neither a kill nor a power cut makes a
//! witness sign two histories; requests for one log come one after the other; a request is read in the one form in which
//! it is written; two signed checkpoints of one size that differ are kept as evidence; on the log's side, no answer of a
//! witness is believed but a signature that verifies.
//!
//! It knows no HTTP: `app` carries requests and answers. It does not read rows: whether a log says what it may is
//! verified elsewhere. Start with [`Witness`]; [`Submitter`] is the log's side.

mod key;
mod protocol;
mod state;

mod keep;

mod submit;

use std::path::PathBuf;

pub use keep::Witness;
pub use key::{read_key, write_key};
pub use protocol::{Answer, MOST_HASHES, Malformed, Request, SIZE_TYPE};
pub use submit::{Cosigned, Heard, Published, Refused, Submitter, request};

/// Why a witness does not open, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file cannot be read or written.
    #[error("using {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// Another process uses the folder.
    #[error("another witness runs on {0}")]
    Busy(PathBuf),
    /// What was cosigned cannot be told any more.
    #[error("{0} is damaged: without what it says, the witness might sign a second history")]
    Damaged(PathBuf),
    /// A file was written by a newer version.
    #[error("{0} was written by a newer version of this program")]
    Newer(PathBuf),
    /// The key cannot be used.
    #[error("the key {path}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: crate::tlog::NoteError,
    },
    /// A log is given by a key that signs no checkpoints.
    #[error("{0} is the key of a witness; a log is given by the key that signs its checkpoints")]
    NotALog(String),
    /// Two keys are given for one log.
    #[error("the log {0} is given twice")]
    Twice(String),
}
