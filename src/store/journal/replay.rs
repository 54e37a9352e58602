//! Reading the journal when the store opens: which groups there are, and where it ends.
//!
//! Promises: groups are handed on in order and without a gap. A bad group is cut only if it is the last and nothing
//! shows that it was acknowledged; otherwise the store refuses to open and names the place.

use std::{collections::VecDeque, path::Path};

use crate::ambient::{Fs, OpenMode};

use super::super::{
    error::{StoreError, doing},
    options::FileKey,
    seal::{self, FILE_HEAD, Kind},
};
use super::{
    Mark,
    mark::Place,
    sector_after,
    segment::{self, Segment},
};

/// The journal as found on the disk.
#[derive(Debug)]
pub(in crate::store) struct Found {
    segments: Vec<FoundSegment>,
    pub(in crate::store) mark: Mark,
}

#[derive(Debug)]
struct FoundSegment {
    segment: Segment,
    /// The number of its first group, if it begins with one.
    first: Option<u64>,
}

/// Where the journal ends.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct End {
    /// The last group.
    pub(in crate::store) seq: u64,
    /// Its segment, by place in the list, and the byte behind it.
    index: usize,
    offset: u64,
    /// Whether the journal was closed here in order.
    closed: bool,
}

/// A journal that can be appended to.
#[derive(Debug)]
pub(in crate::store) struct Cut {
    /// The segment that it ends in, and the byte to go on at; none if there is no segment yet.
    pub(in crate::store) current: Option<(Segment, u64)>,
    /// Segments without groups.
    pub(in crate::store) spares: VecDeque<Segment>,
    /// The number of the next segment to make.
    pub(in crate::store) next_number: u64,
    /// Numbers and first groups of those that hold groups.
    pub(in crate::store) held: Vec<(u64, u64)>,
    /// Bytes of a torn group that were zeroed.
    pub(in crate::store) torn: u64,
    pub(in crate::store) mark: Mark,
}

impl Found {
    /// Opens all segments; removes those that were never finished.
    pub(in crate::store) fn open(
        fs: &dyn Fs,
        dir: &Path,
        key: &FileKey,
    ) -> Result<Self, StoreError> {
        let mut segments = Vec::new();
        for name in fs.list(dir).map_err(doing("listing the journal"))? {
            if name.strip_suffix(".tmp").is_some() {
                fs.remove_file(&dir.join(&name))
                    .map_err(doing("removing an unfinished segment"))?;
            }
            let Some(number) = name.strip_suffix(".seg").and_then(|stem| stem.parse().ok()) else {
                continue;
            };
            segments.push(open_segment(fs, dir, number, key)?);
        }
        let mark = Mark::open(fs, dir).map_err(doing("opening the mark of the journal"))?;
        Ok(Self { segments, mark })
    }

    /// Hands each group after `after` to `each`, in order.
    pub(in crate::store) fn walk(
        &self,
        after: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), StoreError>,
    ) -> Result<End, StoreError> {
        let begins = |found: &FoundSegment| found.first.is_some_and(|first| first <= after + 1);
        let start = self.segments.iter().rposition(begins).unwrap_or(0);
        let first = self.segments.get(start).and_then(|found| found.first);
        let mut next = first.map_or(after + 1, |first| first.min(after + 1));
        let mut end = End { seq: next - 1, index: start, offset: FILE_HEAD as u64, closed: false };
        for (index, found) in self.segments.iter().enumerate().skip(start) {
            let closed = self.closed_in(index)?;
            let bytes = found.read(closed.map(|mark| mark.offset))?;
            let mut offset = FILE_HEAD;
            while let Some(frame) = bytes.get(offset..).and_then(|b| found.segment.sealer.find(b)) {
                if frame.seq != next {
                    return Err(self.damaged(&end, "groups before a later one are bad or missing"));
                }
                if frame.seq > after {
                    let payload = found.segment.sealer.open(frame);
                    each(frame.seq, &payload.ok_or_else(|| found.wrong_key())?)?;
                }
                offset = usize::try_from(sector_after((offset + frame.length()) as u64))
                    .unwrap_or(usize::MAX);
                next += 1;
                end = End { seq: frame.seq, index, offset: offset as u64, closed: false };
            }
            if closed.is_some_and(|mark| mark.seq == end.seq && mark.offset == end.offset) {
                return Ok(End { closed: true, ..end });
            }
            // What was read may end at a mark that is wrong; the search must not.
            let all = if closed.is_some() { found.read(None)? } else { bytes };
            let rest = all.get(offset..used(&all)).unwrap_or_default();
            if found.segment.sealer.any(rest) {
                return Err(self.damaged(&end, "a bad group stands before a good one"));
            }
        }
        if end.seq < after {
            end.seq = after;
        }
        if self.mark.found().is_some_and(|mark| mark.seq > end.seq) {
            return Err(self.damaged(&end, "acknowledged groups at its end are bad or missing"));
        }
        Ok(end)
    }

    /// The mark, if it says that the journal was closed in order in this segment, and no group stands behind it: after
    /// a power cut it may be the mark of an earlier life.
    fn closed_in(&self, index: usize) -> Result<Option<Place>, StoreError> {
        let Some(found) = self.segments.get(index) else { return Ok(None) };
        let number = found.segment.number;
        let is_last = self.segments.get(index + 1).is_none_or(|next| next.first.is_none());
        let mark = self.mark.found().filter(|mark| mark.closed && mark.segment == number);
        let Some(mark) = mark.filter(|_| is_last) else { return Ok(None) };
        let mut behind = [0; 512];
        let read = found.segment.file.read_at(&mut behind, mark.offset);
        read.map_err(doing("reading a segment"))?;
        Ok((behind == [0; 512]).then_some(mark))
    }

    /// The error for a journal that is bad behind `end`.
    pub(in crate::store) fn damaged(&self, end: &End, what: &'static str) -> StoreError {
        let segment = self.segments.get(end.index).map_or(0, |found| found.segment.number);
        StoreError::Damaged { segment, offset: end.offset, what }
    }

    /// Zeroes what lies behind the end, and durably, so that nothing of it is ever taken for a group.
    pub(in crate::store) fn cut(self, end: End) -> Result<Cut, StoreError> {
        let mut torn = 0;
        for (index, found) in self.segments.iter().enumerate().skip(end.index) {
            let from = if index == end.index { end.offset } else { FILE_HEAD as u64 };
            if !end.closed {
                torn += found.wipe(from).map_err(doing("cutting a torn group"))?;
            }
        }
        let next_number = self.segments.last().map_or(1, |found| found.segment.number + 1);
        let held = |found: &FoundSegment| Some((found.segment.number, found.first?));
        let held = self.segments.iter().take(end.index + 1).filter_map(held).collect();
        let mut spares: VecDeque<_> =
            self.segments.into_iter().skip(end.index).map(|found| found.segment).collect();
        let current = spares.pop_front().map(|segment| (segment, end.offset));
        Ok(Cut { current, spares, next_number, held, torn, mark: self.mark })
    }
}

fn open_segment(
    fs: &dyn Fs,
    dir: &Path,
    number: u64,
    key: &FileKey,
) -> Result<FoundSegment, StoreError> {
    let path = segment::path(dir, number);
    let file = fs.open(&path, OpenMode::Write).map_err(doing("opening a segment"))?;
    let (size, sealer) =
        seal::open_file(Kind::Journal, number, &*file, &path, key)?.ok_or(StoreError::Damaged {
            segment: number,
            offset: 0,
            what: "the head of the file is bad",
        })?;
    let segment = Segment { number, file, sealer, size };
    let first = first_group(&segment).map_err(doing("reading a segment"))?;
    Ok(FoundSegment { segment, first })
}

fn first_group(segment: &Segment) -> std::io::Result<Option<u64>> {
    let mut head = [0; 28];
    match segment.file.read_exact_at(&mut head, FILE_HEAD as u64) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let Some(length) = seal::claimed_length(&head) else { return Ok(None) };
    let rest = usize::try_from(segment.file.size()?).unwrap_or(usize::MAX) - FILE_HEAD;
    let mut frame = vec![0; length.min(rest)];
    segment.file.read_exact_at(&mut frame, FILE_HEAD as u64)?;
    Ok(segment.sealer.find(&frame).map(|frame| frame.seq))
}

/// The bytes up to the last that is not zero.
fn used(bytes: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let blocks = bytes.chunks(BLOCK).enumerate();
    // Whole blocks are compared at once: a segment is mostly zeros.
    let last = blocks.rev().find(|(_, block)| Some(*block) != [0; BLOCK].get(..block.len()));
    last.map_or(0, |(at, block)| {
        at * BLOCK + block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    })
}

impl FoundSegment {
    fn read(&self, most: Option<u64>) -> Result<Vec<u8>, StoreError> {
        self.segment.file.read_to(most.unwrap_or(u64::MAX)).map_err(doing("reading a segment"))
    }

    fn wrong_key(&self) -> StoreError {
        StoreError::WrongKey { path: format!("journal/{:020}.seg", self.segment.number).into() }
    }

    /// Zeroes from `from` to the end, if anything is there; returns how many bytes were.
    fn wipe(&self, from: u64) -> std::io::Result<u64> {
        let bytes = self.segment.file.read_to(self.segment.size)?;
        let used = used(&bytes) as u64;
        let short = (bytes.len() as u64) < self.segment.size;
        if used <= from && !short {
            return Ok(0);
        }
        let to = if short { self.segment.size } else { used };
        segment::zero(&*self.segment.file, from.min(bytes.len() as u64), to)?;
        self.segment.file.sync_data()?;
        Ok(used.saturating_sub(from))
    }
}
