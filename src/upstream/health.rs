//! How a model fares: calls under way, what came of the last ones, and whether it is asked at all.
//!
//! Promises: never more calls under way than the limit says; a place taken is given back however a call ends, also when
//! it is dropped; nothing waits here. What is told holds no word of any call.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
};

use super::{
    breaker::{Breaker, BreakerState},
    fault::{Unsent, UpstreamFault},
    model::Limits,
};
use crate::{ambient::Clock, domain::Timestamp};

/// How a model fares, as seen from this gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether calls pass.
    pub breaker: BreakerState,
    /// How many calls are under way.
    pub under_way: u32,
    /// When it last answered with a success, to the second; `None` if it has not since the start.
    pub last_success: Option<Timestamp>,
    /// What went wrong last, and when: a word of [`UpstreamFault::code`].
    pub last_fault: Option<(&'static str, Timestamp)>,
    /// How many calls were not sent since the start because too many were under way.
    pub refused_busy: u64,
    /// How many calls were not sent since the start because the breaker was open.
    pub refused_open: u64,
}

/// The state behind [`Health`], shared by all workers.
#[derive(Debug)]
pub(super) struct Vitals {
    concurrency: u32,
    breaker: Breaker,
    clock: Clock,
    under_way: AtomicU32,
    /// In seconds, so that a busy model's is written once a second; negative for never.
    last_success: AtomicI64,
    last_fault: Mutex<Option<(&'static str, Timestamp)>>,
    refused_busy: AtomicU64,
    refused_open: AtomicU64,
}

impl Vitals {
    pub(super) fn new(limits: &Limits, clock: Clock) -> Self {
        Self {
            concurrency: limits.concurrency,
            breaker: Breaker::new(limits.breaker, clock.clone()),
            clock,
            under_way: AtomicU32::new(0),
            last_success: AtomicI64::new(-1),
            last_fault: Mutex::new(None),
            refused_busy: AtomicU64::new(0),
            refused_open: AtomicU64::new(0),
        }
    }

    /// A place among the calls under way, or why there is none.
    pub(super) fn enter(&self) -> Result<Place<'_>, UpstreamFault> {
        // Taken before the breaker is asked: a probe that finds no place would be lost.
        if self.under_way.fetch_add(1, Relaxed) >= self.concurrency {
            self.under_way.fetch_sub(1, Relaxed);
            self.refused_busy.fetch_add(1, Relaxed);
            return Err(UpstreamFault::NotSent(Unsent::Busy));
        }
        let place = Place(self);
        if self.breaker.admits() {
            return Ok(place);
        }
        self.refused_open.fetch_add(1, Relaxed);
        Err(UpstreamFault::NotSent(Unsent::Open))
    }

    pub(super) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Counts a call that was not even begun because the breaker is open.
    pub(super) fn refuse_open(&self) {
        self.refused_open.fetch_add(1, Relaxed);
    }

    pub(super) fn health(&self) -> Health {
        let seconds = self.last_success.load(Relaxed);
        Health {
            breaker: self.breaker.state(),
            under_way: self.under_way.load(Relaxed),
            last_success: (seconds >= 0)
                .then(|| Timestamp::from_millis(seconds.saturating_mul(1000))),
            last_fault: *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner),
            refused_busy: self.refused_busy.load(Relaxed),
            refused_open: self.refused_open.load(Relaxed),
        }
    }

    fn succeeded(&self) {
        self.breaker.succeeded();
        let now = self.clock.now().seconds();
        if self.last_success.load(Relaxed) != now {
            self.last_success.store(now, Relaxed);
        }
    }

    fn failed(&self, fault: UpstreamFault) {
        match weigh(fault) {
            Weight::Down => self.breaker.failed(),
            Weight::Up => self.breaker.succeeded(),
            Weight::Nothing => return,
        }
        let mut last = self.last_fault.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((fault.code(), self.clock.now()));
    }
}

/// A place among the calls under way.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Vitals);

impl Place<'_> {
    /// Ends the call and notes what came of it.
    pub(super) fn end<T>(self, outcome: Result<T, UpstreamFault>) -> Result<T, UpstreamFault> {
        match &outcome {
            Ok(_) => self.0.succeeded(),
            Err(fault) => self.0.failed(*fault),
        }
        outcome
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// What a fault says of the model.
enum Weight {
    /// It is not there, or cannot cope.
    Down,
    /// It is there and does not like the call.
    Up,
    /// Nothing: the fault is on this side.
    Nothing,
}

fn weigh(fault: UpstreamFault) -> Weight {
    match fault {
        UpstreamFault::Timeout
        | UpstreamFault::Connect
        | UpstreamFault::Closed
        | UpstreamFault::Status(429 | 500..)
        | UpstreamFault::NotSent(Unsent::Timeout | Unsent::Closed) => Weight::Down,
        UpstreamFault::Status(_) | UpstreamFault::TooLarge | UpstreamFault::Nonsense => Weight::Up,
        UpstreamFault::Revoked
        | UpstreamFault::Cut
        | UpstreamFault::Off
        | UpstreamFault::OffMeanwhile
        | UpstreamFault::NotSent(Unsent::Malformed | Unsent::Busy | Unsent::Open) => {
            Weight::Nothing
        }
    }
}
