//! What is told of a rotation: how far it is, what it came to, why it does not go on.

use std::path::PathBuf;

use serde::Serialize;

use super::super::BackupError;
use crate::{
    audit::AuditError,
    domain::Timestamp,
    store::StoreError,
    vault::{KeeperError, VaultError},
};

/// Why a rotation does not go on. What was done stays done, and the next try goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The state came from a backup and is not confirmed: its backup may be needed again, with the old key.
    #[error(
        "the state was restored and is not confirmed: confirm it first, or restore the journal that is missing"
    )]
    InDoubt,
    /// The keeper's folder cannot be used.
    #[error("using the key folder")]
    Keeper(#[from] KeeperError),
    /// Keys could not be wrapped anew.
    #[error("wrapping keys anew")]
    Vault(#[from] VaultError),
    /// The store's files could not be written anew.
    #[error("writing the store anew")]
    Store(#[from] StoreError),
    /// The backup was not taken.
    #[error("backing up under the new key")]
    Backup(#[source] Box<BackupError>),
    /// A row was not written.
    #[error("telling of a rotation in the log")]
    Audit(#[from] AuditError),
    /// Wraps under the old key are still there, so it is kept.
    #[error("{0} keys are still wrapped under the old key, which is kept")]
    Left(u64),
}

impl RotationError {
    /// Whether the journal or the disk did not take it, which may pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Store(_) | Self::Backup(_) | Self::Keeper(_) => true,
            Self::Audit(error) => matches!(error, AuditError::Commit(_)),
            Self::Vault(error) => matches!(error, VaultError::Commit(_)),
            Self::InDoubt | Self::Left(_) => false,
        }
    }
}

/// What a rotation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A new key is made.
    NewKey,
    /// The log is told that it is in use.
    Telling,
    /// Keys are wrapped anew.
    Wrapping,
    /// The store's files are written anew.
    Rewriting,
    /// The file key is wrapped anew.
    FileKey,
    /// A backup is taken.
    BackingUp,
    /// The old key is destroyed.
    Destroying,
    /// The log is told that it is gone.
    Closing,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Turning {
    /// What it is at.
    pub step: Step,
    /// Keys that were wrapped anew.
    pub wrapped: u64,
}

/// What a rotation came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// The epoch of the key in use.
    pub epoch: u32,
    /// The epochs of the keys that were destroyed.
    pub destroyed: Vec<u32>,
    /// Keys of people, tenants and rows about nobody that live, all wrapped under the new key.
    pub keys: u64,
    /// Keys whose key-encryption key was gone before: nothing opens them.
    pub lost: u64,
    /// The folder of the backup that was taken under the new key.
    pub backup: Option<PathBuf>,
}

/// How the key-encryption key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KekStatus {
    /// Its epoch.
    pub epoch: u32,
    /// Since when it is in use, as far as that is known.
    pub since: Option<Timestamp>,
    /// When the next rotation is due.
    pub next: Option<Timestamp>,
    /// Whether a rotation is not over.
    pub rotating: bool,
}
