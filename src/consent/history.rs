//! What a person did, act by act: records that are added and never changed.

use std::fmt;

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
    /// Came to be known by another id too.
    Link,
    /// Is no longer known by another id.
    Unlink,
    /// Got a guardian who acts for them.
    Guard,
    /// Has no guardian any more.
    Unguard,
    /// Began anew: other pseudonyms, and nothing used that was held before.
    Reset,
    /// Went back to where they were before a reset.
    UndoReset,
    /// The time in which a reset could be undone ran out.
    CloseReset,
    /// Had what was held of a span of time forgotten.
    Forget,
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
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::Guard => "guard",
            Self::Unguard => "unguard",
            Self::Reset => "reset",
            Self::UndoReset => "undo_reset",
            Self::CloseReset => "close_reset",
            Self::Forget => "forget",
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

/// An act as it is kept, with what its receipt is worded from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) act: Act,
    /// The hash of what its receipt says of the processing; absent where it has no receipt.
    pub(super) terms: Option<[u8; 32]>,
    /// What finds its row; absent in what older programs wrote.
    pub(super) row: Option<RowMark>,
}

/// What finds the row that is in the same batch: where that stands in the log is known only once it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowMark {
    pub(super) nonce: [u8; 16],
    /// How long the log was when the row was sealed: the row is among the first ones behind.
    pub(super) after: u64,
}

impl Sealable for Kept {
    const SCHEMA: u8 = 2;

    fn older(schema: u8, bytes: &[u8]) -> Option<Result<Self, postcard::Error>> {
        let alone = |act| Self { act, terms: None, row: None };
        (schema == 1).then(|| postcard::from_bytes::<Act>(bytes).map(alone))
    }
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
/// key until the recipient has confirmed; of a person who was erased, under the key of a job that outlives them.
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
    /// What is left of a person who was erased.
    pub erased: Option<OfErased>,
}

/// The pseudonym of a person whose key is destroyed: nothing makes it anew, so it is kept until its recipient has answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfErased {
    /// The pseudonym.
    pub pseudonym: String,
    /// The certificate in which the recipient's answer is told; none where the one that there was is lost with the state
    /// that a backup replaced.
    pub certificate: Option<[u8; 16]>,
}

impl fmt::Debug for OfErased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfErased(…)")
    }
}

impl Sealable for Deletion {
    const SCHEMA: u8 = 2;

    fn older(schema: u8, bytes: &[u8]) -> Option<Result<Self, postcard::Error>> {
        (schema == 1).then(|| postcard::from_bytes::<Deletion1>(bytes).map(Self::from))
    }
}

/// A deletion of schema 1, frozen.
#[derive(Deserialize)]
struct Deletion1 {
    recipient: RecipientId,
    domain: Pseudodomain,
    generation: u32,
    queued_at: Timestamp,
}

impl From<Deletion1> for Deletion {
    fn from(older: Deletion1) -> Self {
        let Deletion1 { recipient, domain, generation, queued_at } = older;
        Self { recipient, domain, generation, queued_at, erased: None }
    }
}

/// The prefix of all deletions that are owed.
pub const DELETIONS: &[u8] = b"q/";

/// Where all deletions that are owed to a person are found.
pub(super) fn deletions_prefix(sid: Sid) -> Key {
    prefixed(DELETIONS, &[sid.0.as_slice(), b"/"].concat())
}

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

/// The prefix of all records that are held on a person, for whatever purpose.
#[must_use]
pub fn held_of(sid: Sid) -> Vec<u8> {
    [b"d/".as_slice(), &sid.0, b"/"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_of_schema_1_is_read_without_what_words_a_receipt() {
        let act = Act {
            at: Timestamp::from_millis(1_760_000_040_123),
            action: Action::Withdraw,
            purpose: PurposeId::parse("recommend_products").ok(),
            categories: Vec::new(),
            expires_at: None,
            method: Method::App,
            notice: None,
            by_guardian: false,
        };
        let bytes = postcard::to_stdvec(&act).unwrap();
        let kept = Kept::older(1, &bytes).unwrap().unwrap();
        assert_eq!(kept, Kept { act, terms: None, row: None });
        assert!(Kept::older(0, &bytes).is_none());
    }

    #[test]
    fn a_deletion_of_before_erasures_is_read_as_it_was_meant() {
        let recipient = RecipientId::parse("recsys-eu").unwrap();
        let domain = Pseudodomain::parse("shop").unwrap();
        let at = Timestamp::from_millis(1_760_000_040_123);
        let older = postcard::to_stdvec(&(&recipient, &domain, 3_u32, at)).unwrap();
        let read = Deletion::older(1, &older).unwrap().unwrap();
        let meant = Deletion { recipient, domain, generation: 3, queued_at: at, erased: None };
        assert_eq!(read, meant);
        assert!(Deletion::older(0, &older).is_none());
        let erased = OfErased { pseudonym: "pcanary".to_owned(), certificate: None };
        let debug = format!("{:?}", Deletion { erased: Some(erased), ..meant });
        assert!(!debug.contains("canary"), "{debug}");
    }
}
