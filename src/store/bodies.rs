//! The sealed bodies of the log's rows, by month: a view of the journal, synced at checkpoints, dropped by the month.
//!
//! ```text
//! bodies/YYYY-MM.bodies    u64 index ‖ nonce16 ‖ u32 len ‖ u32 crc32c of all else ‖ body, one behind another
//! bodies/YYYY-MM.index     u64 index ‖ u64 where its body begins; in the order of the log
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::ambient::{File, Fs, OpenMode};

use super::{
    batch::Leaf,
    codec::Reader,
    error::{StoreError, doing},
    period::Period,
};

const HEAD: usize = 32;

/// How far a month's files are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) count: u64,
    pub(super) bytes: u64,
}

/// A body as it was committed: its nonce and its sealed bytes.
pub(super) type Body = ([u8; 16], Vec<u8>);

/// The bodies. One thread appends and drops; any may read.
#[derive(Debug)]
pub(super) struct Bodies {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    state: Mutex<State>,
}

/// The month that was written last: its data and its index.
type OpenMonth = (Period, Arc<dyn File>, Arc<dyn File>);

#[derive(Debug, Default)]
struct State {
    extents: BTreeMap<Period, Extent>,
    open: Option<OpenMonth>,
    unsynced: BTreeSet<Period>,
    /// Months before this one are dropped, and nothing is kept for them any more.
    kept_from: Option<Period>,
    /// How many bodies were dropped since the store opened.
    dropped: u64,
    /// Months of which a file was not there at the start: dropped after what the extents tell of, or lost.
    missing: BTreeSet<Period>,
}

impl Bodies {
    /// Opens the bodies as they were when `extents` were synced; later ones come from the journal.
    pub(super) fn open(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        extents: BTreeMap<Period, Extent>,
        kept_from: Option<Period>,
    ) -> Result<Self, StoreError> {
        fs.create_dir_all(&dir).map_err(doing("making a folder"))?;
        for name in fs.list(&dir).map_err(doing("listing the bodies"))? {
            let period = name.split('.').next().and_then(|stem| stem.parse().ok());
            if period.is_some_and(|period| !extents.contains_key(&period)) {
                fs.remove_file(&dir.join(name))
                    .map_err(doing("removing bodies to be made anew"))?;
            }
        }
        let state = State { extents, kept_from, ..State::default() };
        let bodies = Self { fs, dir, state: Mutex::new(state) };
        let extents = bodies.state().extents.clone();
        for (period, extent) in extents {
            let [data, index] = bodies.paths(period);
            for (path, size) in [(data, extent.bytes), (index, extent.count * 16)] {
                let there = bodies.fs.open(&path, OpenMode::Read).and_then(|file| file.size());
                match there {
                    Ok(there) if there < size => return Err(lost(path)),
                    Ok(_) => {}
                    // A month that was dropped after the snapshot is dropped again when the journal is replayed.
                    Err(_) => drop(bodies.state().missing.insert(period)),
                }
            }
        }
        Ok(bodies)
    }

    /// Passes unless a month is not there that should be. To be called when the journal is replayed.
    pub(super) fn unless_lost(&self) -> Result<(), StoreError> {
        let missing = self.state().missing.first().copied();
        missing.map_or(Ok(()), |period| {
            let [data, _] = self.paths(period);
            Err(lost(data))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paths(&self, period: Period) -> [PathBuf; 2] {
        ["bodies", "index"].map(|kind| self.dir.join(format!("{period}.{kind}")))
    }

    /// Appends the bodies of leaves from index `first` on; leaves without a body are passed over.
    pub(super) fn append<'a>(
        &self,
        first: u64,
        leaves: impl Iterator<Item = &'a Leaf>,
    ) -> io::Result<()> {
        let mut state = self.state();
        let mut run: Option<(Period, Vec<u8>, Vec<u8>)> = None;
        for (index, leaf) in (first..).zip(leaves).filter(|(_, leaf)| !leaf.body.is_empty()) {
            let period = Period::of(leaf.at);
            let is_dropped = state.kept_from.is_some_and(|from| period < from);
            // A file with a hole would pass for a whole one at the next start.
            if is_dropped || state.missing.contains(&period) {
                continue;
            }
            if run.as_ref().is_some_and(|(of, ..)| *of != period) {
                self.write(&mut state, run.take())?;
            }
            let (_, data, table) = run.get_or_insert_with(|| (period, Vec::new(), Vec::new()));
            let base = state.extents.get(&period).map_or(0, |extent| extent.bytes);
            table.extend_from_slice(&index.to_be_bytes());
            table.extend_from_slice(&(base + data.len() as u64).to_be_bytes());
            write_body(data, index, leaf);
        }
        self.write(&mut state, run)
    }

    fn write(&self, state: &mut State, run: Option<(Period, Vec<u8>, Vec<u8>)>) -> io::Result<()> {
        let Some((period, data, table)) = run else { return Ok(()) };
        if state.open.as_ref().is_none_or(|(open, ..)| *open != period) {
            let [data, index] = self.paths(period).map(|path| self.fs.open(&path, OpenMode::Write));
            state.open = Some((period, data?.into(), index?.into()));
        }
        let extent = state.extents.entry(period).or_insert(Extent { count: 0, bytes: 0 });
        if let Some((_, data_file, index_file)) = &state.open {
            data_file.write_all_at(&data, extent.bytes)?;
            index_file.write_all_at(&table, extent.count * 16)?;
        }
        extent.bytes += data.len() as u64;
        extent.count += table.len() as u64 / 16;
        state.unsynced.insert(period);
        Ok(())
    }

    /// The body of the row at `index`, unless it had none or was dropped.
    pub(super) fn read(&self, index: u64) -> io::Result<Option<Body>> {
        let extents = self.state().extents.clone();
        for (period, extent) in extents.into_iter().rev() {
            let [data, table] = self.paths(period);
            let open = |path| self.fs.open(path, OpenMode::Read);
            let (data, table) = match (open(&data), open(&table)) {
                (Ok(data), Ok(table)) => (data, table),
                // Dropped meanwhile.
                (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                    continue;
                }
                (data, table) => (data?, table?),
            };
            if let Some(offset) = find(&*table, extent.count, index)? {
                return read_body(&*data, offset, index).map(Some);
            }
        }
        Ok(None)
    }

    /// How many bodies each month holds.
    pub(super) fn extents(&self) -> BTreeMap<Period, Extent> {
        self.state().extents.clone()
    }

    pub(super) fn kept_from(&self) -> Option<Period> {
        self.state().kept_from
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Drops all months before `from`.
    pub(super) fn keep_from(&self, from: Period) -> io::Result<()> {
        let mut state = self.state();
        state.kept_from = state.kept_from.max(Some(from));
        let kept = state.extents.split_off(&from);
        let dropped = std::mem::replace(&mut state.extents, kept);
        state.dropped += dropped.values().map(|extent| extent.count).sum::<u64>();
        state.open = None;
        state.unsynced = state.unsynced.split_off(&from);
        state.missing = state.missing.split_off(&from);
        for period in dropped.into_keys() {
            for path in self.paths(period) {
                match self.fs.remove_file(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed?,
                }
            }
        }
        self.fs.sync_dir(&self.dir)
    }

    /// Makes durable what was appended so far.
    pub(super) fn sync(&self) -> io::Result<()> {
        let unsynced = std::mem::take(&mut self.state().unsynced);
        for path in unsynced.into_iter().flat_map(|period| self.paths(period)) {
            match self.fs.open(&path, OpenMode::Read) {
                // Dropped meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                file => file?.sync_data()?,
            }
        }
        self.fs.sync_dir(&self.dir)
    }
}

fn lost(path: PathBuf) -> StoreError {
    StoreError::Missing { path, what: "it lacks bodies that were synced" }
}

fn write_body(out: &mut Vec<u8>, index: u64, leaf: &Leaf) {
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(&index.to_be_bytes());
    head.extend_from_slice(&leaf.nonce);
    head.extend_from_slice(&u32::try_from(leaf.body.len()).unwrap_or(u32::MAX).to_be_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head), &leaf.body);
    out.extend_from_slice(&head);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(&leaf.body);
}

/// Where the body of `index` begins; the table is sorted, since the log only grows.
fn find(table: &dyn File, count: u64, index: u64) -> io::Result<Option<u64>> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        let (found, offset) = entry(table, middle)?;
        match found.cmp(&index) {
            std::cmp::Ordering::Equal => return Ok(Some(offset)),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(None)
}

/// The entry of a month's index at place `at`: the row, and where its body begins.
pub(super) fn entry(table: &dyn File, at: u64) -> io::Result<(u64, u64)> {
    let mut entry = [0; 16];
    table.read_exact_at(&mut entry, at * 16)?;
    let mut reader = Reader(&entry);
    Ok(reader.u64().zip(reader.u64()).ok_or(io::ErrorKind::InvalidData)?)
}

pub(super) fn read_body(data: &dyn File, offset: u64, index: u64) -> io::Result<Body> {
    let mut head = [0; HEAD];
    data.read_exact_at(&mut head, offset)?;
    let mut reader = Reader(&head);
    let mut parts = || Some((reader.u64()?, reader.array()?, reader.u32()?, reader.u32()?));
    let (found, nonce, length, crc) = parts().ok_or(io::ErrorKind::InvalidData)?;
    let left = data.size()?.saturating_sub(offset);
    if found != index || u64::from(length) > left {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    data.read_exact_at(&mut body, offset + HEAD as u64)?;
    let (checked, _) = head.split_at(HEAD - 4);
    if crc32c::crc32c_append(crc32c::crc32c(checked), &body) != crc {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((nonce, body))
}
