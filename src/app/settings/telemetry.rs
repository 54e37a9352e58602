//! `[telemetry]`: what the gateway tells of itself beside its numbers.

use serde::Deserialize;

use super::super::AppError;
use crate::observe::Traces;

/// `[telemetry]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// From which level on lines are written: `error`, `warn`, `info` or `debug`.
    pub log: LogLevel,
    /// Whether each call is a line of the log: path template, method, status, milliseconds, app and tier.
    pub access_log: bool,
    /// Where spans go; without it, none are made.
    pub otlp: Option<OtlpSettings>,
}

/// From which level on lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What the gateway could not do.
    Error,
    /// Also what it could do only later or otherwise.
    Warn,
    /// Also what happens to it.
    #[default]
    Info,
    /// Also what its parts do.
    Debug,
}

/// A collector of spans.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpSettings {
    /// Its address for traces in full, such as `http://127.0.0.1:4318/v1/traces`.
    pub url: String,
    /// The share of calls that are told, 0 to 1.
    #[serde(default = "sample_ratio")]
    pub sample_ratio: f64,
}

impl TelemetrySettings {
    /// The way to the collector, if there is one.
    ///
    /// # Errors
    /// When its URL or the share is none.
    pub(in crate::app) fn traces(&self) -> Result<Option<Traces>, AppError> {
        let to = |otlp: &OtlpSettings| Traces::to(&otlp.url, otlp.sample_ratio);
        Ok(self.otlp.as_ref().map(to).transpose()?)
    }
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

fn sample_ratio() -> f64 {
    0.01
}
