//! What a token allows its bearer to ask for.

use std::{fmt, ops::BitAnd, str::FromStr};

/// One kind of request that a token may allow.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask for recommendations, for an app.
    Recommend,
    /// Send events, for an app.
    Events,
    /// Describe items, for an app.
    Catalog,
    /// Record consents on people's behalf, for an app.
    Consent,
    /// File rights requests on people's behalf, for an app.
    Rights,
    /// A person's view of themselves; the token's `sub` is that person.
    #[serde(rename = "self")]
    Myself,
    /// Read the audit log, for an auditor.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Operate the gateway.
    Operate,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 8] = [
        Self::Recommend,
        Self::Events,
        Self::Catalog,
        Self::Consent,
        Self::Rights,
        Self::Myself,
        Self::AuditRead,
        Self::Operate,
    ];

    /// The word for this scope in tokens, configuration and problem documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recommend => "recommend",
            Self::Events => "events",
            Self::Catalog => "catalog",
            Self::Consent => "consent",
            Self::Rights => "rights",
            Self::Myself => "self",
            Self::AuditRead => "audit:read",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is one of recommend, events, catalog, consent, rights, self, audit:read and operate"
)]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope.
    pub const NONE: Self = Self(0);
    /// Every scope.
    pub const ALL: Self = Self(u8::MAX);
    /// The scopes that an app may hold.
    pub const APP: Self = Self(0b1_1111);

    /// The scopes that a token's `scope` claim names, by RFC 8693 §4.2 separated by spaces. Words that are no scopes of
    /// ours are left out: an issuer may serve others too.
    #[must_use]
    pub fn of_claim(claim: &str) -> Self {
        claim.split(' ').filter_map(|word| word.parse::<Scope>().ok()).collect()
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether each of these is among `others`.
    #[must_use]
    pub const fn within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(1 << scope as u8)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | Self::from(scope).0))
    }
}

impl BitAnd for Scopes {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for Scopes {
    /// As a `scope` claim has them: separated by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, scope) in self.iter().enumerate() {
            if nth > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Scope>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_reads_back_as_it_was_written() {
        let scopes: Scopes = [Scope::Operate, Scope::Recommend].into_iter().collect();
        assert_eq!(scopes.to_string(), "recommend operate");
        assert_eq!(Scopes::of_claim("recommend operate"), scopes);
        assert!(!scopes.contains(Scope::Myself));
        assert_eq!(Scopes::of_claim(&Scopes::ALL.to_string()), Scopes::ALL);
    }

    #[test]
    fn foreign_words_and_near_misses_grant_nothing() {
        assert!(Scopes::of_claim("openid Recommend recommend, selfish  ").is_empty());
    }

    #[test]
    fn app_scopes_are_the_first_five() {
        let names: Vec<_> = Scopes::APP.iter().map(Scope::as_str).collect();
        assert_eq!(names, ["recommend", "events", "catalog", "consent", "rights"]);
    }
}
