//! What the handlers of one worker share.

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use super::body::BodyLimit;
use crate::{
    audit::Log,
    auth::Authority,
    catalog::Catalog,
    consent::Ledger,
    domain::Timestamp,
    gateway::Gateway,
    inspect::Inspector,
    observe::Watch,
    policy::Policies,
    rights::{Exports, Rights},
};

/// How far a caller's clock may run ahead of ours.
const AHEAD: Duration = Duration::from_secs(300);

/// What an edge stands on.
#[derive(Debug)]
pub struct Ground {
    /// The gateway of this worker.
    pub gateway: Gateway,
    /// The ledger.
    pub ledger: Ledger,
    /// The items.
    pub catalog: Catalog,
    /// People's exports.
    pub exports: Exports,
    /// What people may ask for.
    pub rights: Rights,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// Who vouches for callers.
    pub authority: Arc<Authority>,
    /// The log as it is published.
    pub log: Arc<Log>,
    /// Whether anyone may read it.
    pub log_is_public: bool,
    /// What an auditor reads.
    pub inspector: Inspector,
    /// The largest body of most calls. Calls of many lines have limits of their own.
    pub body_limit: BodyLimit,
    /// What is seen of this worker's calls.
    pub watch: Watch,
    /// How long a body may take to arrive; in a body of lines, each line.
    pub body_within: Duration,
}

/// The JSON edge of one worker. A clone is one more reference.
#[derive(Clone)]
pub struct Edge(Arc<Ground>);

impl Edge {
    /// An edge on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(ground))
    }

    /// The moment by which tokens are checked and states are told.
    pub(super) fn now(&self) -> Timestamp {
        self.gateway.now()
    }

    /// The latest moment that is not in the future to a caller whose clock runs ahead a little.
    pub(super) fn latest(&self) -> Timestamp {
        self.now().after(AHEAD)
    }
}

impl Deref for Edge {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.0
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edge(…)")
    }
}
