//! Snapshots: the state at one group, so that the journal before it can go.
//!
//! Promises: a snapshot has its name only when it was written whole, synced and read back. It is taken while commits
//! go on, so it may hold writes of groups after its own; replaying those groups over it gives the state as it was,
//! because every write states the whole record. The last of them is noted, and a journal that ends before it is
//! refused.
//!
//! ```text
//! snap/snap-<seq, 20 digits>    file head, then frames (see `seal`), numbered from 0:
//!   0    u64 seq ‖ i64 ms taken at ‖ u64 log size ‖ u8 ‖ [period kept from] ‖ u32 n ‖ n × (period ‖ u64 count ‖ u64 bytes)
//!   …    1 ‖ n × (sid16 ‖ u32 epoch)
//!   …    2 ‖ n × (u16 len ‖ key ‖ u64 version ‖ u32 len ‖ value)
//!   last 3 ‖ u64 epochs ‖ u64 records ‖ u64 last group that may show
//! ```

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    ambient::{Entropy, File, Fs, OpenMode},
    domain::{Epoch, Sid, Timestamp},
};

use super::{
    batch::{Key, Record},
    bodies::Extent,
    codec::{Reader, write_long, write_period, write_short},
    error::{StoreError, doing},
    options::FileKey,
    period::Period,
    seal::{self, FILE_HEAD, FRAME_COST, FRAME_HEAD, Kind, Sealer},
};

const EPOCHS: u8 = 1;
const RECORDS: u8 = 2;
const END: u8 = 3;
const END_FRAME: u64 = 25 + FRAME_COST as u64;
/// A frame of epochs or records is closed once it holds this many bytes.
const CHUNK: usize = 128 << 10;

/// What a snapshot is of, beside epochs and records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) seq: u64,
    pub(super) log_size: u64,
    pub(super) bodies: BTreeMap<Period, Extent>,
    pub(super) bodies_from: Option<Period>,
}

/// Where snapshots live, and what they are sealed under.
#[derive(Clone, Debug)]
pub(super) struct Snapshots {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
    pub(super) key: FileKey,
    pub(super) entropy: Entropy,
}

/// A snapshot that is being written.
pub(super) struct Draft<'a> {
    of: &'a Snapshots,
    seq: u64,
    path: PathBuf,
    file: Box<dyn File>,
    sealer: Sealer,
    frame: Vec<u8>,
    frames: u64,
    offset: u64,
    epochs: u64,
    records: u64,
}

/// A snapshot that was found whole as far as it was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) cut: Cut,
    /// The last group whose writes it may show.
    pub(super) through: u64,
    path: PathBuf,
    file: Box<dyn File>,
    sealer: Sealer,
    counts: (u64, u64),
}

impl Snapshots {
    fn path(&self, seq: u64) -> PathBuf {
        self.dir.join(format!("snap-{seq:020}"))
    }

    /// The groups at which snapshots were taken, oldest first. Removes what was never finished.
    pub(super) fn list(&self) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        for name in self.fs.list(&self.dir).map_err(doing("listing snapshots"))? {
            if let Some(seq) = name.strip_prefix("snap-").and_then(|seq| seq.parse().ok()) {
                found.push(seq);
            }
        }
        Ok(found)
    }

    /// Removes what was never finished.
    pub(super) fn tidy(&self) -> Result<(), StoreError> {
        for name in self.fs.list(&self.dir).map_err(doing("listing snapshots"))? {
            if name.strip_suffix(".tmp").is_some() {
                let removed = self.fs.remove_file(&self.dir.join(name));
                removed.map_err(doing("removing an unfinished snapshot"))?;
            }
        }
        Ok(())
    }

    pub(super) fn remove(&self, seq: u64) -> Result<(), StoreError> {
        self.fs
            .remove_file(&self.path(seq))
            .and_then(|()| self.fs.sync_dir(&self.dir))
            .map_err(doing("removing an old snapshot"))
    }

    /// Begins a snapshot of `cut`.
    pub(super) fn begin(&self, cut: &Cut, now: Timestamp) -> Result<Draft<'_>, StoreError> {
        let path = self.dir.join(format!("snap-{:020}.tmp", cut.seq));
        let write = doing("writing a snapshot");
        let (head, sealer) = seal::new_file(Kind::Snapshot, cut.seq, 0, &self.key, &self.entropy)?;
        let opened = self.fs.open(&path, OpenMode::Truncate);
        let file =
            opened.and_then(|file| file.write_all_at(&head, 0).map(|()| file)).map_err(write)?;
        let mut draft = Draft {
            of: self,
            seq: cut.seq,
            path,
            file,
            sealer,
            frame: Vec::new(),
            frames: 0,
            offset: FILE_HEAD as u64,
            epochs: 0,
            records: 0,
        };
        draft.put(|out| write_cut(out, cut, now))?;
        Ok(draft)
    }

    /// Opens the snapshot of group `seq`. `None` if it is damaged.
    pub(super) fn open(&self, seq: u64) -> Result<Option<Snapshot>, StoreError> {
        self.open_path(seq, self.path(seq))
    }

    fn open_path(&self, seq: u64, path: PathBuf) -> Result<Option<Snapshot>, StoreError> {
        let file = self.fs.open(&path, OpenMode::Read).map_err(doing("opening a snapshot"))?;
        let head = seal::open_file(Kind::Snapshot, seq, &*file, &path, &self.key)?;
        let Some((_, sealer)) = head else { return Ok(None) };
        let wrong = || StoreError::WrongKey { path: path.clone() };
        let size = file.size().map_err(doing("reading a snapshot"))?;
        let Some(first) = read_frame(&*file, FILE_HEAD as u64)? else { return Ok(None) };
        let last = size.checked_sub(END_FRAME).filter(|at| *at > FILE_HEAD as u64);
        let Some(last) = last.map(|at| read_frame(&*file, at)).transpose()?.flatten() else {
            return Ok(None);
        };
        let frames = (sealer.find(&first), sealer.find(&last));
        let (Some(first), Some(last)) = frames else { return Ok(None) };
        let last = sealer.open(last).ok_or_else(wrong)?;
        let cut = read_cut(&sealer.open(first).ok_or_else(wrong)?);
        let (Some(cut), Some((counts, through))) = (cut, read_end(&last)) else { return Ok(None) };
        if cut.seq != seq {
            return Ok(None);
        }
        Ok(Some(Snapshot { cut, through, path, file, sealer, counts }))
    }
}

impl Draft<'_> {
    fn put(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
        Sealer::begin(&mut self.frame);
        fill(&mut self.frame);
        self.sealer.finish(self.frames, &self.of.entropy, &mut self.frame)?;
        let written = self.file.write_all_at(&self.frame, self.offset);
        written.map_err(doing("writing a snapshot"))?;
        self.offset += self.frame.len() as u64;
        self.frames += 1;
        Ok(())
    }

    pub(super) fn epochs(&mut self, epochs: &[(Sid, Epoch)]) -> Result<(), StoreError> {
        for chunk in epochs.chunks(CHUNK / 20) {
            self.epochs += chunk.len() as u64;
            self.put(|out| {
                out.push(EPOCHS);
                for (sid, epoch) in chunk {
                    out.extend_from_slice(&sid.0);
                    out.extend_from_slice(&epoch.0.to_be_bytes());
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn records(&mut self, records: &[(Key, Record)]) -> Result<(), StoreError> {
        self.records += records.len() as u64;
        self.put(|out| {
            out.push(RECORDS);
            for (key, record) in records {
                write_short(out, key.as_bytes());
                out.extend_from_slice(&record.version.to_be_bytes());
                write_long(out, &record.value);
            }
        })
    }

    /// Ends the snapshot, reads all of it back and gives it its name. `through` is the last group it may show.
    pub(super) fn finish(mut self, through: u64) -> Result<(), StoreError> {
        let (epochs, records) = (self.epochs, self.records);
        self.put(|out| {
            out.push(END);
            for number in [epochs, records, through] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        })?;
        self.file.sync_data().map_err(doing("syncing a snapshot"))?;
        let whole = match self.of.open_path(self.seq, self.path.clone())? {
            Some(written) => written.read(&mut |_| Ok(()), Some(&mut |_| Ok(())))?,
            None => false,
        };
        if !whole {
            return Err(StoreError::Missing {
                path: self.path,
                what: "a new snapshot did not read back",
            });
        }
        let named = self.of.fs.rename(&self.path, &self.of.path(self.seq));
        named.and_then(|()| self.of.fs.sync_dir(&self.of.dir)).map_err(doing("naming a snapshot"))
    }
}

/// Takes what a frame of a snapshot holds.
pub(super) type Take<'a, T> = &'a mut dyn FnMut(Vec<T>) -> Result<(), StoreError>;

impl Snapshot {
    /// Reads epochs, and records if asked for. False if a part of what was asked for is damaged.
    pub(super) fn read(
        &self,
        epochs: Take<'_, (Sid, Epoch)>,
        mut records: Option<Take<'_, (Key, Record)>>,
    ) -> Result<bool, StoreError> {
        let mut counts = (0, 0);
        let mut offset = FILE_HEAD as u64;
        for seq in 0_u64.. {
            let Some(bytes) = read_frame(&*self.file, offset)? else { return Ok(false) };
            let Some(frame) = self.sealer.find(&bytes).filter(|frame| frame.seq == seq) else {
                return Ok(false);
            };
            offset += frame.length() as u64;
            if seq == 0 {
                continue;
            }
            let wrong = || StoreError::WrongKey { path: self.path.clone() };
            let payload = self.sealer.open(frame).ok_or_else(wrong)?;
            let mut reader = Reader(&payload);
            match (reader.u8(), &mut records) {
                (Some(EPOCHS), _) => {
                    let Some(read) = read_epochs(reader) else { return Ok(false) };
                    counts.0 += read.len() as u64;
                    epochs(read)?;
                }
                (Some(RECORDS), Some(records)) => {
                    let Some(read) = read_records(reader) else { return Ok(false) };
                    counts.1 += read.len() as u64;
                    records(read)?;
                }
                (Some(RECORDS), None) => return Ok(counts.0 == self.counts.0),
                (Some(END), _) => return Ok(counts == self.counts),
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}

/// The bytes that say to be a frame at `offset`; `None` if the file ends before.
fn read_frame(file: &dyn File, offset: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let read = doing("reading a snapshot");
    let left = file.size().map_err(doing("reading a snapshot"))?.saturating_sub(offset);
    let mut head = [0; FRAME_HEAD];
    if left < FRAME_HEAD as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut head, offset).map_err(read)?;
    let length = seal::claimed_length(&head).filter(|length| *length as u64 <= left);
    let Some(length) = length else { return Ok(None) };
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(doing("reading a snapshot"))?;
    Ok(Some(bytes))
}

fn write_cut(out: &mut Vec<u8>, cut: &Cut, now: Timestamp) {
    out.extend_from_slice(&cut.seq.to_be_bytes());
    out.extend_from_slice(&now.millis().to_be_bytes());
    out.extend_from_slice(&cut.log_size.to_be_bytes());
    out.push(u8::from(cut.bodies_from.is_some()));
    if let Some(period) = cut.bodies_from {
        write_period(out, period);
    }
    out.extend_from_slice(&u32::try_from(cut.bodies.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (period, extent) in &cut.bodies {
        write_period(out, *period);
        out.extend_from_slice(&extent.count.to_be_bytes());
        out.extend_from_slice(&extent.bytes.to_be_bytes());
    }
}

fn read_cut(bytes: &[u8]) -> Option<Cut> {
    let mut reader = Reader(bytes);
    let (seq, _taken_at, log_size) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let bodies_from = if reader.u8()? == 0 { None } else { Some(reader.period()?) };
    let mut bodies = BTreeMap::new();
    for _ in 0..reader.u32()? {
        let period = reader.period()?;
        bodies.insert(period, Extent { count: reader.u64()?, bytes: reader.u64()? });
    }
    Some(Cut { seq, log_size, bodies, bodies_from })
}

fn read_end(bytes: &[u8]) -> Option<((u64, u64), u64)> {
    let mut reader = Reader(bytes);
    let kind = reader.u8()?;
    let end = ((reader.u64()?, reader.u64()?), reader.u64()?);
    (kind == END && reader.0.is_empty()).then_some(end)
}

fn read_epochs(mut reader: Reader<'_>) -> Option<Vec<(Sid, Epoch)>> {
    let mut epochs = Vec::with_capacity(reader.0.len() / 20);
    while !reader.0.is_empty() {
        epochs.push((Sid(reader.array()?), Epoch(reader.u32()?)));
    }
    Some(epochs)
}

fn read_records(mut reader: Reader<'_>) -> Option<Vec<(Key, Record)>> {
    let mut records = Vec::new();
    while !reader.0.is_empty() {
        let key = Key::new(reader.short()?);
        let record = Record { version: reader.u64()?, value: reader.long()?.to_vec() };
        records.push((key, record));
    }
    Some(records)
}

/// Where snapshots of the store in `dir` live.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("snap")
}
