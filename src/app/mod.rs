//! Wiring: puts the rooms together into something that runs.
//!
//! Promises: what is configured is what runs, or the start fails and says why; one process owns a data folder; a stop
//! loses nothing that was acknowledged.
//!
//! Start with [`App::open`]; [`Server`] answers calls with it, `chores` is what happens between calls.

pub mod demo;
pub mod init;

mod chores;
mod control;
mod door;
mod error;
mod front;
mod memory;
mod models;
mod open;
mod opendsr;
mod policy;
mod rights;
mod serve;
mod sight;
// Keys and folders of the store.
mod stored;

mod settings;

// Cosignatures: those that are given and those that are asked for.
mod witness;

pub use chores::{Chores, Done};
pub use error::AppError;
pub use open::{App, Machine};
pub use opendsr::OpenDsr;
pub use policy::policy_files;
pub use serve::Server;
pub use settings::{
    AuditSettings, BackupSettings, BreakerSettings, DiversitySettings, Door, EngineSetting,
    EventsSettings, HeaderSetting, KeysSettings, LogLevel, OnWithdraw, OpenDsrSettings,
    OperatorSettings, OtlpSettings, PolicySettings, RightsSettings, ServerSettings, Settings,
    StoreSettings, TelemetrySettings, TlsSettings, UpstreamDsrSettings, UpstreamKind,
    UpstreamSettings, WitnessConfig, WitnessSettings,
};
pub(crate) use stored::{file_key_of, verify_request};
pub use witness::{WitnessServer, Witnesses, init_witness};
