//! The wire form of an answer, written in one pass over what the gateway said.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    audit::Place,
    domain::{CategoryId, Tag, Tier},
    gateway::{Answered, Effect, Ranked, Source},
    policy::{ReasonCode, Rule, Withheld as Held},
};

/// How many bytes an item takes in most answers.
const ITEM_BYTES: usize = 192;

/// An answer.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "recommendation_id": "6f2c1f0e-8a4b-4e0e-9b51-0d4f2f6f3a11", "tier": "individual",
    "items": [{"id": "tv-178", "rank": 1, "score": 0.93,
               "reason": {"source": "model", "tags": ["tv"], "used": ["activity"]}}],
    "diversity": {"strength": 0.4, "ild": {"before": 0.31, "after": 0.52},
                  "calibration": {"before": 0.61, "after": 0.38}, "moved": 3},
    "decision": {"reasons": [{"policy": "individual-with-consent", "reason": "consented"}], "used": ["activity"],
                 "withheld": [{"category": "location", "reason": "not_consented", "sent_as": null}],
                 "policy": "sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
                 "consent_epoch": 12, "gpc": false, "fault": null},
    "log": {"origin": "gw-1.example/2026h2", "index": 123}
})))]
pub(in crate::http) struct Recommendations<'a> {
    /// The answer's id, to name it by in events.
    #[schema(value_type = String, format = "uuid")]
    recommendation_id: Uuid,
    /// How personal the answer is: `none`, `cohort` or `individual`.
    #[schema(value_type = String, example = "individual")]
    tier: Tier,
    /// The items, best first.
    #[schema(value_type = Vec<Item>)]
    items: Items<'a>,
    /// What re-ranking did, measured; null when there was nothing to rank.
    #[schema(required)]
    diversity: Option<Diversity>,
    /// What was decided, and why.
    decision: Decision<'a>,
    /// Where the decision stands in the log; null when the log could not take it, and then nothing left.
    #[schema(required)]
    log: Option<Log<'a>>,
}

/// An item of an answer.
#[derive(Serialize, ToSchema)]
#[schema(as = RecommendedItem)]
pub(in crate::http) struct Item<'a> {
    /// The app's id of the item.
    id: &'a str,
    /// Its place, from 1.
    rank: usize,
    /// The model's or the app's own score; null if none was given.
    #[schema(required)]
    score: Option<f64>,
    /// Why it is here.
    reason: ItemReason<'a>,
}

/// Why an item is in an answer.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ItemReason<'a> {
    /// `model`: the model's own list holds it. `diversity`: re-ranking brought it up. `bridge`: the same, and it lies
    /// mostly outside what the person usually meets. `boosted`: the person wants more of one of its tags, and the model's
    /// own list would not hold it. `popular`: at least 20 people met it lately. `catalogue`: it
    /// stands early in the operator's catalogue.
    #[schema(example = "model")]
    source: &'static str,
    /// What describes the item.
    #[schema(value_type = Vec<String>)]
    tags: Tags<'a>,
    /// The data categories that the item's place rests on.
    #[schema(value_type = Vec<String>)]
    used: &'a [CategoryId],
}

/// What re-ranking did to the list.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Diversity {
    /// How strongly the list was re-ranked, 0 to 1.
    strength: f64,
    /// The mean distance between the items' tags, 0 to 1: higher is more diverse.
    ild: Change,
    /// How far the items' tags are from the person's own mixture: lower is closer. Null when that mixture is not
    /// known or not allowed to be used.
    #[schema(required)]
    calibration: Option<Change>,
    /// How many items the model's own list would not hold.
    moved: usize,
}

/// A figure before and after re-ranking.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Change {
    /// Of the list in the model's order.
    before: f64,
    /// Of the list in this answer.
    after: f64,
}

/// What was decided on a call, and why.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Decision<'a> {
    /// The reasons for the tier, each with the policy that gave it.
    reasons: Vec<Reason<'a>>,
    /// The data categories that were used.
    #[schema(value_type = Vec<String>)]
    used: &'a [CategoryId],
    /// The data categories of the call that did not leave as they were sent.
    withheld: Vec<Withheld<'a>>,
    /// The version of the policy.
    policy: &'a str,
    /// Which act of the person was the last one that counted; null when nobody known was named.
    #[schema(required, value_type = Option<u32>)]
    consent_epoch: Option<crate::domain::Epoch>,
    /// Whether an objection by signal (Global Privacy Control) stands for this purpose, from this call or kept from one
    /// before, and was honoured: for the app to show (CCPA regulations section 7025(c)(6)).
    gpc: bool,
    /// Why the answer is not what it could have been; null when nothing went wrong.
    #[schema(required)]
    fault: Option<&'static str>,
}

/// A reason for a tier.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Reason<'a> {
    /// The id of the policy; null where no policy speaks, and so nothing is allowed.
    #[schema(required)]
    policy: Option<&'a str>,
    /// The stable code.
    #[schema(value_type = String, example = "consented")]
    reason: ReasonCode,
}

/// A data category that did not leave as it was sent.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Withheld<'a> {
    /// The category.
    #[schema(value_type = String)]
    category: &'a CategoryId,
    /// The stable code of the reason.
    #[schema(value_type = String, example = "not_consented")]
    reason: ReasonCode,
    /// The coarse form that left instead; null if nothing left.
    #[schema(required)]
    sent_as: Option<&'a str>,
}

/// A place in the log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Log<'a> {
    /// Which log.
    pub(in crate::http) origin: &'a str,
    /// The row, from 0.
    pub(in crate::http) index: u64,
}

/// The answer as JSON. `rules` are those of the policy in force, which say what reason each policy stands for.
pub(super) fn write(answered: &Answered, rules: &[Rule]) -> Vec<u8> {
    let mut json = Vec::with_capacity(768 + ITEM_BYTES * answered.items.len());
    // Writing strings, numbers and lists to memory cannot fail.
    let _ = serde_json::to_writer(&mut json, &Recommendations::of(answered, rules));
    json
}

impl<'a> Recommendations<'a> {
    fn of(answered: &'a Answered, rules: &'a [Rule]) -> Self {
        let decision = &answered.decision;
        Self {
            recommendation_id: answered.recommendation_id,
            tier: answered.tier,
            items: Items { ranked: &answered.items, used: &decision.used },
            diversity: answered.effect.as_ref().map(Diversity::of),
            decision: Decision {
                reasons: reasons(&decision.policies, &decision.reasons, rules),
                used: &decision.used,
                withheld: decision.withheld.iter().map(Withheld::of).collect(),
                policy: &decision.policy,
                consent_epoch: decision.consent_epoch,
                gpc: decision.gpc,
                fault: decision.fault.map(|fault| fault.0),
            },
            log: answered.log.as_ref().map(Log::of),
        }
    }
}

/// Each reason with the policies that gave it, in the order of precedence.
fn reasons<'a>(policies: &'a [String], reasons: &[ReasonCode], rules: &[Rule]) -> Vec<Reason<'a>> {
    let given = |policy: &str| rules.iter().find(|rule| rule.id == policy).map(|rule| rule.reason);
    let mut told = Vec::with_capacity(policies.len().max(reasons.len()));
    for reason in reasons {
        let before = told.len();
        let theirs = policies.iter().filter(|policy| given(policy) == Some(*reason));
        told.extend(theirs.map(|policy| Reason { policy: Some(policy), reason: *reason }));
        if told.len() == before {
            told.push(Reason { policy: None, reason: *reason });
        }
    }
    told
}

impl Diversity {
    fn of(effect: &Effect) -> Self {
        let change = |(before, after)| Change { before, after };
        Self {
            strength: effect.strength,
            ild: change(effect.ild),
            calibration: effect.calibration.map(change),
            moved: effect.moved,
        }
    }
}

impl<'a> Withheld<'a> {
    pub(super) fn of(held: &'a Held) -> Self {
        Self { category: &held.category, reason: held.reason, sent_as: held.sent_as.as_deref() }
    }
}

impl<'a> Log<'a> {
    pub(in crate::http) fn of(place: &'a Place) -> Self {
        Self { origin: &place.origin, index: place.index }
    }
}

struct Items<'a> {
    ranked: &'a [Ranked],
    used: &'a [CategoryId],
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranked.iter().zip(1..).map(|(ranked, rank)| Item {
            id: ranked.id.as_str(),
            rank,
            score: ranked.score,
            reason: ItemReason {
                source: ranked.source.as_str(),
                tags: Tags(&ranked.tags),
                used: match ranked.source {
                    Source::Model | Source::Diversity | Source::Bridge | Source::Boosted => {
                        self.used
                    }
                    Source::Popular | Source::Catalogue => &[],
                },
            },
        }))
    }
}

struct Tags<'a>(&'a [Tag]);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Tag::as_str))
    }
}

#[cfg(test)]
mod tests;
