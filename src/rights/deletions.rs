//! Asks recipients to delete what they hold under pseudonyms that are no longer in use.

mod close;
mod opendsr;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use self::close::{Closing, known_still, row};
pub use self::opendsr::{ByOpenDsr, Rest};
use super::{AnswerState, RightsError, ground::off_the_worker};
use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, Logged},
    consent::{Deletion, Ledger},
    domain::{RecipientId, Sid, Timestamp},
    policy::Policies,
    pseudonym::{Which, for_deletion},
    store::{Batch, CommitError, Key, Store},
    upstream::{Clearance, Model},
    vault::{SubjectKey, Vault},
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

impl Asking {
    fn count(&mut self, state: AnswerState) {
        match state {
            AnswerState::Pending => {}
            AnswerState::Confirmed => self.confirmed += 1,
            AnswerState::Unsupported => self.unsupported += 1,
            AnswerState::Unanswered => self.unanswered += 1,
        }
    }
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
    ground: DeletionsGround,
    /// When to try again, and how long was waited before: in memory, so a restart tries at once.
    again: HashMap<Key, (Timestamp, Duration)>,
    tries: NextTries,
}

/// What a worker of deletions stands on.
#[derive(Debug)]
pub struct DeletionsGround {
    /// The store.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// The queue.
    pub ledger: Ledger,
    /// Writes the log.
    pub audit: Audit,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// The models, with connections of the worker's own.
    pub models: Vec<Model>,
    /// Those that are asked by OpenDSR instead of by their own protocol.
    pub opendsr: HashMap<RecipientId, Arc<ByOpenDsr>>,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
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
    /// A worker over the queue.
    #[must_use]
    pub fn new(ground: DeletionsGround) -> Self {
        Self { ground, again: HashMap::new(), tries: NextTries::default() }
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
        let ledger = self.ground.ledger.clone();
        let owed = off_the_worker(move || Ok(ledger.deletions_owed()?)).await?;
        let mut asking = Asking::default();
        let mut tries: HashMap<RecipientId, Timestamp> = HashMap::new();
        self.again.retain(|key, _| owed.iter().any(|(_, known, ..)| known == key));
        let mut left: HashMap<Sid, usize> = HashMap::new();
        for (subject, ..) in &owed {
            *left.entry(subject.sid()).or_default() += 1;
        }
        for (subject, key, version, deletion) in owed {
            let now = self.ground.clock.now();
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
            let Some(reply) = self.ask(&subject, &deletion).await? else { continue };
            let state = match reply {
                Reply::Confirmed { .. } => AnswerState::Confirmed,
                Reply::Unsupported => AnswerState::Unsupported,
                Reply::None if now >= deletion.queued_at.after(GIVE_UP_AFTER) => {
                    AnswerState::Unanswered
                }
                Reply::None => {
                    note(&mut tries, &deletion.recipient, self.wait(key, now));
                    asking.owed += 1;
                    asking.overdue += late;
                    continue;
                }
            };
            let left = left.entry(subject.sid()).or_default();
            let closed = Closing { subject: &subject, at: (key, version), deletion: &deletion };
            if self.close(closed, (state, reply), *left == 1).await? {
                *left -= 1;
                asking.count(state);
            }
        }
        self.tries.set(tries);
        Ok(asking)
    }

    /// Whether the operator has switched the recipient off: then nothing is written to it, and the deletion stays owed
    /// for as long as that lasts.
    fn is_off(&self, deletion: &Deletion) -> bool {
        let known = |model: &&Model| model.recipient().id == deletion.recipient;
        self.ground.models.iter().find(known).is_some_and(|model| model.switch().is_off())
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
    /// `None` of a person who was erased meanwhile: what they owe is asked for by the erasure's own deletions.
    async fn ask(
        &self,
        subject: &SubjectKey,
        deletion: &Deletion,
    ) -> Result<Option<Reply>, RightsError> {
        let known = |model: &&Model| model.recipient().id == deletion.recipient;
        let Some(model) = self.ground.models.iter().find(known) else {
            return Ok(Some(Reply::None));
        };
        let pseudonym = match &deletion.erased {
            Some(of) => of.pseudonym.clone(),
            None => {
                let which = Which { domain: &deletion.domain, generation: deletion.generation };
                for_deletion(subject, &deletion.recipient, which).expose().to_owned()
            }
        };
        if let Some(recipient) = self.ground.opendsr.get(&deletion.recipient) {
            if recipient.is_left_alone(self.ground.clock.now()) {
                return Ok(Some(Reply::None));
            }
            let Some(_logged) = self.asked(subject, deletion).await? else { return Ok(None) };
            let done = recipient.ask(deletion, &pseudonym, self.ground.clock.now()).await;
            let confirmed = Reply::Confirmed { cache_until: None };
            return Ok(Some(if done { confirmed } else { Reply::None }));
        }
        let Some(outbound) = model.wire().forget(&pseudonym) else {
            return Ok(Some(Reply::Unsupported));
        };
        if model.is_left_alone() {
            return Ok(Some(Reply::None));
        }
        let outbound = outbound.with_request_id(self.ground.entropy.draw()?);
        let Some(logged) = self.asked(subject, deletion).await? else { return Ok(None) };
        let answer = model.send(outbound, Asked { _logged: logged }).await;
        Ok(Some(match answer {
            Ok(answer) if model.wire().confirms(&answer) => {
                let cached = model.wire().forgets_within();
                Reply::Confirmed {
                    cache_until: cached.map(|cached| self.ground.clock.now().after(cached)),
                }
            }
            _ => Reply::None,
        }))
    }

    /// Writes down that a recipient is asked. `None` if the person was erased meanwhile.
    async fn asked(
        &self,
        subject: &SubjectKey,
        deletion: &Deletion,
    ) -> Result<Option<Logged>, RightsError> {
        let keys = self.keys(subject, deletion).await?;
        let row = self.ground.audit.seal(row(self, deletion, "asked", None), &keys, None)?;
        let expect = known_still(subject, deletion).into_iter().collect();
        let batch = Batch { expect, leaves: vec![row], ..Batch::default() };
        match self.ground.audit.record(batch).await {
            Ok(logged) => Ok(Some(logged)),
            Err(CommitError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
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
