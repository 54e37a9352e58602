//! The kill switches of apps and recipients.

use axum::{Router, extract::State, response::Response, routing::get};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Fault, Problem,
    caller::Unread,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    operator::{ByOperator, OperatorEdge},
    reply,
};
use crate::{
    domain::{AppId, InvalidId, RecipientId, Timestamp},
    operate::{SwitchState, Target},
};

/// What has a switch.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// An app: off, its calls are refused.
    App,
    /// A recipient: off, nothing is written to it.
    Recipient,
}

/// How a switch is to stand.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Position {
    Off,
    On,
}

/// A switch and how it is to stand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"kind": "recipient", "name": "model", "state": "off"})))]
pub(in crate::http) struct SwitchCall {
    #[schema(inline)]
    kind: Kind,
    /// The app's or recipient's name in the configuration.
    name: String,
    #[schema(inline)]
    state: Position,
}

/// How a switch stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Switch, examples(json!({"kind": "recipient", "name": "model", "state": "off", "since": "2026-11-22T03:00:00Z"})))]
pub(in crate::http) struct WireSwitch {
    /// `app` or `recipient`.
    kind: &'static str,
    /// Its name in the configuration.
    name: String,
    /// `off` or `on`.
    state: &'static str,
    /// Since when it is off.
    since: Option<String>,
}

/// Every switch.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SwitchList {
    /// Apps first.
    switches: Vec<WireSwitch>,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new().route("/v1/operate/switches", get(list).post(throw))
}

/// Ask which apps and recipients are off
#[utoipa::path(
    get,
    path = "/v1/operate/switches",
    operation_id = "list_switches",
    tag = "Operation",
    responses((status = 200, description = "Every app and recipient of the configuration", body = SwitchList), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn list(
    State(edge): State<OperatorEdge>,
    _by: ByOperator,
) -> Result<Response, Problem> {
    let switches = edge.controls.switches()?.into_iter().map(WireSwitch::from).collect();
    Ok(reply::json(StatusCode::OK, &SwitchList { switches }))
}

/// Switch an app or a recipient off or on
///
/// An app that is off gets 403 `app-off`. To a recipient that is off nothing is written from the answer of this call on:
/// what was being written has ended, calls that would have asked it are answered without anything personal and with the
/// fault `recipient_off`, and deletions that it owes wait. It stays so over a restart.
#[utoipa::path(
    post,
    path = "/v1/operate/switches",
    operation_id = "throw_switch",
    tag = "Operation",
    request_body = SwitchCall,
    responses(
        (status = 200, description = "How it stands, durable and in force", body = WireSwitch),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn throw(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let call: SwitchCall = body.json().await?;
    let target = match call.kind {
        Kind::App => AppId::parse(&call.name).map(Target::App),
        Kind::Recipient => RecipientId::parse(&call.name).map(Target::Recipient),
    };
    let wrong = |error: InvalidId| Problem::invalid(&[Fault::at("/name", error.to_string())]);
    let off = call.state == Position::Off;
    let state = edge.controls.switch(by, target.map_err(wrong)?, off).await?;
    Ok(reply::json(StatusCode::OK, &WireSwitch::from(state)))
}

impl From<SwitchState> for WireSwitch {
    fn from(state: SwitchState) -> Self {
        Self {
            kind: state.target.kind(),
            name: state.target.name().to_owned(),
            state: if state.off_since.is_some() { "off" } else { "on" },
            since: state.off_since.map(Timestamp::rfc3339),
        }
    }
}
