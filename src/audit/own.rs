//! A person's own rows, as an export holds them: what finds them, what opens each, and what proves it.
//!
//! Promises: whoever holds an export and the log's public key can tell that each row in it is theirs and is what the log
//! says; with the log itself, that it has no other row of theirs up to where the export ends. It opens no later row: an
//! export closes the audit epoch, and later rows have keys of another.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Event, Finder, NotOpened, OpenedRow, event, marks,
    opened::{key_of, text},
};
use crate::tlog::VerifierKey;

/// The member `log` of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnLog {
    /// The person's audit epochs so far, each closed by an export.
    pub epochs: Vec<TagKey>,
    /// How far the log was looked through; nothing for a person who is not known.
    pub until: Option<Until>,
    /// Their rows, in the order of the log.
    pub rows: Vec<OpenedRow>,
}

/// What finds a person's rows of one audit epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagKey {
    /// Which of the person's ids it is of: 0 for the first, and then those that are linked, in the order of the export.
    #[serde(default)]
    pub id: u32,
    /// The epoch.
    pub number: u32,
    /// `X(K_aud, "tag")`, in base64url without padding.
    pub tag_key: String,
}

impl TagKey {
    /// The tag key of an epoch of one id.
    #[must_use]
    pub fn new(id: u32, number: u32, key: &[u8; 32]) -> Self {
        Self { id, number, tag_key: text(key) }
    }
}

/// A place in a log: all rows before it, and in the logs that it goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// Which log.
    pub origin: String,
    /// How many of its rows.
    pub size: u64,
}

/// What is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Amiss {
    /// A tag key is none, or there are two of one epoch.
    #[error("the tag key of epoch {0} is none, or is there twice")]
    Key(u32),
    /// No row says that this epoch was closed.
    #[error("no row says that epoch {0} was closed by an export")]
    Open(u32),
    /// A row is not what it is said to be.
    #[error("row {index} of {origin}: {what}")]
    Row {
        /// Its log.
        origin: String,
        /// Its index.
        index: u64,
        /// What is wrong.
        what: NotOwn,
    },
}

/// Why a row is not one of the person's, as an export has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOwn {
    /// Its fields do not agree with each other or with the log.
    #[error(transparent)]
    Opened(#[from] NotOpened),
    /// It carries no tag of its epoch.
    #[error("it does not carry the tag of the epoch it is said to be of")]
    Tag,
    /// It is there twice.
    #[error("it is there twice")]
    Twice,
    /// The log has a row of the person's that the export lacks.
    #[error("it carries the person's tag of epoch {0}, and the export lacks it")]
    Lacking(u32),
    /// The log has another row at this place than the export.
    #[error("the export has another row at this place")]
    Other,
}

/// An id of the person's, and one of its audit epochs.
pub type Of = (u32, u32);

/// An export that was checked.
#[derive(Debug)]
pub struct OwnRows {
    finders: BTreeMap<Of, Finder>,
    /// By log and index.
    rows: BTreeMap<String, BTreeMap<u64, String>>,
    /// How many rows each epoch of each id has.
    pub epochs: BTreeMap<Of, u64>,
    /// How many rows open, their body being there.
    pub opened: u64,
    /// How many rows are proven to stand under a checkpoint.
    pub proven: u64,
}

impl OwnLog {
    /// Checks each row by itself: that it carries the person's tag, commits to its salt and body, and stands in the log.
    /// `keys` are the logs' public keys.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<OwnRows, Amiss> {
        let (mut finders, mut epochs) = (BTreeMap::new(), BTreeMap::new());
        for TagKey { id, number, tag_key } in &self.epochs {
            let key = key_of(tag_key).map_err(|_| Amiss::Key(*number))?;
            epochs.insert((*id, *number), 0);
            if finders.insert((*id, *number), Finder::new(&key)).is_some() {
                return Err(Amiss::Key(*number));
            }
        }
        let rows = BTreeMap::new();
        let mut own = OwnRows { finders, rows, epochs, opened: 0, proven: 0 };
        let mut ended = BTreeSet::new();
        for row in &self.rows {
            let amiss = |what| Amiss::Row { origin: row.origin.clone(), index: row.index, what };
            let closes = own.take(row, keys).map_err(amiss)?;
            ended.extend(of(row).filter(|_| closes));
        }
        match own.epochs.keys().find(|epoch| !ended.contains(epoch)) {
            Some((_, epoch)) => Err(Amiss::Open(*epoch)),
            None => Ok(own),
        }
    }
}

impl OwnRows {
    /// Takes a row in; whether it is one that closes its epoch.
    fn take(&mut self, row: &OpenedRow, keys: &[VerifierKey]) -> Result<bool, NotOwn> {
        let shown = row.check(keys)?;
        let finder = of(row).and_then(|of| self.finders.get(&of));
        let its = marks(row.entry.as_bytes());
        if !finder.zip(its).is_some_and(|(finder, its)| finder.finds(&its)) {
            return Err(NotOwn::Tag);
        }
        if let Some(count) = of(row).and_then(|of| self.epochs.get_mut(&of)) {
            *count += 1;
        }
        self.opened += u64::from(shown.opens);
        self.proven += u64::from(shown.checkpoint.is_some());
        let of_log = self.rows.entry(row.origin.clone()).or_default();
        if of_log.insert(row.index, row.entry.clone()).is_some() {
            return Err(NotOwn::Twice);
        }
        Ok(event(row.entry.as_bytes()) == Some(Event::RightsExport.as_str()))
    }

    /// How many rows the export has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.values().map(|of_log| of_log.len() as u64).sum()
    }

    /// How many of them stand in the log `origin`.
    #[must_use]
    pub fn count_in(&self, origin: &str) -> u64 {
        self.rows.get(origin).map_or(0, |of_log| of_log.len() as u64)
    }

    /// Holds a row of the log `origin` against the export: whether it is one of the person's.
    ///
    /// # Errors
    /// When it is, and the export lacks it; or when the export has another one there.
    pub fn meet(&self, origin: &str, index: u64, entry: &[u8]) -> Result<bool, NotOwn> {
        let known = self.rows.get(origin).and_then(|of_log| of_log.get(&index));
        let its = marks(entry);
        let found = its.and_then(|its| {
            let mut finders = self.finders.iter();
            finders.find(|(_, finder)| finder.finds(&its)).map(|((_, epoch), _)| *epoch)
        });
        match (known, found) {
            (Some(known), _) if known.as_bytes() != entry => Err(NotOwn::Other),
            (Some(_), _) => Ok(true),
            (None, Some(epoch)) => Err(NotOwn::Lacking(epoch)),
            (None, None) => Ok(false),
        }
    }
}

/// Which epoch of which id a row is said to be of.
fn of(row: &OpenedRow) -> Option<Of> {
    row.epoch.map(|epoch| (row.id.unwrap_or_default(), epoch))
}
