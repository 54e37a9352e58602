//! Asks recipients to delete what they hold under pseudonyms that are no longer in use.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use serde_json::json;

use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, AuditError, Draft, Event, Logged, RowKeys},
    consent::{ConsentError, Deletion, Ledger},
    domain::Timestamp,
    policy::Policies,
    pseudonym::{Which, for_deletion},
    store::{Batch, Expect, Key},
    upstream::{Clearance, Model},
    vault::SubjectKey,
};

/// How long a recipient is asked before the deletion counts as unanswered.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long after it was queued a deletion that is still owed counts as overdue.
const OVERDUE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Why deletions could not be worked off.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The queue could not be read.
    #[error("reading the deletions that are owed")]
    Consent(#[from] ConsentError),
    /// The outcome could not be written.
    #[error("writing the outcome of a deletion")]
    Audit(#[from] AuditError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] crate::ambient::EntropyError),
}

/// How far the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// Deletions that recipients confirmed this time.
    pub confirmed: usize,
    /// Deletions that are still owed.
    pub owed: usize,
    /// Those of them that have been owed for more than a day.
    pub overdue: usize,
    /// Deletions that were given up this time, unanswered for 30 days.
    pub unanswered: usize,
}

/// Works off the deletions that are owed.
pub struct Deletions {
    ledger: Ledger,
    audit: Audit,
    policies: Arc<Policies>,
    models: Vec<Model>,
    entropy: Entropy,
    clock: Clock,
    /// When to try again, and how long was waited before: in memory, so a restart tries at once.
    again: HashMap<Key, (Timestamp, Duration)>,
}

impl Deletions {
    /// A worker over the queue in `ledger`; `models` are spoken to from this worker's own connections.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        audit: Audit,
        policies: Arc<Policies>,
        models: Vec<Model>,
        entropy: Entropy,
        clock: Clock,
    ) -> Self {
        Self { ledger, audit, policies, models, entropy, clock, again: HashMap::new() }
    }

    /// Asks for every deletion that is owed and due.
    ///
    /// # Errors
    /// When the queue cannot be read or an outcome cannot be written; the rest stays owed.
    pub async fn run_due(&mut self) -> Result<Asking, RightsError> {
        let ledger = self.ledger.clone();
        let owed = tokio::task::spawn_blocking(move || ledger.deletions_owed());
        let owed = owed.await.unwrap_or(Err(ConsentError::Stopping))?;
        let mut asking = Asking::default();
        self.again.retain(|key, _| owed.iter().any(|(_, known, ..)| known == key));
        for (subject, key, version, deletion) in owed {
            let now = self.clock.now();
            let late = usize::from(now >= deletion.queued_at.after(OVERDUE_AFTER));
            if self.again.get(&key).is_some_and(|(at, _)| now < *at) {
                asking.owed += 1;
                asking.overdue += late;
                continue;
            }
            if self.ask(&subject, &deletion).await? {
                self.close(&subject, key, version, &deletion, "confirmed").await?;
                asking.confirmed += 1;
            } else if now >= deletion.queued_at.after(GIVE_UP_AFTER) {
                self.close(&subject, key, version, &deletion, "unanswered").await?;
                asking.unanswered += 1;
            } else {
                let waited =
                    self.again.get(&key).map_or(Duration::from_secs(1), |(_, wait)| *wait * 2);
                let wait = waited.min(LONGEST_WAIT);
                self.again.insert(key, (now.after(wait), wait));
                asking.owed += 1;
                asking.overdue += late;
            }
        }
        Ok(asking)
    }

    /// Whether the recipient confirmed. A recipient that is no longer configured cannot be asked.
    async fn ask(&self, subject: &SubjectKey, deletion: &Deletion) -> Result<bool, RightsError> {
        let known = |model: &&Model| model.recipient().id == deletion.recipient;
        let Some(model) = self.models.iter().find(known) else { return Ok(false) };
        let which = Which { domain: &deletion.domain, generation: deletion.generation };
        let name = for_deletion(subject, &deletion.recipient, which);
        let outbound = model.wire().forget(name.expose()).with_request_id(self.entropy.draw()?);
        let row = self.row(deletion, "asked");
        let logged = self.write(subject, row, Batch::default()).await?;
        Ok(model.send(outbound, Box::new(Asked { _logged: logged })).await.is_ok())
    }

    async fn close(
        &self,
        subject: &SubjectKey,
        key: Key,
        version: u64,
        deletion: &Deletion,
        outcome: &'static str,
    ) -> Result<(), RightsError> {
        let expect = vec![Expect::Version { key: key.clone(), version }];
        let batch = Batch { expect, delete: vec![key], ..Batch::default() };
        self.write(subject, self.row(deletion, outcome), batch).await?;
        Ok(())
    }

    fn row(&self, deletion: &Deletion, outcome: &'static str) -> Draft {
        let now = self.clock.now();
        let body = json!({
            "t_ms": now.millis(),
            "queued_ms": deletion.queued_at.millis(),
            "domain": deletion.domain,
            "generation": deletion.generation,
        });
        Draft {
            event: Event::ErasureRecipient,
            outcome,
            reason: "withdrawn",
            purpose: None,
            recipient: Some(deletion.recipient.clone()),
            ruleset: self.policies.current().ruleset().to_owned(),
            at: now,
            rows: None,
            body: body.to_string().into_bytes(),
        }
    }

    async fn write(
        &self,
        subject: &SubjectKey,
        row: Draft,
        batch: Batch,
    ) -> Result<Logged, RightsError> {
        let ledger = self.ledger.clone();
        let sid = subject.sid();
        let person = tokio::task::spawn_blocking(move || ledger.by_sid(sid));
        let person = person.await.unwrap_or(Err(ConsentError::Stopping))?;
        let keys = person.map_or_else(|| RowKeys::of(subject, 0), |person| person.row_keys());
        let mut batch = batch;
        batch.leaves.push(self.audit.seal(row, &keys, None)?);
        Ok(self.audit.record(batch).await.map_err(AuditError::from)?)
    }
}

impl fmt::Debug for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deletions").field("waiting", &self.again.len()).finish_non_exhaustive()
    }
}

/// A deletion passes no gate: it tells a recipient nothing that it does not hold already.
struct Asked {
    _logged: Logged,
}

impl Clearance for Asked {
    fn poll_revoked(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
