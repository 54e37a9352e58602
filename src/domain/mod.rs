//! The nouns of the gateway: who, what for, which data, how far, and when.
//!
//! Promises: every value here is parsed once, at the edge, and is valid from then on; the one type that holds an
//! id of a person ([`UserId`]) cannot be serialized or printed.
//!
//! It knows nothing of bytes on disk, of HTTP or of the machine; those are the rooms below.
//!
//! Start with [`Tier`] and [`consent::Consent`], the two ideas that everything else serves.

pub mod consent;
mod controller;
mod country;
mod hex;
mod id;
mod tier;
mod time;

pub use consent::{Consent, ConsentState, Detail, Method, Refusal};
pub use controller::Controller;
pub use country::Country;
pub use hex::hex;
pub use id::{
    AppId, CategoryId, GatewayName, IdType, InvalidId, ItemId, Profile, Pseudodomain, PurposeId,
    RecipientId, Sid, SubjectRef, Tag, TenantId, UserId,
};
pub use tier::{InvalidTier, Tier};
pub use time::Timestamp;

/// How many distinct people must have met an item before a list for everybody may say so.
pub const LEAST_PEOPLE: usize = 20;

/// The number of consent-affecting acts a person has made so far: it rises with each one and never falls.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
