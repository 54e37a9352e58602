//! `consentry receipt`: checks a receipt with public keys alone, on any machine.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{super::print, Failed, file, log::Log, vkey};
use crate::{
    app::AppError,
    consent::{LogPlace, Receipt},
    jose::{Jwks, PublicKey},
    policy::Notice,
    tlog::{Proof, TileNodes, VerifierKey, inclusion_proof, leaf_hash, root_from_inclusion},
};

/// Works with receipts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ReceiptCommand {
    /// Checks a receipt: signature, form and, where a log or a proof is named, its row. Exit status 1 if anything is wrong.
    Verify(VerifyArgs),
}

/// Which receipt, and what it is checked against.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The receipt; or the answer that held it, or one entry of `GET /v1/me/receipts` with its row and proof; `-` for
    /// standard input.
    file: PathBuf,
    /// The gateway's public keys: what `/.well-known/jwks.json` answered.
    #[arg(long, required_unless_present = "keys")]
    jwks: Option<PathBuf>,
    /// A public key of the gateway's, as the `x` of its JWK.
    #[arg(long = "key")]
    keys: Vec<String>,
    /// The log, a folder or an address, in which the receipt's row must stand.
    #[arg(long, requires = "vkeys", conflicts_with = "proof")]
    log: Option<String>,
    /// The log's public key, as `name+id+key`.
    #[arg(long = "vkey")]
    vkeys: Vec<String>,
    /// A `.tlog-proof` of the receipt's row.
    #[arg(long, requires = "vkeys", requires = "row")]
    proof: Option<PathBuf>,
    /// A file with the row's bytes and nothing else.
    #[arg(long, requires = "proof")]
    row: Option<PathBuf>,
    /// The text that was shown: a notice of `GET /v1/purposes`, or plain text with the title as its first line.
    #[arg(long)]
    notice: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What the file holds.
struct Given {
    token: String,
    /// The row and its proof, where they came with the receipt.
    row: Option<(Vec<u8>, String)>,
}

/// A receipt that holds.
struct Held {
    receipt: Receipt,
    /// How many rows the checkpoint counts that its row stands under; nothing where no log was asked.
    size: Option<u64>,
}

pub(in crate::cli) fn run(command: &ReceiptCommand) -> ExitCode {
    let ReceiptCommand::Verify(args) = command;
    match check(args) {
        Ok(held) => {
            print::line(&if args.json { facts(&held, args) } else { told(&held, args) });
            ExitCode::SUCCESS
        }
        Err(Failed::Wrong(wrong)) => {
            if args.json {
                print::line(&json!({ "valid": false, "wrong": wrong }).to_string());
            } else {
                print::note(&format!("consentry: {wrong}"));
            }
            ExitCode::FAILURE
        }
        Err(Failed::Usage(said)) => {
            print::note(&format!("consentry: {said}"));
            ExitCode::from(2)
        }
    }
}

fn check(args: &VerifyArgs) -> Result<Held, Failed> {
    let keys = keys(args)?;
    let vkeys: Vec<VerifierKey> =
        args.vkeys.iter().map(|key| vkey(key)).collect::<Result<_, _>>()?;
    let given = given(&args.file)?;
    let receipt = Receipt::verify(&keys, &given.token).map_err(|flaw| wrong(&flaw))?;
    if let Some(notice) = &args.notice {
        is_shown(&receipt, &file(notice)?)?;
    }
    let size = stands(args, &receipt, given.row, &vkeys)?;
    Ok(Held { receipt, size })
}

fn keys(args: &VerifyArgs) -> Result<Vec<PublicKey>, Failed> {
    let mut keys = Vec::new();
    if let Some(path) = &args.jwks {
        let none = |error| Failed::Usage(format!("{}: {error}", path.display()));
        keys = Jwks::parse(&file(path)?).map_err(none)?;
    }
    for text in &args.keys {
        let none = || Failed::Usage(format!("{text:?} is not 32 bytes in base64url"));
        keys.push(PublicKey::parse(text).ok_or_else(none)?);
    }
    Ok(keys)
}

fn given(path: &Path) -> Result<Given, Failed> {
    let bytes = if path == Path::new("-") {
        let (mut bytes, unreadable) = (Vec::new(), |e| Failed::Usage(format!("reading: {e}")));
        io::stdin().lock().take(1 << 24).read_to_end(&mut bytes).map_err(unreadable)?;
        bytes
    } else {
        file(path)?
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong(&"it is no receipt: it is no text"))?;
    let text = text.trim();
    if !text.starts_with('{') {
        return Ok(Given { token: text.to_owned(), row: None });
    }
    let answer: Value = serde_json::from_str(text)
        .map_err(|error| wrong(&format!("it is neither a receipt nor JSON: {error}")))?;
    let member = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let token = member("receipt").ok_or_else(|| wrong(&"the JSON has no member `receipt`"))?;
    let row = member("entry").map(String::into_bytes).zip(member("proof"));
    Ok(Given { token, row })
}

/// Checks that the row at the receipt's place is there and agrees. How many rows stand with it; nothing where no log and
/// no proof is there to tell.
fn stands(
    args: &VerifyArgs,
    receipt: &Receipt,
    came: Option<(Vec<u8>, String)>,
    vkeys: &[VerifierKey],
) -> Result<Option<u64>, Failed> {
    if vkeys.is_empty() {
        return Ok(None);
    }
    let place = receipt.log.as_ref();
    let place = place.ok_or_else(|| {
        wrong(&"it names no place in a log: the act was not durable yet when it was signed")
    })?;
    let key = vkeys.iter().find(|key| key.name == place.origin);
    let key = key.ok_or_else(|| {
        Failed::Usage(format!("the receipt names the log {}: give its --vkey", place.origin))
    })?;
    let (entry, size) = match (&args.log, &args.proof, &args.row, came) {
        (Some(log), ..) => in_log(log, place, key)?,
        (None, Some(proof), Some(row), _) => {
            let (proof, entry) = (String::from_utf8_lossy(&file(proof)?).into_owned(), file(row)?);
            let size = by_proof(&proof, &entry, place, key)?;
            (entry, size)
        }
        (None, _, _, Some((entry, proof))) => {
            let size = by_proof(&proof, &entry, place, key)?;
            (entry, size)
        }
        _ => {
            return Err(Failed::Usage(
                "--vkey checks the receipt's row: name the --log, or a --proof and its --row"
                    .to_owned(),
            ));
        }
    };
    receipt.agrees(&entry).map_err(|flaw| wrong(&flaw))?;
    Ok(Some(size))
}

fn in_log(log: &str, place: &LogPlace, key: &VerifierKey) -> Result<(Vec<u8>, u64), Failed> {
    let failed = |error: AppError| match error {
        AppError::Wrong(what) => Failed::Wrong(what),
        other => Failed::Wrong(format!("{other} of {log}")),
    };
    let log = Log::open(log, std::slice::from_ref(key)).map_err(failed)?;
    let (index, size) = (place.index, log.checkpoint.size);
    let entry = log.row(index).map_err(failed)?;
    let entry = entry.ok_or_else(|| {
        wrong(&format!("the log of {size} rows has no row {index}, or publishes it no more"))
    })?;
    let path = inclusion_proof(&mut TileNodes::new(&log, size), index, size);
    let path = path.map_err(|error| wrong(&error))?;
    if root_from_inclusion(&leaf_hash(&entry), index, size, &path) != Some(log.checkpoint.root) {
        return Err(wrong(&format!(
            "row {index} does not lead to the root of the log's checkpoint"
        )));
    }
    Ok((entry, size))
}

fn by_proof(proof: &str, entry: &[u8], place: &LogPlace, key: &VerifierKey) -> Result<u64, Failed> {
    let proof = Proof::parse(proof).map_err(|error| wrong(&format!("the proof: {error}")))?;
    if proof.index != place.index {
        let (is, named) = (proof.index, place.index);
        return Err(wrong(&format!("the proof is of row {is}, the receipt names row {named}")));
    }
    let shown = proof.verify(entry, key).map_err(|error| wrong(&format!("the proof: {error}")))?;
    Ok(shown.size)
}

/// Checks that the text is the one whose hash stands in the receipt.
fn is_shown(receipt: &Receipt, text: &[u8]) -> Result<(), Failed> {
    let text = std::str::from_utf8(text).map_err(|_| wrong(&"the notice is no text"))?;
    let of_json = |json: Value| {
        let notice = json.get("notice").cloned().unwrap_or(json);
        let member = |name: &str| notice.get(name).and_then(Value::as_str).map(str::to_owned);
        member("title").zip(member("text"))
    };
    let (title, body) = match serde_json::from_str(text) {
        Ok(json) => of_json(json).ok_or_else(|| wrong(&"the notice has no `title` and `text`"))?,
        Err(_) => {
            let (title, body) = text.split_once('\n').unwrap_or((text, ""));
            let body = body.trim_start_matches(['\r', '\n']);
            (title.trim_end().to_owned(), body.strip_suffix('\n').unwrap_or(body).to_owned())
        }
    };
    let about = &receipt.pii_processing;
    let purpose = about.purposes.first().map_or("", |purpose| &purpose.purpose_id);
    let hash = &about.privacy_notice;
    if Notice::digest_of([purpose, &about.language, &hash.version, &title, &body]) == hash.sha256 {
        return Ok(());
    }
    Err(wrong(&"the notice is not the text whose hash stands in the receipt"))
}

fn wrong(what: &dyn std::fmt::Display) -> Failed {
    Failed::Wrong(what.to_string())
}

fn facts(held: &Held, args: &VerifyArgs) -> String {
    json!({
        "valid": true,
        "row": held.size.is_some(),
        "log_size": held.size,
        "notice": args.notice.is_some(),
        "receipt": held.receipt,
    })
    .to_string()
}

fn told(held: &Held, args: &VerifyArgs) -> String {
    let receipt = &held.receipt;
    let mut lines = vec!["the receipt is whole, and signed with the gateway's key".to_owned()];
    if let Some(event) = receipt.events.first() {
        let purposes = receipt.pii_processing.purposes.iter().map(|p| p.purpose_id.as_str());
        let purposes: Vec<&str> = purposes.collect();
        lines.push(format!("{} {} at {}", event.act, purposes.join(", "), event.event_time));
        lines.push(event.event_state.clone());
    }
    match (held.size, &receipt.log) {
        (Some(size), Some(LogPlace { origin, index })) => {
            lines.push(format!(
                "row {index} of {origin} says the same: {size} rows, signed with its key"
            ));
        }
        _ => lines.push("its row in the log was not looked at".to_owned()),
    }
    if args.notice.is_some() {
        let shown = receipt.pii_processing.privacy_notice.shown;
        let how = if shown { "was shown" } else { "was in force" };
        lines.push(format!("the notice is the text that {how}"));
    }
    lines.join("\n")
}
