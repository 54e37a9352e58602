//! Reads the texts, numbers and lists of a body straight into the types of `domain`, without a copy in between.
//!
//! What is wrong is said in words that hold nothing of the body: `body` passes on what a visitor expects, and refusals
//! of the form "a KIND must be RULE".

use std::{fmt, marker::PhantomData};

use jiff::civil::Date;
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Unexpected, Visitor},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    object::objects,
    words::{IdTypeName, ProfileName, SubjectId},
};
use crate::domain::{
    CategoryId, IdType, InvalidId, ItemId, Profile, PurposeId, SubjectRef, Tag, Timestamp, UserId,
};

/// A text of the body that was read into `T`.
pub(super) struct Read<T>(pub(super) T);

/// What a text can be read into.
pub(super) trait Parse: Sized {
    fn parse_text(text: &str) -> Result<Self, InvalidId>;
}

macro_rules! parse {
    ($($name:ty),*) => {
        $(impl Parse for $name {
            fn parse_text(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        })*
    };
}

parse!(CategoryId, IdType, ItemId, Profile, PurposeId, Tag, UserId);

impl Parse for Timestamp {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let rule =
            "RFC 3339 with an offset, such as 2026-11-22T09:00:00+09:00, and before 9999-12-30";
        Self::parse(text).map_err(|_| InvalidId { kind: "a moment", rule })
    }
}

impl Parse for Date {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let rule = "a full date, such as 2026-11-22";
        text.parse().map_err(|_| InvalidId { kind: "a date", rule })
    }
}

impl Parse for Uuid {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let rule = "a UUID as an earlier answer held it";
        Self::try_parse(text).map_err(|_| InvalidId { kind: "a recommendation id", rule })
    }
}

/// The list's place on a page.
pub(super) struct Scenario(pub(super) String);

impl Parse for Scenario {
    /// A scenario goes on to the model as it is, so it is a plain name, in which no address and no sentence fits.
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "1 to 64 letters, digits, '.', '_' and '-'";
        Err(InvalidId { kind: "a scenario", rule })
    }
}

impl<'de, T: Parse> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(ReadVisitor(PhantomData))
    }
}

struct ReadVisitor<T>(PhantomData<T>);

impl<T: Parse> Visitor<'_> for ReadVisitor<T> {
    type Value = Read<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<T>, E> {
        T::parse_text(text).map(Read).map_err(E::custom)
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy)]
pub(super) struct Whole<const MIN: u64, const MAX: u64>(pub(super) u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_u64(WholeVisitor::<MIN, MAX>)
    }
}

struct WholeVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for WholeVisitor<MIN, MAX> {
    type Value = Whole<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        if (MIN..=MAX).contains(&number) {
            return Ok(Whole(number));
        }
        Err(E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    /// `10.0` is the whole number 10, as JSON Schema counts.
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Err(E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number within the bounds, which are far below 2^53"
        )]
        #[expect(clippy::cast_precision_loss, reason = "the bounds are far below 2^53")]
        if number.fract() == 0.0 && (MIN as f64..=MAX as f64).contains(&number) {
            return Ok(Whole(number as u64));
        }
        if number.fract() == 0.0 {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }
}

/// A number from 0 to 1.
#[derive(Clone, Copy)]
pub(super) struct Share(pub(super) f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_f64(ShareVisitor)
    }
}

struct ShareVisitor;

impl Visitor<'_> for ShareVisitor {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 1")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Share, E> {
        if (0.0..=1.0).contains(&number) {
            return Ok(Share(number));
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Share, E> {
        match number {
            0 => Ok(Share(0.0)),
            1 => Ok(Share(1.0)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Share, E> {
        Err(E::invalid_value(Unexpected::Signed(number), &self))
    }
}

/// A list of `MIN` to `MAX` entries. Reading ends at the first entry too many.
pub(super) struct Few<T, const MIN: usize, const MAX: usize>(pub(super) Vec<T>);

impl<T, const MIN: usize, const MAX: usize> Default for Few<T, MIN, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de>
    for Few<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_seq(FewVisitor::<T, MIN, MAX>(PhantomData))
    }
}

struct FewVisitor<T, const MIN: usize, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Visitor<'de>
    for FewVisitor<T, MIN, MAX>
{
    type Value = Few<T, MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MIN {
            0 => write!(f, "an array of at most {MAX} entries"),
            _ => write!(f, "an array of {MIN} to {MAX} entries"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = seq.next_element()? {
            if list.len() == MAX {
                return Err(de::Error::invalid_length(MAX + 1, &self));
            }
            list.push(entry);
        }
        if list.len() < MIN {
            return Err(de::Error::invalid_length(list.len(), &self));
        }
        Ok(Few(list))
    }
}

impl<T, const MIN: usize, const MAX: usize> Few<Read<T>, MIN, MAX> {
    /// The values that were read.
    pub(super) fn values(self) -> Vec<T> {
        self.0.into_iter().map(|read| read.0).collect()
    }
}

/// Reads a member that is there, null included: it is not the same as one that is left out.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    json: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

/// A person, as the calling app names them.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"id": "user-4395"})))]
pub(super) struct Subject {
    /// The app's id for the person: 1 to 256 bytes of UTF-8 without control characters. Upper and lower case differ.
    #[schema(value_type = SubjectId)]
    id: Read<UserId>,
    /// The kind of id.
    #[serde(rename = "type")]
    #[schema(value_type = Option<IdTypeName>, default = "user_id")]
    kind: Option<Read<IdType>>,
    /// Which profile of the account that `id` names, where people share one; the account itself if left out. Each profile
    /// has consents of its own.
    #[schema(value_type = Option<ProfileName>)]
    profile: Option<Read<Profile>>,
}

objects!(Subject);

impl From<Subject> for SubjectRef {
    fn from(subject: Subject) -> Self {
        let id_type = subject.kind.map_or_else(IdType::user_id, |kind| kind.0);
        let profile = subject.profile.map(|profile| profile.0);
        Self { profile, ..Self::new(id_type, subject.id.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let read = |json| serde_json::from_str::<Whole<1, 500>>(json).map(|whole| whole.0);
        let read_well = ["10", "10.0", "5e2"].map(|json| read(json).unwrap());
        assert_eq!(read_well, [10, 10, 500]);
        for other in ["0.0", "501.0", "1.5", "-1.0", "1e300", "\"1\""] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
