//! Where rows of the store stand in the published log, and what proves it.

use std::{fmt, io, sync::Arc};

use crate::tlog::Proof;

/// A row's place in a published log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which log.
    pub origin: Arc<str>,
    /// The row's index in it.
    pub index: u64,
}

/// Knows the published log. What it reads may be on the disk: not for an async worker.
pub trait Proving: fmt::Debug + Send + Sync {
    /// Where the row that is the store's `row`th stands.
    fn place(&self, row: u64) -> Place;

    /// Which row of the store stands at `index` of the log `origin`; of the log that is being written if none is named.
    /// `None` if there is no such log.
    fn row(&self, origin: Option<&str>, index: u64) -> Option<u64>;

    /// How many rows of the store stand under a published checkpoint. `None` where none is ever published, so that
    /// nobody waits for it.
    fn covered(&self) -> Option<u64>;

    /// A proof for each of `rows`; `None` for one that stands under no checkpoint yet.
    ///
    /// # Errors
    /// When the published files cannot be read.
    fn prove(&self, rows: &[u64]) -> io::Result<Vec<Option<Proof>>>;
}

/// The log of a gateway that publishes none: rows have their places, and no proofs.
#[derive(Debug)]
pub struct Unpublished {
    /// The log's name.
    pub origin: Arc<str>,
}

impl Proving for Unpublished {
    fn place(&self, row: u64) -> Place {
        Place { origin: self.origin.clone(), index: row }
    }

    fn row(&self, origin: Option<&str>, index: u64) -> Option<u64> {
        origin.is_none_or(|origin| *origin == *self.origin).then_some(index)
    }

    fn covered(&self) -> Option<u64> {
        None
    }

    fn prove(&self, rows: &[u64]) -> io::Result<Vec<Option<Proof>>> {
        Ok(vec![None; rows.len()])
    }
}
