//! What people are owed: that recipients delete what they hold after a no, and that they see what the log holds of them.
//!
//! Promises: a deletion that is owed stays owed until its recipient has confirmed it or 30 days have passed, across
//! restarts; each outcome is a row in the log, an unanswered one too. An export holds every row of the person's and nobody
//! else's, and opens no later one. An erasure is one batch, holds from its acknowledgement on, and can be proven to anybody.
//!
//! It decides nothing about consent; `consent` queues what follows from an act, in the same batch as the act.
//!
//! Start with [`Deletions::run_due`], with [`Exports::begin`], with [`Rights::decisions`], or with [`Rights::erase`].

pub mod clock;
mod deletions;
mod erase;
mod error;
mod export;
mod ground;
mod receipts;
mod right;
mod see;

pub mod requests;

pub mod opendsr;

pub use deletions::{
    Asking, ByOpenDsr, Deletions, DeletionsGround, GIVE_UP_AFTER, NextTries, OVERDUE_AFTER, Rest,
};
pub use erase::{Answer, AnswerState, Erased, Erasure, Erasures, after_restore};
pub use error::RightsError;
pub use export::{Exports, OwnExport, OwnName, opened};
pub use ground::{Forgetting, Ground, Rights, Terms};
pub use receipts::{OwnReceipt, OwnReceipts};
pub use right::{NoSuchRight, Right};
pub use see::{
    Bounds, Came, Decision, DecisionPage, Looks, Name, Outcome, RecipientTally, Spot, Tally, Wanted,
};
