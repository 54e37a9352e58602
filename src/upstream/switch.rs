//! Whether a recipient is spoken to at all: the operator's switch, and the calls that are writing to it.
//!
//! Every call to a model takes a [`Pass`] and holds it until its last byte is written. Switching off gives no more of
//! them, cuts the calls that still write at their next step, and is done when the last pass is back: so nothing is
//! written to a recipient after it was acknowledged as switched off.
//!
//! Passes are counted for each worker by itself, so that a call costs no word of memory that two processors write.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// One recipient's switch. It begins switched on.
#[derive(Debug, Default)]
pub struct Switch {
    off: AtomicBool,
    outlets: Mutex<Vec<Weak<Outlet>>>,
    returned: Notify,
}

/// One worker's way to the recipient.
#[derive(Debug)]
pub(super) struct Outlet {
    switch: Arc<Switch>,
    writing: AtomicUsize,
}

/// Leave to write one call. Dropped as soon as the last byte is written.
#[derive(Debug)]
pub(super) struct Pass(Arc<Outlet>);

impl Switch {
    /// Whether the recipient is switched off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Acquire)
    }

    /// Lets calls pass again.
    pub fn turn_on(&self) {
        self.off.store(false, Ordering::SeqCst);
    }

    /// Lets no call pass any more, and waits until those that write have ended: at once, or when the deadline of the
    /// slowest has come.
    pub async fn turn_off(&self) {
        self.off.store(true, Ordering::SeqCst);
        loop {
            let mut returned = std::pin::pin!(self.returned.notified());
            // Listening begins before the count, so that a pass that comes back between the two is heard.
            returned.as_mut().enable();
            if self.writing() == 0 {
                return;
            }
            returned.await;
        }
    }

    fn writing(&self) -> usize {
        let outlets = self.outlets();
        outlets.iter().filter_map(Weak::upgrade).map(|o| o.writing.load(Ordering::SeqCst)).sum()
    }

    fn outlets(&self) -> MutexGuard<'_, Vec<Weak<Outlet>>> {
        self.outlets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet {
    /// A way to a recipient that nobody else speaks to yet.
    pub(super) fn first() -> Arc<Self> {
        Self::of(&Arc::default())
    }

    /// Another worker's way to the same recipient.
    pub(super) fn another(&self) -> Arc<Self> {
        Self::of(&self.switch)
    }

    fn of(switch: &Arc<Switch>) -> Arc<Self> {
        let outlet = Arc::new(Self { switch: switch.clone(), writing: AtomicUsize::new(0) });
        let mut outlets = switch.outlets();
        outlets.retain(|known| known.strong_count() > 0);
        outlets.push(Arc::downgrade(&outlet));
        drop(outlets);
        outlet
    }

    /// The recipient's switch.
    pub(super) fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// Leave to write one call, unless the recipient is switched off.
    pub(super) fn pass(self: &Arc<Self>) -> Option<Pass> {
        // INVARIANT: the call is counted before the switch is looked at, and the switch is set before the calls are
        // counted, in one order for all (`SeqCst`): either the call sees it off, or it is waited for.
        self.writing.fetch_add(1, Ordering::SeqCst);
        let pass = Pass(self.clone());
        (!self.switch.off.load(Ordering::SeqCst)).then_some(pass)
    }
}

impl Pass {
    /// Whether the recipient was switched off since.
    pub(super) fn is_cut(&self) -> bool {
        self.0.switch.is_off()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.writing.fetch_sub(1, Ordering::SeqCst);
        if self.0.switch.off.load(Ordering::SeqCst) {
            self.0.switch.returned.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future as _,
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    #[test]
    fn switching_off_ends_when_every_workers_calls_have_ended() {
        let here = Outlet::first();
        let there = here.another();
        let (one, two) = (here.pass().unwrap(), there.pass().unwrap());
        let switch = here.switch().clone();
        let mut off = pin!(switch.turn_off());
        let mut cx = Context::from_waker(Waker::noop());

        assert!(off.as_mut().poll(&mut cx).is_pending());
        assert!(one.is_cut() && two.is_cut(), "calls that write are told to stop");
        assert!(here.pass().is_none() && there.another().pass().is_none());
        drop(one);
        assert!(off.as_mut().poll(&mut cx).is_pending(), "another worker still writes");
        drop(two);
        assert!(off.as_mut().poll(&mut cx).is_ready());

        switch.turn_on();
        assert!(here.pass().is_some() && there.pass().is_some());
    }
}
