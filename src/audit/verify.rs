//! Verifies what the rows of our own log say, while [`tlog`](crate::tlog) verifies that they are the rows.
//!
//! Promises: each row has the one form of rows, says words of its ruleset's vocabulary alone, and that vocabulary is the
//! one that the last row to commit to one commits to; time does not step back by more than it may. Rows are counted as they
//! pass, and memory grows with the words, not with the rows.
//!
//! It does not look for tags or nonces that repeat: that would need memory for each row.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    ops::Range,
};

use super::{
    Row, Vocabulary,
    tally::{Opening, Ruleset, Tally},
};
use crate::tlog::{Files, Rows, Wrong};

/// How far a row's minute may lie before the latest one, in seconds. Rows of several threads are ordered by the journal, a
/// moment after each read the clock.
pub const CLOCK_STEP: i64 = 120;

/// Most bytes of a vocabulary.
const LONGEST_VOCABULARY: usize = 1 << 20;

/// Most vocabularies held at once; a log of more rulesets reads them again.
const HELD: usize = 64;

/// Verifies what rows say, and counts them.
#[derive(Debug)]
pub struct Meaning<'a, F> {
    files: &'a F,
    clock_step: i64,
    tally: Tally,
    vocabularies: BTreeMap<String, Vocabulary>,
}

impl<'a, F: Files> Meaning<'a, F> {
    /// Goes on from `tally`; vocabularies are read from `files`.
    pub fn new(files: &'a F, clock_step: i64, tally: Tally) -> Self {
        Self { files, clock_step, tally, vocabularies: BTreeMap::new() }
    }

    /// What the rows so far add up to.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Once all rows were gone through: whether each vocabulary is one that a row commits to, and holds what rows say.
    ///
    /// # Errors
    /// The first ruleset of which it does not, or to whose vocabulary no row commits though none was pruned.
    pub fn end(&self) -> Result<(), Wrong> {
        let mut rulesets: Vec<_> = self.tally.rulesets.iter().collect();
        rulesets.sort_by_key(|(_, ruleset)| ruleset.first_row);
        for (name, ruleset) in rulesets {
            let (row, what) = match ruleset.commitment {
                Some((row, hash)) => {
                    let said = |what| Wrong::Saying { row, what };
                    let vocabulary = committed(self.files, name, &hash).map_err(said)?;
                    let Some(word) = ruleset.unknown_to(&vocabulary) else { continue };
                    (
                        row,
                        format!("the vocabulary that it commits to lacks {word:?}, which rows say"),
                    )
                }
                None if self.tally.pruned > 0 => continue,
                None => {
                    let path = Vocabulary::path(name);
                    (ruleset.first_row, format!("no row commits to {path}, which it needs"))
                }
            };
            return Err(Wrong::Saying { row, what });
        }
        Ok(())
    }

    fn words(&mut self, index: u64, row: &Row<'_>) -> Result<(), String> {
        let known = self.tally.rulesets.get(row.ruleset);
        if known.is_none_or(|known| known.words.check(row).is_err()) {
            self.new_words(index, row)?;
        }
        let ruleset = self.tally.rulesets.get_mut(row.ruleset);
        if let (Some(ruleset), Some(hash)) = (ruleset, row.vocabulary) {
            ruleset.commitment = Some((index, hash));
        }
        Ok(())
    }

    /// A row with words that none before it said under its ruleset.
    fn new_words(&mut self, index: u64, row: &Row<'_>) -> Result<(), String> {
        if self.vocabularies.len() >= HELD && !self.vocabularies.contains_key(row.ruleset) {
            self.vocabularies.clear();
        }
        let present = match self.vocabularies.entry(row.ruleset.to_owned()) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => place.insert(read(self.files, row.ruleset)?),
        };
        present.check(row).map_err(|unknown| unknown.to_string())?;
        let ruleset = self.tally.rulesets.entry(row.ruleset.to_owned()).or_insert_with(|| {
            let words = Vocabulary::new(row.ruleset);
            Ruleset { first_row: index, commitment: None, words }
        });
        ruleset.learn(row);
        Ok(())
    }

    fn time(&mut self, minute: i64) -> Result<(), String> {
        if minute % 60 != 0 {
            return Err(format!("its time {minute} is no whole minute"));
        }
        let back = self.tally.pass(minute);
        if back > self.clock_step {
            let may = self.clock_step;
            return Err(format!(
                "its time lies {back} seconds before the latest row's, and may lie {may}"
            ));
        }
        Ok(())
    }

    fn opening(&mut self, index: u64, row: &Row<'_>) -> Result<(), String> {
        if index > 0 && (row.event == "log.opened" || row.previous.is_some()) {
            return Err("only the first row opens a log and says what it goes on from".to_owned());
        }
        if index == 0 && row.event == "log.opened" {
            let (origin, size, root) = match row.previous {
                Some(previous) => (Some(previous.origin.to_owned()), previous.size, previous.root),
                None => (None, 0, [0; 32]),
            };
            self.tally.opening = Some(Opening { origin, size, root });
        }
        Ok(())
    }
}

impl<F: Files> Rows for Meaning<'_, F> {
    fn row(&mut self, index: u64, entry: &[u8]) -> Result<(), String> {
        let row = Row::parse(entry).map_err(|error| error.to_string())?;
        self.words(index, &row)?;
        self.time(row.minute)?;
        self.opening(index, &row)?;
        self.tally.count(&row);
        Ok(())
    }

    fn pruned(&mut self, rows: Range<u64>) {
        self.tally.pruned += rows.end - rows.start;
    }
}

/// The vocabulary of a ruleset that a row commits to: the present one, or, where that has grown since, the one that stands
/// for good under its hash.
fn committed<F: Files>(files: &F, ruleset: &str, hash: &[u8; 32]) -> Result<Vocabulary, String> {
    let present = read(files, ruleset)?;
    if present.hash() == *hash {
        return Ok(present);
    }
    let path = Vocabulary::path_of(ruleset, hash);
    let vocabulary = read_at(files, &path, ruleset).map_err(|what| {
        format!("the vocabulary that it commits to is not the present one, and {what}")
    })?;
    if vocabulary.hash() == *hash {
        return Ok(vocabulary);
    }
    Err(format!("{path} is not the vocabulary that it commits to"))
}

/// The present vocabulary of a ruleset. The name comes from a row, and is part of a path.
fn read<F: Files>(files: &F, ruleset: &str) -> Result<Vocabulary, String> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if ruleset.len() != 16 || !ruleset.bytes().all(is_digit) {
        return Err("its ruleset is not 16 hexadecimal digits".to_owned());
    }
    read_at(files, &Vocabulary::path(ruleset), ruleset)
}

fn read_at<F: Files>(files: &F, path: &str, ruleset: &str) -> Result<Vocabulary, String> {
    let bytes = match files.read_within(path, LONGEST_VOCABULARY) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(format!("{path}, which it needs, is missing")),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(format!("{path} is longer than a vocabulary may be"));
        }
        Err(error) => return Err(format!("{path}, which it needs, could not be read: {error}")),
    };
    let vocabulary = Vocabulary::parse(&bytes).filter(|read| read.ruleset == ruleset);
    vocabulary.ok_or_else(|| format!("{path} is not the vocabulary of its ruleset"))
}
