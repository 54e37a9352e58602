//! `[rights]`: what people are owed.

use serde::Deserialize;

/// `[rights]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RightsSettings {
    /// The law by which a request's time is counted if it names none: the name of a file in `policies/laws`.
    pub law: String,
}

impl Default for RightsSettings {
    fn default() -> Self {
        Self { law: "kr-pipa".to_owned() }
    }
}
