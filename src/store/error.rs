//! What can go wrong in the store.

use std::{io, path::PathBuf};

/// The store could not be opened, or cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the folder. A process that is dead owns nothing, whatever the file says.
    #[error(
        "the data folder is in use by process {pid}: stop it, or use a command that goes through the running gateway \
         (`store backup`, `store confirm-restored`)"
    )]
    Locked {
        /// The owner, as its lock file names it.
        pid: String,
    },
    /// The limits contradict each other.
    #[error("the limits of the store do not fit together: {rule}")]
    Limits {
        /// The rule they break.
        rule: &'static str,
    },
    /// The file system failed.
    #[error("the file system failed while {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// How it failed.
        #[source]
        source: io::Error,
    },
    /// A group of the journal is bad although a later one, or a view, shows that it was acknowledged. Nothing is cut:
    /// restore a backup, or the file.
    #[error("the journal is damaged in segment {segment} at byte {offset}: {what}")]
    Damaged {
        /// The number of the segment.
        segment: u64,
        /// Where in its file, in bytes.
        offset: u64,
        /// How that is known.
        what: &'static str,
    },
    /// Another file that cannot be made anew is damaged or missing.
    #[error("{path} is damaged or missing: {what}")]
    Missing {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file was written by a newer program.
    #[error("{path} has format {found}; this program knows up to {known}: use {needs}")]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its format.
        found: u16,
        /// The newest this program knows.
        known: u16,
        /// The program that can read it.
        needs: String,
    },
    /// A file is whole, but sealed under another key.
    #[error("{path} does not open under the given file key")]
    WrongKey {
        /// Which.
        path: PathBuf,
    },
    /// The machine gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] crate::ambient::EntropyError),
    /// The view of the records failed; opening the store anew rebuilds it.
    #[error("the view of the records failed: {what}")]
    View {
        /// How.
        what: String,
    },
    /// The store takes no writes at present.
    #[error("the store takes no writes: {0}")]
    Unavailable(Unavailable),
}

impl StoreError {
    /// The refusal of a file of a newer program, whose version is `program` if the file says so.
    pub(super) fn newer(path: PathBuf, found: u16, known: u16, program: &str) -> Self {
        let own = env!("CARGO_PKG_VERSION");
        let needs = match program {
            "" => format!("a consentry newer than {own}; the folder's file FORMAT may name it"),
            program => format!("consentry {program} or newer"),
        };
        Self::Newer { path, found, known, needs }
    }
}

/// A batch was not committed. Nothing of it shows, now or later, unless the variant says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something it expects does not hold. Read again and decide again.
    #[error("what the batch expects does not hold")]
    Conflict,
    /// It, or a part of it, is larger than the limits.
    #[error("the batch is too large")]
    TooLarge,
    /// No writes at present; try later.
    #[error("the store takes no writes: {0}")]
    Unavailable(Unavailable),
}

/// Why the store takes no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Little room is left on the disk; urgent batches still pass.
    #[error("the disk is nearly full")]
    DiskLow,
    /// Not even the reserved room is left.
    #[error("no room is left in the journal")]
    JournalFull,
    /// Writing the journal failed. The next batch tries anew. If wiping what was written fails too and the process then
    /// ends, the batch may be found when the store is opened anew.
    #[error("writing the journal failed")]
    Write,
    /// A sync failed, so what is on the disk is unknown until the store is opened anew; the batch may be found then.
    #[error("syncing failed")]
    Sync,
    /// The batch is durable, but a view could not show it. It shows when the store is opened anew.
    #[error("a view failed")]
    View,
    /// The disk does not come back from a write. A batch that was under way may be found to be committed when it does.
    #[error("the disk does not answer")]
    Stalled,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// Adds to an I/O error what was being done.
pub(super) fn doing(doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { doing, source }
}
