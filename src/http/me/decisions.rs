//! Decisions and disclosures about a person, for themselves.

use std::{collections::BTreeSet, str::FromStr};

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        Edge, Problem,
        audit::parameters::{Given, PAGE, Parameters, told, wrong, wrong_cursor},
        caller::Oneself,
        openapi::Refusals,
        reply,
    },
    decision::OwnDecision,
    language,
};
use crate::rights::{Bounds, Spot, Wanted};

const PARAMETERS: [&str; 8] =
    ["purpose", "recipient", "from", "until", "disclosed", "language", "limit", "cursor"];

/// The most decisions of one page.
const LARGEST_PAGE: usize = 200;

/// A page of decisions about you.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnDecisions {
    /// The decisions, newest first. A page can be short, or empty, and others follow it.
    decisions: Vec<OwnDecision>,
    /// The `cursor` of the next page; null once all rows of the log were looked at.
    #[schema(required)]
    next: Option<String>,
}

/// See decisions and disclosures about you
///
/// Every decision on a call about you, newest first: when, for which purpose, who received what, byte for byte, what was
/// withheld and why, and what came of it. Reading it is written nowhere and changes nothing.
///
/// Your rows are found by trying each row of the log, so one page looks at a bounded number of rows: it can be short or
/// empty. Go on with `cursor` until `next` is null.
#[utoipa::path(
    get,
    path = "/v1/me/decisions",
    operation_id = "read_own_decisions",
    tag = "Oneself",
    params(
        ("purpose" = Option<String>, Query, description = "For this purpose"),
        ("recipient" = Option<String>, Query, description = "In which this recipient was asked or told"),
        ("from" = Option<String>, Query, description = "From this moment on (RFC 3339)", format = DateTime),
        ("until" = Option<String>, Query, description = "Before this moment (RFC 3339)", format = DateTime),
        ("disclosed" = Option<bool>, Query, description = "`true`: only those after which something left, or may have"),
        ("language" = Option<String>, Query, description = "The language of texts, such as `ko`; else `Accept-Language`"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200, description = "The most decisions of a page; 100 if absent"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before, all else but `limit` and `language` as it was"),
    ),
    responses((status = 200, description = "A page of decisions", body = OwnDecisions), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn mine(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(given, &PARAMETERS)?;
    let wanted = wanted(&parameters, &edge)?;
    let question = question(&wanted);
    let spot =
        parameters.one("cursor")?.map(|cursor| spot(&edge, cursor, &question)).transpose()?;
    let limit = parameters.limit_up_to(LARGEST_PAGE)?.unwrap_or(PAGE);
    let page = edge.rights.decisions(handle, wanted, spot, Bounds::of(limit)).await?;
    let bundle = edge.policies.snapshot();
    let language = language::choose(bundle.catalogue(), parameters.one("language")?, &headers);
    let told = page.decisions.iter().map(|one| OwnDecision::of(one, bundle.catalogue(), language));
    let next = page.next.map(|Spot { from, told, epoch }| {
        edge.inspector.cursors().write_all([from, told, epoch.into()], &question)
    });
    Ok(reply::json(StatusCode::OK, &OwnDecisions { decisions: told.collect(), next }))
}

fn wanted(parameters: &Parameters, edge: &Edge) -> Result<Wanted, Problem> {
    let words = edge.rights.audit.vocabulary();
    let disclosed = match parameters.one("disclosed")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("disclosed", "must be `true` or `false`")),
    };
    Ok(Wanted {
        purpose: word(parameters, "purpose", &words.purposes)?,
        recipient: word(parameters, "recipient", &words.recipients)?,
        span: parameters.span()?,
        disclosed,
    })
}

fn word<T: FromStr>(
    parameters: &Parameters,
    name: &'static str,
    known: &BTreeSet<String>,
) -> Result<Option<T>, Problem> {
    let Some(text) = parameters.one(name)? else { return Ok(None) };
    let word = text.parse().ok().filter(|_| known.contains(text));
    let rule = "is no word of the log; `known` lists those that are";
    word.map(Some).ok_or_else(|| wrong(name, rule).with("known", known))
}

/// What a cursor holds good for.
fn question(wanted: &Wanted) -> String {
    let Wanted { purpose, recipient, span, disclosed } = wanted;
    let [from, until] = told(*span);
    format!("me/decisions {purpose:?} {recipient:?} {from:?} {until:?} {disclosed}")
}

fn spot(edge: &Edge, cursor: &str, question: &str) -> Result<Spot, Problem> {
    let numbers = edge.inspector.cursors().read_all(cursor, question);
    let [from, told, epoch] = numbers.ok_or_else(wrong_cursor)?;
    let epoch = u32::try_from(epoch).map_err(|_| wrong_cursor())?;
    Ok(Spot { from, told, epoch })
}
