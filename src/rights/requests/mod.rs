//! What people ask for by right: received, worked on by the gateway or by its operator, and answered in time.
//!
//! A request has two records. The *docket* holds what clocks, the register and numbers need, and nothing about anybody: a random
//! id, the right, the law, moments and a state; it outlives an erasure. The *filed* request holds what was said, by the person
//! and to the person, sealed under their key; it goes with that key. Nothing leads from a docket to a person: who asks for their
//! own shows it by a keyed hash, and an operator's answer looks for the filed one.
//!
//! Promises: nothing acts for a person before it was confirmed that the request speaks for them; what the gateway does at once,
//! the record of it and its row in the log are one batch; every change of a state is a row; a request about somebody of whom
//! nothing is held is answered so, and makes nobody known.
//!
//! It does not count days (`clock`), decides no consent (`consent`) and erases nobody (`erase`). What the gateway cannot do alone waits for the operator.
//!
//! Start with [`Rights::request`](super::Rights::request); `deed.rs` says what the gateway does by itself.

mod answer;
mod ask;
mod deed;
mod docket;
mod end;
mod erase;
mod file;
mod filed;
mod identify;
mod read;
mod register;
mod rows;
mod words;

pub use answer::{Answered, Extended, Queued};
pub use ask::{Asked, AskedBy, Received};
pub use docket::{Certified, Docket, RequestId, RequestState};
pub use file::Told;
pub use filed::{Age, Filed, Note, Wanted};
pub use register::{OpenRequests, open_requests, remove_old_requests, requests_within};
pub use words::{IdentityMethod, Proof, RefusalReason};

/// Why a request was not taken, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no such request, or not for whoever asks.
    #[error("there is no such request")]
    Unknown,
    /// It does not stand so that this follows.
    #[error("the request is {}", .0.as_str())]
    State(RequestState),
    /// The confirmation names somebody else.
    #[error("the request is not about whom the confirmation names")]
    OtherPerson,
    /// The person was confirmed in the future, or too long ago.
    #[error("the identity was not confirmed lately")]
    Stale,
    /// The catalogue has no such purpose.
    #[error("there is no such purpose")]
    UnknownPurpose,
    /// The law is not known, or names no time for it.
    #[error("the law gives no such time")]
    Clock(#[from] super::clock::ClockError),
    /// The day to which a request is put off is not after the present deadline.
    #[error("the day is not after the deadline")]
    NotLater,
    /// Whoever extends has to name the day, since the law names no length.
    #[error("the law names no length for this extension")]
    DayMissing,
    /// The erasure holds already and is about to end the request by itself.
    #[error("the erasure is being carried out")]
    Erasing,
    /// A record does not decode.
    #[error("a record of a request is damaged, or was written by a newer version")]
    Damaged,
}
