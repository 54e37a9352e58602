//! Consentry: a privacy-first, consent-aware personalization gateway.
//!
//! The rooms of this crate stand in reading order; a room names only rooms above it. `docs/ARCHITECTURE.md` is the
//! map, and `tests/architecture.rs` holds the table.

pub mod domain;

pub mod telemetry;

pub mod ambient;

pub mod jose;

pub mod tlog;

pub mod witness;

pub mod policy;

pub mod diversity;

pub mod store;

pub mod vault;

pub mod pseudonym;

pub mod upstream;

pub mod audit;

pub mod retry;

pub mod consent;

pub mod catalog;

pub mod rights;

pub mod gateway;

pub mod auth;

pub mod operate;

pub mod inspect;

pub mod observe;

pub mod http;

pub mod app;

pub mod cli;
