//! What time it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::domain::Timestamp;

/// A clock: the machine's, or one that a test sets.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// A clock that stands still until it is set.
    Manual(ManualClock),
}

impl Clock {
    /// A clock that stands at `now` until it is set, and the hand to set it by.
    #[must_use]
    pub fn manual(now: Timestamp) -> (Self, ManualClock) {
        let hand = ManualClock(Arc::new(AtomicI64::new(now.millis())));
        (Self::Manual(hand.clone()), hand)
    }

    /// A clock that goes forward from now on, whatever the wall clock is set to; a manual one shows its hand.
    #[must_use]
    pub fn steady(&self) -> Steady {
        match self {
            Self::System => Steady::Machine(Instant::now()),
            Self::Manual(hand) => Steady::Manual(hand.clone()),
        }
    }

    /// The present moment. A wall clock before 1970 reads as 1970.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "this is the door to the wall clock")]
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp::from_millis(
                    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
                )
            }
            Self::Manual(hand) => Timestamp::from_millis(hand.0.load(Ordering::SeqCst)),
        }
    }
}

/// A clock for waits and rates: it tells no moment, only how much time has passed.
#[derive(Clone, Debug)]
pub enum Steady {
    /// The machine's monotonic clock, and where it stood at the start.
    Machine(Instant),
    /// A clock that stands still until it is set.
    Manual(ManualClock),
}

impl Steady {
    /// How much time has passed since the start; since 1970 for a manual clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::Machine(start) => start.elapsed(),
            Self::Manual(hand) => {
                let millis = hand.0.load(Ordering::SeqCst);
                Duration::from_millis(u64::try_from(millis).unwrap_or_default())
            }
        }
    }
}

/// Sets a [`Clock::Manual`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Sets the clock, forwards or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }
}
