//! What anybody finds under `/.well-known/` (RFC 8615): the keys that receipts verify with, and that signals are honoured.

use axum::{extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Edge, Problem, openapi::Limits, reply};
use crate::{domain::Timestamp, policy::GpcEffect};

/// A new key or policy is seen within the hour.
const AN_HOUR: &str = "public, max-age=3600";

/// The keys that the gateway signs with, as a JWK Set (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"keys": [{
    "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA"
}]})))]
pub(super) struct Keys {
    /// The public keys.
    keys: Vec<Key>,
}

/// A public key (RFC 8037).
#[derive(Serialize, ToSchema)]
#[schema(as = Jwk)]
pub(super) struct Key {
    /// Always `OKP`.
    kty: String,
    /// Always `Ed25519`.
    crv: String,
    /// The key: 32 bytes in base64url without padding.
    x: String,
    /// Its name in the headers of receipts: the thumbprint of RFC 7638.
    kid: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
}

/// Read the gateway's public keys
///
/// What receipts and notices verify with, without the gateway.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "read_keys",
    tag = "Gateway",
    responses((status = 200, description = "The keys", body = Keys), Limits),
    security(())
)]
pub(super) async fn jwks(State(edge): State<Edge>) -> Response {
    let public = edge.ledger.signer().public();
    let jwk = public.jwk();
    let key = Key {
        kty: jwk.kty,
        crv: jwk.crv,
        x: jwk.x,
        kid: public.id().to_owned(),
        usage: "sig",
        alg: "EdDSA",
    };
    kept(reply::json(StatusCode::OK, &Keys { keys: vec![key] }))
}

/// Whether Global Privacy Control is honoured (W3C, the GPC support resource).
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"gpc": true, "lastUpdate": "2026-11-22"})))]
pub(super) struct GpcSupport {
    /// Whether the policy in force heeds the signal for at least one purpose.
    gpc: bool,
    /// The day on which that was last looked at: as configured, or that on which the policy came into force.
    #[serde(rename = "lastUpdate", skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    last_update: Option<String>,
}

/// Ask whether Global Privacy Control is honoured
///
/// `Sec-GPC: 1` on a call counts as the person's objection for each purpose that heeds it.
#[utoipa::path(
    get,
    path = "/.well-known/gpc.json",
    operation_id = "read_gpc_support",
    tag = "Gateway",
    responses((status = 200, description = "Whether it is", body = GpcSupport), Limits),
    security(())
)]
pub(super) async fn gpc(State(edge): State<Edge>) -> Result<Response, Problem> {
    let bundle = edge.policies.snapshot();
    let mut purposes = bundle.catalogue().purposes().iter();
    let gpc = purposes.any(|purpose| purpose.gpc() != GpcEffect::Ignored);
    let last_update = match edge.rights.gpc_last_update {
        Some(day) => Some(day.to_string()),
        None => edge.inspector.in_force_since().await?.map(day_of),
    };
    Ok(kept(reply::json(StatusCode::OK, &GpcSupport { gpc, last_update })))
}

/// The day of a moment, in UTC.
fn day_of(moment: Timestamp) -> String {
    moment.rfc3339().chars().take_while(|char| *char != 'T').collect()
}

fn kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(AN_HOUR));
    response
}
