//! The rules a person sets for themselves.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::super::{
    Edge, Fault, Problem,
    body::{JSON, parse},
    caller::{By, Unread, oneself},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    read::{Few, Read, Share},
    reply,
    words::{CategoryName, ItemName, TagWord, TierWord},
};
use crate::{
    consent::Rules,
    domain::{CategoryId, ItemId, Tag, Tier, Timestamp},
    policy::Catalogue,
};

/// The media type of a merge patch (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The rules a person set for themselves.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "cap": "individual", "categories_off": ["location"], "mutes": {"tags": ["alcohol"], "items": ["tv-9"]},
    "dial": 0.4, "pause_until": null
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

objects!(RulesPatch, MutesPatch);

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
/// The rules you set for yourself. They only ever narrow what the policy and your consent allow.
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
    By(caller): By,
) -> Result<Response, Problem> {
    let oneself = oneself(&caller)?;
    let handle = edge.gateway.handle(caller.tenant(), oneself)?;
    let person = edge.ledger.person(handle).await?;
    let nobody = Rules::default();
    let rules = person.as_ref().map_or(&nobody, |person| &person.standing.rules);
    Ok(reply::json(StatusCode::OK, &OwnRules::of(rules)))
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
    By(caller): By,
    body: Unread,
) -> Result<Response, Problem> {
    let oneself = oneself(&caller)?;
    let media = if body.is(MERGE_PATCH) { MERGE_PATCH } else { JSON };
    let body = body.whole(media, edge.body_limit).await?;
    let change = parse::<RulesPatch>(&body)?.checked(edge.policies.current().catalogue())?;
    let handle = edge.gateway.handle(caller.tenant(), oneself)?;
    let rules = edge.ledger.set_rules(handle, |rules| change.apply(rules)).await?;
    Ok(reply::json(StatusCode::OK, &OwnRules::of(&rules)))
}

/// A change that was read and checked.
struct Change {
    cap: Patch<Tier>,
    categories_off: Patch<Vec<CategoryId>>,
    muted_tags: Patch<Vec<Tag>>,
    muted_items: Patch<Vec<ItemId>>,
    dial: Patch<Option<f64>>,
    pause_until: Patch<Option<Timestamp>>,
}

impl RulesPatch {
    fn checked(self, catalogue: &Catalogue) -> Result<Change, Problem> {
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
        Ok(Change {
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
        let Rules { cap, categories_off, muted_tags, muted_items, dial, pause_until, .. } = rules;
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
    pub(super) fn of(rules: &'a Rules) -> Self {
        Self {
            cap: rules.cap,
            categories_off: &rules.categories_off,
            mutes: OwnMutes { tags: &rules.muted_tags, items: &rules.muted_items },
            dial: rules.dial,
            pause_until: rules.pause_until.map(Timestamp::rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bundle;

    fn patched(rules: &mut Rules, patch: &str) -> Result<(), Problem> {
        let bundle = Bundle::shipped().unwrap();
        parse::<RulesPatch>(patch.as_bytes())?.checked(bundle.catalogue())?.apply(rules);
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
        ] {
            let problem = patched(&mut rules, patch).unwrap_err();
            let document = String::from_utf8(problem.document()).unwrap();
            assert!(document.contains(told), "{patch} gave {document}");
        }
        assert_eq!(rules, Rules::default());
    }
}
