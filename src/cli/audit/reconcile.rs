//! `consentry audit reconcile`: every row has its key, or a certificate that says why not.

use clap::Args;
use serde_json::{Value, json};

use super::super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::app::AppError;

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Try every row on every key, however long it takes.
    #[arg(long, conflicts_with = "sample")]
    all: bool,
    /// Try so many rows, drawn at random.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    sample: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) fn run(args: &ReconcileArgs) -> Result<bool, AppError> {
    let order = json!({ "all": args.all, "sample": args.sample });
    let gateway = Gateway::reach(&args.operator)?;
    let waiting = print::waiting("holding rows against keys");
    let (mut result, mut problem) = (None, None);
    gateway.lines("/v1/operate/audit/reconcile", &order, |line| {
        if let Some(progress) = line.get("progress") {
            let number = |member: &str| progress.get(member).and_then(Value::as_u64).unwrap_or(0);
            let (done, of, left) = (number("done"), number("of"), number("seconds_left"));
            waiting.set_message(format!("{done} of {of} keys, {left} s left"));
        } else if let Some(told) = line.get("result") {
            result = Some(told.clone());
        } else {
            problem = line.get("title").and_then(Value::as_str).map(str::to_owned);
        }
    })?;
    waiting.finish_and_clear();
    let Some(result) = result else {
        let why = problem.unwrap_or_else(|| "the gateway went away".to_owned());
        return Err(AppError::Refused(why));
    };
    print::line(&if args.json { result.to_string() } else { told(&result) });
    let fits = |member: &str| result.get(member).and_then(Value::as_bool).unwrap_or_default();
    Ok(fits("keys_fit") && fits("rows_fit"))
}

fn told(result: &Value) -> String {
    let number = |member: &str| result.get(member).and_then(Value::as_u64).unwrap_or(0);
    let is = |member: &str| match result.get(member).and_then(Value::as_bool) {
        Some(true) => "fits",
        _ => "DOES NOT FIT",
    };
    let mut lines = vec![
        format!(
            "people: {} created − {} erased, {} living keys: {}",
            number("created"),
            number("erased"),
            number("living"),
            is("keys_fit")
        ),
        format!(
            "rows: {} tried of {}: {} of people, {} about nobody, {} of none",
            number("tried"),
            number("rows"),
            number("of_people"),
            number("of_nobody"),
            number("of_none")
        ),
    ];
    if let Some(bound) = result.get("bound").filter(|bound| !bound.is_null()) {
        let number = |member: &str| bound.get(member).and_then(Value::as_u64).unwrap_or(0);
        lines.push(format!(
            "  of all rows, {} to {} are of none, at 99 %",
            number("least"),
            number("most")
        ));
    }
    lines.push(format!(
        "  certificates of erasure say {}: {}",
        number("certified"),
        is("rows_fit")
    ));
    lines.push(format!(
        "  bodies of {} rows were dropped; the rows are among the above",
        number("dropped")
    ));
    lines.join("\n")
}
