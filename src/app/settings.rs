//! `consentry.toml`: what an operator sets. An unknown key is an error, and no secret stands in the file.

mod upstream;

use std::{
    num::NonZero,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};

mod backup;
mod opendsr;
mod operator;
mod rights;
mod server;
mod telemetry;
mod witness;

pub use backup::BackupSettings;
pub use opendsr::{OpenDsrSettings, UpstreamDsrSettings};
pub use operator::{Door, OperatorSettings};
pub use rights::RightsSettings;
pub use server::{ServerSettings, TlsSettings};
pub use telemetry::{LogLevel, OtlpSettings, TelemetrySettings};
pub use upstream::{BreakerSettings, HeaderSetting, OnWithdraw, UpstreamKind, UpstreamSettings};
pub use witness::{WitnessConfig, WitnessSettings};

use super::AppError;
use crate::{
    auth::{AppSettings, AuthSettings, Source},
    diversity::{Dial, Preset},
    domain::{Controller, GatewayName, PurposeId},
};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[server]`.
    #[serde(default)]
    pub server: ServerSettings,
    /// `[controller]`.
    #[serde(default)]
    pub controller: Controller,
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
    /// `[rights]`.
    #[serde(default)]
    pub rights: RightsSettings,
    /// `[opendsr]`; without it, nothing is spoken with controllers.
    pub opendsr: Option<OpenDsrSettings>,
    /// `[events]`.
    #[serde(default)]
    pub events: EventsSettings,
    /// `[telemetry]`.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
    /// `[backup]`.
    pub backup: Option<BackupSettings>,
    /// `[operator]`.
    #[serde(default)]
    pub operator: OperatorSettings,
}

/// `[keys]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSettings {
    /// The keeper's folder. It must lie outside the store and its backups.
    pub dir: PathBuf,
    /// How many days after one rotation of the key-encryption key the next is due. What is erased is gone for good, in
    /// backups too, with the rotation that follows.
    #[serde(default = "rotate_days")]
    pub rotate_days: NonZero<u16>,
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
    /// Free room on the disk, in bytes, below which only withdrawals are written; the larger of 512 MiB and the smaller of
    /// a tenth of the disk and 8 GiB if absent.
    pub reserve_bytes: Option<u64>,
    /// How many people's keys and standings stay in memory, about 1 KB each.
    #[serde(default = "people_in_memory")]
    pub people_in_memory: usize,
    /// The journal written since the last snapshot at which the next one is taken, in MiB; 256 if absent. A lower one
    /// makes starts after a crash shorter, and writes more.
    pub snapshot_mib: Option<NonZero<u32>>,
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
    /// The start of the log's name; each half year has a log of its own, `ORIGIN/2026h2`.
    pub origin: String,
    /// For how many days the bodies of rows are kept.
    pub retention_days: u32,
    /// For how many days rows stay in the published log at least; for ever if absent.
    pub published_days: Option<NonZero<u32>>,
    /// Whether anyone may read the published log under `/log/`; else it takes a token with the scope `audit:read`.
    pub public: bool,
    /// `[[audit.witness]]`: who cosigns the log's checkpoints.
    pub witness: Vec<WitnessSettings>,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            gateway: GatewayName::standard(),
            origin: "consentry.invalid/gw-1".to_owned(),
            retention_days: 90,
            published_days: None,
            public: true,
            witness: Vec::new(),
        }
    }
}

/// `[policy]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// The folder of the catalogue and the policies; those that come with the program if absent.
    pub dir: Option<PathBuf>,
    /// The day that `/.well-known/gpc.json` bears; that on which the policy in force came into force if absent.
    #[serde(default, deserialize_with = "day")]
    pub gpc_last_update: Option<Date>,
}

fn day<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Date>, D::Error> {
    String::deserialize(text)?.parse().map(Some).map_err(de::Error::custom)
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
        for ca in self.audit.witness.iter_mut().filter_map(|witness| witness.ca.as_mut()) {
            *ca = folder.join(&*ca);
        }
        self.operator.in_folder(folder);
        if let Some(opendsr) = &mut self.opendsr {
            opendsr.in_folder(folder);
        }
        for opendsr in self.upstream.iter_mut().filter_map(|upstream| upstream.opendsr.as_mut()) {
            opendsr.in_folder(folder);
        }
        if let Some(backup) = &mut self.backup {
            backup.in_folder(folder);
        }
        if let Some(tls) = &mut self.server.tls {
            for path in [&mut tls.certificate, &mut tls.key] {
                *path = folder.join(&*path);
            }
        }
        let keys = self.auth.key.iter_mut();
        let keys = keys.flat_map(|key| [&mut key.from].into_iter().chain(&mut key.private));
        let sets = self.auth.jwks.iter_mut().map(|set| &mut set.from);
        let models = self.upstream.iter_mut().flat_map(UpstreamSettings::secrets);
        for source in keys.chain(sets).chain(models) {
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

fn rotate_days() -> NonZero<u16> {
    NonZero::<u16>::MIN.saturating_add(29)
}

fn people_in_memory() -> usize {
    200_000
}
