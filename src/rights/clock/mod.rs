//! Statutory clocks: by when somebody is owed an answer.
//!
//! A law is a file: how long each duty has, how it may be extended, how days are counted, in which zone, by which calendar, each
//! with its source. Nothing here reads a clock, a disk or a request: a moment goes in, a last day comes out.
//!
//! Promises: days, months and years are those of the calendar in the law's zone, not multiples of seconds; a deadline ends
//! with the whole of its last day there; where a calendar has no table for a year, weekends still count, holidays do not, and
//! [`Deadline::holidays_known_until`] says so: such a deadline is never later than the law's.
//!
//! It does not say what the law is: an operator's own files stand in place of those that come with the program.
//!
//! Start with [`Laws::shipped`] and [`Law::due`]. A new law is a file in `policies/laws/` and a line in `laws.rs`.

mod calendar;
mod deadline;
mod file;
mod law;
mod laws;

pub use calendar::Calendar;
pub use deadline::Deadline;
pub use law::{Does, Extension, ExtensionReason, Law, Matter};
pub use laws::Laws;

/// Why a law cannot be used, or a deadline not be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// A file does not hold together.
    #[error("{file}: {reason}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No law of that name is known.
    #[error("there is no law of that name; there are {}", known.join(", "))]
    UnknownLaw {
        /// The names that there are.
        known: Vec<String>,
    },
    /// The law names no time for it.
    #[error("the law names no time for it")]
    NoDuty,
    /// The law gives no extension, or none any more, or not for this reason.
    #[error("the law gives no such extension")]
    NoExtension,
    /// The moment or its deadline is beyond what a calendar holds.
    #[error("the date is out of range")]
    Range,
}

impl From<jiff::Error> for ClockError {
    fn from(_: jiff::Error) -> Self {
        Self::Range
    }
}
