//! Retries: a call that carries an `Idempotency-Key` is done once, and a retry of it is told what the first one was told
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! Promises: what a retry is told is written in the same journal batch as what the call did, so that both survive or
//! neither does; two calls under one key are never under way together; another call under a key that was used is
//! refused. On disk stand a keyed hash of the key and an answer sealed under the key of the person it is about: no
//! key of a client's, no id, and nothing that opens after an erasure. A call without a key pays nothing.
//!
//! It does not know what is told: the room that did the act keeps what it can word the same answer from.
//!
//! Start with [`Retries::begin`]; [`Claim::put`] is what goes into the batch.

mod attempt;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use attempt::{Attempt, Call, InvalidRetryKey, RetryKey, Who};

use crate::{
    ambient::{Clock, Entropy},
    domain::{Sid, Timestamp},
    store::{Batch, CommitError, Expect, Key, Put, Record, Store, StoreError},
    vault::{Sealable, SubjectKey, Vault, VaultError},
};

/// For how long a retry is told what the first call was told.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The prefix of what is kept.
const RETRIES: &[u8] = b"y/";

/// Why a call with a key is not done, and is told nothing from before either.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The first call is under way.
    #[error("a call with this key is under way")]
    UnderWay,
    /// The key was used for another call.
    #[error("the key was used for another call")]
    OtherCall,
    /// The key was used, and what was told cannot be read any more: the person it was about was erased.
    #[error("what was told under this key cannot be read any more")]
    Forgotten,
    /// The store failed.
    #[error("reading what was told before")]
    Store(#[from] StoreError),
    /// What was told does not seal or open.
    #[error("sealing or opening what was told")]
    Vault(#[from] VaultError),
    /// What was told cannot be encoded or decoded.
    #[error("encoding what was told")]
    Encoding(#[source] postcard::Error),
    /// The journal did not take it.
    #[error("keeping what was told")]
    Commit(#[from] CommitError),
    /// The process is ending.
    #[error("the gateway is stopping")]
    Stopping,
}

/// What is kept of one call, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// A keyed hash of the call.
    fingerprint: [u8; 32],
    until: Timestamp,
    /// What the room that did the act keeps of it.
    told: Vec<u8>,
}

impl Sealable for Kept {
    const SCHEMA: u8 = 1;
}

/// What retries are told.
#[derive(Clone)]
pub struct Retries {
    store: Store,
    vault: Vault,
    clock: Clock,
    under_way: Arc<Mutex<HashSet<Key>>>,
}

/// A call that may be done, or goes on where an earlier one was cut off.
#[derive(Debug)]
pub struct Begun<T> {
    /// The right to do it. No other call does it as long as this lives.
    pub claim: Claim,
    /// What was told before.
    pub told: Option<T>,
}

/// The right to do a call, and the place where what it tells is kept.
#[derive(Debug)]
pub struct Claim {
    attempt: Attempt,
    version: u64,
    until: Timestamp,
    _turn: Turn,
}

/// A call under way. Dropping it ends it.
struct Turn {
    key: Key,
    under_way: Arc<Mutex<HashSet<Key>>>,
}

impl Retries {
    /// What retries are told, kept in `store`.
    #[must_use]
    pub fn new(store: Store, vault: Vault, clock: Clock) -> Self {
        Self { store, vault, clock, under_way: Arc::default() }
    }

    /// Begins a call, with what was told before under its key. Reads the disk, on a thread made for that.
    ///
    /// # Errors
    /// When the key is in use or was used for another call, or the store fails.
    pub async fn begin<T: DeserializeOwned + Send + 'static>(
        &self,
        attempt: Attempt,
    ) -> Result<Begun<T>, RetryError> {
        let turn = Turn::take(&attempt.key, &self.under_way).ok_or(RetryError::UnderWay)?;
        let retries = self.clone();
        let begun = tokio::task::spawn_blocking(move || retries.look_up(attempt, turn));
        begun.await.unwrap_or(Err(RetryError::Stopping))
    }

    fn look_up<T: DeserializeOwned>(
        &self,
        attempt: Attempt,
        turn: Turn,
    ) -> Result<Begun<T>, RetryError> {
        let now = self.clock.now();
        let first = |version, attempt, turn| {
            let claim = Claim { attempt, version, until: now.after(KEPT), _turn: turn };
            (claim, None)
        };
        let (claim, told) = match self.store.read(&attempt.key)? {
            None => first(0, attempt, turn),
            Some(record) => match Header::of(&record) {
                Some(header) if header.until > now => {
                    let kept = self.open(&attempt.key, &record, header.sid)?;
                    if kept.fingerprint != attempt.fingerprint {
                        return Err(RetryError::OtherCall);
                    }
                    let told = postcard::from_bytes(&kept.told).map_err(RetryError::Encoding)?;
                    let (version, until) = (record.version, kept.until);
                    (Claim { attempt, version, until, _turn: turn }, Some(told))
                }
                Some(_) => first(record.version, attempt, turn),
                None => return Err(VaultError::Sealed.into()),
            },
        };
        Ok(Begun { claim, told })
    }

    fn open(&self, at: &Key, record: &Record, sid: Sid) -> Result<Kept, RetryError> {
        let key = self.vault.by_sid(sid)?.ok_or(RetryError::Forgotten)?;
        let value = record.value.get(Header::LENGTH..).unwrap_or_default().to_vec();
        Ok(key.open(at, &Record { version: record.version, value })?)
    }

    /// Removes what is kept no longer. How many there were. Waits for the disk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_ended(&self) -> Result<usize, RetryError> {
        let (now, mut removed) = (self.clock.now(), 0);
        for found in self.store.scan(RETRIES) {
            let (key, record) = found?;
            if Header::of(&record).is_some_and(|header| header.until > now) {
                continue;
            }
            let expect = vec![Expect::Version { key: key.clone(), version: record.version }];
            let batch = Batch { expect, delete: vec![key], ..Batch::default() };
            match self.store.commit_blocking(batch) {
                Ok(_) => removed += 1,
                // The key is in use again.
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(removed)
    }
}

impl Claim {
    /// The record that has a retry told `told`, sealed under `key`: for the batch of what the call does. Once that batch
    /// is durable, [`Claim::kept`] must be called before another record is made.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn put<T: Serialize>(
        &self,
        entropy: &Entropy,
        key: &SubjectKey,
        told: &T,
    ) -> Result<Put, RetryError> {
        let told = postcard::to_stdvec(told).map_err(RetryError::Encoding)?;
        let (fingerprint, until) = (self.attempt.fingerprint, self.until);
        let over = (self.version > 0).then_some(self.version);
        let at = self.attempt.key.clone();
        let mut put = key.seal(entropy, at, over, &Kept { fingerprint, until, told })?;
        put.value.splice(0..0, Header { until, sid: key.sid() }.bytes());
        Ok(put)
    }

    /// Notes that the last record made is durable.
    pub fn kept(&mut self) {
        self.version += 1;
    }
}

/// What stands before the sealed part, so that a record can be opened and removed: when it ends, and whose key opens it.
/// The version of the record is sealed in; the end stands inside too.
struct Header {
    until: Timestamp,
    sid: Sid,
}

impl Header {
    const LENGTH: usize = 24;

    fn of(record: &Record) -> Option<Self> {
        let (until, rest) = record.value.split_first_chunk::<8>()?;
        let (sid, _) = rest.split_first_chunk::<16>()?;
        Some(Self { until: Timestamp::from_millis(i64::from_be_bytes(*until)), sid: Sid(*sid) })
    }

    fn bytes(&self) -> Vec<u8> {
        [self.until.millis().to_be_bytes().as_slice(), &self.sid.0].concat()
    }
}

impl Turn {
    fn take(key: &Key, under_way: &Arc<Mutex<HashSet<Key>>>) -> Option<Self> {
        let taken = under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        taken.then(|| Self { key: key.clone(), under_way: Arc::clone(under_way) })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn(…)")
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retries(…)")
    }
}
