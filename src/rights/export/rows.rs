//! The person's rows of the log: found, opened and proven a few at a time.

use std::collections::HashMap;

use super::{
    super::{
        Decision, RightsError,
        see::{Came, Theirs, is_of_a_decision},
    },
    OwnExport,
};
use crate::{
    audit::{Event, Marks, OpenedRow, Place, Proving, RowKeys, event, marks, text},
    store::{Store, StoreError},
};

/// How many rows are proven at once: their proofs share what is read of the tree.
const AT_ONCE: usize = 128;

/// A row of the person's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    row: u64,
    /// Which of their ids.
    id: usize,
    epoch: u32,
    /// Whether it is a decision, or tells what came of one.
    decides: bool,
}

/// Where one id is on the way through the log.
struct Id<'a> {
    keys: &'a [RowKeys],
    now: usize,
}

impl Id<'_> {
    /// The epoch of a row with these marks, if it is theirs.
    fn epoch(&self, its: &Marks) -> Option<usize> {
        // A row of what began before an export can come right behind the row that tells of it, and never after the next.
        let mut epochs = (self.now.saturating_sub(1)..=self.now).rev();
        epochs.find(|epoch| self.keys.get(*epoch).is_some_and(|keys| keys.finds(its)))
    }
}

/// The rows before `until` that one of the ids' keys find, in one pass.
pub(super) fn find(
    store: &Store,
    keys: &[Vec<RowKeys>],
    until: u64,
) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    let mut ids: Vec<Id<'_>> = keys.iter().map(|keys| Id { keys, now: 0 }).collect();
    store.each_leaf(0..until, |row, entry| {
        let Some(its) = marks(entry) else { return };
        for (number, id) in ids.iter_mut().enumerate() {
            let Some(epoch) = id.epoch(&its) else { continue };
            if epoch == id.now && event(entry) == Some(Event::RightsExport.as_str()) {
                id.now += 1;
            }
            let decides = is_of_a_decision(entry);
            let epoch = u32::try_from(epoch).unwrap_or(u32::MAX);
            found.push(Found { row, id: number, epoch, decides });
            return;
        }
    })?;
    Ok(found)
}

impl OwnExport {
    /// Shows each row with what opens it and its proof, in the order of the log. Waits for the disk.
    ///
    /// # Errors
    /// When the log does not read, a row does not open, or `each` wants no more.
    pub fn each_row<E: From<RightsError>>(
        &self,
        mut each: impl FnMut(OpenedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        for some in self.found.chunks(AT_ONCE) {
            let rows: Vec<u64> = some.iter().map(|found| found.row).collect();
            let proofs = self.rights.proving.prove(&rows).map_err(RightsError::Proofs)?;
            for (found, proof) in some.iter().zip(proofs) {
                let Some((entry, keys)) = self.entry(found)? else { continue };
                let (store, proving) = (&self.rights.store, &*self.rights.proving);
                let opened = opened(store, proving, found.row, &entry, keys)?;
                each(OpenedRow {
                    id: u32::try_from(found.id).ok(),
                    epoch: Some(found.epoch),
                    proof: proof.map(|proof| proof.to_string()),
                    ..opened
                })?;
            }
        }
        Ok(())
    }

    /// Shows each decision with the number of the id that it was about, newest first. Waits for the disk.
    ///
    /// # Errors
    /// As [`OwnExport::each_row`].
    pub fn each_decision<E: From<RightsError>>(
        &self,
        mut each: impl FnMut(u32, Decision) -> Result<(), E>,
    ) -> Result<(), E> {
        // What came of a decision stands behind it, so on the way back it is met first.
        let mut told: HashMap<u64, Came> = HashMap::new();
        for found in self.found.iter().rev().filter(|found| found.decides) {
            let Some((entry, keys)) = self.entry(found)? else { continue };
            let theirs = Theirs { row: found.row, entry: &entry, keys, epoch: found.epoch };
            if event(&entry) == Some(Event::Decision.as_str()) {
                let came = told.remove(&found.row).unwrap_or(Came::Nothing);
                let decision = self.rights.read_decision(&theirs, came)?;
                each(u32::try_from(found.id).unwrap_or(u32::MAX), decision)?;
            } else if let Some(follows) = self.rights.read_follow_up(&theirs)? {
                told.insert(follows.of, follows.came);
            }
        }
        Ok(())
    }

    fn entry(&self, found: &Found) -> Result<Option<(Vec<u8>, &RowKeys)>, RightsError> {
        let entry = self.rights.store.leaf(found.row)?.ok_or(RightsError::Row(found.row))?;
        let epoch = usize::try_from(found.epoch).unwrap_or(usize::MAX);
        let keys = self.keys.get(found.id).and_then(|keys| keys.get(epoch));
        Ok(keys.map(|keys| (entry, keys)))
    }
}

/// Opens the row that is the store's `row`th with the keys that sealed it. Its proof is left out.
///
/// # Errors
/// When the store does not read, or the row does not open.
pub fn opened(
    store: &Store,
    proving: &dyn Proving,
    row: u64,
    entry: &[u8],
    keys: &RowKeys,
) -> Result<OpenedRow, RightsError> {
    let (n, _) = marks(entry).ok_or(RightsError::Row(row))?;
    let body = match store.body(row)? {
        Some((nonce, sealed)) => Some(keys.open_body(&nonce, sealed)?),
        None => None,
    };
    let utf8 = |bytes| String::from_utf8(bytes).map_err(|_| RightsError::Row(row));
    let Place { origin, index } = proving.place(row);
    Ok(OpenedRow {
        origin: origin.as_ref().to_owned(),
        index,
        id: None,
        epoch: None,
        n: text(&n),
        salt: text(keys.salt(&n).as_slice()),
        body: body.map(utf8).transpose()?,
        entry: utf8(entry.to_vec())?,
        proof: None,
    })
}
