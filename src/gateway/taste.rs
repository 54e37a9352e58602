//! A person's tastes: how much of what they met carries each tag, day by day. Kept by us, sealed, for calibrating lists; it
//! never leaves, and it goes when the purpose it is kept for is withdrawn.
//!
//! Days are those of UTC. A day counts or is forgotten as a whole, so where a person has old things forgotten, a taste may
//! go up to a day early and never late.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Gateway, GatewayError};
use crate::{
    consent::{Person, Shelf},
    diversity::Profile,
    domain::{Epoch, ItemId, PurposeId, Sid, Timestamp},
    store::{Key, Put},
    vault::Sealable,
};

/// The most pairs of a day and a tag that a person's tastes are kept in. The oldest days are drawn together first, then the
/// least met tags go.
const MOST_PAIRS: usize = 512;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day of UTC, counted from 1970-01-01.
pub(super) type Day = i64;

/// Tag weights, as they are kept sealed under the person's key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Taste {
    /// Oldest first.
    days: Vec<OneDay>,
    /// What an older program kept without its days.
    undated: Vec<(String, f64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct OneDay {
    day: Day,
    weights: Vec<(String, f64)>,
}

/// Schema 1. It is frozen.
#[derive(Deserialize)]
struct Taste1 {
    weights: Vec<(String, f64)>,
}

impl Sealable for Taste {
    const SCHEMA: u8 = 2;

    fn older(schema: u8, bytes: &[u8]) -> Option<Result<Self, postcard::Error>> {
        let dated = |Taste1 { weights }| Self { days: Vec::new(), undated: weights };
        (schema == 1).then(|| postcard::from_bytes::<Taste1>(bytes).map(dated))
    }
}

/// Tastes as the person may see them: the weight of each tag, day by day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TasteTold {
    /// The beginnings of days of UTC with their tags, oldest first.
    pub days: Vec<(Timestamp, Vec<(String, f64)>)>,
    /// What an older program kept without its days.
    pub undated: Vec<(String, f64)>,
}

/// What a reset or a forgetting took of a taste.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) days: usize,
    pub(super) undated: bool,
}

/// A profile with the epoch it was read at, and from which day on it counts.
type Known = (Epoch, Option<Day>, Arc<Profile>);

/// The profiles of people seen lately. One counts only at the epoch it was read at, and with the days it was made of.
#[derive(Debug)]
pub(super) struct Tastes {
    known: quick_cache::sync::Cache<(Sid, PurposeId), Known>,
    /// The tastes of all who have none, once.
    none: Arc<Profile>,
}

impl Tastes {
    /// Room for the tastes of `people`.
    pub(super) fn new(people: usize) -> Self {
        Self { known: quick_cache::sync::Cache::new(people), none: Arc::default() }
    }
}

/// The day that a moment lies in.
pub(super) fn day_of(at: Timestamp) -> Day {
    at.millis().div_euclid(DAY_MS)
}

/// The first day that lies wholly at or after `at`.
fn day_from(at: Timestamp) -> Day {
    day_of(at) + i64::from(at.millis().rem_euclid(DAY_MS) > 0)
}

impl Taste {
    fn add(&mut self, day: Day, tag: &str, weight: f64) {
        let at = match self.days.binary_search_by_key(&day, |known| known.day) {
            Ok(at) => at,
            Err(at) => {
                self.days.insert(at, OneDay { day, weights: Vec::new() });
                at
            }
        };
        if let Some(known) = self.days.get_mut(at) {
            add(&mut known.weights, tag, weight);
        }
    }

    fn pairs(&self) -> usize {
        self.undated.len() + self.days.iter().map(|day| day.weights.len()).sum::<usize>()
    }

    fn cut(&mut self) {
        while self.pairs() > MOST_PAIRS && self.days.len() > 1 {
            // Under the older day, so that what is drawn together is forgotten too early rather than too late.
            let OneDay { weights, .. } = self.days.remove(1);
            let Some(oldest) = self.days.first_mut() else { return };
            for (tag, weight) in weights {
                add(&mut oldest.weights, &tag, weight);
            }
        }
        let over = self.pairs().saturating_sub(MOST_PAIRS);
        if let Some(only) = self.days.first_mut().filter(|_| over > 0) {
            let weights = &mut only.weights;
            weights.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            weights.truncate(weights.len().saturating_sub(over));
        }
    }

    /// The tags with their weights, heaviest first, as they count where only days from `since` on do.
    pub(super) fn heaviest_first(&self, since: Option<Day>) -> Vec<(String, f64)> {
        let mut weights: Vec<(String, f64)> = Vec::new();
        for (tag, weight) in self.counting(since) {
            add(&mut weights, tag, *weight);
        }
        weights.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        weights
    }

    /// What counts where only days from `since` on do.
    fn counting(&self, since: Option<Day>) -> impl Iterator<Item = &(String, f64)> {
        let undated = self.undated.iter().filter(move |_| since.is_none());
        let counts = move |day: Day| since.is_none_or(|since| day >= since);
        let days = self.days.iter().filter(move |known| counts(known.day));
        undated.chain(days.flat_map(|known| &known.weights))
    }

    fn profile(&self, since: Option<Day>) -> Profile {
        Profile::from_weights(self.counting(since).map(|(tag, weight)| (tag, *weight)))
    }

    /// Drops each day of which a part lies in `span`, and what has no day.
    pub(super) fn forget(&mut self, span: &Range<Timestamp>) -> Gone {
        let before = self.days.len();
        let begins = |day: Day| Timestamp::from_millis(day.saturating_mul(DAY_MS));
        self.days.retain(|known| {
            begins(known.day) >= span.end || begins(known.day.saturating_add(1)) <= span.start
        });
        let undated = !self.undated.is_empty();
        self.undated.clear();
        Gone { days: before - self.days.len(), undated }
    }

    /// All of it.
    pub(super) fn told(self) -> TasteTold {
        let Self { days, undated } = self;
        let day =
            |OneDay { day, weights }| (Timestamp::from_millis(day.saturating_mul(DAY_MS)), weights);
        TasteTold { days: days.into_iter().map(day).collect(), undated }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days.is_empty() && self.undated.is_empty()
    }
}

fn add(weights: &mut Vec<(String, f64)>, tag: &str, weight: f64) {
    match weights.iter_mut().find(|(known, _)| known == tag) {
        Some((_, sum)) => *sum += weight,
        None => weights.push((tag.to_owned(), weight)),
    }
}

impl Gateway {
    /// The person's tastes for `purpose`; empty when nothing is kept or it cannot be read: tastes only ever refine.
    pub(super) async fn profile(&self, person: &Person, purpose: &PurposeId) -> Arc<Profile> {
        let (sid, epoch) = (person.key.sid(), person.standing.epoch);
        let name = (sid, purpose.clone());
        if let Some((at, since, profile)) = self.tastes.known.get(&name)
            && at == epoch
            && since == self.since(person)
        {
            return profile;
        }
        let (gateway, person, purpose) = (self.clone(), person.clone(), purpose.clone());
        let read = tokio::task::spawn_blocking(move || gateway.read_taste(&person, &purpose));
        read.await.unwrap_or_default()
    }

    /// From which day on tastes count, if the person said so.
    pub(super) fn since(&self, person: &Person) -> Option<Day> {
        // Without the rule nobody asks for the time.
        person.standing.rules.forget_after_days?;
        person.standing.rules.forgets_before(self.clock.now()).map(day_from)
    }

    /// Reads the person's tastes into memory. Reads the disk.
    pub(super) fn read_taste(&self, person: &Person, purpose: &PurposeId) -> Arc<Profile> {
        let (sid, key, since) = (person.key.sid(), taste_key(person, purpose), self.since(person));
        let record = self.store.read(&key).ok().flatten();
        let taste = record.and_then(|record| person.key.open::<Taste>(&key, &record).ok());
        let profile =
            taste.map_or_else(|| self.tastes.none.clone(), |taste| Arc::new(taste.profile(since)));
        let found = (person.standing.epoch, since, profile.clone());
        self.tastes.known.insert((sid, purpose.clone()), found);
        profile
    }

    /// The record of the person's tastes after they met `items`, each with a weight and its day. Reads the disk.
    pub(super) fn taste_after(
        &self,
        person: &Person,
        purpose: &PurposeId,
        items: &[(ItemId, f64, Day)],
    ) -> Result<Option<Put>, GatewayError> {
        let key = taste_key(person, purpose);
        let (version, mut taste) = match self.store.read(&key)? {
            Some(record) => (Some(record.version), person.key.open::<Taste>(&key, &record)?),
            None => (None, Taste::default()),
        };
        let view = self.catalog.view();
        let mut changed = false;
        for (id, weight, day) in items {
            let Some(item) = view.item(id.as_str()) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "an item has at most 64 tags")]
            let share = weight / item.tags.len().max(1) as f64;
            for tag in &item.tags {
                taste.add(*day, tag.as_str(), share);
                changed = true;
            }
        }
        if !changed {
            return Ok(None);
        }
        taste.cut();
        Ok(Some(person.key.seal(&self.entropy, key, version, &taste)?))
    }

    /// Forgets what memory holds of the tastes of a person who was erased.
    pub fn forget_tastes(&self, sid: Sid) {
        for purpose in self.models.iter().flat_map(|serving| &serving.purposes) {
            self.taste_changed(sid, purpose);
        }
    }

    /// Forgets what memory holds of the person's tastes, since the record has changed.
    pub(super) fn taste_changed(&self, sid: Sid, purpose: &PurposeId) {
        self.tastes.known.remove(&(sid, purpose.clone()));
    }
}

fn taste_key(person: &Person, purpose: &PurposeId) -> Key {
    Key::new(&Shelf::Taste.of(person.key.sid(), purpose, person.standing.life(purpose)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(day: Day, ms: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_MS + ms)
    }

    fn days(taste: &Taste) -> Vec<Day> {
        taste.days.iter().map(|known| known.day).collect()
    }

    #[test]
    fn a_taste_of_schema_1_is_read_and_counts_until_old_things_are_forgotten() {
        let bytes = postcard::to_allocvec(&vec![("tv".to_owned(), 2.0)]).unwrap();
        let mut taste = Taste::older(1, &bytes).unwrap().unwrap();
        assert!(!taste.profile(None).is_empty());
        assert!(taste.profile(Some(0)).is_empty(), "what has no day is younger than any rule");
        assert_eq!(taste.forget(&(at(5, 0)..at(6, 0))), Gone { days: 0, undated: true });
        assert!(taste.is_empty());
    }

    #[test]
    fn a_day_goes_with_any_part_of_it() {
        let mut taste = Taste::default();
        for day in 10..15 {
            taste.add(day, "tv", 1.0);
        }
        assert_eq!(taste.forget(&(at(11, 5)..at(13, 0))).days, 2);
        assert_eq!(days(&taste), [10, 13, 14]);
        assert_eq!((day_from(at(3, 0)), day_from(at(3, 1))), (3, 4));
    }

    proptest! {
        #[test]
        fn a_cut_taste_is_small_keeps_its_weight_and_never_looks_younger(
            met in prop::collection::vec((0_i64..900, 0_u8..60), 1..900),
        ) {
            let mut taste = Taste::default();
            for (day, tag) in &met {
                taste.add(*day, &format!("tag-{tag}"), 1.0);
            }
            let youngest = days(&taste).last().copied();
            taste.cut();
            prop_assert!(taste.pairs() <= MOST_PAIRS);
            prop_assert!(days(&taste).is_sorted());
            prop_assert!(days(&taste).last().copied() <= youngest);
            let sum: f64 = taste.days.iter().flat_map(|day| &day.weights).map(|(_, w)| w).sum();
            prop_assert!((sum - f64::from(u32::try_from(met.len()).unwrap())).abs() < 1e-6);
            for day in &taste.days {
                for (tag, weight) in &day.weights {
                    let truly = met.iter().filter(|(at, t)| *at <= day.day && format!("tag-{t}") == *tag).count();
                    let until_then: f64 = taste.days.iter().filter(|d| d.day <= day.day)
                        .flat_map(|d| &d.weights).filter(|(t, _)| t == tag).map(|(_, w)| w).sum();
                    // All that was met by a day is kept under it or an earlier one.
                    prop_assert!(until_then + 1e-6 >= f64::from(u32::try_from(truly).unwrap()), "{weight}");
                }
            }
        }
    }
}
