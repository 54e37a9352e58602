//! What the model knows: who did what with which item, and what training made of it.
//!
//! A person's events become one weight an item. `view` and `click` weigh 1, `like` and `cart` 3, `purchase` 5, and of
//! those the strongest counts, so a call that arrives twice changes nothing. A `rating` weighs its value, at most 10,
//! and replaces what was there; a `dislike` or a rating of zero or less weighs nothing, but the item counts as seen
//! and is not proposed again. A `skip` and any other word is read over.

use std::{collections::HashMap, fmt};

use super::{
    protocol::{Asked, Entry, Event, Listed},
    train::{ItemFactors, Lesson, Trained, cosine, dot},
};
use crate::{domain::LEAST_PEOPLE, upstream::answer::Answer};

#[derive(Default)]
pub(super) struct Memory {
    slots: HashMap<String, u32>,
    /// By slot. A slot is never used again, so a training under way cannot give one person another's taste.
    people: Vec<Option<Person>>,
    indices: HashMap<String, u32>,
    items: Vec<Item>,
    factors: ItemFactors,
    version: u64,
    trained_version: u64,
}

#[derive(Default)]
struct Person {
    /// Sorted by item.
    rows: Vec<(u32, f32)>,
    taste: Option<Box<[f32]>>,
}

struct Item {
    id: String,
    tags: Vec<String>,
    /// How many people chose it.
    people: u32,
}

/// The bytes are no snapshot of this model, or of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reading the snapshot of the embedded model")]
pub struct InvalidSnapshot;

/// Version 1: items with their tags, by index; people with their rows, in order of arrival.
type Saved<'a> = (u8, Vec<(&'a str, Vec<&'a str>)>, Vec<(&'a str, Vec<(u32, f32)>)>);
const SNAPSHOT_VERSION: u8 = 1;

impl Memory {
    pub(super) fn learn(&mut self, event: &Event) {
        let (weight, replaces) = match (event.kind.as_str(), event.value) {
            ("view" | "click", _) => (1.0, false),
            ("like" | "cart", _) | ("rating", None) => (3.0, false),
            ("purchase", _) => (5.0, false),
            #[expect(clippy::cast_possible_truncation, reason = "a rating needs no more digits")]
            ("rating", Some(value)) => (value.clamp(0.0, 10.0) as f32, true),
            ("dislike", _) => (0.0, true),
            _ => return,
        };
        let item = self.index(&event.item);
        let slot = self.slot(&event.user);
        let Some(Some(person)) = self.people.get_mut(slot as usize) else { return };
        let before = match person.rows.binary_search_by_key(&item, |row| row.0) {
            Ok(place) => person.rows.get_mut(place).map_or(0.0, |row| {
                let to = if replaces { weight } else { row.1.max(weight) };
                std::mem::replace(&mut row.1, to)
            }),
            Err(place) => {
                person.rows.insert(place, (item, weight));
                0.0
            }
        };
        self.count(item, before > 0.0, weight > 0.0 || (!replaces && before > 0.0));
        self.version += 1;
    }

    pub(super) fn describe(&mut self, id: &str, tags: Vec<String>) {
        let index = self.index(id);
        if let Some(item) = self.items.get_mut(index as usize) {
            item.tags = tags;
        }
    }

    /// Drops a person's rows and taste. What training made of their choices stays in the items' vectors until the
    /// next training.
    pub(super) fn forget(&mut self, user: &str) {
        let Some(slot) = self.slots.remove(user) else { return };
        let person = self.people.get_mut(slot as usize).and_then(Option::take);
        for (item, weight) in person.into_iter().flat_map(|person| person.rows) {
            self.count(item, weight > 0.0, false);
        }
        self.version += 1;
    }

    pub(super) fn recommend(&self, asked: &Asked) -> Listed<'_> {
        let count = asked.count.min(Answer::MOST_ITEMS);
        let person = asked.user.as_ref().and_then(|user| self.slots.get(user));
        let person = person.and_then(|slot| self.people.get(*slot as usize)?.as_ref());
        let seeds: Vec<u32> =
            asked.seed_items.iter().filter_map(|id| self.indices.get(id).copied()).collect();
        let mut hidden: Vec<u32> =
            person.iter().flat_map(|person| &person.rows).map(|row| row.0).collect();
        hidden.extend(&seeds);
        hidden.sort_unstable();

        let mut best = self.fitting(person, &seeds, &hidden);
        keep_best(&mut best, count);
        let mut items: Vec<Entry<'_>> =
            best.iter().filter_map(|(score, item)| self.entry(*item, Some(*score))).collect();
        if items.len() < count {
            hidden.extend(best.iter().map(|(_, item)| *item));
            hidden.sort_unstable();
            // Beside scores of another kind, the measure of what is popular would mislead.
            let scored = items.is_empty();
            let mut popular = self.popular(&hidden);
            keep_best(&mut popular, count - items.len());
            items.extend(
                popular
                    .iter()
                    .filter_map(|(score, item)| self.entry(*item, scored.then_some(*score))),
            );
        }
        Listed { items }
    }

    /// All items that training knows with their scores: how they fit the person, how they resemble the seeds, or
    /// the mean of both. Empty for someone unknown who looks at nothing known.
    fn fitting(&self, person: Option<&Person>, seeds: &[u32], hidden: &[u32]) -> Vec<(f32, u32)> {
        let taste = person.and_then(|person| person.taste.as_deref());
        let seeds: Vec<&[f32]> = seeds.iter().filter_map(|seed| self.factors.row(*seed)).collect();
        if taste.is_none() && seeds.is_empty() {
            return Vec::new();
        }
        #[expect(clippy::cast_precision_loss, reason = "a call names few seeds")]
        let share = 1.0 / seeds.len().max(1) as f32;
        let score = |item: u32| {
            let row = self.factors.row(item)?;
            let likeness = || seeds.iter().map(|seed| cosine(row, seed)).sum::<f32>() * share;
            Some(match taste {
                Some(taste) if seeds.is_empty() => dot(row, taste),
                Some(taste) => f32::midpoint(dot(row, taste), likeness()),
                None => likeness(),
            })
        };
        self.shown(hidden).filter_map(|item| Some((score(item)?, item))).collect()
    }

    /// All items with the share of people who chose them, measured by the most chosen one. What fewer than
    /// [`LEAST_PEOPLE`] chose counts as chosen by nobody: the list goes to everybody, and tells of no single person.
    fn popular(&self, hidden: &[u32]) -> Vec<(f32, u32)> {
        let enough = |item: &Item| Some(item.people).filter(|n| *n as usize >= LEAST_PEOPLE);
        let people = |item: u32| self.items.get(item as usize).and_then(enough).unwrap_or(0);
        let most = self.items.iter().filter_map(enough).max().unwrap_or(1);
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
        let share = |item: u32| people(item) as f32 / most as f32;
        self.shown(hidden).map(|item| (share(item), item)).collect()
    }

    /// The items outside the sorted list `hidden`, in order.
    fn shown<'a>(&self, hidden: &'a [u32]) -> impl Iterator<Item = u32> + use<'a> {
        let mut hidden = hidden.iter().copied().peekable();
        let all = 0..u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        all.filter(move |item| {
            while hidden.next_if(|next| next < item).is_some() {}
            hidden.peek() != Some(item)
        })
    }

    fn entry(&self, item: u32, score: Option<f32>) -> Option<Entry<'_>> {
        let item = self.items.get(item as usize)?;
        Some(Entry { id: &item.id, score, categories: &item.tags })
    }

    /// What to learn from: people in order of arrival, so that the result does not hang on how pseudonyms sort.
    pub(super) fn lesson(&self) -> Lesson {
        let mut rows = Vec::new();
        for (slot, person) in (0_u32..).zip(&self.people) {
            let chosen = person.iter().flat_map(|person| &person.rows).filter(|row| row.1 > 0.0);
            rows.extend(chosen.map(|(item, weight)| (slot, *item, *weight)));
        }
        Lesson { rows, items: self.items.len(), version: self.version }
    }

    /// Answers from what was learnt. Whoever was forgotten meanwhile stays forgotten.
    pub(super) fn adopt(&mut self, trained: Trained, lesson: &Lesson) {
        self.people.iter_mut().flatten().for_each(|person| person.taste = None);
        for (slot, taste) in trained.tastes {
            if let Some(Some(person)) = self.people.get_mut(slot as usize) {
                person.taste = Some(taste);
            }
        }
        self.factors = trained.items;
        self.trained_version = lesson.version;
    }

    pub(super) fn is_stale(&self) -> bool {
        self.trained_version != self.version
    }

    #[expect(clippy::expect_used, reason = "vectors of text and numbers have a postcard form")]
    pub(super) fn snapshot(&self) -> Vec<u8> {
        let tags = |item: &'_ Item| item.tags.len();
        let mut items = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let mut words = Vec::with_capacity(tags(item));
            words.extend(item.tags.iter().map(String::as_str));
            items.push((item.id.as_str(), words));
        }
        let mut people: Vec<_> = self.slots.iter().collect();
        people.sort_unstable_by_key(|(_, slot)| **slot);
        let rows = |slot: &u32| self.people.get(*slot as usize)?.as_ref().map(|p| p.rows.clone());
        let people =
            people.into_iter().filter_map(|(id, slot)| Some((id.as_str(), rows(slot)?))).collect();
        let saved: Saved<'_> = (SNAPSHOT_VERSION, items, people);
        postcard::to_stdvec(&saved).expect("a snapshot is written to memory")
    }

    pub(super) fn restore(snapshot: &[u8]) -> Result<Self, InvalidSnapshot> {
        if snapshot.first() != Some(&SNAPSHOT_VERSION) {
            return Err(InvalidSnapshot);
        }
        let (_, items, people): Saved<'_> =
            postcard::from_bytes(snapshot).map_err(|_| InvalidSnapshot)?;
        let mut memory = Self::default();
        for (id, tags) in items {
            memory.describe(id, tags.into_iter().map(str::to_owned).collect());
        }
        for (id, rows) in people {
            let sorted = rows.is_sorted_by(|a, b| a.0 < b.0);
            let known = rows.last().is_none_or(|row| (row.0 as usize) < memory.items.len());
            if !sorted || !known || rows.iter().any(|row| !row.1.is_finite()) {
                return Err(InvalidSnapshot);
            }
            for (item, weight) in &rows {
                memory.count(*item, false, *weight > 0.0);
            }
            let slot = memory.slot(id);
            if let Some(person) = memory.people.get_mut(slot as usize) {
                *person = Some(Person { rows, taste: None });
            }
            memory.version += 1;
        }
        Ok(memory)
    }

    /// Keeps the number of people who chose an item.
    fn count(&mut self, item: u32, before: bool, after: bool) {
        if let Some(item) = self.items.get_mut(item as usize) {
            item.people = item.people.saturating_sub(before.into()).saturating_add(after.into());
        }
    }

    fn slot(&mut self, user: &str) -> u32 {
        if let Some(slot) = self.slots.get(user) {
            return *slot;
        }
        let slot = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        self.slots.insert(user.to_owned(), slot);
        self.people.push(Some(Person::default()));
        slot
    }

    fn index(&mut self, id: &str) -> u32 {
        if let Some(index) = self.indices.get(id) {
            return *index;
        }
        let index = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.indices.insert(id.to_owned(), index);
        self.items.push(Item { id: id.to_owned(), tags: Vec::new(), people: 0 });
        index
    }
}

/// Keeps the `count` best, best first; equals in the order of their arrival.
fn keep_best(scored: &mut Vec<(f32, u32)>, count: usize) {
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if count < scored.len() {
        if count > 0 {
            scored.select_nth_unstable_by(count - 1, order);
        }
        scored.truncate(count);
    }
    scored.sort_unstable_by(order);
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("people", &self.slots.len())
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}
