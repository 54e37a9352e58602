//! One person's key, and what it opens.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroize;

use super::{
    VaultError,
    crypto::{self, Secret},
};
use crate::{
    ambient::Entropy,
    domain::Sid,
    store::{Key, Put, Record},
};

/// The form of a sealed record: `u8 format ‖ nonce12 ‖ AES-256-GCM`, of `u8 schema ‖ postcard`.
const FORMAT: u8 = 1;

/// A value that can be kept sealed: a frozen struct with a schema number of its own. A changed struct is a new
/// schema; an older one is migrated when it is read.
pub trait Sealable: Serialize + DeserializeOwned {
    /// The number that stands before the postcard bytes.
    const SCHEMA: u8;

    /// Reads the bytes of an older schema; `None` for one that was never written.
    #[must_use]
    fn older(schema: u8, bytes: &[u8]) -> Option<Result<Self, postcard::Error>> {
        let _ = (schema, bytes);
        None
    }
}

/// `K_s`: 32 random bytes that belong to one person. Everything of theirs is sealed under keys derived from it, and
/// their pseudonyms come from it; so when it is destroyed, all of that is.
#[derive(Clone)]
pub struct SubjectKey {
    sid: Sid,
    key: Secret,
}

impl SubjectKey {
    pub(super) fn new(sid: Sid, key: Secret) -> Self {
        Self { sid, key }
    }

    /// Whose key it is.
    #[must_use]
    pub fn sid(&self) -> Sid {
        self.sid
    }

    /// The key for one use, named by `info`.
    pub(crate) fn derive(&self, info: &[&[u8]]) -> Secret {
        crypto::expand(&self.key, info)
    }

    /// The commitment to this key that stands in the log when the person is created or erased: it shows that both
    /// rows speak of one key, and nothing else.
    #[must_use]
    pub fn commitment(&self, event: KeyEvent) -> [u8; 32] {
        let word: &[u8] = match event {
            KeyEvent::Created => b"created",
            KeyEvent::Erased => b"erased",
        };
        crypto::mac(&*self.derive(&[b"consentry/keycommit/v1"]), &[word])
    }

    /// Seals `value` as the version of record `key` that follows `over` (`None` when there is none yet).
    ///
    /// # Errors
    /// When the machine gives no randomness, or the value cannot be encoded.
    pub fn seal<T: Sealable>(
        &self,
        entropy: &Entropy,
        key: Key,
        over: Option<u64>,
        value: &T,
    ) -> Result<Put, VaultError> {
        let mut plain = vec![T::SCHEMA];
        plain = postcard::to_extend(value, plain).map_err(VaultError::Encoding)?;
        self.sealed(entropy, key, over.unwrap_or(0).saturating_add(1), plain)
    }

    fn sealed(
        &self,
        entropy: &Entropy,
        key: Key,
        version: u64,
        plain: Vec<u8>,
    ) -> Result<Put, VaultError> {
        let nonce: [u8; 12] = entropy.draw()?;
        let record_key = self.derive(&[b"consentry/record/v1"]);
        let sealed = crypto::seal(&record_key, nonce, &record_aad(&key, version), plain)?;
        let mut value = Vec::with_capacity(13 + sealed.len());
        value.push(FORMAT);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(Put { key, version, value })
    }

    /// Seals what stands under `from` again, as the first version under `to`.
    ///
    /// # Errors
    /// When it does not open, or the machine gives no randomness.
    pub fn moved(
        &self,
        entropy: &Entropy,
        from: &Key,
        record: &Record,
        to: Key,
    ) -> Result<Put, VaultError> {
        let plain = self.plain(from, record)?;
        self.sealed(entropy, to, 1, plain)
    }

    /// Opens what [`SubjectKey::seal`] made. A record that was moved to another key, or put back in an older
    /// version, does not open.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] when it does not open, [`VaultError::Newer`] when a newer program wrote it.
    pub fn open<T: Sealable>(&self, key: &Key, record: &Record) -> Result<T, VaultError> {
        let mut plain = self.plain(key, record)?;
        let value = match plain.split_first() {
            Some((schema, bytes)) if *schema == T::SCHEMA => {
                postcard::from_bytes(bytes).map_err(VaultError::Encoding)
            }
            Some((schema, bytes)) => match T::older(*schema, bytes) {
                Some(value) => value.map_err(VaultError::Encoding),
                None => Err(VaultError::Newer),
            },
            None => Err(VaultError::Newer),
        };
        plain.zeroize();
        value
    }

    fn plain(&self, key: &Key, record: &Record) -> Result<Vec<u8>, VaultError> {
        let (nonce, sealed) = match record.value.split_first() {
            Some((&FORMAT, rest)) => rest.split_first_chunk::<12>().ok_or(VaultError::Sealed)?,
            Some(_) => return Err(VaultError::Newer),
            None => return Err(VaultError::Sealed),
        };
        let record_key = self.derive(&[b"consentry/record/v1"]);
        crypto::open(&record_key, *nonce, &record_aad(key, record.version), sealed.to_vec())
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(…)")
    }
}

/// Which of the two rows about a key a commitment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// The key came into being.
    Created,
    /// The key was destroyed.
    Erased,
}

fn record_aad(key: &Key, version: u64) -> Vec<u8> {
    let key = key.as_bytes();
    let mut aad = Vec::with_capacity(key.len() + 10);
    aad.extend_from_slice(&crypto::length_prefix(key));
    aad.extend_from_slice(key);
    aad.extend_from_slice(&version.to_be_bytes());
    aad
}
