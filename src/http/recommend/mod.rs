//! The calls that ask for recommendations: one, a preview of what it would disclose, and many at once.

mod answer;
mod ask;
mod batch;
mod preview;

use axum::{extract::State, response::Response};
use http::StatusCode;

pub(super) use answer::Log;
use answer::Recommendations;
use ask::{RecommendationCall, Who};
pub(super) use batch::{__path_batch, batch};
pub(super) use preview::{__path_preview, preview};

use super::{
    Edge, Problem,
    body::{JSON, parse_line},
    caller::{By, Gpc, Unread},
    openapi::BodyRefusals,
    reply,
};
use crate::{
    auth::{Caller, Scope},
    observe::Story,
};

/// Ask for recommendations
///
/// Answers with items and with what was decided about the person's data: how personal the answer is and why, what was
/// used, what was withheld and why, what re-ranking did, and where the decision stands in the log.
///
/// There is always an answer. Without consent, for an unknown person, for none, for an app that is not registered for the
/// purpose, or when a model fails, it is a list for everybody, and `decision` says so.
///
/// `Sec-GPC: 1` counts as an objection of the person and is kept until they give consent anew.
#[utoipa::path(
    post,
    path = "/v1/recommendations",
    operation_id = "recommend",
    tag = "Recommendations",
    request_body = RecommendationCall,
    params(("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects")),
    responses((status = 200, description = "The answer", body = Recommendations), BodyRefusals),
    security(("bearer" = ["recommend"]))
)]
pub(super) async fn recommend(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Recommend)?;
    let body = body.usual(JSON).await?;
    let (answer, story) = answer(&edge, &caller, &body, 1, signal).await?;
    let mut response = reply::written(StatusCode::OK, answer);
    if let Some(story) = story {
        response.extensions_mut().insert(story);
    }
    Ok(response)
}

/// The answer to the call in `body`, as JSON, and its story where calls are told; `line` is where the call stands among others, from 1.
async fn answer(
    edge: &Edge,
    caller: &Caller,
    body: &[u8],
    line: usize,
    signal: bool,
) -> Result<(Vec<u8>, Option<Story>), Problem> {
    let call: RecommendationCall<'_> = parse_line(body, line)?;
    let asked = call.read(edge, Who::App(caller), signal)?;
    let purpose = edge.watch.tells().then(|| asked.purpose.clone());
    let answered = edge.gateway.recommend(asked).await;
    let story = purpose.map(|purpose| Story::of(purpose, &answered));
    Ok((answer::write(&answered, edge.policies.current().rules()), story))
}
