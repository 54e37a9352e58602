//! How a gateway stands, told in a few words.

use super::{Controls, KekStatus};

/// How a gateway stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// The name of the log that grows.
    pub log_origin: String,
    /// How many rows it has.
    pub log_rows: u64,
    /// The policy in force.
    pub policy: String,
    /// Whether the journal takes every kind of record.
    pub writable: bool,
    /// How many requests of people are overdue; `None` where they cannot be read.
    pub overdue_requests: Option<u64>,
    /// How the key-encryption key stands; unknown if that cannot be read.
    pub kek: Option<KekStatus>,
}

impl Controls {
    /// How the gateway stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        let place = self.0.log.place(self.0.store.log_size());
        Status {
            version: env!("CARGO_PKG_VERSION"),
            log_origin: place.origin.to_string(),
            log_rows: place.index,
            policy: self.0.policies.snapshot().version().to_owned(),
            writable: self.0.store.health().writable(),
            overdue_requests: self.overdue_requests().ok(),
            kek: self.kek_status().ok(),
        }
    }
}
