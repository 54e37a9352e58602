//! What people ask for by right, as apps carry it to the gateway on their behalf.

mod refuse;
pub(super) mod wire;
mod words;

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;

use wire::{Confirmation, RequestStatus, RightsRequest};

use super::{
    Edge, Fault, Problem, ProblemKind,
    body::{JSON, parse},
    caller::{By, Unread},
    keyed::{Keyed, RetryHeader, Said},
    openapi::{BodyRefusals, Conflicts, Refusals, Unlisted, Unrecorded},
    reply,
};
use crate::{
    auth::{Caller, Scope},
    domain::Timestamp,
    gateway::Handle,
    rights::requests::{Asked, AskedBy, Proof, RequestId},
};

/// Ask for something on a person's behalf
///
/// With `identity`, it is worked on at once; without, it waits as `received`, and nothing acts, until
/// `POST /v1/rights/requests/{id}/identity` confirms whom it speaks for. Its time runs from the receipt in either case. The same
/// asked again while it is open is the same request. Of somebody of whom nothing is held, `held` says so, and nobody comes to be
/// known.
#[utoipa::path(
    post,
    path = "/v1/rights/requests",
    operation_id = "request_for_a_person",
    tag = "Rights",
    request_body = RightsRequest,
    params(RetryHeader),
    responses(
        (status = 202, description = "The request as it stands", body = RequestStatus),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn ask(
    State(edge): State<Edge>,
    By(caller): By,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Rights)?;
    let body = body.usual(JSON).await?;
    let mut call: RightsRequest = parse(&body)?;
    let Some(subject) = call.subject.take() else {
        return Err(Problem::invalid(&[Fault::at("", "`subject` is missing")]));
    };
    let proof = call.identity.take().map(|identity| identity.proof());
    let attempt = key.attempt(&edge, &caller, &Said::of("POST /v1/rights/requests", &body))?;
    let handle = edge.gateway.handle(caller.tenant(), subject.into())?;
    let asked = asked(handle, (call, proof), by_app(&caller), edge.now())?;
    let received = edge.rights.request(asked, attempt).await?;
    let status = RequestStatus::of(&received.told.docket, edge.now());
    Ok(reply::json(StatusCode::ACCEPTED, &status))
}

/// Ask how a request stands
///
/// One that the calling app sent. What the person said and what they are told is theirs to read, under `/v1/me/requests`.
#[utoipa::path(
    get,
    path = "/v1/rights/requests/{id}",
    operation_id = "read_request",
    tag = "Rights",
    params(("id" = String, Path, description = "The `id` of the answer to the request")),
    responses(
        (status = 200, description = "The request as it stands", body = RequestStatus), Unlisted, Refusals
    ),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn read(
    State(edge): State<Edge>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Rights)?;
    let docket = edge.rights.app_request(&by_app(&caller), named(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &RequestStatus::of(&docket, edge.now())))
}

/// Confirm that a request speaks for the person
///
/// From then on it is worked on, and what the gateway can do by itself is done when the answer comes. The person named must be
/// the one that the request is about. Confirming again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/rights/requests/{id}/identity",
    operation_id = "confirm_request",
    tag = "Rights",
    params(("id" = String, Path, description = "The `id` of the answer to the request")),
    request_body = Confirmation,
    responses(
        (status = 200, description = "The request as it stands", body = RequestStatus),
        Unlisted,
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn identify(
    State(edge): State<Edge>,
    By(caller): By,
    Path(id): Path<String>,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Rights)?;
    let call: Confirmation = body.json().await?;
    let handle = edge.gateway.handle(caller.tenant(), call.subject.into())?;
    let request = (named(&id)?, &by_app(&caller));
    let docket = edge.rights.identify_request(request, handle, call.identity.proof()).await?;
    Ok(reply::json(StatusCode::OK, &RequestStatus::of(&docket, edge.now())))
}

/// Take a request back
///
/// One that the calling app sent and that is still open.
#[utoipa::path(
    post,
    path = "/v1/rights/requests/{id}/cancel",
    operation_id = "cancel_request",
    tag = "Rights",
    params(("id" = String, Path, description = "The `id` of the answer to the request")),
    responses(
        (status = 200, description = "The request as it stands", body = RequestStatus),
        Unlisted,
        Conflicts,
        Unrecorded,
        Refusals,
    ),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn cancel(
    State(edge): State<Edge>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Rights)?;
    let docket = edge.rights.cancel_app_request(&by_app(&caller), named(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &RequestStatus::of(&docket, edge.now())))
}

/// The request that `call` makes about the person of `handle`.
pub(super) fn asked(
    handle: Handle,
    (call, proof): (RightsRequest, Option<Proof>),
    by: AskedBy,
    now: Timestamp,
) -> Result<Asked, Problem> {
    Ok(Asked {
        handle,
        right: call.right.into(),
        law: call.regulation.as_ref().map(|law| law.0.0.clone()),
        wanted: call.wanted(now)?,
        proof,
        by,
    })
}

/// The request that a path names. What is no name of one names none.
pub(super) fn named(id: &str) -> Result<RequestId, Problem> {
    let none = |_| Problem::new(ProblemKind::NotFound, "There is no such request of yours.");
    id.parse().map_err(none)
}

fn by_app(caller: &Caller) -> AskedBy {
    let tenant = caller.tenant().as_str().to_owned();
    let app = caller.app().map(|app| app.id.as_str().to_owned()).unwrap_or_default();
    AskedBy::App { tenant, app }
}
