//! Who asks: an app, a data subject, an auditor or an operator, as a signed token says.
//!
//! Promises: a [`Caller`] exists only after its token's signature, issuer, audience, time and revocation were checked,
//! and that check is made again on every call, from memory where the same token was seen before. A key verifies
//! only the algorithm it is configured for and vouches only for the scopes and the tenant it is configured for. No
//! token, no id and no key ever stands in an error or in debug output.
//!
//! It does not decide what a person allows (`consent`) or what a rule permits (`policy`), and it knows no HTTP status:
//! `http` turns an [`AuthError`] into a problem document.
//!
//! Start with [`Authority::verify`]; [`Mint`] is its counterpart. One more algorithm starts in `key.rs`; what
//! stops a token that was good stands in `trust.rs`.

mod authority;
mod bearer;
mod caller;
mod claims;
mod error;
mod key;
mod mint;
mod rate;
mod scope;
mod settings;
#[cfg(test)]
mod tests;
mod trust;

pub use authority::Authority;
pub use bearer::bearer;
pub use caller::{App, Caller, CallerKind, TokenId};
pub use error::{AuthError, SetupError};
pub use key::{Algorithm, Key, Vouches};
pub use mint::{Grant, Mint, Token};
pub use rate::{Rate, TooMany};
pub use scope::{Scope, Scopes, UnknownScope};
pub use settings::{AppSettings, AuthSettings, JwksSettings, KeySettings, Source};
