//! The wire form of one decision about a person.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{language::Tongue, texts};
use crate::{
    audit::{AnswerBody, CallKind, DecisionBody, EffectBody, ItemBody, Place, SentBody},
    domain::{CategoryId, Epoch, PurposeId, Timestamp},
    policy::Catalogue,
    rights::{Came, Decision},
};

/// A decision on a call about you.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "log": {"origin": "gw-1.example/2026h2", "index": 123}, "recommendation_id": "6f2c1f0e-8a4b-4e0e-9b51-0d4f2f6f3a11",
    "call": "recommendation", "at": "2026-11-22T03:00:00.000Z", "purpose": "recommend_products",
    "purpose_title": "Recommend products to you", "recipient": "model", "tier": "individual", "reason": "consented",
    "reason_text": "You agreed to it.", "outcome": "answered", "outcome_text": "The app was answered.", "policy": "9f86d081884c7d65",
    "policies": ["individual-with-consent"], "consent_epoch": 1, "used": ["activity"],
    "withheld": [{"category": "location", "title": "Where you are", "reason": "not_consented",
                  "reason_text": "You have not agreed to it.", "sent_as": null}],
    "sent": {"method": "POST", "path": "/recommend", "body": "{\"user\":\"p…\",\"count\":100}", "encoding": "utf-8",
             "sha256": null, "length": 26, "fields": null},
    "taken_back": null, "answer": null
})))]
pub(in crate::http) struct OwnDecision {
    /// Where its row stands in the log.
    log: OwnPlace,
    /// The name of the answer, where one was given.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    recommendation_id: Option<Uuid>,
    /// `recommendation` or `events`; null where the row does not say.
    #[schema(required)]
    call: Option<&'static str>,
    /// When: to the minute once the details were dropped.
    #[schema(format = DateTime)]
    at: String,
    /// For which purpose.
    purpose: String,
    /// Its title; null for one that the catalogue no longer has.
    #[schema(required)]
    purpose_title: Option<String>,
    /// Who was asked or told; null where nobody was.
    #[schema(required)]
    recipient: Option<String>,
    /// How much of you could leave: `none`, `cohort` or `individual`.
    tier: String,
    /// The main reason: a stable code.
    reason: String,
    /// What that says.
    reason_text: String,
    /// `answered`, `told`, `kept`, `not_sent`, `thrown_away`, `dropped` or `unknown`.
    outcome: &'static str,
    /// What that says.
    outcome_text: &'static str,
    /// The first 8 bytes, in hexadecimal, of the version of the policy that decided.
    policy: String,
    /// The rules that decided; null once dropped, like all below.
    #[schema(required)]
    policies: Option<Vec<String>>,
    /// Which act on your consents it rests on.
    #[schema(required, value_type = Option<u64>)]
    consent_epoch: Option<Epoch>,
    /// The data categories that left, finely or coarsely.
    #[schema(required, value_type = Option<Vec<String>>)]
    used: Option<Vec<CategoryId>>,
    /// The data categories that did not leave as they came.
    #[schema(required)]
    withheld: Option<Vec<OwnWithheld>>,
    /// The very bytes that left; null where nobody was asked. Where `outcome` is `not_sent`, they did not leave.
    #[schema(required)]
    sent: Option<OwnSent>,
    /// Why the decision was taken back, if it was.
    #[schema(required)]
    taken_back: Option<OwnTakenBack>,
    /// What the app was answered, if it was.
    #[schema(required)]
    answer: Option<OwnAnswer>,
}

/// A place in the log.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnPlace {
    /// Which log.
    origin: String,
    /// The row, from 0.
    index: u64,
}

/// A data category that did not leave as it came.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnWithheld {
    /// Which.
    #[schema(value_type = String)]
    pub(super) category: CategoryId,
    /// Its title.
    pub(super) title: String,
    /// Why: a stable code.
    pub(super) reason: String,
    /// What that says.
    pub(super) reason_text: String,
    /// The coarse form that left instead.
    #[schema(required)]
    pub(super) sent_as: Option<String>,
}

/// The bytes of a call to a recipient.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnSent {
    /// The method.
    method: String,
    /// Path and query.
    path: String,
    /// The body, byte for byte; null where it was too large to be kept.
    #[schema(required)]
    body: Option<String>,
    /// How `body` writes the bytes: `utf-8`.
    encoding: &'static str,
    /// The SHA-256 in hexadecimal of a body that was not kept.
    #[schema(required)]
    sha256: Option<String>,
    /// How many bytes the body has.
    #[schema(required)]
    length: Option<usize>,
    /// What of your context was in a body that was not kept.
    #[schema(required, value_type = Option<Object>)]
    fields: Option<Value>,
}

/// Why a decision was taken back.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnTakenBack {
    /// Why: a stable code.
    why: String,
    /// Whether something may have left before; null where the row does not say.
    #[schema(required)]
    may_have_left: Option<bool>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Where the row stands that says so.
    log: OwnPlace,
}

/// What the app was answered.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnAnswer {
    /// How personal it was.
    tier: &'static str,
    /// What went wrong, if something did.
    #[schema(required)]
    fault: Option<String>,
    /// The data categories that were used, those that never leave too.
    #[schema(value_type = Vec<String>)]
    used: Vec<CategoryId>,
    /// The items, best first.
    items: Vec<OwnItem>,
    /// What re-ranking did; null where there was nothing to rank.
    #[schema(required)]
    diversity: Option<OwnDiversity>,
    /// Where the row stands that says so.
    log: OwnPlace,
}

/// An item of an answer.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnItem {
    /// Which.
    id: String,
    /// Its place in the answer, from 1.
    rank: usize,
    /// The score that it came with.
    #[schema(required)]
    score: Option<f64>,
    /// Why it was there: `model`, `diversity`, `bridge`, `popular` or `catalogue`.
    source: String,
    /// What describes it.
    tags: Vec<String>,
}

/// What re-ranking did to an answer.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(in crate::http) struct OwnDiversity {
    /// How strongly, 0 to 1; null in rows of earlier releases.
    #[schema(required)]
    pub(super) strength: Option<f64>,
    /// The mean distance of the items' tags, before and after: higher is more diverse.
    #[schema(required, inline)]
    pub(super) ild: Option<OwnChange>,
    /// How far the tags were from your own mixture, before and after, where that was used.
    #[schema(required, inline)]
    pub(super) calibration: Option<OwnChange>,
    /// How many items the list would not have held without it.
    pub(super) moved: usize,
}

/// A figure before and after re-ranking.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(in crate::http) struct OwnChange {
    before: f64,
    after: f64,
}

impl OwnDecision {
    pub(super) fn of(decision: &Decision, catalogue: &Catalogue, language: &str) -> Self {
        let tongue = Tongue::of(language);
        let outcome = decision.outcome();
        let body = decision.body.as_ref();
        let (answer, taken_back) = came(&decision.came);
        Self {
            log: OwnPlace::of(&decision.place),
            recommendation_id: answer.is_some().then_some(decision.name),
            call: body.and_then(|body| body.kind).map(CallKind::as_str),
            at: decision.at.rfc3339(),
            purpose_title: purpose_title(&decision.purpose, catalogue, language),
            purpose: decision.purpose.clone(),
            recipient: decision.recipient.clone(),
            tier: decision.tier.clone(),
            reason_text: texts::reason(&decision.reason, tongue).to_owned(),
            reason: decision.reason.clone(),
            outcome: outcome.as_str(),
            outcome_text: texts::outcome(outcome, tongue),
            policy: decision.ruleset.clone(),
            policies: body.map(|body| body.policies.iter().map(ToString::to_string).collect()),
            consent_epoch: body.and_then(|body| body.epoch),
            used: body.map(|body| body.used.to_vec()),
            withheld: body.map(|body| withheld(body, catalogue, language)),
            sent: body.and_then(|body| body.outbound.as_ref()).map(OwnSent::of),
            taken_back,
            answer,
        }
    }
}

/// The title of a purpose that the catalogue has.
pub(super) fn purpose_title(id: &str, catalogue: &Catalogue, language: &str) -> Option<String> {
    let id = PurposeId::parse(id).ok()?;
    catalogue.purpose(&id).map(|purpose| purpose.title(language).to_owned())
}

/// The title of a category, or its name where the catalogue no longer has it.
pub(super) fn category_title(id: &CategoryId, catalogue: &Catalogue, language: &str) -> String {
    let category = catalogue.category(id);
    category.map_or(id.as_str(), |category| category.title(language)).to_owned()
}

/// What did not leave as it came.
pub(super) fn withheld(
    body: &DecisionBody<'_>,
    catalogue: &Catalogue,
    language: &str,
) -> Vec<OwnWithheld> {
    let withheld = body.withheld.iter().map(|withheld| OwnWithheld {
        category: withheld.category.clone(),
        title: category_title(&withheld.category, catalogue, language),
        reason: withheld.reason.to_string(),
        reason_text: texts::reason(&withheld.reason, Tongue::of(language)).to_owned(),
        sent_as: withheld.sent_as.as_deref().map(str::to_owned),
    });
    withheld.collect()
}

fn came(came: &Came) -> (Option<OwnAnswer>, Option<OwnTakenBack>) {
    match came {
        Came::Answered { place, body } => (Some(OwnAnswer::of(place, body)), None),
        Came::Void { place, body } => {
            let taken_back = OwnTakenBack {
                why: body.why.to_string(),
                may_have_left: body.may_have_left(),
                at: Timestamp::from_millis(body.t_ms).rfc3339(),
                log: OwnPlace::of(place),
            };
            (None, Some(taken_back))
        }
        Came::Nothing => (None, None),
    }
}

impl OwnPlace {
    pub(super) fn of(place: &Place) -> Self {
        Self { origin: place.origin.as_ref().to_owned(), index: place.index }
    }
}

impl OwnSent {
    fn of(sent: &SentBody<'_>) -> Self {
        let body = sent.body.as_deref().map(str::to_owned);
        Self {
            method: sent.method.to_string(),
            path: sent.path.to_string(),
            length: body.as_ref().map(String::len).or(sent.length),
            body,
            encoding: "utf-8",
            sha256: sent.sha256.as_deref().map(str::to_owned),
            fields: sent.fields.clone(),
        }
    }
}

impl OwnAnswer {
    fn of(place: &Place, body: &AnswerBody<'_>) -> Self {
        let item = |(rank, item): (usize, &ItemBody<'_>)| {
            let ItemBody(id, source, tags, score) = item;
            OwnItem {
                id: id.as_str().to_owned(),
                rank,
                score: *score,
                source: source.to_string(),
                tags: tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            }
        };
        Self {
            tier: body.tier.as_str(),
            fault: body.fault.as_deref().map(str::to_owned),
            used: body.used.to_vec(),
            items: (1..).zip(&body.items).map(item).collect(),
            diversity: OwnDiversity::of(body),
            log: OwnPlace::of(place),
        }
    }
}

impl OwnDiversity {
    pub(super) fn of(body: &AnswerBody<'_>) -> Option<Self> {
        let change = |(before, after)| OwnChange { before, after };
        let effect = body.effect.as_ref();
        Some(Self {
            strength: effect.map(|effect| effect.strength),
            ild: effect.map(|effect: &EffectBody| change(effect.ild)),
            calibration: effect.and_then(|effect| effect.calibration).map(change),
            moved: body.moved?,
        })
    }
}
