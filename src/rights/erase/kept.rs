//! What a certificate is made of, kept for as long as the gateway is: what opens the rows it shows, and nothing else.
//!
//! The key that sealed the person's row is destroyed, so salt and body are kept apart from it. Neither holds an id, a handle
//! or a pseudonym. The record is sealed under the key of rows about nobody, whose `sid` stands before it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{super::RightsError, answers::Answer};
use crate::{
    ambient::Entropy,
    audit::{OpenedRow, Place, Proving, RowKeys, marks, text},
    domain::Sid,
    store::{Key, Leaf, Put, Record, Store, StoreError},
    vault::{Sealable, SubjectKey, Vault, VaultError},
};

/// The prefix of the records.
const CERTIFICATES: &[u8] = b"c/";

/// How many rows are looked through at once for one whose place is not known.
const PAGE: usize = 256;

/// What opens one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rights) struct Opening {
    entry: String,
    salt: [u8; 32],
    body: String,
    /// Where the row stands is known only once it does: it is among the first rows after the log was this long.
    after: u64,
}

impl Opening {
    /// What opens `leaf`, which `keys` sealed over `body` and which comes when the log has `after` rows at least.
    pub(in crate::rights) fn of(leaf: &Leaf, keys: &RowKeys, body: String, after: u64) -> Self {
        let entry = String::from_utf8_lossy(&leaf.entry).into_owned();
        Self { entry, salt: *keys.salt(&leaf.nonce), body, after }
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// Which row of the store it is. Reads the disk.
    pub(super) fn row(&self, store: &Store) -> Result<Option<u64>, StoreError> {
        let mut from = self.after;
        loop {
            let page = store.leaves(from, PAGE)?;
            if let Some(found) =
                (from..).zip(&page).find(|(_, leaf)| *leaf == self.entry.as_bytes())
            {
                return Ok(Some(found.0));
            }
            match page.len() as u64 {
                0 => return Ok(None),
                read => from += read,
            }
        }
    }

    /// The row, opened. Its proof is left out.
    pub(super) fn opened(&self, place: &Place) -> Option<OpenedRow> {
        let (n, _) = marks(self.entry.as_bytes())?;
        Some(OpenedRow {
            origin: place.origin.as_ref().to_owned(),
            index: place.index,
            id: None,
            epoch: None,
            n: text(&n),
            salt: text(&self.salt),
            body: Some(self.body.clone()),
            entry: self.entry.clone(),
            proof: None,
        })
    }

    /// The row with its proof, if it stands under a checkpoint. Reads the disk.
    pub(super) fn proven(
        &self,
        store: &Store,
        proving: &dyn Proving,
    ) -> Result<Option<OpenedRow>, RightsError> {
        let Some(row) = self.row(store)? else { return Ok(None) };
        let Some(mut opened) = self.opened(&proving.place(row)) else { return Ok(None) };
        let proofs = proving.prove(&[row]).map_err(RightsError::Proofs)?;
        opened.proof = proofs.into_iter().flatten().next().map(|proof| proof.to_string());
        Ok(Some(opened))
    }
}

/// What a certificate is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rights) struct Kept {
    /// Shows that who comes with a handle is who was erased.
    pub(super) check: [u8; 32],
    /// The person's last row.
    pub(super) row: Opening,
    /// What each recipient answered, and the row that says so.
    pub(super) recipients: Vec<(Answer, Option<Opening>)>,
}

impl Sealable for Kept {
    const SCHEMA: u8 = 1;
}

impl Kept {
    pub(super) fn new(check: [u8; 32], row: Opening, recipients: Vec<Answer>) -> Self {
        let recipients = recipients.into_iter().map(|answer| (answer, None)).collect();
        Self { check, row, recipients }
    }

    /// The record under `id`; `None` if there is none. Reads the disk.
    pub(in crate::rights) fn read(
        store: &Store,
        vault: &Vault,
        id: Uuid,
    ) -> Result<Option<Found>, RightsError> {
        let at = key(id);
        let Some(Record { version, value }) = store.read(&at)? else { return Ok(None) };
        let (sid, sealed) = value.split_first_chunk::<16>().ok_or(VaultError::Sealed)?;
        let seal = vault.by_sid(Sid(*sid))?.ok_or(VaultError::Sealed)?;
        let kept = seal.open(&at, &Record { version, value: sealed.to_vec() })?;
        Ok(Some(Found { kept, version, seal }))
    }

    /// The record under `id`, over the one of version `over`.
    pub(in crate::rights) fn put(
        &self,
        entropy: &Entropy,
        seal: &SubjectKey,
        id: Uuid,
        over: Option<u64>,
    ) -> Result<Put, VaultError> {
        let mut put = seal.seal(entropy, key(id), over, self)?;
        put.value.splice(0..0, seal.sid().0);
        Ok(put)
    }

    /// Notes what a recipient answered.
    pub(in crate::rights) fn note(&mut self, answer: Answer, opening: Opening) {
        let same = |known: &&mut (Answer, Option<Opening>)| {
            let known = &known.0;
            (&known.recipient, &known.domain, known.generation)
                == (&answer.recipient, &answer.domain, answer.generation)
        };
        if let Some(known) = self.recipients.iter_mut().find(same) {
            *known = (answer, Some(opening));
        }
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        self.recipients.iter().map(|(answer, _)| answer.clone()).collect()
    }
}

/// A record that was found.
pub(in crate::rights) struct Found {
    pub(in crate::rights) kept: Kept,
    pub(in crate::rights) version: u64,
    /// What it is sealed under.
    pub(in crate::rights) seal: SubjectKey,
}

fn key(id: Uuid) -> Key {
    Key::new(&[CERTIFICATES, id.as_bytes()].concat())
}
