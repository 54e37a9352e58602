//! What a demo plays through the gateway: items, and people with what they agree to and what they did.

use std::fmt;

use crate::domain::{Detail, Timestamp};

/// The purpose that personal recommendations are for.
pub const RECOMMEND: &str = "recommend_products";

/// The purpose that counting popular items is for.
pub const POPULARITY: &str = "measure_popularity";

/// A shop and the people who come to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shop {
    /// What can be recommended.
    pub items: Vec<ShopItem>,
    /// Who may be recommended to.
    pub people: Vec<Person>,
}

/// One thing that can be recommended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopItem {
    /// The id in the catalogue, such as `tv-178`.
    pub id: String,
    /// Its title in English.
    pub title_en: String,
    /// Its title in Korean, where there is one.
    pub title_ko: Option<String>,
    /// Words that describe it; the first is the shelf or genre it stands under. May be empty.
    pub tags: Vec<String>,
}

/// One person. `Debug` hides who.
#[derive(Clone, PartialEq)]
pub struct Person {
    /// The id by which the app knows them.
    pub id: String,
    /// What they answer when asked, in this order. A purpose that is missing here was never asked about.
    pub consents: Vec<PlannedConsent>,
    /// What they did, oldest first.
    pub events: Vec<PlannedEvent>,
    /// When they turn 14, if they are younger. No guardian has agreed for them.
    pub under_14_until: Option<Timestamp>,
}

/// One answer to the question of a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedConsent {
    /// The purpose asked about.
    pub purpose: &'static str,
    /// The data categories agreed to and how finely each; empty for a refusal.
    pub categories: Vec<(&'static str, Detail)>,
    /// The answer.
    pub action: Action,
}

/// An answer to the question of a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Agrees.
    Give,
    /// Does not agree.
    Refuse,
}

/// One thing a person did.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedEvent {
    /// The item it was done to.
    pub item: String,
    /// What was done, in the words of the events call: `view`, `click`, `cart`, `purchase` or `rating`.
    pub kind: &'static str,
    /// The rating, from 1 to 5, where `kind` is `rating`.
    pub value: Option<f64>,
    /// When.
    pub at: Timestamp,
}

/// What someone thinks of being recommended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// Agrees to personal recommendations and to be counted; how much further varies with the number.
    Individual(usize),
    /// Agrees to be counted, not to personal recommendations.
    Popularity,
    /// Agrees to nothing.
    Refused,
    /// Was never asked.
    Unasked,
}

impl Stance {
    /// The stances of `count` people: 60 % agree to personal recommendations, 20 % only to be counted, 20 % to
    /// nothing, of whom every other was never asked.
    pub(super) fn of_people(count: usize) -> Vec<Self> {
        let individual = (count * 6 + 5) / 10;
        let counted = individual + (count * 2 + 5) / 10;
        let stance = |at: usize| match at {
            at if at < individual => Self::Individual(at),
            at if at < counted => Self::Popularity,
            at if (at - counted).is_multiple_of(2) => Self::Refused,
            _ => Self::Unasked,
        };
        (0..count).map(stance).collect()
    }

    pub(super) fn consents(self) -> Vec<PlannedConsent> {
        let counted = give(POPULARITY, vec![("activity", Detail::Fine)]);
        match self {
            Self::Individual(which) => {
                let mut categories = vec![("activity", Detail::Fine), ("seed_items", Detail::Fine)];
                categories.extend_from_slice(further_categories(which));
                vec![give(RECOMMEND, categories), counted]
            }
            Self::Popularity => vec![refuse(RECOMMEND), counted],
            Self::Refused => vec![refuse(RECOMMEND), refuse(POPULARITY)],
            Self::Unasked => Vec::new(),
        }
    }
}

/// Of each six people, two leave it at what they do in the shop.
fn further_categories(which: usize) -> &'static [(&'static str, Detail)] {
    match which % 6 {
        2 => &[("location", Detail::Fine)],
        3 => &[("location", Detail::Coarse), ("demographics", Detail::Coarse)],
        4 => &[("location", Detail::Fine), ("demographics", Detail::Fine)],
        5 => &[("demographics", Detail::Coarse)],
        _ => &[],
    }
}

fn give(purpose: &'static str, categories: Vec<(&'static str, Detail)>) -> PlannedConsent {
    PlannedConsent { purpose, categories, action: Action::Give }
}

fn refuse(purpose: &'static str) -> PlannedConsent {
    PlannedConsent { purpose, categories: Vec::new(), action: Action::Refuse }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("consents", &self.consents)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_of_ten_agree_two_are_counted_two_want_nothing() {
        for (count, expected) in [(60, [36, 12, 6, 6]), (943, [566, 189, 94, 94]), (0, [0; 4])] {
            let stances = Stance::of_people(count);
            let of = |like: fn(&Stance) -> bool| stances.iter().filter(|s| like(s)).count();
            let found = [
                of(|s| matches!(s, Stance::Individual(_))),
                of(|s| *s == Stance::Popularity),
                of(|s| *s == Stance::Refused),
                of(|s| *s == Stance::Unasked),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_refusal_names_no_data() {
        for consent in Stance::Refused.consents() {
            assert_eq!((consent.action, consent.categories.len()), (Action::Refuse, 0));
        }
        assert!(Stance::Unasked.consents().is_empty());
        let counted = Stance::Popularity.consents();
        assert!(!counted.iter().any(|c| c.purpose == RECOMMEND && c.action == Action::Give));
    }
}
