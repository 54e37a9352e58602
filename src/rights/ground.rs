//! What people's rights stand on.

use std::{fmt, ops::Deref, sync::Arc};

use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, Proving},
    consent::Ledger,
    domain::Controller,
    policy::Policies,
    store::Store,
    vault::Vault,
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
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

/// What people may see of themselves and ask for. A clone is one more reference.
#[derive(Clone)]
pub struct Rights(Arc<Ground>);

impl Rights {
    /// Rights on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(ground))
    }
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
