//! `consentry audit`: what an auditor, a person and an operator do with a log. Only what opens rows or holds them against
//! keys needs a gateway and its configuration.
//!
//! Exit statuses: 0 what was asked about holds, 1 something is wrong, 2 the command line was not understood.

mod log;
mod mine;
mod open;
mod open_row;
mod prove;
mod receipt;
mod reconcile;
mod report;
mod source;
mod state;
mod verify;
mod web;

use std::{path::Path, process::ExitCode};

use clap::Subcommand;

pub(super) use receipt::{ReceiptCommand, run as receipt};

use super::print;
use crate::{app::AppError, tlog::VerifierKey};

/// Works with a log.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Verifies a whole log; exit status 1 if anything is wrong.
    Verify(verify::VerifyArgs),
    /// Prints a proof that a row stands in a log, as a `.tlog-proof` file.
    Prove(prove::ProveArgs),
    /// Checks a `.tlog-proof` file; exit status 1 if it does not hold.
    CheckProof(prove::CheckArgs),
    /// Checks a person's export: that each row is theirs and is what the log says, and that the log has no other.
    Mine(mine::MineArgs),
    /// Checks a row that was opened, against the log's key.
    OpenRow(open_row::OpenRowArgs),
    /// Opens rows of a gateway's log for somebody who may see them. It is logged first.
    Open(open::OpenArgs),
    /// Holds the rows of a gateway's log against the keys of the people it knows.
    Reconcile(reconcile::ReconcileArgs),
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum Failed {
    /// The command line, or a file it names, cannot be used.
    Usage(String),
    /// What was asked about does not hold.
    Wrong(String),
}

pub(super) fn run(command: AuditCommand) -> ExitCode {
    let done = match command {
        AuditCommand::Verify(args) => verify::run(&args),
        AuditCommand::Prove(args) => prove::prove(&args),
        AuditCommand::CheckProof(args) => prove::check(&args),
        AuditCommand::Mine(args) => Ok(sound(mine::run(&args))),
        AuditCommand::OpenRow(args) => Ok(sound(open_row::run(&args))),
        AuditCommand::Open(args) => Ok(sound(open::run(&args))),
        AuditCommand::Reconcile(args) => Ok(sound(reconcile::run(&args))),
    };
    let (said, status) = match done {
        Ok(status) => return status,
        Err(Failed::Usage(said)) => (said, 2),
        Err(Failed::Wrong(said)) => (said, 1),
    };
    print::note(&format!("consentry: {said}"));
    ExitCode::from(status)
}

/// The exit status of a check; what kept it from being made has been told.
fn sound(checked: Result<bool, AppError>) -> ExitCode {
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print::failure(&error);
            ExitCode::FAILURE
        }
    }
}

/// The bytes of a file that the command line names.
fn file(path: &Path) -> Result<Vec<u8>, Failed> {
    let unreadable = |error| Failed::Usage(format!("reading {}: {error}", path.display()));
    std::fs::read(path).map_err(unreadable)
}

fn vkey(text: &str) -> Result<VerifierKey, Failed> {
    VerifierKey::parse(text).map_err(|error| Failed::Usage(format!("{text:?}: {error}")))
}
