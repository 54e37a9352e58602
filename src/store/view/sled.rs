//! Records in sled 0.34.7, used only in ways that were measured to be safe.
//!
//! sled's `flush` writes but does not sync, so a checkpoint syncs sled's file itself. Its `flush_async` can deadlock
//! and is never called. Values over 100,000 bytes would go to files that it never syncs; the limits refuse them. It
//! panics on files it cannot read, so every call into it is caught. See `docs/decisions/0011-sled-is-a-view.md`.
//!
//! ```text
//! key    'r' ‖ the record's key                    'm' is the group that was applied last, u64 ‖ u32 crc32c
//! value  u8 format = 1 ‖ u32 crc32c of the rest and the key ‖ u64 version ‖ value
//! ```

use std::{
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::ambient::{File, Fs, OpenMode};

use super::super::codec::Reader;
use super::{Key, Record, View, ViewError, Write};

const CACHE: u64 = 64 << 20;
const FORMAT: u8 = 1;
const APPLIED: &[u8] = b"m";
/// A sled batch stays under this, in bytes.
const BATCH: usize = 64 << 10;

/// One sled database.
#[derive(Debug)]
pub(in crate::store) struct SledView {
    db: sled::Db,
    file: Box<dyn File>,
    applied: AtomicU64,
    failed: AtomicBool,
}

impl SledView {
    /// Opens the database in `dir`, or makes one.
    pub(in crate::store) fn open(fs: &dyn Fs, dir: &Path) -> Result<Self, ViewError> {
        let open = || {
            sled::Config::new()
                .path(dir)
                .cache_capacity(CACHE)
                .mode(sled::Mode::HighThroughput)
                .flush_every_ms(Some(500))
                .open()
        };
        let db = caught(open)?;
        let error = |error: std::io::Error| ViewError(error.to_string());
        let file = fs.open(&dir.join("db"), OpenMode::Write).map_err(error)?;
        fs.sync_dir(dir).map_err(error)?;
        let applied = match caught(|| db.get(APPLIED))? {
            Some(bytes) => read_applied(&bytes).ok_or_else(bad_checksum)?,
            None => 0,
        };
        Ok(Self { db, file, applied: AtomicU64::new(applied), failed: AtomicBool::new(false) })
    }

    /// Calls into sled; after a failure, nothing does any more.
    fn call<T>(&self, call: impl FnOnce() -> Result<T, ViewError>) -> Result<T, ViewError> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(ViewError("it failed before".to_owned()));
        }
        let result = catch_unwind(AssertUnwindSafe(call))
            .unwrap_or_else(|_| Err(ViewError("sled panicked".to_owned())));
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

fn caught<T>(call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, ViewError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(sled_error),
        Err(_) => Err(ViewError("sled panicked".to_owned())),
    }
}

fn sled_error(error: sled::Error) -> ViewError {
    // Only the kind: the full text may hold bytes of a page.
    ViewError(match error {
        sled::Error::Io(error) => format!("sled: {}", error.kind()),
        sled::Error::Corruption { .. } => "sled found its file corrupt".to_owned(),
        _ => "sled failed".to_owned(),
    })
}

fn bad_checksum() -> ViewError {
    ViewError("a record has a bad checksum".to_owned())
}

fn read_applied(bytes: &[u8]) -> Option<u64> {
    let mut reader = Reader(bytes);
    let seq = reader.u64()?;
    (reader.u32()? == crc32c::crc32c(&seq.to_be_bytes())).then_some(seq)
}

fn pack_applied(seq: u64) -> Vec<u8> {
    let seq = seq.to_be_bytes();
    [&seq[..], &crc32c::crc32c(&seq).to_be_bytes()].concat()
}

fn place(key: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(key.len() + 1);
    place.push(b'r');
    place.extend_from_slice(key);
    place
}

fn pack(place: &[u8], version: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 13);
    bytes.extend_from_slice(&[FORMAT, 0, 0, 0, 0]);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(value);
    let crc = checksum(bytes.get(5..).unwrap_or_default(), place);
    if let Some(to) = bytes.get_mut(1..5) {
        to.copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}

fn unpack(place: &[u8], bytes: &[u8]) -> Option<Record> {
    let mut reader = Reader(bytes);
    let (format, crc) = (reader.u8()?, reader.u32()?);
    if format != FORMAT || crc != checksum(reader.0, place) {
        return None;
    }
    Some(Record { version: reader.u64()?, value: reader.0.to_vec() })
}

fn checksum(bytes: &[u8], place: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(bytes), place)
}

impl View for SledView {
    fn read(&self, key: &[u8]) -> Result<Option<Record>, ViewError> {
        self.call(|| {
            let place = place(key);
            let found = self.db.get(&place).map_err(sled_error)?;
            found.map(|bytes| unpack(&place, &bytes).ok_or_else(bad_checksum)).transpose()
        })
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<(Key, Record)>, ViewError> {
        self.call(|| {
            let prefix = place(prefix);
            let from = after.map_or_else(
                || Bound::Included(prefix.clone()),
                |after| Bound::Excluded(place(after)),
            );
            let mut page = Vec::new();
            for found in self.db.range((from, Bound::Unbounded)).take(most) {
                let (place, bytes) = found.map_err(sled_error)?;
                if !place.starts_with(&prefix) {
                    break;
                }
                let record = unpack(&place, &bytes).ok_or_else(bad_checksum)?;
                page.push((Key::new(place.get(1..).unwrap_or_default()), record));
            }
            Ok(page)
        })
    }

    fn apply(&self, writes: &[Write<'_>], seq: u64) -> Result<(), ViewError> {
        if writes.is_empty() {
            // Replaying such a group changes nothing, so the number waits for the next write or checkpoint.
            self.applied.store(seq, Ordering::Release);
            return Ok(());
        }
        self.call(|| {
            let mut batch = sled::Batch::default();
            let mut size = 0;
            for write in writes {
                let added = match *write {
                    Write::Put(key, _, value) => key.as_bytes().len() + value.len(),
                    Write::Delete(key) | Write::DeletePrefix(key) => key.as_bytes().len(),
                };
                // A group in several sled batches: the number comes with the last, so a crash in between replays it.
                if size > 0 && size + added > BATCH {
                    self.db.apply_batch(std::mem::take(&mut batch)).map_err(sled_error)?;
                    size = 0;
                }
                size += added;
                match *write {
                    Write::Put(key, version, value) => {
                        let place = place(key.as_bytes());
                        let packed = pack(&place, version, value);
                        batch.insert(place, packed);
                    }
                    Write::Delete(key) => batch.remove(place(key.as_bytes())),
                    Write::DeletePrefix(prefix) => {
                        // What stands there is looked up, so what was put before must show first.
                        self.db.apply_batch(std::mem::take(&mut batch)).map_err(sled_error)?;
                        for found in self.db.scan_prefix(place(prefix.as_bytes())).keys() {
                            batch.remove(found.map_err(sled_error)?);
                        }
                    }
                }
            }
            batch.insert(APPLIED, pack_applied(seq));
            self.db.apply_batch(batch).map_err(sled_error)?;
            self.applied.store(seq, Ordering::Release);
            Ok(())
        })
    }

    fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    fn make_durable(&self) -> Result<(), ViewError> {
        self.call(|| {
            let applied = self.applied.load(Ordering::Acquire);
            // A group applied meanwhile may be newer than this number; it is then replayed for nothing.
            self.db.insert(APPLIED, pack_applied(applied)).map_err(sled_error)?;
            self.db.flush().map_err(sled_error)?;
            self.file.sync_data().map_err(|_| ViewError("syncing sled's file failed".to_owned()))
        })
    }

    fn is_on_disk(&self) -> bool {
        true
    }
}
