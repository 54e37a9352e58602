//! The highwater mark: how far the state had come, kept where no backup of the state reaches.
//!
//! A backup that is put back knows nothing of the withdrawals that came after it. This file, in the keeper's folder, does: a
//! state below it is in doubt.
//!
//! ```text
//! highwater   "CKHW" ‖ u8 version ‖ u16be len ‖ origin ‖ u64be rows ‖ u64be group ‖ u8 closed ‖ u32be crc32c of all before
//! ```
//!
//! Version 1 held the commitments of destroyed keys too, before the checksum: u32be n ‖ n × 32 bytes. It is read.

use std::path::Path;

use super::{KeeperError, destroyed::Commitment};
use crate::{
    ambient::{read_private, replace_secret},
    store::Position,
};

const MAGIC: &[u8; 4] = b"CKHW";
const VERSION: u8 = 2;
const WITH_DESTROYED: u8 = 1;
const NAME: &str = "highwater";

/// How far the state had come, as it was last noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highwater {
    /// The log's name.
    pub origin: String,
    /// What was acknowledged.
    pub position: Position,
    /// Whether it was noted when the gateway stopped, so that nothing was acknowledged after.
    pub closed: bool,
}

impl Highwater {
    /// Reads the mark in the keeper's folder; `None` if there is none yet.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>, KeeperError> {
        Ok(Self::read_with_destroyed(folder)?.map(|(mark, _)| mark))
    }

    /// The mark, and the commitments that one of version 1 held.
    pub(super) fn read_with_destroyed(
        folder: &Path,
    ) -> Result<Option<(Self, Vec<Commitment>)>, KeeperError> {
        let path = folder.join(NAME);
        let found = read_private(&path);
        let found = found.map_err(|source| KeeperError::Io { path: path.clone(), source })?;
        found.map(|bytes| parse(&bytes).ok_or(KeeperError::Damaged(path))).transpose()
    }

    /// Writes the mark, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), KeeperError> {
        let path = folder.join(NAME);
        replace_secret(&path, &self.bytes()).map_err(|source| KeeperError::Io { path, source })
    }

    /// Whether `position` has come at least as far.
    #[must_use]
    pub fn is_reached(&self, position: Position) -> bool {
        position.group >= self.position.group && position.rows >= self.position.rows
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = [MAGIC.as_slice(), &[VERSION]].concat();
        out.extend_from_slice(&u16::try_from(self.origin.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(self.origin.as_bytes());
        out.extend_from_slice(&self.position.rows.to_be_bytes());
        out.extend_from_slice(&self.position.group.to_be_bytes());
        out.push(u8::from(self.closed));
        out.extend_from_slice(&crc32c::crc32c(&out).to_be_bytes());
        out
    }
}

fn parse(bytes: &[u8]) -> Option<(Highwater, Vec<Commitment>)> {
    let (rest, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(rest) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (magic, rest) = rest.split_first_chunk::<4>()?;
    let (version, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (origin, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (rows, rest) = rest.split_first_chunk::<8>()?;
    let (group, rest) = rest.split_first_chunk::<8>()?;
    let (closed, rest) = rest.split_first()?;
    let destroyed = match *version {
        VERSION => rest.is_empty().then(Vec::new)?,
        WITH_DESTROYED => parse_destroyed(rest)?,
        _ => return None,
    };
    let mark = Highwater {
        origin: String::from_utf8(origin.to_vec()).ok()?,
        position: Position { group: u64::from_be_bytes(*group), rows: u64::from_be_bytes(*rows) },
        closed: *closed == 1,
    };
    (magic == MAGIC).then_some((mark, destroyed))
}

fn parse_destroyed(bytes: &[u8]) -> Option<Vec<Commitment>> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let (destroyed, left) = rest.as_chunks::<32>();
    let is_whole = left.is_empty() && u32::from_be_bytes(*count) as usize == destroyed.len();
    is_whole.then(|| destroyed.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_as_it_went_and_no_cut_or_flip_of_it_does() {
        let mark = Highwater {
            origin: "gw.test/log".to_owned(),
            position: Position { group: 7, rows: 9 },
            closed: true,
        };
        let bytes = mark.bytes();
        assert_eq!(parse(&bytes), Some((mark, Vec::new())));
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), None);
            let mut flipped = bytes.clone();
            flipped[end] ^= 1;
            assert_eq!(parse(&flipped), None);
        }
    }

    #[test]
    fn a_mark_of_version_1_is_read_with_the_commitments_it_holds() {
        let mark = Highwater {
            origin: "gw.test/log".to_owned(),
            position: Position { group: 7, rows: 9 },
            closed: false,
        };
        let mut bytes = mark.bytes();
        bytes.truncate(bytes.len() - 4);
        bytes[4] = WITH_DESTROYED;
        bytes.extend_from_slice(&[&2_u32.to_be_bytes()[..], &[1; 32], &[2; 32]].concat());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        assert_eq!(parse(&bytes), Some((mark, vec![[1; 32], [2; 32]])));
    }

    #[test]
    fn less_of_either_is_below_the_mark() {
        let at = |group, rows| Position { group, rows };
        let position = at(5, 5);
        let mark = Highwater { origin: String::new(), position, closed: false };
        assert!(mark.is_reached(at(5, 5)) && mark.is_reached(at(6, 9)));
        assert!(!mark.is_reached(at(4, 9)) && !mark.is_reached(at(9, 4)));
    }
}
