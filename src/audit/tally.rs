//! What the rows of a log add up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Vocabulary,
    row::{NOTHING, Row},
};

/// What the rows of a log add up to. It reads back what it writes, so a verification may go on from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// How many rows were read.
    pub rows: u64,
    /// How many were pruned and could not be.
    pub pruned: u64,
    /// Rows by event.
    pub events: BTreeMap<String, u64>,
    /// Rows by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows by purpose; `-` where none applies.
    pub purposes: BTreeMap<String, u64>,
    /// Rows by recipient; `-` where nobody received anything.
    pub recipients: BTreeMap<String, u64>,
    /// How many people came to be known.
    pub created: u64,
    /// How many were erased.
    pub erased: u64,
    /// How many rows lost their bodies to the end of retention: the sum of `rows` over `retention.dropped`.
    pub bodies_dropped: u64,
    /// The rulesets that rows name.
    pub rulesets: BTreeMap<String, Ruleset>,
    /// The first row's minute, in Unix seconds.
    pub first_minute: Option<i64>,
    /// The latest minute of any row, in Unix seconds.
    pub latest_minute: Option<i64>,
    /// How far a row's minute lay before the latest one, in seconds, at most.
    pub largest_step_back: i64,
    /// What the first row opens the log with.
    pub opening: Option<Opening>,
}

/// What the rows under one ruleset say of its vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruleset {
    /// The first row that names the ruleset.
    pub first_row: u64,
    /// The last row that commits to its vocabulary, and the SHA-256 it says.
    pub commitment: Option<(u64, [u8; 32])>,
    /// The words that rows say.
    pub words: Vocabulary,
}

impl Ruleset {
    /// Takes note of a row's words. Words are few and rows many: a word is copied once.
    pub(super) fn learn(&mut self, row: &Row<'_>) {
        let words = &mut self.words;
        for (word, known) in [
            (row.event, &mut words.events),
            (row.gateway, &mut words.gateways),
            (row.outcome, &mut words.outcomes),
            (row.purpose, &mut words.purposes),
            (row.reason, &mut words.reasons),
            (row.recipient, &mut words.recipients),
        ] {
            if word != NOTHING && !known.contains(word) {
                known.insert(word.to_owned());
            }
        }
    }

    /// A word that rows say and `vocabulary` does not hold.
    pub(super) fn unknown_to<'a>(&'a self, vocabulary: &'a Vocabulary) -> Option<&'a str> {
        let words = &self.words;
        let fields = [
            (&words.events, &vocabulary.events),
            (&words.gateways, &vocabulary.gateways),
            (&words.outcomes, &vocabulary.outcomes),
            (&words.purposes, &vocabulary.purposes),
            (&words.reasons, &vocabulary.reasons),
            (&words.recipients, &vocabulary.recipients),
        ];
        let mut unknown = fields.iter().flat_map(|(said, known)| said.difference(known));
        unknown.next().map(String::as_str)
    }
}

/// The row that opens a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The log that this one goes on from, if one.
    pub origin: Option<String>,
    /// Its last size.
    pub size: u64,
    /// The root it had then.
    pub root: [u8; 32],
}

impl Tally {
    /// Counts a row.
    pub(super) fn count(&mut self, row: &Row<'_>) {
        self.rows += 1;
        for (counts, word) in [
            (&mut self.events, row.event),
            (&mut self.outcomes, row.outcome),
            (&mut self.purposes, row.purpose),
            (&mut self.recipients, row.recipient),
        ] {
            // Words are few and rows many: a word is copied once.
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            }
        }
        match row.event {
            "subject.created" => self.created += 1,
            "subject.erased" => self.erased += 1,
            "retention.dropped" => {
                self.bodies_dropped = self.bodies_dropped.saturating_add(row.rows.unwrap_or(0));
            }
            _ => {}
        }
    }

    /// Takes note of a row's minute; how far it lies before the latest, in seconds.
    pub(super) fn pass(&mut self, minute: i64) -> i64 {
        self.first_minute.get_or_insert(minute);
        let latest = self.latest_minute.get_or_insert(minute);
        let back = latest.saturating_sub(minute).max(0);
        *latest = minute.max(*latest);
        self.largest_step_back = self.largest_step_back.max(back);
        back
    }

    /// Whether its sums agree with each other.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let counts = [&self.events, &self.outcomes, &self.purposes, &self.recipients];
        counts.iter().all(|counts| {
            let sum = counts.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
            sum == Some(self.rows)
        })
    }
}
