//! The journal, group by group, and the state that it and the snapshot come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    super::{
        batch::{Change, Key, Record},
        codec::{self, Malformed},
        error::{StoreError, doing},
        journal::{self, Mark, sector_after},
        options::FileKey,
        seal::{self, FILE_HEAD, Kind, Sealer},
        snapshot::Cut,
    },
    Part, Told, Verified,
};
use crate::ambient::{Fs, OpenMode};

/// What snapshot and journal come to.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// What the snapshot is of.
    pub(super) cut: Cut,
    /// The last group whose writes it may show.
    pub(super) through: u64,
    /// Version and checksum of each record.
    pub(super) records: BTreeMap<Key, (u64, u32)>,
    /// The groups behind the snapshot that changed records, with the keys, or the beginnings of keys.
    pub(super) touched: Vec<(u64, Key)>,
    /// The rows that stand in the journal, by index, as checksums.
    pub(super) rows: BTreeMap<u64, u32>,
}

impl Expected {
    pub(super) fn put_all(&mut self, records: Vec<(Key, Record)>) {
        let checked = |record: &Record| (record.version, crc32c::crc32c(&record.value));
        self.records.extend(records.into_iter().map(|(key, record)| {
            let checked = checked(&record);
            (key, checked)
        }));
    }

    fn apply(&mut self, seq: u64, change: &Change) {
        for put in &change.put {
            self.records.insert(put.key.clone(), (put.version, crc32c::crc32c(&put.value)));
        }
        for key in &change.delete {
            self.records.remove(key);
        }
        for prefix in &change.delete_prefix {
            self.records.retain(|key, _| !key.as_bytes().starts_with(prefix.as_bytes()));
        }
        let put = change.put.iter().map(|put| &put.key);
        let keys = put.chain(&change.delete).chain(&change.delete_prefix);
        self.touched.extend(keys.map(|key| (seq, key.clone())));
    }

    /// The keys, and beginnings of keys, that groups after `seq` changed.
    pub(super) fn touched_after(&self, seq: u64) -> BTreeSet<&[u8]> {
        self.touched.iter().filter(|(at, _)| *at > seq).map(|(_, key)| key.as_bytes()).collect()
    }
}

/// The journal of one folder.
pub(super) struct Walk<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) dir: &'a Path,
    pub(super) key: &'a FileKey,
}

/// How far the journal was read.
#[derive(Default)]
struct End {
    /// The last group, and the rows behind it; `None` before the first.
    last: Option<(u64, u64)>,
    /// Where a group is bad or missing, if one is.
    stopped: Option<String>,
}

impl Walk<'_> {
    /// Reads every segment over what the snapshot gave.
    pub(super) fn read(
        &self,
        mut expected: Expected,
        verified: &mut Verified,
        told: Told<'_>,
    ) -> Result<Expected, StoreError> {
        let dir = journal::folder(self.dir);
        let names = self.fs.list(&dir).map_err(doing("listing the journal"))?;
        let number = |name: &String| name.strip_suffix(".seg").and_then(|stem| stem.parse().ok());
        let numbers: Vec<u64> = names.iter().filter_map(number).collect();
        let mut end = End::default();
        for (done, number) in (1..).zip(&numbers) {
            self.segment(&dir, *number, &mut expected, &mut end, verified)?;
            verified.segments += 1;
            told(Part::Journal, done, numbers.len() as u64);
        }
        let last = end.last.map_or(expected.cut.seq, |(last, _)| last.max(expected.cut.seq));
        verified.last_group = last;
        if expected.through > last {
            verified.wrong("journal", "it ends before groups that the snapshot shows");
        }
        let mark = Mark::read(self.fs, &dir).map_err(doing("reading the mark of the journal"))?;
        if mark.is_some_and(|seq| seq > last) {
            verified.wrong("journal", "acknowledged groups at its end are bad or missing");
        }
        if let (Some(place), true) = (end.stopped, verified.wrong.is_empty()) {
            verified.notes.push(format!(
                "{place}: a group that nobody was told of was torn by a crash; the next start cuts it"
            ));
        }
        Ok(expected)
    }

    fn segment(
        &self,
        dir: &Path,
        number: u64,
        expected: &mut Expected,
        end: &mut End,
        verified: &mut Verified,
    ) -> Result<(), StoreError> {
        let path = journal::path(dir, number);
        let name = format!("journal/{number:020}.seg");
        let file = self.fs.open(&path, OpenMode::Read).map_err(doing("opening a segment"))?;
        let Some((_, sealer)) = seal::open_file(Kind::Journal, number, &*file, &path, self.key)?
        else {
            verified.wrong(name, "the head of the file is bad");
            return Ok(());
        };
        let bytes = file.read_to(u64::MAX).map_err(doing("reading a segment"))?;
        verified.bytes += bytes.len() as u64;
        let mut offset = FILE_HEAD;
        while let Some(frame) = bytes.get(offset..).and_then(|bytes| sealer.find(bytes)) {
            let place = format!("{name} at byte {offset}");
            let payload = sealer.open(frame).ok_or(StoreError::WrongKey { path: path.clone() })?;
            self.group(frame.seq, &payload, &place, expected, end, verified)?;
            verified.groups += 1;
            let next = sector_after((offset + frame.length()) as u64);
            offset = usize::try_from(next).unwrap_or(usize::MAX);
        }
        stop(&sealer, bytes.get(offset..).unwrap_or_default(), &name, offset, end, verified);
        Ok(())
    }

    fn group(
        &self,
        seq: u64,
        payload: &[u8],
        place: &str,
        expected: &mut Expected,
        end: &mut End,
        verified: &mut Verified,
    ) -> Result<(), StoreError> {
        let (log_size, changes) = match codec::read_group(payload) {
            Ok(group) => group,
            Err(Malformed::Newer(found)) => {
                let (path, known) = (journal::folder(self.dir), codec::FORMAT.into());
                return Err(StoreError::newer(path, found.into(), known, ""));
            }
            Err(Malformed::Bytes) => {
                verified.wrong(place, "the group is malformed");
                return Ok(());
            }
        };
        let first = expected.cut.seq + 1;
        match end.last {
            Some((last, _)) if seq != last + 1 => {
                verified.wrong(place, format!("group {seq} stands behind group {last}"));
            }
            Some((_, rows)) if log_size != rows => {
                verified.wrong(place, "the group counts other rows than those before it");
            }
            None if seq > first => {
                verified.wrong(place, format!("the groups from {first} to {seq} are missing"));
            }
            _ => {}
        }
        if let Some(stopped) = end.stopped.take() {
            verified.wrong(stopped, "a bad group stands before a good one");
        }
        let mut rows = log_size;
        for change in &changes {
            for leaf in &change.leaves {
                expected.rows.insert(rows, crc32c::crc32c(&leaf.entry));
                rows += 1;
            }
            if seq >= first {
                expected.apply(seq, change);
            }
        }
        end.last = Some((seq, rows));
        Ok(())
    }
}

/// Looks at what stands behind the last group of a segment.
fn stop(
    sealer: &Sealer,
    rest: &[u8],
    name: &str,
    offset: usize,
    end: &mut End,
    verified: &mut Verified,
) {
    if rest.iter().all(|byte| *byte == 0) {
        return;
    }
    let place = format!("{name} at byte {offset}");
    if sealer.any(rest) {
        verified.wrong(place, "a bad group stands before a good one");
    } else {
        end.stopped.get_or_insert(place);
    }
}
