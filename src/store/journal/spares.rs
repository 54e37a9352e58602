//! Segments made ahead of need, on a thread of their own, so that no commit waits for 64 MiB of zeros; and the reserve
//! that only urgent batches may use.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use super::super::error::{StoreError, doing};
use super::segment::{Maker, Segment};

/// Segments ready for use.
#[derive(Debug)]
pub(in crate::store) struct Spares {
    state: Mutex<State>,
    changed: Condvar,
    /// How many are kept for urgent batches; one more is kept for everyone.
    reserve: usize,
}

#[derive(Debug)]
struct State {
    ready: VecDeque<Segment>,
    next_number: u64,
    failed: bool,
    closed: bool,
}

impl Spares {
    /// Starts with the segments `ready` and makes the reserve whole before it returns.
    pub(in crate::store) fn start(
        maker: Maker,
        reserve: u64,
        ready: VecDeque<Segment>,
        next_number: u64,
    ) -> Result<(Arc<Self>, JoinHandle<()>), StoreError> {
        let reserve = usize::try_from(reserve.div_ceil(maker.size)).unwrap_or(usize::MAX);
        let mut state = State { ready, next_number, failed: false, closed: false };
        while state.ready.len() < reserve {
            match maker.make(state.next_number) {
                Ok(segment) => state.ready.push_back(segment),
                // A full disk must not keep the store from opening: reads and withdrawals go on.
                Err(_) => break,
            }
            state.next_number += 1;
        }
        let spares = Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), reserve });
        let worker = Arc::clone(&spares);
        let thread = std::thread::Builder::new()
            .name("store-segments".to_owned())
            .spawn(move || worker.work(&maker))
            .map_err(doing("starting a thread"))?;
        Ok((spares, thread))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, maker: &Maker) {
        let mut state = self.state();
        while !state.closed {
            if state.ready.len() > self.reserve || state.failed {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let number = state.next_number;
            drop(state);
            let made = maker.make(number);
            state = self.state();
            match made {
                Ok(segment) => {
                    state.ready.push_back(segment);
                    state.next_number += 1;
                }
                Err(_) => state.failed = true,
            }
            self.changed.notify_all();
        }
    }

    /// Whether the reserve is whole after `using` more segments are taken. Waits while one is being made; after a
    /// failure asks for another try.
    pub(super) fn ready_beyond_reserve(&self, using: usize) -> bool {
        let mut state = self.state();
        if state.failed {
            state.failed = false;
            self.changed.notify_all();
        }
        while state.ready.len() < self.reserve + using && !state.failed && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ready.len() >= self.reserve + using
    }

    /// Takes a segment into use.
    pub(super) fn take(&self) -> Option<Segment> {
        let segment = self.state().ready.pop_front();
        self.changed.notify_all();
        segment
    }

    /// Ends the thread.
    pub(in crate::store) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}
