//! A row that was opened: what shows a reader, who holds no key, what one row of the log says.
//!
//! Promises: it opens that row and no other, since its salt is made for its nonce alone; whoever has the log's public key
//! can tell whether it is what the log says, without the gateway.
//!
//! ```text
//! {"origin","index","id"?,"epoch"?,"n","salt","body"|null,"entry","proof"|null}
//! ```
//! `n` and `salt` in base64url without padding; `body`, `entry` and `proof` are texts, byte for byte.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

use super::{NotARow, Row};
use crate::{
    tlog::{Checkpoint, NoteError, Proof, VerifierKey},
    vault::mac,
};

/// A row that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedRow {
    /// Which log it stands in.
    pub origin: String,
    /// Where in it.
    pub index: u64,
    /// In a person's export: which of their ids it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// In a person's export: the audit epoch whose tag key finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Its nonce.
    pub n: String,
    /// What opens its commitment.
    pub salt: String,
    /// Its body, as it was committed to; nothing once it was dropped.
    pub body: Option<String>,
    /// The row as the log has it.
    pub entry: String,
    /// A `.tlog-proof`; nothing while the row stands under no checkpoint.
    pub proof: Option<String>,
}

/// What is wrong with a row that was opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The entry is no row.
    #[error("its entry is no row of a log: {0}")]
    Entry(#[from] NotARow),
    /// A field is not base64url of the right length.
    #[error("its `{0}` is not base64url of the right length")]
    Binary(&'static str),
    /// The nonce is another than the row's.
    #[error("its `n` is not the row's")]
    Nonce,
    /// Salt and body are not what the row commits to.
    #[error("the row does not commit to this body and salt")]
    Commitment,
    /// The proof is none, is of another log, or does not hold.
    #[error("its proof does not hold: {0}")]
    Proof(#[from] NoteError),
    /// The proof is of another place.
    #[error("its proof is of row {0}")]
    Index(u64),
}

/// What was found of a row that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whether the body is there, and is the one that the row commits to.
    pub opens: bool,
    /// The checkpoint that it stands under, if there is one.
    pub checkpoint: Option<Checkpoint>,
}

impl OpenedRow {
    /// The row.
    ///
    /// # Errors
    /// When the entry is none.
    pub fn row(&self) -> Result<Row<'_>, NotARow> {
        Row::parse(self.entry.as_bytes())
    }

    /// Checks that the row commits to salt and body, and stands in the log where it says. Of `keys`, the one that bears
    /// the log's name must have signed.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Shown, NotOpened> {
        let row = self.row()?;
        if binary::<16>("n", &self.n)? != row.nonce {
            return Err(NotOpened::Nonce);
        }
        let salt: [u8; 32] = binary("salt", &self.salt)?;
        if let Some(body) = &self.body
            && mac(&salt, &[body.as_bytes()]) != row.commitment
        {
            return Err(NotOpened::Commitment);
        }
        let checkpoint = self.proof.as_deref().map(|proof| self.stands(proof, keys)).transpose()?;
        Ok(Shown { opens: self.body.is_some(), checkpoint })
    }

    fn stands(&self, proof: &str, keys: &[VerifierKey]) -> Result<Checkpoint, NotOpened> {
        let proof = Proof::parse(proof)?;
        if proof.index != self.index {
            return Err(NotOpened::Index(proof.index));
        }
        let key = keys.iter().find(|key| key.name == self.origin);
        let key = key.ok_or_else(|| NoteError::Unsigned(self.origin.clone()))?;
        // A key opens only checkpoints of the log whose name it bears.
        Ok(proof.verify(self.entry.as_bytes(), key)?)
    }
}

/// Bytes as they stand in a row's fields.
pub(crate) fn text(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn binary<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], NotOpened> {
    let bytes = BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(NotOpened::Binary(field))
}

/// A tag key as it stands in an export.
pub(super) fn key_of(text: &str) -> Result<[u8; 32], NotOpened> {
    binary("tag_key", text)
}
