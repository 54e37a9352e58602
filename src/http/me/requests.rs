//! What a person asks for by right.

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;

use super::super::{
    Edge, Fault, Problem,
    body::{JSON, parse},
    caller::{Oneself, Unread, oneself, only_about},
    keyed::{Keyed, RetryHeader, Said},
    openapi::{BodyRefusals, Conflicts, Refusals, Unlisted, Unrecorded},
    reply,
    requests::{
        asked, named,
        wire::{OwnRequest, OwnRequests, RightsRequest},
    },
};
use crate::rights::requests::{AskedBy, IdentityMethod, Proof};

/// Ask for something by right
///
/// What the gateway can do by itself it has done when the answer comes: a restriction pauses all use, an objection ends purposes
/// that rest on consent, a refusal of automated decisions keeps answers impersonal; access and portability say where to find
/// what is held; an erasure destroys your key, is told with its certificate, and ends what else you asked for. The rest is
/// answered by the controller, by `due_at` at the latest. The same asked again while it is open is the same request.
#[utoipa::path(
    post,
    path = "/v1/me/requests",
    operation_id = "request_by_right",
    tag = "Oneself",
    request_body = RightsRequest,
    params(RetryHeader),
    responses(
        (status = 202, description = "The request as it stands", body = OwnRequest),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn ask(
    State(edge): State<Edge>,
    Oneself { caller, handle }: Oneself,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.usual(JSON).await?;
    let mut call: RightsRequest = parse(&body)?;
    only_about(&oneself(&caller)?, call.subject.take().map(Into::into))?;
    if call.identity.is_some() {
        let rule = "can be stated by an app only: your token says who you are";
        return Err(Problem::invalid(&[Fault::at("/identity", rule)]));
    }
    let proof = Some(Proof { method: IdentityMethod::Token, verified_at: edge.now() });
    let attempt = key.attempt(&edge, &caller, &Said::of("POST /v1/me/requests", &body))?;
    let asked = asked(handle, (call, proof), AskedBy::Oneself, edge.now())?;
    let received = edge.rights.request(asked, attempt).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &OwnRequest::of(received.told, edge.now())))
}

/// See your requests
///
/// Each with its deadline and what was said and done.
#[utoipa::path(
    get,
    path = "/v1/me/requests",
    operation_id = "list_own_requests",
    tag = "Oneself",
    responses((status = 200, description = "Your requests", body = OwnRequests), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn list(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
) -> Result<Response, Problem> {
    let requests = edge.rights.requests_of(handle).await?;
    let now = edge.now();
    let requests = requests.into_iter().map(|told| OwnRequest::of(told, now)).collect();
    Ok(reply::json(StatusCode::OK, &OwnRequests { requests }))
}

/// See one of your requests
///
/// It can be read after an erasure too, without what was said.
#[utoipa::path(
    get,
    path = "/v1/me/requests/{id}",
    operation_id = "read_own_request",
    tag = "Oneself",
    params(("id" = String, Path, description = "The `id` of the answer to the request")),
    responses((status = 200, description = "Your request", body = OwnRequest), Unlisted, Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn read(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let told = edge.rights.request_of(handle, named(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &OwnRequest::of(told, edge.now())))
}

/// Take a request back
///
/// As long as it is open. What was done already stays done.
#[utoipa::path(
    post,
    path = "/v1/me/requests/{id}/cancel",
    operation_id = "cancel_own_request",
    tag = "Oneself",
    params(("id" = String, Path, description = "The `id` of the answer to the request")),
    responses(
        (status = 200, description = "Your request", body = OwnRequest), Unlisted, Conflicts, Unrecorded, Refusals
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn cancel(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let told = edge.rights.cancel_request(handle, named(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &OwnRequest::of(told, edge.now())))
}
