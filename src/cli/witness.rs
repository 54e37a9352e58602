//! `consentry witness`: cosigns the checkpoints of logs that go on from where they were.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

use super::{log::Log, print, signals::Stops};
use crate::{
    ambient::Entropy,
    app::{AppError, Machine, ServerSettings, WitnessConfig, WitnessServer, init_witness},
    tlog::VerifierKey,
};

/// `consentry witness`, with a configuration file or with all of it on the command line.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct WitnessArgs {
    #[command(subcommand)]
    what: Option<WitnessCommand>,
    /// The configuration file, in place of the other options.
    #[arg(long, conflicts_with_all = ["data", "listen", "log"])]
    config: Option<PathBuf>,
    /// The folder that `consentry witness init` made.
    #[arg(long, required_unless_present = "config")]
    data: Option<PathBuf>,
    /// Where logs reach it.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The key of a log that it follows, in all its shards; may be given several times.
    #[arg(long, value_name = "VKEY", value_parser = VerifierKey::parse, required_unless_present = "config")]
    log: Vec<VerifierKey>,
}

#[derive(Debug, Subcommand)]
enum WitnessCommand {
    /// Makes the folder of a new witness and prints the key that verifies its cosignatures.
    Init {
        /// The folder; made if it is not there. Nothing in it is overwritten.
        dir: PathBuf,
        /// The witness's name, best with a domain of its own, such as audit.example/gateway-witness.
        #[arg(long)]
        name: String,
    },
}

pub(super) fn run(args: WitnessArgs) -> Result<(), AppError> {
    match args.what {
        Some(WitnessCommand::Init { dir, name }) => {
            let key = init_witness(&dir, &name, &Entropy::system())?;
            print::line(&key.to_string());
            Ok(())
        }
        None => serve(&config(args)?),
    }
}

fn config(args: WitnessArgs) -> Result<WitnessConfig, AppError> {
    let given = match (args.config, args.data) {
        (Some(path), _) => return WitnessConfig::read(&path),
        (None, data) => data.unwrap_or_default(),
    };
    let mut config =
        WitnessConfig { data: given, log: args.log, server: ServerSettings::default() };
    config.server.listen = args.listen;
    Ok(config)
}

fn serve(config: &WitnessConfig) -> Result<(), AppError> {
    let log = Log::start(tracing::Level::INFO);
    let stops = Stops::listen()?;
    let server = WitnessServer::start(config, &Machine::real())?;
    let (address, key) = (server.address(), server.verifier());
    print::line(&format!("witness {key} listens at {address}"));
    tracing::info!(server.address = %address, witness.key = %key, "ready");
    // A SIGHUP is heard by the server itself: it looks at the certificate's files.
    let stopped = stops.wait(Some(&|| ()));
    server.stop();
    log.end();
    stopped
}
