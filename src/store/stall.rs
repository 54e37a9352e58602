//! A disk that does not come back: who waits for it is let go, and who comes is turned away at once.
//!
//! Nothing here looks at a clock. Somebody beats once a second; a group that is under way for two beats is stalled. The
//! committer still waits for the disk, since only it can say what became of the group.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::reply::Reply;

/// Beats that a group may be under way.
const MOST_BEATS: u32 = 2;

/// The group that is being written, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Stall {
    group: Mutex<Group>,
    stalled: AtomicBool,
}

#[derive(Debug, Default)]
struct Group {
    under_way: bool,
    beats: u32,
    /// Those who wait, each with the index of their first row.
    waiting: Vec<(Reply, u64)>,
}

impl Stall {
    fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A group is being written, and `waiting` wait for it.
    pub(super) fn begin(&self, waiting: Vec<(Reply, u64)>) {
        *self.group() = Group { under_way: true, beats: 0, waiting };
    }

    /// The group is written or has failed: who still waits for it.
    pub(super) fn end(&self) -> Vec<(Reply, u64)> {
        let mut group = self.group();
        self.stalled.store(false, Ordering::Release);
        std::mem::take(&mut *group).waiting
    }

    /// One beat. Who is to be let go, if the group is stalled.
    pub(super) fn beat(&self) -> Option<Vec<(Reply, u64)>> {
        let mut group = self.group();
        if !group.under_way {
            return None;
        }
        group.beats = group.beats.saturating_add(1);
        if group.beats < MOST_BEATS {
            return None;
        }
        if !self.stalled.swap(true, Ordering::AcqRel) {
            tracing::error!(
                "the disk does not come back from a write; records are refused until it does"
            );
        }
        Some(std::mem::take(&mut group.waiting))
    }

    /// Whether a group is stalled.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }
}
