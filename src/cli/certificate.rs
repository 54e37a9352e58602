//! `consentry certificate`: what anybody does with a certificate of erasure, with no gateway.
//!
//! Exit statuses: 0 it holds, 1 something is wrong with it, 2 the command line, or a file it names, cannot be used.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::json;

use super::print;
use crate::{
    audit::{Certificate, Certified},
    domain::Timestamp,
    tlog::VerifierKey,
};

/// Works with a certificate of erasure.
#[derive(Debug, Subcommand)]
pub(super) enum CertificateCommand {
    /// Checks a certificate with the log's public key alone; exit status 1 if anything in it does not hold.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The certificate, as `GET /v1/me/certificates/{id}` answers it.
    file: PathBuf,
    /// The public key of the log, as `name+id+key`. Given once for each log that the rows stand in: each half year has one.
    #[arg(long = "key", required = true)]
    keys: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &CertificateCommand) -> ExitCode {
    let CertificateCommand::Verify(args) = command;
    match checked(args) {
        Ok(Ok((certificate, certified))) => {
            print::line(&if args.json {
                facts(&certificate, &certified)
            } else {
                told(&certificate, &certified)
            });
            ExitCode::SUCCESS
        }
        Ok(Err(wrong)) => {
            print::line(&if args.json {
                json!({ "sound": false, "wrong": wrong }).to_string()
            } else {
                format!("wrong: {wrong}")
            });
            ExitCode::FAILURE
        }
        Err(unusable) => {
            print::note(&format!("consentry: {unusable}"));
            ExitCode::from(2)
        }
    }
}

type Checked = Result<(Certificate, Certified), String>;

/// The certificate and what it says, or what is wrong with it; an error where there is nothing to check, or nothing to
/// check it with.
fn checked(args: &VerifyArgs) -> Result<Checked, String> {
    let vkey = |text: &String| {
        VerifierKey::parse(text).map_err(|error| format!("--key {text:?}: {error}"))
    };
    let keys: Vec<VerifierKey> = args.keys.iter().map(vkey).collect::<Result<_, _>>()?;
    let bytes = fs::read(&args.file);
    let bytes = bytes.map_err(|error| format!("reading {}: {error}", args.file.display()))?;
    let read: Result<Certificate, _> = serde_json::from_slice(&bytes);
    Ok(match read {
        Ok(certificate) => match certificate.check(&keys) {
            Ok(certified) => Ok((certificate, certified)),
            Err(amiss) => Err(amiss.to_string()),
        },
        Err(error) => Err(format!("it is no certificate: {error}")),
    })
}

fn facts(certificate: &Certificate, certified: &Certified) -> String {
    let answers = certificate.recipients.iter().map(|answered| {
        json!({
            "recipient": answered.recipient, "domain": answered.domain,
            "generation": answered.generation, "state": answered.state,
        })
    });
    json!({
        "sound": true,
        "certificate": certificate.certificate,
        "log": { "origin": certificate.row.origin, "index": certificate.row.index },
        "erased_at": moment(certified.erased_ms),
        "final_by": moment(certified.final_by_ms),
        "rows": certified.rows,
        "suppressed": certified.suppressed,
        "recipients": answers.collect::<Vec<_>>(),
    })
    .to_string()
}

fn told(certificate: &Certificate, certified: &Certified) -> String {
    let row = &certificate.row;
    let mut lines = vec![
        format!("certificate  {}", certificate.certificate),
        format!(
            "erased       {}, as row {} of {} says, under a checkpoint of {} rows",
            moment(certified.erased_ms),
            row.index,
            row.origin,
            certified.checkpoint.size
        ),
        format!("final by     {}", moment(certified.final_by_ms)),
        format!("rows         {} rows of the log were theirs; nothing opens them", certified.rows),
        format!(
            "kept         {}",
            if certified.suppressed {
                "a keyed hash of their id, as they asked, so that imports about them are refused"
            } else {
                "nothing that tells who they were"
            }
        ),
    ];
    for answered in &certificate.recipients {
        let proof = match answered.state.as_str() {
            "pending" => "said, not proven; ask for the certificate again later",
            _ => "as its row of the log says",
        };
        lines.push(format!(
            "recipient    {}, {} {}: {}, {proof}",
            answered.recipient, answered.domain, answered.generation, answered.state
        ));
    }
    lines.join("\n")
}

fn moment(millis: i64) -> String {
    Timestamp::from_millis(millis).rfc3339()
}
