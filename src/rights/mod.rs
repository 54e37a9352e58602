//! What people are owed after they said no: that recipients delete what they hold.
//!
//! Promises: a deletion that is owed stays owed until its recipient has confirmed it or 30 days have passed, across
//! restarts; each outcome is a row in the log, an unanswered one too.
//!
//! It decides nothing about consent; `consent` queues what follows from an act, in the same batch as the act.
//!
//! Start with [`Deletions::run_due`].

mod deletions;

pub use deletions::{Asking, Deletions, GIVE_UP_AFTER, NextTries, OVERDUE_AFTER, RightsError};
