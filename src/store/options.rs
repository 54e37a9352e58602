//! How a store is opened.

use std::{path::PathBuf, sync::Arc, time::Duration};

use zeroize::Zeroizing;

use crate::ambient::{Clock, Entropy, Fs};

use super::error::StoreError;

/// What a store needs to open.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// Where journal, snapshots, leaves and bodies live. The sled view always lives on the machine's own disk.
    pub fs: Arc<dyn Fs>,
    /// What answers reads.
    pub engine: Engine,
    /// What journal and snapshots are sealed under.
    pub file_key: FileKey,
    /// Nonces and salts.
    pub entropy: Entropy,
    /// Dates the snapshots.
    pub clock: Clock,
    /// Sizes and windows.
    pub limits: Limits,
    /// What follows a failed sync.
    pub on_sync_failure: OnSyncFailure,
}

/// What answers reads. Both are views: the journal is the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// sled, on disk.
    Sled,
    /// A map in memory, filled from snapshot and journal when the store opens.
    Memory,
}

/// What follows when a sync of the journal or of a file that stands in for it fails. The kernel may have dropped the
/// unwritten pages and marked them clean, so trying again would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnSyncFailure {
    /// The process aborts; starting anew reads what the disk truly holds.
    #[default]
    Abort,
    /// Every later commit is refused. For tests, and for programs that cannot be aborted.
    Poison,
}

/// 32 bytes that journal and snapshots are sealed under; zeroized when dropped.
#[derive(Clone)]
pub struct FileKey(Zeroizing<[u8; 32]>);

impl FileKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKey(…)")
    }
}

/// Sizes in bytes, and windows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A segment of the journal.
    pub segment: u64,
    /// Zeroed room of the journal that only urgent batches may use.
    pub reserve: u64,
    /// One batch. At most a quarter of a segment.
    pub batch: usize,
    /// One value. sled puts larger ones into files that it never syncs.
    pub value: usize,
    /// The longest that the committer waits for more batches to share a sync with.
    pub gather: Duration,
    /// How long a batch that nobody waits for may lie before it is committed without one that somebody waits for.
    pub follow: Duration,
    /// The journal written since the last snapshot, at which the next one is taken.
    pub snapshot_every: u64,
    /// Free room on the disk below which only urgent batches pass; `None` means max(512 MiB, min(10 %, 8 GiB)).
    pub least_free: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment: 64 << 20,
            reserve: 64 << 20,
            batch: 4 << 20,
            value: 100_000,
            gather: Duration::from_millis(1),
            follow: Duration::from_millis(20),
            snapshot_every: 256 << 20,
            least_free: None,
        }
    }
}

impl Limits {
    /// Small ones, for tests: segments of 64 KiB, batches of 16 KiB, a snapshot only when asked
    /// for, and no regard to the room on the disk.
    #[must_use]
    pub fn small() -> Self {
        Self {
            segment: 64 << 10,
            reserve: 64 << 10,
            batch: 16 << 10,
            value: 10_000,
            gather: Duration::ZERO,
            follow: Duration::ZERO,
            snapshot_every: u64::MAX,
            least_free: Some(0),
        }
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        let rule = if self.segment < 4096 || self.segment > u64::from(u32::MAX) {
            "a segment has 4 KiB to 4 GiB"
        } else if self.batch as u64 > self.segment / 4 {
            "a batch is at most a quarter of a segment"
        } else if self.value > self.batch || self.value > 100_000 {
            "a value is at most 100,000 bytes and fits into a batch"
        } else {
            return Ok(());
        };
        Err(StoreError::Limits { rule })
    }

    /// The free room below which a disk of `total` bytes counts as low.
    pub(super) fn low_water(&self, total: u64) -> u64 {
        self.least_free.unwrap_or_else(|| (512 << 20).max((total / 10).min(8 << 30)))
    }
}
