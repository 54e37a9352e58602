//! A person's own erasure.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::{
    Edge, Fault, Problem,
    body::{JSON, parse},
    caller::{Oneself, Unread},
    keyed::{Keyed, RetryHeader, Said},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Unrecorded},
    recommend::Log,
    reply,
};
use crate::rights::{Answer, AnswerState, Erased, Erasure};

/// That you want to be erased.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"confirm": true}), json!({"confirm": true, "suppress": true})))]
pub(in crate::http) struct ErasureOrder {
    /// Must be true: it cannot be undone.
    confirm: bool,
    /// Whether imports about you are to be refused from then on. For that, a keyed hash of your id is kept, and the
    /// certificate says so. Only consent that you give anew lifts it.
    #[serde(default)]
    suppress: bool,
}

objects!(ErasureOrder);

/// An erasure that holds.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "state": "erased", "certificate": "67e55044-10b1-426f-9247-bb680e5fe0c8", "erased_at": "2026-11-22T03:00:00.000Z",
    "final_by": "2026-12-29T03:00:00.000Z", "log": {"origin": "gw-1.example/2026h2", "index": 123}, "durable": true,
    "recipients": [{"recipient": "recsys-eu", "domain": "shop", "generation": 0, "state": "pending"}], "suppressed": false
})))]
pub(in crate::http) struct ErasedAnswer<'a> {
    /// `erased`, or `unknown` where nobody is known by your id: then there was nothing to erase, and nothing was written.
    #[schema(example = "erased")]
    state: &'static str,
    /// The certificate's name: `GET /v1/me/certificates/{id}`. Keep it: nothing leads from you to it any more.
    #[schema(required, format = "uuid")]
    certificate: Option<String>,
    /// When.
    #[schema(required, format = DateTime)]
    erased_at: Option<String>,
    /// From when on no copy of a key opens anything of yours.
    #[schema(required, format = DateTime)]
    final_by: Option<String>,
    /// Where it stands in the log; null while it is not durable.
    #[schema(required)]
    log: Option<Log<'a>>,
    /// Whether it outlives a loss of power. One that is not durable yet holds all the same as long as the gateway runs;
    /// repeat it.
    durable: bool,
    /// What each recipient answered so far, for each pseudonym it may have seen.
    recipients: Vec<RecipientAnswer<'a>>,
    /// Whether imports about you are refused from now on.
    suppressed: bool,
}

/// What a recipient answered about one pseudonym.
#[derive(Serialize, ToSchema)]
struct RecipientAnswer<'a> {
    /// Who.
    recipient: &'a str,
    /// In which pseudonymisation domain.
    domain: &'a str,
    /// Which of your pseudonyms there, from 0.
    generation: u32,
    /// `pending`, `confirmed`, `unsupported` or `unanswered`.
    #[schema(example = "pending")]
    state: &'static str,
}

/// Be erased
///
/// Your key is destroyed, and with it all that opens with it; what you gave, set and did goes; each recipient is asked to
/// delete what it holds under every pseudonym that it may have seen, until it confirms or 30 days have passed. When the
/// answer comes, it holds: nothing about you leaves, from calls in flight neither. It cannot be undone. The certificate
/// shows it to anybody who has the log's public key.
#[utoipa::path(
    post,
    path = "/v1/me/erasure",
    operation_id = "erase_oneself",
    tag = "Oneself",
    request_body = ErasureOrder,
    params(RetryHeader),
    responses(
        (status = 200, description = "You are erased, and no recipient owes anything; or nobody is known by your id", body = ErasedAnswer),
        (status = 202, description = "You are erased. Recipients are being asked, or it is not durable yet: the journal takes no records now", body = ErasedAnswer),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn erase(
    State(edge): State<Edge>,
    Oneself { caller, handle }: Oneself,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.usual(JSON).await?;
    let order: ErasureOrder = parse(&body)?;
    if !order.confirm {
        return Err(Problem::invalid(&[Fault::at(
            "/confirm",
            "must be true: it cannot be undone",
        )]));
    }
    let attempt = key.attempt(&edge, &caller, &Said::of("POST /v1/me/erasure", &body))?;
    let erasure = Erasure { request: None, suppress: order.suppress };
    let erased = edge.rights.erase_once(handle, erasure, attempt).await?;
    let answer = erased.as_ref().map_or_else(ErasedAnswer::unknown, ErasedAnswer::of);
    let is_done = answer.certificate.is_none() || (answer.durable && answer.is_answered());
    let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(reply::json(status, &answer))
}

impl<'a> ErasedAnswer<'a> {
    fn unknown() -> Self {
        Self {
            state: "unknown",
            certificate: None,
            erased_at: None,
            final_by: None,
            log: None,
            durable: true,
            recipients: Vec::new(),
            suppressed: false,
        }
    }

    fn of(erased: &'a Erased) -> Self {
        let answer = |answer: &'a Answer| RecipientAnswer {
            recipient: answer.recipient.as_str(),
            domain: answer.domain.as_str(),
            generation: answer.generation,
            state: answer.state.as_str(),
        };
        Self {
            state: "erased",
            certificate: Some(Uuid::to_string(&erased.certificate)),
            erased_at: Some(erased.at.rfc3339()),
            final_by: Some(erased.final_by.rfc3339()),
            log: erased.place.as_ref().map(Log::of),
            durable: erased.place.is_some(),
            recipients: erased.recipients.iter().map(answer).collect(),
            suppressed: erased.suppressed,
        }
    }

    fn is_answered(&self) -> bool {
        self.recipients.iter().all(|answer| answer.state != AnswerState::Pending.as_str())
    }
}
