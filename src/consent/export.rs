//! Closing a person's audit epoch, so that what is exported of their rows opens no later one.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Action, ConsentError, Ledger, Person,
    acts::TRIES,
    change::Change,
    ledger::off_the_worker,
    links::joined,
    standing::{Standing, standing_key},
};
use crate::{
    audit::RowKeys,
    domain::{Method, Sid},
    policy::Bundle,
    store::{Batch, CommitError},
    vault::{Handle, SubjectKey},
};

/// What an export hands out of one person: the audit epochs that were closed, theirs and those of their other ids.
#[derive(Clone, Debug)]
pub struct ClosedEpoch {
    /// The person as they stand with the export, and behind them those who stand for their other ids, in the order of
    /// [`Standing::links`].
    pub ids: Vec<Person>,
    /// The last of the rows that say so, each the last under the keys that it closes.
    pub row: u64,
}

impl ClosedEpoch {
    /// The keys of the rows of each id, epoch by epoch from 0 to the one that was closed.
    #[must_use]
    pub fn row_keys(&self) -> Vec<Vec<RowKeys>> {
        let of = |id: &Person| {
            (0..id.standing.audit_epoch).map(|epoch| RowKeys::of(&id.key, epoch)).collect()
        };
        self.ids.iter().map(of).collect()
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
    /// Closes the audit epoch of the person under `handle`, and of all their other ids: rows from now on have other keys.
    /// The rows that say so are the last ones under the keys that they close, so that an export holds them; all are one
    /// batch, so that what is exported is read by one standing. `None` when nobody is known by the handle.
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
        for _ in 0..TRIES {
            let ledger = self.clone();
            let Some(person) = off_the_worker(move || ledger.find(handle)).await? else {
                return Ok(None);
            };
            let person = self.settled(person, &bundle).await?;
            let ledger = self.clone();
            let ids = off_the_worker(move || ledger.with_other_ids(person)).await?;
            match self.close_all(ids, &bundle).await {
                Ok(closed) => return Ok(Some(closed)),
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ConsentError::Contended)
    }

    /// A person, and behind them those who stand for their other ids ([`Standing::links`](super::Standing::links)). Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn with_other_ids(&self, person: Person) -> Result<Vec<Person>, ConsentError> {
        let links = person.standing.links.clone();
        let mut ids = vec![person];
        for link in links {
            ids.extend(self.by_sid(link.sid)?);
        }
        Ok(ids)
    }

    async fn close_all(
        &self,
        ids: Vec<Person>,
        bundle: &Bundle,
    ) -> Result<ClosedEpoch, ConsentError> {
        let act = self.plain(Action::Export, Method::Api);
        let (mut batch, mut closed) = (Batch::default(), Vec::with_capacity(ids.len()));
        for id in ids {
            let mut change = Change::begin(&id);
            change.note(self, bundle, &act)?;
            change.standing.audit_epoch = change.standing.audit_epoch.saturating_add(1);
            let standing = Arc::new(change.standing.clone());
            closed.push(id.standing_as(standing));
            batch = joined(batch, change.finish(self)?);
        }
        let rows = batch.leaves.len() as u64;
        let logged = self.audit.record(batch).await?;
        self.gates.counts().acts.of(act.action.as_str()).one();
        let mut known = self.closed.lock();
        known.extend(closed.iter().map(|id| (id.key.sid(), id.standing.audit_epoch)));
        Ok(ClosedEpoch { ids: closed, row: logged.index() + rows.saturating_sub(1) })
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
