//! The `consentry` command: what an operator types.
//!
//! Exit statuses: 0 done, 1 failed (the reason is on standard error), 2 the command line was not understood.

mod health;
mod log;
mod notify;
mod operator;
mod print;
mod status;
mod token;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use self::log::Log;
use crate::{
    app::{
        App, AppError, Machine, Server, Settings,
        demo::{Demo, DemoOptions},
        policy_files,
    },
    auth::Source,
    policy::Bundle,
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
    /// Runs the gateway that a configuration file describes.
    Serve {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Says how the gateway stands.
    Status(operator::OperatorArgs),
    /// Asks a running gateway whether it answers: exit status 0 if it does, else 1.
    Health(health::HealthArgs),
    /// Prints a token, signed with a key of the configuration.
    Token(token::TokenArgs),
    /// Works with policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Checks a folder of policies, and runs the cases beside them.
    Check {
        /// The folder; the policies that come with the program if absent.
        dir: Option<PathBuf>,
    },
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
        What::Serve { config } => serve(&config),
        What::Status(args) => status::run(&args),
        What::Health(args) => match health::run(&args) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        What::Token(args) => token::run(&args),
        What::Policy(PolicyCommand::Check { dir }) => match check(dir.as_deref()) {
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
    let demo = Demo::start(options, Machine::real())?;
    print::line(&if json { demo.facts()?.to_string() } else { demo.story()? });
    wait_for_stop()?;
    demo.stop();
    log.end();
    Ok(())
}

fn serve(config: &Path) -> Result<(), AppError> {
    let settings = Settings::read(config)?;
    let log = Log::start(settings.telemetry.log.into());
    let app = App::open(settings, Machine::real(), read)?;
    app.observer.show_dropped_lines(log.dropped());
    let server = Server::start(app)?;
    tracing::info!(server.address = %server.address(), "ready");
    notify::say(notify::READY);
    let stopped = wait_for_stop();
    tracing::info!("stopping");
    notify::say(notify::STOPPING);
    server.stop();
    log.end();
    stopped
}

fn check(dir: Option<&Path>) -> Result<bool, AppError> {
    let bundle = match dir {
        Some(dir) => Bundle::parse(policy_files(dir)?)?,
        None => Bundle::shipped()?,
    };
    let report = bundle.check()?;
    for failed in &report.failed {
        print::line(&format!(
            "{}:{}: {}: expected {}, got {}",
            failed.file, failed.line, failed.name, failed.expected, failed.got
        ));
    }
    for breach in &report.breaches {
        print::line(&format!("a promise is broken: {breach:?}"));
    }
    for untried in &report.untried {
        print::line(&format!("{untried}: no case tries this policy"));
    }
    print::line(&format!("{} cases passed, {} failed", report.passed, report.failed.len()));
    Ok(report.holds())
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

/// Waits for SIGINT or SIGTERM.
fn wait_for_stop() -> Result<(), AppError> {
    let failed = |source| AppError::Machine { doing: "waiting for a signal", source };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(failed)?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
            _ = term.recv() => Ok(()),
        }
    })
}
