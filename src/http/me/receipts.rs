//! A person's receipts, again.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::{
    Edge, Problem, ProblemKind,
    caller::{Gpc, Oneself},
    openapi::Refusals,
    recommend::Log,
    reply,
};
use crate::{
    domain::{Epoch, PurposeId, Timestamp},
    rights::{OwnReceipt, OwnReceipts},
};

/// The most receipts of one page.
const MOST: usize = 100;
/// How many there are where nothing is said.
const USUAL: usize = 20;

/// Which page of receipts.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Page {
    /// The `next` of the page before; the newest receipts without it.
    #[param(minimum = 1, maximum = 4_294_967_295_u64, value_type = Option<i64>)]
    before: Option<u32>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<usize>,
}

/// Your receipts.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"receipts": [{
    "epoch": 2, "act": "expire", "purpose": "recommend_products", "time": "2026-11-22T00:00:00.000Z", "receipt": "eyJ…",
    "log": {"origin": "gw-1.example/2026h2", "index": 123}, "entry": "{\"c\":\"CbAg…", "proof": "c2sp.org/tlog-proof@v1\n…"
}], "next": null})))]
pub(in crate::http) struct Mine<'a> {
    /// Newest first.
    receipts: Vec<OfAct<'a>>,
    /// Where the next page begins; null at the end.
    #[schema(required, value_type = Option<u32>)]
    next: Option<Epoch>,
}

/// An act on a consent of yours, with its receipt.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnReceipt)]
struct OfAct<'a> {
    /// Which act of yours it was.
    #[schema(value_type = u32)]
    epoch: Epoch,
    /// What was done: `give`, `refuse`, `withdraw`, `expire`, `object` (by Global Privacy Control) or `carry` (under the new
    /// names of a changed policy).
    #[schema(example = "expire")]
    act: &'static str,
    /// For which purpose; null where it was about several.
    #[schema(required)]
    purpose: Option<&'a str>,
    /// When, as RFC 3339.
    #[schema(format = DateTime)]
    time: String,
    /// The signed receipt (JWS), byte for byte the one that was given at first; null for an act of before receipts could be
    /// given again.
    #[schema(required)]
    receipt: Option<&'a str>,
    /// Where it stands in the log.
    #[schema(required)]
    log: Option<Log<'a>>,
    /// Its row, byte for byte as the log has it.
    #[schema(required)]
    entry: Option<&'a str>,
    /// That the row stands in the log, as a C2SP `tlog-proof`; null while it stands under no checkpoint.
    #[schema(required)]
    proof: Option<&'a str>,
}

/// Have your receipts again
///
/// Each act on a consent of yours with its receipt, newest first, those too that nobody received when they were: a consent
/// that ran out, an objection by signal. `consentry receipt verify` checks one with public keys alone.
#[utoipa::path(
    get,
    path = "/v1/me/receipts",
    operation_id = "list_own_receipts",
    tag = "Oneself",
    params(Page, ("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects")),
    responses((status = 200, description = "Your receipts", body = Mine), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn mine(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    Gpc(signal): Gpc,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let (before, most) =
        page.map_err(|_| unreadable("before, limit")).and_then(|Query(page)| page.read())?;
    let person = edge.ledger.heard(handle, signal).await?;
    let own = match person {
        Some(person) => edge.rights.receipts(person, before, most).await?,
        None => OwnReceipts::default(),
    };
    let receipts = own.acts.iter().map(OfAct::of).collect();
    Ok(reply::json(StatusCode::OK, &Mine { receipts, next: own.next }))
}

impl Page {
    fn read(&self) -> Result<(Option<Epoch>, usize), Problem> {
        let most = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&most) {
            return Err(unreadable("limit"));
        }
        if self.before == Some(0) {
            return Err(unreadable("before"));
        }
        Ok((self.before.map(Epoch), most))
    }
}

fn unreadable(name: &'static str) -> Problem {
    let detail = "The parameters are `before`, the `next` of a page, and `limit`, from 1 to 100: ?before=12&limit=20.";
    Problem::new(ProblemKind::InvalidParameter, detail).with("name", name)
}

impl<'a> OfAct<'a> {
    fn of(own: &'a OwnReceipt) -> Self {
        let of = &own.of;
        Self {
            epoch: of.epoch,
            act: of.act.action.as_str(),
            purpose: of.act.purpose.as_ref().map(PurposeId::as_str),
            time: Timestamp::rfc3339(of.act.at),
            receipt: of.receipt.as_deref(),
            log: of.place.as_ref().map(Log::of),
            entry: own.entry.as_deref(),
            proof: own.proof.as_deref(),
        }
    }
}
