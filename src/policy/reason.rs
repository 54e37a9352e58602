//! Why a ruling came out as it did: one closed vocabulary for answers, log leaves and policies.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A stable reason. The order is that of precedence: the first one of a ruling is the one that is told when
        /// only one can be.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode { $($(#[$doc])* $name,)* }

        impl ReasonCode {
            /// All codes, in the order of precedence.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code in JSON, in the log and in policies.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The person agreed.
    Consented = "consented",
    /// The service cannot be given without this purpose.
    RequiredPurpose = "required_purpose",
    /// The data are about no one.
    NotPersonal = "not_personal",
    /// The person agreed to the coarse form only.
    CoarseOnly = "coarse_only",
    /// A policy could not be evaluated, so nothing is allowed.
    PolicyError = "policy_error",
    /// The app may not use this purpose.
    PurposeNotRegistered = "purpose_not_registered",
    /// The purpose may not use this category.
    NotInPurpose = "not_in_purpose",
    /// The person is, or may be, under 14, and no guardian has agreed.
    Under14 = "under_14",
    /// The person took the consent back.
    Withdrawn = "withdrawn",
    /// The person refused.
    Refused = "refused",
    /// The consent ended.
    Expired = "expired",
    /// What was agreed to has changed since, so the person must be asked anew.
    NoticeOutdated = "notice_outdated",
    /// The person never agreed.
    NotConsented = "not_consented",
    /// A sensitive category lacks the consent of its own.
    SensitiveNotConsented = "sensitive_not_consented",
    /// The person objected by Global Privacy Control.
    Gpc = "gpc",
    /// The person has stopped the use for now.
    Paused = "paused",
    /// The person allows a lower tier only.
    Capped = "capped",
    /// The person switched the category off.
    CategoryOff = "category_off",
    /// The channel is closed at night.
    Night = "night",
    /// Only the coarse form is agreed to, and the category has none.
    NoCoarseForm = "no_coarse_form",
    /// At the tier of this answer nothing personal leaves.
    TierNone = "tier_none",
    /// A rule that the operator added.
    OperatorRule = "operator_rule",
    /// No policy allows it.
    NoPolicy = "no_policy",
    /// The model has no place for it.
    NotTaken = "not_taken",
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The text is no reason code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no reason code")]
pub struct InvalidReason;

impl FromStr for ReasonCode {
    type Err = InvalidReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(InvalidReason)
    }
}

/// A set of reasons, as bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Reasons(u32);

impl Reasons {
    /// The set of `code` alone.
    #[must_use]
    pub const fn only(code: ReasonCode) -> Self {
        Self(0).with(code)
    }

    /// The set with `code` in it.
    #[must_use]
    pub const fn with(self, code: ReasonCode) -> Self {
        Self(self.0 | 1 << code as u32)
    }

    /// Whether `code` is in the set.
    #[must_use]
    pub const fn contains(self, code: ReasonCode) -> bool {
        self.0 & (1 << code as u32) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The codes in the order of precedence.
    pub fn iter(self) -> impl Iterator<Item = ReasonCode> {
        ReasonCode::ALL.iter().copied().filter(move |code| self.contains(*code))
    }

    /// The reason to tell when only one can be told. A ruling always has one; the empty set, which stands for no
    /// ruling, tells [`ReasonCode::NoPolicy`].
    #[must_use]
    pub fn main(self) -> ReasonCode {
        self.iter().next().unwrap_or(ReasonCode::NoPolicy)
    }
}

impl FromIterator<ReasonCode> for Reasons {
    fn from_iter<I: IntoIterator<Item = ReasonCode>>(codes: I) -> Self {
        codes.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(ReasonCode::as_str)).finish()
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back_and_fit_the_set() {
        assert!(ReasonCode::ALL.len() <= 32);
        for (place, code) in ReasonCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, place);
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert_eq!(Reasons::default().with(*code).main(), *code);
        }
        assert!("because".parse::<ReasonCode>().is_err());
    }

    #[test]
    fn the_gravest_reason_is_told_first() {
        let reasons: Reasons = [ReasonCode::Capped, ReasonCode::Withdrawn].into_iter().collect();
        assert_eq!(reasons.main(), ReasonCode::Withdrawn);
        assert_eq!(serde_json::to_string(&reasons).unwrap(), r#"["withdrawn","capped"]"#);
    }
}
