//! What an auditor reads of a gateway: the log's rows, the policies and what they decide, what recipients owe, and what
//! is done with which data.
//!
//! Promises: each read has its row in the log before anything of it is told ([`Begun`] is the proof, and nothing can be
//! read without one); no answer holds an id, a pseudonym or anything that a person's key opens; a page goes on where the
//! one before ended, whatever was written meanwhile.
//!
//! It changes nothing, and it decides not who is an auditor: `http` asks only for callers with the scope `audit:read`.
//! It describes what is configured and what is on record, and judges neither.
//!
//! Start with [`Inspector`]. One more read is a word of [`Read`], one file with an `impl Inspector`, and one in
//! `http/audit`.

mod entries;
mod policies;
mod processing;
mod requests;
mod table;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

pub use entries::{EntryPage, Known};
pub use policies::{PolicyChange, PolicyHistory, VersionDecisions};
pub use processing::{AppFacts, Flow, Flows, Organisation, RecipientFacts};
pub use requests::RequestsOwed;
use serde_json::{Value, json};
pub use table::{CaseOutcome, CaseRow, TablePage, TableQuery};

use crate::{
    ambient::Clock,
    audit::{Audit, AuditError, Cursors, Draft, Event, LogReader, Place},
    auth::TokenId,
    consent::{ConsentError, Ledger},
    domain::{Timestamp, hex},
    operate::{ChangeError, PolicyChanges},
    policy::{Bundle, PolicyError},
    rights::{NextTries, RightsError},
    store::{Lane, Store},
};

/// Why an auditor could not read.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The log could not be read, or the read could not be written down.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A version could not be read, or there is none of that name.
    #[error(transparent)]
    Policy(#[from] ChangeError),
    /// A version's files do not hold together any more.
    #[error("reading a version of the policies")]
    Bundle(#[from] PolicyError),
    /// What recipients owe could not be read.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// What people asked for could not be read.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// The gateway stops.
    #[error("the gateway stops")]
    Stopping,
}

/// What is read. The word stands as the reason in the row that tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Rows of the log.
    Entries,
    /// The versions of the policies and what was decided under each.
    Policies,
    /// What a version comes to in every case.
    DecisionTable,
    /// What people asked for and recipients owe.
    Requests,
    /// What is done with which data.
    Processing,
}

impl Read {
    /// All reads.
    pub const ALL: [Self; 5] =
        [Self::Entries, Self::Policies, Self::DecisionTable, Self::Requests, Self::Processing];

    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Policies => "policies",
            Self::DecisionTable => "decision_table",
            Self::Requests => "requests",
            Self::Processing => "records_of_processing",
        }
    }
}

/// How each such row says it ended.
pub const READ: &str = "read";

/// A read that is on record. Only [`Inspector::begin`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The rows that were there before it.
    upto: u64,
}

/// What an inspector stands on.
#[derive(Debug)]
pub struct Ground {
    /// The store, for what people asked for.
    pub store: Store,
    /// The log, for its rows.
    pub reader: LogReader,
    /// The places of pages.
    pub cursors: Cursors,
    /// The policy in force, and the versions before it.
    pub policies: PolicyChanges,
    /// The ledger, for what recipients owe.
    pub ledger: Ledger,
    /// What is configured.
    pub organisation: Organisation,
    /// Time.
    pub clock: Clock,
}

/// An auditor's eyes on one gateway. A clone is one more reference.
#[derive(Clone)]
pub struct Inspector {
    ground: Arc<Ground>,
    audit: Audit,
    tries: NextTries,
    /// The bundles that were asked for last.
    bundles: Arc<Mutex<Vec<Arc<Bundle>>>>,
}

impl Inspector {
    /// An inspector of what stands on `ground`, whose reads are written to `audit`.
    #[must_use]
    pub fn new(ground: Ground, audit: Audit) -> Self {
        let (tries, bundles) = (NextTries::default(), Arc::default());
        Self { ground: Arc::new(ground), audit, tries, bundles }
    }

    /// The same inspector for one worker thread, whose runtime runs the driver of `lane`.
    #[must_use]
    pub fn on_this_worker(&self, lane: Lane) -> Self {
        Self { audit: self.audit.with_lane(lane), ..self.clone() }
    }

    /// Writes down that the bearer of a token reads, and what: `asked` holds the closed words and moments of the call.
    ///
    /// # Errors
    /// When the journal does not take it; then nothing is told.
    pub async fn begin(
        &self,
        read: Read,
        by: TokenId,
        asked: Value,
    ) -> Result<Begun, InspectError> {
        let now = self.ground.clock.now();
        let upto = self.ground.reader.size();
        let body = json!({
            "t_ms": now.millis(),
            "by": format!("token:{}", hex(&by.bytes())),
            "read": read.as_str(),
            "asked": asked,
        });
        let draft = Draft {
            event: Event::AuditorRead,
            outcome: READ,
            reason: read.as_str(),
            purpose: None,
            recipient: None,
            ruleset: self.bundle_in_force().ruleset().to_owned(),
            at: now,
            rows: None,
            body: body.to_string().into_bytes(),
        };
        self.audit.record_nobody(draft).await?;
        Ok(Begun { upto })
    }

    /// Where the worker of deletions says when it asks again.
    #[must_use]
    pub fn tries(&self) -> &NextTries {
        &self.tries
    }

    /// Makes and reads the tokens of pages.
    #[must_use]
    pub fn cursors(&self) -> &Cursors {
        &self.ground.cursors
    }

    /// The present moment, as the gateway sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ground.clock.now()
    }

    /// Where the row stands that the journal numbers `row`.
    #[must_use]
    pub fn place(&self, row: u64) -> Place {
        self.audit.place(row)
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inspector(…)")
    }
}

/// Runs work that waits for the disk on a thread made for that. It goes on to its end even if nobody waits for it any
/// more, so what it learnt of the log is known to the next call.
async fn off_the_worker<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InspectError> + Send + 'static,
) -> Result<T, InspectError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(InspectError::Stopping))
}
