//! The closed words of the log under one ruleset: what `e o p r u g` of a row may say.
//!
//! A vocabulary is published as `vocabulary/<ruleset>.json` beside the log's tiles, and the row that brings it into force
//! commits to its SHA-256. It only grows while its ruleset is in force, so the last one that a row commits to holds for all
//! rows under that ruleset.

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{Row, row::NOTHING};
use crate::{domain::hex, store::Key};

/// The form of vocabularies.
const VERSION: u8 = 1;

/// The record of a ruleset's vocabulary.
pub(super) fn key(ruleset: &str) -> Key {
    Key::new(&[b"o/log/vocabulary/", ruleset.as_bytes()].concat())
}

/// The closed words under one ruleset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// Events.
    #[serde(rename = "e")]
    pub events: BTreeSet<String>,
    /// Gateways that write the log.
    #[serde(rename = "g")]
    pub gateways: BTreeSet<String>,
    /// Outcomes.
    #[serde(rename = "o")]
    pub outcomes: BTreeSet<String>,
    /// Purposes.
    #[serde(rename = "p")]
    pub purposes: BTreeSet<String>,
    /// Reasons.
    #[serde(rename = "r")]
    pub reasons: BTreeSet<String>,
    /// The ruleset: the first 8 bytes of its SHA-256 in hexadecimal.
    #[serde(rename = "s")]
    pub ruleset: String,
    /// Recipients.
    #[serde(rename = "u")]
    pub recipients: BTreeSet<String>,
    /// The form: 1.
    #[serde(rename = "v")]
    pub version: u8,
}

/// A word that no vocabulary in force holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` says {word:?}, which is no word of the vocabulary of ruleset {ruleset}")]
pub struct UnknownWord {
    /// The row's field.
    pub field: char,
    /// What it says.
    pub word: String,
    /// The ruleset the row names.
    pub ruleset: String,
}

impl Vocabulary {
    /// The vocabulary of `ruleset`, without words.
    #[must_use]
    pub fn new(ruleset: &str) -> Self {
        let none = BTreeSet::new;
        Self {
            events: none(),
            gateways: none(),
            outcomes: none(),
            purposes: none(),
            reasons: none(),
            ruleset: ruleset.to_owned(),
            recipients: none(),
            version: VERSION,
        }
    }

    /// Where it stands among the files of a log.
    #[must_use]
    pub fn path(ruleset: &str) -> String {
        format!("vocabulary/{ruleset}.json")
    }

    /// Where the one with SHA-256 `hash` stands for good, though a later one of the same ruleset holds more words.
    #[must_use]
    pub fn path_of(ruleset: &str, hash: &[u8; 32]) -> String {
        let (hash, _) = hash.split_at(8);
        format!("vocabulary/{ruleset}-{}.json", hex(hash))
    }

    /// Its bytes: keys and words sorted, no white space.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads one; nothing if it is none, or not written as [`Vocabulary::json`] writes it.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        (read.version == VERSION && read.json() == bytes).then_some(read)
    }

    /// What a row commits to: the SHA-256 of its bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        digest(&SHA256, &self.json()).as_ref().try_into().unwrap_or_default()
    }

    /// This one with the words of `other` too.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.events.extend(other.events);
        self.gateways.extend(other.gateways);
        self.outcomes.extend(other.outcomes);
        self.purposes.extend(other.purposes);
        self.reasons.extend(other.reasons);
        self.recipients.extend(other.recipients);
        self
    }

    /// Whether a row says only what it may.
    ///
    /// # Errors
    /// The first word that is not in it. A purpose or a recipient may also be that nothing applies.
    pub fn check(&self, row: &Row<'_>) -> Result<(), UnknownWord> {
        let fields = [
            ('e', row.event, &self.events),
            ('g', row.gateway, &self.gateways),
            ('o', row.outcome, &self.outcomes),
            ('p', row.purpose, &self.purposes),
            ('r', row.reason, &self.reasons),
            ('u', row.recipient, &self.recipients),
        ];
        for (field, word, known) in fields {
            let is_nothing = word == NOTHING && matches!(field, 'p' | 'u');
            if !is_nothing && !known.contains(word) {
                let (word, ruleset) = (word.to_owned(), row.ruleset.to_owned());
                return Err(UnknownWord { field, word, ruleset });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_has_one_form() {
        let mut vocabulary = Vocabulary::new("9f86d081884c7d65");
        vocabulary.events.insert("decision".to_owned());
        let bytes = vocabulary.json();
        assert_eq!(
            bytes,
            br#"{"e":["decision"],"g":[],"o":[],"p":[],"r":[],"s":"9f86d081884c7d65","u":[],"v":1}"#
        );
        assert_eq!(Vocabulary::parse(&bytes), Some(vocabulary));
        assert_eq!(Vocabulary::parse(&[&bytes[..], b"\n"].concat()), None);
    }
}
