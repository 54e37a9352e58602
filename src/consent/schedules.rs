//! The gate under every order of steps that a scheduler can think of: two decisions and two acts of one person, whose locks,
//! flags and waits hand over at each use. The gate is the one of the product, compiled once more over other locks.
//!
//! How many schedules are tried is set by `CONSENTRY_SCHEDULES`; each is told by its seed when it fails.

use std::{collections::HashMap, future::poll_fn, task::Poll};

use shuttle::{
    future::{block_on, spawn, yield_now},
    rand::{Rng as _, thread_rng},
};

use self::sync::{Arc, Mutex, PoisonError};
use super::Counts;
use crate::domain::{Epoch, PurposeId, Sid, Timestamp};

#[path = "gate.rs"]
#[expect(
    clippy::duplicate_mod,
    dead_code,
    unreachable_pub,
    reason = "the gate as it is; this test does not use all of it"
)]
mod gate;

mod sync {
    use std::time::Duration;

    pub(super) use shuttle::sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    };
    pub(super) use tokio::sync::oneshot;

    pub(super) use super::{Epochs, limited};

    pub(super) fn one_of<T>(things: &[T], byte: u8) -> &T {
        &things[usize::from(byte) % things.len()]
    }

    /// A wait with an end that can come at any moment.
    pub(super) async fn timeout<F: Future + Unpin>(_: Duration, of: F) -> Result<F::Output, ()> {
        limited(of).await
    }
}

/// The table of epochs, which the committer's thread changes when an act is durable.
#[derive(Clone, Debug, Default)]
struct Epochs(Arc<Mutex<HashMap<Sid, Epoch>>>);

impl Epochs {
    fn epoch(&self, sid: Sid) -> Option<Epoch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&sid).copied()
    }

    fn raise(&self, sid: Sid) -> Epoch {
        let mut epochs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = epochs.entry(sid).or_default();
        *epoch = epoch.next();
        *epoch
    }
}

async fn limited<F: Future + Unpin>(mut of: F) -> Result<F::Output, ()> {
    loop {
        let ready = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut of).poll(cx))).await;
        match ready {
            Poll::Ready(output) => return Ok(output),
            Poll::Pending if thread_rng().gen_bool(0.5) => return Err(()),
            Poll::Pending => yield_now().await,
        }
    }
}

const ADA: Sid = Sid([7; 16]);

/// What happens to one person, and what is seen of it.
#[derive(Clone)]
struct World {
    gates: gate::Gates,
    epochs: Epochs,
    /// The newest act that was acknowledged.
    acknowledged: Arc<Mutex<Epoch>>,
    /// Whether an act was acknowledged that is not durable yet.
    shut: Arc<Mutex<bool>>,
    /// Whether acts wait for what is being written, as they must.
    waits: bool,
}

impl World {
    fn new(waits: bool) -> Self {
        let epochs = Epochs::default();
        epochs.raise(ADA);
        Self {
            gates: gate::Gates::new(epochs.clone()),
            epochs,
            acknowledged: Arc::default(),
            shut: Arc::default(),
            waits,
        }
    }

    fn acknowledged(&self) -> Epoch {
        *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_shut(&self) -> bool {
        *self.shut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_shut(&self, shut: bool) {
        *self.shut.lock().unwrap_or_else(PoisonError::into_inner) = shut;
    }

    /// A call that was decided at the epoch in force, and writes four bytes if the gate lets it.
    async fn decide(self) {
        let Some(epoch) = self.epochs.epoch(ADA) else { return };
        yield_now().await;
        let purpose = PurposeId::parse("recommend_products").unwrap();
        let Some(guard) = self.gates.enter(ADA, epoch, &purpose, Timestamp::default()) else {
            return;
        };
        for _ in 0..4 {
            if poll_fn(|cx| Poll::Ready(guard.poll_revoked(cx).is_ready())).await {
                break;
            }
            yield_now().await;
            let newest = self.acknowledged();
            assert!(newest <= epoch, "a byte left on {epoch:?} after {newest:?} was acknowledged");
            assert!(!self.is_shut(), "a byte left after an act that is not durable");
        }
        drop(guard);
    }

    /// A withdrawal: closed, durable, drained, acknowledged.
    async fn withdraw(self) {
        let closed = self.gates.close(ADA);
        yield_now().await;
        let epoch = self.epochs.raise(ADA);
        if self.waits {
            closed.drained().await;
        }
        closed.recorded(None);
        let mut newest = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = epoch.max(*newest);
    }

    /// A withdrawal that the journal does not take, and takes later.
    async fn withdraw_undurably(self) {
        let closed = self.gates.close(ADA);
        yield_now().await;
        closed.drained().await;
        let number = closed.leave_shut(None);
        self.set_shut(true);
        yield_now().await;
        assert!(self.gates.holds_shut(ADA, number) && self.gates.is_shut(ADA));
        let closed = self.gates.close(ADA);
        self.epochs.raise(ADA);
        closed.drained().await;
        self.set_shut(false);
        closed.recorded(None);
        assert!(!self.gates.holds_shut(ADA, number));
    }
}

fn all_at_once(waits: bool) {
    let world = World::new(waits);
    let tasks = [
        spawn(world.clone().decide()),
        spawn(world.clone().withdraw()),
        spawn(world.clone().decide()),
        spawn(world.clone().withdraw()),
    ];
    block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    // Whatever happened, the gate is open again for a call on the standing of now.
    let epoch = world.epochs.epoch(ADA).unwrap();
    let purpose = PurposeId::parse("recommend_products").unwrap();
    assert!(world.gates.enter(ADA, epoch, &purpose, Timestamp::default()).is_some());
}

fn not_durable_at_once() {
    let world = World::new(true);
    let tasks = [
        spawn(world.clone().decide()),
        spawn(world.clone().withdraw_undurably()),
        spawn(world.clone().decide()),
    ];
    block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(!world.gates.is_shut(ADA));
}

#[expect(clippy::disallowed_methods, reason = "how long a test runs is no setting of the product")]
fn schedules() -> usize {
    std::env::var("CONSENTRY_SCHEDULES").map_or(20_000, |number| number.parse().unwrap())
}

#[test]
fn no_byte_leaves_after_an_act_was_acknowledged_in_any_order_of_steps() {
    shuttle::check_random(|| all_at_once(true), schedules());
}

#[test]
fn no_byte_leaves_in_orders_with_few_turns_either() {
    shuttle::check_pct(|| all_at_once(true), schedules(), 4);
}

#[test]
fn nothing_leaves_while_an_act_is_not_durable() {
    shuttle::check_random(not_durable_at_once, schedules());
}

#[test]
#[should_panic(expected = "was acknowledged")]
fn an_act_that_does_not_wait_is_caught() {
    shuttle::check_random(|| all_at_once(false), 20_000);
}
