//! The calls by which an app says who acts for a child.

use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Edge, Fault, Problem,
    caller::{By, Unread},
    consents::turns_14,
    object::objects,
    openapi::{BodyRefusals, Conflicts, Unrecorded},
    read::{Read, Subject},
    reply,
};
use crate::{
    auth::Scope,
    consent::{Guardian, GuardianCheck},
    domain::Timestamp,
};

/// Who acts for a child, and how that was verified.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({
    "subject": {"id": "acct-7", "profile": "haru"}, "under_14_until": "2030-05-01", "guardian": {"id": "acct-7"},
    "verification": {"method": "text_message", "verified_at": "2026-11-22T00:00:00Z"}
})))]
pub(in crate::http) struct NewGuardian {
    /// The child.
    #[schema(inline = false)]
    subject: Subject,
    /// The day on which the child turns 14, unless the gateway was told before; the latest that was said counts.
    #[schema(value_type = Option<String>, format = Date)]
    under_14_until: Option<Read<Date>>,
    /// The guardian.
    #[schema(inline = false)]
    guardian: Subject,
    /// How it was verified that the guardian agrees.
    #[schema(inline = false)]
    verification: Verification,
}

/// How a guardian's agreement was verified (Enforcement Decree of PIPA, article 17-2(1)).
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct Verification {
    /// By which of the ways that the decree names.
    #[schema(inline = false)]
    method: CheckWord,
    /// When, as RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    verified_at: Read<Timestamp>,
}

/// The ways of verification that the decree names.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum CheckWord {
    /// Agreed on a page, confirmed by a text message to the guardian's telephone.
    TextMessage,
    /// Agreed on a page with the details of the guardian's card.
    Card,
    /// Agreed on a page, the guardian's identity verified by their telephone.
    PhoneIdentity,
    /// A signed sheet, handed over, sent by post or by fax.
    SignedSheet,
    /// An e-mail that was answered.
    Email,
    /// A call.
    Call,
    /// Another way that shows as much.
    Other,
}

/// Whose guardian goes.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"subject": {"id": "acct-7", "profile": "haru"}})))]
pub(in crate::http) struct EndedGuardian {
    /// The child.
    #[schema(inline = false)]
    subject: Subject,
}

objects!(NewGuardian, Verification, EndedGuardian);

/// Until when a guardian acts.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"until": "2030-05-01T12:00:00.000Z"})))]
pub(in crate::http) struct Guarded {
    /// The child's fourteenth birthday, when it has begun everywhere.
    #[schema(format = DateTime)]
    until: String,
}

/// Record a child's guardian
///
/// Until the child is 14, the guardian agrees for them: `"guardian": true` in an act of the app's, or a token whose `sub` is the
/// child and whose `act.sub` is the guardian (RFC 8693). What a guardian agrees to ends when the child turns 14, who is asked anew.
#[utoipa::path(
    post,
    path = "/v1/guardians",
    operation_id = "record_guardian",
    tag = "Consent",
    request_body = NewGuardian,
    responses(
        (status = 200, description = "The guardian acts for the child", body = Guarded),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["consent"]))
)]
pub(in crate::http) async fn guard(
    State(edge): State<Edge>,
    By(caller): By,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Consent)?;
    let NewGuardian { subject, under_14_until, guardian, verification } = body.json().await?;
    let until =
        under_14_until.map(|day| turns_14(day.0, edge.now(), "/under_14_until")).transpose()?;
    if verification.verified_at.0 > edge.latest() {
        let fault = Fault::at("/verification/verified_at", "must not lie in the future");
        return Err(Problem::invalid(&[fault]));
    }
    let guardian = Guardian {
        handle: edge.gateway.handle(caller.tenant(), guardian.into())?,
        check: verification.method.into(),
        verified_at: verification.verified_at.0,
    };
    let until = edge
        .ledger
        .guard(edge.gateway.handle(caller.tenant(), subject.into())?, guardian, until)
        .await?;
    Ok(reply::json(StatusCode::OK, &Guarded { until: until.rfc3339() }))
}

/// End a guardianship
///
/// Nobody acts for the person any more. What was agreed to for them stays until it is withdrawn or ends.
#[utoipa::path(
    post,
    path = "/v1/guardians/remove",
    operation_id = "remove_guardian",
    tag = "Consent",
    request_body = EndedGuardian,
    responses(
        (status = 204, description = "Nobody acts for the person"),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["consent"]))
)]
pub(in crate::http) async fn unguard(
    State(edge): State<Edge>,
    By(caller): By,
    body: Unread,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Consent)?;
    let EndedGuardian { subject } = body.json().await?;
    edge.ledger.unguard(edge.gateway.handle(caller.tenant(), subject.into())?).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CheckWord> for GuardianCheck {
    fn from(word: CheckWord) -> Self {
        match word {
            CheckWord::TextMessage => Self::TextMessage,
            CheckWord::Card => Self::Card,
            CheckWord::PhoneIdentity => Self::PhoneIdentity,
            CheckWord::SignedSheet => Self::SignedSheet,
            CheckWord::Email => Self::Email,
            CheckWord::Call => Self::Call,
            CheckWord::Other => Self::Other,
        }
    }
}
