//! What the sealed bodies of a decision's rows hold: written for each call, and read when the person asks.
//!
//! Promises: writer and reader share these types, so they cannot drift apart; a body of an earlier release still reads, since
//! what it lacks has a default.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{CategoryId, Epoch, ItemId, Tag, Tier};

/// What kind of call was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// An app asked for items.
    Recommendation,
    /// An app told what the person did.
    Events,
}

impl CallKind {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recommendation => "recommendation",
            Self::Events => "events",
        }
    }
}

/// What a decision's row holds besides its leaf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionBody<'a> {
    /// When, to the millisecond.
    pub t_ms: i64,
    /// Of which call; rows of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CallKind>,
    /// The standing that it rests on.
    pub epoch: Option<Epoch>,
    /// The policies that decided.
    pub policies: Vec<Cow<'a, str>>,
    /// The categories of the call that leave, finely or coarsely.
    pub used: Cow<'a, [CategoryId]>,
    /// The categories of the call that do not leave as they came.
    pub withheld: Vec<WithheldBody<'a>>,
    /// The bytes that leave; nothing where nobody is asked.
    pub outbound: Option<SentBody<'a>>,
}

/// A category that does not leave as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithheldBody<'a> {
    /// Which.
    pub category: CategoryId,
    /// Why: a reason code.
    pub reason: Cow<'a, str>,
    /// The coarse form that leaves instead.
    pub sent_as: Option<Cow<'a, str>>,
}

/// The bytes that leave: whole, or their hash and the fields that are in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentBody<'a> {
    /// The method.
    pub method: Cow<'a, str>,
    /// Path and query.
    pub path: Cow<'a, str>,
    /// The body, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// The SHA-256 in hex of a body that is not kept whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Cow<'a, str>>,
    /// How many bytes such a body has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// What of the person's context is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Value>,
}

/// What the row about an answer holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerBody<'a> {
    /// The journal's number of the decision's row.
    pub of: u64,
    /// The answer's name.
    pub recommendation: Uuid,
    /// How personal it was.
    pub tier: Tier,
    /// What went wrong, if something did.
    pub fault: Option<Cow<'a, str>>,
    /// The categories that were used, those that did not leave too.
    pub used: Cow<'a, [CategoryId]>,
    /// The items, best first.
    pub items: Vec<ItemBody<'a>>,
    /// How many items the model's own list would not hold; nothing where there was nothing to rank.
    pub moved: Option<usize>,
    /// What re-ranking did to the list; rows of earlier releases say `moved` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectBody>,
}

/// An item of an answer, as a list of four: item, source, tags, the score that it came with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemBody<'a>(
    /// Which.
    pub Cow<'a, ItemId>,
    /// Why it is there: the word of a source.
    pub Cow<'a, str>,
    /// What describes it.
    pub Cow<'a, [Tag]>,
    /// The score that it came with, if it came with one.
    #[serde(default)]
    pub Option<f64>,
);

/// What re-ranking did to a list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectBody {
    /// How strongly, 0 to 1.
    pub strength: f64,
    /// The mean distance of the items' tags, before and after.
    pub ild: (f64, f64),
    /// How far the tags are from the person's own mixture, before and after, where that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<(f64, f64)>,
}

/// What a row holds that takes a decision back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidBody<'a> {
    /// When, to the millisecond.
    pub t_ms: i64,
    /// The journal's number of the decision's row.
    pub of: u64,
    /// Why.
    pub why: Cow<'a, str>,
    /// Whether bytes may have reached the recipient; rows of earlier releases do not always say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<bool>,
}

impl VoidBody<'_> {
    /// Whether bytes may have reached the recipient, as far as the row tells.
    #[must_use]
    pub fn may_have_left(&self) -> Option<bool> {
        let before = ["permit_ended", "policy_changed", "gate_closed"];
        self.sent.or_else(|| before.contains(&&*self.why).then_some(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_an_earlier_release_still_read() {
        let decision = r#"{"t_ms":1,"epoch":2,"policies":["a"],"used":["activity"],
            "withheld":[{"category":"location","reason":"not_consented","sent_as":null}],
            "outbound":{"method":"POST","path":"/recommend","body":"{}"}}"#;
        let read: DecisionBody<'static> = serde_json::from_str(decision).unwrap();
        assert_eq!((read.kind, read.outbound.unwrap().body.as_deref()), (None, Some("{}")));
        let answer = r#"{"of":7,"recommendation":"00000000-0000-4000-8000-000000000000","tier":"individual",
            "fault":null,"used":[],"items":[["tv-1","model",["tv"]]],"moved":0}"#;
        let read: AnswerBody<'static> = serde_json::from_str(answer).unwrap();
        assert_eq!((read.effect, read.items[0].3), (None, None));
        let void: VoidBody<'static> =
            serde_json::from_str(r#"{"of":7,"t_ms":1,"why":"gate_closed"}"#).unwrap();
        assert_eq!(void.may_have_left(), Some(false));
        let void = VoidBody { why: Cow::Borrowed("revoked"), ..void };
        assert_eq!(void.may_have_left(), None, "a part may have arrived");
    }

    #[test]
    fn an_answers_body_comes_back_as_it_went() {
        let tags = [Tag::parse("tv").unwrap()];
        let item = ItemId::parse("tv-1").unwrap();
        let body = AnswerBody {
            of: 7,
            recommendation: Uuid::from_bytes([4; 16]),
            tier: Tier::Individual,
            fault: Some(Cow::Borrowed("model_timeout")),
            used: Cow::Borrowed(&[]),
            items: vec![ItemBody(
                Cow::Borrowed(&item),
                Cow::Borrowed("bridge"),
                Cow::Borrowed(&tags),
                Some(0.25),
            )],
            moved: Some(1),
            effect: Some(EffectBody { strength: 0.5, ild: (0.1, 0.2), calibration: None }),
        };
        let written = serde_json::to_vec(&body).unwrap();
        assert_eq!(serde_json::from_slice::<AnswerBody<'static>>(&written).unwrap(), body);
    }
}
