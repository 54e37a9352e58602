//! One decision, by its answer's name or by its place in the log.

use std::ops::ControlFlow;

use uuid::Uuid;

use super::{
    super::{Rights, RightsError},
    decision::{Came, Decision, is, is_of_a_decision, name_of},
    walk::{Keys, Theirs, epochs},
};
use crate::{
    audit::{Event, marks},
    consent::Person,
    store::StoreError,
};

/// How many rows behind a decision the one is looked for that tells what came of it.
const BEHIND: u64 = 1 << 18;

/// How one decision is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By its answer's name.
    Answer(Uuid),
    /// By its place in the log: which log, the one being written if absent, and where in it.
    Place(Option<String>, u64),
}

impl Rights {
    /// Looks at `rows` rows at most, not counting those behind the one it finds. Waits for the disk.
    pub(super) fn find(
        &self,
        ids: &[Person],
        name: &Name,
        rows: u64,
    ) -> Result<Option<Decision>, RightsError> {
        let row = match name {
            Name::Place(origin, index) => self.proving.row(origin.as_deref(), *index),
            Name::Answer(name) => self.row_named(name, rows)?,
        };
        let Some(row) = row else { return Ok(None) };
        let Some(entry) = self.store.leaf(row)? else { return Ok(None) };
        let Some(marks) = marks(&entry).filter(|_| is(&entry, Event::Decision)) else {
            return Ok(None);
        };
        // Whose row it is shows in the tag, whatever the caller knows of its place.
        let mut of_ids = ids.iter().flat_map(|id| epochs(id).map(move |found| (id, found)));
        let Some((id, (epoch, keys))) = of_ids.find(|(_, (_, keys))| keys.finds(&marks)) else {
            return Ok(None);
        };
        let theirs = Theirs { row, entry: &entry, keys: &keys, epoch };
        let came = self.came_of(row, &Keys::at(&id.key, epoch.saturating_add(1)))?;
        self.read_decision(&theirs, came).map(Some)
    }

    /// The row whose answer has this name. Only its nonce is looked at.
    fn row_named(&self, name: &Uuid, rows: u64) -> Result<Option<u64>, StoreError> {
        const RUN: u64 = 4096;
        let (mut at, size) = (self.store.log_size(), self.store.log_size());
        while at > 0 && size - at < rows {
            let begin = (at - 1) / RUN * RUN;
            let run = self.store.leaf_run(begin, at - begin)?;
            let named = |entry: &[u8]| marks(entry).is_some_and(|(n, _)| name_of(&n) == *name);
            let mut found = run.rows().rev();
            if let Some((row, _)) = found.find(|(_, entry)| named(entry)) {
                return Ok(Some(row));
            }
            at = begin;
        }
        Ok(None)
    }

    /// What a row behind `row` tells of it.
    fn came_of(&self, row: u64, keys: &Keys) -> Result<Came, RightsError> {
        let mut at = row + 1;
        let end = self.store.log_size().min(at.saturating_add(BEHIND));
        while at < end {
            let run = self.store.leaf_run(at, (end - at).min(1024))?;
            for (row_behind, entry) in run.rows() {
                at = row_behind + 1;
                if !is_of_a_decision(entry) || is(entry, Event::Decision) {
                    continue;
                }
                if let ControlFlow::Break(came) = self.tells_of(row, (row_behind, entry), keys)? {
                    return Ok(came);
                }
            }
        }
        Ok(Came::Nothing)
    }

    fn tells_of(
        &self,
        row: u64,
        (behind, entry): (u64, &[u8]),
        keys: &Keys,
    ) -> Result<ControlFlow<Came>, RightsError> {
        let Some(marks) = marks(entry) else { return Ok(ControlFlow::Continue(())) };
        let Some((row_keys, _)) = keys.of(&marks) else { return Ok(ControlFlow::Continue(())) };
        let theirs = Theirs { row: behind, entry, keys: row_keys, epoch: keys.epoch() };
        let told = self.read_follow_up(&theirs)?.filter(|told| told.of == row);
        Ok(told.map_or(ControlFlow::Continue(()), |told| ControlFlow::Break(told.came)))
    }
}
