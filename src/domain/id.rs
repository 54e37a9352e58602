//! Names and ids. Slugs name things that the operator configures; [`UserId`] names a person and never shows itself.

use std::{fmt, str::FromStr};

use smol_str::SmolStr;
use unicode_normalization::UnicodeNormalization;

/// Why a text cannot be an id: what kind it was meant to be and the rule it breaks. Never holds the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {rule}")]
pub struct InvalidId {
    /// What the text was meant to be.
    pub kind: &'static str,
    /// What such a text looks like.
    pub rule: &'static str,
}

const SLUG: &str =
    "1 to 64 characters of a-z, 0-9, '.', '_' and '-', starting with a letter or digit";

fn is_slug(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// Reads the name.
            ///
            /// # Errors
            /// When the text is not 1 to 64 characters of `a-z 0-9 . _ -` or starts with a sign.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if is_slug(text) { Ok(Self(text.into())) } else { Err(InvalidId { kind: $kind, rule: SLUG }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

slug!(
    /// What data are used for, such as `recommend_products`: a name in the purpose catalogue.
    PurposeId, "a purpose");
slug!(
    /// A kind of data, such as `location`: a name in the purpose catalogue.
    CategoryId, "a data category");
slug!(
    /// An app that routes its calls through the gateway.
    AppId, "an app");
slug!(
    /// An organisation whose people are kept apart from those of every other tenant.
    TenantId, "a tenant");
slug!(
    /// Who receives disclosures: a model, as configured.
    RecipientId, "a recipient");
slug!(
    /// The pseudonymisation domain of EDPB Guidelines 01/2025: within it, one person has one pseudonym.
    Pseudodomain, "a pseudonymisation domain");
slug!(
    /// The kind of id an app knows a person by, such as `user_id`.
    IdType, "an id type");
slug!(
    /// One running gateway, as the log names it.
    GatewayName, "a gateway name");

impl IdType {
    /// The kind of an id when the caller names none.
    #[must_use]
    pub fn user_id() -> Self {
        Self("user_id".into())
    }
}

impl GatewayName {
    /// The name of a gateway that is given none.
    #[must_use]
    pub fn standard() -> Self {
        Self("gw-1".into())
    }
}

impl TenantId {
    /// The tenant of an app that names none.
    #[must_use]
    pub fn standard() -> Self {
        Self("default".into())
    }
}

/// The id by which an app knows a person. It is consumed by `vault::handle` and leaves no other trace: there is no
/// `Serialize` and no `Display`, and `Debug` hides the text.
#[derive(Clone, PartialEq, Eq)]
pub struct UserId(String);

impl UserId {
    /// Normalizes to NFC, keeps upper and lower case apart.
    ///
    /// # Errors
    /// When the text is empty, longer than 256 bytes after normalization, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let id: String = if text.is_ascii() { text.to_owned() } else { text.nfc().collect() };
        if id.is_empty() || id.len() > 256 || id.chars().any(char::is_control) {
            return Err(InvalidId {
                kind: "a subject id",
                rule: "1 to 256 bytes of UTF-8 without control characters",
            });
        }
        Ok(Self(id))
    }

    /// The id itself. Every reader of it can be found by this method's name.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A person as an app names them: the kind of id and the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectRef {
    /// The kind of id.
    pub id_type: IdType,
    /// The id, which only `vault` may read.
    pub id: UserId,
    /// Which profile of the account that the id names; the account itself if absent. Each profile is a person of its own:
    /// who shares a television shares no consents.
    pub profile: Option<Profile>,
}

impl SubjectRef {
    /// The person whom `id` of the kind `id_type` names.
    #[must_use]
    pub fn new(id_type: IdType, id: UserId) -> Self {
        Self { id_type, id, profile: None }
    }
}

/// A person inside the gateway: 16 random bytes, the key of all their records. It never leaves the gateway.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Sid(pub [u8; 16]);

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sid(…)")
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $most:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// Reads the text.
            ///
            /// # Errors
            /// When it is empty, too long or holds a control character.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if text.is_empty() || text.len() > $most || text.chars().any(char::is_control) {
                    return Err(InvalidId { kind: $kind, rule: $rule });
                }
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// A thing that can be recommended, as the app's catalogue names it.
    ItemId, "an item id", 256, "1 to 256 bytes of UTF-8 without control characters");
text!(
    /// A word that describes an item, such as `tv`.
    Tag, "a tag", 64, "1 to 64 bytes of UTF-8 without control characters");

/// One of those who share an account, as the app tells them apart. It may be a name, so only `vault` may read it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Profile(Box<str>);

impl Profile {
    /// Reads the text, normalized to NFC.
    ///
    /// # Errors
    /// When the text is empty, longer than 64 bytes after normalization, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let name: String = if text.is_ascii() { text.to_owned() } else { text.nfc().collect() };
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(InvalidId {
                kind: "a profile",
                rule: "1 to 64 bytes of UTF-8 without control characters",
            });
        }
        Ok(Self(name.into()))
    }

    /// The text itself. Every reader of it can be found by this method's name.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_never_prints_itself() {
        let id = UserId::parse("ada@example.com").unwrap();
        assert_eq!(format!("{id:?}"), "UserId(…)");
        let subject = SubjectRef::new(IdType::user_id(), id);
        assert!(!format!("{subject:?}").contains("ada"));
    }

    #[test]
    fn a_user_id_is_normalized_but_keeps_its_case() {
        assert_eq!(UserId::parse("Jane\u{301}").unwrap().expose(), "Jané");
        assert_ne!(UserId::parse("Ada").unwrap(), UserId::parse("ada").unwrap());
    }

    #[test]
    fn bad_ids_are_refused() {
        for bad in ["", "a\nb", &"x".repeat(257)] {
            assert!(UserId::parse(bad).is_err());
            assert!(ItemId::parse(bad).is_err());
        }
        for bad in ["", "Upper", "-a", "a b", "é", &"x".repeat(65)] {
            assert!(PurposeId::parse(bad).is_err(), "{bad}");
        }
        assert!(UserId::parse(&"x".repeat(256)).is_ok());
    }
}
