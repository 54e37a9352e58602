//! `consentry audit mine`: checks a person's export without a gateway.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    super::print,
    log::{self, Log},
};
use crate::{
    app::AppError,
    audit::{OwnLog, OwnRows},
    tlog::{Trust, VerifierKey, verify},
};

#[derive(Debug, Args)]
pub(crate) struct MineArgs {
    /// The export, as `GET /v1/me/export` answers it.
    export: PathBuf,
    /// The public key of a log, as `name+id+key`. Given once for each log that the rows stand in.
    #[arg(long = "key", required = true)]
    keys: Vec<String>,
    /// A log, a folder or an address, all of which is looked through for rows that the export lacks. May be given several
    /// times.
    #[arg(long = "log")]
    logs: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A log that was looked through.
struct Through {
    origin: String,
    rows: u64,
    own: u64,
}

pub(super) fn run(args: &MineArgs) -> Result<bool, AppError> {
    let keys = log::keys(&args.keys)?;
    let export = log::json(&args.export)?;
    let checked = checked(&export, &keys).and_then(|(export, own)| {
        let mut through = Vec::with_capacity(args.logs.len());
        for dir in &args.logs {
            through.push(look(&Log::open(dir, &keys)?, &export, &own)?);
        }
        Ok((own, through))
    });
    match checked {
        Ok((own, through)) => {
            print::line(&if args.json { facts(&own, &through) } else { told(&own, &through) });
            Ok(true)
        }
        Err(AppError::Wrong(what)) => {
            print::line(&if args.json {
                json!({ "sound": false, "wrong": what }).to_string()
            } else {
                format!("wrong: {what}")
            });
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn checked(export: &Value, keys: &[VerifierKey]) -> Result<(OwnLog, OwnRows), AppError> {
    // A document names its form, and ends with `complete`.
    if export.get("format").is_some() && export.get("complete") != Some(&Value::Bool(true)) {
        return Err(AppError::Wrong("the export broke off: it lacks `complete`".to_owned()));
    }
    let log = export.get("log").cloned().unwrap_or_default();
    let none = |error| AppError::Wrong(format!("this is no export: {error}"));
    let log: OwnLog = serde_json::from_value(log).map_err(none)?;
    let own = log.check(keys).map_err(|amiss| AppError::Wrong(amiss.to_string()))?;
    Ok((log, own))
}

/// Looks through a whole log for the person's rows.
fn look(log: &Log, export: &OwnLog, own: &OwnRows) -> Result<Through, AppError> {
    let origin = &log.checkpoint.origin;
    let wrong = |what: String| AppError::Wrong(format!("{origin}: {what}"));
    let waiting = print::waiting("looking through the log");
    let trust = Trust::of(&log.key);
    let mut met = 0;
    let verified = verify(log, &trust, |index, entry| {
        waiting.set_position(index);
        let is_own = own.meet(origin, index, entry).map_err(|what| what.to_string())?;
        met += u64::from(is_own);
        Ok(())
    });
    waiting.finish_and_clear();
    let rows = verified.map_err(|error| wrong(error.to_string()))?.rows;
    let until = export.until.as_ref().filter(|until| until.origin == *origin);
    if let Some(until) = until.filter(|until| until.size > rows) {
        return Err(wrong(format!(
            "the log has {rows} rows, and the export was made of {}",
            until.size
        )));
    }
    if met < own.count_in(origin) {
        let all = own.count_in(origin);
        return Err(wrong(format!("the log has {met} of the export's {all} rows")));
    }
    Ok(Through { origin: origin.clone(), rows, own: met })
}

fn facts(own: &OwnRows, through: &[Through]) -> String {
    let epochs = own.epochs.iter();
    let epochs =
        epochs.map(|((id, number), rows)| json!({ "id": id, "number": number, "rows": rows }));
    let logs =
        through.iter().map(|log| json!({ "origin": log.origin, "rows": log.rows, "own": log.own }));
    json!({
        "sound": true, "rows": own.count(), "opened": own.opened, "proven": own.proven,
        "epochs": epochs.collect::<Vec<_>>(), "logs": logs.collect::<Vec<_>>(),
    })
    .to_string()
}

fn told(own: &OwnRows, through: &[Through]) -> String {
    let rows = own.count();
    let mut lines = vec![format!("{rows} rows: each carries the person's tag")];
    let epoch = |((id, number), rows): (&(u32, u32), &u64)| match id {
        0 => format!("  epoch {number}: {rows} rows"),
        id => format!("  linked id {id}, epoch {number}: {rows} rows"),
    };
    lines.extend(own.epochs.iter().map(epoch));
    let dropped = rows - own.opened;
    lines.push(format!(
        "{} bodies are what their rows commit to; {dropped} were dropped",
        own.opened
    ));
    let unproven = rows - own.proven;
    lines.push(format!(
        "{} rows are proven to stand in the log; {unproven} have no proof",
        own.proven
    ));
    lines.extend(through.iter().map(|log| {
        format!(
            "{}: {} rows looked through; {} carry the person's tags, all of them in the export",
            log.origin, log.rows, log.own
        )
    }));
    if through.is_empty() {
        lines.push(
            "no log was looked through: give --log to know that no row is missing".to_owned(),
        );
    }
    lines.join("\n")
}
