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
    /// A file cannot be written.
    #[error("writing {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// Something that would be made is there already.
    #[error("{0} is there already, and nothing is overwritten: name another folder")]
    Exists(PathBuf),
    /// Nobody can be believed over TLS.
    #[error(transparent)]
    Trust(#[from] crate::ambient::TrustError),
    /// What was to be checked is not as it must be.
    #[error("{0}")]
    Wrong(String),
    /// The configuration says something that cannot be done.
    #[error("the configuration: {0}")]
    Settings(String),
    /// Certificate or key of the server cannot be used.
    #[error("the certificate {path} cannot be used: {reason}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
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
    /// The log cannot be published.
    #[error("publishing the log")]
    Log(#[from] crate::audit::LogError),
    /// The policies are wrong.
    #[error("loading the policies")]
    Policy(#[from] crate::policy::PolicyError),
    /// The policy in force cannot be had, or another cannot be put in force.
    #[error(transparent)]
    Change(#[from] crate::operate::ChangeError),
    /// The state's past cannot be told.
    #[error(transparent)]
    Continuity(#[from] crate::operate::ContinuityError),
    /// A backup was not taken.
    #[error(transparent)]
    Backup(#[from] crate::operate::BackupError),
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
    /// What an operator had in force cannot be put in force again, or an act of theirs failed.
    #[error("putting in force what an operator decided")]
    Operate(#[from] crate::operate::OperateError),
    /// What retries are told could not be removed in time.
    #[error("removing what retries are told no more")]
    Retry(#[from] crate::retry::RetryError),
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
    /// A file to import has no form that can be read.
    #[error("{0}")]
    Unreadable(String),
    /// An import was told to stop.
    #[error("stopped after {rows} rows, which are kept; run the same command again to go on")]
    Stopped {
        /// How many rows were gone through.
        rows: u64,
    },
    /// The witness does not open.
    #[error("the witness")]
    Witness(#[from] crate::witness::WitnessError),
    /// Spans cannot be sent.
    #[error("[telemetry] otlp")]
    Collector(#[from] crate::observe::InvalidCollector),
    /// An address cannot be listened on.
    #[error("listening on {address}")]
    Listening {
        /// Which address.
        address: std::net::SocketAddr,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
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
