//! `consentry audit open-row`: checks rows that were opened, with the log's key alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    super::print,
    log::{self, Log},
};
use crate::{
    app::AppError,
    audit::OpenedRow,
    tlog::{Checkpoint, VerifierKey},
};

#[derive(Debug, Args)]
pub(crate) struct OpenRowArgs {
    /// A row as `consentry audit open` or an export gives it, or several as `{"rows": […]}`. Without `entry`, it is read
    /// from the log.
    file: PathBuf,
    /// The public key of the log, as `name+id+key`.
    #[arg(long = "key", required = true)]
    keys: Vec<String>,
    /// The log, a folder or an address, with whose row the file's is compared.
    #[arg(long)]
    log: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &OpenRowArgs) -> Result<bool, AppError> {
    let keys = log::keys(&args.keys)?;
    let log = args.log.as_deref().map(|dir| Log::open(dir, &keys)).transpose()?;
    let rows = match log::json(&args.file)? {
        Value::Object(mut file) if file.contains_key("rows") => match file.remove("rows") {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        },
        row => vec![row],
    };
    for row in rows {
        let index = row.get("index").map_or_else(|| "?".to_owned(), Value::to_string);
        match checked(row, log.as_ref(), &keys) {
            Ok((row, checkpoint)) => {
                print::line(&if args.json { facts(&row) } else { told(&row, &checkpoint) });
            }
            Err(AppError::Wrong(what)) => {
                print::line(&if args.json {
                    json!({ "sound": false, "index": index, "wrong": what }).to_string()
                } else {
                    format!("wrong: row {index}: {what}")
                });
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn checked(
    mut row: Value,
    log: Option<&Log>,
    keys: &[VerifierKey],
) -> Result<(OpenedRow, Checkpoint), AppError> {
    let wrong = |what: &str| AppError::Wrong(what.to_owned());
    let index = row.get("index").and_then(Value::as_u64).ok_or_else(|| wrong("it has no index"))?;
    let in_log = log.map(|log| log.row(index)).transpose()?.flatten();
    if let Some(members) = row.as_object_mut() {
        if let Some(entry) = in_log.as_ref().filter(|_| !members.contains_key("entry")) {
            members.insert("entry".to_owned(), String::from_utf8_lossy(entry).into());
        }
        if let Some(key) = keys.first().filter(|_| !members.contains_key("origin")) {
            let origin = log.map_or(&key.name, |log| &log.checkpoint.origin);
            members.insert("origin".to_owned(), origin.as_str().into());
        }
    }
    let row: OpenedRow = serde_json::from_value(row)
        .map_err(|error| AppError::Wrong(format!("it is no row that was opened: {error}")))?;
    if let Some(log) = log.filter(|log| log.checkpoint.origin == row.origin)
        && in_log.as_deref() != Some(row.entry.as_bytes())
    {
        let origin = &log.checkpoint.origin;
        return Err(AppError::Wrong(format!("{origin} has another row there, or none")));
    }
    let shown = row.check(keys).map_err(|error| AppError::Wrong(error.to_string()))?;
    if !shown.opens {
        return Err(wrong("its body was dropped, so there is nothing to check"));
    }
    let checkpoint = shown
        .checkpoint
        .ok_or_else(|| wrong("it has no proof: it stood under no checkpoint yet"))?;
    Ok((row, checkpoint))
}

fn facts(row: &OpenedRow) -> String {
    let body: Value =
        row.body.as_deref().and_then(|b| serde_json::from_str(b).ok()).unwrap_or_default();
    let entry: Value = serde_json::from_str(&row.entry).unwrap_or_default();
    json!({ "sound": true, "origin": row.origin, "index": row.index, "entry": entry, "body": body })
        .to_string()
}

fn told(row: &OpenedRow, checkpoint: &Checkpoint) -> String {
    let body = row.body.as_deref().unwrap_or_default();
    format!(
        "row {} of {} stands in the log of {} rows, and commits to this salt and body\n  {}\n  {body}",
        row.index, row.origin, checkpoint.size, row.entry
    )
}
