//! What time it is.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
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

/// Sets a [`Clock::Manual`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Sets the clock, forwards or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }
}
