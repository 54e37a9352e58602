//! The `consentry` command: what an operator types.
//!
//! Exit statuses: 0 done, 1 failed (the reason is on standard error), 2 the command line was not understood.

mod audit;
mod certificate;
mod health;
mod import;
mod init;
mod keys;
mod log;
mod notify;
mod operator;
mod policy;
mod print;
mod reload;
mod requests;
mod revoke;
mod signals;
mod status;
mod store;
mod switch;
mod token;
mod witness;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use self::{log::Log, signals::Stops};
use crate::{
    app::{
        App, AppError, Machine, Server, Settings,
        demo::{Demo, DemoOptions},
    },
    auth::Source,
};

/// A privacy-first, consent-aware personalization gateway.
#[derive(Debug, Parser)]
#[command(name = "consentry", version, about)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Runs a gateway, a store and a model on a generated shop, and prints calls to try.
    Demo {
        /// Keep the state in this folder; without it, the state goes when the demo ends.
        #[arg(long)]
        data: Option<PathBuf>,
        /// The port on the loopback address; 0 takes a free one.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Play MovieLens files (`u.data` or `ml-100k.inter` and theirs) in place of the generated shop.
        #[arg(long)]
        movielens: Option<PathBuf>,
        /// Print one line of JSON when ready, in place of calls to paste.
        #[arg(long)]
        json: bool,
    },
    /// Makes the folder of a new gateway: configuration, policies and fresh keys.
    Init(init::InitArgs),
    /// Runs the gateway that a configuration file describes.
    Serve {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Brings over the consents or items that an organisation has.
    Import(import::ImportArgs),
    /// Says how the gateway stands.
    Status(operator::OperatorArgs),
    /// Asks a running gateway whether it answers: exit status 0 if it does, else 1.
    Health(health::HealthArgs),
    /// Backs up, restores, verifies and rebuilds the store.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Works off what people ask for by right.
    #[command(subcommand)]
    Requests(requests::RequestsCommand),
    /// Works with the keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Switches an app or a recipient off or on, and says which are off.
    Switch {
        #[command(subcommand)]
        what: switch::SwitchCommand,
    },
    /// Prints a token, signed with a key of the configuration, or revokes tokens.
    Token {
        #[command(subcommand)]
        what: token::TokenCommand,
    },
    /// Works with policies.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Cosigns the checkpoints of logs that go on from where they were, for an auditor's office.
    Witness(witness::WitnessArgs),
    /// Checks receipts, with public keys alone.
    #[command(subcommand)]
    Receipt(audit::ReceiptCommand),
    /// Checks a certificate of erasure.
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// Verifies a log, and makes and checks proofs of its rows.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

/// Runs the command line `args`, whose first is the program's name.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Command::try_parse_from(args) {
        Ok(command) => command,
        Err(error) => {
            print::help(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match command.what {
        What::Demo { data, port, movielens, json } => {
            demo(&DemoOptions { data, port, movielens }, json)
        }
        What::Init(args) => init::run(&args),
        What::Import(args) => import::run(&args),
        What::Serve { config } => serve(&config),
        What::Status(args) => status::run(&args),
        What::Health(args) => match health::run(&args) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        What::Store(command) => match store::run(command) {
            Ok(status) => return status,
            Err(error) => Err(error),
        },
        What::Requests(command) => requests::run(&command),
        What::Keys(command) => keys::run(&command),
        What::Switch { what } => switch::run(&what),
        What::Token { what } => token::run(&what),
        What::Witness(args) => witness::run(args),
        What::Receipt(command) => return audit::receipt(&command),
        What::Audit(command) => return audit::run(command),
        What::Certificate(command) => return certificate::run(&command),
        What::Policy(command) => match policy::run(&command) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn demo(options: &DemoOptions, json: bool) -> Result<(), AppError> {
    let log = Log::start(tracing::Level::WARN);
    let stops = Stops::listen()?;
    let demo = Demo::start(options, Machine::real())?;
    print::line(&if json { demo.facts()?.to_string() } else { demo.story()? });
    let stopped = stops.wait(None);
    demo.stop();
    log.end();
    stopped
}

fn serve(config: &Path) -> Result<(), AppError> {
    let settings = Settings::read(config)?;
    let log = Log::start(settings.telemetry.log.into());
    let app = App::open(settings, Machine::real(), read)?;
    app.observer.show_dropped_lines(log.dropped());
    let stops = Stops::listen()?;
    let server = Server::start(app)?;
    tracing::info!(server.address = %server.address(), operator.door = %server.door(), "ready");
    notify::say(notify::READY);
    let stopped = stops.wait(Some(&|| reload::keys(server.app(), config)));
    tracing::info!("stopping");
    notify::say(notify::STOPPING);
    server.stop();
    log.end();
    stopped
}

/// The bytes of a key or a secret.
fn read(source: &Source) -> io::Result<Vec<u8>> {
    match source {
        Source::File(path) => fs::read(path),
        Source::Env(name) => {
            #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
            let value = std::env::var(name);
            value.map(String::into_bytes).map_err(|_| io::ErrorKind::NotFound.into())
        }
    }
}
