//! Where rows of the store stand in the published log, and what proves it.

use std::{fmt, io};

use super::{Log, Place};
use crate::tlog::Proof;

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

impl Proving for Log {
    fn place(&self, row: u64) -> Place {
        Self::place(self, row)
    }

    fn row(&self, origin: Option<&str>, index: u64) -> Option<u64> {
        let shards = self.shards();
        let shard = match origin {
            Some(origin) => shards.iter().find(|shard| *shard.origin == *origin),
            None => shards.last(),
        };
        shard?.first.checked_add(index)
    }

    fn covered(&self) -> Option<u64> {
        Some(self.covered_rows())
    }

    fn prove(&self, rows: &[u64]) -> io::Result<Vec<Option<Proof>>> {
        self.prove_all(rows).map_err(io::Error::other)
    }
}
