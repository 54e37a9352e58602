//! What an operator sees of a running gateway: numbers, readiness, traces, a line for each call.
//!
//! Promises: nothing here says who a call was about. A label, a field of a line and an attribute of a span are words of
//! the program, of its configuration or of its catalogue; a path is told by its template; there is no id, pseudonym,
//! token, address or body, and nothing that comes with a call is passed on. Nothing is told to a model. Readiness is
//! looked up when it is asked for, so it is as true as the moment.
//!
//! It changes nothing, and nothing that a call may do depends on it.
//!
//! Start with [`Observer`]; `numbers` names everything on the page of `/metrics`, `readiness` decides `/readyz`. A new
//! number is a field in the counts of the room whose work it counts, one line in `numbers` and one in
//! `docs/OBSERVABILITY.md`.

mod disk;
mod numbers;
mod process;
mod readiness;

mod edge;

mod witnesses;

mod export;
mod traces;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

pub use crate::telemetry::MEDIA_TYPE;
pub use edge::{Heard, Story, Watch};
pub use readiness::{Check, Readiness};
pub use traces::{InvalidCollector, Traces};
pub use witnesses::Cosigning;

use arc_swap::ArcSwapOption;

use crate::{
    ambient::Clock,
    audit::Log,
    auth::Authority,
    consent::Ledger,
    domain::Timestamp,
    gateway::Gateway,
    policy::Policies,
    rights::{Asking, opendsr::Calling},
    store::Store,
    telemetry::{Counter, Gauge, Shards},
};
use edge::EdgeCounts;

/// What an observer looks at.
#[derive(Debug)]
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The ledger.
    pub ledger: Ledger,
    /// The gateway.
    pub gateway: Gateway,
    /// Who vouches for callers.
    pub authority: Arc<Authority>,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// Time.
    pub clock: Clock,
    /// Where spans go, if anywhere.
    pub traces: Option<Traces>,
    /// Whether each call is a line of the log.
    pub access_log: bool,
}

/// Looks at a running gateway. A clone is the same.
#[derive(Clone)]
pub struct Observer(Arc<Inner>);

struct Inner {
    ground: Ground,
    started: Timestamp,
    edges: Shards<EdgeCounts>,
    deletions: DeletionCounts,
    callbacks: CallbackCounts,
    lines_dropped: OnceLock<Arc<Counter>>,
    log: OnceLock<Arc<Log>>,
    witnesses: OnceLock<Vec<Arc<Cosigning>>>,
    kek: ArcSwapOption<(Timestamp, bool)>,
    draining: AtomicBool,
}

/// How far the deletions at recipients are.
#[derive(Debug, Default)]
struct DeletionCounts {
    owed: Gauge,
    overdue: Gauge,
    confirmed: Counter,
    unanswered: Counter,
}

/// How far the callbacks to controllers are.
#[derive(Debug, Default)]
struct CallbackCounts {
    owed: Gauge,
    told: Counter,
    unanswered: Counter,
}

impl Observer {
    /// An observer of what stands on `ground`, which starts now.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(Inner {
            started: ground.clock.now(),
            ground,
            edges: Shards::default(),
            deletions: DeletionCounts::default(),
            callbacks: CallbackCounts::default(),
            lines_dropped: OnceLock::new(),
            log: OnceLock::new(),
            witnesses: OnceLock::new(),
            kek: ArcSwapOption::empty(),
            draining: AtomicBool::new(false),
        }))
    }

    /// The part of it for one worker thread.
    #[must_use]
    pub fn on_this_worker(&self) -> Watch {
        Watch::new(self.0.edges.fresh(), self.clone())
    }

    /// Says that the gateway is stopping: it is not ready from here on.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Shows `dropped` as the number of lines that the log dropped. The first one given stays.
    pub fn show_dropped_lines(&self, dropped: Arc<Counter>) {
        let _ = self.0.lines_dropped.set(dropped);
    }

    /// Shows how far `log` is published. The first one given stays.
    pub fn show_log(&self, log: Arc<Log>) {
        let _ = self.0.log.set(log);
    }

    /// Shows how `witnesses` of the log fare. The first ones given stay.
    pub fn show_witnesses(&self, witnesses: Vec<Arc<Cosigning>>) {
        let _ = self.0.witnesses.set(witnesses);
    }

    /// Shows since when the key-encryption key is in use, and whether a rotation of it is not over.
    pub fn show_kek(&self, since: Option<Timestamp>, rotating: bool) {
        self.0.kek.store(since.map(|since| Arc::new((since, rotating))));
    }

    /// Takes note of one round of deletions at recipients.
    pub fn deletions(&self, asking: &Asking) {
        let counts = &self.0.deletions;
        counts.owed.set_count(asking.owed);
        counts.overdue.set_count(asking.overdue);
        counts.confirmed.add(asking.confirmed as u64);
        counts.unanswered.add(asking.unanswered as u64);
    }

    /// Takes note of one round of callbacks to controllers.
    pub fn callbacks(&self, calling: &Calling) {
        let counts = &self.0.callbacks;
        counts.owed.set_count(calling.owed);
        counts.told.add(calling.told as u64);
        counts.unanswered.add(calling.unanswered as u64);
    }

    /// Every number, in the `OpenMetrics` text format. Reads the data folder's sizes from the disk.
    #[must_use]
    pub fn metrics(&self) -> String {
        numbers::page(&self.0).text()
    }

    /// Whether the gateway can do its work at this moment. Waits for no disk.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::of(&self.0)
    }

    /// Whether the gateway is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_draining()
    }

    /// Sends what is left of the spans. Waits for the collector, a few seconds at most.
    pub fn flush(&self) {
        if let Some(traces) = &self.0.ground.traces {
            traces.flush();
        }
    }
}

impl Inner {
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn is_unconfirmed(&self) -> bool {
        self.ground.ledger.is_in_doubt()
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("started", &self.0.started).finish_non_exhaustive()
    }
}
