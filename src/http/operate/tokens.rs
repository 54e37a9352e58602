//! Revoked tokens.

use axum::{Router, extract::State, response::Response, routing::get};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Fault, Problem,
    caller::Unread,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    operator::{ByOperator, OperatorEdge},
    read::Read,
    reply,
};
use crate::{
    auth::TokenId,
    domain::{Timestamp, hex},
    operate::Revocation,
};

/// What is to be revoked: exactly one of `token`, `jti` and `kid`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"jti": "0d2c8a6e"}), json!({"kid": "k1", "before": "2026-11-22T03:00:00Z"})))]
pub(in crate::http) struct RevokeCall {
    /// A token, as it is sent. It must be one that this gateway accepts. It is not kept.
    token: Option<String>,
    /// A token's `jti`. It is not kept, only a hash of it.
    jti: Option<String>,
    /// With `jti`: when the token ends by itself, so that the record goes then. Without it, it is kept for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Read<Timestamp>>,
    /// A key's id: its tokens that were issued (`iat`) before `before`, or do not say when, are refused.
    kid: Option<String>,
    /// With `kid`: the moment, now if absent; not in the future.
    #[schema(value_type = Option<String>, format = DateTime)]
    before: Option<Read<Timestamp>>,
}

/// What is revoked: a token, or the tokens of a key from before a moment.
#[derive(Serialize, ToSchema)]
#[schema(as = Revocation, examples(json!({"token": "2bb80d537b1da3e38bd30361aa855686", "until": "2026-11-22T04:00:00Z"})))]
pub(in crate::http) struct WireRevocation {
    /// The first half of the SHA-256 of the token's `jti`, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// When the token ends by itself, and its record goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    /// Tokens of the key from before this moment are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// Everything that is revoked.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RevocationList {
    /// Tokens first.
    revoked: Vec<WireRevocation>,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new().route("/v1/operate/tokens", get(list).post(revoke))
}

/// Ask what is revoked
///
/// Tokens that have ended by themselves are not among them.
#[utoipa::path(
    get,
    path = "/v1/operate/tokens",
    operation_id = "list_revocations",
    tag = "Operation",
    responses((status = 200, description = "What is revoked", body = RevocationList), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn list(
    State(edge): State<OperatorEdge>,
    _by: ByOperator,
) -> Result<Response, Problem> {
    let revoked = edge.controls.revocations()?.into_iter().map(WireRevocation::from).collect();
    Ok(reply::json(StatusCode::OK, &RevocationList { revoked }))
}

/// Revoke tokens
///
/// From the answer of this call on they open nothing, also those that the gateway has verified before and remembers. It
/// stays so over a restart.
#[utoipa::path(
    post,
    path = "/v1/operate/tokens",
    operation_id = "revoke_tokens",
    tag = "Operation",
    request_body = RevokeCall,
    responses(
        (status = 200, description = "What is revoked, durable and in force", body = WireRevocation),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn revoke(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let call: RevokeCall = body.json().await?;
    let what = call.read(&edge)?;
    edge.controls.revoke(by, what.clone()).await?;
    Ok(reply::json(StatusCode::OK, &WireRevocation::from(what)))
}

impl RevokeCall {
    fn read(self, edge: &OperatorEdge) -> Result<Revocation, Problem> {
        let (until, before) = (self.until.map(|at| at.0), self.before.map(|at| at.0));
        let wrong = |at: &str, detail: &str| Problem::invalid(&[Fault::at(at, detail)]);
        match (self.token, self.jti, self.kid) {
            (Some(_), None, None) if until.is_some() => {
                Err(wrong("/until", "goes with `jti` alone: a token says itself when it ends"))
            }
            (_, _, None) if before.is_some() => Err(wrong("/before", "goes with `kid` alone")),
            (None, None, Some(_)) if until.is_some() => {
                Err(wrong("/until", "goes with `jti` alone"))
            }
            (Some(token), None, None) => edge.controls.token(token.trim()).map_err(|refused| {
                let detail = format!("must be a token that this gateway accepts: {refused}");
                Problem::invalid(&[Fault::at("/token", detail)])
            }),
            (None, Some(jti), None) if !jti.is_empty() => {
                Ok(Revocation::Token { id: TokenId::of(&jti), until })
            }
            (None, Some(_), None) => Err(wrong("/jti", "must not be empty")),
            (None, None, Some(kid)) => {
                let before = before.unwrap_or_else(|| edge.controls.now());
                Ok(Revocation::Before { kid, before })
            }
            _ => Err(wrong("", "must name exactly one of `token`, `jti` and `kid`")),
        }
    }
}

impl From<Revocation> for WireRevocation {
    fn from(revocation: Revocation) -> Self {
        let nothing = Self { token: None, until: None, kid: None, before: None };
        match revocation {
            Revocation::Token { id, until } => Self {
                token: Some(hex(&id.bytes())),
                until: until.map(Timestamp::rfc3339),
                ..nothing
            },
            Revocation::Before { kid, before } => {
                Self { kid: Some(kid), before: Some(before.rfc3339()), ..nothing }
            }
        }
    }
}
