//! `consentry keys show`: the gateway's public keys.

use std::{fs, io, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::super::print;
use crate::{
    ambient::Entropy,
    app::{AppError, Settings},
    audit::log_dir,
    jose::{Jwks, PublicKey},
    tlog::{NoteSigner, Signs},
    vault::Keeper,
};

/// `consentry keys show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
}

pub(super) fn run(args: &ShowArgs) -> Result<(), AppError> {
    let settings = Settings::read(&args.config)?;
    // Keys that are not there are not made: the gateway makes them when it starts first.
    let folder = &settings.keys.dir;
    for name in ["signing", "log"] {
        let path = folder.join(name);
        fs::metadata(&path).map_err(|source| AppError::Read { path, source })?;
    }
    let keeper = Keeper::open(folder, true, &Entropy::system())?;
    let jwks = Jwks { keys: vec![PublicKey::new(keeper.public_key()).jwk()] };
    let mut logs = Vec::new();
    for name in shards(&log_dir(&settings.store.dir))? {
        let origin = format!("{}/{name}", settings.audit.origin);
        let seed = keeper.log_seed();
        let signer = NoteSigner::new(&origin, Signs::Text, seed.as_slice())
            .map_err(|error| AppError::Settings(format!("[audit] origin: {error}")))?;
        logs.push(json!({ "origin": origin, "vkey": signer.verifier().to_string() }));
    }
    let shown = json!({ "jwks": jwks, "logs": logs });
    print::line(&serde_json::to_string_pretty(&shown).unwrap_or_default());
    Ok(())
}

/// The names of the logs that are published: each has a folder of its own.
fn shards(dir: &std::path::Path) -> Result<Vec<String>, AppError> {
    let failed = |source| AppError::Read { path: dir.to_owned(), source };
    let found = match fs::read_dir(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in found {
        let entry = entry.map_err(failed)?;
        if entry.path().join("checkpoint").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
