//! `[[audit.witness]]`: who cosigns the log's checkpoints. And `witness.toml`: what `consentry witness` runs on.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::ServerSettings;
use crate::{
    app::AppError,
    tlog::{Signs, VerifierKey},
};

/// `[[audit.witness]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// The URL before `/add-checkpoint`, with `http` or `https`.
    pub url: String,
    /// What verifies its cosignatures.
    #[serde(deserialize_with = "witness_key")]
    pub vkey: VerifierKey,
    /// How long it may take to answer, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Certificates that may vouch for an `https` witness, as PEM; those that the machine trusts if absent.
    pub ca: Option<PathBuf>,
}

impl WitnessSettings {
    /// How long it may take to answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(1))
    }
}

/// `witness.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// The folder that `consentry witness init` made.
    pub data: PathBuf,
    /// The keys of the logs that it follows.
    #[serde(default, deserialize_with = "log_keys")]
    pub log: Vec<VerifierKey>,
    /// `[server]`: where it listens, and its limits.
    #[serde(default)]
    pub server: ServerSettings,
}

impl WitnessConfig {
    /// Reads a configuration file; paths in it start from its folder.
    ///
    /// # Errors
    /// [`AppError::Settings`] with line and reason.
    pub fn read(path: &Path) -> Result<Self, AppError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| AppError::Read { path: path.to_owned(), source })?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| AppError::Settings(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.data = folder.join(&config.data);
        if let Some(tls) = &mut config.server.tls {
            for path in [&mut tls.certificate, &mut tls.key] {
                *path = folder.join(&*path);
            }
        }
        Ok(config)
    }
}

fn timeout_ms() -> u64 {
    10_000
}

fn key<'de, D: Deserializer<'de>>(text: &str, signs: Signs) -> Result<VerifierKey, D::Error> {
    let key = VerifierKey::parse(text).map_err(D::Error::custom)?;
    match (signs, key.signs) {
        (Signs::Timed, Signs::Text) => Err(D::Error::custom(
            "this is the key of a log; a witness is given by the key that `consentry witness init` printed",
        )),
        (Signs::Text, Signs::Timed) => Err(D::Error::custom(
            "this is the key of a witness; a log is given by the key that signs its checkpoints",
        )),
        _ => Ok(key),
    }
}

fn witness_key<'de, D: Deserializer<'de>>(from: D) -> Result<VerifierKey, D::Error> {
    key::<D>(&String::deserialize(from)?, Signs::Timed)
}

fn log_keys<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<VerifierKey>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| key::<D>(text, Signs::Text)).collect()
}
