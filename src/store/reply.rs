//! How a commit's outcome reaches who waits for it.
//!
//! Waking a task of another thread costs a system call each. A [`Lane`] gathers the outcomes for one runtime: its
//! driver, a task there, is woken once a group and wakes the waiting tasks from their own thread, which costs nothing.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use super::{
    batch::Committed,
    error::{CommitError, Unavailable},
};

pub(super) type Outcome = Result<Committed, CommitError>;

#[derive(Debug, Default)]
struct Slot(Mutex<(Option<Outcome>, Option<Waker>)>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, (Option<Outcome>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit under way. It goes on whether or not this is awaited or kept.
#[derive(Debug)]
#[must_use = "a batch counts as committed only when this says so"]
pub struct Commit(Arc<Slot>);

impl Future for Commit {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut slot = self.0.lock();
        if let Some(outcome) = slot.0 {
            return Poll::Ready(outcome);
        }
        match &mut slot.1 {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Commit {
    /// A commit that has its outcome already.
    pub(super) fn done(outcome: Outcome) -> Self {
        Self(Arc::new(Slot(Mutex::new((Some(outcome), None)))))
    }

    /// Waits on this thread.
    pub(crate) fn wait(mut self) -> Outcome {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The committer's end of a commit.
#[derive(Debug)]
pub(super) struct Reply {
    slot: Arc<Slot>,
    lane: Option<Lane>,
}

impl Reply {
    pub(super) fn new(lane: Option<Lane>) -> (Self, Commit) {
        let slot = Arc::new(Slot::default());
        (Self { slot: Arc::clone(&slot), lane }, Commit(slot))
    }

    /// Gives the outcome. Lanes are woken when `pending` is dropped.
    pub(super) fn send(mut self, outcome: Outcome, pending: &mut Wakes) {
        let waker = self.settle(outcome);
        match (waker, self.lane.take()) {
            (Some(waker), Some(lane)) => {
                if let Some(waker) = lane.hold(waker) {
                    waker.wake();
                } else if !pending.0.iter().any(|held| Arc::ptr_eq(&held.0, &lane.0)) {
                    pending.0.push(lane);
                }
            }
            (Some(waker), None) => waker.wake(),
            (None, _) => {}
        }
    }

    fn settle(&self, outcome: Outcome) -> Option<Waker> {
        let mut slot = self.slot.lock();
        slot.0.get_or_insert(outcome);
        slot.1.take()
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // Without effect once sent: nobody waits for ever, even if the committer is gone.
        let closed = Err(CommitError::Unavailable(Unavailable::Closed));
        if let Some(waker) = self.settle(closed) {
            waker.wake();
        }
    }
}

/// Lanes to wake once all outcomes of a group are in place.
#[derive(Debug, Default)]
pub(super) struct Wakes(Vec<Lane>);

impl Drop for Wakes {
    fn drop(&mut self) {
        for lane in &self.0 {
            let driver = lane.lock().driver.take();
            if let Some(driver) = driver {
                driver.wake();
            }
        }
    }
}

/// Carries outcomes to one runtime with one wake-up a group.
#[derive(Clone, Debug)]
pub struct Lane(Arc<Mutex<LaneState>>);

#[derive(Debug, Default)]
struct LaneState {
    waiting: Vec<Waker>,
    driver: Option<Waker>,
    /// The driver is gone; tasks are woken one by one.
    undriven: bool,
}

impl Lane {
    /// A lane and its driver, which the runtime whose tasks use the lane must run.
    pub fn new() -> (Self, LaneDriver) {
        let lane = Self(Arc::default());
        (lane.clone(), LaneDriver(lane))
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a waker for the driver, or gives it back if there is none.
    fn hold(&self, waker: Waker) -> Option<Waker> {
        let mut state = self.lock();
        if state.undriven {
            return Some(waker);
        }
        state.waiting.push(waker);
        None
    }
}

/// Wakes the tasks of a [`Lane`]. A future that never ends: spawn it on the runtime whose tasks use the lane. Once it
/// is dropped, the lane wakes its tasks one by one.
#[derive(Debug)]
#[must_use = "a lane does nothing unless its driver runs"]
pub struct LaneDriver(Lane);

impl Future for LaneDriver {
    type Output = std::convert::Infallible;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waiting = {
            let mut state = self.0.lock();
            state.driver = Some(context.waker().clone());
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for LaneDriver {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.lock();
            state.undriven = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Count {
        fn new() -> (Arc<Self>, Waker) {
            let count = Arc::new(Self::default());
            (Arc::clone(&count), Waker::from(count))
        }

        fn so_far(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    const DONE: Outcome = Ok(Committed { first_index: 4, seq: 2 });

    /// Commits on a lane that were polled once each, so that someone waits for them.
    fn waiting(lane: &Lane, task: &Waker) -> (Vec<Reply>, Vec<Commit>) {
        let (replies, mut commits): (Vec<_>, Vec<_>) =
            (0..8).map(|_| Reply::new(Some(lane.clone()))).unzip();
        for commit in &mut commits {
            let pending = Pin::new(commit).poll(&mut Context::from_waker(task)).is_pending();
            assert!(pending);
        }
        (replies, commits)
    }

    #[test]
    fn a_lane_is_woken_once_a_group_and_then_wakes_each_task() {
        let ((woken, on_lane), (tasks, task_waker)) = (Count::new(), Count::new());
        let (lane, mut driver) = Lane::new();
        let mut turn = || Pin::new(&mut driver).poll(&mut Context::from_waker(&on_lane));
        assert!(turn().is_pending());
        let (replies, commits) = waiting(&lane, &task_waker);
        let mut wakes = Wakes::default();
        for reply in replies {
            reply.send(DONE, &mut wakes);
        }
        assert_eq!(
            (woken.so_far(), tasks.so_far()),
            (0, 0),
            "nobody is woken before all are in place"
        );
        drop(wakes);
        assert_eq!((woken.so_far(), tasks.so_far()), (1, 0));
        assert!(turn().is_pending());
        assert_eq!(tasks.so_far(), 8);
        assert!(commits.into_iter().all(|commit| commit.wait() == DONE));
    }

    #[test]
    fn a_lane_whose_driver_is_gone_wakes_its_tasks_itself() {
        let (tasks, task_waker) = Count::new();
        let (lane, driver) = Lane::new();
        let (replies, _commits) = waiting(&lane, &task_waker);
        let (after, _unanswered) = waiting(&lane, &task_waker);
        let mut wakes = Wakes::default();
        for reply in replies {
            reply.send(DONE, &mut wakes);
        }
        drop(driver);
        assert_eq!(tasks.so_far(), 8, "what waited in the lane is not forgotten");
        for reply in after {
            reply.send(DONE, &mut wakes);
        }
        assert_eq!(tasks.so_far(), 16);
    }

    #[test]
    fn a_reply_that_is_dropped_says_so() {
        let (reply, commit) = Reply::new(None);
        drop(reply);
        assert_eq!(commit.wait(), Err(CommitError::Unavailable(Unavailable::Closed)));
    }
}
