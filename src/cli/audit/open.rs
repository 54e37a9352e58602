//! `consentry audit open`: opens rows for somebody who may see them.

use clap::{Args, builder::PossibleValuesParser};
use serde_json::{Value, json};

use super::super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::{app::AppError, operate::OpenReason};

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The rows, by their indices in the log.
    #[arg(required = true)]
    rows: Vec<u64>,
    /// The log they stand in; the one that is being written if absent.
    #[arg(long)]
    origin: Option<String>,
    /// Why. It is in the log before anything is opened.
    #[arg(long, value_parser = PossibleValuesParser::new(OpenReason::ALL.map(OpenReason::as_str)))]
    reason: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) fn run(args: &OpenArgs) -> Result<bool, AppError> {
    let order = json!({ "origin": args.origin, "rows": args.rows, "reason": args.reason });
    let gateway = Gateway::reach(&args.operator)?;
    let waiting = print::waiting("looking for the keys");
    let told = gateway.call(http::Method::POST, "/v1/operate/audit/open", Some(&order));
    waiting.finish_and_clear();
    let told = told?;
    print::line(&format!("{told:#}"));
    let rows = told.get("rows").and_then(Value::as_array).into_iter().flatten();
    let mut all = true;
    for row in rows.filter(|row| row.get("why").is_some()) {
        let index = row.get("index").and_then(Value::as_u64).unwrap_or_default();
        print::note(&format!("no living key opens row {index}: the person was erased"));
        all = false;
    }
    Ok(all)
}
