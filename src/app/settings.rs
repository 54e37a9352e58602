//! `consentry.toml`: what an operator sets. An unknown key is an error, and no secret stands in the file.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::AppError;
use crate::{
    auth::{AppSettings, AuthSettings, Source},
    diversity::{Dial, Preset},
    domain::{GatewayName, Pseudodomain, PurposeId, RecipientId},
};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[server]`.
    #[serde(default)]
    pub server: ServerSettings,
    /// `[keys]`.
    pub keys: KeysSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[audit]`.
    #[serde(default)]
    pub audit: AuditSettings,
    /// `[policy]`.
    #[serde(default)]
    pub policy: PolicySettings,
    /// `[auth]`.
    pub auth: AuthSettings,
    /// `[[app]]`.
    #[serde(default)]
    pub app: Vec<AppSettings>,
    /// `[[upstream]]`.
    #[serde(default)]
    pub upstream: Vec<UpstreamSettings>,
    /// `[diversity]`.
    #[serde(default)]
    pub diversity: DiversitySettings,
    /// `[events]`.
    #[serde(default)]
    pub events: EventsSettings,
}

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// The address that apps reach.
    pub listen: SocketAddr,
    /// How many threads answer calls; as many as the machine has processors if absent.
    pub workers: Option<usize>,
    /// The largest body of a call, in bytes; lists of items and batches may have 64 times as much.
    pub body_bytes: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            workers: None,
            body_bytes: 256 << 10,
        }
    }
}

/// `[keys]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSettings {
    /// The keeper's folder. It must lie outside the store and its backups.
    pub dir: PathBuf,
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// The folder of the journal and its views.
    pub dir: PathBuf,
    /// What answers reads: `sled` or `memory`.
    #[serde(default)]
    pub engine: EngineSetting,
    /// How many people's keys and standings stay in memory, about 1 KB each.
    #[serde(default = "people_in_memory")]
    pub people_in_memory: usize,
    /// The journal written since the last snapshot at which the next one is taken, in MiB; 256 if absent. A lower one
    /// makes starts after a crash shorter, and writes more.
    pub snapshot_mib: Option<std::num::NonZero<u32>>,
}

/// What answers reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineSetting {
    /// On disk.
    #[default]
    Sled,
    /// In memory, filled from the journal at every start.
    Memory,
}

/// `[audit]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// This gateway's name in the log.
    pub gateway: GatewayName,
    /// The log's name.
    pub origin: String,
    /// For how many days the bodies of rows are kept.
    pub retention_days: u32,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            gateway: GatewayName::standard(),
            origin: "consentry.invalid/gw-1".to_owned(),
            retention_days: 90,
        }
    }
}

/// `[policy]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// The folder of the catalogue and the policies; those that come with the program if absent.
    pub dir: Option<PathBuf>,
}

/// `[[upstream]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSettings {
    /// The recipient's name in consents and in the log.
    pub recipient: RecipientId,
    /// Its pseudonymisation domain: models of one domain see one pseudonym a person.
    pub domain: Pseudodomain,
    /// What it speaks.
    pub kind: UpstreamKind,
    /// Where it is, for every kind but `builtin`.
    pub url: Option<String>,
    /// For which purposes it is asked.
    pub purposes: Vec<PurposeId>,
    /// How long a call may take, from connecting to the last byte, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// The largest answer, in bytes.
    #[serde(default = "answer_bytes")]
    pub answer_bytes: usize,
    /// Whether it is run by someone else.
    #[serde(default)]
    pub third_party: bool,
    /// What a withdrawal does to what it holds.
    #[serde(default)]
    pub on_withdraw: OnWithdraw,
    /// A header that goes with every call, such as an API key.
    pub header: Option<HeaderSetting>,
}

/// A header that goes with every call to a model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderSetting {
    /// Its name.
    pub name: String,
    /// Where its value is.
    pub value: Source,
}

/// What a model speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamKind {
    /// The model inside this process.
    Builtin,
    /// The small JSON protocol over HTTP.
    Json,
}

/// What a withdrawal does to what a recipient holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnWithdraw {
    /// It is asked to delete it, and the person's next pseudonym is another one.
    #[default]
    Delete,
    /// It may keep it, under a pseudonym that comes back if the person agrees again.
    Keep,
}

/// `[diversity]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiversitySettings {
    /// How diverse answers are when neither call nor person says: `gentle`, `balanced` or `wide`.
    pub preset: Option<String>,
    /// The same as a number from 0 to 1.
    pub strength: Option<f64>,
}

/// `[events]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsSettings {
    /// The purpose under which events are counted for the popular list; none are if absent.
    pub popularity_purpose: Option<PurposeId>,
}

impl Settings {
    /// Reads a configuration file; paths in it start from its folder.
    ///
    /// # Errors
    /// [`AppError::Settings`] with line and reason.
    pub fn read(path: &Path) -> Result<Self, AppError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| AppError::Read { path: path.to_owned(), source })?;
        let settings = Self::parse(&text)?;
        Ok(settings.in_folder(path.parent().unwrap_or(Path::new("."))))
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// [`AppError::Settings`] with line and reason.
    pub fn parse(text: &str) -> Result<Self, AppError> {
        toml::from_str(text).map_err(|error| AppError::Settings(error.to_string()))
    }

    fn in_folder(mut self, folder: &Path) -> Self {
        for path in
            [&mut self.keys.dir, &mut self.store.dir].into_iter().chain(&mut self.policy.dir)
        {
            *path = folder.join(&*path);
        }
        let keys = self.auth.key.iter_mut().map(|key| &mut key.from);
        let sets = self.auth.jwks.iter_mut().map(|set| &mut set.from);
        let headers = self.upstream.iter_mut().filter_map(|model| model.header.as_mut());
        for source in keys.chain(sets).chain(headers.map(|header| &mut header.value)) {
            if let Source::File(file) = source {
                *file = folder.join(&*file).to_string_lossy().into_owned();
            }
        }
        self
    }

    /// How diverse answers are when neither call nor person says.
    ///
    /// # Errors
    /// When preset and number are both there, or one is out of range.
    pub fn dial(&self) -> Result<Dial, AppError> {
        let wrong = |text: &str| AppError::Settings(format!("[diversity]: {text}"));
        match (&self.diversity.preset, self.diversity.strength) {
            (Some(_), Some(_)) => Err(wrong("set preset or strength, not both")),
            (Some(name), None) => {
                let preset: Preset = name.parse().map_err(|error| wrong(&format!("{error}")))?;
                Ok(Dial::from(preset))
            }
            (None, Some(strength)) => {
                Dial::parse(strength).map_err(|error| wrong(&error.to_string()))
            }
            (None, None) => Ok(Dial::from(Preset::default())),
        }
    }
}

impl UpstreamSettings {
    /// How long a call may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

fn people_in_memory() -> usize {
    200_000
}

fn timeout_ms() -> u64 {
    300
}

fn answer_bytes() -> usize {
    1 << 20
}
