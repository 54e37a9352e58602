//! Why people did not get what they are owed.

use std::io;

use super::{opendsr::OrderError, requests::RequestError};
use crate::{
    ambient::EntropyError,
    audit::AuditError,
    consent::ConsentError,
    retry::RetryError,
    store::{CommitError, StoreError},
    vault::{KeeperError, VaultError},
};

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
    /// A controller's order is not taken, or not changed.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A key or a sealed record could not be used.
    #[error("opening or sealing a record")]
    Vault(#[from] VaultError),
    /// The keeper's folder could not be written.
    #[error("noting a destroyed key in the key folder")]
    Keeper(#[from] KeeperError),
    /// The journal did not take it.
    #[error("writing down what a person is owed")]
    Commit(#[from] CommitError),
    /// What a retry is told could not be read or kept.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// Somebody changed the same person again and again.
    #[error("the person kept changing")]
    Contended,
    /// A row is not of the form in which rows are written.
    #[error("row {0} of the log is none")]
    Row(u64),
}
