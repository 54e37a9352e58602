//! How a gateway stands, told in a few words.

use super::Controls;

/// How a gateway stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// The log's name.
    pub log_origin: String,
    /// How many rows the log has.
    pub log_rows: u64,
    /// The policy in force.
    pub policy: String,
    /// Whether the journal takes every kind of record.
    pub writable: bool,
}

impl Controls {
    /// How the gateway stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION"),
            log_origin: self.0.log_origin.to_string(),
            log_rows: self.0.store.log_size(),
            policy: self.0.policies.snapshot().version().to_owned(),
            writable: self.0.store.health().writable(),
        }
    }
}
