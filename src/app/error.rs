//! Why the gateway does not start.

use std::path::PathBuf;

/// Why the gateway does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A file cannot be read.
    #[error("reading {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// The configuration says something that cannot be done.
    #[error("the configuration: {0}")]
    Settings(String),
    /// The key folder cannot be used.
    #[error(transparent)]
    Keeper(#[from] crate::vault::KeeperError),
    /// A key record cannot be used.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The store does not open.
    #[error("opening the store")]
    Store(#[from] crate::store::StoreError),
    /// The log does not open.
    #[error("opening the log")]
    Audit(#[from] crate::audit::AuditError),
    /// The policies are wrong.
    #[error("loading the policies")]
    Policy(#[from] crate::policy::PolicyError),
    /// The catalogue of items does not open.
    #[error("opening the catalogue")]
    Catalog(#[from] crate::catalog::CatalogError),
    /// The gateway cannot be put together.
    #[error("putting the gateway together")]
    Gateway(#[from] crate::gateway::GatewayError),
    /// A consent could not be read or recorded.
    #[error("using the ledger")]
    Consent(#[from] crate::consent::ConsentError),
    /// A deletion could not be worked off.
    #[error("working off deletions")]
    Rights(#[from] crate::rights::RightsError),
    /// The tokens' keys cannot be used.
    #[error("setting up tokens")]
    Auth(#[from] crate::auth::SetupError),
    /// A model's URL or header cannot be used.
    #[error("the model {recipient}")]
    Endpoint {
        /// Which model.
        recipient: String,
        /// Why.
        #[source]
        source: crate::upstream::InvalidEndpoint,
    },
    /// Spans cannot be sent.
    #[error("[telemetry] otlp")]
    Collector(#[from] crate::observe::InvalidCollector),
    /// The network or a thread cannot be had.
    #[error("{doing}")]
    Machine {
        /// What was being done.
        doing: &'static str,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// The operator's door cannot be opened or reached.
    #[error("the operator's door at {place}")]
    Door {
        /// Where it is.
        place: String,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// The gateway refused an operator's call: what its problem document says.
    #[error("{0}")]
    Refused(String),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] crate::ambient::EntropyError),
    /// The demo's data cannot be read.
    #[error("reading the demo's data")]
    Demo(#[source] Box<dyn std::error::Error + Send + Sync>),
}
