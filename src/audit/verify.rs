//! Verifies what the rows of our own log say, while [`tlog`](crate::tlog) verifies that they are the rows.
//!
//! Promises: each row has the one form of rows, says words of its ruleset's vocabulary alone, and a vocabulary is the one
//! that the last row to commit to it commits to; time does not step back by more than it may. Rows are counted as they
//! pass, and memory grows with the words, not with the rows.
//!
//! It does not look for tags or nonces that repeat: that would need memory for each row.

use std::{collections::BTreeMap, io, ops::Range};

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

    /// Once all rows were gone through: whether each vocabulary is the one that rows commit to.
    ///
    /// # Errors
    /// The first ruleset whose vocabulary is another, or that no row commits to though none was pruned.
    pub fn end(&self) -> Result<(), Wrong> {
        let mut rulesets: Vec<_> = self.tally.rulesets.iter().collect();
        rulesets.sort_by_key(|(_, ruleset)| ruleset.first_row);
        for (name, ruleset) in rulesets {
            let path = Vocabulary::path(name);
            let (row, what) = match ruleset.commitment {
                Some((row, hash)) => {
                    let vocabulary = read(self.files, name);
                    match vocabulary.map_err(|what| Wrong::Saying { row, what })?.hash() == hash {
                        true => continue,
                        false => (row, format!("{path} is not the one that this row commits to")),
                    }
                }
                None if self.tally.pruned > 0 => continue,
                None => (ruleset.first_row, format!("no row commits to {path}, which it needs")),
            };
            return Err(Wrong::Saying { row, what });
        }
        Ok(())
    }

    fn words(&mut self, index: u64, row: &Row<'_>) -> Result<(), String> {
        let known = match self.vocabularies.get(row.ruleset) {
            Some(known) => known,
            None => {
                if self.vocabularies.len() >= HELD {
                    self.vocabularies.clear();
                }
                let read = read(self.files, row.ruleset)?;
                self.vocabularies.entry(row.ruleset.to_owned()).or_insert(read)
            }
        };
        known.check(row).map_err(|unknown| unknown.to_string())?;
        let commitment = row.vocabulary.map(|hash| (index, hash));
        match self.tally.rulesets.get_mut(row.ruleset) {
            Some(ruleset) => ruleset.commitment = commitment.or(ruleset.commitment),
            None => {
                let ruleset = Ruleset { first_row: index, commitment };
                self.tally.rulesets.insert(row.ruleset.to_owned(), ruleset);
            }
        }
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

/// The vocabulary of a ruleset. The name comes from a row, and is part of a path.
fn read<F: Files>(files: &F, ruleset: &str) -> Result<Vocabulary, String> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if ruleset.len() != 16 || !ruleset.bytes().all(is_digit) {
        return Err("its ruleset is not 16 hexadecimal digits".to_owned());
    }
    let path = Vocabulary::path(ruleset);
    let bytes = match files.read_within(&path, LONGEST_VOCABULARY) {
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
