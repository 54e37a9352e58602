//! The rules a person sets for themselves.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::super::{
    Edge, Fault, Problem,
    body::{JSON, parse},
    caller::{Oneself, Unread},
    keyed::{Keyed, RetryHeader, Said},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    read::{Few, Read, Share, Whole},
    reply,
    words::{CategoryName, ItemName, TagWord, TierWord},
};
use crate::{
    consent::{Person, Rules, Standing},
    domain::{CategoryId, ItemId, Tag, Tier, Timestamp},
    gateway::MutesMet as Met,
    policy::Catalogue,
};

/// The media type of a merge patch (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The longest private session: one is begun for an evening and easily left on, and who wonders weeks later why nothing was
/// learnt has been served badly. Not to be learnt of for longer is a rule of its own.
const LONGEST_PRIVATE: Duration = Duration::from_secs(24 * 60 * 60);

/// The rules a person set for themselves.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "cap": "individual", "categories_off": ["location"], "mutes": {"tags": ["alcohol"], "items": ["tv-9"]},
    "dial": 0.4, "pause_until": null, "boosts": {"tags": ["jazz"]}, "forget_after_days": 90, "private_until": null,
    "undo_reset_until": null
})))]
pub(in crate::http) struct OwnRules<'a> {
    /// The highest tier: `none`, `cohort` or `individual`.
    #[schema(value_type = String, example = "individual")]
    cap: Tier,
    /// Data categories that are never used, whatever was consented to.
    #[schema(value_type = Vec<String>)]
    categories_off: &'a [CategoryId],
    /// What is never shown.
    mutes: OwnMutes<'a>,
    /// How diverse answers are, 0 to 1; null for the operator's setting.
    #[schema(required)]
    dial: Option<f64>,
    /// Nothing personal is used until then, as RFC 3339; null if not paused.
    #[schema(required, format = DateTime)]
    pause_until: Option<String>,
    /// What is brought up where a list may be personal.
    boosts: OwnBoosts<'a>,
    /// What is held of a meeting with an item counts no more and is deleted after as many days; null for the purpose's own
    /// retention. Recipients outside the gateway cannot delete by age: a reset has them delete everything.
    #[schema(required)]
    forget_after_days: Option<u16>,
    /// Nothing is learnt until then: events are neither kept nor told to anyone. As RFC 3339; null outside a private session.
    #[schema(required, format = DateTime)]
    private_until: Option<String>,
    /// Until when the latest reset can be undone, as RFC 3339; null if none can.
    #[schema(required, format = DateTime)]
    undo_reset_until: Option<String>,
}

/// What a person wants more of.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnBoosts<'a> {
    /// Items with one of these tags.
    #[schema(value_type = Vec<String>)]
    tags: &'a [Tag],
}

/// What is never shown to a person.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnMutes<'a> {
    /// Items with one of these tags.
    #[schema(value_type = Vec<String>)]
    tags: &'a [Tag],
    /// These items.
    #[schema(value_type = Vec<String>)]
    items: &'a [ItemId],
    /// What was proposed against them; null without mutes.
    #[schema(required)]
    met: Option<MutesMet>,
}

/// What models and apps proposed although it was muted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MutesMet {
    /// How many muted items were proposed. One that is proposed again counts again, and the gateway may lose the count of
    /// the last minute when it stops.
    proposed: u64,
    /// How many of them were in an answer.
    shown: u64,
    /// Since when, as RFC 3339: the mutes have been as they are since then.
    #[schema(format = DateTime)]
    since: String,
}

/// A change of rules: what is absent stays, null clears, and a list replaces the one before.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"cap": "none", "mutes": {"tags": ["alcohol"]}, "pause_until": null})))]
pub(in crate::http) struct RulesPatch {
    /// The highest tier.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<TierWord>)]
    cap: Patch<Tier>,
    /// Data categories that are never used.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<Vec<CategoryName>>, max_items = 32)]
    categories_off: Patch<Few<Read<CategoryId>, 0, 32>>,
    /// What is never shown.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<MutesPatch>)]
    mutes: Patch<MutesPatch>,
    /// How diverse answers are, 0 to 1.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    dial: Patch<Share>,
    /// Nothing personal is used until then, as RFC 3339.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pause_until: Patch<Read<Timestamp>>,
    /// What is brought up where a list may be personal.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<BoostsPatch>)]
    boosts: Patch<BoostsPatch>,
    /// After how many days what is held of a meeting with an item is forgotten.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 3650)]
    forget_after_days: Patch<Whole<1, 3650>>,
    /// Nothing is learnt until then, as RFC 3339; at most 24 hours from now.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>, format = DateTime)]
    private_until: Patch<Read<Timestamp>>,
}

/// A change of what is brought up.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct BoostsPatch {
    /// Items with one of these tags.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<Vec<TagWord>>, max_items = 50)]
    tags: Patch<Few<Read<Tag>, 0, 50>>,
}

/// A change of what is never shown.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct MutesPatch {
    /// Items with one of these tags.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<Vec<TagWord>>, max_items = 200)]
    tags: Patch<Few<Read<Tag>, 0, 200>>,
    /// These items.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<Vec<ItemName>>, max_items = 200)]
    items: Patch<Few<Read<ItemId>, 0, 200>>,
}

objects!(RulesPatch, MutesPatch, BoostsPatch);

/// What a merge patch says of one member.
#[derive(Default)]
enum Patch<T> {
    /// Nothing: it is absent.
    #[default]
    Keep,
    /// Null.
    Clear,
    /// A value.
    Set(T),
}

/// Reads a member that is there.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Patch<T>, D::Error> {
    Ok(Option::deserialize(json)?.map_or(Patch::Clear, Patch::Set))
}

impl<T> Patch<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(map(value)),
        }
    }
}

impl<T: Clone> Patch<T> {
    fn apply(&self, to: &mut T, cleared: T) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = cleared,
            Self::Set(value) => to.clone_from(value),
        }
    }
}

/// See your rules
///
/// The rules you set for yourself. They only ever narrow what the policy and your consent allow; boosts count only where
/// a list may be personal.
#[utoipa::path(
    get,
    path = "/v1/me/rules",
    operation_id = "read_own_rules",
    tag = "Oneself",
    responses((status = 200, description = "Your rules", body = OwnRules), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn read(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
) -> Result<Response, Problem> {
    let person = edge.ledger.at_sight(handle).await?;
    told(&edge, person.as_ref(), None).await
}

/// The answer about `person`; with `rules`, those, which may have changed since.
async fn told(
    edge: &Edge,
    person: Option<&Person>,
    rules: Option<&Rules>,
) -> Result<Response, Problem> {
    let nobody = Standing::default();
    let standing = person.map_or(&nobody, |person| &person.standing);
    let met = match person {
        Some(person) => edge.gateway.mutes_met(person).await?,
        None => None,
    };
    let told = OwnRules::of(rules.unwrap_or(&standing.rules), met, standing.undo_until(edge.now()));
    Ok(reply::json(StatusCode::OK, &told))
}

/// Change your rules
///
/// A JSON merge patch (RFC 7396): what is absent stays, null clears, and a list replaces the one before. The answer holds
/// the rules as they are then; they count from the next call on, for calls in flight too.
#[utoipa::path(
    patch,
    path = "/v1/me/rules",
    operation_id = "change_own_rules",
    tag = "Oneself",
    request_body(content((RulesPatch = "application/merge-patch+json"), (RulesPatch = "application/json"))),
    params(RetryHeader),
    responses(
        (status = 200, description = "Your rules as they are now", body = OwnRules),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn change(
    State(edge): State<Edge>,
    Oneself { caller, handle }: Oneself,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let media = if body.is(MERGE_PATCH) { MERGE_PATCH } else { JSON };
    let body = body.usual(media).await?;
    let patch = parse::<RulesPatch>(&body)?;
    let change = patch.checked(edge.policies.current().catalogue(), edge.now())?;
    let attempt = key.attempt(&edge, &caller, &Said::of("PATCH /v1/me/rules", &body))?;
    let own = edge.ledger.set_rules(handle, attempt, move |rules| change.apply(rules)).await?;
    let person = edge.ledger.person(handle).await?;
    told(&edge, person.as_ref(), Some(&own.what)).await
}

/// A change that was read and checked.
struct Change {
    cap: Patch<Tier>,
    categories_off: Patch<Vec<CategoryId>>,
    muted_tags: Patch<Vec<Tag>>,
    muted_items: Patch<Vec<ItemId>>,
    dial: Patch<Option<f64>>,
    pause_until: Patch<Option<Timestamp>>,
    boosted_tags: Patch<Vec<Tag>>,
    forget_after_days: Patch<Option<u16>>,
    private_until: Patch<Option<Timestamp>>,
}

impl RulesPatch {
    fn checked(self, catalogue: &Catalogue, now: Timestamp) -> Result<Change, Problem> {
        if let Patch::Set(Read(until)) = &self.private_until
            && !(now..=now.after(LONGEST_PRIVATE)).contains(until)
        {
            let detail = "must be a moment within 24 hours from now; to have nothing learnt for \
                longer, put `activity` into `categories_off`, or set `pause_until`";
            return Err(Problem::invalid(&[Fault::at("/private_until", detail)]));
        }
        let categories_off = self.categories_off.map(Few::values);
        if let Patch::Set(categories) = &categories_off {
            for (place, category) in categories.iter().enumerate() {
                if catalogue.category(category).is_none() {
                    return Err(unknown_category(catalogue, place));
                }
            }
        }
        let (muted_tags, muted_items) = match self.mutes {
            Patch::Keep => (Patch::Keep, Patch::Keep),
            Patch::Clear => (Patch::Clear, Patch::Clear),
            Patch::Set(mutes) => (mutes.tags.map(Few::values), mutes.items.map(Few::values)),
        };
        let boosted_tags = match self.boosts {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(boosts) => boosts.tags.map(Few::values),
        };
        Ok(Change {
            boosted_tags,
            forget_after_days: self.forget_after_days.map(|Whole(days)| u16::try_from(days).ok()),
            private_until: self.private_until.map(|until| Some(until.0)),
            cap: self.cap,
            categories_off,
            muted_tags,
            muted_items,
            dial: self.dial.map(|Share(strength)| Some(strength)),
            pause_until: self.pause_until.map(|until| Some(until.0)),
        })
    }
}

impl Change {
    fn apply(&self, rules: &mut Rules) {
        let Rules {
            cap,
            categories_off,
            muted_tags,
            muted_items,
            dial,
            pause_until,
            boosted_tags,
            forget_after_days,
            private_until,
        } = rules;
        self.boosted_tags.apply(boosted_tags, Vec::new());
        self.forget_after_days.apply(forget_after_days, None);
        self.private_until.apply(private_until, None);
        self.cap.apply(cap, Rules::default().cap);
        self.categories_off.apply(categories_off, Vec::new());
        self.muted_tags.apply(muted_tags, Vec::new());
        self.muted_items.apply(muted_items, Vec::new());
        self.dial.apply(dial, None);
        self.pause_until.apply(pause_until, None);
    }
}

fn unknown_category(catalogue: &Catalogue, place: usize) -> Problem {
    let known = catalogue.categories().iter().map(|category| category.id().to_string()).collect();
    let fault = Fault::at(format!("/categories_off/{place}"), "is no data category");
    Problem::invalid(&[Fault { allowed: known, ..fault }])
}

impl<'a> OwnRules<'a> {
    pub(super) fn of(rules: &'a Rules, met: Option<Met>, undo_until: Option<Timestamp>) -> Self {
        Self {
            cap: rules.cap,
            categories_off: &rules.categories_off,
            mutes: OwnMutes {
                tags: &rules.muted_tags,
                items: &rules.muted_items,
                met: met.map(|met| MutesMet {
                    proposed: met.proposed,
                    shown: met.shown,
                    since: met.since.rfc3339(),
                }),
            },
            dial: rules.dial,
            pause_until: rules.pause_until.map(Timestamp::rfc3339),
            boosts: OwnBoosts { tags: &rules.boosted_tags },
            forget_after_days: rules.forget_after_days,
            private_until: rules.private_until.map(Timestamp::rfc3339),
            undo_reset_until: undo_until.map(Timestamp::rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bundle;

    const NOON: Timestamp = Timestamp::from_millis(1_795_320_000_000);

    fn patched(rules: &mut Rules, patch: &str) -> Result<(), Problem> {
        let bundle = Bundle::shipped().unwrap();
        parse::<RulesPatch>(patch.as_bytes())?.checked(bundle.catalogue(), NOON)?.apply(rules);
        Ok(())
    }

    #[test]
    fn a_patch_changes_what_it_names_and_clears_what_is_null() {
        let mut rules = Rules::default();
        patched(
            &mut rules,
            r#"{"cap":"none","categories_off":["location"],"mutes":{"tags":["tv"],"items":["a"]},
                "dial":1,"pause_until":"2026-11-22T00:00:00Z"}"#,
        )
        .unwrap();
        patched(&mut rules, r#"{"dial":0.5,"mutes":{"items":null},"pause_until":null}"#).unwrap();
        assert_eq!((rules.cap, rules.dial, rules.pause_until), (Tier::None, Some(0.5), None));
        assert_eq!(rules.categories_off.len(), 1);
        assert_eq!((rules.muted_tags.len(), rules.muted_items.len()), (1, 0));
        patched(&mut rules, r#"{"cap":null,"categories_off":null,"mutes":null,"dial":null}"#)
            .unwrap();
        assert_eq!(rules, Rules::default());
    }

    #[test]
    fn a_patch_that_is_wrong_changes_nothing() {
        let mut rules = Rules::default();
        for (patch, told) in [
            (r#"{"dial":1.5}"#, "must be a number from 0 to 1"),
            (r#"{"dial":-1}"#, "must be a number from 0 to 1"),
            (r#"{"cap":"all"}"#, "must be one of none, cohort, individual"),
            (r#"{"categories_off":["sauna"]}"#, "is no data category"),
            (r#"{"mutes":{"words":[]}}"#, "has no field `words`"),
            (r#"{"pause_until":"later"}"#, "a moment must be RFC 3339"),
            (r#"{"forget":1}"#, "has no field `forget`"),
            (r#"{"forget_after_days":0}"#, "must be a whole number from 1 to 3650"),
            (r#"{"private_until":"2026-11-23T04:00:01Z"}"#, "within 24 hours from now"),
            (r#"{"private_until":"2026-11-22T03:59:59Z"}"#, "within 24 hours from now"),
            (r#"{"boosts":{"items":[]}}"#, "has no field `items`"),
        ] {
            let problem = patched(&mut rules, patch).unwrap_err();
            let document = String::from_utf8(problem.document()).unwrap();
            assert!(document.contains(told), "{patch} gave {document}");
        }
        assert_eq!(rules, Rules::default());
    }
}
