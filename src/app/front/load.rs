//! How many connections there are, and how many calls are under way.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::pace::Pace;

/// The connections of all threads.
#[derive(Debug)]
pub(super) struct Seats {
    taken: AtomicUsize,
    most: usize,
}

/// A connection's place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Seats>);

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most }
    }

    /// A place, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Seat> {
        let one_more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Seat(Arc::clone(self)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

/// The calls under way on one thread.
#[derive(Debug)]
pub(super) struct Load {
    calls: AtomicUsize,
    most: usize,
}

/// A call under way, until all of its answer is handed over or it is gone.
#[derive(Debug)]
pub(super) struct Turn {
    load: Arc<Load>,
    pace: Arc<Pace>,
}

impl Load {
    pub(super) fn new(most: usize) -> Self {
        Self { calls: AtomicUsize::new(0), most }
    }

    /// Whether there is room for one more call.
    pub(super) fn has_room(&self) -> bool {
        self.calls.load(Relaxed) < self.most
    }

    /// Begins a call on the connection with `pace`.
    pub(super) fn begin(self: &Arc<Self>, pace: &Arc<Pace>) -> Turn {
        self.calls.fetch_add(1, Relaxed);
        pace.called();
        Turn { load: Arc::clone(self), pace: Arc::clone(pace) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.load.calls.fetch_sub(1, Relaxed);
        self.pace.rested();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_holder_goes() {
        let seats = Arc::new(Seats::new(2));
        let (first, second) = (seats.take().unwrap(), seats.take().unwrap());
        assert!(seats.take().is_none());
        drop(first);
        let third = seats.take().unwrap();
        assert!(seats.take().is_none());
        drop((second, third));
        assert_eq!(seats.taken.load(Relaxed), 0);
    }
}
