//! `[rights]`: what people are owed, and how their own acts are treated.

use std::time::Duration;

use serde::Deserialize;

/// `[rights]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RightsSettings {
    /// The law by which a request's time is counted if it names none: the name of a file in `policies/laws`.
    pub law: String,
    /// For how many days a reset can be undone, where the person does not say: 0 to 30; 7 if absent. What was left behind is
    /// deleted at recipients when they are over.
    #[serde(deserialize_with = "days")]
    pub undo_days: u8,
}

/// The most days that a reset can be undone for: then what was left behind is deleted, as a month is how long a person may
/// wait for an erasure (GDPR article 12(3)).
const MOST_UNDO_DAYS: u8 = 30;

impl Default for RightsSettings {
    fn default() -> Self {
        Self { law: "kr-pipa".to_owned(), undo_days: 7 }
    }
}

impl RightsSettings {
    /// For how long a reset can be undone, where the person does not say.
    #[must_use]
    pub fn undo_within(&self) -> Duration {
        Duration::from_secs(u64::from(self.undo_days) * 24 * 60 * 60)
    }
}

fn days<'de, D: serde::Deserializer<'de>>(toml: D) -> Result<u8, D::Error> {
    let days = u8::deserialize(toml)?;
    if days <= MOST_UNDO_DAYS {
        return Ok(days);
    }
    Err(serde::de::Error::custom(format_args!("undo_days must be 0 to {MOST_UNDO_DAYS}")))
}
