//! Which words the rows of a block have, and between which minutes they lie: enough to pass over most blocks, and to
//! count without reading.
//!
//! Rows have few words, and so few ways to put them together: each way is kept once and numbered, and a block of 1,024
//! rows keeps how many rows it has of which number. That is about 200 bytes a block, so a log of 10 million rows takes 2 MB.
//! It is made anew from the log after a start, when it is first asked.

use std::{collections::BTreeMap, hash::Hasher as _, ops::Range};

use rustc_hash::{FxHashMap, FxHasher};

use super::{super::row::NotARow, AuditError, Filter, Said, Span};
use crate::store::LeafRun;

/// How many rows a block has.
pub(super) const BLOCK: u64 = 1024;

/// The words of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowWords {
    /// What happened.
    pub event: String,
    /// How it ended.
    pub outcome: String,
    /// For which purpose.
    pub purpose: String,
    /// Who received data.
    pub recipient: String,
    /// Why.
    pub reason: String,
    /// Under which ruleset.
    pub ruleset: String,
}

/// What is known of the rows so far.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: u64,
    words: Vec<RowWords>,
    /// The numbers of words, by hash.
    numbers: FxHashMap<u64, Vec<u32>>,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    /// The earliest and the latest minute.
    minutes: (i64, i64),
    /// How many rows have the words of this number.
    counts: Vec<(u32, u32)>,
}

impl RowWords {
    pub(super) fn of(said: &Said<'_>) -> Self {
        Self {
            event: said.event.to_owned(),
            outcome: said.outcome.to_owned(),
            purpose: said.purpose.to_owned(),
            recipient: said.recipient.to_owned(),
            reason: said.reason.to_owned(),
            ruleset: said.ruleset.to_owned(),
        }
    }

    fn all(&self) -> [&str; 6] {
        let Self { event, outcome, purpose, recipient, reason, ruleset } = self;
        [event, outcome, purpose, recipient, reason, ruleset]
    }
}

/// What a row says.
pub(super) fn said(row: &[u8]) -> Result<Said<'_>, NotARow> {
    Said::of(row)
}

impl Index {
    /// How many rows it knows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The words that stand together in rows so far.
    pub(super) fn words(&self) -> &[RowWords] {
        &self.words
    }

    /// Takes in the rows that follow on those it knows.
    pub(super) fn take_in(&mut self, run: &LeafRun) -> Result<(), AuditError> {
        for (index, row) in run.rows() {
            let said = said(row).map_err(|source| AuditError::Row { index, source })?;
            let number = self.number(&said);
            if self.rows.is_multiple_of(BLOCK) {
                self.blocks.push(Block { minutes: (said.minute, said.minute), counts: Vec::new() });
            }
            if let Some(block) = self.blocks.last_mut() {
                block.minutes.0 = block.minutes.0.min(said.minute);
                block.minutes.1 = block.minutes.1.max(said.minute);
                match block.counts.iter_mut().find(|(known, _)| *known == number) {
                    Some((_, count)) => *count += 1,
                    None => block.counts.push((number, 1)),
                }
            }
            self.rows += 1;
        }
        Ok(())
    }

    fn number(&mut self, said: &Said<'_>) -> u32 {
        let words =
            [said.event, said.outcome, said.purpose, said.recipient, said.reason, said.ruleset];
        let mut hasher = FxHasher::default();
        for word in words {
            hasher.write(word.as_bytes());
            hasher.write_u8(0xff);
        }
        let numbers = self.numbers.entry(hasher.finish()).or_default();
        let is = |number: &&u32| {
            self.words.get(**number as usize).is_some_and(|known| known.all() == words)
        };
        if let Some(known) = numbers.iter().find(is) {
            return *known;
        }
        // Closed words: there are never as many ways to put them together.
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.push(RowWords::of(said));
        numbers.push(next);
        next
    }

    /// The blocks that can hold rows of `range` that `filter` admits.
    pub(super) fn blocks(&self, filter: &Filter, range: Range<u64>) -> Vec<u64> {
        let wanted: Vec<bool> =
            self.words.iter().map(|words| filter.admits_words(words.all())).collect();
        let is_wanted = |number: u32| wanted.get(number as usize).copied().unwrap_or(false);
        let blocks = range.start / BLOCK..range.end.div_ceil(BLOCK);
        let may = |number: &u64| {
            let block = usize::try_from(*number).ok().and_then(|number| self.blocks.get(number));
            block.is_some_and(|block| {
                filter.span.meets(block.minutes).1
                    && block.counts.iter().any(|(number, _)| is_wanted(*number))
            })
        };
        blocks.filter(may).collect()
    }

    /// How many rows below `upto` have which words, as far as blocks are counted whole; and the blocks that must be read.
    pub(super) fn counts(&self, span: Span, upto: u64) -> (BTreeMap<RowWords, u64>, Vec<u64>) {
        let (mut totals, mut partial) = (vec![0u64; self.words.len()], Vec::new());
        for (number, block) in (0u64..).zip(&self.blocks) {
            let (all, some) = span.meets(block.minutes);
            let is_whole = ((number + 1) * BLOCK).min(self.rows) <= upto;
            if all && is_whole {
                for (words, count) in &block.counts {
                    if let Some(total) = totals.get_mut(*words as usize) {
                        *total += u64::from(*count);
                    }
                }
            } else if some && number * BLOCK < upto {
                partial.push(number);
            }
        }
        let counts = self.words.iter().cloned().zip(totals).filter(|(_, total)| *total > 0);
        (counts.collect(), partial)
    }
}
