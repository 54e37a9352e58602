//! Generates a home-shopping store: 400 items on 20 shelves, 60 people with tastes of their own.
//!
//! Promises: the same seed and `now` give the same shop; at least 30 items are popular, that is, 20 or more people who
//! agree to be counted touched each within 30 days; the people in [`NAMED`] are always there and stand as told.
//!
//! It is not a model of how people shop: only as much like it that a recommender finds something to learn.

use std::{collections::BTreeSet, time::Duration};

use super::{
    chance::Chance,
    plan::{Person, PlannedEvent, Shop, ShopItem, Stance},
    shelves::{SHELVES, Shelf, TRAITS, Word},
};
use crate::domain::Timestamp;

/// The people that documents speak of, by their place among [`PEOPLE`]: who, and how they stand.
pub const NAMED: [(usize, &str, &str); 6] = [
    (0, "user-4395", "agrees to recommendations from activity and seed items, and to be counted"),
    (3, "ada", "agrees to location and demographics too, both coarse"),
    (36, "jisoo", "agrees to be counted, refuses recommendations"),
    (48, "minho", "refuses both"),
    (49, "dana", "was never asked"),
    (CHILD, "haru", "is 10 and agrees to recommendations, but no guardian does"),
];

/// How many people there are.
pub const PEOPLE: usize = 60;

/// Where the child stands among them.
const CHILD: usize = PEOPLE - 1;

/// Items on each shelf.
const ITEMS_A_SHELF: usize = 20;

/// Items that are on air, so that people of any taste come across them.
const ON_AIR: usize = 36;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Shop {
    /// The shop of this `seed`, whose last month ends at `now`.
    #[must_use]
    pub fn generate(seed: u64, now: Timestamp) -> Self {
        let mut chance = Chance::seeded(seed);
        let items: Vec<ShopItem> = SHELVES
            .iter()
            .flat_map(|shelf| (0..ITEMS_A_SHELF).map(move |place| (shelf, place)))
            .filter_map(|(shelf, place)| item(shelf, place, &mut chance))
            .collect();
        let ids = ids(&mut chance);
        let stances = Stance::of_people(PEOPLE);
        let people = ids.into_iter().zip(stances).enumerate();
        let person = |(place, (id, stance)): (usize, (String, Stance))| {
            let is_child = place == CHILD;
            let stance = if is_child { Stance::Individual(0) } else { stance };
            let mut consents = stance.consents();
            consents.truncate(if is_child { 1 } else { consents.len() });
            let events = Visits { items: &items, now, chance: &mut chance }.of_one_person();
            let under_14_until = is_child.then(|| now.after(4 * 365 * DAY));
            Person { id, consents, events, under_14_until }
        };
        let people = people.map(person).collect();
        Self { items, people }
    }
}

/// Numbered 9, 22, 35 … as in a real catalogue, which has gaps.
fn item(shelf: &Shelf, place: usize, chance: &mut Chance) -> Option<ShopItem> {
    let number = 9 + 13 * place;
    let kind = shelf.kinds.get(place % shelf.kinds.len())?;
    let mut traits: Vec<&Word> = TRAITS.iter().collect();
    chance.shuffle(&mut traits);
    traits.truncate(chance.below(3));
    let words = || traits.iter().copied().chain([kind, &shelf.name]);
    let title = |of: fn(&Word) -> &str| {
        let words: Vec<&str> = words().map(of).collect();
        format!("{} {number}", words.join(" "))
    };
    Some(ShopItem {
        id: format!("{}-{number}", shelf.name.tag),
        title_en: title(|word| word.en),
        title_ko: Some(title(|word| word.ko)),
        tags: words().rev().map(|word| word.tag.to_owned()).collect(),
    })
}

/// The named ones at their places, numbers for the rest.
fn ids(chance: &mut Chance) -> Vec<String> {
    let mut taken: BTreeSet<String> = NAMED.iter().map(|(_, id, _)| (*id).to_owned()).collect();
    let mut next = |place: usize| {
        if let Some((_, id, _)) = NAMED.iter().find(|(at, ..)| *at == place) {
            return (*id).to_owned();
        }
        loop {
            let id = format!("user-{}", 1000 + chance.below(9000));
            if taken.insert(id.clone()) {
                return id;
            }
        }
    };
    (0..PEOPLE).map(&mut next).collect()
}

/// What people do in the shop.
struct Visits<'a> {
    items: &'a [ShopItem],
    now: Timestamp,
    chance: &'a mut Chance,
}

impl Visits<'_> {
    /// 20 to 60 events: most of what is on air is seen in passing, and the rest follows the person's taste.
    fn of_one_person(&mut self) -> Vec<PlannedEvent> {
        let liked = self.taste();
        let mut events = Vec::new();
        for item in self.items.iter().step_by(self.items.len() / ON_AIR).take(ON_AIR) {
            let percent =
                if shelf_of(item).is_some_and(|shelf| liked.contains(&shelf)) { 85 } else { 62 };
            if self.chance.happens(percent) {
                events.push(self.event(item, "view", None));
            }
        }
        let count = (events.len() + 10 + self.chance.below(25)).clamp(20, 60);
        events.truncate(count);
        while events.len() < count {
            let Some(event) = self.by_taste(&liked) else { break };
            events.push(event);
        }
        events.sort_by_key(|event| event.at);
        events
    }

    /// Two to four shelves, the first liked best.
    fn taste(&mut self) -> Vec<&'static str> {
        let mut shelves: Vec<&'static str> = SHELVES.iter().map(|shelf| shelf.name.tag).collect();
        self.chance.shuffle(&mut shelves);
        shelves.truncate(2 + self.chance.below(3));
        shelves
    }

    fn by_taste(&mut self, liked: &[&str]) -> Option<PlannedEvent> {
        if self.chance.happens(8) {
            // Something else altogether, which does not please.
            let item = self.chance.pick(self.items)?;
            let value = if self.chance.happens(50) { 2.0 } else { 3.0 };
            let rated = self.chance.happens(30);
            let (kind, value) = if rated { ("rating", Some(value)) } else { ("view", None) };
            return Some(self.event(item, kind, value));
        }
        // The lesser of two draws, so that the first shelf is liked best.
        let rank = self.chance.below(liked.len()).min(self.chance.below(liked.len()));
        let favourite = liked.get(rank)?;
        let on_shelf: Vec<&ShopItem> =
            self.items.iter().filter(|item| shelf_of(item) == Some(favourite)).collect();
        let item = *self.chance.pick(&on_shelf)?;
        let (kind, value) = match self.chance.below(100) {
            0..40 => ("view", None),
            40..60 => ("click", None),
            60..75 => ("cart", None),
            75..88 => ("purchase", None),
            88..94 => ("rating", Some(4.0)),
            _ => ("rating", Some(5.0)),
        };
        Some(self.event(item, kind, value))
    }

    /// Within the last 29 days, so that none falls out of the month while the demo is looked at.
    fn event(&mut self, item: &ShopItem, kind: &'static str, value: Option<f64>) -> PlannedEvent {
        let seconds = self.chance.below(29 * 24 * 3600);
        let ago = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        PlannedEvent { item: item.id.clone(), kind, value, at: self.now.before(ago) }
    }
}

fn shelf_of(item: &ShopItem) -> Option<&str> {
    item.tags.first().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::app::demo::plan::{Action, POPULARITY, RECOMMEND};

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn shop() -> Shop {
        Shop::generate(1, NOW)
    }

    fn gives(person: &Person, purpose: &str) -> bool {
        person.consents.iter().any(|c| c.purpose == purpose && c.action == Action::Give)
    }

    #[test]
    fn a_seed_gives_one_shop() {
        assert_eq!(shop(), shop());
        assert_ne!(shop(), Shop::generate(2, NOW));
    }

    #[test]
    fn items_are_distinct_and_described_in_both_languages() {
        let shop = shop();
        let ids: BTreeSet<&str> = shop.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!((shop.items.len(), ids.len()), (400, 400));
        assert!(ids.contains("tv-178") && ids.contains("tv-9"));
        for item in &shop.items {
            let tags: BTreeSet<&String> = item.tags.iter().collect();
            assert_eq!(tags.len(), item.tags.len(), "{}", item.id);
            assert!((2..=4).contains(&item.tags.len()), "{}", item.id);
            assert!(item.id.starts_with(&format!("{}-", item.tags[0])));
            assert!(item.title_ko.is_some() && !item.title_en.is_empty());
        }
    }

    #[test]
    fn people_differ_in_what_they_agree_to() {
        let shop = shop();
        let ids: BTreeSet<&str> = shop.people.iter().map(|person| person.id.as_str()).collect();
        assert_eq!(ids.len(), PEOPLE);
        let count = |like: &dyn Fn(&Person) -> bool| shop.people.iter().filter(|p| like(p)).count();
        assert_eq!(count(&|p| gives(p, RECOMMEND) && p.under_14_until.is_none()), 36);
        assert_eq!(count(&|p| gives(p, POPULARITY)), 48);
        assert_eq!(count(&|p| p.consents.is_empty()), 5);
        assert_eq!(count(&|p| p.consents.iter().all(|c| c.action == Action::Refuse)), 6 + 5);
    }

    #[test]
    fn named_people_stand_as_told() {
        let shop = shop();
        let named = |id: &str| shop.people.iter().find(|person| person.id == id).unwrap();
        assert!(NAMED.iter().all(|(place, id, _)| shop.people[*place].id == *id));
        let plain = &named("user-4395").consents[0];
        assert!(plain.categories.iter().map(|(id, _)| *id).eq(["activity", "seed_items"]));
        assert_eq!(named("ada").consents[0].categories.len(), 4);
        assert!(!gives(named("jisoo"), RECOMMEND) && gives(named("jisoo"), POPULARITY));
        assert_eq!(named("minho").consents.len(), 2);
        assert!(named("dana").consents.is_empty());
        let child = named("haru");
        assert!(child.under_14_until.unwrap() > NOW && gives(child, RECOMMEND));
        assert!(!gives(child, POPULARITY));
    }

    #[test]
    fn events_lie_in_the_last_month_and_name_items_of_the_shop() {
        let shop = shop();
        let ids: BTreeSet<&str> = shop.items.iter().map(|item| item.id.as_str()).collect();
        for person in &shop.people {
            assert!((20..=60).contains(&person.events.len()), "{}", person.events.len());
            assert!(person.events.is_sorted_by_key(|event| event.at));
            for event in &person.events {
                assert!(ids.contains(event.item.as_str()));
                assert!(event.at <= NOW && event.at > NOW.before(30 * DAY));
                assert_eq!(event.value.is_some(), event.kind == "rating");
            }
        }
    }

    #[test]
    fn thirty_items_or_more_are_popular() {
        for seed in 0..20 {
            let shop = Shop::generate(seed, NOW);
            let mut people_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for person in shop.people.iter().filter(|person| gives(person, POPULARITY)) {
                for event in &person.events {
                    people_of.entry(&event.item).or_default().insert(&person.id);
                }
            }
            let popular = people_of.values().filter(|people| people.len() >= 20).count();
            assert!(popular >= 30, "seed {seed}: {popular}");
        }
    }

    #[test]
    fn what_people_buy_follows_two_to_four_shelves() {
        for person in &shop().people {
            let mut shelves: BTreeMap<&str, usize> = BTreeMap::new();
            for event in person.events.iter().filter(|e| matches!(e.kind, "cart" | "purchase")) {
                let (shelf, _) = event.item.rsplit_once('-').unwrap();
                *shelves.entry(shelf).or_default() += 1;
            }
            assert!(shelves.len() <= 4, "{shelves:?}");
        }
    }
}
