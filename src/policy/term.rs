//! How long a bundle is in force, and the disclosures that begin within that time.
//!
//! One counter per bundle, whose highest bit says that the time is over. Entering adds one and looks at the bit in the
//! same atomic step, and ending sets it in one, so there is a single order of all of them: after [`Term::end`] nobody
//! enters, and whoever entered before is in the count.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire},
        },
    },
    task::{Context, Poll, Waker},
};

const ENDED: u64 = 1 << 63;

/// The time in which a bundle is in force.
#[derive(Debug, Default)]
pub(super) struct Term {
    /// How many disclosures are being written, and [`ENDED`].
    open: AtomicU64,
    /// Who waits for them to be gone.
    waiting: Mutex<Option<Waker>>,
}

impl Term {
    /// Lets a disclosure begin, unless the time is over.
    pub(super) fn enter(term: &Arc<Self>) -> Option<Passage> {
        // The passage comes first: dropping it takes back what was added.
        let before = term.open.fetch_add(1, AcqRel);
        let passage = Passage(Arc::clone(term));
        (before & ENDED == 0).then_some(passage)
    }

    /// Ends the time.
    pub(super) fn end(&self) {
        self.open.fetch_or(ENDED, AcqRel);
    }

    /// Ready when no disclosure that began in time is being written.
    pub(super) fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.open.load(Acquire) & !ENDED == 0 {
            return Poll::Ready(());
        }
        *waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn leave(&self) {
        if self.open.fetch_sub(1, AcqRel) == ENDED | 1 {
            // INVARIANT: whoever waits looks at the count under this lock, so it saw zero or left its waker before.
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = waiting.take() {
                waker.wake();
            }
        }
    }
}

/// Leave to write one disclosure under the bundle that ruled on it.
#[derive(Debug)]
pub struct Passage(Arc<Term>);

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Barrier, atomic::AtomicBool},
        thread,
    };

    use super::*;

    fn has_left(term: &Term) -> bool {
        term.poll_left(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn nobody_enters_after_the_end_and_the_last_to_leave_is_waited_for() {
        let term = Arc::new(Term::default());
        let (first, second) = (Term::enter(&term).unwrap(), Term::enter(&term).unwrap());
        term.end();
        assert!(Term::enter(&term).is_none());
        assert!(!has_left(&term));
        drop(first);
        assert!(!has_left(&term));
        drop(second);
        assert!(has_left(&term));
        assert!(Term::enter(&term).is_none());
    }

    #[test]
    fn whoever_passes_while_it_ends_is_in_the_count() {
        for _ in 0..200 {
            let (term, barrier) = (Arc::new(Term::default()), Arc::new(Barrier::new(2)));
            let over = Arc::new(AtomicBool::new(false));
            let (entering, begun, ended) = (term.clone(), barrier.clone(), over.clone());
            let thread = thread::spawn(move || {
                begun.wait();
                while let Some(passage) = Term::enter(&entering) {
                    assert!(!ended.load(Acquire), "a byte is written after all had left");
                    drop(passage);
                }
            });
            barrier.wait();
            term.end();
            while !has_left(&term) {}
            over.store(true, std::sync::atomic::Ordering::Release);
            thread.join().unwrap();
        }
    }
}
