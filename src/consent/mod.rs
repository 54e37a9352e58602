//! The ledger: what people gave, refused and took back, and what follows from it.
//!
//! Promises: an act is one batch of the new standing, the act itself, a row in the log and the new epoch, so they
//! cannot disagree; an acknowledged act holds from the next call on, and for calls in flight too ([`Gates`]); nothing
//! is overwritten but the standing, whose history is kept act by act; a read never creates a person.
//!
//! It does not decide what a consent allows (`policy` does), and it never sees an id of an app's.
//!
//! Start with [`Ledger::act`]; [`Ledger::person`] is what a call reads.

mod acts;
mod agreed;
mod bring;
mod change;
mod counts;
mod demand;
mod error;
mod expiry;
mod export;
mod facts;
mod forget;
mod gate;
mod guardian;
mod held;
mod history;
mod import;
mod leave;
mod ledger;
mod links;
mod notice;
mod owed;
mod own;
mod receipt;
mod receipts;
mod reset;
#[cfg(test)]
mod schedules;
mod shelf;
mod signal;
mod standing;
mod succeed;
mod sync;
mod terms;
mod told;

pub use acts::{Acted, Request};
pub use bring::{Bringing, Weighed};
pub use counts::Counts;
pub use demand::Demand;
pub use error::ConsentError;
pub use export::ClosedEpoch;
pub use facts::{Circumstances, Moment};
pub use forget::{Forgetting, Forgot};
pub use gate::{BOUND, Closed, Gates, Guard};
pub use guardian::{Guardian, GuardianCheck};
pub use history::{
    Act, Action, DELETIONS, Deletion, OfErased, deletion_key, deletion_sid, held_of, held_prefix,
};
pub use import::{Fate, Import, Shown, Unfit};
pub use leave::SeenAs;
pub use ledger::{Audience, Ground, Ledger, Person};
pub use links::{Alias, Link, LinkMethod, MOST_LINKS};
pub use notice::Snapshot;
pub use owed::Undurable;
pub use own::Own;
pub use receipt::{
    Happened, LogPlace, NoticeHash, Party, Pii, Processing, PurposeTerms, Receipt, ReceiptFlaw,
    Recipient,
};
pub use receipts::{Receipted, Receipts};
pub use reset::{ResetDone, Resetting, Undone};
pub use shelf::{Held, Shelf};
pub use standing::{
    Generation, LeftLife, LeftPseudonym, Life, PurposeStanding, Reset, Rules, Standing,
};
pub use succeed::{Acting, Ending, Survey};
