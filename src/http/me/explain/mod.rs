//! Why an answer was as it was, for the person it was made for.
//!
//! Promises: it tells what the log says of that answer and nothing that is guessed: how a model weighs what it knows is not
//! known here, and the text says so. It follows what a person who asks for an explanation is owed where the effect is not
//! grave: which kinds of personal data were used and how they relate to the decision, and what was considered in which steps
//! (PIPA Enforcement Decree 44-3(2), 44-4(1)2-3).

mod change;
mod story;

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use change::Ways;
use story::Story;

use super::{
    super::{
        Edge, Fault, Problem, ProblemKind,
        caller::{Oneself, Unread},
        object::objects,
        openapi::{BodyRefusals, UnknownDecision},
        read::Read,
        reply,
        words::ItemName,
    },
    decision::{OwnDiversity, OwnPlace, OwnWithheld},
    language::{self, InLanguage},
};
use crate::{
    domain::ItemId,
    rights::{Came, Name},
};

pub(in crate::http) use change::OwnWay;
pub(in crate::http) use story::{OwnReasoned, OwnRule, OwnUsed};

/// Which answer is to be explained: by `recommendation_id` or by `log`, one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"recommendation_id": "6f2c1f0e-8a4b-4e0e-9b51-0d4f2f6f3a11", "item": "tv-178"})))]
pub(in crate::http) struct ExplanationCall {
    /// The name of the answer.
    #[schema(value_type = Option<String>, format = "uuid")]
    recommendation_id: Option<Read<Uuid>>,
    /// Where the row of the decision stands in the log: found at once, however long ago it was.
    #[schema(inline = false)]
    log: Option<PlaceCall>,
    /// One item of the answer; all of them if absent.
    #[schema(value_type = Option<ItemName>)]
    item: Option<Read<ItemId>>,
}

/// A place in the log, as answers and decisions tell it.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct PlaceCall {
    /// Which log; the one that is being written if absent.
    #[schema(max_length = 256)]
    origin: Option<String>,
    /// The row, from 0.
    index: u64,
}

objects!(ExplanationCall, PlaceCall);

/// Why an answer was as it was.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "recommendation_id": "6f2c1f0e-8a4b-4e0e-9b51-0d4f2f6f3a11", "log": {"origin": "gw-1.example/2026h2", "index": 123},
    "at": "2026-11-22T03:00:00.000Z", "purpose": "recommend_products", "purpose_title": "맞춤 상품 추천", "recipient": "model",
    "tier": "individual", "outcome": "answered", "fault": null, "language": "ko",
    "items": [{"id": "tv-178", "rank": 1, "score": 0.93, "source": "model", "moved_by_diversity": false, "tags": ["tv"],
               "text": "추천 모델이 가명으로 구분된 이력과 이번에 받은 정보를 바탕으로 고른 상품입니다."}],
    "used": [{"category": "activity", "title": "보고, 사고, 평가한 내역", "sent_as": null,
              "text": "모델은 가명으로 받아 둔 이 내역을 바탕으로 후보를 고릅니다."}],
    "withheld": [], "procedure": ["동의와 정책을 확인했습니다. 동의하셨습니다."],
    "rules": [{"id": "individual-with-consent", "reason": "consented", "text": "동의하셨습니다.", "law": "PIPA 15(1)1; GDPR 6(1)(a)"}],
    "policy": "9f86d081884c7d65", "diversity": null,
    "ways": [{"action": "mute_item", "method": "PATCH", "path": "/v1/me/rules", "body": {"mutes": {"items": ["tv-178"]}},
              "text": "이 상품을 다시 보지 않습니다."}],
    "text": "…"
})))]
pub(in crate::http) struct OwnExplanation {
    /// The name of the answer.
    #[schema(value_type = String, format = "uuid")]
    recommendation_id: Uuid,
    /// Where the row of the decision stands in the log.
    log: OwnPlace,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// For which purpose.
    purpose: String,
    /// Its title; null for one that the catalogue no longer has.
    #[schema(required)]
    purpose_title: Option<String>,
    /// Who was asked for candidates; null where nobody was.
    #[schema(required)]
    recipient: Option<String>,
    /// How personal the answer was: `none`, `cohort` or `individual`.
    tier: String,
    /// How the decision ended; only one that is `answered` has items.
    outcome: &'static str,
    /// What went wrong, if something did.
    #[schema(required)]
    fault: Option<String>,
    /// The language of the texts.
    language: String,
    /// The items, or the one that was asked about, each with why it was there.
    items: Vec<OwnReasoned>,
    /// The kinds of data that were used, and their relation to the answer.
    used: Vec<OwnUsed>,
    /// The kinds of data that did not leave as they came.
    withheld: Vec<OwnWithheld>,
    /// What was considered, step by step.
    procedure: Vec<String>,
    /// The rules that decided how much of you could be used.
    rules: Vec<OwnRule>,
    /// The first 8 bytes, in hexadecimal, of the version of the policy.
    policy: String,
    /// What re-ranking did; null where there was nothing to rank.
    #[schema(required)]
    diversity: Option<OwnDiversity>,
    /// What you can do about it, each as the call that does it.
    ways: Vec<OwnWay>,
    /// All of it in plain words.
    text: String,
}

/// Have an answer explained
///
/// Per item of an answer that was made for you: where it came from, which kinds of data were used and how, what was
/// considered, which rules allowed it, and what you can do about it; as fields, and in plain words.
#[utoipa::path(
    post,
    path = "/v1/me/decisions/explain",
    operation_id = "explain_own_decision",
    tag = "Oneself",
    params(language::Wanted),
    request_body = ExplanationCall,
    responses(
        (status = 200, description = "Why the answer was as it was", body = OwnExplanation),
        UnknownDecision,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn explain(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    headers: HeaderMap,
    wanted: InLanguage,
    body: Unread,
) -> Result<Response, Problem> {
    let wanted = language::wanted(wanted)?;
    let call: ExplanationCall = body.json().await?;
    let (name, item) = (call.name()?, call.item.map(|item| item.0));
    let person = edge.ledger.person(handle).await?.ok_or_else(unknown)?;
    let decision = edge.rights.decision(&person, name).await?.ok_or_else(unknown)?;
    // The rules as they were, unless the version is gone.
    let ruled = edge.inspector.policy_version(decision.ruleset.clone()).await.ok();
    let bundle = edge.policies.snapshot();
    let language = language::choose(bundle.catalogue(), wanted.as_deref(), &headers);
    let story = Story {
        decision: &decision,
        catalogue: bundle.catalogue(),
        rules: ruled.as_ref().map_or(&[], |ruled| ruled.rules()),
        language,
    };
    let ways = Ways { story: &story, standing: &person.standing, now: edge.now() };
    let told = OwnExplanation::of(&story, &ways, item.as_ref())?;
    Ok(reply::json(StatusCode::OK, &told))
}

fn unknown() -> Problem {
    let detail = "It is not about you, or not among the rows that were looked at: the `log` of the answer finds it at once.";
    Problem::new(ProblemKind::UnknownDecision, detail)
}

impl ExplanationCall {
    fn name(&self) -> Result<Name, Problem> {
        match (&self.recommendation_id, &self.log) {
            (Some(id), None) => Ok(Name::Answer(id.0)),
            (None, Some(place)) => Ok(Name::Place(place.origin.clone(), place.index)),
            _ => {
                let rule = "name the answer by `recommendation_id` or by `log`, one of the two";
                Err(Problem::invalid(&[Fault::at("", rule)]))
            }
        }
    }
}

impl OwnExplanation {
    fn of(story: &Story<'_>, ways: &Ways<'_>, item: Option<&ItemId>) -> Result<Self, Problem> {
        let decision = story.decision;
        let items = story.items(item);
        if let (Some(_), [], Came::Answered { .. }) = (item, items.as_slice(), &decision.came) {
            return Err(Problem::invalid(&[Fault::at("/item", "is not in this answer")]));
        }
        let ways = ways.all(item);
        Ok(Self {
            recommendation_id: decision.name,
            log: OwnPlace::of(&decision.place),
            at: decision.at.rfc3339(),
            purpose: decision.purpose.clone(),
            purpose_title: story.purpose_title(),
            recipient: decision.recipient.clone(),
            tier: story.tier().to_owned(),
            outcome: decision.outcome().as_str(),
            fault: story.fault().map(str::to_owned),
            language: story.language.to_owned(),
            used: story.used(),
            withheld: story.withheld(),
            procedure: story.procedure(),
            rules: story.rules(),
            policy: decision.ruleset.clone(),
            diversity: story.answer().and_then(OwnDiversity::of),
            text: story.text(&items, &ways),
            items,
            ways,
        })
    }
}
