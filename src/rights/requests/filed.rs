//! A request as the person and the controller know it, sealed under the person's key.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Proof, RequestId};
use crate::{
    domain::{ItemId, PurposeId, Sid, Timestamp},
    store::Key,
    vault::{Sealable, prefixed},
};

/// The prefix of all filed requests.
pub(super) const FILED: &[u8] = b"rq/";

/// What is to be known of somebody's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Age {
    /// They are under 14 until then.
    ChildUntil(Timestamp),
    /// They are not under 14.
    Grown,
}

/// What a person wants, in particular.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The purposes that an objection is about; none for all that rest on consent.
    pub purposes: Vec<PurposeId>,
    /// The item that something is about, such as a meeting that was not theirs.
    pub item: Option<ItemId>,
    /// The recommendation that is to be explained, as its answer named it.
    pub recommendation: Option<String>,
    /// How old they are, where what is known of that is wrong.
    pub age: Option<Age>,
    /// In their own words.
    pub statement: Option<String>,
    /// Whether they asked not to come back by imports once they are erased.
    pub suppress: bool,
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted(…)")
    }
}

/// What was said or done about a request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// The word of it, as the log has it: `completed`, `extended` …
    pub what: String,
    /// Why, in a closed word, where there is one.
    pub reason: Option<String>,
    /// What the person is told.
    pub text: Option<String>,
    /// What was done, in closed words: `paused`, `tier_none`, `objected`, `corrected`.
    pub done: Option<String>,
    /// Where the person finds what they asked for.
    pub see: Vec<String>,
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Note").field("what", &self.what).finish_non_exhaustive()
    }
}

/// A request as the person and the controller know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// What is wanted, in particular.
    pub wanted: Wanted,
    /// That it speaks for the person.
    pub proof: Option<Proof>,
    /// What was said and done, oldest first.
    pub notes: Vec<Note>,
}

impl Sealable for Filed {
    const SCHEMA: u8 = 1;
}

/// Where a request of a person's is kept.
pub(super) fn filed_key(sid: Sid, id: RequestId) -> Key {
    prefixed(FILED, &[sid.0.as_slice(), b"/", &id.0].concat())
}

/// Where all requests of a person are found.
pub(super) fn filed_prefix(sid: Sid) -> Key {
    prefixed(FILED, &[sid.0.as_slice(), b"/"].concat())
}

/// Whose request stands under `key`, and which.
pub(super) fn filed_of(key: &Key) -> Option<(Sid, RequestId)> {
    let rest = key.as_bytes().strip_prefix(FILED)?;
    let (sid, rest) = rest.split_first_chunk::<16>()?;
    let id = rest.strip_prefix(b"/")?.try_into().ok()?;
    Some((Sid(*sid), RequestId(id)))
}
