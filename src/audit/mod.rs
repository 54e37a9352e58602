//! The log: what was decided, disclosed, given, withdrawn and erased, in the order in which it became durable.
//!
//! Promises: a row is durable before anyone acts on it ([`Logged`] is the proof, and a disclosure cannot be made
//! without one); a leaf holds closed words and keyed bytes, never an id, an address, a pseudonym or free text; a body
//! opens with that person's key alone, and with nothing once it is destroyed.
//!
//! The log's order is the journal's: state and log are written in one batch and cannot disagree.
//!
//! Start with [`Draft`]; [`Audit::record`] writes one.

mod finding;
mod leaf;
mod row;
mod vocabulary;

mod opened;
mod own;
mod proving;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

pub use finding::{Finder, Marks, event, marks};
pub use leaf::{Draft, RowKeys};
pub(crate) use opened::text;
pub use opened::{NotOpened, OpenedRow, Shown};
pub use own::{Amiss, NotOwn, OwnLog, OwnRows, TagKey, Until};
pub use proving::{Place, Proving, Unpublished};
pub use row::{NOTHING, NotARow, Previous, Row};
pub use vocabulary::{UnknownWord, Vocabulary};

use crate::{
    ambient::{Clock, Entropy, EntropyError},
    domain::{GatewayName, Timestamp},
    store::{Batch, CommitError, Lane, Leaf, Store},
    vault::{SubjectKey, Vault, VaultError},
};

/// What can go wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A key is missing or a row does not open.
    #[error("sealing or opening a row of the log")]
    Vault(#[from] VaultError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The journal did not take the row.
    #[error("writing to the log")]
    Commit(#[from] CommitError),
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What happened: the closed vocabulary of a leaf's `e`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event { $($(#[$doc])* $name,)* }

        impl Event {
            /// All events.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in the leaf.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

events! {
    /// A call was decided; its bytes leave after this row is durable.
    Decision = "decision",
    /// A decided call was answered: with which items, and why each.
    DecisionAnswered = "decision.answered",
    /// A decided call was not sent, or its answer was thrown away.
    DecisionVoid = "decision.void",
    /// Consent was given.
    ConsentGiven = "consent.given",
    /// Consent was refused.
    ConsentRefused = "consent.refused",
    /// Consent was withdrawn.
    ConsentWithdrawn = "consent.withdrawn",
    /// Consent ended by its own date.
    ConsentExpired = "consent.expired",
    /// Consents were carried over to the new names of purposes or categories.
    ConsentCarried = "consent.carried",
    /// A person set rules of their own.
    RulesChanged = "rights.rules",
    /// A person's rows were exported to them, and their audit epoch was closed.
    RightsExport = "rights.export",
    /// A person came to be known.
    SubjectCreated = "subject.created",
    /// A recipient answered a deletion.
    ErasureRecipient = "erasure.recipient",
    /// Bodies past their retention were dropped.
    RetentionDropped = "retention.dropped",
    /// Another policy came into force.
    PolicyChanged = "policy.changed",
    /// Calls were answered without a row while the journal was unavailable.
    AuditGap = "audit.gap",
    /// An operator brought over consents or items.
    OperatorImport = "operator.import",
    /// A view of the journal was rebuilt.
    StateRebuilt = "state.rebuilt",
    /// An operator switched an app or a recipient off or on.
    OperatorSwitched = "operator.switched",
    /// An operator revoked a token, or the tokens of a key from before a moment.
    OperatorTokenRevoked = "operator.token_revoked",
    /// The keys that tokens are verified with were read anew.
    OperatorKeysReloaded = "operator.keys_reloaded",
    /// An operator opened rows for somebody who may see them.
    OperatorOpened = "operator.opened",
    /// An operator held the rows against the keys of the people who are known.
    OperatorReconciled = "operator.reconciled",
    /// A backup was put in the place of the state, or the operator confirmed what came of it.
    StateRestored = "state.restored",
    /// The operator had a backup taken.
    BackupTaken = "operator.backup",
}

/// Shows that a row is durable. Only [`Audit::record`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    index: u64,
}

impl Logged {
    /// The row's place in the log.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }
}

/// Writes the log.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    vault: Vault,
    gateway: GatewayName,
    entropy: Entropy,
    clock: Clock,
    nobody: Arc<ArcSwap<(String, SubjectKey)>>,
}

impl Audit {
    /// Opens the log of `gateway`.
    ///
    /// # Errors
    /// When the key for rows about nobody can be neither read nor made.
    pub fn open(
        store: Store,
        vault: Vault,
        gateway: GatewayName,
        entropy: Entropy,
        clock: Clock,
    ) -> Result<Self, AuditError> {
        let period = period(clock.now());
        let key = vault.nobody(&period)?;
        let nobody = Arc::new(ArcSwap::from_pointee((period, key)));
        Ok(Self { store, vault, gateway, entropy, clock, nobody })
    }

    /// The same log, whose rows are acknowledged through `lane`.
    #[must_use]
    pub fn with_lane(&self, lane: Lane) -> Self {
        let (store, entropy) = (self.store.with_lane(lane), self.entropy.on_this_worker());
        Self { store, entropy, ..self.clone() }
    }

    /// Takes up the key for rows about nobody of the present period. To be called now and then, off the path of
    /// calls: until it is, the last period's key goes on.
    ///
    /// # Errors
    /// When the key can be neither read nor made.
    pub fn turn_period(&self) -> Result<(), AuditError> {
        let period = period(self.clock.now());
        if self.nobody.load().0 != period {
            let key = self.vault.nobody(&period)?;
            self.nobody.store(Arc::new((period, key)));
        }
        Ok(())
    }

    /// The key for rows about nobody.
    #[must_use]
    pub fn nobody(&self) -> SubjectKey {
        self.nobody.load().1.clone()
    }

    /// Seals `draft` for a person with `keys`; `created` names their key in the row that says they came to be.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn seal(
        &self,
        draft: Draft,
        keys: &RowKeys,
        created: Option<&SubjectKey>,
    ) -> Result<Leaf, AuditError> {
        draft.seal(keys, &self.gateway, created, &self.entropy)
    }

    /// Commits `batch`, whose first leaf is the row asked about, and waits until it is durable.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when something the batch expects has changed meanwhile; else when the journal did
    /// not take it.
    pub async fn record(&self, batch: Batch) -> Result<Logged, CommitError> {
        debug_assert!(!batch.leaves.is_empty());
        let committed = self.store.commit(batch).await?;
        Ok(Logged { index: committed.first_index })
    }

    /// Writes a row about nobody, waiting on this thread: for starting up.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub fn record_nobody_blocking(&self, draft: Draft) -> Result<Logged, AuditError> {
        let leaf = self.seal(draft, &RowKeys::of(&self.nobody(), 0), None)?;
        let batch = Batch { leaves: vec![leaf], ..Batch::default() };
        Ok(Logged { index: self.store.commit_blocking(batch)?.first_index })
    }

    /// Writes a row about nobody together with `also`, or neither, waiting on this thread.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub fn record_nobody_with(&self, draft: Draft, also: Batch) -> Result<Logged, AuditError> {
        let mut batch = also;
        batch.leaves.push(self.seal(draft, &RowKeys::of(&self.nobody(), 0), None)?);
        Ok(Logged { index: self.store.commit_blocking(batch)?.first_index })
    }

    /// Writes a row about nobody.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub async fn record_nobody(&self, draft: Draft) -> Result<Logged, AuditError> {
        let leaf = self.seal(draft, &RowKeys::of(&self.nobody(), 0), None)?;
        Ok(self.record(Batch { leaves: vec![leaf], ..Batch::default() }).await?)
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audit({})", self.gateway)
    }
}

/// The month of a moment, in UTC: how long one key for rows about nobody, and one folder of bodies, lasts.
fn period(at: Timestamp) -> String {
    at.rfc3339().chars().take(7).collect()
}
