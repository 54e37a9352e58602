//! All keys at once, for work that starts from everyone: it reads every key record, and is for no call.

use std::collections::BTreeSet;

use super::{HANDLES, KEYS, KeyEvent, NOBODY, SubjectKey, Vault, VaultError, as_wrap, prefixed};
use crate::{
    domain::Sid,
    store::{Batch, Key, Record},
};

/// The beginnings of all records that are kept under a `sid`, but for the key's own: what an erasure takes out. A record
/// of a new kind under a `sid` needs its beginning here.
const OF_A_PERSON: [&[u8]; 6] = [b"s/", b"e/", b"d/", b"m/", b"q/", b"rq/"];

/// Everything that stands under `sid`, by its beginnings.
pub(super) fn all_of(sid: Sid) -> impl Iterator<Item = Key> {
    OF_A_PERSON.into_iter().map(move |prefix| prefixed(prefix, &sid.0))
}

/// What is to be deleted of people whose keys came back with a backup, and who they are.
#[derive(Debug, Default)]
pub struct ComeBack {
    /// What takes them out again.
    pub batch: Batch,
    /// Their keys.
    pub people: Vec<SubjectKey>,
}

impl Vault {
    /// Every key that lives: of people, and those that rows about nobody use, of which the second part says so. Reads the
    /// disk, and shows also keys that come into being meanwhile, or not.
    ///
    /// # Errors
    /// When the store fails.
    pub fn living(
        &self,
    ) -> Result<impl Iterator<Item = Result<(SubjectKey, bool), VaultError>> + use<'_>, VaultError>
    {
        let nobodys = self.store.scan(NOBODY).map(|found| found.map(|(_, record)| record.value));
        let nobodys: BTreeSet<Vec<u8>> = nobodys.collect::<Result<_, _>>()?;
        Ok(self.store.scan(KEYS).filter_map(move |found| {
            let living = found.map_err(VaultError::from);
            let living = living.and_then(|(key, record)| self.unwrapped(&key, &record));
            let with_whose = |key: SubjectKey| {
                let is_nobodys = nobodys.contains(key.sid().0.as_slice());
                (key, is_nobodys)
            };
            living.map(|key| key.map(with_whose)).transpose()
        }))
    }

    /// How many keys live: of people, and those that rows about nobody use. Reads the disk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn count_living(&self) -> Result<(u64, u64), VaultError> {
        let count = |prefix| {
            self.store.scan(prefix).try_fold(0_u64, |count, found| found.map(|_| count + 1))
        };
        let (all, nobodys) = (count(KEYS)?, count(NOBODY)?);
        Ok((all.saturating_sub(nobodys), nobodys))
    }

    /// What is to be deleted of people whose keys were destroyed and came back with a backup: those whose commitment is
    /// in `erased`. Reads every key: for starting up. The batch is empty if there is nobody.
    ///
    /// # Errors
    /// When the store fails, or a wrap does not open.
    pub fn come_back(&self, erased: &BTreeSet<[u8; 32]>) -> Result<ComeBack, VaultError> {
        let (mut batch, mut sids, mut people) = (Batch::default(), BTreeSet::new(), Vec::new());
        if erased.is_empty() {
            return Ok(ComeBack::default());
        }
        for found in self.store.scan(KEYS) {
            let (key, record) = found?;
            let Some(subject) = self.unwrapped(&key, &record)? else { continue };
            let sid = subject.sid();
            if erased.contains(&subject.commitment(KeyEvent::Erased)) {
                sids.insert(sid.0);
                batch.delete.push(key);
                // Nothing under these opens any more; it goes so that it is not kept for nothing.
                batch.delete_prefix.extend(all_of(sid));
                batch.raise.push((sid, None));
                people.push(subject);
            }
        }
        for found in self.store.scan(HANDLES) {
            let (key, record) = found?;
            if record.value.first_chunk().is_some_and(|sid| sids.contains(sid)) {
                batch.delete.push(key);
            }
        }
        Ok(ComeBack { batch, people })
    }

    /// The key in a record that a scan found; `None` if it went since.
    fn unwrapped(&self, key: &Key, record: &Record) -> Result<Option<SubjectKey>, VaultError> {
        let sid = key.as_bytes().strip_prefix(KEYS).and_then(|sid| sid.try_into().ok());
        let sid = Sid(sid.ok_or(VaultError::Sealed)?);
        match self.keeper.unwrap(sid, &as_wrap(&record.value)?) {
            // A rotation ended since the page was read.
            Err(VaultError::NoKek(_)) => self.by_sid(sid),
            opened => Ok(Some(SubjectKey::new(sid, opened?))),
        }
    }
}
