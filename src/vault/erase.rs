//! Destroying a person's key, and the keys of what is still to be done once it is gone.

use super::{
    Handle, NOBODY, SubjectKey, Vault, VaultError, Wrap, as_wrap, living::all_of, prefixed,
    wrap_key,
};
use crate::{
    domain::Sid,
    store::{Batch, Expect, Key, Put},
};

/// What stands behind [`NOBODY`] in the mark of a job's key, so that the key counts as nobody's.
const JOBS: &[u8] = b"erasure/";

/// What destroys a person's key and all that opens with it.
#[derive(Clone, Debug)]
pub struct Destruction {
    /// Nobody else may have changed the key or the handle meanwhile.
    pub expect: Vec<Expect>,
    /// The wrap and the handle.
    pub delete: Vec<Key>,
    /// All records under the `sid`.
    pub delete_prefix: Vec<Key>,
    /// The epoch of the key-encryption key under which the wrap stood: until that is destroyed, a copy of the wrap opens.
    pub kek: u32,
}

/// The key of a job that outlives a person: what is sealed under it opens until the job is done.
#[derive(Debug)]
pub struct Job {
    /// The key. Its `sid` is the job's, and says nothing of whose job it is.
    pub key: SubjectKey,
    /// Nothing may stand there.
    pub expect: Vec<Expect>,
    /// The wrap, and the mark that it is no person's.
    pub put: Vec<Put>,
}

impl Vault {
    /// What destroys the key of the person under `handle`; `None` when the handle does not lead to `key`. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn destruction(
        &self,
        handle: Handle,
        key: &SubjectKey,
    ) -> Result<Option<Destruction>, VaultError> {
        let sid = key.sid();
        let led = self.store.read(&handle.key())?.filter(|led| led.value == sid.0);
        let Some((led, wrapped)) = led.zip(self.store.read(&wrap_key(sid))?) else {
            return Ok(None);
        };
        let wrap: Wrap = as_wrap(&wrapped.value)?;
        let (epoch, _) = wrap.split_first_chunk::<4>().ok_or(VaultError::Sealed)?;
        let expect = vec![
            Expect::Version { key: handle.key(), version: led.version },
            Expect::Version { key: wrap_key(sid), version: wrapped.version },
        ];
        Ok(Some(Destruction {
            expect,
            delete: vec![handle.key(), wrap_key(sid)],
            delete_prefix: all_of(sid).collect(),
            kek: u32::from_be_bytes(*epoch),
        }))
    }

    /// Forgets what memory holds of the person under `handle`, once their key is destroyed.
    pub fn forget(&self, handle: Handle) {
        self.known.remove(&handle);
    }

    /// A fresh key for a job.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn job(&self) -> Result<Job, VaultError> {
        let (key, expect, mut put) = self.keyed()?;
        put.push(Put { key: job_mark(key.sid()), version: 1, value: key.sid().0.to_vec() });
        Ok(Job { key, expect, put })
    }

    /// What destroys the key of the job with this `sid`.
    #[must_use]
    pub fn end_of_job(&self, sid: Sid) -> Batch {
        Batch { delete: vec![wrap_key(sid), job_mark(sid)], ..Batch::default() }
    }
}

fn job_mark(sid: Sid) -> Key {
    prefixed(NOBODY, &[JOBS, &sid.0].concat())
}
