//! Erasures that hold and are not durable yet: kept in memory, with the person's gate shut, until the journal takes them.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use super::Ask;
use crate::{domain::Sid, vault::Handle};

/// An erasure that is not durable yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) ask: Ask,
    pub(super) sid: Sid,
}

/// The erasures of one gateway that are not durable yet. A clone is one more reference.
#[derive(Clone, Default)]
pub struct Erasures(Arc<Mutex<Vec<Owed>>>);

impl Erasures {
    fn lock(&self) -> MutexGuard<'_, Vec<Owed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn of(&self, handle: Handle) -> Option<Owed> {
        self.lock().iter().find(|owed| owed.ask.handle == handle).copied()
    }

    /// Whether one of them answers this request.
    pub(in crate::rights) fn answers(&self, request: Uuid) -> bool {
        self.lock().iter().any(|owed| owed.ask.erasure.request == Some(request))
    }

    pub(super) fn all(&self) -> Vec<Owed> {
        self.lock().clone()
    }

    pub(super) fn owe(&self, owed: Owed) {
        let mut all = self.lock();
        if !all.iter().any(|known| known.ask.id == owed.ask.id) {
            all.push(owed);
        }
    }

    pub(super) fn settled(&self, id: Uuid) {
        self.lock().retain(|owed| owed.ask.id != id);
    }
}

impl fmt::Debug for Erasures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Erasures({} owed)", self.count())
    }
}
