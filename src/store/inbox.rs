//! Where batches wait for the committer, which is woken when enough of them do, not for each.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    batch::{Change, Expect},
    reply::Reply,
};

/// A batch on its way to the committer, its bytes already as the journal will hold them.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) expect: Vec<Expect>,
    pub(super) change: Change,
    pub(super) encoded: Vec<u8>,
    pub(super) urgent: bool,
    /// Whether somebody waits for it.
    pub(super) awaited: bool,
    pub(super) reply: Reply,
}

/// The queue before the committer.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    requests: Vec<Request>,
    /// How many of them somebody waits for.
    awaited: usize,
    /// Since when there is one that nobody waits for.
    followers_since: Option<Instant>,
    /// How many awaited ones the committer waits for; 0 while it does not wait.
    wanted: usize,
    /// Whether the committer waits for anything at all.
    idle: bool,
    closed: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request. A closed inbox drops it, which answers it.
    pub(super) fn push(&self, request: Request) {
        let mut state = self.state();
        if state.closed {
            drop(state);
            return drop(request);
        }
        let mut wake = false;
        if request.awaited {
            state.awaited += 1;
            if state.wanted > 0 && state.awaited >= state.wanted {
                state.wanted = 0;
                wake = true;
            }
        } else if state.followers_since.is_none() {
            state.followers_since = Some(Instant::now());
            wake = state.idle;
        }
        state.requests.push(request);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().requests.len()
    }

    /// Takes what waits, and how many of it are awaited: once at least one is, and `wanted` are or `window` has passed
    /// since; or, while none is, once the first has lain here for `follow`. `None` when the inbox is closed and empty.
    pub(super) fn take(
        &self,
        wanted: usize,
        window: Duration,
        follow: Duration,
    ) -> Option<(Vec<Request>, usize)> {
        let mut state = self.state();
        while state.awaited == 0 && !state.closed {
            let left = match state.followers_since {
                Some(since) => match follow.checked_sub(since.elapsed()) {
                    Some(left) => Some(left),
                    None => break,
                },
                None => None,
            };
            (state.wanted, state.idle) = (1, left.is_none());
            state = match left {
                Some(left) => {
                    self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle = false;
        }
        if state.closed && state.requests.is_empty() {
            return None;
        }
        let begun = Instant::now();
        while (1..wanted).contains(&state.awaited) && !state.closed {
            let Some(left) = window.checked_sub(begun.elapsed()) else { break };
            state.wanted = wanted;
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = 0;
        state.followers_since = None;
        Some((std::mem::take(&mut state.requests), std::mem::take(&mut state.awaited)))
    }

    /// Closes it and drops what waits, which answers it: for a committer that is gone.
    pub(super) fn abandon(&self) {
        let abandoned = {
            let mut state = self.state();
            state.closed = true;
            state.awaited = 0;
            std::mem::take(&mut state.requests)
        };
        drop(abandoned);
    }

    /// Takes out what somebody waits for, for a committer that is held up.
    pub(super) fn take_awaited(&self) -> Vec<Request> {
        let mut state = self.state();
        state.awaited = 0;
        let (awaited, others) =
            std::mem::take(&mut state.requests).into_iter().partition(|request| request.awaited);
        state.requests = others;
        awaited
    }

    /// Takes no more; what waits is still handed out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
    }
}
