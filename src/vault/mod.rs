//! Keys: who a person is inside the gateway, and what opens their records.
//!
//! An app's id goes in at [`Vault::handle`] and ends there: it becomes a keyed hash, under which nothing stands but a
//! random 16-byte `sid`. Everything else is kept under the `sid`, sealed under keys derived from that person's own
//! random key, which the store holds only wrapped by a key-encryption key (KEK) from a [`Keeper`] outside the store.
//!
//! Promises: no id reaches the disk; a record opens only at its own key and version; without the KEK nothing in the
//! store opens; a destroyed subject key takes everything of that person with it.
//!
//! It does not decide who may read what (`policy`, `consent`) and names no recipient (`pseudonym`).
//!
//! The formulas stand in `docs/KEYS.md` and are checked against vectors in `tests.rs`.

mod crypto;
mod destroyed;
mod erase;
mod highwater;
mod keeper;
mod living;
mod mark;
mod rotate;
mod subject;
mod suppress;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use ring::hmac;
use zeroize::Zeroizing;

pub(crate) use self::crypto::{expand, length_prefix, mac, mac_with, open, seal};
pub use self::{
    erase::{Destruction, Job},
    highwater::Highwater,
    keeper::{Keeper, KeeperError},
    living::ComeBack,
    mark::Mark,
    rotate::{FILE_KEY, KekRecord, Retiring, Wraps},
    subject::{KeyEvent, Sealable, SubjectKey},
};
use crate::{
    ambient::{Entropy, EntropyError},
    domain::{Sid, SubjectRef, TenantId},
    store::{Batch, CommitError, Expect, Key, Put, Store, StoreError},
};

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The value does not open: it was changed, moved, or sealed under another key.
    #[error("a sealed value does not open")]
    Sealed,
    /// The value was written by a newer program.
    #[error("a sealed value has a form that this version does not know")]
    Newer,
    /// The cipher refused the value.
    #[error("sealing a value")]
    Seal,
    /// The value does not encode or decode.
    #[error("encoding a sealed value")]
    Encoding(#[source] postcard::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A wrap names a KEK that the keeper does not have.
    #[error(
        "no key-encryption key of epoch {0}: it was destroyed by a rotation, or the key folder is an older copy"
    )]
    NoKek(u32),
    /// The keeper's folder cannot be used.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The store failed.
    #[error("reading a key record")]
    Store(#[from] StoreError),
    /// The store did not take a key record.
    #[error("keeping a key record")]
    Commit(#[from] CommitError),
}

/// A person as the store knows them before the `sid`: a keyed hash of tenant, id type and id.
///
/// It is kept in sealed records alone, of those who are linked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Handle([u8; 32]);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

impl Handle {
    fn key(self) -> Key {
        prefixed(HANDLES, &self.0)
    }

    /// The hash.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A person who is not in the store yet: their new key, and the records that bring them in.
#[derive(Debug)]
pub struct Enrolment {
    /// The new person's key.
    pub key: SubjectKey,
    /// Nobody may have come in under this handle meanwhile.
    pub expect: Vec<Expect>,
    /// The records that make the person known.
    pub put: Vec<Put>,
}

/// The prefix of the records that lead from a handle to a `sid`.
const HANDLES: &[u8] = b"h/";

/// The prefix of the wrapped keys.
const KEYS: &[u8] = b"k/";

/// The prefix of the tenants' wrapped root keys.
const ROOTS: &[u8] = b"r/";

/// What a tenant's root key is bound to in place of a person.
const ROOT_SID: Sid = Sid(*b"consentry/tenant");

/// The prefix of the records that say which keys rows about nobody use.
const NOBODY: &[u8] = b"n/";

/// The version of the lookup key that handles are made with.
const LOOKUP_VERSION: u32 = 1;

/// Looks people up and opens their keys.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    keeper: Arc<Keeper>,
    entropy: Entropy,
    known: Arc<quick_cache::sync::Cache<Handle, (Sid, Wrap)>>,
}

/// `K_s` as the store keeps it: `u32be epoch ‖ nonce12 ‖ AES-256-GCM`.
type Wrap = [u8; 64];

impl Vault {
    /// A vault over `store`, with room for the wraps of `people` recently seen people (about 150 bytes each).
    #[must_use]
    pub fn new(store: Store, keeper: Arc<Keeper>, entropy: Entropy, people: usize) -> Self {
        let known = Arc::new(quick_cache::sync::Cache::new(people));
        Self { store, keeper, entropy, known }
    }

    /// The lookup key of `tenant`, made on first use and kept wrapped by the KEK.
    ///
    /// # Errors
    /// When the store fails, or the kept key does not open.
    pub fn tenant(&self, tenant: &TenantId) -> Result<Tenant, VaultError> {
        let key = prefixed(ROOTS, tenant.as_str().as_bytes());
        let root = match self.opened(&key, ROOT_SID)? {
            Some((root, _)) => root,
            None => {
                let root = Zeroizing::new(self.entropy.draw()?);
                let no_rotation = self.no_rotation()?;
                let value = self.keeper.wrap(&self.entropy, ROOT_SID, &root)?.to_vec();
                let expect = vec![no_rotation, Expect::Version { key: key.clone(), version: 0 }];
                let put = vec![Put { key, version: 1, value }];
                self.store.commit_blocking(Batch { expect, put, ..Batch::default() })?;
                root
            }
        };
        let lookup = expand(&root, &[b"consentry/lookup/v1", &LOOKUP_VERSION.to_be_bytes()]);
        let lookup = hmac::Key::new(hmac::HMAC_SHA256, lookup.as_slice());
        let retry = expand(&root, &[b"consentry/retry/v1"]);
        let retry = hmac::Key::new(hmac::HMAC_SHA256, retry.as_slice());
        let cursor = expand(&root, &[b"consentry/cursor/v1"]);
        let cursor = hmac::Key::new(hmac::HMAC_SHA256, cursor.as_slice());
        Ok(Tenant { name: tenant.clone(), lookup, retry, cursor })
    }

    /// The handle of a person. It consumes the id: from here on nobody has it.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "the id must end here")]
    pub fn handle(&self, tenant: &Tenant, subject: SubjectRef) -> Handle {
        tenant.handle(&subject)
    }

    /// The key of a person seen lately, without touching the disk; `None` when the store must be asked.
    ///
    /// # Errors
    /// When the kept wrap does not open.
    pub fn recent(&self, handle: Handle) -> Result<Option<SubjectKey>, VaultError> {
        match self.known.get(&handle) {
            Some((sid, wrap)) => match self.keeper.unwrap(sid, &wrap) {
                // Kept since before a rotation: the store has a newer one.
                Err(VaultError::NoKek(_)) => Ok(None),
                opened => opened.map(|key| Some(SubjectKey::new(sid, key))),
            },
            None => Ok(None),
        }
    }

    /// The key of a person, `None` when the store has nobody under this handle. May read the disk.
    ///
    /// # Errors
    /// When the store fails, or the wrap does not open.
    pub fn subject(&self, handle: Handle) -> Result<Option<SubjectKey>, VaultError> {
        if let Some(key) = self.recent(handle)? {
            return Ok(Some(key));
        }
        let Some(record) = self.store.read(&handle.key())? else { return Ok(None) };
        let sid = Sid(record.value.as_slice().try_into().map_err(|_| VaultError::Sealed)?);
        let Some((key, wrap)) = self.opened(&wrap_key(sid), sid)? else { return Ok(None) };
        self.known.insert(handle, (sid, wrap));
        // An erasure takes the epoch out and only then what is remembered here: whoever read the wrap before and remembers
        // it after sees that the epoch is gone.
        if self.store.epoch(sid).is_none() {
            self.known.remove(&handle);
        }
        Ok(Some(SubjectKey::new(sid, key)))
    }

    /// Everyone's handle. Reads the disk.
    pub fn handles(&self) -> impl Iterator<Item = Result<Handle, VaultError>> + use<'_> {
        self.store.scan(HANDLES).map(|found| {
            let (key, _) = found?;
            let hash = key.as_bytes().strip_prefix(HANDLES).and_then(|hash| hash.try_into().ok());
            hash.map(Handle).ok_or(VaultError::Sealed)
        })
    }

    /// The handle that leads to this `sid`; `None` if none does. Looks through everyone's, since no record leads from a person
    /// to their handle: for what is rare.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn handle_of(&self, sid: Sid) -> Result<Option<Handle>, VaultError> {
        for found in self.store.scan(HANDLES) {
            let (key, record) = found?;
            if record.value == sid.0 {
                let hash = key.as_bytes().strip_prefix(HANDLES).and_then(|h| h.try_into().ok());
                return hash.map(Handle).map(Some).ok_or(VaultError::Sealed);
            }
        }
        Ok(None)
    }

    /// The key of the person with this `sid`, for work that starts from records and not from a call.
    ///
    /// # Errors
    /// When the store fails, or the wrap does not open.
    pub fn by_sid(&self, sid: Sid) -> Result<Option<SubjectKey>, VaultError> {
        Ok(self.opened(&wrap_key(sid), sid)?.map(|(key, _)| SubjectKey::new(sid, key)))
    }

    /// Draws a new person's `sid` and key. Nothing is kept until the caller commits the enrolment, together with
    /// whatever made the person known.
    ///
    /// # Errors
    /// When the machine gives no randomness, or the store fails.
    pub fn enrol(&self, handle: Handle) -> Result<Enrolment, VaultError> {
        let (key, expect, put) = self.keyed()?;
        let mut enrolment = Enrolment { key, expect, put };
        enrolment.expect.push(Expect::Version { key: handle.key(), version: 0 });
        enrolment.expect.push(Expect::Version { key: handle.suppression(), version: 0 });
        enrolment.put.push(Put {
            key: handle.key(),
            version: 1,
            value: enrolment.key.sid().0.to_vec(),
        });
        Ok(enrolment)
    }

    /// The key that rows about nobody are sealed under in `period`, made on first use: such rows look like all
    /// others, and belong to no person.
    ///
    /// # Errors
    /// When the store fails, or the kept key does not open.
    pub fn nobody(&self, period: &str) -> Result<SubjectKey, VaultError> {
        let at = prefixed(NOBODY, period.as_bytes());
        if let Some(record) = self.store.read(&at)? {
            let sid = Sid(record.value.as_slice().try_into().map_err(|_| VaultError::Sealed)?);
            return self.by_sid(sid)?.ok_or(VaultError::Sealed);
        }
        let (key, mut expect, mut put) = self.keyed()?;
        expect.push(Expect::Version { key: at.clone(), version: 0 });
        put.push(Put { key: at, version: 1, value: key.sid().0.to_vec() });
        self.store.commit_blocking(Batch { expect, put, ..Batch::default() })?;
        Ok(key)
    }

    fn keyed(&self) -> Result<(SubjectKey, Vec<Expect>, Vec<Put>), VaultError> {
        let sid = Sid(self.entropy.draw()?);
        let key = Zeroizing::new(self.entropy.draw()?);
        let no_rotation = self.no_rotation()?;
        let wrap = self.keeper.wrap(&self.entropy, sid, &key)?;
        let expect = vec![no_rotation, Expect::Version { key: wrap_key(sid), version: 0 }];
        let put = vec![Put { key: wrap_key(sid), version: 1, value: wrap.to_vec() }];
        Ok((SubjectKey::new(sid, key), expect, put))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// A tenant's lookup key, made ready once.
#[derive(Clone)]
pub struct Tenant {
    name: TenantId,
    lookup: hmac::Key,
    retry: hmac::Key,
    cursor: hmac::Key,
}

impl Tenant {
    /// Which tenant.
    #[must_use]
    pub fn name(&self) -> &TenantId {
        &self.name
    }

    /// The key under which the places of pages are told.
    pub(crate) fn cursors(&self) -> hmac::Key {
        self.cursor.clone()
    }

    /// `HMAC(K_retry, Σ u64be length ‖ part)`: what calls with a key of the client's are known by.
    pub(crate) fn retry_mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let lengths: Vec<[u8; 8]> =
            parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let all: Vec<&[u8]> =
            lengths.iter().zip(parts).flat_map(|(l, part)| [&l[..], *part]).collect();
        crypto::mac_with(&self.retry, &all)
    }

    /// `HMAC(K_lookup, lp(tenant) ‖ lp(id type) ‖ lp(id))`, and `‖ lp(profile)` for one of an account's profiles.
    fn handle(&self, subject: &SubjectRef) -> Handle {
        let parts = [
            self.name.as_str().as_bytes(),
            subject.id_type.as_str().as_bytes(),
            subject.id.expose().as_bytes(),
        ];
        let [tenant, id_type, id] = parts;
        let profile = subject.profile.as_ref().map(|profile| profile.expose().as_bytes());
        let before_profile = profile.map(length_prefix);
        Handle(crypto::mac_with(
            &self.lookup,
            &[
                &length_prefix(tenant),
                tenant,
                &length_prefix(id_type),
                id_type,
                &length_prefix(id),
                id,
                before_profile.as_ref().map_or(&[], |length| length.as_slice()),
                profile.unwrap_or_default(),
            ],
        ))
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.name)
    }
}

fn wrap_key(sid: Sid) -> Key {
    prefixed(KEYS, &sid.0)
}

fn as_wrap(value: &[u8]) -> Result<Wrap, VaultError> {
    value.try_into().map_err(|_| VaultError::Sealed)
}

/// A store key: a room's prefix and what names the record in it.
pub(crate) fn prefixed(prefix: &[u8], rest: &[u8]) -> Key {
    Key::new(&[prefix, rest].concat())
}

/// The subject key that the published vectors of the key hierarchy use.
#[cfg(test)]
pub(crate) mod vectors {
    use super::{Sid, SubjectKey, Zeroizing};

    /// 32 bytes from 0 up.
    pub(crate) fn key() -> SubjectKey {
        let bytes = std::array::from_fn(|i| u8::try_from(i).unwrap_or_default());
        SubjectKey::new(Sid([7; 16]), Zeroizing::new(bytes))
    }
}
