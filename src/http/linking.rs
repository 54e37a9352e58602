//! The calls by which an app says that two ids are one person's, or are not any more.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Edge, Problem,
    caller::{By, Oneself, Unread},
    consents::ConsentStanding,
    object::objects,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    read::Subject,
    reply,
};
use crate::{
    auth::Scope,
    consent::{Guardian, LinkMethod, Person},
    domain::Timestamp,
};

/// Two ids of one person, and how the app knows.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({
    "subject": {"id": "user-4395"}, "alias": {"id": "0c1f…", "type": "device_id"}, "method": "login"
})))]
pub(in crate::http) struct NewLink {
    /// The person, by the id that stays: the account.
    #[schema(inline = false)]
    subject: Subject,
    /// The other id of the same person: the device.
    #[schema(inline = false)]
    alias: Subject,
    /// How the app knows.
    #[schema(inline = false)]
    method: LinkWord,
}

/// How an app knows that two ids are one person's.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum LinkWord {
    /// The person logged in to the account on the device.
    Login,
    /// The person typed on one a code that was sent to the other.
    Code,
    /// The person paired two devices that they held.
    Pairing,
    /// Staff checked the person's identity for both.
    Support,
}

/// Two ids that are no longer one person's.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"subject": {"id": "user-4395"}, "alias": {"id": "0c1f…", "type": "device_id"}})))]
pub(in crate::http) struct EndedLink {
    /// The person.
    #[schema(inline = false)]
    subject: Subject,
    /// The id that is to be one of its own again.
    #[schema(inline = false)]
    alias: Subject,
}

objects!(NewLink, EndedLink);

/// Link two ids of one person
///
/// A device before somebody logs in, an account after: from now on both name one person, with one standing, one pseudonym a
/// recipient and one history. A no that was said by either stands; of two agreements what both cover counts. What recipients
/// hold of the alias alone is deleted there. Withdrawal, rules and erasure by either id are about the person. Say it again, and
/// nothing changes.
#[utoipa::path(
    post,
    path = "/v1/links",
    operation_id = "link_ids",
    tag = "Consent",
    request_body = NewLink,
    responses(
        (status = 200, description = "The ids are one person's, who stands so", body = ConsentStanding),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["consent"]))
)]
pub(in crate::http) async fn link(
    State(edge): State<Edge>,
    By(caller): By,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Consent)?;
    let NewLink { subject, alias, method } = body.json().await?;
    let (subject, alias) = (
        edge.gateway.handle(caller.tenant(), subject.into())?,
        edge.gateway.handle(caller.tenant(), alias.into())?,
    );
    let method = match method {
        LinkWord::Login => LinkMethod::Login,
        LinkWord::Code => LinkMethod::Code,
        LinkWord::Pairing => LinkMethod::Pairing,
        LinkWord::Support => LinkMethod::Support,
    };
    Ok(standing(&edge, &edge.ledger.link(subject, alias, method).await?))
}

/// Take a link back
///
/// The alias is an id of its own again and stands where it stood when it was linked, but for what the person has said no to
/// since.
#[utoipa::path(
    post,
    path = "/v1/links/remove",
    operation_id = "unlink_ids",
    tag = "Consent",
    request_body = EndedLink,
    responses(
        (status = 200, description = "The ids are two people's; the first stands so", body = ConsentStanding),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["consent"]))
)]
pub(in crate::http) async fn unlink(
    State(edge): State<Edge>,
    By(caller): By,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Consent)?;
    let EndedLink { subject, alias } = body.json().await?;
    let (subject, alias) = (
        edge.gateway.handle(caller.tenant(), subject.into())?,
        edge.gateway.handle(caller.tenant(), alias.into())?,
    );
    Ok(standing(&edge, &edge.ledger.unlink(subject, alias).await?))
}

/// The ids that you are known by, and who acts for you.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"links": [{"since": "2026-11-22T00:00:00.000Z", "method": "login"}], "guardian": null})))]
pub(in crate::http) struct OwnLinks {
    /// The other ids; the gateway does not know them, so it says when and how the app came to know of each.
    links: Vec<OwnLink>,
    /// Who acts for you while you are under 14.
    #[schema(required)]
    guardian: Option<OwnGuardian>,
}

/// Another id of yours.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnLink {
    /// Since when it is yours.
    #[schema(format = DateTime)]
    since: String,
    /// How the app knew: `login`, `code`, `pairing` or `support`.
    #[schema(example = "login")]
    method: &'static str,
}

/// Who acts for you.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnGuardian {
    /// How their agreement was verified.
    #[schema(example = "text_message")]
    method: &'static str,
    /// When it was.
    #[schema(format = DateTime)]
    verified_at: String,
    /// Until when they act: the day on which you turn 14.
    #[schema(required, format = DateTime)]
    until: Option<String>,
}

/// See your links
///
/// How many other ids you are known by, since when, and how the app knew; and who acts for you while you are a child.
#[utoipa::path(
    get,
    path = "/v1/me/links",
    operation_id = "read_own_links",
    tag = "Oneself",
    responses((status = 200, description = "Your links", body = OwnLinks), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn mine(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
) -> Result<Response, Problem> {
    let person = edge.ledger.person(handle).await?;
    let standing = person.as_ref().map(|person| &person.standing);
    let links = standing.into_iter().flat_map(|standing| &standing.links);
    let own = |guardian: &Guardian| OwnGuardian {
        method: guardian.check.as_str(),
        verified_at: guardian.verified_at.rfc3339(),
        until: standing.and_then(|standing| standing.under_14_until).map(Timestamp::rfc3339),
    };
    let links = OwnLinks {
        links: links
            .map(|link| OwnLink { since: link.at.rfc3339(), method: link.method.as_str() })
            .collect(),
        guardian: standing.and_then(|standing| standing.guardian.as_ref()).map(own),
    };
    Ok(reply::json(StatusCode::OK, &links))
}

fn standing(edge: &Edge, person: &Person) -> Response {
    let bundle = edge.policies.snapshot();
    reply::json(StatusCode::OK, &ConsentStanding::of(&bundle, Some(person), &[], edge.now()))
}
