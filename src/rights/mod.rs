//! What people are owed: that recipients delete what they hold after a no, and that they see what the log holds of them.
//!
//! Promises: a deletion that is owed stays owed until its recipient has confirmed it or 30 days have passed, across
//! restarts; each outcome is a row in the log, an unanswered one too. An export holds every row of the person's and nobody
//! else's, and opens no later one.
//!
//! It decides nothing about consent; `consent` queues what follows from an act, in the same batch as the act.
//!
//! Start with [`Deletions::run_due`], with [`Exports::begin`], or with [`Rights::decisions`].

mod deletions;
mod error;
mod export;
mod ground;
mod receipts;
mod see;

pub use deletions::{Asking, Deletions, GIVE_UP_AFTER, NextTries, OVERDUE_AFTER};
pub use error::RightsError;
pub use export::{Exports, OwnExport, OwnName, opened};
pub use ground::{Ground, Rights};
pub use receipts::{OwnReceipt, OwnReceipts};
pub use see::{
    Bounds, Came, Decision, DecisionPage, Looks, Name, Outcome, RecipientTally, Spot, Tally, Wanted,
};
