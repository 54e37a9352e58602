//! What a model answered: the candidates that can be used, borrowed from its bytes.
//!
//! Promises: every id and tag here obeys the rules of [`ItemId`](crate::domain::ItemId) and
//! [`Tag`](crate::domain::Tag), no id stands twice, every score is finite, and there are at most
//! [`Answer::MOST_ITEMS`] of them. What breaks a rule is left out and counted, never repaired.

use std::{
    borrow::Cow,
    hash::{BuildHasher as _, BuildHasherDefault},
};

use rustc_hash::FxHasher;

/// A model's answer, read.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// The candidates in the model's order, best first.
    pub items: Vec<Candidate<'a>>,
    /// How many entries were left out: without a usable id, named before, or beyond the limit.
    pub dropped: usize,
    tags: Vec<Cow<'a, str>>,
}

/// One thing that the model proposes.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The item's id.
    pub id: Cow<'a, str>,
    /// How well it fits, on the model's own scale; absent when the model gave no finite number.
    pub score: Option<f64>,
    first_tag: u32,
    tag_count: u32,
}

/// The bytes are no answer: not JSON, cut off, too deeply nested, or without a list of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model's answer holds no list of items")]
pub struct Nonsense;

impl<'a> Answer<'a> {
    /// How many candidates are read; those beyond are left out.
    pub const MOST_ITEMS: usize = 1000;
    /// How many tags of one candidate are read; those beyond are left out.
    pub const MOST_TAGS: usize = 64;

    /// Whether there were entries and none of them names an item. Without a word that would look like a list for the person.
    #[must_use]
    pub fn is_of_no_use(&self) -> bool {
        self.items.is_empty() && self.dropped > 0
    }

    /// The words that describe `candidate`, as the model gave them.
    #[must_use]
    pub fn tags(&self, candidate: &Candidate<'_>) -> &[Cow<'a, str>] {
        let first = candidate.first_tag as usize;
        self.tags.get(first..first + candidate.tag_count as usize).unwrap_or_default()
    }
}

/// Builds an [`Answer`] entry by entry and applies its rules: one place for every wire format.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    answer: Answer<'a>,
    seen: Box<[u16]>,
    pending: usize,
}

/// Twice the number of items and a power of two, so a chain of occupied slots stays short.
const SLOTS: usize = 2048;

impl<'a> Intake<'a> {
    /// An empty answer with room for about `items`.
    pub(super) fn new(items: usize) -> Self {
        let items = items.min(Answer::MOST_ITEMS);
        let answer = Answer {
            items: Vec::with_capacity(items),
            dropped: 0,
            tags: Vec::with_capacity(items.saturating_mul(2)),
        };
        Self { answer, seen: vec![0; SLOTS].into_boxed_slice(), pending: 0 }
    }

    /// Whether entries from here on are beyond the limit.
    pub(super) fn is_full(&self) -> bool {
        self.answer.items.len() >= Answer::MOST_ITEMS
    }

    /// Adds a tag to the entry that the next [`Intake::take`] names. A tag that breaks the rules is left out.
    /// `plain` says that it is known to be printable ASCII.
    #[expect(
        clippy::inline_always,
        reason = "a call would pass the text through memory: 4 ns a tag"
    )]
    #[inline(always)]
    pub(super) fn tag(&mut self, tag: Cow<'a, str>, plain: bool) {
        if is_text(&tag, plain, 64) && self.pending < Answer::MOST_TAGS {
            self.answer.tags.push(tag);
            self.pending += 1;
        }
    }

    /// Ends an entry: takes it with its tags, or leaves it out and counts it.
    /// `plain` says that the id is known to be printable ASCII.
    #[inline]
    pub(super) fn take(&mut self, id: Option<Cow<'a, str>>, plain: bool, score: Option<f64>) {
        let count = std::mem::take(&mut self.pending);
        let first = self.answer.tags.len() - count;
        let Some(id) =
            id.filter(|id| is_text(id, plain, 256) && !self.is_full() && self.is_new(id))
        else {
            self.answer.tags.truncate(first);
            self.answer.dropped += 1;
            return;
        };
        self.answer.items.push(Candidate {
            id,
            score: score.filter(|score| score.is_finite()),
            first_tag: u32::try_from(first).unwrap_or(u32::MAX),
            tag_count: u32::try_from(count).unwrap_or(0),
        });
    }

    /// The answer with all that was taken.
    pub(super) fn finish(self) -> Answer<'a> {
        self.answer
    }

    /// Whether no taken entry has this id; the slot found is then the next entry's.
    #[inline]
    fn is_new(&mut self, id: &str) -> bool {
        let hash = BuildHasherDefault::<FxHasher>::default().hash_one(id);
        let mut slot = usize::try_from(hash >> 48).unwrap_or(0) % SLOTS;
        loop {
            match self.seen.get_mut(slot) {
                Some(empty @ 0) => {
                    *empty = u16::try_from(self.answer.items.len() + 1).unwrap_or(u16::MAX);
                    return true;
                }
                Some(taken) => {
                    let known = self.answer.items.get(usize::from(*taken) - 1);
                    if known.is_some_and(|known| known.id == id) {
                        return false;
                    }
                }
                None => return true,
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// The rule of ids and tags: not empty, at most `most` bytes, no control character.
#[inline]
fn is_text(text: &str, plain: bool, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && (plain || !text.chars().any(char::is_control))
}
