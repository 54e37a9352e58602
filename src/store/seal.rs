//! The frames of journal and snapshots: found by magic, checked by CRC-32C, sealed with AES-256-GCM.
//!
//! ```text
//! file   magic8 ‖ u16 format ‖ u64 number ‖ u64 size ‖ salt16 ‖ u32 crc32c ‖ zeros up to 512 bytes
//! frame  magic4 ‖ u64 number of the file ‖ u64 seq ‖ u32 len ‖ u32 crc32c of all else ‖ payload (len bytes)
//! payload = nonce12 ‖ AES-256-GCM(HKDF-Expand(file key, "consentry/" ‖ magic8 ‖ "/v1" ‖ salt), nonce, aad = the first 24 bytes)
//! ```
//! Each file has its own key, so random nonces stay far below 2³² a key. The checksum tells damage from a wrong key.

use std::path::Path;

use ring::{aead, hkdf};

use crate::ambient::{Entropy, EntropyError, File};

use super::{
    codec::Reader,
    error::{StoreError, doing},
    options::FileKey,
};

/// The bytes before the first frame of a file: a sector.
pub(super) const FILE_HEAD: usize = 512;
const HEAD_READ: u64 = 64;
/// The bytes of a frame before its payload.
pub(super) const FRAME_HEAD: usize = 28;
/// What a frame adds to what it carries.
pub(super) const FRAME_COST: usize = FRAME_HEAD + 12 + 16;
const MAGIC: [u8; 4] = *b"cGr\xA5";
const FORMAT: u16 = 1;
const HEAD_USED: usize = 42;

/// What a file of frames is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Journal,
    Snapshot,
}

impl Kind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Journal => b"csJourn1",
            Self::Snapshot => b"csSnaps1",
        }
    }
}

/// Seals and opens the frames of one file.
pub(super) struct Sealer {
    number: u64,
    key: aead::LessSafeKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.number)
    }
}

/// A frame found in bytes; its payload is still sealed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) seq: u64,
    head: &'a [u8],
    payload: &'a [u8],
}

impl Frame<'_> {
    /// Its length in the file, in bytes.
    pub(super) fn length(&self) -> usize {
        FRAME_HEAD + self.payload.len()
    }
}

/// The head of a new file, and what seals its frames.
pub(super) fn new_file(
    kind: Kind,
    number: u64,
    size: u64,
    key: &FileKey,
    entropy: &Entropy,
) -> Result<([u8; FILE_HEAD], Sealer), EntropyError> {
    let salt: [u8; 16] = entropy.draw()?;
    let mut bytes = Vec::with_capacity(FILE_HEAD);
    bytes.extend_from_slice(kind.magic());
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.resize(FILE_HEAD, 0);
    let head = bytes.try_into().map_err(|_| EntropyError)?;
    Ok((head, Sealer::derive(kind, number, &salt, key)?))
}

/// Reads the head of a file: its size as made, and what opens its frames. `None` if it is damaged.
pub(super) fn open_file(
    kind: Kind,
    number: u64,
    file: &dyn File,
    path: &Path,
    key: &FileKey,
) -> Result<Option<(u64, Sealer)>, StoreError> {
    let bytes = file.read_to(HEAD_READ).map_err(doing("reading the head of a file"))?;
    let Some((used, crc)) = bytes.split_at_checked(HEAD_USED) else { return Ok(None) };
    let mut reader = Reader(used);
    let mut parts = || Some((reader.array::<8>()?, reader.u16()?, reader.u64()?, reader.u64()?));
    let Some((magic, format, found, size)) = parts() else { return Ok(None) };
    if Reader(crc).u32() != Some(crc32c::crc32c(used)) || magic != *kind.magic() || found != number
    {
        return Ok(None);
    }
    if format > FORMAT {
        return Err(StoreError::newer(path.to_owned(), format, FORMAT, ""));
    }
    let Some(salt) = reader.array() else { return Ok(None) };
    Ok(Some((size, Sealer::derive(kind, number, &salt, key)?)))
}

/// The length of the frame whose first bytes these are, if they may be those of one. Not checked yet.
pub(super) fn claimed_length(head: &[u8; FRAME_HEAD]) -> Option<usize> {
    let mut reader = Reader(head);
    let magic: [u8; 4] = reader.array()?;
    reader.bytes(16)?;
    let length = usize::try_from(reader.u32()?).ok()?;
    (magic == MAGIC).then_some(FRAME_HEAD + length)
}

struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

impl Sealer {
    fn derive(
        kind: Kind,
        number: u64,
        salt: &[u8; 16],
        key: &FileKey,
    ) -> Result<Self, EntropyError> {
        let info: [&[u8]; 4] = [b"consentry/", kind.magic(), b"/v1", salt];
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key.expose())
            .expand(&info, KeyLength)
            .and_then(|okm| okm.fill(&mut *bytes))
            .map_err(|_| EntropyError)?;
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &*bytes).map_err(|_| EntropyError)?;
        Ok(Self { number, key: aead::LessSafeKey::new(key) })
    }

    /// Begins a frame in `out`, which it empties; what is appended then becomes its payload.
    pub(super) fn begin(out: &mut Vec<u8>) {
        out.clear();
        out.resize(FRAME_HEAD + 12, 0);
    }

    /// Seals a frame that was begun.
    pub(super) fn finish(
        &self,
        seq: u64,
        entropy: &Entropy,
        out: &mut Vec<u8>,
    ) -> Result<(), EntropyError> {
        let nonce: [u8; 12] = entropy.draw()?;
        let length = u32::try_from(out.len() + 16 - FRAME_HEAD).map_err(|_| EntropyError)?;
        let mut head = Vec::with_capacity(FRAME_HEAD);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&self.number.to_be_bytes());
        head.extend_from_slice(&seq.to_be_bytes());
        head.extend_from_slice(&length.to_be_bytes());
        let (front, plain) = out.split_at_mut_checked(FRAME_HEAD + 12).ok_or(EntropyError)?;
        let (front, place) = front.split_at_mut_checked(FRAME_HEAD).ok_or(EntropyError)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(&head),
                plain,
            )
            .map_err(|_| EntropyError)?;
        place.copy_from_slice(&nonce);
        let crc = [place, plain, tag.as_ref()]
            .iter()
            .fold(crc32c::crc32c(&head), |crc, part| crc32c::crc32c_append(crc, part));
        head.extend_from_slice(&crc.to_be_bytes());
        front.copy_from_slice(&head);
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// The frame at the front of `bytes`, if a whole and undamaged one of this file is there.
    pub(super) fn find<'a>(&self, bytes: &'a [u8]) -> Option<Frame<'a>> {
        let (head, rest) = bytes.split_at_checked(FRAME_HEAD)?;
        let mut reader = Reader(head);
        let (magic, number, seq) = (reader.array::<4>()?, reader.u64()?, reader.u64()?);
        if magic != MAGIC || number != self.number {
            return None;
        }
        let payload = rest.get(..usize::try_from(reader.u32()?).ok()?)?;
        let (aad, _) = head.split_at_checked(FRAME_HEAD - 4)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(aad), payload);
        (reader.u32()? == crc).then_some(Frame { seq, head: aad, payload })
    }

    /// Whether a whole frame of this file begins anywhere in `bytes`.
    pub(super) fn any(&self, bytes: &[u8]) -> bool {
        let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, four)| *four == MAGIC);
        starts.map(|(at, _)| at).any(|at| bytes.get(at..).is_some_and(|b| self.find(b).is_some()))
    }

    /// What a frame carries; `None` if it was sealed under another key.
    pub(super) fn open(&self, frame: Frame<'_>) -> Option<Vec<u8>> {
        let (nonce, sealed) = frame.payload.split_at_checked(12)?;
        let mut bytes = sealed.to_vec();
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length =
            self.key.open_in_place(nonce, aead::Aad::from(frame.head), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_opens_as_it_was_and_no_flipped_bit_of_it_does() {
        let entropy = Entropy::seeded(1);
        let key = FileKey::new([7; 32].into());
        let (_, sealer) = new_file(Kind::Journal, 4, 0, &key, &entropy).unwrap();
        let mut bytes = Vec::new();
        Sealer::begin(&mut bytes);
        bytes.extend_from_slice(b"a withdrawal");
        sealer.finish(9, &entropy, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 12 + FRAME_COST);
        let frame = sealer.find(&bytes).unwrap();
        assert_eq!((frame.seq, sealer.open(frame).unwrap()), (9, b"a withdrawal".to_vec()));
        assert!(!bytes.windows(4).any(|four| four == b"with"), "what a frame carries is sealed");
        for at in 0..bytes.len() * 8 {
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(sealer.find(&bytes).is_none(), "bit {at}");
            bytes[at / 8] ^= 1 << (at % 8);
        }
    }
}
