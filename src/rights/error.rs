//! Why people did not get what they are owed.

use std::io;

use super::requests::RequestError;
use crate::{ambient::EntropyError, audit::AuditError, consent::ConsentError, store::StoreError};

/// Why people did not get what they are owed.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// A standing could not be read or changed.
    #[error("reading or changing a standing")]
    Consent(#[from] ConsentError),
    /// A row could not be written or opened.
    #[error("writing or opening a row of the log")]
    Audit(#[from] AuditError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error("reading the log")]
    Store(#[from] StoreError),
    /// The published log could not be read.
    #[error("proving rows of the log")]
    Proofs(#[source] io::Error),
    /// A request is not taken, or not changed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A row is not of the form in which rows are written.
    #[error("row {0} of the log is none")]
    Row(u64),
}
