//! The closed input of the rules: few words each, no moment, no id, nothing about a person. Since it is closed,
//! every case has a number, and the answers fit in a table.

use serde::{Deserialize, Serialize};

use crate::domain::{ConsentState, Detail, Tier};

/// Where the consent for a purpose stands, as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentFact {
    /// Never asked, or never answered.
    Unknown,
    /// Given, in force, and for what the notice says today.
    Given,
    /// Asked and refused.
    Refused,
    /// Given once and taken back.
    Withdrawn,
    /// Given once, and its time has run out.
    Expired,
    /// Given, but the consent-affecting fields of the purpose have changed since.
    Outdated,
}

impl ConsentFact {
    pub(super) const ALL: [Self; 6] =
        [Self::Unknown, Self::Given, Self::Refused, Self::Withdrawn, Self::Expired, Self::Outdated];

    /// The fact for a `state`; `current` says whether what was agreed to is what the purpose still is.
    #[must_use]
    pub fn of(state: ConsentState, current: bool) -> Self {
        match state {
            ConsentState::Unknown => Self::Unknown,
            ConsentState::Given if current => Self::Given,
            ConsentState::Given => Self::Outdated,
            ConsentState::Refused => Self::Refused,
            ConsentState::Withdrawn => Self::Withdrawn,
            ConsentState::Expired => Self::Expired,
        }
    }

    /// The word of the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Outdated => "outdated",
        }
    }
}

/// Whether the person may agree alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// 14 or older, or not known to be younger.
    Adult,
    /// Under 14, or perhaps so, and no guardian has agreed.
    Child,
    /// Under 14, and a verified guardian has agreed.
    ChildGuarded,
}

impl Age {
    pub(super) const ALL: [Self; 3] = [Self::Adult, Self::Child, Self::ChildGuarded];

    /// The fact for a year of birth. Whoever turns 14 this year may still be 13, so counts as a child (PIPA 22-2).
    #[must_use]
    pub fn of(birth_year: Option<i32>, this_year: i32, guarded: bool) -> Self {
        match birth_year {
            Some(year) if this_year.saturating_sub(year) <= 14 => {
                if guarded {
                    Self::ChildGuarded
                } else {
                    Self::Child
                }
            }
            _ => Self::Adult,
        }
    }

    /// The word of the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adult => "adult",
            Self::Child => "child",
            Self::ChildGuarded => "child_guarded",
        }
    }
}

/// What the gate of a purpose is ruled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "GateFacts::unrestricted")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, all mixes occur")]
pub struct GateFacts {
    /// The app may use this purpose.
    pub registered: bool,
    /// Where the consent stands.
    pub consent: ConsentFact,
    /// Whether the person may agree alone.
    pub age: Age,
    /// An objection by signal stands for this purpose.
    pub gpc: bool,
    /// The person has stopped the use for now.
    pub paused: bool,
    /// It is night, and the channel of this call is one that the night rule covers.
    pub night: bool,
    /// The recipient is not the controller's own.
    pub third_party: bool,
    /// The highest tier the person allows.
    pub cap: Tier,
}

impl GateFacts {
    /// How many cases there are.
    pub const CASES: usize = 2 * ConsentFact::ALL.len() * Age::ALL.len() * 16 * Tier::ALL.len();

    /// Nothing restricted, nothing asked yet: what a case leaves unsaid. It is no `Default`, so that no caller can
    /// leave out a fact.
    pub(super) const fn unrestricted() -> Self {
        Self {
            registered: true,
            consent: ConsentFact::Unknown,
            age: Age::Adult,
            gpc: false,
            paused: false,
            night: false,
            third_party: false,
            cap: Tier::Individual,
        }
    }

    /// The number of this case.
    pub(super) const fn index(self) -> usize {
        let mut index = self.registered as usize;
        index = index * ConsentFact::ALL.len() + self.consent as usize;
        index = index * Age::ALL.len() + self.age as usize;
        index = index * 2 + self.gpc as usize;
        index = index * 2 + self.paused as usize;
        index = index * 2 + self.night as usize;
        index = index * 2 + self.third_party as usize;
        index * Tier::ALL.len() + self.cap as usize
    }

    /// Every case, in the order of [`GateFacts::index`].
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let flags = || [false, true].into_iter();
        flags().flat_map(move |registered| {
            ConsentFact::ALL.into_iter().flat_map(move |consent| {
                Age::ALL.into_iter().flat_map(move |age| {
                    (0..16u8).flat_map(move |bits| {
                        Tier::ALL.into_iter().map(move |cap| Self {
                            registered,
                            consent,
                            age,
                            gpc: bits & 8 != 0,
                            paused: bits & 4 != 0,
                            night: bits & 2 != 0,
                            third_party: bits & 1 != 0,
                            cap,
                        })
                    })
                })
            })
        })
    }
}

/// What a person has said about one category for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CategoryFacts {
    /// How finely the person agreed to it for this purpose, where that consent is in force; else nothing.
    pub given: Detail,
    /// The person switched it off by a rule of their own.
    pub switched_off: bool,
}

impl CategoryFacts {
    /// Nothing said.
    pub const NOTHING: Self = Self { given: Detail::None, switched_off: false };
}

/// What one category is ruled from: what the person said, and what the gate came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryCase {
    /// How finely the person agreed to it for this purpose.
    pub given: Detail,
    /// The person switched it off.
    #[serde(default)]
    pub switched_off: bool,
    /// The tier that the gate came to.
    pub tier: Tier,
}

/// The levels of detail, least first.
pub(super) const DETAILS: [Detail; 3] = [Detail::None, Detail::Coarse, Detail::Fine];

/// The word of the schema for a level of detail.
#[must_use]
pub const fn detail_str(detail: Detail) -> &'static str {
    match detail {
        Detail::None => "none",
        Detail::Coarse => "coarse",
        Detail::Fine => "fine",
    }
}

impl CategoryCase {
    /// How many cases there are.
    pub const CASES: usize = DETAILS.len() * 2 * Tier::ALL.len();

    pub(super) const fn of(facts: CategoryFacts, tier: Tier) -> Self {
        Self { given: facts.given, switched_off: facts.switched_off, tier }
    }

    /// The number of this case.
    pub(super) const fn index(self) -> usize {
        (self.given as usize * 2 + self.switched_off as usize) * Tier::ALL.len()
            + self.tier as usize
    }

    /// Every case, in the order of [`CategoryCase::index`].
    pub(super) fn all() -> impl Iterator<Item = Self> {
        DETAILS.into_iter().flat_map(|given| {
            [false, true].into_iter().flat_map(move |switched_off| {
                Tier::ALL.into_iter().map(move |tier| Self { given, switched_off, tier })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_number_of_its_own() {
        let gates: Vec<_> = GateFacts::all().collect();
        assert_eq!(gates.len(), GateFacts::CASES);
        assert!(gates.iter().enumerate().all(|(place, facts)| facts.index() == place));

        let categories: Vec<_> = CategoryCase::all().collect();
        assert_eq!(categories.len(), CategoryCase::CASES);
        assert!(categories.iter().enumerate().all(|(place, case)| case.index() == place));
    }

    #[test]
    fn whoever_may_still_be_13_counts_as_a_child() {
        assert_eq!(Age::of(Some(2012), 2026, false), Age::Child);
        assert_eq!(Age::of(Some(2012), 2026, true), Age::ChildGuarded);
        assert_eq!(Age::of(Some(2011), 2026, false), Age::Adult);
        assert_eq!(Age::of(Some(2030), 2026, false), Age::Child);
        assert_eq!(Age::of(None, 2026, false), Age::Adult);
    }
}
