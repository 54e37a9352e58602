//! What a person did, act by act: records that are added and never changed.

use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::{
    domain::{
        CategoryId, Detail, Epoch, Method, Pseudodomain, PurposeId, RecipientId, Sid, Timestamp,
    },
    store::Key,
    vault::{Sealable, prefixed},
};

/// What an act did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Gave consent.
    Give,
    /// Refused it.
    Refuse,
    /// Took it back.
    Withdraw,
    /// Its time ran out.
    Expire,
    /// Objected by signal (Global Privacy Control).
    Object,
    /// Set rules of one's own.
    SetRules,
    /// Kept under the new names that a policy has for the same things.
    Carry,
    /// Had their rows of the log exported, which closes the audit epoch.
    Export,
    /// Had what is known of them corrected.
    Correct,
}

impl Action {
    /// The word in JSON and in the log's bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Give => "give",
            Self::Refuse => "refuse",
            Self::Withdraw => "withdraw",
            Self::Expire => "expire",
            Self::Object => "object",
            Self::SetRules => "set_rules",
            Self::Carry => "carry",
            Self::Export => "export",
            Self::Correct => "correct",
        }
    }
}

/// One act, as it is kept sealed under the person's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When it took effect.
    pub at: Timestamp,
    /// What it did.
    pub action: Action,
    /// For which purpose; absent where it is about all.
    pub purpose: Option<PurposeId>,
    /// The categories agreed to and how finely each.
    pub categories: Vec<(CategoryId, Detail)>,
    /// When what was given ends by itself.
    pub expires_at: Option<Timestamp>,
    /// How the act reached the gateway.
    pub method: Method,
    /// What was shown, if a notice was.
    pub notice: Option<Snapshot>,
    /// Done by a verified guardian on behalf of a child.
    pub by_guardian: bool,
}

impl Act {
    /// The categories and how finely each, in words.
    #[must_use]
    pub fn words(&self) -> Vec<(String, String)> {
        let detail = |detail: &Detail| match detail {
            Detail::None => "none",
            Detail::Coarse => "coarse",
            Detail::Fine => "fine",
        };
        self.categories
            .iter()
            .map(|(category, how)| (category.as_str().to_owned(), detail(how).to_owned()))
            .collect()
    }
}

impl Sealable for Act {
    const SCHEMA: u8 = 1;
}

/// Where a person's acts are kept: one record an epoch.
pub(super) fn act_key(sid: Sid, epoch: Epoch) -> Key {
    prefixed(b"e/", &[sid.0.as_slice(), b"/", &epoch.0.to_be_bytes()].concat())
}

/// Where all acts of a person are found.
pub(super) fn acts_prefix(sid: Sid) -> Key {
    prefixed(b"e/", &[sid.0.as_slice(), b"/"].concat())
}

/// A recipient is to delete what it holds under a pseudonym that is no longer in use. Kept sealed under the person's
/// key until the recipient has confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Who holds the data.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// Which pseudonym.
    pub generation: u32,
    /// Since when it is owed.
    pub queued_at: Timestamp,
}

impl Sealable for Deletion {
    const SCHEMA: u8 = 1;
}

/// The prefix of all deletions that are owed.
pub const DELETIONS: &[u8] = b"q/";

/// Where a deletion that is owed is kept.
#[must_use]
pub fn deletion_key(sid: Sid, deletion: &Deletion) -> Key {
    let rest = [
        sid.0.as_slice(),
        b"/",
        deletion.recipient.as_str().as_bytes(),
        b"/",
        deletion.domain.as_str().as_bytes(),
        b"/",
        &deletion.generation.to_be_bytes(),
    ];
    prefixed(DELETIONS, &rest.concat())
}

/// Whose deletion stands under `key`.
#[must_use]
pub fn deletion_sid(key: &Key) -> Option<Sid> {
    let rest = key.as_bytes().strip_prefix(DELETIONS)?;
    rest.split_first_chunk::<16>().map(|(sid, _)| Sid(*sid))
}

/// The prefix of all records that are held on a person for `purpose`: they go when it is withdrawn.
#[must_use]
pub fn held_prefix(sid: Sid, purpose: &PurposeId) -> Vec<u8> {
    [b"d/".as_slice(), &sid.0, b"/", purpose.as_str().as_bytes(), b"/"].concat()
}
