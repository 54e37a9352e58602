//! Replacing the key-encryption key, so that a wrap that was deleted opens nothing ever again, wherever a copy of it is.
//!
//! The parts of a rotation that are about keys; `operate` tells the whole story and its order. Promises: a KEK is
//! destroyed only when no wrap that stands is under it; a wrap under the old KEK cannot come into being once the record
//! [`KekRecord`] names the new one, however long it was under way; each part may be done again after a crash.
//!
//! ```text
//! kek-a, kek-b           the KEKs: two while a rotation goes on
//! kek-?.gone             a KEK that is being overwritten; no key any more, whatever stands in it
//! o/kek                  the record of the rotation, which every batch with a fresh wrap expects unchanged
//! ```

use std::{collections::VecDeque, path::Path};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KEYS, ROOT_SID, ROOTS, Vault, VaultError, Wrap, as_wrap,
    crypto::Secret,
    keeper::{Keeper, KeeperError, SLOTS, epoch_of, parse_slot, read, slot_bytes},
};
use crate::{
    ambient::{Entropy, destroy_secret, replace_secret},
    domain::{Sid, Timestamp},
    store::{Batch, Commit, CommitError, Expect, Key, Put},
};

/// What the store's file key is bound to in place of a person.
pub const FILE_KEY: Sid = Sid(*b"consentry/journl");

/// The record of the rotation.
const KEK: &[u8] = b"o/kek";

/// Batches of new wraps that are under way at once.
const UNDER_WAY: usize = 4;

/// The most wraps of one batch.
const WRAPS: usize = 1024;

/// About what a new wrap takes in the journal, in bytes, with room to spare.
const WRAP_BYTES: usize = 256;

/// Which KEK is in use, since when, and which one is on its way out. Nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KekRecord {
    /// The epoch of the KEK in use.
    pub epoch: u32,
    /// Since when, or since when this is known, in milliseconds since 1970.
    pub since_ms: i64,
    /// The rotation that is not over.
    pub retiring: Option<Retiring>,
}

impl KekRecord {
    /// Since when the KEK is in use.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.since_ms)
    }

    /// What writes it over the one of `version`.
    pub(crate) fn put(&self, version: u64) -> Put {
        // Numbers and words: there is nothing in it that JSON could not say.
        let value = serde_json::to_vec(self).unwrap_or_default();
        Put { key: Key::new(KEK), version: version + 1, value }
    }
}

/// A rotation that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retiring {
    /// The epochs that go.
    pub epochs: Vec<u32>,
    /// Who rotates, as the log's bodies name them.
    pub by: String,
    /// Whether it was time, and nobody asked.
    pub scheduled: bool,
}

/// How the wraps stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wraps {
    /// All of them.
    pub all: u64,
    /// Those under an older KEK that the keeper still has.
    pub old: u64,
    /// Those under a KEK that is gone: nothing opens them.
    pub lost: u64,
}

impl Keeper {
    /// Puts a new KEK into the free slot, durably, and wraps under it from here on. Where two are there already, a
    /// rotation is not over, and nothing is added. Returns the epoch in use.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn add(&self, entropy: &Entropy) -> Result<u32, KeeperError> {
        let keks = self.keks.load();
        let newest = self.epoch();
        if keks.len() > 1 {
            return Ok(newest);
        }
        let (epoch, key): (u32, Secret) = (newest + 1, Zeroizing::new(entropy.draw()?));
        for slot in SLOTS.map(|slot| self.folder.join(slot)) {
            if read(&slot)?.is_none() {
                // Under its name only when it is whole: a slot that is cut would not let the gateway start.
                let written = replace_secret(&slot, &slot_bytes(epoch, &key));
                written.map_err(|source| KeeperError::Io { path: slot, source })?;
                let older = keks.iter().map(|(epoch, key)| (*epoch, key.clone()));
                self.keks
                    .store(std::iter::once((epoch, key)).chain(older).collect::<Vec<_>>().into());
                return Ok(epoch);
            }
        }
        Err(KeeperError::Damaged(self.folder.clone()))
    }

    /// The epochs of the KEKs, newest first.
    pub(crate) fn epochs(&self) -> Vec<u32> {
        self.keks.load().iter().map(|(epoch, _)| *epoch).collect()
    }

    /// Whether a rotation left something in the folder to be done.
    pub(crate) fn is_rotating(&self) -> bool {
        self.keks.load().len() > 1 || leavings(&self.folder).any(|path| path.exists())
    }

    /// Destroys every KEK but the newest: each is renamed first, so that a crash leaves a key or none, never half of one;
    /// then overwritten and removed, durably. For good.
    ///
    /// # Errors
    /// When the folder cannot be written; to be done again.
    pub(crate) fn destroy_older(&self) -> Result<(), KeeperError> {
        let newest = self.epoch();
        for slot in SLOTS.map(|slot| self.folder.join(slot)) {
            let Some(bytes) = read(&slot)? else { continue };
            let (epoch, _) =
                parse_slot(&bytes).ok_or_else(|| KeeperError::Damaged(slot.clone()))?;
            if epoch < newest {
                let renamed = std::fs::rename(&slot, slot.with_extension("gone"));
                renamed.map_err(|source| KeeperError::Io { path: slot, source })?;
            }
        }
        let kept =
            self.keks.load().iter().take(1).map(|(epoch, key)| (*epoch, key.clone())).collect();
        // The old key in memory is overwritten when its last reader lets go of it.
        self.keks.store(std::sync::Arc::new(kept));
        for path in leavings(&self.folder) {
            let gone = destroy_secret(&path);
            gone.map_err(|source| KeeperError::Io { path, source })?;
        }
        Ok(())
    }

    /// Wraps the store's file key at `path` under the newest KEK, unless it is already. A crash leaves either.
    ///
    /// # Errors
    /// When it cannot be read, opened or written.
    pub(crate) fn rewrap_file(&self, entropy: &Entropy, path: &Path) -> Result<(), VaultError> {
        let failed = |source| KeeperError::Io { path: path.to_owned(), source };
        let wrap =
            as_wrap(&read(path)?.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?)?;
        if epoch_of(&wrap) != Some(self.epoch()) {
            let key = self.unwrap(FILE_KEY, &wrap)?;
            replace_secret(path, &self.wrap(entropy, FILE_KEY, &key)?).map_err(failed)?;
        }
        Ok(())
    }
}

/// What rotations may leave in the folder: keys that were on their way out, and one that never came into use.
fn leavings(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> + use<> {
    let ends = ["gone", "tmp"].map(|end| SLOTS.map(|slot| folder.join(slot).with_extension(end)));
    ends.into_iter().flatten()
}

impl Vault {
    /// The keeper of its KEKs.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// The epoch of the KEK that keys are wrapped under.
    #[must_use]
    pub fn kek_epoch(&self) -> u32 {
        self.keeper.epoch()
    }

    /// The record of the rotation with its version; `None` if none was written yet.
    ///
    /// # Errors
    /// When the store fails, or the record is of another version of the program.
    pub fn kek_record(&self) -> Result<Option<(KekRecord, u64)>, VaultError> {
        let Some(record) = self.store.read(&Key::new(KEK))? else { return Ok(None) };
        let read = serde_json::from_slice(&record.value).map_err(|_| VaultError::Newer)?;
        Ok(Some((read, record.version)))
    }

    /// What every batch with a fresh wrap expects; to be read before the wrap is made. A rotation changes the record
    /// after the new KEK is in use and before it goes over the wraps, so none under the old KEK comes in behind it.
    pub(super) fn no_rotation(&self) -> Result<Expect, VaultError> {
        let key = Key::new(KEK);
        let version = self.store.read(&key)?.map_or(0, |record| record.version);
        Ok(Expect::Version { key, version })
    }

    /// The secret wrapped under `key`, with the wrap; `None` if there is none.
    pub(super) fn opened(&self, key: &Key, sid: Sid) -> Result<Option<(Secret, Wrap)>, VaultError> {
        let mut wrap_read = None;
        loop {
            let Some(record) = self.store.read(key)? else { return Ok(None) };
            let wrap = as_wrap(&record.value)?;
            match self.keeper.unwrap(sid, &wrap) {
                // A rotation may have ended since it was read; what stands there now is then another.
                Err(VaultError::NoKek(_)) if wrap_read != Some(wrap) => wrap_read = Some(wrap),
                opened => return Ok(Some((opened?, wrap))),
            }
        }
    }

    /// Wraps every key that lives under the newest KEK. Who comes, goes or changes meanwhile keeps their right: nothing
    /// that was deleted comes back. `told` hears how many are done. Waits on this thread.
    ///
    /// # Errors
    /// When the journal takes no writes, the store fails, or a wrap does not open; to be done again.
    pub(crate) fn rewrap(&self, mut told: impl FnMut(u64)) -> Result<u64, VaultError> {
        let most = (self.store.largest_batch() / WRAP_BYTES).clamp(1, WRAPS);
        let (mut under_way, mut done) = (VecDeque::new(), 0);
        for prefix in [KEYS, ROOTS] {
            let mut puts = Vec::new();
            for found in self.store.scan(prefix) {
                let (key, record) = found?;
                if let Some(put) = self.renewed(prefix, key, record.version, &record.value)? {
                    puts.push((prefix, put));
                }
                if puts.len() >= most {
                    done += self.send(std::mem::take(&mut puts), &mut under_way)?;
                    told(done);
                }
            }
            done += self.send(puts, &mut under_way)?;
        }
        while let Some(sent) = under_way.pop_front() {
            done += self.settle(sent)?;
        }
        self.known.clear();
        told(done);
        Ok(done)
    }

    /// Counts the wraps by what opens them. Reads all of them.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn count_wraps(&self) -> Result<Wraps, VaultError> {
        let (mut wraps, epochs) = (Wraps::default(), self.keeper.epochs());
        for prefix in [KEYS, ROOTS] {
            for found in self.store.scan(prefix) {
                let epoch = epoch_of(&found?.1.value).ok_or(VaultError::Sealed)?;
                wraps.all += 1;
                match epochs.iter().position(|known| *known == epoch) {
                    Some(0) => {}
                    Some(_) => wraps.old += 1,
                    None => wraps.lost += 1,
                }
            }
        }
        Ok(wraps)
    }

    /// The record with its key wrapped anew; `None` if it is already, or nothing opens it.
    fn renewed(
        &self,
        prefix: &[u8],
        key: Key,
        version: u64,
        value: &[u8],
    ) -> Result<Option<Put>, VaultError> {
        let wrap = as_wrap(value)?;
        let epoch = epoch_of(&wrap).ok_or(VaultError::Sealed)?;
        if epoch == self.keeper.epoch() || !self.keeper.epochs().contains(&epoch) {
            return Ok(None);
        }
        let sid = if prefix == ROOTS {
            ROOT_SID
        } else {
            let sid = key.as_bytes().strip_prefix(prefix).and_then(|sid| sid.try_into().ok());
            Sid(sid.ok_or(VaultError::Sealed)?)
        };
        let secret = self.keeper.unwrap(sid, &wrap)?;
        let value = self.keeper.wrap(&self.entropy, sid, &secret)?.to_vec();
        Ok(Some(Put { key, version: version + 1, value }))
    }

    /// Sends a batch on its way and settles the oldest if too many are. Returns how many wraps were settled.
    fn send(&self, puts: Vec<Sent>, under_way: &mut VecDeque<UnderWay>) -> Result<u64, VaultError> {
        if puts.is_empty() {
            return Ok(0);
        }
        let put = puts.iter().map(|(_, put)| put.clone()).collect();
        let commit = self.store.commit(Batch { put, ..Batch::default() });
        under_way.push_back((puts, commit));
        let oldest = if under_way.len() > UNDER_WAY { under_way.pop_front() } else { None };
        oldest.map_or(Ok(0), |sent| self.settle(sent))
    }

    /// Waits for a batch. If somebody of it has changed or gone meanwhile, each is tried alone as they stand now.
    fn settle(&self, (puts, commit): UnderWay) -> Result<u64, VaultError> {
        let count = puts.len() as u64;
        match commit.wait() {
            Ok(_) => Ok(count),
            Err(CommitError::Conflict) => {
                for (prefix, put) in puts {
                    self.settle_one(prefix, &put.key)?;
                }
                Ok(count)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn settle_one(&self, prefix: &[u8], key: &Key) -> Result<(), VaultError> {
        loop {
            let Some(record) = self.store.read(key)? else { return Ok(()) };
            let renewed = self.renewed(prefix, key.clone(), record.version, &record.value)?;
            let Some(put) = renewed else { return Ok(()) };
            match self.store.commit_blocking(Batch { put: vec![put], ..Batch::default() }) {
                Err(CommitError::Conflict) => {}
                done => return done.map(drop).map_err(VaultError::from),
            }
        }
    }
}

type Sent = (&'static [u8], Put);
type UnderWay = (Vec<Sent>, Commit);
