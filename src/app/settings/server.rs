//! `[server]`: where apps reach the gateway, and how much of its room and time each of them may take.
//!
//! Every limit has a default that suits production; `docs/SERVER.md` says what each one prevents.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::app::AppError;

/// The smallest buffer that the HTTP library takes, in bytes.
const SMALLEST_HEAD: usize = 8 << 10;

/// `[server]`. Times are in milliseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// The address that apps reach.
    pub listen: SocketAddr,
    /// How many threads answer calls; as many as the machine has processors if absent.
    pub workers: Option<usize>,
    /// Certificate and key; without them the address speaks plain HTTP.
    pub tls: Option<TlsSettings>,
    /// The largest head of a call, in bytes; 8,192 at least.
    pub head_bytes: usize,
    /// The most headers of a call.
    pub headers: usize,
    /// The largest body of a call, in bytes; lists of items and batches may have 64 times as much.
    pub body_bytes: usize,
    /// How long a head may take, from its first byte to its last.
    pub head_ms: u64,
    /// How long a body may take; in a body of lines, each line.
    pub body_ms: u64,
    /// How long a connection may rest between two calls.
    pub idle_ms: u64,
    /// How long a call may take in all, from the first byte of its head to the answer; then, how long a client may leave
    /// an answer unread.
    pub deadline_ms: u64,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one thread; twice an equal share if absent, because the kernel spreads them unevenly.
    pub connections_per_worker: Option<usize>,
    /// The most calls under way on one thread.
    pub calls_per_worker: usize,
    /// After a stop was asked for: how long new calls are taken while `/readyz` says no already.
    pub notice_ms: u64,
    /// After that: how long calls under way may go on.
    pub drain_ms: u64,
}

/// `[server.tls]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and those between it and a root, in this order, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
    /// How long a handshake may take, in milliseconds.
    #[serde(default = "handshake_ms")]
    pub handshake_ms: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            workers: None,
            tls: None,
            head_bytes: 16 << 10,
            headers: 100,
            body_bytes: 256 << 10,
            head_ms: 10_000,
            body_ms: 10_000,
            // As long as nginx's, so that a client's pool that suits nginx suits us.
            idle_ms: 75_000,
            deadline_ms: 30_000,
            connections: 16_384,
            connections_per_worker: None,
            calls_per_worker: 1024,
            notice_ms: 0,
            drain_ms: 10_000,
        }
    }
}

impl ServerSettings {
    /// Passes if the values can be kept to.
    ///
    /// # Errors
    /// [`AppError::Settings`] with the first one that cannot.
    pub fn check(&self) -> Result<(), AppError> {
        let wrong = |rule: &str| Err(AppError::Settings(format!("[server] {rule}")));
        if self.head_bytes < SMALLEST_HEAD {
            return wrong("head_bytes must be 8192 at least");
        }
        for (name, value) in [
            ("headers", self.headers),
            ("body_bytes", self.body_bytes),
            ("connections", self.connections),
            ("connections_per_worker", self.connections_per_worker.unwrap_or(1)),
            ("calls_per_worker", self.calls_per_worker),
            ("workers", self.workers.unwrap_or(1)),
        ] {
            if value == 0 {
                return wrong(&format!("{name} must be 1 at least"));
            }
        }
        for (name, value) in [
            ("head_ms", self.head_ms),
            ("body_ms", self.body_ms),
            ("idle_ms", self.idle_ms),
            ("deadline_ms", self.deadline_ms),
            ("tls.handshake_ms", self.tls.as_ref().map_or(1, |tls| tls.handshake_ms)),
        ] {
            if value == 0 {
                return wrong(&format!("{name} must be 1 at least"));
            }
        }
        Ok(())
    }

    /// The most connections of one of `workers` threads.
    #[must_use]
    pub fn connections_of(&self, workers: usize) -> usize {
        let share = self.connections.div_ceil(workers.max(1)).saturating_mul(2);
        self.connections_per_worker.unwrap_or(share).min(self.connections)
    }

    /// How long a body, or a line of one, may take.
    #[must_use]
    pub fn body_within(&self) -> Duration {
        Duration::from_millis(self.body_ms)
    }
}

fn handshake_ms() -> u64 {
    10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_is_refused_by_its_name() {
        let refusal = |text: &str| {
            let settings: ServerSettings = toml::from_str(text).unwrap();
            settings.check().map_err(|error| error.to_string())
        };
        assert_eq!(refusal(""), Ok(()));
        for (text, told) in [
            ("connections = 0", "connections must be 1 at least"),
            ("calls_per_worker = 0", "calls_per_worker must be 1 at least"),
            ("head_bytes = 8191", "head_bytes must be 8192 at least"),
            ("idle_ms = 0", "idle_ms must be 1 at least"),
            ("[tls]\ncertificate = 'c'\nkey = 'k'\nhandshake_ms = 0", "tls.handshake_ms must be 1"),
        ] {
            assert!(refusal(text).unwrap_err().contains(told), "{text}");
        }
        assert!(toml::from_str::<ServerSettings>("colour = 1").is_err());
    }

    #[test]
    fn a_thread_has_room_for_an_uneven_share() {
        let settings = |text: &str| toml::from_str::<ServerSettings>(text).unwrap();
        assert_eq!(settings("connections = 100").connections_of(4), 50);
        assert_eq!(settings("connections = 100").connections_of(1), 100);
        assert_eq!(settings("connections = 100\nconnections_per_worker = 7").connections_of(4), 7);
    }
}
