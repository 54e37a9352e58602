//! Keeps the key-encryption keys, the signing key and the log's key, in a folder outside the store and its backups.
//!
//! A KEK stands in one of two slots, `kek-a` and `kek-b`, so that a rotation can write the new one before the old one
//! goes ([`rotate`](super::rotate)). A slot is `"CKEK" ‖ u8 version ‖ u32be epoch ‖ 32 bytes ‖ u32be crc32c of all before`.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::{
    VaultError, Wrap,
    crypto::{Secret, open, seal},
};
use crate::{
    ambient::{Entropy, EntropyError, create_secret, private_dir, read_secret},
    domain::Sid,
};

const MAGIC: &[u8; 4] = b"CKEK";
const VERSION: u8 = 1;
pub(super) const SLOTS: [&str; 2] = ["kek-a", "kek-b"];

/// Why the keeper's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The folder or a file in it cannot be read or written.
    #[error("using the key folder {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// A key file is cut, changed or of a newer version.
    #[error("the key file {0} is damaged or of a newer version")]
    Damaged(PathBuf),
    /// There are data, but no key that could open them.
    #[error(
        "the key folder {0} holds no key, but there are data sealed under one: put the folder back"
    )]
    Lost(PathBuf),
    /// What was sealed under a KEK that is gone.
    #[error(
        "{path} is sealed under key-encryption key {epoch}, and {held} is what the key folder holds: keys were rotated \
         since, key {epoch} was destroyed, and nobody can open this any more; use a backup that is younger than the rotation"
    )]
    Gone {
        /// Which file.
        path: PathBuf,
        /// Its KEK.
        epoch: u32,
        /// The newest KEK that there is.
        held: u32,
    },
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// The keys that are never in the store: the KEKs by epoch, the gateway's signing key and the log's.
pub struct Keeper {
    pub(super) folder: PathBuf,
    /// Newest first. Swapped as a whole when a KEK comes or goes.
    pub(super) keks: ArcSwap<Vec<(u32, Secret)>>,
    rotating: Mutex<()>,
    signing: Zeroizing<[u8; 32]>,
    log: Zeroizing<[u8; 32]>,
}

impl Keeper {
    /// Opens the keeper's folder. An empty folder gets fresh keys, unless `expect_keys` says that there are data
    /// already, which fresh keys could never open.
    ///
    /// # Errors
    /// When the folder cannot be used, a key file is damaged, or keys are missing that must be there.
    pub fn open(folder: &Path, expect_keys: bool, entropy: &Entropy) -> Result<Self, KeeperError> {
        private_dir(folder)
            .map_err(|source| KeeperError::Io { path: folder.to_owned(), source })?;
        let mut keks = slots(folder)?;
        if keks.is_empty() {
            if expect_keys {
                return Err(KeeperError::Lost(folder.to_owned()));
            }
            let key: Secret = Zeroizing::new(entropy.draw()?);
            create(&folder.join("kek-a"), &slot_bytes(1, &key))?;
            keks.push((1, key));
        }
        let signing = seed(&folder.join("signing"), entropy)?;
        let log = seed(&folder.join("log"), entropy)?;
        let keks = ArcSwap::from_pointee(keks);
        Ok(Self { folder: folder.to_owned(), keks, rotating: Mutex::default(), signing, log })
    }

    /// Wraps a subject key (or another 32-byte key bound to `sid`) under the newest KEK.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn wrap(&self, entropy: &Entropy, sid: Sid, key: &[u8; 32]) -> Result<Wrap, VaultError> {
        let keks = self.keks.load();
        let (epoch, kek) = keks.first().ok_or(VaultError::NoKek(0))?;
        let nonce: [u8; 12] = entropy.draw()?;
        let sealed = seal(kek, nonce, &wrap_aad(*epoch, sid), key.to_vec())?;
        let bytes = [epoch.to_be_bytes().as_slice(), &nonce, &sealed].concat();
        bytes.try_into().map_err(|_| VaultError::Seal)
    }

    /// Unwraps what [`Keeper::wrap`] made.
    ///
    /// # Errors
    /// [`VaultError::NoKek`] when its KEK is gone, [`VaultError::Sealed`] when it was changed or belongs to another.
    pub fn unwrap(&self, sid: Sid, wrap: &Wrap) -> Result<Secret, VaultError> {
        let (epoch, rest) = wrap.split_first_chunk::<4>().ok_or(VaultError::Sealed)?;
        let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or(VaultError::Sealed)?;
        let epoch = u32::from_be_bytes(*epoch);
        let keks = self.keks.load();
        let kek = keks.iter().find(|(e, _)| *e == epoch).ok_or(VaultError::NoKek(epoch))?;
        let key = Zeroizing::new(open(&kek.1, *nonce, &wrap_aad(epoch, sid), sealed.to_vec())?);
        Ok(Zeroizing::new(key.as_slice().try_into().map_err(|_| VaultError::Sealed)?))
    }

    /// The epoch of the KEK that wraps are made under.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.keks.load().first().map_or(0, |(epoch, _)| *epoch)
    }

    /// The right to rotate: one has it at a time.
    pub(crate) fn one_rotation(&self) -> MutexGuard<'_, ()> {
        self.rotating.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes if the KEK of the wrapped file key at `path` is in the key folder `folder`, or that holds no KEK at all yet.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`KeeperError::Gone`] when it was destroyed; when a file cannot be read.
    pub fn holds_key_of(folder: &Path, path: &Path) -> Result<(), KeeperError> {
        let keks = slots(folder)?;
        let wrap = read(path)?;
        let epoch = wrap.as_deref().and_then(|wrap| epoch_of(wrap));
        let (Some((held, _)), Some(epoch)) = (keks.first(), epoch) else { return Ok(()) };
        if keks.iter().any(|(known, _)| *known == epoch) {
            return Ok(());
        }
        Err(KeeperError::Gone { path: path.to_owned(), epoch, held: *held })
    }

    /// The key that the gateway signs notices and receipts with (Ed25519, RFC 8032), as PKCS#8 version 2 (RFC 8410).
    #[must_use]
    pub fn signing_key_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        // SEQUENCE { version 0, AlgorithmIdentifier { 1.3.101.112 }, OCTET STRING { OCTET STRING { seed } } }
        const HEAD: [u8; 16] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        Zeroizing::new([HEAD.as_slice(), self.signing.as_slice()].concat())
    }

    /// The seed that the log's checkpoints are signed with (Ed25519, RFC 8032). It signs nothing else, and outlives every
    /// rotation of the KEK.
    #[must_use]
    pub fn log_seed(&self) -> Zeroizing<[u8; 32]> {
        self.log.clone()
    }

    /// The public half of the signing key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        let mut out = [0; 32];
        // A seed of 32 bytes is always a key.
        if let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(self.signing.as_slice()) {
            for (to, from) in out.iter_mut().zip(pair.public_key().as_ref()) {
                *to = *from;
            }
        }
        out
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("epochs", &self.keks.load().iter().map(|(e, _)| e).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn wrap_aad(epoch: u32, sid: Sid) -> Vec<u8> {
    [b"consentry/wrap/v1".as_slice(), &epoch.to_be_bytes(), &sid.0].concat()
}

/// The epoch of the KEK that a wrap is under.
pub(super) fn epoch_of(wrap: &[u8]) -> Option<u32> {
    wrap.first_chunk().map(|epoch| u32::from_be_bytes(*epoch))
}

/// The KEKs in the slots of `folder`, newest first.
fn slots(folder: &Path) -> Result<Vec<(u32, Secret)>, KeeperError> {
    let mut keks = Vec::new();
    for slot in SLOTS {
        let path = folder.join(slot);
        if let Some(bytes) = read(&path)? {
            keks.push(parse_slot(&bytes).ok_or(KeeperError::Damaged(path))?);
        }
    }
    keks.sort_by_key(|(epoch, _)| std::cmp::Reverse(*epoch));
    Ok(keks)
}

pub(super) fn slot_bytes(epoch: u32, key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut bytes =
        Zeroizing::new([MAGIC.as_slice(), &[VERSION], &epoch.to_be_bytes(), key].concat());
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

pub(super) fn parse_slot(bytes: &[u8]) -> Option<(u32, Secret)> {
    let (rest, crc) = bytes.split_last_chunk::<4>()?;
    let (magic, body) = rest.split_first_chunk::<4>()?;
    let (version, body) = body.split_first()?;
    let (epoch, key) = body.split_first_chunk::<4>()?;
    let good =
        crc32c::crc32c(rest) == u32::from_be_bytes(*crc) && magic == MAGIC && *version == VERSION;
    if !good {
        return None;
    }
    Some((u32::from_be_bytes(*epoch), Zeroizing::new(key.try_into().ok()?)))
}

/// The seed in a file; a fresh one if there is no file.
fn seed(path: &Path, entropy: &Entropy) -> Result<Zeroizing<[u8; 32]>, KeeperError> {
    if let Some(seed) = read(path)? {
        let damaged = |_| KeeperError::Damaged(path.to_owned());
        return Ok(Zeroizing::new(seed.as_slice().try_into().map_err(damaged)?));
    }
    let seed = Zeroizing::new(entropy.draw::<32>()?);
    create(path, seed.as_slice())?;
    Ok(seed)
}

pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeeperError> {
    read_secret(path).map_err(|source| KeeperError::Io { path: path.to_owned(), source })
}

fn create(path: &Path, bytes: &[u8]) -> Result<(), KeeperError> {
    create_secret(path, bytes).map_err(|source| KeeperError::Io { path: path.to_owned(), source })
}
