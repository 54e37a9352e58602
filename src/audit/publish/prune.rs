//! Old rows leave the published log: what stands for them stays, so that the log verifies as before.
//!
//! Bundles and tiles of the lowest level go in steps of 65,536 rows, which one tile of the next level stands for (C2SP
//! tlog-tiles, pruning). The minimum index is published before the first of them goes.

use super::{
    super::{Row, Shard},
    Log, LogError, own, replace,
};
use crate::{
    domain::Timestamp,
    tlog::{Checkpoint, Files as _, Kind, Retention, Tile, WIDTH, entries},
};

impl Log {
    /// Takes rows of before `until` out of the published logs, as far as whole steps of them are older. Returns how many.
    /// Waits on this thread.
    ///
    /// # Errors
    /// When a file cannot be read or removed; what is left goes next time.
    pub fn prune(&self, until: Timestamp) -> Result<u64, LogError> {
        let mut pruned = 0;
        for shard in self.shards().iter() {
            let (before, now) = self.may_go(shard, until)?;
            // A log that was made anew holds again what had gone.
            let from = if self.bundle(shard, 0)?.is_some() { 0 } else { before };
            if now > from {
                self.drop_rows(shard, from, now)?;
                pruned += now - from;
            }
        }
        Ok(pruned)
    }

    /// From which row on a shard is published, and from which on it would be.
    fn may_go(&self, shard: &Shard, until: Timestamp) -> Result<(u64, u64), LogError> {
        let before = self.minimum_index(shard)?;
        let size = self.note_of(shard)?.map(|note| own(&note, &self.ground.seed)).transpose()?;
        let size = size.map_or(0, |checkpoint: Checkpoint| checkpoint.size);
        let mut now = before;
        while let Some(next) = now.checked_add(Retention::STEP).filter(|next| *next <= size) {
            if self.is_newer(shard, next - 1, until)? {
                break;
            }
            now = next;
        }
        Ok((before, now))
    }

    /// Rows before this index may be gone from what is published of a shard.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn minimum_index(&self, shard: &Shard) -> Result<u64, LogError> {
        let read = self.folder(shard).read(Retention::PATH);
        let read = read.map_err(|source| self.io(shard, source))?;
        Ok(read.and_then(|text| Retention::parse(&text)).map_or(0, Retention::minimum_index))
    }

    /// A full bundle of a shard, if it is published.
    fn bundle(&self, shard: &Shard, number: u64) -> Result<Option<Vec<u8>>, LogError> {
        let tile = Tile { kind: Kind::Entries, number, width: 256 };
        let bundle = self.folder(shard).read(&tile.to_string());
        bundle.map_err(|source| self.io(shard, source))
    }

    /// Whether the row at `index` is of `until` or later. One that cannot be read stays.
    fn is_newer(&self, shard: &Shard, index: u64, until: Timestamp) -> Result<bool, LogError> {
        let bundle = self.bundle(shard, index / WIDTH)?.unwrap_or_default();
        let rows = entries(&bundle).unwrap_or_default();
        let row = rows.last().and_then(|row| Row::parse(row).ok());
        Ok(row.is_none_or(|row| row.at() >= until))
    }

    fn drop_rows(&self, shard: &Shard, from: u64, to: u64) -> Result<(), LogError> {
        let folder = self.folder(shard);
        let failed = |source| self.io(shard, source);
        let retention = Retention::new(to).map(|kept| kept.to_string()).unwrap_or_default();
        replace(&folder, Retention::PATH, retention.as_bytes())?;
        for number in from / WIDTH..to / WIDTH {
            for kind in [Kind::Entries, Kind::Hashes(0)] {
                let tile = Tile { kind, number, width: 256 };
                folder.remove(&tile.to_string()).map_err(failed)?;
            }
        }
        Ok(())
    }
}
