//! What can be wrong with a log.

use std::io;

use crate::tlog::note::NoteError;

/// What is wrong with a log: the first thing found.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// A file could not be read.
    #[error("{path} could not be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A file is longer than any such file can be.
    #[error("{path} is longer than the {most} bytes that it may have")]
    TooLong {
        /// Which.
        path: String,
        /// How long it may be.
        most: usize,
    },
    /// The checkpoint, or the kept one, is not signed as it must be.
    #[error("{which}: {source}")]
    Note {
        /// Which of them.
        which: &'static str,
        /// What is wrong.
        source: NoteError,
    },
    /// Too few witnesses signed.
    #[error("{signed} of the {witnesses} witnesses signed, which is no quorum")]
    Quorum {
        /// How many did.
        signed: usize,
        /// How many are known.
        witnesses: usize,
    },
    /// The log is shorter than it was.
    #[error("the log has {size} rows, the kept checkpoint {kept}: rows were taken away")]
    Shrunk {
        /// Now.
        size: u64,
        /// Before.
        kept: u64,
    },
    /// The log does not go on from the kept checkpoint.
    #[error(
        "the first {0} rows are not those of the kept checkpoint: the log was rewritten or forked"
    )]
    Forked(u64),
    /// The log does not go on from where an earlier verification stopped.
    #[error("the first {0} rows are not those that were verified before: the log was rewritten")]
    Rewritten(u64),
    /// What shows that the log goes on from the kept checkpoint was pruned.
    #[error(
        "the log was pruned, and no longer shows that its first {0} rows are those of the kept checkpoint"
    )]
    Unshown(u64),
    /// The minimum index is none.
    #[error(
        "retention: it is no multiple of 65536 up to the size of the log, written as it must be"
    )]
    Retention,
    /// A file's lengths do not add up.
    #[error("{path} is damaged from row {row} on")]
    Damaged {
        /// Which.
        path: String,
        /// The first row that cannot be read.
        row: u64,
    },
    /// A row is not the one that was logged.
    #[error("row {row} is not the one that {path} was made from")]
    Row {
        /// The row.
        row: u64,
        /// The tile that says so.
        path: String,
    },
    /// Rows and their tile agree with each other, and not with the tree above them.
    #[error("one of rows {from} to {to} was changed: {path} was made from others")]
    Rows {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
        /// The tile that says so.
        path: String,
    },
    /// The rows do not give the signed root.
    #[error("the {0} rows do not give the root that was signed")]
    Root(u64),
    /// A row says what no row may say.
    #[error("row {row}: {what}")]
    Saying {
        /// The row.
        row: u64,
        /// What is wrong with it.
        what: String,
    },
}

impl Wrong {
    /// The first row that it is about, if it is about rows.
    #[must_use]
    pub fn row(&self) -> Option<u64> {
        match self {
            Self::Damaged { row, .. } | Self::Row { row, .. } | Self::Saying { row, .. } => {
                Some(*row)
            }
            Self::Rows { from, .. } => Some(*from),
            _ => None,
        }
    }
}
