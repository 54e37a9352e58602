//! The wire form of an act on a consent.

use std::{borrow::Cow, fmt, time::Duration};

use jiff::civil::Date;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

use crate::{
    consent::{Acted, Action, Request},
    domain::{
        CategoryId, Detail, IdType, Method, Profile, PurposeId, SubjectRef, Timestamp, UserId,
    },
    http::{
        Fault, Problem,
        object::objects,
        read::{Few, Parse as _, Read, given},
        recommend::Log,
        words::{CategoryName, IdTypeName, MethodWord, ProfileName, PurposeName, SubjectId},
    },
};

/// An act on a consent.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({
    "subject": {"id": "user-4395"}, "purpose": "recommend_products", "action": "give",
    "categories": ["activity", {"id": "location", "detail": "coarse"}],
    "notice": {"snapshot": "eyJ…"}, "expires_at": "2027-11-22T00:00:00Z", "method": "app"
})))]
pub(in crate::http) struct ConsentAct {
    /// Whose consent it is; left out with a person's own token.
    #[schema(inline = false)]
    pub(super) subject: Option<ConsentingSubject>,
    /// For which purpose; one an act.
    #[schema(value_type = PurposeName, example = "recommend_products")]
    pub(super) purpose: Read<PurposeId>,
    /// What is done.
    #[schema(inline = false)]
    pub(super) action: ActionWord,
    /// What is given: names of data categories, or objects with a `detail`. Without it, all that the purpose uses except
    /// sensitive categories, each of which must be named. Nothing is given by an empty list: refuse instead. To withdraw
    /// and to refuse are for the whole purpose, whatever stands here.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<AgreedForm>, required = false, min_items = 1, max_items = 32)]
    categories: Option<Few<Agreed, 1, 32>>,
    /// The notice that was shown; needed to give.
    #[schema(inline = false)]
    notice: Option<ShownNotice>,
    /// When what is given ends by itself, as RFC 3339. Counts only where something is given.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Read<Timestamp>>,
    /// How the act reached the caller.
    #[schema(value_type = MethodWord, example = "app")]
    method: Named,
    /// Whether a verified guardian acts on behalf of a child. Only an app can state it.
    #[serde(default)]
    pub(super) guardian: bool,
}

/// A person, as the calling app names them, with what the app knows of their age.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct ConsentingSubject {
    /// The app's id for the person: 1 to 256 bytes of UTF-8 without control characters.
    #[schema(value_type = SubjectId)]
    id: Read<UserId>,
    /// The kind of id.
    #[serde(rename = "type")]
    #[schema(value_type = Option<IdTypeName>, default = "user_id")]
    kind: Option<Read<IdType>>,
    /// Which profile of the account that `id` names; the account itself if left out.
    #[schema(value_type = Option<ProfileName>)]
    profile: Option<Read<Profile>>,
    /// The day on which the person turns 14, if the app knows that they are younger: until then only what a guardian
    /// agreed to counts. The latest day that was said counts; the operator alone makes it earlier, on a rectification.
    #[schema(value_type = Option<String>, format = Date)]
    under_14_until: Option<Read<Date>>,
}

/// What can be done.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ActionWord {
    /// Agree.
    Give,
    /// Say no. What was given before ends.
    Refuse,
    /// Take back what was given.
    Withdraw,
}

/// The notice that was shown.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct ShownNotice {
    /// The `snapshot` of `GET /v1/purposes`.
    snapshot: String,
}

/// A category that is agreed to.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct AgreedCategory {
    /// The category.
    #[schema(value_type = CategoryName)]
    id: Read<CategoryId>,
    /// How finely: `fine` or `coarse`.
    #[serde(default)]
    #[schema(inline = false)]
    detail: DetailWord,
}

/// How finely a category may be disclosed.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum DetailWord {
    /// As it is.
    #[default]
    Fine,
    /// Generalized, as the catalogue says: an age band, a map cell.
    Coarse,
}

objects!(ConsentAct, ConsentingSubject, ShownNotice, AgreedCategory);

/// A method that a caller can name.
struct Named(Method);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(json)?;
        let unknown = |_| de::Error::unknown_variant(&name, &Method::NAMES);
        name.parse().map(Named).map_err(unknown)
    }
}

/// A category by its name, as fine as it is sent, or with how finely.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = AgreedCategoryOrName)]
#[expect(dead_code, reason = "it describes the two forms that `Agreed` reads")]
pub(in crate::http) enum AgreedForm {
    Name(CategoryName),
    Spelled(AgreedCategory),
}

/// A category that is agreed to, and how finely.
struct Agreed(CategoryId, Detail);

impl<'de> Deserialize<'de> for Agreed {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AgreedVisitor)
    }
}

struct AgreedVisitor;

impl<'de> Visitor<'de> for AgreedVisitor {
    type Value = Agreed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an object")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Agreed, E> {
        CategoryId::parse_text(name).map(|id| Agreed(id, Detail::Fine)).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Agreed, A::Error> {
        let agreed = AgreedCategory::deserialize(MapAccessDeserializer::new(map))?;
        let detail = match agreed.detail {
            DetailWord::Fine => Detail::Fine,
            DetailWord::Coarse => Detail::Coarse,
        };
        Ok(Agreed(agreed.id.0, detail))
    }
}

impl ConsentAct {
    /// What the ledger is asked to record.
    pub(super) fn request(self, signal: bool, now: Timestamp) -> Result<Request, Problem> {
        let day = self.subject.and_then(|subject| subject.under_14_until);
        Ok(Request {
            action: match self.action {
                ActionWord::Give => Action::Give,
                ActionWord::Refuse => Action::Refuse,
                ActionWord::Withdraw => Action::Withdraw,
            },
            purpose: self.purpose.0,
            categories: self
                .categories
                .map(|named| named.0.into_iter().map(|Agreed(id, how)| (id, how)).collect()),
            notice: self.notice.map(|notice| notice.snapshot),
            expires_at: self.expires_at.map(|at| at.0),
            method: self.method.0,
            by_guardian: self.guardian,
            under_14_until: day
                .map(|day| turns_14(day.0, now, "/subject/under_14_until"))
                .transpose()?,
            signal,
        })
    }
}

/// When `day` has begun everywhere: where the person lives is not known, and nobody is called 14 too early.
///
/// # Errors
/// When `day` is more than 14 years ahead: nobody who is born turns 14 then.
pub(in crate::http) fn turns_14(
    day: Date,
    now: Timestamp,
    pointer: &'static str,
) -> Result<Timestamp, Problem> {
    let noon = jiff::tz::Offset::UTC.to_timestamp(day.at(12, 0, 0, 0)).ok();
    noon.map(|noon| Timestamp::from_millis(noon.as_millisecond()))
        .filter(|at| *at <= now.after(FOURTEEN_YEARS))
        .ok_or_else(|| {
            Problem::invalid(&[Fault::at(pointer, "must be a day within the next 14 years")])
        })
}

/// Four leap days at most, and a day for where on earth the person is.
const FOURTEEN_YEARS: Duration = Duration::from_secs(24 * 3600 * (14 * 365 + 4 + 1));

impl ConsentingSubject {
    /// The person, without what the app knows of them.
    pub(super) fn person(&self) -> SubjectRef {
        let id_type = self.kind.as_ref().map_or_else(IdType::user_id, |kind| kind.0.clone());
        let profile = self.profile.as_ref().map(|profile| profile.0.clone());
        SubjectRef { profile, ..SubjectRef::new(id_type, self.id.0.clone()) }
    }

    /// Whether the call says something of the person beyond who they are.
    pub(super) fn tells_age(&self) -> bool {
        self.under_14_until.is_some()
    }
}

/// An act that was recorded.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epoch": 12, "receipt": "eyJ…", "log": {"origin": "gw-1.example/2026h2", "index": 123},
    "last_use": "2026-11-22T00:00:00.000Z", "durable": true
})))]
pub(in crate::http) struct Recorded<'a> {
    /// Which act of the person it was.
    epoch: u32,
    /// A signed receipt (JWS) for the person.
    receipt: &'a str,
    /// Where it stands in the log; null while it is not durable.
    #[schema(required)]
    log: Option<Log<'a>>,
    /// When data of the person last left for this purpose, as far as the running gateway remembers.
    #[schema(required, format = DateTime)]
    last_use: Option<String>,
    /// Whether the act outlives a loss of power. A withdrawal that is not durable yet holds all the same as long as the
    /// gateway runs; repeat it.
    durable: bool,
}

impl<'a> Recorded<'a> {
    pub(super) fn of(acted: &'a Acted) -> Self {
        Self {
            epoch: acted.epoch.0,
            receipt: &acted.receipt,
            log: acted.place.as_ref().map(Log::of),
            last_use: acted.last_use.map(Timestamp::rfc3339),
            durable: acted.place.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::parse;

    fn read(body: &str) -> Result<Request, Problem> {
        parse::<ConsentAct>(body.as_bytes())
            .and_then(|act| act.request(false, Timestamp::parse("2026-11-22T00:00:00Z").unwrap()))
    }

    #[test]
    fn categories_are_named_or_spelled_out() {
        let request = read(
            r#"{"purpose":"p","action":"give","method":"app",
                "categories":["a",{"id":"b","detail":"coarse"},{"id":"c"}]}"#,
        )
        .unwrap();
        let named = request.categories.unwrap();
        let told: Vec<_> = named.iter().map(|(id, how)| (id.as_str(), *how)).collect();
        assert_eq!(told, [("a", Detail::Fine), ("b", Detail::Coarse), ("c", Detail::Fine)]);
    }

    #[test]
    fn a_child_turns_14_when_the_day_has_begun_everywhere() {
        let request = read(
            r#"{"subject":{"id":"ada","under_14_until":"2027-05-01"},"purpose":"p","action":"refuse","method":"app"}"#,
        )
        .unwrap();
        assert_eq!(request.under_14_until, Timestamp::parse("2027-05-01T12:00:00Z").ok());
    }

    #[test]
    fn what_is_not_an_act_is_told() {
        for (body, told) in [
            (
                r#"{"purpose":"p","action":"expire","method":"app"}"#,
                "must be one of give, refuse, withdraw",
            ),
            (
                r#"{"purpose":"p","action":"give","method":"fax"}"#,
                "must be one of web_form, app, api, paper, phone, signal, import\"",
            ),
            (r#"{"purpose":"p","action":"give"}"#, "`method` is missing"),
            (
                r#"{"purpose":"p","action":"give","method":"app","categories":[7]}"#,
                "must be a string or an object",
            ),
            (
                r#"{"purpose":"p","action":"give","method":"app","categories":[{"id":"a","detail":"none"}]}"#,
                "must be one of fine, coarse",
            ),
            (
                r#"{"purpose":"p","action":"give","method":"app","expires_at":"soon"}"#,
                "a moment must be RFC 3339",
            ),
            (
                r#"{"subject":{"id":"a","under_14_until":"May"},"purpose":"p","action":"give","method":"app"}"#,
                "a date must be a full date",
            ),
        ] {
            let document = String::from_utf8(read(body).unwrap_err().document()).unwrap();
            assert!(document.contains(told), "{body} gave {document}");
        }
    }
}
