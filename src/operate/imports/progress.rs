//! How far an import has come.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Refused;
use crate::{consent::Fate, store::Key};

/// What an import brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Acts on consents.
    Consents,
    /// Items.
    Items,
}

impl Kind {
    /// Its word in paths, in the log and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consents => "consents",
            Self::Items => "items",
        }
    }
}

/// Which import: the SHA-256 of what it brings, so that the same file is the same import wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportId(pub [u8; 32]);

impl ImportId {
    /// Where its progress is kept.
    pub(super) fn key(self) -> Key {
        Key::new(&[b"o/import/".as_slice(), &self.0].concat())
    }
}

impl fmt::Display for ImportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text names no import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an import's id must be 64 hexadecimal digits")]
pub struct InvalidImportId;

impl FromStr for ImportId {
    type Err = InvalidImportId;

    fn from_str(text: &str) -> Result<Self, InvalidImportId> {
        let mut id = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidImportId);
        }
        for (to, at) in id.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(InvalidImportId)?;
            *to = u8::from_str_radix(digits, 16).map_err(|_| InvalidImportId)?;
        }
        Ok(Self(id))
    }
}

/// How far an import has come, and what became of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it brings.
    pub kind: Kind,
    /// How many rows were gone through.
    pub rows: u64,
    /// Rows that changed something.
    pub recorded: u64,
    /// Rows that changed something and do not count until the person is asked anew.
    pub ask_anew: u64,
    /// Rows that were here already.
    pub unchanged: u64,
    /// Rows that were refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Items that not every model took when it was told of them.
    #[serde(default)]
    pub untold: u64,
    /// Whether all rows were gone through.
    pub done: bool,
}

impl Progress {
    /// That of an import that was never begun.
    #[must_use]
    pub fn begin(kind: Kind) -> Self {
        Self {
            kind,
            rows: 0,
            recorded: 0,
            ask_anew: 0,
            unchanged: 0,
            refused: BTreeMap::new(),
            untold: 0,
            done: false,
        }
    }

    /// How many rows were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    pub(super) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Recorded => self.recorded += 1,
            Fate::AskAnew => self.ask_anew += 1,
            Fate::Unchanged => self.unchanged += 1,
            Fate::Refused(unfit) => self.refuse(Refused::unfit(unfit)),
        }
    }

    pub(super) fn refuse(&mut self, refused: Refused) {
        let reason = refused.reason.as_str();
        match self.refused.get_mut(reason) {
            Some(count) => *count += 1,
            None => {
                self.refused.insert(reason.to_owned(), 1);
            }
        }
    }

    /// Nothing of it is about a person, so it is kept in the clear inside the sealed journal.
    pub(super) fn encode(&self) -> Vec<u8> {
        #[expect(clippy::unwrap_used, reason = "numbers and words always are JSON")]
        serde_json::to_vec(&(1, self)).unwrap()
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (version, progress): (u8, Self) = serde_json::from_slice(value).ok()?;
        (version == 1).then_some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = ImportId(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "0", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bad.parse::<ImportId>(), Err(InvalidImportId), "{bad}");
        }
    }

    #[test]
    fn progress_of_a_newer_version_is_not_read() {
        let progress = Progress::begin(Kind::Items);
        assert_eq!(Progress::decode(&progress.encode()), Some(progress));
        assert_eq!(Progress::decode(br#"[2,{"kind":"items"}]"#), None);
    }
}
