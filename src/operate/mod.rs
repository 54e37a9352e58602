//! What an operator does to a gateway, running or at rest.
//!
//! Promises: what an operator changes is durable and in force when it is acknowledged, for calls under way too, and
//! stays so after a crash; the change and the row of the log that tells of it are one batch, so there is neither
//! without the other; nothing here lets more about a person leave than they allowed.
//!
//! It does not decide who is an operator: `http` makes an [`Operator`] of a call at the operator's door, and the command
//! line of whoever holds the data folder. State that calls look at stands with who looks at it; here it is changed and
//! kept, under `o/`.
//!
//! Start with [`Controls`]. One more concern is one file with an `impl Controls`, one `mod` line here, a file of routes
//! in `http/operate`, and a command in `cli`. Slow work belongs on a thread that may block (`spawn_blocking`): the
//! operator's door has a thread of its own, but only one.

mod backups;
mod continuity;
pub mod imports;
mod opening;
mod policies;
mod reconcile;
mod record;
mod requests;
mod rotation;
mod status;

mod switches;

mod tokens;

use std::{fmt, io, ops::Deref, sync::Arc};

pub use backups::{BackupError, BackupStatus, Backups, Ground as BackupGround, Schedule};
pub use continuity::{Continuity, ContinuityError, Ground as ContinuityGround};
pub use opening::{NoReason, OpenReason, Opening, ROWS_AT_ONCE};
pub use policies::{
    Applied, AtStart, ChangeError, Comparison, Migrated, PolicyChanges, Proposal, Proposed, Report,
    at_start,
};
pub use reconcile::{Bound, Counted, Effort, Progress, Reconciled};
pub use rotation::{
    Ground as RotationGround, KekStatus, KeyRotation, Rotated, RotationError, Step, Turning,
};
pub use status::Status;
pub use switches::{SwitchState, Switches, Target};
pub use tokens::{Revocation, forget_ended};

use crate::{
    ambient::{Clock, Entropy, EntropyError},
    audit::{Audit, AuditError, Log, Proving},
    auth::{Authority, TokenId},
    catalog::Catalog,
    consent::{ConsentError, Ledger},
    domain::Timestamp,
    gateway::Gateway,
    policy::Policies,
    rights::{Rights, RightsError},
    store::{CommitError, Store, StoreError},
    vault::{Vault, VaultError},
};

/// What can go wrong with an operator's act.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The store failed.
    #[error("reading operator's records")]
    Store(#[from] StoreError),
    /// The journal did not take the act; nothing was changed.
    #[error("recording an operator's act")]
    Commit(#[source] CommitError),
    /// A row could not be sealed or written.
    #[error("writing to the log")]
    Audit(#[from] AuditError),
    /// A record of the operator's is of a form that this version does not know.
    #[error("an operator's record was written by a newer version, or is damaged")]
    Newer,
    /// No app or recipient of that name is configured.
    #[error("there is no such {kind}")]
    Unknown {
        /// What was named.
        kind: &'static str,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No key of that id is trusted.
    #[error("there is no such key")]
    UnknownKey {
        /// The ids that there are.
        known: Vec<String>,
    },
    /// Another act on the same was recorded first; nothing was changed.
    #[error("another operator changed the same")]
    Contended,
    /// A moment that must be past has not come.
    #[error("the moment has not come yet")]
    NotCome,
    /// The log has no such row.
    #[error("the log has no such row")]
    NoSuchRow,
    /// A row could not be opened.
    #[error("opening a row of the log")]
    Rights(#[from] RightsError),
    /// Keys could not be read.
    #[error("reading keys")]
    Vault(#[from] VaultError),
    /// A standing could not be read.
    #[error("reading a standing")]
    Consent(#[from] ConsentError),
    /// The published log could not be read.
    #[error("proving rows of the log")]
    Proofs(#[source] io::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The gateway stops.
    #[error("the gateway stops")]
    Stopping,
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A rotation of keys did not end.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// A restored state could not be confirmed.
    #[error(transparent)]
    Continuity(#[from] ContinuityError),
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Whoever owns the data folder, over the Unix socket or by a command in process.
    Owner,
    /// The bearer of a token with the scope `operate`.
    Token(TokenId),
}

/// What controls stand on.
#[derive(Debug)]
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// The log.
    pub audit: Audit,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// Changes of it.
    pub policy_changes: PolicyChanges,
    /// The ledger.
    pub ledger: Ledger,
    /// What people may ask for.
    pub rights: Rights,
    /// The items.
    pub catalog: Catalog,
    /// Where rows stand in the published log, and what proves it.
    pub proving: Arc<dyn Proving>,
    /// The gateway, with connections of this thread's own.
    pub gateway: Gateway,
    /// The recipients' switches.
    pub switches: Switches,
    /// Who may ask.
    pub authority: Arc<Authority>,
    /// The log as it is published.
    pub log: Arc<Log>,
    /// The backups.
    pub backups: Arc<Backups>,
    /// The rotations of the key-encryption key.
    pub rotation: KeyRotation,
    /// Whether the state goes on from where it was.
    pub continuity: Arc<Continuity>,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

/// An operator's hands on one gateway. A clone is one more reference.
#[derive(Clone)]
pub struct Controls(Arc<Inner>);

struct Inner {
    ground: Ground,
    /// Held while one act is recorded and put in force, so that both happen in one order.
    acts: tokio::sync::Mutex<()>,
}

impl Deref for Inner {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Controls {
    /// Controls of what stands on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(Inner { ground, acts: tokio::sync::Mutex::default() }))
    }

    /// Changes of the policy in force.
    #[must_use]
    pub fn policy_changes(&self) -> &PolicyChanges {
        &self.0.policy_changes
    }

    /// The present moment, as the gateway sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// Puts in force again what an operator had in force when the process ended. To be done before anyone calls.
///
/// # Errors
/// When the store fails, or a record cannot be read: what an operator stopped is never started by mistake.
pub async fn restore(
    store: &Store,
    authority: &Authority,
    switches: &Switches,
) -> Result<(), OperateError> {
    tokens::restore(store, authority)?;
    switches::restore(store, authority, switches).await
}

impl From<CommitError> for OperateError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Contended,
            error => Self::Commit(error),
        }
    }
}

impl fmt::Debug for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Controls(…)")
    }
}

impl Operator {
    /// How the log's bodies name them: never a token, only the hash of its `jti`.
    #[must_use]
    pub fn named(&self) -> String {
        match self {
            Self::Owner => "owner".to_owned(),
            Self::Token(id) => format!("token:{}", crate::domain::hex(&id.bytes())),
        }
    }
}
