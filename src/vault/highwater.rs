//! The highwater mark: how far the state had come, and which keys were destroyed, kept where no backup of the state
//! reaches.
//!
//! A backup that is put back knows nothing of the withdrawals and erasures that came after it. This file, in the
//! keeper's folder, does: a state below it is in doubt, and a key whose commitment stands in it is not taken back.
//!
//! ```text
//! highwater   "CKHW" ‖ u8 version ‖ u16be len ‖ origin ‖ u64be rows ‖ u64be group ‖ u8 closed ‖ u32be n ‖ n × 32 bytes
//!             ‖ u32be crc32c of all before
//! ```

use std::{collections::BTreeSet, path::Path};

use super::KeeperError;
use crate::{
    ambient::{read_secret, replace_secret},
    store::Position,
};

const MAGIC: &[u8; 4] = b"CKHW";
const VERSION: u8 = 1;
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
    /// The commitments of the keys that were destroyed
    /// ([`KeyEvent::Erased`](super::KeyEvent::Erased)).
    pub erased: BTreeSet<[u8; 32]>,
}

impl Highwater {
    /// Reads the mark in the keeper's folder; `None` if there is none yet.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>, KeeperError> {
        let path = folder.join(NAME);
        let found = read_secret(&path);
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
        out.extend_from_slice(&u32::try_from(self.erased.len()).unwrap_or(u32::MAX).to_be_bytes());
        for commitment in &self.erased {
            out.extend_from_slice(commitment);
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_be_bytes());
        out
    }
}

fn parse(bytes: &[u8]) -> Option<Highwater> {
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
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (erased, left) = rest.as_chunks::<32>();
    let whole = left.is_empty() && u32::from_be_bytes(*count) as usize == erased.len();
    (magic == MAGIC && *version == VERSION && whole).then_some(Highwater {
        origin: String::from_utf8(origin.to_vec()).ok()?,
        position: Position { group: u64::from_be_bytes(*group), rows: u64::from_be_bytes(*rows) },
        closed: *closed == 1,
        erased: erased.iter().copied().collect(),
    })
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
            erased: [[1; 32], [2; 32]].into(),
        };
        let bytes = mark.bytes();
        assert_eq!(parse(&bytes), Some(mark));
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), None);
            let mut flipped = bytes.clone();
            flipped[end] ^= 1;
            assert_eq!(parse(&flipped), None);
        }
    }

    #[test]
    fn less_of_either_is_below_the_mark() {
        let at = |group, rows| Position { group, rows };
        let position = at(5, 5);
        let mark =
            Highwater { origin: String::new(), position, closed: false, erased: BTreeSet::new() };
        assert!(mark.is_reached(at(5, 5)) && mark.is_reached(at(6, 9)));
        assert!(!mark.is_reached(at(4, 9)) && !mark.is_reached(at(9, 4)));
    }
}
