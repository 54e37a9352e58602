//! The purposes in force, with the notices to be shown.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Edge, Problem, ProblemKind,
    caller::{By, Gpc},
    openapi::Refusals,
    reply,
};
use crate::{
    consent::{ConsentError, Snapshot},
    domain::{CategoryId, PurposeId},
    policy::{Catalogue, Purpose},
};

/// Which language the notices are wanted in.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// A language tag such as `ko` or `en-GB`; where there is no text in it, the catalogue's first language is used.
    language: Option<String>,
}

/// The purposes in force.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"purposes": [{
    "id": "recommend_products", "title": "Product recommendations", "required": false, "basis": "consent",
    "categories": [{"id": "activity", "title": "What you viewed, bought and rated", "sensitive": false}],
    "notice": {"version": "1", "language": "en", "title": "Recommendations for you", "text": "…", "snapshot": "eyJ…"}
}]})))]
pub(super) struct Purposes<'a> {
    /// The purposes, in the catalogue's order.
    purposes: Vec<WirePurpose<'a>>,
}

/// What data are used for.
#[derive(Serialize, ToSchema)]
#[schema(as = Purpose)]
pub(super) struct WirePurpose<'a> {
    /// Its name in calls.
    #[schema(value_type = String)]
    id: &'a PurposeId,
    /// Its title, for people.
    title: &'a str,
    /// Whether the service cannot be given without it; then no consent is asked.
    required: bool,
    /// The legal basis: `consent`, `contract` or `legal_obligation`.
    basis: &'static str,
    /// The data categories it may use.
    categories: Vec<WireCategory<'a>>,
    /// What a person is to be shown before they decide.
    notice: WireNotice<'a>,
}

/// A kind of data.
#[derive(Serialize, ToSchema)]
#[schema(as = Category)]
pub(super) struct WireCategory<'a> {
    /// Its name in calls.
    #[schema(value_type = String)]
    id: &'a CategoryId,
    /// Its title, for people.
    title: &'a str,
    /// Whether it needs a consent that names it.
    sensitive: bool,
}

/// What a person is to be shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Notice)]
pub(super) struct WireNotice<'a> {
    /// The version of the text.
    version: &'a str,
    /// The language of the text.
    language: &'a str,
    /// The heading.
    title: &'a str,
    /// The text.
    text: &'a str,
    /// A signed token of what was shown, to be sent back when the person decides.
    snapshot: String,
}

/// List the purposes in force
///
/// Each purpose comes with the notice that a person is to be shown before they decide, and with a signed `snapshot` of
/// that notice: giving consent sends it back, so that it is on record what the person saw.
///
/// Any valid token may ask.
#[utoipa::path(
    get,
    path = "/v1/purposes",
    operation_id = "list_purposes",
    tag = "Consent",
    params(Wanted, ("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects, on a call with a person's own token")),
    responses((status = 200, description = "The purposes", body = Purposes), Refusals),
    security(("bearer" = []))
)]
pub(super) async fn list(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|_| {
        let detail = "The only parameter is `language`, such as ?language=ko.";
        Problem::new(ProblemKind::InvalidParameter, detail).with("name", "language")
    })?;
    if let Some(oneself) = caller.subject().filter(|_| signal) {
        let handle = edge.gateway.handle(caller.tenant(), oneself.clone())?;
        edge.ledger.heard(handle, signal).await?;
    }
    let bundle = edge.policies.snapshot();
    let catalogue = bundle.catalogue();
    let language = wanted.language.as_deref().unwrap_or_default();
    let told = |purpose| WirePurpose::of(&edge, catalogue, purpose, language);
    let purposes = catalogue.purposes().iter().map(told).collect::<Result<_, _>>()?;
    Ok(reply::json(StatusCode::OK, &Purposes { purposes }))
}

impl<'a> WirePurpose<'a> {
    fn of(
        edge: &Edge,
        catalogue: &'a Catalogue,
        purpose: &'a Purpose,
        language: &str,
    ) -> Result<Self, ConsentError> {
        let snapshot = Snapshot::of(purpose, language).sign(edge.ledger.signer())?;
        let (language, notice) = purpose.notice(language);
        let categories = catalogue.categories_of(purpose).map(|category| WireCategory {
            id: category.id(),
            title: category.title(language),
            sensitive: category.sensitive(),
        });
        Ok(Self {
            id: purpose.id(),
            title: purpose.title(language),
            required: purpose.required(),
            basis: purpose.basis().as_str(),
            categories: categories.collect(),
            notice: WireNotice {
                version: notice.version(),
                language,
                title: notice.title(),
                text: notice.text(),
                snapshot,
            },
        })
    }
}
