//! All requests at once, for clocks, numbers and auditors: dockets alone, which are about nobody.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Docket,
    docket::{CLOSED, OPEN},
};
use crate::{
    domain::Timestamp,
    rights::{Right, RightsError},
    store::{Batch, CommitError, Expect, Store},
};

/// For how long a closed docket is kept: as long as what shows that rights were honoured is (PIPA Enforcement Decree article
/// 42-6(11): 3 years; 11 CCR 7101: 24 months).
const KEPT: Duration = Duration::from_secs(3 * 366 * 24 * 60 * 60);

/// What is owed at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenRequests {
    /// How many are open, by right; every right is there.
    pub by_right: BTreeMap<Right, u64>,
    /// How many are late.
    pub overdue: u64,
    /// The next end of a last day, of those that are not late.
    pub next_due: Option<Timestamp>,
}

impl OpenRequests {
    /// What is owed at `now`. Reads the open dockets.
    ///
    /// # Errors
    /// When the store fails or a docket does not decode.
    pub fn at(store: &Store, now: Timestamp) -> Result<Self, RightsError> {
        let by_right = Right::ALL.map(|right| (right, 0)).into();
        let mut owed = Self { by_right, ..Self::default() };
        for docket in open_requests(store)? {
            *owed.by_right.entry(docket.right).or_default() += 1;
            if docket.is_overdue(now) {
                owed.overdue += 1;
            } else {
                let next = owed.next_due.map_or(docket.due_at, |next| next.min(docket.due_at));
                owed.next_due = Some(next);
            }
        }
        Ok(owed)
    }
}

/// The open requests, by what is due first. Reads the disk.
///
/// # Errors
/// When the store fails or a docket does not decode.
pub fn open_requests(store: &Store) -> Result<Vec<Docket>, RightsError> {
    let mut open = dockets(store, OPEN)?;
    open.sort_by_key(|docket| (docket.due_at, docket.id));
    Ok(open)
}

/// The open requests and the closed ones that came within `from` and `until`, by when they came. Reads the disk.
///
/// # Errors
/// When the store fails or a docket does not decode.
pub fn requests_within(
    store: &Store,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Docket>, RightsError> {
    let mut closed = dockets(store, CLOSED)?;
    closed.retain(|docket| {
        from.is_none_or(|from| docket.received_at >= from)
            && until.is_none_or(|until| docket.received_at < until)
    });
    // One that is closed meanwhile is told once.
    for open in dockets(store, OPEN)? {
        if closed.iter().all(|known| known.id != open.id) {
            closed.push(open);
        }
    }
    closed.sort_by_key(|docket| (docket.received_at, docket.id));
    Ok(closed)
}

/// Removes closed dockets that are kept no longer. How many there were. Waits for the disk.
///
/// # Errors
/// When the store fails or a docket does not decode.
pub fn remove_old_requests(store: &Store, now: Timestamp) -> Result<usize, RightsError> {
    let (since, mut removed) = (now.before(KEPT), 0);
    for found in store.scan(CLOSED) {
        let (key, record) = found?;
        if Docket::read(&record)?.closed_at.is_none_or(|closed| closed >= since) {
            continue;
        }
        let expect = vec![Expect::Version { key: key.clone(), version: record.version }];
        match store.commit_blocking(Batch { expect, delete: vec![key], ..Batch::default() }) {
            Ok(_) => removed += 1,
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(crate::consent::ConsentError::Commit(error).into()),
        }
    }
    Ok(removed)
}

fn dockets(store: &Store, prefix: &[u8]) -> Result<Vec<Docket>, RightsError> {
    let read = store.scan(prefix).map(|found| Ok(Docket::read(&found?.1)?));
    read.collect()
}
