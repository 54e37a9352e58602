//! How many rows of the log are a person's: what the row of their erasure says, so that the log adds up without them.

use crate::{
    audit::{RowKeys, marks},
    consent::Person,
    store::{Store, StoreError},
};

/// A count that goes on where it was. It is good as long as the standing it was begun with stands: an export gives later
/// rows other keys.
#[derive(Debug)]
pub(super) struct Theirs {
    keys: Vec<RowKeys>,
    until: u64,
    found: u64,
}

impl Theirs {
    /// A count of the person's rows, on all their audit epochs.
    pub(super) fn of(person: &Person) -> Self {
        let epochs = 0..=person.standing.audit_epoch;
        let keys = epochs.map(|epoch| RowKeys::of(&person.key, epoch)).collect();
        Self { keys, until: 0, found: 0 }
    }

    /// Looks through the rows that came since the last look. Waits for the disk.
    pub(super) fn look(&mut self, store: &Store) -> Result<(), StoreError> {
        let (size, keys, mut found) = (store.log_size(), &self.keys, 0);
        store.each_leaf(self.until..size, |_, entry| {
            let is_theirs = |its| keys.iter().any(|keys| keys.finds(&its));
            found += u64::from(marks(entry).is_some_and(is_theirs));
        })?;
        (self.until, self.found) = (size, self.found + found);
        Ok(())
    }

    /// How many there were.
    pub(super) fn found(&self) -> u64 {
        self.found
    }
}
