//! `consentry keys`: what the gateway's keys are, and rotating them.

mod rotate;
mod show;

use clap::Subcommand;

use crate::app::AppError;

/// Works with the gateway's keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Prints the public keys: those of receipts as a JWK Set, and one for each log. Nothing secret is shown.
    Show(show::ShowArgs),
    /// Replaces the key-encryption key and destroys the old one: what was erased before is then gone for good, in older
    /// backups too, which do not open any more. Goes on where one was cut off; of a running gateway too.
    Rotate(rotate::RotateArgs),
}

pub(super) fn run(command: &KeysCommand) -> Result<(), AppError> {
    match command {
        KeysCommand::Show(args) => show::run(args),
        KeysCommand::Rotate(args) => rotate::run(args),
    }
}
