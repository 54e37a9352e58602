//! The operator's queue of what people ask for by right.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Fault, Problem,
    caller::Unread,
    object::objects,
    openapi::{BodyRefusals, Conflicts, Refusals, Unlisted, Unrecorded},
    operator::{ByOperator, OperatorEdge},
    read::Read,
    reply,
    requests::{
        named,
        wire::{OwnRequest, RequestStatus, Words},
    },
};
use crate::rights::{clock::ExtensionReason, requests::RefusalReason};

/// The requests that wait for an answer.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RequestQueue {
    /// What is due first in front.
    requests: Vec<RequestStatus>,
}

/// An answer to a request.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"outcome": "completed", "text": "The birth year was corrected in the account too."})))]
pub(in crate::http) struct RequestAnswer {
    /// Whether what was asked for is done.
    #[schema(value_type = OutcomeWord)]
    outcome: OutcomeWord,
    /// Why it is refused; needed to refuse.
    #[schema(inline = false)]
    reason: Option<ReasonWord>,
    /// What the person is told, sealed under their key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4096)]
    text: Option<Read<Words>>,
}

/// What an answer says.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum OutcomeWord {
    /// It is done.
    Completed,
    /// It is refused.
    Refused,
}

/// Why a request is refused.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ReasonWord {
    /// It seems not to come from the person.
    SuspectedFraud,
    /// Who asks could not be confirmed.
    InsufficientVerification,
    /// Nobody is known by what was told.
    NoMatch,
    /// The law does not give what is asked for.
    ClaimNotCovered,
    /// The law named does not apply.
    OutsideJurisdiction,
    /// The same was asked again and again.
    TooManyRequests,
    /// Another reason, which the text states.
    Other,
}

/// An extension of a request's time.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"reason": "just_cause", "text": "We need the records of a second system."})))]
pub(in crate::http) struct RequestExtension {
    /// Why.
    #[schema(value_type = ExtensionWord)]
    reason: ExtensionWord,
    /// The new last day, where the law names no length.
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<Read<Date>>,
    /// What the person is told, sealed under their key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4096)]
    text: Option<Read<Words>>,
}

/// Why a request is put off.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ExtensionWord {
    /// It is complex.
    Complexity,
    /// There are many requests.
    NumberOfRequests,
    /// There is a just cause.
    JustCause,
}

objects!(RequestAnswer, RequestExtension);

/// Which requests are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Listing {
    #[serde(default)]
    state: Listed,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Listed {
    #[default]
    Open,
    All,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .route("/v1/operate/requests", get(list))
        .route("/v1/operate/requests/{id}", get(show))
        .route("/v1/operate/requests/{id}/answer", post(answer))
        .route("/v1/operate/requests/{id}/extend", post(extend))
}

/// See what people ask for and wait for
///
/// By what is due first. Nothing in it is about anybody: what was said is opened one request at a time.
#[utoipa::path(
    get,
    path = "/v1/operate/requests",
    operation_id = "list_requests",
    tag = "Operation",
    params(("state" = Option<String>, Query, description = "`open` for those that wait, as without it, or `all`")),
    responses((status = 200, description = "The queue", body = RequestQueue), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn list(
    State(edge): State<OperatorEdge>,
    _by: ByOperator,
    listing: Result<axum::extract::Query<Listing>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let wrong = |_| {
        let kind = super::super::ProblemKind::InvalidParameter;
        let problem = Problem::new(kind, "`state` is `open` or `all`, and there is no other.");
        problem.with("name", "state").with("known", ["open", "all"])
    };
    let listed = listing.map_err(wrong)?.0.state;
    let now = edge.controls.now();
    let requests = edge.controls.requests(listed == Listed::All).await?;
    let requests = requests.iter().map(|docket| RequestStatus::of(docket, now)).collect();
    Ok(reply::json(StatusCode::OK, &RequestQueue { requests }))
}

/// Open a request
///
/// With what the person said and was told. That it was opened, and by whom, is a row of the log before it is answered.
#[utoipa::path(
    get,
    path = "/v1/operate/requests/{id}",
    operation_id = "open_request",
    tag = "Operation",
    params(("id" = String, Path, description = "The request's `id`")),
    responses(
        (status = 200, description = "The request", body = OwnRequest), Unlisted, Unrecorded, Refusals
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn show(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let told = edge.controls.request(by, named(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &OwnRequest::of(told, edge.controls.now())))
}

/// Answer a request
///
/// Completes or refuses it. A request that nobody confirmed can be refused and not completed. A correction that waited for a
/// check is made by its completion. An erasure is not done by saying so: it is carried out, or the call refused.
#[utoipa::path(
    post,
    path = "/v1/operate/requests/{id}/answer",
    operation_id = "answer_request",
    tag = "Operation",
    params(("id" = String, Path, description = "The request's `id`")),
    request_body = RequestAnswer,
    responses(
        (status = 200, description = "The request as it stands", body = RequestStatus),
        Unlisted,
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn answer(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    Path(id): Path<String>,
    body: Unread,
) -> Result<Response, Problem> {
    let call: RequestAnswer = body.json().await?;
    let refused = match (call.outcome, call.reason) {
        (OutcomeWord::Completed, None) => None,
        (OutcomeWord::Refused, Some(reason)) => Some(RefusalReason::from(reason)),
        (OutcomeWord::Completed, Some(_)) => {
            return Err(Problem::invalid(&[Fault::at("/reason", "goes with a refusal only")]));
        }
        (OutcomeWord::Refused, None) => {
            return Err(Problem::invalid(&[Fault::at("", "`reason` is missing")]));
        }
    };
    let said = (refused, call.text.map(|text| text.0.0));
    let docket = edge.controls.answer_request(by, named(&id)?, said).await?;
    Ok(reply::json(StatusCode::OK, &RequestStatus::of(&docket, edge.controls.now())))
}

/// Put a request off
///
/// As often, as long and for such reasons as its law gives, before its last day has ended. The person sees why.
#[utoipa::path(
    post,
    path = "/v1/operate/requests/{id}/extend",
    operation_id = "extend_request",
    tag = "Operation",
    params(("id" = String, Path, description = "The request's `id`")),
    request_body = RequestExtension,
    responses(
        (status = 200, description = "The request as it stands", body = RequestStatus),
        Unlisted,
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn extend(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    Path(id): Path<String>,
    body: Unread,
) -> Result<Response, Problem> {
    let call: RequestExtension = body.json().await?;
    let reason = match call.reason {
        ExtensionWord::Complexity => ExtensionReason::Complexity,
        ExtensionWord::NumberOfRequests => ExtensionReason::NumberOfRequests,
        ExtensionWord::JustCause => ExtensionReason::JustCause,
    };
    let said = (reason, call.until.map(|day| day.0), call.text.map(|text| text.0.0));
    let docket = edge.controls.extend_request(by, named(&id)?, said).await?;
    Ok(reply::json(StatusCode::OK, &RequestStatus::of(&docket, edge.controls.now())))
}

impl From<ReasonWord> for RefusalReason {
    fn from(word: ReasonWord) -> Self {
        match word {
            ReasonWord::SuspectedFraud => Self::SuspectedFraud,
            ReasonWord::InsufficientVerification => Self::InsufficientVerification,
            ReasonWord::NoMatch => Self::NoMatch,
            ReasonWord::ClaimNotCovered => Self::ClaimNotCovered,
            ReasonWord::OutsideJurisdiction => Self::OutsideJurisdiction,
            ReasonWord::TooManyRequests => Self::TooManyRequests,
            ReasonWord::Other => Self::Other,
        }
    }
}
