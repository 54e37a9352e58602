//! Walks back through the log and stops at a person's rows.
//!
//! Rows of one audit epoch end with the row of the export that closed it, so on the way back two epochs can be at hand at a
//! time: the one of here, and the one before, whose last row is still to come.

use std::{ops::ControlFlow, sync::Arc};

use crate::{
    audit::{Event, Marks, Row, RowKeys, event, marks},
    consent::Person,
    store::{Store, StoreError},
    vault::SubjectKey,
};

/// Rows are read in runs that begin at multiples of this. A file of rows is a multiple of it.
const RUN: u64 = 4096;

/// How much older than what is wanted a whole run must be before the walk ends: clocks are set back now and then.
const SLACK_SECONDS: i64 = 24 * 60 * 60;

/// The keys of a person's rows around one place of the log.
#[derive(Debug)]
pub(super) struct Keys {
    key: SubjectKey,
    epoch: u32,
    here: RowKeys,
    before: Option<RowKeys>,
    /// Those of all epochs of the person's other ids: few, since an id has no rows of its own while it is linked.
    others: Arc<[RowKeys]>,
}

/// The keys of all audit epochs of one id, latest first.
pub(super) fn epochs(id: &Person) -> impl Iterator<Item = (u32, RowKeys)> + '_ {
    (0..=id.standing.audit_epoch).rev().map(|epoch| (epoch, RowKeys::of(&id.key, epoch)))
}

/// A row of the person's.
pub(in crate::rights) struct Theirs<'a> {
    pub(in crate::rights) row: u64,
    pub(in crate::rights) entry: &'a [u8],
    pub(in crate::rights) keys: &'a RowKeys,
    /// The audit epoch of the place, from which a walk over this row can begin anew.
    pub(in crate::rights) epoch: u32,
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walked {
    /// The rows before this one were not looked at.
    pub(super) at: u64,
    /// How many were.
    pub(super) looked: u64,
}

impl Keys {
    /// Those of the person whose key is `key`, who stands for no other id.
    pub(super) fn at(key: &SubjectKey, epoch: u32) -> Self {
        Self::with_others(key, epoch, Arc::default())
    }

    /// Those of a person under all their ids, the one that stands for them first, who is at `epoch`; `None` for nobody.
    pub(super) fn of_all(ids: &[Person], epoch: u32) -> Option<Self> {
        let (first, others) = ids.split_first()?;
        let others = others.iter().flat_map(epochs).map(|(_, keys)| keys).collect();
        Some(Self::with_others(&first.key, epoch.min(first.standing.audit_epoch), others))
    }

    fn with_others(key: &SubjectKey, epoch: u32, others: Arc<[RowKeys]>) -> Self {
        let before = epoch.checked_sub(1).map(|before| RowKeys::of(key, before));
        Self { key: key.clone(), epoch, here: RowKeys::of(key, epoch), before, others }
    }

    /// Those one audit epoch earlier.
    fn earlier(&self) -> Self {
        Self::with_others(&self.key, self.epoch.saturating_sub(1), self.others.clone())
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The keys that a row with these marks was made with, and whether they are those of the epoch before.
    pub(super) fn of(&self, marks: &Marks) -> Option<(&RowKeys, bool)> {
        if self.here.finds(marks) {
            return Some((&self.here, false));
        }
        let before = self.before.as_ref().filter(|before| before.finds(marks));
        let other = || self.others.iter().find(|other| other.finds(marks));
        before.map(|before| (before, true)).or_else(|| other().map(|other| (other, false)))
    }
}

/// Shows the rows of the person's before `from` that `wanted` holds for, newest first, until `each` has enough or `most`
/// rows were looked at. With `since`, in Unix seconds, it also ends at rows that are all older.
pub(super) fn walk_back(
    store: &Store,
    keys: &mut Keys,
    (from, most, since): (u64, u64, Option<i64>),
    wanted: impl Fn(&[u8]) -> bool,
    mut each: impl FnMut(&Theirs<'_>) -> ControlFlow<()>,
) -> Result<Walked, StoreError> {
    let (mut at, mut looked) = (from.min(store.log_size()), 0);
    while at > 0 {
        let begin = (at - 1) / RUN * RUN;
        let run = store.leaf_run(begin, at - begin)?;
        let newest = run.rows().next_back().and_then(|(_, entry)| Row::parse(entry).ok());
        let too_old = |row: Row<'_>| since.is_some_and(|since| row.minute + SLACK_SECONDS < since);
        if newest.is_some_and(too_old) {
            return Ok(Walked { at: 0, looked });
        }
        for (row, entry) in run.rows().rev() {
            if looked == most {
                return Ok(Walked { at, looked });
            }
            (at, looked) = (row, looked + 1);
            let is_export = event(entry) == Some(Event::RightsExport.as_str());
            if !is_export && !wanted(entry) {
                continue;
            }
            let Some(marks) = marks(entry) else { continue };
            let Some((row_keys, is_before)) = keys.of(&marks) else { continue };
            let epoch = keys.epoch();
            let theirs = Theirs { row, entry, keys: row_keys, epoch };
            let flow = if wanted(entry) { each(&theirs) } else { ControlFlow::Continue(()) };
            if is_export && is_before {
                *keys = keys.earlier();
            }
            if flow.is_break() {
                return Ok(Walked { at, looked });
            }
        }
    }
    Ok(Walked { at, looked })
}
