//! What an operator does to a gateway, running or not: one concern a file.
//!
//! Promises: whatever is done here is durable before it is acknowledged, and stands in the log. The same functions are
//! called over the operator's door of a running gateway and, when none runs, by the command line in process.
//!
//! Start with [`Imports`].

pub mod imports;

pub use imports::Imports;
