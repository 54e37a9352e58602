//! What people's rights stand on.

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use jiff::civil::Date;

use super::{Erasures, Looks, RightsError, opendsr::Processor};
use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, Proving},
    consent::{ConsentError, Ledger},
    domain::{Controller, Sid},
    policy::Policies,
    store::Store,
    vault::{Mark, Vault},
};

use super::clock::Laws;

/// What people's rights stand on.
#[derive(Debug)]
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// Writes the log.
    pub audit: Audit,
    /// Consents and standings.
    pub ledger: Ledger,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// The log as it is published.
    pub proving: Arc<dyn Proving>,
    /// The laws whose clocks run.
    pub laws: Arc<Laws>,
    /// Who answers to people.
    pub controller: Controller,
    /// The day that the statement on Global Privacy Control bears; that of the policy in force if absent.
    pub gpc_last_update: Option<Date>,
    /// Who may look through the log now.
    pub looks: Looks,
    /// For how long a reset can be undone, where the person does not say.
    pub undo_within: Duration,
    /// As whom controllers reach the gateway by OpenDSR, if they do.
    pub processor: Option<Arc<Processor>>,
    /// The highwater mark, which knows the keys that were destroyed.
    pub mark: Mark,
    /// Erasures that are not durable yet.
    pub erasures: Erasures,
    /// What forgets people that rooms above remember.
    pub forgetting: Forgetting,
    /// What an erasure is told to come to.
    pub terms: Terms,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

/// When an erasure is final.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long after an erasure the last key-encryption key that a copy of the person's key could be opened with is gone:
    /// the time between two rotations, and as long as backups are kept.
    pub final_after: Duration,
}

/// Forgets what rooms above hold in memory of a person who was erased.
#[derive(Clone)]
pub struct Forgetting(Arc<dyn Fn(Sid) + Send + Sync>);

impl Forgetting {
    /// Forgets by `forget`.
    #[must_use]
    pub fn by(forget: impl Fn(Sid) + Send + Sync + 'static) -> Self {
        Self(Arc::new(forget))
    }

    pub(super) fn forget(&self, sid: Sid) {
        (self.0)(sid);
    }
}

impl fmt::Debug for Forgetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forgetting(…)")
    }
}

/// What people may see of themselves and ask for. A clone is one more reference.
#[derive(Clone)]
pub struct Rights(pub(super) Arc<Ground>);

impl Rights {
    /// Rights on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(ground))
    }

    /// Runs what waits for the disk on a thread made for that.
    pub(super) async fn off_the_worker<T: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> Result<T, RightsError> + Send + 'static,
    ) -> Result<T, RightsError> {
        let rights = self.clone();
        off_the_worker(move || work(rights)).await
    }
}

/// Runs what waits for the disk on a thread made for that.
pub(super) async fn off_the_worker<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RightsError> + Send + 'static,
) -> Result<T, RightsError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ConsentError::Stopping.into()))
}

impl Deref for Rights {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.0
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rights(…)")
    }
}
