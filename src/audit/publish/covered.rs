//! What checkpoints cover: how many rows, and the proof of each.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    ops::Range,
    sync::atomic::Ordering,
};

use super::{
    super::{Folder, Shard},
    Log, LogError, own,
};
use crate::tlog::{Proof, TileNodes, inclusion_proof};

/// What proves the rows of one shard under one checkpoint.
struct Proving {
    nodes: TileNodes<Folder>,
    /// Those that are published.
    rows: Range<u64>,
    checkpoint: String,
}

impl Proving {
    fn prove(&mut self, index: u64) -> io::Result<Option<Proof>> {
        if !self.rows.contains(&index) {
            return Ok(None);
        }
        let path = inclusion_proof(&mut self.nodes, index, self.rows.end)?;
        Ok(Some(Proof { index, path, checkpoint: self.checkpoint.clone() }))
    }
}

impl Log {
    /// The proof that the journal's row `row` stands in its log; nothing while no checkpoint covers it, and once it is not
    /// published any more. Reads files.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn prove(&self, row: u64) -> Result<Option<Proof>, LogError> {
        Ok(self.prove_all(&[row])?.pop().flatten())
    }

    /// The proofs of many rows, as [`Log::prove`] makes each. Rows of one log are proved by one checkpoint.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn prove_all(&self, rows: &[u64]) -> Result<Vec<Option<Proof>>, LogError> {
        let shards = self.shards();
        let mut known: HashMap<u64, Option<Proving>> = HashMap::new();
        let mut proofs = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(shard) = shards.iter().rev().find(|shard| shard.first <= *row) else {
                proofs.push(None);
                continue;
            };
            let proving = match known.entry(shard.first) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(place) => place.insert(self.proving(shard)?),
            };
            let proof = proving.as_mut().map(|proving| proving.prove(*row - shard.first));
            let proof = proof.transpose().map_err(|source| self.io(shard, source))?;
            proofs.push(proof.flatten());
        }
        Ok(proofs)
    }

    /// What proves the rows of a shard; nothing before its first checkpoint.
    fn proving(&self, shard: &Shard) -> Result<Option<Proving>, LogError> {
        let Some(note) = self.note_of(shard)? else { return Ok(None) };
        let size = own(&note, &self.ground.seed)?.size;
        let rows = self.minimum_index(shard)?..size;
        let checkpoint = String::from_utf8_lossy(&note).into_owned();
        Ok(Some(Proving { nodes: TileNodes::new(self.folder(shard), size), rows, checkpoint }))
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
