//! Beginning anew, and going back.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Edge, Problem,
    body::{JSON, parse},
    caller::{Oneself, Unread},
    keyed::{Keyed, RetryHeader, Said},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Unrecorded},
    read::{Read, Whole},
    recommend::Log,
    refuse, reply,
    words::PurposeName,
};
use crate::{
    consent::{Own, ResetDone, Resetting, Undone},
    domain::{PurposeId, RecipientId},
};

/// A reset that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"purpose": "recommend_products", "undo_within_hours": 48})))]
pub(in crate::http) struct ResetAct {
    /// For which purpose; for all if left out. A recipient that serves it together with others knows one pseudonym for all
    /// of them, and starts fresh for all of them.
    #[schema(value_type = Option<PurposeName>)]
    purpose: Option<Read<PurposeId>>,
    /// For how many hours it can be undone; as the operator set it if left out, 7 days unless they said otherwise. With 0
    /// what is left behind is deleted at once.
    #[schema(value_type = Option<u16>, minimum = 0, maximum = 720)]
    undo_within_hours: Option<Whole<0, 720>>,
}

/// An undoing: an empty object.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({})))]
pub(in crate::http) struct UndoAct {}

objects!(ResetAct, UndoAct);

/// A reset that was done.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epoch": 12, "undo_until": "2026-11-29T03:00:00.000Z", "purposes": ["recommend_products"], "recipients": ["recsys-eu"],
    "log": {"origin": "gw-1.example/2026h2", "index": 123}
})))]
pub(in crate::http) struct ResetTold<'a> {
    /// Which act of yours it was.
    epoch: u32,
    /// Until when it can be undone. Then what was left behind is deleted, and recipients are asked to delete it.
    #[schema(format = DateTime)]
    undo_until: String,
    /// For which purposes what was held is no longer used.
    #[schema(value_type = Vec<String>)]
    purposes: &'a [PurposeId],
    /// Who sees another pseudonym from now on. Until the window closes they still hold what they were told under the one
    /// before.
    #[schema(value_type = Vec<String>)]
    recipients: Vec<&'a str>,
    /// Where it stands in the log.
    log: Log<'a>,
}

/// A reset that was undone.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epoch": 13, "of": "2026-11-22T03:00:00.000Z", "purposes": ["recommend_products"], "recipients": ["recsys-eu"],
    "log": {"origin": "gw-1.example/2026h2", "index": 140}
})))]
pub(in crate::http) struct UndoTold<'a> {
    /// Which act of yours it was.
    epoch: u32,
    /// When the reset was done.
    #[schema(format = DateTime)]
    of: String,
    /// For which purposes what was held before is used again. What was held since the reset is deleted.
    #[schema(value_type = Vec<String>)]
    purposes: &'a [PurposeId],
    /// Who sees the pseudonym of before again, and is asked to delete what came under the one since.
    #[schema(value_type = Vec<String>)]
    recipients: Vec<&'a str>,
    /// Where it stands in the log.
    log: Log<'a>,
}

/// Begin anew
///
/// At once, recipients see another pseudonym of yours, and nothing that was held before is used. Consents and rules stay.
/// Until `undo_until` you can go back; then what was left behind is deleted here, and asked to be deleted at recipients.
#[utoipa::path(
    post,
    path = "/v1/me/reset",
    operation_id = "reset_own",
    tag = "Oneself",
    request_body = ResetAct,
    params(RetryHeader),
    responses(
        (status = 200, description = "You begin anew", body = ResetTold),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn reset(
    State(edge): State<Edge>,
    Oneself { caller, handle }: Oneself,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.usual(JSON).await?;
    let ResetAct { purpose, undo_within_hours } = parse(&body)?;
    let purpose = purpose.map(|purpose| purpose.0);
    let bundle = edge.policies.snapshot();
    if let Some(purpose) = &purpose {
        refuse::unless_known(bundle.catalogue(), bundle.renamed(purpose))?;
    }
    let hours = undo_within_hours.map(|Whole(hours)| Duration::from_secs(hours * 60 * 60));
    let within = hours.unwrap_or(edge.rights.undo_within);
    let attempt = key.attempt(&edge, &caller, &Said::of("POST /v1/me/reset", &body))?;
    let done = edge.ledger.reset(handle, Resetting { purpose, within }, attempt).await?;
    Ok(reply::json(StatusCode::OK, &ResetTold::of(&done)))
}

/// Undo your latest reset
///
/// Recipients see the pseudonym of before again, and what was held before is used again. What came since the reset is
/// deleted, at recipients too. Refused once its window has closed.
#[utoipa::path(
    post,
    path = "/v1/me/reset/undo",
    operation_id = "undo_own_reset",
    tag = "Oneself",
    request_body = UndoAct,
    params(RetryHeader),
    responses(
        (status = 200, description = "You are where you were before the reset", body = UndoTold),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn undo(
    State(edge): State<Edge>,
    Oneself { caller, handle }: Oneself,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.usual(JSON).await?;
    let UndoAct {} = parse(&body)?;
    let attempt = key.attempt(&edge, &caller, &Said::of("POST /v1/me/reset/undo", &body))?;
    let undone = edge.ledger.undo_reset(handle, attempt).await?;
    Ok(reply::json(StatusCode::OK, &UndoTold::of(&undone)))
}

impl<'a> ResetTold<'a> {
    fn of(own: &'a Own<ResetDone>) -> Self {
        let ResetDone { undo_until, purposes, recipients, .. } = &own.what;
        Self {
            epoch: own.epoch.0,
            undo_until: undo_until.rfc3339(),
            purposes,
            recipients: recipients.iter().map(RecipientId::as_str).collect(),
            log: Log::of(&own.place),
        }
    }
}

impl<'a> UndoTold<'a> {
    fn of(own: &'a Own<Undone>) -> Self {
        let Undone { of, purposes, recipients } = &own.what;
        Self {
            epoch: own.epoch.0,
            of: of.rfc3339(),
            purposes,
            recipients: recipients.iter().map(RecipientId::as_str).collect(),
            log: Log::of(&own.place),
        }
    }
}
