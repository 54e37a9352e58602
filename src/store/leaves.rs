//! The public bytes of the log's rows, by index: a view of the journal, synced at checkpoints.
//!
//! ```text
//! log/<number of the file, 12 digits>.leaves     65,536 rows a file
//! magic8 ‖ 65,536 × u32 where each row ends, from the first row's first byte ‖ rows one behind another
//! ```
//! A row has no checksum here: whoever verifies the log hashes it.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use crate::ambient::{File, Fs, OpenMode};

use super::error::{StoreError, doing};

const MAGIC: &[u8; 8] = b"csLeafs1";
pub(super) const PER_FILE: u64 = 65_536;
const ROWS: u64 = 8 + PER_FILE * 4;
/// The most rows that are read at once: about a megabyte.
pub(super) const AT_ONCE: u64 = 4096;

/// Rows of the log one behind another, read at once.
#[derive(Debug)]
pub struct LeafRun {
    first: u64,
    /// Where the first begins and each ends, from the first row of the file.
    begin: u32,
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl LeafRun {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows with their indices, in the order of the log. A row whose place makes no sense is empty.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (u64, &[u8])> {
        (0..self.ends.len()).map(|place| {
            let before = place.checked_sub(1).and_then(|before| self.ends.get(before));
            let from = before.copied().unwrap_or(self.begin).saturating_sub(self.begin);
            let to = self.ends.get(place).copied().unwrap_or(0).saturating_sub(self.begin);
            let row = self.bytes.get(from as usize..to as usize).unwrap_or_default();
            (self.first + place as u64, row)
        })
    }
}

/// The rows of the log. One thread appends; any may read.
#[derive(Debug)]
pub(super) struct Leaves {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    /// The file that rows are appended to.
    current: RwLock<Option<(u64, Arc<dyn File>)>>,
    /// Where the next row goes in it.
    end: Mutex<u64>,
    unsynced: Mutex<BTreeSet<u64>>,
}

impl Leaves {
    /// Opens the log as it was at `size` rows, which were synced then; later rows come from the journal.
    pub(super) fn open(fs: Arc<dyn Fs>, dir: PathBuf, size: u64) -> Result<Self, StoreError> {
        fs.create_dir_all(&dir).map_err(doing("making a folder"))?;
        let last = size / PER_FILE;
        for name in fs.list(&dir).map_err(doing("listing the log"))? {
            let number = name.strip_suffix(".leaves").and_then(|stem| stem.parse::<u64>().ok());
            if number.is_some_and(|number| number > last || number * PER_FILE >= size) {
                fs.remove_file(&dir.join(name)).map_err(doing("removing rows to be made anew"))?;
            }
        }
        let leaves = Self {
            fs,
            dir,
            current: RwLock::new(None),
            end: Mutex::new(0),
            unsynced: Mutex::default(),
        };
        if !size.is_multiple_of(PER_FILE) {
            let path = leaves.path(last);
            let missing = || StoreError::Missing {
                path: path.clone(),
                what: "it lacks rows that were synced",
            };
            let file = leaves.fs.open(&path, OpenMode::Read).map_err(|_| missing())?;
            let (_, end) = bounds(&*file, size % PER_FILE - 1).map_err(|_| missing())?;
            if file.size().map_err(doing("reading the log"))? < ROWS + u64::from(end) {
                return Err(missing());
            }
            *leaves.end.lock().unwrap_or_else(PoisonError::into_inner) = end.into();
        }
        Ok(leaves)
    }

    fn path(&self, number: u64) -> PathBuf {
        path(&self.dir, number)
    }

    /// Appends rows from index `first` on.
    pub(super) fn append(&self, first: u64, rows: &[&[u8]]) -> io::Result<()> {
        let mut index = first;
        let mut rest = rows;
        while !rest.is_empty() {
            let room = usize::try_from(PER_FILE - index % PER_FILE).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.append_to_one(index, now)?;
            index += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn append_to_one(&self, index: u64, rows: &[&[u8]]) -> io::Result<()> {
        let file = self.file_for_writing(index)?;
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = *end;
        let mut bytes = Vec::with_capacity(rows.iter().map(|row| row.len()).sum());
        let mut table = Vec::with_capacity(rows.len() * 4);
        for row in rows {
            bytes.extend_from_slice(row);
            let ends = u32::try_from(begin + bytes.len() as u64).map_err(io::Error::other)?;
            table.extend_from_slice(&ends.to_be_bytes());
        }
        file.write_all_at(&bytes, ROWS + begin)?;
        file.write_all_at(&table, 8 + index % PER_FILE * 4)?;
        *end = begin + bytes.len() as u64;
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner).insert(index / PER_FILE);
        Ok(())
    }

    fn file_for_writing(&self, index: u64) -> io::Result<Arc<dyn File>> {
        let number = index / PER_FILE;
        let open = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, file)) = open.filter(|(open, _)| *open == number) {
            return Ok(file);
        }
        let file: Arc<dyn File> = self.fs.open(&self.path(number), OpenMode::Write)?.into();
        file.write_all_at(MAGIC, 0)?;
        if index.is_multiple_of(PER_FILE) {
            *self.end.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some((number, Arc::clone(&file)));
        Ok(file)
    }

    /// The row at `index`, which the caller knows to be there.
    pub(super) fn read(&self, index: u64) -> io::Result<Vec<u8>> {
        read_row(&*self.file_for_reading(index)?, index)
    }

    fn file_for_reading(&self, index: u64) -> io::Result<Arc<dyn File>> {
        let number = index / PER_FILE;
        let open = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        match open.filter(|(open, _)| *open == number) {
            Some((_, file)) => Ok(file),
            None => Ok(self.fs.open(&self.path(number), OpenMode::Read)?.into()),
        }
    }

    /// The rows from `first` on, up to `most` and to the end of the file, in one piece. The caller knows them to be there.
    pub(super) fn read_run(&self, first: u64, most: u64) -> io::Result<LeafRun> {
        if most == 0 {
            return Ok(LeafRun { first, begin: 0, ends: Vec::new(), bytes: Vec::new() });
        }
        let file = self.file_for_reading(first)?;
        let count = most.min(PER_FILE - first % PER_FILE);
        let mut table = vec![0; usize::try_from(count * 4).map_err(io::Error::other)?];
        file.read_exact_at(&mut table, 8 + first % PER_FILE * 4)?;
        let (begin, _) = bounds(&*file, first % PER_FILE)?;
        let ends: Vec<u32> =
            table.as_chunks().0.iter().map(|end| u32::from_be_bytes(*end)).collect();
        let end = ends.last().copied().unwrap_or(begin);
        let length = end.checked_sub(begin).ok_or(io::ErrorKind::InvalidData)?;
        if u64::from(end) > file.size()?.saturating_sub(ROWS) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, ROWS + u64::from(begin))?;
        Ok(LeafRun { first, begin, ends, bytes })
    }

    /// Makes durable what was appended so far.
    pub(super) fn sync(&self) -> io::Result<()> {
        let unsynced =
            std::mem::take(&mut *self.unsynced.lock().unwrap_or_else(PoisonError::into_inner));
        for number in unsynced {
            self.fs.open(&self.path(number), OpenMode::Write)?.sync_data()?;
        }
        self.fs.sync_dir(&self.dir)
    }
}

/// The files that hold the first `size` rows, each with how many of its bytes.
pub(super) fn files(fs: &dyn Fs, dir: &Path, size: u64) -> Result<Vec<(String, u64)>, StoreError> {
    let mut files = Vec::new();
    for number in 0..size.div_ceil(PER_FILE) {
        let path = path(dir, number);
        let reading = || doing("reading the log");
        let file = fs.open(&path, OpenMode::Read).map_err(reading())?;
        let rows = PER_FILE.min(size - number * PER_FILE);
        let (_, end) = bounds(&*file, rows - 1).map_err(reading())?;
        files.push((format!("{number:012}.leaves"), ROWS + u64::from(end)));
    }
    Ok(files)
}

/// The row at `index` of the file that holds it.
pub(super) fn read_row(file: &dyn File, index: u64) -> io::Result<Vec<u8>> {
    let (begin, end) = bounds(file, index % PER_FILE)?;
    let length = end.checked_sub(begin).ok_or(io::ErrorKind::InvalidData)?;
    if u64::from(end) > file.size()?.saturating_sub(ROWS) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut row = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut row, ROWS + u64::from(begin))?;
    Ok(row)
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.leaves"))
}

/// Where a row of a file begins and ends.
fn bounds(file: &dyn File, place: u64) -> io::Result<(u32, u32)> {
    let mut end = [0; 4];
    file.read_exact_at(&mut end, 8 + place * 4)?;
    let mut begin = [0; 4];
    if let Some(before) = place.checked_sub(1) {
        file.read_exact_at(&mut begin, 8 + before * 4)?;
    }
    Ok((u32::from_be_bytes(begin), u32::from_be_bytes(end)))
}
