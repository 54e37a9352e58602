//! Stops asking a model that does not answer, and finds out when it does again.
//!
//! Promises: after a number of failures in a row no call passes but one probe per interval; one success lets all pass
//! again; a closed breaker costs one relaxed load a call and never looks at the clock. A probe that is never heard of
//! again blocks nothing: its turn is over with the interval. A clock that is set back opens no breaker for longer than
//! one interval.
//!
//! It does not count calls under way (`health`) and does not know what a failure is: who calls it says.

use std::{
    sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use crate::{ambient::Clock, domain::Timestamp};

/// When a breaker opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// How many failures in a row open it; 0 for never.
    pub failures: u32,
    /// How long it stays open between two probes.
    pub open_for: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        // Ten in a row are no accident, and two seconds without a personal list are fewer than a restart takes.
        Self { failures: 10, open_for: Duration::from_secs(2) }
    }
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// The next call passes as a probe.
    HalfOpen,
}

impl BreakerState {
    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The breaker of one model, shared by all workers.
#[derive(Debug)]
pub(super) struct Breaker {
    limits: BreakerLimits,
    failed: AtomicU32,
    probe_at: AtomicI64,
    clock: Clock,
}

impl Breaker {
    pub(super) fn new(limits: BreakerLimits, clock: Clock) -> Self {
        Self { limits, failed: AtomicU32::new(0), probe_at: AtomicI64::new(0), clock }
    }

    /// Whether a call may pass. The one that comes first after an interval passes as a probe and takes the next
    /// interval for itself.
    pub(super) fn admits(&self) -> bool {
        if self.is_closed() {
            return true;
        }
        let (now, due) = (self.clock.now(), self.probe_at.load(Relaxed));
        self.is_due(now, due)
            && self.probe_at.compare_exchange(due, self.next(now), Relaxed, Relaxed).is_ok()
    }

    /// Where it stands; changes nothing.
    pub(super) fn state(&self) -> BreakerState {
        if self.is_closed() {
            return BreakerState::Closed;
        }
        let due = self.is_due(self.clock.now(), self.probe_at.load(Relaxed));
        if due { BreakerState::HalfOpen } else { BreakerState::Open }
    }

    /// The model answered.
    pub(super) fn succeeded(&self) {
        // Looked at first: a store on every call would make the workers take turns at the line.
        if self.failed.load(Relaxed) != 0 {
            self.failed.store(0, Relaxed);
        }
    }

    /// The model did not answer.
    pub(super) fn failed(&self) {
        let failed = self.failed.load(Relaxed).saturating_add(1);
        self.failed.store(failed, Relaxed);
        // Calls that began before it opened may fail for a while; they do not put the probe off.
        if failed == self.limits.failures {
            self.probe_at.store(self.next(self.clock.now()), Relaxed);
        }
    }

    fn is_closed(&self) -> bool {
        self.limits.failures == 0 || self.failed.load(Relaxed) < self.limits.failures
    }

    fn next(&self, now: Timestamp) -> i64 {
        now.after(self.limits.open_for).millis()
    }

    /// INVARIANT: no probe is due later than one interval from the present; one that seems to be was set before the
    /// clock went back.
    fn is_due(&self, now: Timestamp, due: i64) -> bool {
        now.millis() >= due || self.next(now) < due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::ManualClock;

    const OPEN_FOR: Duration = Duration::from_secs(2);

    fn breaker(failures: u32) -> (Breaker, ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(1_000_000));
        (Breaker::new(BreakerLimits { failures, open_for: OPEN_FOR }, clock), hand)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_before() {
        let (breaker, _) = breaker(3);
        for _ in 0..5 {
            breaker.failed();
            breaker.failed();
            assert!(breaker.admits());
            breaker.succeeded();
        }
        (0..3).for_each(|_| breaker.failed());
        assert!(!breaker.admits());
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn one_probe_passes_an_interval_and_its_success_closes() {
        let (breaker, hand) = breaker(1);
        breaker.failed();
        hand.set(Timestamp::from_millis(1_001_999));
        assert!(!breaker.admits());
        hand.set(Timestamp::from_millis(1_002_000));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!((breaker.admits(), breaker.admits()), (true, false));
        breaker.failed();
        assert!(!breaker.admits(), "a failed probe opened the door");
        hand.set(Timestamp::from_millis(1_004_000));
        assert!(breaker.admits(), "a failed probe put the next one off");
        breaker.succeeded();
        assert_eq!((breaker.admits(), breaker.state()), (true, BreakerState::Closed));
    }

    #[test]
    fn a_probe_that_is_lost_gives_way_to_the_next() {
        let (breaker, hand) = breaker(1);
        breaker.failed();
        for second in [2, 4, 6] {
            hand.set(Timestamp::from_millis(1_000_000 + second * 1000));
            assert_eq!((breaker.admits(), breaker.admits()), (true, false));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_model_from_being_asked() {
        let (breaker, hand) = breaker(1);
        breaker.failed();
        hand.set(Timestamp::from_millis(0));
        assert!(breaker.admits());
    }

    #[test]
    fn with_no_number_of_failures_it_never_opens() {
        let (breaker, _) = breaker(0);
        (0..1000).for_each(|_| breaker.failed());
        assert!(breaker.admits());
    }
}
