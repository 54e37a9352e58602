//! Wiring: puts the rooms together into something that runs.
//!
//! Promises: what is configured is what runs, or the start fails and says why; one process owns a data folder; a stop
//! loses nothing that was acknowledged.
//!
//! Start with [`App::open`]; [`Server`] answers calls with it, `chores` is what happens between calls.

pub mod demo;

mod chores;
mod door;
mod error;
mod memory;
mod open;
mod serve;
mod settings;

pub use chores::{Chores, Done};
pub use error::AppError;
pub use open::{App, Machine, policy_files};
pub use serve::Server;
pub use settings::{
    AuditSettings, DiversitySettings, Door, EngineSetting, EventsSettings, KeysSettings, LogLevel,
    OnWithdraw, OperatorSettings, OtlpSettings, PolicySettings, ServerSettings, Settings,
    StoreSettings, TelemetrySettings, UpstreamKind, UpstreamSettings,
};
