//! Handles of people who were erased and asked never to come back by themselves.
//!
//! An entry is a keyed hash of the handle and holds nothing: it answers whether one given person is suppressed, to who has
//! the person's id and the keys, and tells of nobody else.

use super::{Enrolment, Handle, Vault, VaultError, mac, prefixed};
use crate::store::{Expect, Key, Put};

/// The prefix of the entries.
const SUPPRESSED: &[u8] = b"u/";

impl Handle {
    /// `"u/" ‖ HMAC(handle, "consentry/suppression/v1")`.
    pub(super) fn suppression(self) -> Key {
        prefixed(SUPPRESSED, &mac(&self.0, &[b"consentry/suppression/v1"]))
    }

    /// What shows that who asks for the certificate `id` is who was erased: it can be checked by who comes with the
    /// handle, and leads to no handle.
    #[must_use]
    pub fn certificate_check(self, id: &[u8; 16]) -> [u8; 32] {
        mac(&self.0, &[b"consentry/certificate/v1", id])
    }
}

impl Vault {
    /// Whether the person under `handle` asked not to come back by themselves. Reads the disk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_suppressed(&self, handle: Handle) -> Result<bool, VaultError> {
        Ok(self.store.read(&handle.suppression())?.is_some())
    }

    /// The entry that keeps the person under `handle` from coming back by themselves. An enrolment expects that there is
    /// none.
    #[must_use]
    pub fn suppressing(&self, handle: Handle) -> Put {
        Put { key: handle.suppression(), version: 1, value: vec![1] }
    }
}

impl Enrolment {
    /// Enrols in spite of an entry under `handle`, and takes it out. The key to delete with the enrolment.
    #[must_use]
    pub fn lifting(&mut self, handle: Handle) -> Key {
        let entry = handle.suppression();
        let is_it =
            |expect: &Expect| matches!(expect, Expect::Version { key, .. } if *key == entry);
        self.expect.retain(|expect| !is_it(expect));
        entry
    }
}
