//! `[[upstream]]`: the models.

use std::time::Duration;

use serde::Deserialize;

use super::UpstreamDsrSettings;
use crate::{
    auth::Source,
    domain::{Country, Pseudodomain, PurposeId, RecipientId},
    upstream::{GorseSettings, Limits, MapSettings},
};

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
    /// How long a call may take, from connecting to the last byte, retries included, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// The largest answer, in bytes.
    #[serde(default = "answer_bytes")]
    pub answer_bytes: usize,
    /// How many calls may be under way at once; those beyond are answered without the model.
    #[serde(default = "concurrency")]
    pub concurrency: u32,
    /// When a model that does not answer is left alone.
    #[serde(default)]
    pub breaker: BreakerSettings,
    /// How often a recommendation call is sent again after a fault that may pass.
    #[serde(default = "retries")]
    pub retries: u8,
    /// Whether it is run by someone else.
    #[serde(default)]
    pub third_party: bool,
    /// The country it is in, for the records of processing (ISO 3166-1 alpha-2).
    pub country: Option<Country>,
    /// What a withdrawal does to what it holds.
    #[serde(default)]
    pub on_withdraw: OnWithdraw,
    /// A header that goes with every call, such as an API key.
    pub header: Option<HeaderSetting>,
    /// The API key of a `gorse` server, sent as `X-API-Key`.
    pub key: Option<Source>,
    /// `[upstream.opendsr]`: it is asked to delete by OpenDSR instead of by its own protocol.
    pub opendsr: Option<UpstreamDsrSettings>,
    /// `[upstream.gorse]`.
    pub gorse: Option<GorseSettings>,
    /// `[upstream.map]`: how a `json` model is spoken to that has a format of its own.
    pub map: Option<MapSettings>,
}

/// `breaker = { failures, open_ms }`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// After how many failures in a row the model is left alone; 0 for never.
    pub failures: u32,
    /// How long it is left alone between two probes, in milliseconds.
    pub open_ms: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        let limits = Limits::default().breaker;
        let open_ms = u64::try_from(limits.open_for.as_millis()).unwrap_or(u64::MAX);
        Self { failures: limits.failures, open_ms }
    }
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
    /// JSON over HTTP: the small protocol of `docs/MODELS.md`, or the one that `[upstream.map]` writes down.
    Json,
    /// Gorse's REST API.
    Gorse,
}

impl UpstreamKind {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Json => "json",
            Self::Gorse => "gorse",
        }
    }
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

impl UpstreamSettings {
    /// How long a call may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Where its secrets are.
    pub(super) fn secrets(&mut self) -> impl Iterator<Item = &mut Source> {
        let of_opendsr = self.opendsr.as_mut().and_then(|opendsr| opendsr.header.as_mut());
        let headers = self.header.as_mut().into_iter().chain(of_opendsr);
        headers.map(|header| &mut header.value).chain(self.key.as_mut())
    }
}

fn timeout_ms() -> u64 {
    300
}

fn answer_bytes() -> usize {
    Limits::default().answer_bytes
}

fn concurrency() -> u32 {
    Limits::default().concurrency
}

fn retries() -> u8 {
    Limits::default().retries
}
