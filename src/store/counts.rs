//! What the committer does, counted, and how it is doing at this moment.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::CommitError;
use crate::telemetry::{Counter, Histogram};

/// What the committer did since the store was opened.
#[derive(Debug)]
pub struct Counts {
    /// Groups that were written and synced.
    pub groups: Counter,
    /// Batches a group.
    pub batches: Histogram,
    /// Bytes of groups, as the journal holds them.
    pub bytes: Counter,
    /// How long a group took to be written and synced.
    pub sync: Histogram,
    /// Groups that could not be written.
    pub failed: Counter,
    /// Batches that were refused because what they expected did not hold.
    pub conflicts: Counter,
    /// Batches that were refused because no writes were taken.
    pub refused: Counter,
    opened: Instant,
    /// Nanoseconds after `opened` at which the write under way began; 0 while there is none.
    begun: AtomicU64,
    /// Nanoseconds after `opened` at which the last group was durable; 0 before the first.
    synced: AtomicU64,
}

/// How the committer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Since when the group under way is being written, if one is.
    pub writing_for: Option<Duration>,
    /// How long ago the last group became durable; `None` before the first.
    pub synced_ago: Option<Duration>,
    /// Batches that wait for the committer.
    pub waiting: usize,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            groups: Counter::default(),
            batches: Histogram::sizes(),
            bytes: Counter::default(),
            sync: Histogram::seconds(),
            failed: Counter::default(),
            conflicts: Counter::default(),
            refused: Counter::default(),
            opened: Instant::now(),
            begun: AtomicU64::new(0),
            synced: AtomicU64::new(0),
        }
    }
}

impl Counts {
    /// A group is being written from now on.
    pub(super) fn begin(&self) {
        self.begun.store(self.moment(), Ordering::Relaxed);
    }

    /// The group that was being written is durable.
    pub(super) fn synced(&self, batches: usize, bytes: u64) {
        let now = self.moment();
        let begun = self.begun.swap(0, Ordering::Relaxed);
        self.synced.store(now, Ordering::Relaxed);
        self.sync.observe(Duration::from_nanos(now.saturating_sub(begun)));
        self.groups.one();
        self.batches.count(batches);
        self.bytes.add(bytes);
    }

    /// The group that was being written is not.
    pub(super) fn failed(&self) {
        self.begun.store(0, Ordering::Relaxed);
        self.failed.one();
    }

    /// A batch was not taken into a group.
    pub(super) fn not_admitted(&self, error: CommitError) {
        match error {
            CommitError::Conflict => self.conflicts.one(),
            CommitError::TooLarge | CommitError::Unavailable(_) => self.refused.one(),
        }
    }

    pub(super) fn pulse(&self, waiting: usize) -> Pulse {
        let now = self.moment();
        let since = |moment: &AtomicU64| {
            let moment = Some(moment.load(Ordering::Relaxed)).filter(|moment| *moment > 0);
            moment.map(|moment| Duration::from_nanos(now.saturating_sub(moment)))
        };
        Pulse { writing_for: since(&self.begun), synced_ago: since(&self.synced), waiting }
    }

    /// Never 0, which stands for no moment.
    fn moment(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}
