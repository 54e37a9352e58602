//! OpenDSR 2.0: controllers hand people's requests to the gateway, which answers for them as their processor.
//!
//! An *order* is what a controller sends under an id of its own: one right, one or several identities. Each identity becomes
//! a request of ours; the order keeps their names and a keyed hash of what was said, sealed like rows about nobody.
//!
//! Promises: an order that was acknowledged is carried out and its state is told to each callback, across restarts, for 30
//! days; the same order twice is one; another one under the same id is refused. No identity is kept: they end as handles
//! before they come here. Nothing is sent but to hosts that the operator listed. Every answer is signed.
//!
//! It confirms nobody's identity: the controller has done so before it sends an order, or says that it has not, and then
//! nothing acts. What a request comes to is decided in `requests`.
//!
//! Start with [`Rights::take_order`](super::Rights::take_order); [`Callbacks`] tells states.

mod callbacks;
mod hosts;
mod order;
mod signature;
mod status;
mod take;

pub use callbacks::{Callbacks, Calling};
pub use hosts::{CallbackUrl, Hosts, InvalidHost};
pub use order::remove_old_orders;
pub use signature::{PublicKey, SigningKey, UnusableKey};
pub use status::{OrderStatus, Outcome, Progress, Standing};
pub use take::{OrderFrom, OrderId, Ordered, Taken};

use std::{collections::BTreeMap, fmt};

use super::requests::RequestState;
use crate::domain::IdType;

/// The protocol's version, in `api_version`.
pub const API_VERSION: &str = "2.0";

/// Who the gateway is as a processor.
pub struct Processor {
    /// The domain that answers are signed for.
    pub domain: String,
    /// What stands before paths in URLs that are told.
    pub url: String,
    /// Which id type of ours each identity type stands for.
    pub identities: BTreeMap<String, IdType>,
    /// Where callbacks may go.
    pub hosts: Hosts,
    /// The certificate of the key, as PEM.
    pub certificate: Vec<u8>,
    /// What signs.
    pub key: SigningKey,
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processor").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Why an order is not taken, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// There is none of this id, or not from whoever asks.
    #[error("there is no such order")]
    Unknown,
    /// Another one was sent under the same id.
    #[error("another order was sent under the same id")]
    Other,
    /// Only one on which nothing was done yet is cancelled.
    #[error("the order is {}", .0.as_str())]
    Status(OrderStatus),
    /// What the machine could not sign.
    #[error("signing an answer")]
    Unsigned,
}

impl From<RequestState> for Standing {
    fn from(state: RequestState) -> Self {
        match state {
            RequestState::Received => Self::Waits,
            RequestState::InProgress => Self::Worked,
            RequestState::Completed => Self::Done,
            RequestState::Refused => Self::Refused,
            RequestState::Cancelled => Self::Cancelled,
        }
    }
}
