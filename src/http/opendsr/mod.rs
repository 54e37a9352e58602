//! OpenDSR 2.0, as processor: controllers hand requests over, ask how they stand and take them back.
//!
//! A controller is an app with the scope `rights`. Its token stands for what the protocol leaves open: who calls, and that
//! the controller has confirmed whom the request speaks for. Answers are signed; faults have the protocol's form, but those
//! of tokens and rates.

mod faults;
mod refuse;
mod sign;
mod wire;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;

pub(super) use self::faults::DsrFault;
use self::{
    faults::{BodyFaults, Faults, OpenFaults},
    refuse::{Refused, none},
    sign::{processor, signed},
    wire::{Cancelled, Created, DiscoveryAnswer, DsrRequest, DsrStatus, SupportedIdentity},
};
use super::{
    Edge, Problem,
    body::{JSON, parse},
    caller::{By, Unread},
    reply,
};
use crate::{
    auth::{Caller, Scope},
    retry::{Call, RetryKey, Who},
    rights::opendsr::{API_VERSION, OrderFrom, OrderId, Ordered, Processor},
};

/// The media type of certificates in PEM (RFC 8555 section 9.1).
const PEM: &str = "application/pem-certificate-chain";

/// Learn what this processor supports
///
/// For whoever is about to send requests, or verifies what was signed. There is nothing here unless the operator set
/// `[opendsr]`.
#[utoipa::path(
    get,
    path = "/opendsr/v2/discovery",
    operation_id = "discover_opendsr",
    tag = "OpenDSR",
    responses((status = 200, description = "What is supported", body = DiscoveryAnswer), OpenFaults),
    security(())
)]
pub(super) async fn discovery(State(edge): State<Edge>) -> Result<Response, Refused> {
    let processor = processor(&edge)?;
    let raw = |identity: &String| SupportedIdentity {
        identity_type: identity.clone(),
        identity_format: "raw",
    };
    let told = DiscoveryAnswer {
        api_version: API_VERSION,
        supported_identities: processor.identities.keys().map(raw).collect(),
        supported_subject_request_types: ["access", "portability", "erasure"],
        processor_certificate: format!("{}/opendsr/v2/certificate.pem", processor.url),
    };
    signed(processor, StatusCode::OK, &told)
}

/// Fetch the certificate that answers are signed with
///
/// X.509 in PEM, as OpenDSR's discovery names it.
#[utoipa::path(
    get,
    path = "/opendsr/v2/certificate.pem",
    operation_id = "read_opendsr_certificate",
    tag = "OpenDSR",
    responses(
        (status = 200, description = "The certificate", content_type = "application/pem-certificate-chain"), OpenFaults
    ),
    security(())
)]
pub(super) async fn certificate(State(edge): State<Edge>) -> Result<Response, Refused> {
    let pem = processor(&edge)?.certificate.clone();
    Ok(reply::typed(StatusCode::OK, PEM, pem.into()))
}

/// Hand over a person's request
///
/// The controller has confirmed whom it speaks for, unless `extensions` says `{"<our domain>": {"identity_verified": false}}`:
/// then it is `pending`, and nothing acts, until `POST /v1/rights/requests/{id}/identity` confirms each of its requests. What
/// the gateway can do by itself is done when the answer comes. The same body again under the same `subject_request_id` is
/// told the same; another one is refused. Each identity is a person.
#[utoipa::path(
    post,
    path = "/opendsr/v2/requests",
    operation_id = "create_opendsr_request",
    tag = "OpenDSR",
    request_body = DsrRequest,
    responses(
        (status = 201, description = "It is taken. Nobody may keep `encoded_request`: it holds ids of people", body = Created),
        BodyFaults,
    ),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn create(
    State(edge): State<Edge>,
    By(caller): By,
    body: Unread,
) -> Result<Response, Refused> {
    caller.require(Scope::Rights)?;
    let processor = processor(&edge)?;
    let body = body.usual(JSON).await?;
    let ordered = ordered(&edge, &caller, (processor, parse(&body)?), &body)?;
    let from = ordered.from.clone();
    let taken = edge.rights.take_order(ordered).await?;
    let created = Created {
        controller_id: &from.app,
        expected_completion_time: taken.progress.expected_by.rfc3339(),
        received_time: taken.received_at.rfc3339(),
        encoded_request: STANDARD.encode(&body),
        subject_request_id: from.id.to_string(),
        api_version: API_VERSION,
    };
    signed(processor, StatusCode::CREATED, &created)
}

/// Ask how a request stands
///
/// One that the calling app handed over. The protocol knows no refusal: it is `completed`, and `extensions` says under our
/// domain what it came to.
#[utoipa::path(
    get,
    path = "/opendsr/v2/requests/{id}",
    operation_id = "read_opendsr_request",
    tag = "OpenDSR",
    params(("id" = String, Path, description = "The `subject_request_id`")),
    responses((status = 200, description = "How it stands", body = DsrStatus), Faults),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn read(
    State(edge): State<Edge>,
    By(caller): By,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    caller.require(Scope::Rights)?;
    let processor = processor(&edge)?;
    let from = from(&caller, named(id)?);
    let taken = edge.rights.order_status(&from).await?;
    signed(processor, StatusCode::OK, &processor.told(&from, &taken))
}

/// Take a request back
///
/// As long as it is `pending`.
#[utoipa::path(
    delete,
    path = "/opendsr/v2/requests/{id}",
    operation_id = "cancel_opendsr_request",
    tag = "OpenDSR",
    params(("id" = String, Path, description = "The `subject_request_id`")),
    responses(
        (status = 202, description = "It is taken back", body = Cancelled), Faults
    ),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn cancel(
    State(edge): State<Edge>,
    By(caller): By,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    caller.require(Scope::Rights)?;
    let processor = processor(&edge)?;
    let from = from(&caller, named(id)?);
    edge.rights.cancel_order(&from).await?;
    let cancelled = Cancelled {
        controller_id: &from.app,
        received_time: edge.now().rfc3339(),
        subject_request_id: from.id.to_string(),
        api_version: API_VERSION,
    };
    signed(processor, StatusCode::ACCEPTED, &cancelled)
}

/// What `call`, sent as `body`, orders. Its identities end here.
fn ordered(
    edge: &Edge,
    caller: &Caller,
    (processor, call): (&Processor, DsrRequest),
    body: &[u8],
) -> Result<Ordered, Refused> {
    let from = from(caller, call.subject_request_id.0);
    let attempt = |name: String| {
        let key = RetryKey::parse(name.as_bytes()).map_err(|_| none())?;
        let who = caller.app().map(|app| Who::App(&app.id)).ok_or_else(none)?;
        let call = Call { who, route: "POST /opendsr/v2/requests", key: &key, body, signal: false };
        edge.gateway.attempt(caller.tenant(), &call).map_err(Problem::from)
    };
    let (right, law) = (call.subject_request_type.into(), call.law());
    let confirmed = call.is_confirmed(processor)?;
    let callbacks = call.callbacks(processor)?;
    let mut people = Vec::new();
    for (place, subject) in call.subjects(processor)?.into_iter().enumerate() {
        let handle = edge.gateway.handle(caller.tenant(), subject).map_err(Problem::from)?;
        people.push((handle, attempt(format!("{}/{place}", from.id))?));
    }
    let fingerprint = attempt(from.id.to_string())?.fingerprint();
    Ok(Ordered { from, right, law, people, confirmed, callbacks, fingerprint })
}

fn from(caller: &Caller, id: OrderId) -> OrderFrom {
    let app = caller.app().map(|app| app.id.as_str().to_owned()).unwrap_or_default();
    OrderFrom { id, tenant: caller.tenant().as_str().to_owned(), app }
}

/// The order that a path names. What is no name of one names none.
fn named(id: Result<Path<String>, PathRejection>) -> Result<OrderId, Problem> {
    id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(none)
}
