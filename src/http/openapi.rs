//! The OpenAPI 3.1 document, gathered from the handlers and the wire types.

mod links;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{
    IntoResponses, Modify, OpenApi, ToSchema,
    openapi::{
        Content, Ref, RefOr, Response, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    Problem, audit, certificates, consents, events, guardians, items, linking, log, me, opendsr,
    purposes, recommend, requests, status, well_known,
};

/// The document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Consentry",
        description = "A privacy-first, consent-aware personalization gateway. An app sends its recommendation call here instead of to the model; the person's consent decides, on that call, what the model gets to see.\n\nEvery refusal is a problem document (RFC 9457) that says what to change. Times are RFC 3339. Ids of people stand in bodies and tokens, never in URLs."
    ),
    paths(
        recommend::recommend, recommend::preview, recommend::batch, events::track, items::put_all, items::put_one,
        purposes::list, consents::act, consents::query, consents::mine,
        linking::link, linking::unlink, linking::mine, guardians::guard, guardians::unguard,
        me::view::mine, me::decisions::mine, me::explain::explain, me::export::mine, me::export::encrypted,
        me::export::schema, me::receipts::mine,
        me::rules::read, me::rules::change, me::reset::reset, me::reset::undo, me::forget::forget,
        me::erasure::erase, certificates::mine, certificates::one,
        me::requests::ask, me::requests::list, me::requests::read, me::requests::cancel,
        requests::ask, requests::read, requests::identify, requests::cancel,
        opendsr::discovery, opendsr::certificate, opendsr::create, opendsr::read, opendsr::cancel,
        audit::entries::read, audit::policies::read, audit::table::read, audit::requests::read, audit::processing::read,
        log::checkpoint, log::cosigned, log::retention, log::tile, log::vocabulary, log::shards, log::of_shard,
        well_known::jwks, well_known::gpc, status::health, status::describe, status::reference, status::problem
    ),
    components(schemas(
        ProblemDocument, opendsr::DsrFault, audit::words::LogWord, audit::words::PolicyVersionName, audit::words::Cursor,
        audit::words::EventWord, audit::entries::OrderWord
    )),
    tags(
        (name = "Recommendations", description = "Ask for items"),
        (name = "Events", description = "Say what people did"),
        (name = "Items", description = "Describe what can be recommended"),
        (name = "Consent", description = "Show notices, record consents, ask where people stand"),
        (name = "Oneself", description = "What a person sees and sets with their own token"),
        (name = "Rights", description = "What an app does for people's rights"),
        (name = "OpenDSR", description = "What a controller hands over, by OpenDSR 2.0"),
        (name = "Log", description = "What an auditor verifies with tools that are not the gateway's"),
        (name = "Audit", description = "What an auditor reads, each read on record"),
        (name = "Gateway", description = "The gateway itself"),
    ),
    modifiers(&Bearer, &Links)
)]
struct Document;

/// How a token is shown.
pub(super) struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "A JWT with `iss`, `aud`, `exp`, `sub`, `scope` and `jti`, signed with a key that the operator configured. \
                 Apps hold the scopes `recommend`, `events`, `catalog`, `consent` and `rights`; `sub` is the app. A person \
                 holds `self`; `sub` is their id. An auditor holds `audit:read`. Kinds of scopes do not mix in one token.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

struct Links;

impl Modify for Links {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        links::add(document);
    }
}

/// A refusal (RFC 9457). Each `type` has members of its own.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "type": "/problems/invalid-body", "title": "The body does not have the form that this call takes", "status": 422,
    "detail": "/count: must be a whole number from 1 to 500 (line 1, column 44).",
    "errors": [{"pointer": "/count", "detail": "must be a whole number from 1 to 500", "line": 1, "column": 44}]
})))]
pub(super) struct ProblemDocument {
    /// A stable path that names the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The same words for each problem of the kind.
    title: String,
    /// The answer's status.
    status: u16,
    /// What is wrong with this call and what to change. No value of the call is repeated.
    detail: String,
}

/// What 503 says, whatever the reason: its `type` tells them apart.
const LATER: &str = "The gateway has no room for the call, the call took longer than it may, or the journal takes no records now: repeat it after `Retry-After`";

/// The answers that any call may get.
pub(super) struct Limits;

/// The answers of a call with a token.
pub(super) struct Refusals;

/// The answers of a call with a token and a body.
pub(super) struct BodyRefusals;

impl IntoResponses for Limits {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = all(&[("503", LATER)]);
        // The HTTP library says it, before there is a call: without a body.
        let text = "The head of the call is too large or has too many headers";
        responses.insert("431".to_owned(), ResponseBuilder::new().description(text).build().into());
        responses
    }
}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = Limits::responses();
        responses.extend(all(&[
            ("400", "A query parameter or header is not as this call takes it"),
            ("401", "There is no token, or it is not accepted: `reason` says why"),
            ("403", "The token does not allow this call: `needed` names the scope"),
            (
                "429",
                "The app calls more often than it may: `Retry-After`, `RateLimit` and `RateLimit-Policy` say when to go on",
            ),
            ("500", "Something failed inside the gateway"),
        ]));
        responses
    }
}

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = Refusals::responses();
        responses.extend(all(&[
            ("400", "The body is not UTF-8, not JSON, nested too deeply, or broke off"),
            ("408", "The body did not arrive in time"),
            ("413", "The body is larger than this call takes"),
            ("415", "The body is of another type"),
            (
                "422",
                "The body has not the form that this call takes: `errors` points at each place",
            ),
        ]));
        responses
    }
}

/// The answer of a call that follows on what is recorded.
pub(super) struct Conflicts;

impl IntoResponses for Conflicts {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all(&[(
            "409",
            "The call does not follow from what is recorded or configured: `type` says why",
        )])
    }
}

/// The answer of a call that records something.
pub(super) struct Unrecorded;

impl IntoResponses for Unrecorded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all(&[("503", LATER)])
    }
}

/// The answer of a call that has several forms.
pub(super) struct NotServed;

impl IntoResponses for NotServed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all(&[("406", "The call has no form that `Accept` allows: `available` lists those it has")])
    }
}

/// The answer of a call that names a decision.
pub(super) struct UnknownDecision;

impl IntoResponses for UnknownDecision {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all(&[("404", "No such decision about you is known")])
    }
}

/// The answer of a call that names something by its path.
pub(super) struct Unlisted;

impl IntoResponses for Unlisted {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all(&[("404", "There is nothing of this name")])
    }
}

fn all(statuses: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let response = |description: &str| {
        let schema = Ref::from_schema_name("ProblemDocument");
        let content = Content::new(Some(schema));
        ResponseBuilder::new()
            .description(description)
            .content(Problem::MEDIA_TYPE, content)
            .build()
            .into()
    };
    statuses.iter().map(|(status, text)| ((*status).to_owned(), response(text))).collect()
}
