//! How personal an answer may be.

use std::{fmt, str::FromStr};

/// The personalization tiers, least intrusive first, as PIPA article 3(6)-(7) orders them: anonymous before
/// pseudonymous.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Nothing about the person leaves.
    #[default]
    None,
    /// Only the id of a group leaves. Never granted before groups of at least `k` people can be built and tested.
    Cohort,
    /// A pseudonym leaves, with the permitted categories.
    Individual,
}

impl Tier {
    /// All tiers, least intrusive first.
    pub const ALL: [Self; 3] = [Self::None, Self::Cohort, Self::Individual];

    /// The word for this tier in JSON, policies and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cohort => "cohort",
            Self::Individual => "individual",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no tier.
#[derive(Debug, thiserror::Error)]
#[error("a tier is one of none, cohort, individual")]
pub struct InvalidTier;

impl FromStr for Tier {
    type Err = InvalidTier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or(InvalidTier)
    }
}
