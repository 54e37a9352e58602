//! The journal: the truth that every view is made from.
//!
//! Promises: a group is in the file and synced before [`Journal::append`] returns, and the next is written only then;
//! so whatever a crash tears is the last group, which nobody was told of. A group that could not be written is wiped
//! before another takes its place. Segments are zeroed before use and never used twice.

mod mark;
mod replay;
mod segment;
mod spares;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::ambient::Entropy;

use super::seal::{FILE_HEAD, FRAME_COST, Sealer};

pub(super) use mark::Mark;
pub(super) use replay::{Cut, Found};
pub(super) use segment::{Maker, Segment, path};
pub(super) use spares::Spares;

/// Where the journal of the store in `dir` lives.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// Where the next group goes: a sector of its own, so that writing it can tear nothing that was acknowledged.
pub(super) fn sector_after(offset: u64) -> u64 {
    offset.next_multiple_of(512)
}

/// Why a group is not in the journal.
#[derive(Debug)]
pub(super) enum AppendError {
    /// Writing failed; the place is wiped before the next group.
    Write,
    /// No segment has room.
    Full,
    /// The sync failed: whether the group will be found is unknown.
    Sync,
}

/// The segments that hold groups: number and first group of each, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<Mutex<Vec<(u64, u64)>>>);

impl Held {
    pub(super) fn push(&self, segment: u64, first_seq: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((segment, first_seq));
    }

    /// The segments that hold groups after `seq`, and the newest.
    pub(super) fn behind(&self, seq: u64) -> Vec<u64> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = held.iter().skip(1).take_while(|(_, first)| *first <= seq + 1).count();
        held.iter().skip(covered).map(|(segment, _)| *segment).collect()
    }

    /// Takes out the segments that hold no group after `seq`; the newest always stays.
    pub(super) fn covered_by(&self, seq: u64) -> Vec<u64> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let following = held.iter().skip(1).take_while(|(_, first)| *first <= seq + 1).count();
        held.drain(..following).map(|(segment, _)| segment).collect()
    }
}

/// The end of the journal, where groups are appended. One thread owns it.
#[derive(Debug)]
pub(super) struct Journal {
    current: Segment,
    offset: u64,
    seq: u64,
    frame: Vec<u8>,
    /// The length of a frame at `offset` that was not written whole and has to be wiped first.
    unwiped: Option<usize>,
    /// A sync failed: what is behind `offset` is unknown.
    uncertain: bool,
    /// Nothing more goes into this segment.
    left: bool,
    spares: Arc<Spares>,
    held: Held,
    mark: Mark,
    entropy: Entropy,
}

impl Journal {
    pub(super) fn new(
        current: Segment,
        end: (u64, u64),
        spares: Arc<Spares>,
        held: Held,
        mark: Mark,
        entropy: Entropy,
    ) -> Self {
        let (offset, seq) = end;
        Self {
            current,
            offset,
            seq,
            frame: Vec::new(),
            unwiped: None,
            uncertain: false,
            left: false,
            spares,
            held,
            mark,
            entropy,
        }
    }

    /// Whether a group of up to `most` bytes leaves the reserve untouched. Waits while a segment is being made.
    pub(super) fn leaves_reserve(&self, most: usize) -> bool {
        let fits = self.fits(most + FRAME_COST);
        self.spares.ready_beyond_reserve(usize::from(!fits))
    }

    fn fits(&self, length: usize) -> bool {
        !self.left && self.offset + length as u64 <= self.current.size
    }

    /// Lets the next group begin a segment, so that the ones before hold nothing that comes after now.
    pub(super) fn leave_segment(&mut self) {
        self.left |= self.offset > FILE_HEAD as u64;
    }

    /// Appends what `fill` writes as one group and syncs it; returns its number.
    pub(super) fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<u64, AppendError> {
        self.wipe()?;
        let seq = self.seq + 1;
        let mut frame = std::mem::take(&mut self.frame);
        Sealer::begin(&mut frame);
        fill(&mut frame);
        let appended = self.write(seq, &mut frame);
        self.frame = frame;
        self.uncertain |= matches!(appended, Err(AppendError::Sync));
        appended?;
        self.seq = seq;
        self.mark.set(seq, self.current.number, self.offset, false);
        Ok(seq)
    }

    fn write(&mut self, seq: u64, frame: &mut Vec<u8>) -> Result<(), AppendError> {
        // The tag follows when the frame is sealed.
        if !self.fits(frame.len() + 16) {
            self.next_segment(frame.len() + 16)?;
        }
        self.current.sealer.finish(seq, &self.entropy, frame).map_err(|_| AppendError::Write)?;
        if self.current.file.write_all_at(frame, self.offset).is_err() {
            self.unwiped = Some(frame.len());
            // At once, since the frame may be whole on the disk; if this fails too, before the next group.
            self.wipe()?;
            return Err(AppendError::Write);
        }
        self.current.file.sync_data().map_err(|_| AppendError::Sync)?;
        if self.offset == FILE_HEAD as u64 {
            self.held.push(self.current.number, seq);
        }
        self.offset = sector_after(self.offset + frame.len() as u64);
        Ok(())
    }

    /// Goes on in a new segment; spares of an earlier size may be too small and are passed over.
    fn next_segment(&mut self, length: usize) -> Result<(), AppendError> {
        loop {
            self.current = self.spares.take().ok_or(AppendError::Full)?;
            (self.offset, self.left) = (FILE_HEAD as u64, false);
            if self.fits(length) {
                return Ok(());
            }
        }
    }

    /// Zeroes what a failed write left, so that it is never taken for a group.
    fn wipe(&mut self) -> Result<(), AppendError> {
        let Some(length) = self.unwiped else { return Ok(()) };
        let zeros = vec![0; length];
        self.current.file.write_all_at(&zeros, self.offset).map_err(|_| AppendError::Write)?;
        self.current.file.sync_data().map_err(|_| AppendError::Sync)?;
        self.unwiped = None;
        Ok(())
    }

    /// Notes that the journal ends here on purpose, so that the next start need not search behind it.
    pub(super) fn close(mut self) {
        if self.unwiped.is_none() && !self.uncertain {
            self.mark.set(self.seq, self.current.number, self.offset, true);
            self.mark.sync();
        }
    }
}
