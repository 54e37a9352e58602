//! Rows, bodies and the view of the records, held against snapshot and journal.

use std::path::Path;

use super::{
    super::{
        batch::Key,
        bodies,
        error::{StoreError, doing},
        leaves,
        view::{self, SledView, View as _, ViewError},
    },
    Part, Told, Verified,
    journal::Expected,
};
use crate::ambient::{Fs, OpenMode, RealFs};

/// How often progress is told.
const EVERY: u64 = 4096;
/// Records that are read from the view at once.
const PAGE: usize = 512;

/// Reads every row that the snapshot counts; those that the journal still holds must be the same.
pub(super) fn rows(
    fs: &dyn Fs,
    dir: &Path,
    expected: &Expected,
    verified: &mut Verified,
    told: Told<'_>,
) {
    let (dir, size) = (dir.join("log"), expected.cut.log_size);
    let mut open = None;
    for index in 0..size {
        let number = index / leaves::PER_FILE;
        let place = || format!("log/{number:012}.leaves, row {index}");
        if open.as_ref().is_none_or(|(of, _)| *of != number) {
            let Ok(file) = fs.open(&leaves::path(&dir, number), OpenMode::Read) else {
                verified.wrong(place(), "the file is missing");
                return;
            };
            open = Some((number, file));
        }
        let Some((_, file)) = &open else { return };
        let Ok(row) = leaves::read_row(&**file, index) else {
            verified.wrong(place(), "the row does not read");
            return;
        };
        if expected.rows.get(&index).is_some_and(|crc| *crc != crc32c::crc32c(&row)) {
            verified.wrong(place(), "the row is not what the journal holds");
            return;
        }
        verified.rows += 1;
        if index.is_multiple_of(EVERY) || index + 1 == size {
            told(Part::Rows, index + 1, size);
        }
    }
}

/// Reads every body that the snapshot counts.
pub(super) fn bodies(
    fs: &dyn Fs,
    dir: &Path,
    expected: &Expected,
    verified: &mut Verified,
    told: Told<'_>,
) {
    let all = expected.cut.bodies.values().map(|extent| extent.count).sum();
    for (period, extent) in &expected.cut.bodies {
        let file = |kind| fs.open(&dir.join(format!("bodies/{period}.{kind}")), OpenMode::Read);
        let (Ok(data), Ok(index)) = (file("bodies"), file("index")) else {
            verified.wrong(format!("bodies/{period}"), "a file of the month is missing");
            continue;
        };
        let mut before = None;
        for at in 0..extent.count {
            let place = || format!("bodies/{period}.bodies, body {at}");
            let entry = bodies::entry(&*index, at).ok().filter(|(row, _)| before < Some(*row));
            let Some((row, offset)) = entry else {
                verified.wrong(place(), "the index of the month is damaged");
                break;
            };
            if bodies::read_body(&*data, offset, row).is_err() {
                verified.wrong(place(), "the body has a bad checksum");
                break;
            }
            before = Some(row);
            verified.bodies += 1;
            if verified.bodies.is_multiple_of(EVERY) || verified.bodies == all {
                told(Part::Bodies, verified.bodies, all);
            }
        }
    }
}

/// Holds the view of the records against what they must be. What groups changed that the view does not show yet is left
/// out: the next start shows it.
pub(super) fn records(
    dir: &Path,
    expected: &Expected,
    verified: &mut Verified,
    told: Told<'_>,
) -> Result<(), StoreError> {
    let folder = view::folder(dir);
    if RealFs.list(&folder).map_err(doing("listing the view"))?.is_empty() {
        verified.notes.push("view: it is not there; the next start makes it".to_owned());
        return Ok(());
    }
    let view = match SledView::open(&RealFs, &folder) {
        Ok(view) => view,
        Err(ViewError(what)) => {
            verified.wrong("view", format!("{what}; `store rebuild` makes it anew"));
            return Ok(());
        }
    };
    let applied = view.applied();
    if applied < expected.cut.seq {
        verified
            .notes
            .push("view: it is older than the snapshot; the next start makes it anew".to_owned());
        return Ok(());
    }
    if applied > verified.last_group {
        verified.wrong("journal", "it ends before groups that the view shows");
        return Ok(());
    }
    let late = expected.touched_after(applied);
    let is_late = |key: &Key| {
        !late.is_empty()
            && (0..=key.as_bytes().len())
                .any(|end| late.contains(key.as_bytes().get(..end).unwrap_or_default()))
    };
    let all = expected.records.len() as u64;
    let (mut after, mut found): (Option<Vec<u8>>, u64) = (None, 0);
    loop {
        let page = match view.page(&[], after.as_deref(), PAGE) {
            Ok(page) => page,
            Err(ViewError(what)) => {
                verified.wrong("view", format!("{what}; `store rebuild` makes it anew"));
                return Ok(());
            }
        };
        let Some((last, _)) = page.last() else { break };
        after = Some(last.as_bytes().to_vec());
        for (key, record) in page.iter().filter(|(key, _)| !is_late(key)) {
            let is = (record.version, crc32c::crc32c(&record.value));
            if expected.records.get(key) != Some(&is) {
                let what =
                    "a record is not what the journal gives; `store rebuild` makes the view anew";
                verified.wrong(format!("view, record {found}"), what);
                return Ok(());
            }
            found += 1;
        }
        verified.viewed = found;
        told(Part::View, found.min(all), all);
    }
    let due = expected.records.keys().filter(|key| !is_late(key)).count() as u64;
    if found < due {
        let what =
            format!("{} records are missing; `store rebuild` makes the view anew", due - found);
        verified.wrong("view", what);
    }
    Ok(())
}
