//! What a call would disclose, before it is made.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::Withheld,
    ask::{RecommendationCall, Who},
};
use crate::{
    auth::Scope,
    domain::{CategoryId, RecipientId, SubjectRef, Tier},
    gateway::{Previewed, TierPreview, Viewer},
    http::{
        Edge, Problem,
        body::{JSON, parse},
        caller::{By, Gpc, Unread, oneself_or, only_about},
        openapi::{BodyRefusals, Conflicts},
        reply,
    },
    policy::ReasonCode,
};

/// What a call would disclose.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "recipient": "shop-model", "tier": "individual",
    "tiers": [{"tier": "individual", "granted": true, "reasons": ["consented"],
               "request": {"method": "POST", "path": "/recommend",
                           "headers": [{"name": "content-type", "value": "application/json"}],
                           "body": "{\"user\":\"p00000000000000000000000000\",\"count\":50}"},
               "used": ["activity"],
               "withheld": [{"category": "location", "reason": "not_consented", "sent_as": null}]}]
})))]
pub(in crate::http) struct Preview<'a> {
    /// Who would receive it; null where the call has `candidates` of its own, of which no model hears.
    #[schema(required, value_type = Option<String>)]
    recipient: Option<&'a RecipientId>,
    /// The tier at which the call would be answered.
    #[schema(value_type = String, example = "individual")]
    tier: Tier,
    /// Each tier, least intrusive first.
    tiers: Vec<PreviewedTier<'a>>,
}

/// What a call would disclose at one tier.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PreviewedTier<'a> {
    /// Which tier.
    #[schema(value_type = String, example = "individual")]
    tier: Tier,
    /// Whether the call could be answered at it.
    granted: bool,
    /// Why, or why not: stable codes.
    #[schema(value_type = Vec<String>)]
    reasons: &'a [ReasonCode],
    /// What would be sent; null where the tier is not granted, and where no model is asked.
    #[schema(required)]
    request: Option<OutboundRequest<'a>>,
    /// The data categories that would leave.
    #[schema(value_type = Vec<String>)]
    used: &'a [CategoryId],
    /// The data categories that would not leave as they were sent.
    withheld: Vec<Withheld<'a>>,
}

/// A request to a model, as it would be sent.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OutboundRequest<'a> {
    /// The method.
    method: &'a str,
    /// The path below the model's address.
    path: &'a str,
    /// The headers.
    headers: Vec<OutboundHeader<'a>>,
    /// The exact body, to the byte. An app sees a placeholder of the same length where the pseudonym is.
    body: &'a str,
}

/// A header of a request to a model.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OutboundHeader<'a> {
    /// Its name.
    name: &'a str,
    /// Its value.
    value: &'a str,
}

/// See what a call would disclose
///
/// Takes a recommendation call and answers with the bytes that the model would receive, for each tier. Nothing is sent,
/// and nothing is recorded.
///
/// A person's own token (scope `self`) shows the true bytes, and `subject` is left out: it is the person themselves. An
/// app (scope `recommend`) sees a placeholder where the pseudonym is.
#[utoipa::path(
    post,
    path = "/v1/recommendations/preview",
    operation_id = "preview_recommendations",
    tag = "Recommendations",
    request_body = RecommendationCall,
    params(("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects")),
    responses(
        (status = 200, description = "What would be sent", body = Preview),
        Conflicts,
        BodyRefusals,
    ),
    security(("bearer" = ["recommend"]), ("bearer" = ["self"]))
)]
pub(in crate::http) async fn preview(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    body: Unread,
) -> Result<Response, Problem> {
    let oneself = oneself_or(&caller, Scope::Recommend)?;
    let viewer = if oneself.is_some() { Viewer::Subject } else { Viewer::App };
    let body = body.usual(JSON).await?;
    let mut call: RecommendationCall<'_> = parse(&body)?;
    let who = match oneself {
        Some(oneself) => {
            only_about(&oneself, call.subject.take().map(SubjectRef::from))?;
            Who::Oneself(&caller, oneself)
        }
        None => Who::App(&caller),
    };
    let asked = call.read(&edge, who, signal)?;
    let previewed = edge.gateway.preview(&asked, viewer).await?;
    Ok(reply::json(StatusCode::OK, &Preview::of(&previewed)))
}

impl<'a> Preview<'a> {
    fn of(previewed: &'a Previewed) -> Self {
        Self {
            recipient: previewed.recipient.as_ref(),
            tier: previewed.tier,
            tiers: previewed.tiers.iter().map(PreviewedTier::of).collect(),
        }
    }
}

impl<'a> PreviewedTier<'a> {
    fn of(at: &'a TierPreview) -> Self {
        let header = |(name, value): &'a (String, String)| OutboundHeader { name, value };
        let request = at.to.as_ref().zip(at.body.as_ref()).map(|((method, path), body)| {
            let headers = at.headers.iter().map(header).collect();
            OutboundRequest { method, path, headers, body }
        });
        Self {
            tier: at.tier,
            granted: at.granted,
            reasons: &at.reasons,
            request,
            used: &at.used,
            withheld: at.withheld.iter().map(Withheld::of).collect(),
        }
    }
}
