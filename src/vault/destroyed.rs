//! Which keys were destroyed, kept where no backup of the state reaches: by their commitments
//! ([`KeyEvent::Erased`](super::KeyEvent::Erased)), in the keeper's folder.
//!
//! Promises: what an erasure adds is durable when it is told so, and costs one small write however many there were. A crash
//! or a full disk leaves at the end what was never told to be there; it is cut off by the next one that is added.
//!
//! ```text
//! destroyed   "CKDK" ‖ u8 version ‖ n × (commitment, 32 bytes ‖ u32be crc32c of it)
//! ```

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::KeeperError;
use crate::ambient::{append_private, read_private};

const HEAD: &[u8; 5] = b"CKDK\x01";
const NAME: &str = "destroyed";
/// A commitment to a key: a keyed hash of it.
pub(super) type Commitment = [u8; 32];

/// A commitment and its checksum.
const RECORD: usize = 36;

/// The file, and how much of it counts.
#[derive(Debug)]
pub(super) struct Destroyed {
    path: PathBuf,
    length: u64,
}

impl Destroyed {
    /// The file in the keeper's folder, and what stands in it.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(super) fn read(folder: &Path) -> Result<(Self, BTreeSet<Commitment>), KeeperError> {
        let path = folder.join(NAME);
        let read = read_private(&path);
        let bytes = read.map_err(|source| KeeperError::Io { path: path.clone(), source })?;
        let bytes = bytes.unwrap_or_default();
        let (all, length) = parse(&bytes).ok_or_else(|| KeeperError::Damaged(path.clone()))?;
        Ok((Self { path, length: length as u64 }, all))
    }

    /// Adds a commitment, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&mut self, commitment: &Commitment) -> Result<(), KeeperError> {
        let head = if self.length == 0 { HEAD.as_slice() } else { &[] };
        let crc = crc32c::crc32c(commitment).to_be_bytes();
        let bytes = [head, commitment, &crc].concat();
        let added = append_private(&self.path, self.length, &bytes);
        added.map_err(|source| KeeperError::Io { path: self.path.clone(), source })?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// What stands in `bytes`, and how many of them count; `None` if something else than their end is damaged.
fn parse(bytes: &[u8]) -> Option<(BTreeSet<Commitment>, usize)> {
    let Some(records) = bytes.strip_prefix(HEAD) else {
        // Of the first one that was added, the head is not whole.
        let is_begun = bytes.len() < HEAD.len() + RECORD;
        return is_begun.then(|| (BTreeSet::new(), 0));
    };
    let (records, _) = records.as_chunks::<RECORD>();
    let mut all = BTreeSet::new();
    for (place, record) in records.iter().enumerate() {
        let (commitment, crc) = record.split_last_chunk::<4>()?;
        if crc32c::crc32c(commitment) != u32::from_be_bytes(*crc) {
            let is_last = place + 1 == records.len();
            return is_last.then(|| (all, length_of(place)));
        }
        all.insert(commitment.try_into().ok()?);
    }
    Some((all, length_of(records.len())))
}

fn length_of(records: usize) -> usize {
    if records == 0 { 0 } else { HEAD.len() + records * RECORD }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("consentry-destroyed-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    fn commitments(count: u32) -> Vec<Commitment> {
        (0..count).map(|number| [u8::try_from(number % 251).unwrap(); 32]).collect()
    }

    #[test]
    fn what_is_added_stays_and_what_a_crash_left_behind_it_goes_with_the_next() {
        let folder = folder();
        let (mut file, none) = Destroyed::read(&folder).unwrap();
        assert!(none.is_empty());
        let [one, two, three] = commitments(3)[..] else { panic!("three") };
        file.add(&one).unwrap();
        file.add(&two).unwrap();
        let whole = std::fs::read(folder.join(NAME)).unwrap();
        for left in [&[7_u8; 20][..], &[0; RECORD], &[9; RECORD]] {
            std::fs::write(folder.join(NAME), [&whole, left].concat()).unwrap();
            let (mut file, all) = Destroyed::read(&folder).unwrap();
            assert_eq!(all, [one, two].into(), "{left:?}");
            file.add(&three).unwrap();
            assert_eq!(Destroyed::read(&folder).unwrap().1, [one, two, three].into(), "{left:?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_flip_before_the_last_one_passes_and_no_cut_is_damage() {
        let records = commitments(3).into_iter().flat_map(|commitment| {
            let crc = crc32c::crc32c(&commitment).to_be_bytes();
            [commitment.as_slice(), &crc].concat()
        });
        let bytes: Vec<u8> = HEAD.iter().copied().chain(records).collect();
        for end in 0..=bytes.len() {
            let whole = end.saturating_sub(HEAD.len()) / RECORD;
            assert_eq!(parse(&bytes[..end]).unwrap().1, length_of(whole), "{end}");
            if end < bytes.len() - RECORD {
                let mut flipped = bytes.clone();
                flipped[end] ^= 1;
                assert!(parse(&flipped).is_none(), "{end}");
            }
        }
    }
}
