//! `consentry audit`: what the log says, for those who may know it and for those who only check it.

mod log;
mod mine;
mod open;
mod open_row;
mod reconcile;

use clap::Subcommand;

use crate::app::AppError;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Checks a person's export: that each row is theirs and is what the log says, and that the log has no other.
    Mine(mine::MineArgs),
    /// Checks a row that was opened, against the log's key.
    OpenRow(open_row::OpenRowArgs),
    /// Opens rows of a gateway's log for somebody who may see them. It is logged first.
    Open(open::OpenArgs),
    /// Holds the rows of a gateway's log against the keys of the people it knows.
    Reconcile(reconcile::ReconcileArgs),
}

/// Runs a command; whether what it checked is sound.
pub(super) fn run(command: &AuditCommand) -> Result<bool, AppError> {
    match command {
        AuditCommand::Mine(args) => mine::run(args),
        AuditCommand::OpenRow(args) => open_row::run(args),
        AuditCommand::Open(args) => open::run(args),
        AuditCommand::Reconcile(args) => reconcile::run(args),
    }
}
