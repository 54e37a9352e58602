//! The gate: a disclosure passes it to write its bytes, and a withdrawal closes it.
//!
//! A disclosure holds a [`Guard`] from the moment its record is durable until its last byte is written. An act that
//! changes a person's consent closes their gate, commits, and waits until the open guards are gone; guards that stay
//! longer than [`BOUND`] are revoked, which closes their connections. Only then is the act acknowledged. So nothing
//! leaves after an acknowledged withdrawal.
//!
//! INVARIANT: a guard is given only at the epoch in force, so a permit from before an act never passes after it.

use std::{
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use super::{
    Counts,
    sync::{
        Arc, AtomicBool, Epochs, Mutex, MutexGuard, Ordering, PoisonError, one_of, oneshot, timeout,
    },
};
use crate::domain::{Epoch, PurposeId, Sid, Timestamp};

/// How long an act waits for bytes that are being written before it closes their connections.
pub const BOUND: Duration = Duration::from_millis(50);

const SHARDS: usize = 64;

/// Every person's gate, and when data of theirs last left. A person whose data never left takes no memory.
#[derive(Clone, Debug)]
pub struct Gates {
    shards: Arc<[Mutex<FxHashMap<Sid, Gate>>]>,
    epochs: Epochs,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Gate {
    /// How many acts hold it closed.
    closed: u32,
    /// The acts that could not be made durable and hold it shut, with how many there were before each.
    shut: Vec<(u64, Option<PurposeId>)>,
    /// How many such acts there were.
    acts_shut: u64,
    /// Whether the person is to be erased and that is not durable yet: no later act opens the gate again.
    leaving: bool,
    /// The disclosures that are writing.
    open: Vec<Arc<Slot>>,
    /// Told when the last of them is gone.
    waiting: Vec<oneshot::Sender<()>>,
    last_use: Vec<(PurposeId, Timestamp)>,
    /// When the last byte of a disclosure was written or cut off.
    left: Option<Instant>,
    /// When an act was acknowledged although disclosures were still writing. It never should be.
    overtaken: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    revoked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Gates {
    /// The gates of the people in `epochs`.
    #[must_use]
    pub fn new(epochs: Epochs) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, epochs, counts: Arc::default() }
    }

    /// What happened at them, and the acts that closed them.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets a disclosure at `epoch` pass, unless the gate is closed or the epoch is no longer in force.
    #[must_use]
    pub fn enter(
        &self,
        sid: Sid,
        epoch: Epoch,
        purpose: &PurposeId,
        now: Timestamp,
    ) -> Option<Guard> {
        let mut shard = self.shard(sid);
        let gate = shard.entry(sid).or_default();
        // The epoch is read under the shard's lock: an act closes the gate before it commits a new epoch, so either
        // it finds this guard or this call finds the gate closed or the epoch changed.
        let is_closed = gate.closed > 0 || gate.leaving || !gate.shut.is_empty();
        if is_closed || self.epochs.epoch(sid) != Some(epoch) {
            return None;
        }
        let slot = Arc::new(Slot::default());
        gate.open.push(slot.clone());
        match gate.last_use.iter_mut().find(|(known, _)| known == purpose) {
            Some((_, at)) => *at = now,
            None => gate.last_use.push((purpose.clone(), now)),
        }
        drop(shard);
        Some(Guard { gates: self.clone(), sid, slot })
    }

    /// Closes a person's gate until the returned value is dropped.
    #[must_use]
    pub fn close(&self, sid: Sid) -> Closed {
        let mut shard = self.shard(sid);
        let gate = shard.entry(sid).or_default();
        gate.closed += 1;
        let acts_shut = gate.acts_shut;
        drop(shard);
        Closed { gates: self.clone(), sid, acts_shut }
    }

    /// Whether an act that could not be made durable holds this person's gate shut: what is on record of them then
    /// allows more than they do.
    #[must_use]
    pub fn is_shut(&self, sid: Sid) -> bool {
        self.shard(sid).get(&sid).is_some_and(|gate| gate.leaving || !gate.shut.is_empty())
    }

    /// Whether the act of this number still holds this person's gate shut.
    #[must_use]
    pub fn holds_shut(&self, sid: Sid, number: u64) -> bool {
        let shard = self.shard(sid);
        shard.get(&sid).is_some_and(|gate| gate.shut.iter().any(|(held, _)| *held == number))
    }

    /// When data of this person last left for `purpose`, as far as this process remembers.
    #[must_use]
    pub fn last_use(&self, sid: Sid, purpose: &PurposeId) -> Option<Timestamp> {
        let shard = self.shard(sid);
        shard.get(&sid)?.last_use.iter().find(|(known, _)| known == purpose).map(|(_, at)| *at)
    }

    /// Cuts off every disclosure that is being written, whoever it is about. They are told anew.
    pub fn cut_all(&self) {
        for shard in self.shards.iter() {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values().flat_map(|gate| &gate.open).for_each(|slot| slot.revoke());
        }
    }

    fn shard(&self, sid: Sid) -> MutexGuard<'_, FxHashMap<Sid, Gate>> {
        let [first, ..] = sid.0;
        // A sid is random, so its first byte spreads people evenly.
        one_of(&self.shards, first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A closed gate. Dropping it opens the gate again.
#[derive(Debug)]
pub struct Closed {
    gates: Gates,
    sid: Sid,
    /// How many acts had shut the gate before.
    acts_shut: u64,
}

impl Closed {
    /// Waits until every disclosure that was under way has written its bytes or lost its connection.
    pub async fn drained(&self) {
        let counts = &self.gates.counts;
        let Some(mut empty) = self.emptied() else { return counts.drain.observe(Duration::ZERO) };
        let begun = Instant::now();
        if timeout(BOUND, &mut empty).await.is_err() {
            let slots = self.gates.shard(self.sid).get(&self.sid).map(|gate| gate.open.clone());
            for slot in slots.into_iter().flatten() {
                slot.revoke();
                counts.revoked.one();
            }
            // A sender that is gone without a word means the same: no guard is left to send.
            let _ = empty.await;
        }
        counts.drain.observe(begun.elapsed());
    }

    /// Leaves the gate shut after an act on `purpose` that could not be made durable, until a later act on the same
    /// is durable or the process ends. Returns the number under which the act holds it.
    #[must_use]
    pub fn leave_shut(self, purpose: Option<&PurposeId>) -> u64 {
        let mut shard = self.gates.shard(self.sid);
        let gate = shard.entry(self.sid).or_default();
        let number = gate.acts_shut;
        gate.shut.push((number, purpose.cloned()));
        gate.acts_shut += 1;
        gate.acknowledge(&self.gates.counts);
        drop(shard);
        number
    }

    /// Says that an act on `purpose` is durable, or without one an objection to all: it stands in place of those of the
    /// same kind before it that are not.
    pub fn recorded(&self, purpose: Option<&PurposeId>) {
        if let Some(gate) = self.gates.shard(self.sid).get_mut(&self.sid) {
            // An act that shut the gate after this one began is a later one.
            gate.shut.retain(|(at, known)| *at >= self.acts_shut || known.as_ref() != purpose);
            gate.acknowledge(&self.gates.counts);
        }
    }

    /// Says that an act that stands in place of no other is durable: a rule, a link, a reset, what was brought over.
    pub fn acknowledged(&self) {
        if let Some(gate) = self.gates.shard(self.sid).get_mut(&self.sid) {
            gate.acknowledge(&self.gates.counts);
        }
    }

    /// Leaves the gate shut for as long as the process runs, after an erasure that could not be made durable.
    pub fn leave_for_good(self) {
        let mut shard = self.gates.shard(self.sid);
        let gate = shard.entry(self.sid).or_default();
        gate.leaving = true;
        gate.acknowledge(&self.gates.counts);
        drop(shard);
        self.gates.counts.shut.one();
    }

    /// Forgets the gate: the person is erased, so that nobody has an epoch to enter with.
    pub fn gone(self) {
        let mut shard = self.gates.shard(self.sid);
        if let Some(gate) = shard.get_mut(&self.sid) {
            gate.acknowledge(&self.gates.counts);
        }
        // INVARIANT: the erasure waited for the open disclosures, so none is forgotten here.
        shard.remove(&self.sid);
    }

    fn emptied(&self) -> Option<oneshot::Receiver<()>> {
        let mut shard = self.gates.shard(self.sid);
        let gate = shard.get_mut(&self.sid).filter(|gate| !gate.open.is_empty())?;
        let (told, empty) = oneshot::channel();
        gate.waiting.push(told);
        Some(empty)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        if let Some(gate) = self.gates.shard(self.sid).get_mut(&self.sid) {
            gate.closed = gate.closed.saturating_sub(1);
        }
    }
}

impl Gate {
    /// An act is about to be acknowledged: how long ago did the last byte leave?
    fn acknowledge(&mut self, counts: &Counts) {
        let now = Instant::now();
        if let Some(left) = self.left {
            counts.note_last_use(now, left);
        }
        // INVARIANT: the act waited for these, so there are none. Should there be, their end is measured.
        self.overtaken = (!self.open.is_empty()).then_some(now);
    }
}

/// Leave to write one disclosure's bytes. Dropped as soon as the last byte is written.
#[derive(Debug)]
pub struct Guard {
    gates: Gates,
    sid: Sid,
    slot: Arc<Slot>,
}

impl Guard {
    /// Ready when the bytes must stop.
    pub fn poll_revoked(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = self.slot.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if self.slot.revoked.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut shard = self.gates.shard(self.sid);
        let Some(gate) = shard.get_mut(&self.sid) else { return };
        gate.open.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
        let left = Instant::now();
        gate.left = Some(left);
        if let Some(acknowledged) = gate.overtaken {
            self.gates.counts.note_last_use(acknowledged, left);
        }
        if gate.open.is_empty() {
            gate.overtaken = None;
            for waiting in gate.waiting.drain(..) {
                let _ = waiting.send(());
            }
        }
    }
}

impl Slot {
    fn revoke(&self) {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        self.revoked.store(true, Ordering::Release);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }
}
