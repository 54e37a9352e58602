//! Asks recipients to delete what they hold under pseudonyms that are no longer in use.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use serde_json::json;

use super::RightsError;
use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, AuditError, Draft, Event, Logged, RowKeys},
    consent::{ConsentError, Deletion, Ledger},
    domain::{RecipientId, Timestamp},
    policy::Policies,
    pseudonym::{Which, for_deletion},
    store::{Batch, Expect, Key},
    upstream::{Clearance, Model},
    vault::SubjectKey,
};

/// How long a recipient is asked before the deletion counts as unanswered.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long after it was queued a deletion that is still owed counts as overdue.
pub const OVERDUE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

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
    /// Deletions that were given up this time because their recipient cannot delete.
    pub unsupported: usize,
}

/// What a recipient said to a deletion request.
#[derive(Clone, Copy, Debug)]
enum Reply {
    /// It is done; `cache_until` is when its caches have forgotten too, where that is later.
    Confirmed { cache_until: Option<Timestamp> },
    /// It has no way to delete.
    Unsupported,
    /// Nothing, or not that.
    None,
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
    tries: NextTries,
}

/// When recipients that owe deletions are asked again, as the worker last said. A clone is one more reference.
#[derive(Clone, Debug, Default)]
pub struct NextTries(Arc<Mutex<HashMap<RecipientId, Timestamp>>>);

impl NextTries {
    /// When this recipient is asked again, if that is known.
    #[must_use]
    pub fn of(&self, recipient: &RecipientId) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(recipient).copied()
    }

    fn set(&self, tries: HashMap<RecipientId, Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = tries;
    }
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
        let (again, tries) = (HashMap::new(), NextTries::default());
        Self { ledger, audit, policies, models, entropy, clock, again, tries }
    }

    /// The same worker, which says in `tries` when it asks again.
    #[must_use]
    pub fn telling(self, tries: NextTries) -> Self {
        Self { tries, ..self }
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
        let mut tries: HashMap<RecipientId, Timestamp> = HashMap::new();
        self.again.retain(|key, _| owed.iter().any(|(_, known, ..)| known == key));
        for (subject, key, version, deletion) in owed {
            let now = self.clock.now();
            let late = usize::from(now >= deletion.queued_at.after(OVERDUE_AFTER));
            if self.is_off(&deletion) {
                asking.owed += 1;
                asking.overdue += late;
                continue;
            }
            if let Some((at, _)) = self.again.get(&key).filter(|(at, _)| now < *at) {
                asking.owed += 1;
                asking.overdue += late;
                note(&mut tries, &deletion.recipient, *at);
                continue;
            }
            let reply = self.ask(&subject, &deletion).await?;
            let outcome = match reply {
                Reply::Confirmed { .. } => {
                    asking.confirmed += 1;
                    "confirmed"
                }
                Reply::Unsupported => {
                    asking.unsupported += 1;
                    "unsupported"
                }
                Reply::None if now >= deletion.queued_at.after(GIVE_UP_AFTER) => {
                    asking.unanswered += 1;
                    "unanswered"
                }
                Reply::None => {
                    note(&mut tries, &deletion.recipient, self.wait(key, now));
                    asking.owed += 1;
                    asking.overdue += late;
                    continue;
                }
            };
            self.close(&subject, (key, version), &deletion, (outcome, reply)).await?;
        }
        self.tries.set(tries);
        Ok(asking)
    }

    /// Whether the operator has switched the recipient off: then nothing is written to it, and the deletion stays owed
    /// for as long as that lasts.
    fn is_off(&self, deletion: &Deletion) -> bool {
        let known = |model: &&Model| model.recipient().id == deletion.recipient;
        self.models.iter().find(known).is_some_and(|model| model.switch().is_off())
    }

    /// Waits twice as long as before until the next try, and says when that is.
    fn wait(&mut self, key: Key, now: Timestamp) -> Timestamp {
        let waited = self.again.get(&key).map_or(Duration::from_secs(1), |(_, wait)| *wait * 2);
        let wait = waited.min(LONGEST_WAIT);
        let at = now.after(wait);
        self.again.insert(key, (at, wait));
        at
    }

    /// What the recipient said. One that is no longer configured cannot be asked; one that does not answer anybody now
    /// is not asked either, so that no row says it was.
    async fn ask(&self, subject: &SubjectKey, deletion: &Deletion) -> Result<Reply, RightsError> {
        let known = |model: &&Model| model.recipient().id == deletion.recipient;
        let Some(model) = self.models.iter().find(known) else { return Ok(Reply::None) };
        let which = Which { domain: &deletion.domain, generation: deletion.generation };
        let name = for_deletion(subject, &deletion.recipient, which);
        let Some(outbound) = model.wire().forget(name.expose()) else {
            return Ok(Reply::Unsupported);
        };
        if model.is_left_alone() {
            return Ok(Reply::None);
        }
        let outbound = outbound.with_request_id(self.entropy.draw()?);
        let row = self.row(deletion, "asked", None);
        let logged = self.write(subject, row, Batch::default()).await?;
        let answer = model.send(outbound, Asked { _logged: logged }).await;
        Ok(match answer {
            Ok(answer) if model.wire().confirms(&answer) => {
                let cached = model.wire().forgets_within();
                Reply::Confirmed {
                    cache_until: cached.map(|cached| self.clock.now().after(cached)),
                }
            }
            _ => Reply::None,
        })
    }

    async fn close(
        &self,
        subject: &SubjectKey,
        (key, version): (Key, u64),
        deletion: &Deletion,
        (outcome, reply): (&'static str, Reply),
    ) -> Result<(), RightsError> {
        let cache_until = match reply {
            Reply::Confirmed { cache_until } => cache_until,
            Reply::Unsupported | Reply::None => None,
        };
        let expect = vec![Expect::Version { key: key.clone(), version }];
        let batch = Batch { expect, delete: vec![key], ..Batch::default() };
        self.write(subject, self.row(deletion, outcome, cache_until), batch).await?;
        Ok(())
    }

    /// `cache_until` is told where the recipient may answer from what it has deleted for a while.
    fn row(
        &self,
        deletion: &Deletion,
        outcome: &'static str,
        cache_until: Option<Timestamp>,
    ) -> Draft {
        let now = self.clock.now();
        let mut body = json!({
            "t_ms": now.millis(),
            "queued_ms": deletion.queued_at.millis(),
            "domain": deletion.domain,
            "generation": deletion.generation,
        });
        if let (Some(until), Some(body)) = (cache_until, body.as_object_mut()) {
            body.insert("cache_until_ms".to_owned(), until.millis().into());
        }
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

/// Notes the earliest try of each recipient.
fn note(tries: &mut HashMap<RecipientId, Timestamp>, recipient: &RecipientId, at: Timestamp) {
    let known = tries.entry(recipient.clone()).or_insert(at);
    *known = at.min(*known);
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
