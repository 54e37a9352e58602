//! Closing a person's audit epoch, so that what is exported of their rows opens no later one.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Action, ConsentError, Ledger,
    acts::TRIES,
    change::Change,
    ledger::off_the_worker,
    standing::{Standing, standing_key},
};
use crate::{
    audit::RowKeys,
    domain::{Method, Sid},
    store::CommitError,
    vault::{Handle, SubjectKey},
};

/// An audit epoch that was closed.
#[derive(Clone, Debug)]
pub struct ClosedEpoch {
    /// The person's key.
    pub key: SubjectKey,
    /// Its number; the earlier ones were closed before.
    pub number: u32,
    /// The row that says so, the epoch's own last.
    pub row: u64,
}

impl ClosedEpoch {
    /// The keys of the person's rows, epoch by epoch from 0 to this one.
    #[must_use]
    pub fn row_keys(&self) -> Vec<RowKeys> {
        (0..=self.number).map(|epoch| RowKeys::of(&self.key, epoch)).collect()
    }
}

/// The audit epochs that were closed since the start: rows that follow decisions of before take later keys.
#[derive(Default)]
pub(super) struct Closed(Mutex<HashMap<Sid, u32>>);

impl Closed {
    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closed {
    pub(super) fn forget(&self, sid: Sid) {
        self.lock().remove(&sid);
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closed({} people)", self.lock().len())
    }
}

impl Ledger {
    /// Closes the audit epoch of the person under `handle`: rows from now on have other keys. The row that says so is the
    /// last one under the keys that it closes, so that an export holds it. `None` when nobody is known by the handle.
    ///
    /// No consent changes, so the gate stays open; but decisions on the standing of before are taken anew, because their
    /// rows would be under the keys of before.
    ///
    /// # Errors
    /// When the journal does not take it; then nothing was closed.
    pub async fn close_audit_epoch(
        &self,
        handle: Handle,
    ) -> Result<Option<ClosedEpoch>, ConsentError> {
        let _acting = self.acting().await;
        let bundle = self.policies.snapshot();
        let act = self.plain(Action::Export, Method::Api);
        for _ in 0..TRIES {
            let ledger = self.clone();
            let Some(person) = off_the_worker(move || ledger.find(handle)).await? else {
                return Ok(None);
            };
            let person = self.settled(person, &bundle).await?;
            let number = person.standing.audit_epoch;
            let mut change = Change::begin(&person);
            change.note(self, &bundle, &act)?;
            change.standing.audit_epoch = number.saturating_add(1);
            match self.audit.record(change.finish(self)?).await {
                Ok(logged) => {
                    self.gates.counts().acts.of(act.action.as_str()).one();
                    self.closed.lock().insert(person.key.sid(), number.saturating_add(1));
                    return Ok(Some(ClosedEpoch { key: person.key, number, row: logged.index() }));
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ConsentError::Contended)
    }

    /// How often the person with `key` had their rows exported, read past what is kept in memory: for whoever looks at
    /// everyone.
    ///
    /// # Errors
    /// When the store fails or the standing does not open.
    pub fn audit_epoch(&self, key: &SubjectKey) -> Result<u32, ConsentError> {
        let at = standing_key(key.sid());
        let Some(record) = self.store.read(&at)? else { return Ok(0) };
        Ok(key.open::<Standing>(&at, &record)?.audit_epoch)
    }

    /// The keys of a person's rows, if an export has closed an audit epoch of theirs since the start: for a row about
    /// something that began before.
    #[must_use]
    pub fn later_row_keys(&self, key: &SubjectKey) -> Option<RowKeys> {
        let epoch = self.closed.lock().get(&key.sid()).copied()?;
        Some(RowKeys::of(key, epoch))
    }
}
