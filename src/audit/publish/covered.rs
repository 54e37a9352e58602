//! What checkpoints cover: how many rows, and the proof of each.

use std::sync::atomic::Ordering;

use super::{CHECKPOINT, Log, LogError, own};
use crate::tlog::{Files as _, Proof, TileNodes, inclusion_proof};

impl Log {
    /// The proof that the journal's row `row` stands in its log; nothing while no checkpoint covers it, and once it is not
    /// published any more. Reads files.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn prove(&self, row: u64) -> Result<Option<Proof>, LogError> {
        let shards = self.shards();
        let Some(shard) = shards.iter().rev().find(|shard| shard.first <= row) else {
            return Ok(None);
        };
        let (folder, index) = (self.folder(shard), row - shard.first);
        let reading = |source| LogError::Io { path: folder.dir().to_owned(), source };
        let Some(note) = folder.read(CHECKPOINT).map_err(reading)? else { return Ok(None) };
        let checkpoint = own(&note, &self.ground.seed)?;
        if index >= checkpoint.size || index < self.minimum_index(shard)? {
            return Ok(None);
        }
        let mut nodes = TileNodes::new(&folder, checkpoint.size);
        let path = inclusion_proof(&mut nodes, index, checkpoint.size).map_err(reading)?;
        let checkpoint = String::from_utf8_lossy(&note).into_owned();
        Ok(Some(Proof { index, path, checkpoint }))
    }

    /// How many rows of the journal published checkpoints count.
    pub(in crate::audit) fn covered_rows(&self) -> u64 {
        let published = self.published.borrow().clone();
        let covered = published.and_then(|published| {
            let shards = self.shards();
            let shard = shards.iter().find(|shard| shard.origin == published.origin)?;
            Some(shard.first + published.size)
        });
        covered.unwrap_or(0)
    }

    /// How many rows no published checkpoint counts yet.
    #[must_use]
    pub fn unpublished(&self) -> u64 {
        self.ground.store.log_size().saturating_sub(self.covered_rows())
    }

    /// How many checkpoints were published since the log was opened.
    #[must_use]
    pub fn checkpoints(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
