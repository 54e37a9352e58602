//! Acts and gates, counted.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use crate::telemetry::{Counter, Histogram, Labelled};

/// What happened to consents since the start.
#[derive(Debug)]
pub struct Counts {
    /// Recorded acts, by their action.
    pub acts: Labelled<Counter>,
    /// Acts that could not be made durable and hold a gate shut instead.
    pub shut: Counter,
    /// How long acts waited for disclosures that were being written.
    pub drain: Histogram,
    /// Disclosures whose connections were closed because an act could not wait longer.
    pub revoked: Counter,
    /// How long before the acknowledgement of an act the last byte left under what it ended.
    pub last_use: Histogram,
    /// Last bytes that left after such an acknowledgement. There should never be one.
    pub late: Counter,
    /// The largest distance in nanoseconds from an act's acknowledgement to the last byte that was written under what
    /// it ended; [`NEVER`] before there was one.
    nearest: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl Default for Counts {
    fn default() -> Self {
        Self {
            acts: Labelled::default(),
            shut: Counter::default(),
            drain: Histogram::seconds(),
            revoked: Counter::default(),
            last_use: Histogram::seconds(),
            late: Counter::default(),
            nearest: AtomicI64::new(NEVER),
        }
    }
}

impl Counts {
    /// By how many seconds the last byte of a disclosure came after the acknowledgement of an act that ended it: the
    /// largest such distance so far. Below zero as long as the promise of the gate is kept; `None` before an act met
    /// somebody whose data had left.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of days need not be exact")]
    pub fn act_to_last_use(&self) -> Option<f64> {
        let nearest = self.nearest.load(Ordering::Relaxed);
        (nearest != NEVER).then_some(nearest as f64 / 1e9)
    }

    /// An act was acknowledged at `acknowledged`, and the person's last byte left at `left`.
    pub(super) fn note_last_use(&self, acknowledged: Instant, left: Instant) {
        let nanos = |length: Duration| i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        let distance = match left.checked_duration_since(acknowledged) {
            Some(after) if !after.is_zero() => {
                self.late.one();
                nanos(after)
            }
            _ => {
                let before = acknowledged.duration_since(left);
                self.last_use.observe(before);
                -nanos(before)
            }
        };
        self.nearest.fetch_max(distance, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_use_is_kept_and_one_after_the_act_shows() {
        let counts = Counts::default();
        assert_eq!(counts.act_to_last_use(), None);
        let morning = Instant::now();
        let after = |seconds| morning + Duration::from_secs(seconds);
        let noon = after(10);
        counts.note_last_use(noon, after(7));
        counts.note_last_use(noon, after(1));
        assert_eq!(counts.act_to_last_use(), Some(-3.0));
        assert_eq!(counts.late.value(), 0);
        counts.note_last_use(noon, after(11));
        assert_eq!((counts.late.value(), counts.last_use.read().count()), (1, 2));
        assert_eq!(counts.act_to_last_use(), Some(1.0));
    }
}
