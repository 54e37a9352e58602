//! What the gate is made of: locks, flags and waits of the machine, and the table of epochs. The tests of its schedules put
//! others in their place, which stop at every step.

pub(super) use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

pub(super) use tokio::{sync::oneshot, time::timeout};

pub(super) use crate::store::Store as Epochs;

/// One of `things`, of which there is at least one, the same for the same byte.
#[expect(clippy::indexing_slicing, reason = "the remainder is below the number of things")]
pub(super) fn one_of<T>(things: &[T], byte: u8) -> &T {
    &things[usize::from(byte) % things.len()]
}
