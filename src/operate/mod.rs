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

mod status;

use std::{fmt, sync::Arc};

pub use status::Status;

use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, AuditError},
    auth::{Authority, TokenId},
    catalog::Catalog,
    consent::Ledger,
    domain::Timestamp,
    gateway::Gateway,
    policy::Policies,
    store::{CommitError, Store, StoreError},
    vault::Vault,
};

/// What can go wrong with an operator's act.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The store failed.
    #[error("reading operator's records")]
    Store(#[from] StoreError),
    /// The journal did not take the act; nothing was changed.
    #[error("recording an operator's act")]
    Commit(#[from] CommitError),
    /// A row could not be sealed or written.
    #[error("writing to the log")]
    Audit(#[from] AuditError),
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
    /// The ledger.
    pub ledger: Ledger,
    /// The items.
    pub catalog: Catalog,
    /// The gateway, with connections of this thread's own.
    pub gateway: Gateway,
    /// Who may ask.
    pub authority: Arc<Authority>,
    /// The log's name.
    pub log_origin: Arc<str>,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

/// An operator's hands on one gateway. A clone is one more reference.
#[derive(Clone)]
pub struct Controls(Arc<Ground>);

impl Controls {
    /// Controls of what stands on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(ground))
    }

    /// The present moment, as the gateway sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
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
