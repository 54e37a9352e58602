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
const PER_BLOCK: u64 = 4096;

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

    /// The rows from index `first` on, which the caller knows to be there: `count` of them, or fewer where their file or a
    /// block ends. It takes two reads, however many they are.
    pub(super) fn block(&self, first: u64, count: u64) -> io::Result<Block> {
        let place = first % PER_FILE;
        let count = count.min(PER_FILE - place).min(PER_BLOCK);
        let file = self.file_for_reading(first)?;
        // Where the row before ends is where the first begins; before the first row of a file stands nothing.
        let before = u64::from(place > 0);
        let entries = usize::try_from(count + before).map_err(io::Error::other)?;
        let mut table = vec![0; entries * 4];
        file.read_exact_at(&mut table, 8 + (place - before) * 4)?;
        let (numbers, _) = table.as_chunks::<4>();
        let mut ends: Vec<u32> = numbers.iter().map(|end| u32::from_be_bytes(*end)).collect();
        let begin = if before > 0 { ends.remove(0) } else { 0 };
        let last = ends.last().copied().unwrap_or(begin);
        let is_sorted = ends.is_sorted() && ends.first().is_none_or(|end| *end >= begin);
        if !is_sorted || u64::from(last) > file.size()?.saturating_sub(ROWS) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; usize::try_from(last - begin).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, ROWS + u64::from(begin))?;
        Ok(Block { begin, ends, bytes })
    }

    fn file_for_reading(&self, index: u64) -> io::Result<Arc<dyn File>> {
        let number = index / PER_FILE;
        let open = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        match open.filter(|(open, _)| *open == number) {
            Some((_, file)) => Ok(file),
            None => Ok(self.fs.open(&self.path(number), OpenMode::Read)?.into()),
        }
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

/// Rows that stand one behind another.
#[derive(Debug)]
pub(super) struct Block {
    begin: u32,
    /// Where each ends, counted as in their file.
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Block {
    /// The rows in their order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        let mut begin = self.begin;
        self.ends.iter().map_while(move |end| {
            let (row, after) = rest.split_at_checked((end - begin) as usize)?;
            (rest, begin) = (after, *end);
            Some(row)
        })
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
