//! How far the journal was acknowledged: a witness outside it.
//!
//! A journal cannot tell by itself that its last groups are gone. After each sync the number of the group is written
//! here, without a sync of its own, which costs a microsecond. So the mark is never ahead of what was durable; if the
//! journal ends before it, acknowledged groups are missing, and the store refuses to open instead of going on without
//! them. After a power cut the mark may be old, and then proves less.
//!
//! ```text
//! magic4 ‖ u64 seq ‖ u64 segment ‖ u64 offset behind it ‖ u8 closed in order ‖ u32 crc32c
//! ```

use std::{io, path::Path};

use crate::ambient::{File, Fs, OpenMode};

use super::super::codec::Reader;

const MAGIC: [u8; 4] = *b"cMk1";
const USED: usize = 29;

/// The mark's file, and what it said when opened.
#[derive(Debug)]
pub(in crate::store) struct Mark {
    file: Box<dyn File>,
    found: Option<Place>,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) closed: bool,
}

impl Mark {
    pub(in crate::store) fn open(fs: &dyn Fs, dir: &Path) -> io::Result<Self> {
        let file = fs.open(&dir.join("mark"), OpenMode::Write)?;
        let found = read(&file.read_to(64)?);
        Ok(Self { file, found })
    }

    /// The last group that the mark in `dir` names, if there is one. Changes nothing.
    pub(in crate::store) fn read(fs: &dyn Fs, dir: &Path) -> io::Result<Option<u64>> {
        let Ok(file) = fs.open(&dir.join("mark"), OpenMode::Read) else { return Ok(None) };
        Ok(read(&file.read_to(64)?).map(|place| place.seq))
    }

    pub(super) fn found(&self) -> Option<Place> {
        self.found
    }

    /// Moves the mark. Best effort: an old mark only proves less.
    pub(in crate::store) fn set(&mut self, seq: u64, segment: u64, offset: u64, closed: bool) {
        let mut bytes = [0; 33];
        let mut out = Vec::with_capacity(bytes.len());
        out.extend_from_slice(&MAGIC);
        for number in [seq, segment, offset] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.push(u8::from(closed));
        out.extend_from_slice(&crc32c::crc32c(&out).to_be_bytes());
        bytes.copy_from_slice(&out);
        if self.file.write_all_at(&bytes, 0).is_err() {
            self.found = None;
        }
    }

    /// Makes the mark durable; false if that failed.
    pub(in crate::store) fn sync(&self) -> bool {
        self.file.sync_data().is_ok()
    }
}

fn read(bytes: &[u8]) -> Option<Place> {
    let (used, crc) = bytes.split_at_checked(USED)?;
    let mut reader = Reader(used);
    let magic: [u8; 4] = reader.array()?;
    let place = Place {
        seq: reader.u64()?,
        segment: reader.u64()?,
        offset: reader.u64()?,
        closed: reader.u8()? == 1,
    };
    (magic == MAGIC && Reader(crc).u32()? == crc32c::crc32c(used)).then_some(place)
}
