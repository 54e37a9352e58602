//! Erasure (GDPR article 17, PIPA article 36): a person's key is destroyed, and every recipient is asked to delete what it
//! holds under every pseudonym that it may ever have been sent.
//!
//! Promises: one batch destroys the key, takes out the handle and all records, queues the deletions and writes the row that
//! says so, or nothing happens; no row of the person's comes after it, and the row says how many there were; before it is
//! acknowledged, nothing about the person is being written to anyone, and the keeper's folder knows that no backup may bring
//! the key back. What the journal does not take holds all the same: the gate stays shut, and it is done as soon as can be.
//!
//! It undoes nothing: there is nothing left to undo it from. What recipients answer is [`Deletions`](super::Deletions)' work.
//!
//! Start with [`Rights::erase`].

mod answers;
mod certificate;
mod job;
mod kept;
mod linked;
mod owed;
mod rows;

use serde_json::json;
use uuid::Uuid;

pub(super) use self::{answers::answered, kept::Opening};
pub use self::{
    answers::{Answer, AnswerState},
    job::after_restore,
    owed::Erasures,
};
use self::{job::Left, kept::Kept, owed::Owed, rows::Theirs};
use super::{Rights, RightsError, ground::off_the_worker, requests::Certified};
use crate::{
    audit::{AuditError, Draft, Event, Place},
    consent::{Closed, ConsentError, Person},
    domain::Timestamp,
    retry::{Attempt, Begun, Claim},
    store::{Batch, CommitError},
    vault::{Destruction, Handle, KeyEvent},
};

/// How often an erasure is tried anew when the person acts at the same time.
const TRIES: usize = 8;

/// What goes with an erasure, in the words of its certificate.
const SCOPE: [&str; 7] =
    ["key", "handle", "consents", "rules", "acts", "held", "bodies_of_log_rows"];

/// An erasure that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The request it answers, if it has a name of its own: the certificate says it.
    pub request: Option<Uuid>,
    /// Whether the person asked not to come back by themselves: then an entry is kept that refuses imports about them, and
    /// only consent that is given anew lifts it.
    pub suppress: bool,
}

/// An erasure that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The certificate's name.
    pub certificate: Uuid,
    /// When.
    pub at: Timestamp,
    /// From when on no copy of a key opens anything.
    pub final_by: Timestamp,
    /// Its place in the log; `None` while it holds and is not durable yet.
    pub place: Option<Place>,
    /// What each recipient answered so far; nothing while it is not durable.
    pub recipients: Vec<Answer>,
    /// Whether the person was kept from coming back by themselves.
    pub suppressed: bool,
}

impl Rights {
    /// Erases the person under `handle`. `None` when nobody is known by it: then there is nothing to erase, and nothing is
    /// written. When it returns, it holds: nothing about the person leaves, not from calls in flight either.
    ///
    /// # Errors
    /// When a record cannot be read. An erasure that the journal or the keeper's folder does not take holds in this process
    /// all the same, and [`Erased::place`] is `None`.
    pub async fn erase(
        &self,
        handle: Handle,
        erasure: Erasure,
    ) -> Result<Option<Erased>, RightsError> {
        self.erase_once(handle, erasure, None).await
    }

    /// Like [`Rights::erase`], for a call that may be a retry: it is told of the erasure that was done under the same
    /// attempt.
    ///
    /// # Errors
    /// As [`Rights::erase`], and when the attempt's key is in use or was used for another call.
    pub async fn erase_once(
        &self,
        handle: Handle,
        erasure: Erasure,
        attempt: Option<Attempt>,
    ) -> Result<Option<Erased>, RightsError> {
        let mut claim = None;
        if let Some(attempt) = attempt {
            let begun: Begun<Uuid> = self.ledger.retries().begin(attempt).await?;
            if let Some(id) = begun.told {
                return self.erased_before(id).await;
            }
            claim = Some(begun.claim);
        }
        if let Some(owed) = self.erasures.of(handle) {
            return self.settle_one(owed).await;
        }
        let id = uuid::Builder::from_random_bytes(self.entropy.draw()?).into_uuid();
        let (rights, now) = (self.clone(), self.clock.now());
        // A caller who hangs up does not leave it half done.
        let erased = tokio::spawn(async move {
            let ledger = rights.ledger.clone();
            let first = off_the_worker(move || Ok(ledger.first_id(handle)?)).await?;
            let ask = Ask { handle: first, asker: handle, erasure, id, since: now };
            let linked = rights.erase_linked(ask).await?;
            rights.carry_out(ask, &linked, claim.as_ref()).await
        });
        erased.await.unwrap_or(Err(ConsentError::Stopping.into()))
    }

    /// Does what was asked for while the journal took nothing. How many erasures are left. To be called now and then.
    ///
    /// # Errors
    /// When a record cannot be read; what is left stays owed.
    pub async fn settle_erasures(&self) -> Result<usize, RightsError> {
        for owed in self.erasures.all() {
            self.settle_one(owed).await?;
        }
        Ok(self.erasures.count())
    }

    /// The same for the person under `handle` alone, before anything else is done about them.
    pub(super) async fn settle_erasure_of(&self, handle: Handle) -> Result<(), RightsError> {
        if let Some(owed) = self.erasures.of(handle) {
            self.settle_one(owed).await?;
        }
        Ok(())
    }

    async fn settle_one(&self, owed: Owed) -> Result<Option<Erased>, RightsError> {
        let linked = self.erase_linked(owed.ask).await?;
        let done = match self.carry_out(owed.ask, &linked, None).await? {
            Some(done) => Some(done),
            // It was durable all along, and only its acknowledgement did not come.
            None => self.erased_before(owed.ask.id).await?,
        };
        if done.as_ref().is_none_or(|done| done.place.is_some()) {
            self.forget(owed.ask.handle, owed.sid);
            self.ledger.gates().close(owed.sid).gone();
            self.erasures.settled(owed.ask.id);
        }
        Ok(done)
    }

    async fn carry_out(
        &self,
        ask: Ask,
        linked: &[Uuid],
        claim: Option<&Claim>,
    ) -> Result<Option<Erased>, RightsError> {
        for _ in 0..TRIES {
            let ledger = self.ledger.clone();
            let found = off_the_worker(move || Ok(ledger.find_as(ask.handle)?)).await?;
            let Some(person) = found else { return Ok(None) };
            let sid = person.key.sid();
            let closed = self.ledger.gates().close(sid);
            match self.try_once((ask, linked), &person, &closed, claim).await {
                Ok(kept) => {
                    self.forget(ask.handle, sid);
                    closed.gone();
                    return self.told(ask.id, kept).await.map(Some);
                }
                Err(error) if error.is_conflict() => {}
                // Nothing could be written, so the shut gate is all that makes it hold.
                Err(error) if error.is_unwritten() => {
                    closed.leave_for_good();
                    let owed = Owed { ask, sid };
                    self.erasures.owe(owed);
                    return Ok(Some(self.undurable(&owed)));
                }
                Err(error) => return Err(error),
            }
        }
        Err(RightsError::Contended)
    }

    async fn try_once(
        &self,
        (ask, linked): (Ask, &[Uuid]),
        person: &Person,
        closed: &Closed,
        claim: Option<&Claim>,
    ) -> Result<Kept, RightsError> {
        let (rights, of, sid) = (self.clone(), person.clone(), person.key.sid());
        // Most of the log is looked through before anybody has to wait for it.
        let (destruction, mut counting, still_asked) = off_the_worker(move || {
            let destruction = rights.vault.destruction(ask.handle, &of.key)?;
            let mut counting = Theirs::of(&of);
            counting.look(&rights.store)?;
            let still_asked = rights.still_asked(ask.erasure.request)?;
            Ok((destruction.ok_or(CommitError::Conflict)?, counting, still_asked))
        })
        .await?;
        // From here on nothing is written about them but by an act of theirs, which has the erasure begin anew: whatever
        // else is, expects that they have an epoch.
        let mut expect = destruction.expect.clone();
        expect.push(person.unchanged());
        expect.extend(still_asked);
        let raise = vec![(sid, None)];
        let barrier = Batch { expect, raise, urgent: true, ..Batch::default() };
        self.store.commit(barrier).await?;
        closed.drained().await;
        let (rights, of) = (self.clone(), person.clone());
        let now = self.clock.now();
        let certified =
            Certified { certificate: ask.id, final_by: now.after(self.terms.final_after) };
        let (counting, ended) = off_the_worker(move || {
            counting.look(&rights.store)?;
            rights.mark.erase(of.key.commitment(KeyEvent::Erased))?;
            Ok((counting, rights.end_requests(&of.key, certified)?))
        })
        .await?;
        let rows = counting.found() + 1;
        let (mut batch, kept) =
            self.batch((ask, linked, now), person, (destruction, rows), claim)?;
        batch.expect.extend(ended.expect);
        batch.put.extend(ended.put);
        batch.delete.extend(ended.delete);
        batch.leaves.extend(ended.leaves);
        self.audit.record(batch).await?;
        Ok(kept)
    }

    /// The batch of an erasure, whose row is its first and the person's only one, and what its certificate is made of.
    fn batch(
        &self,
        (ask, linked, now): (Ask, &[Uuid], Timestamp),
        person: &Person,
        (destruction, rows): (Destruction, u64),
        claim: Option<&Claim>,
    ) -> Result<(Batch, Kept), RightsError> {
        let mut left = Left::of(&self.0, person, now, Some(ask.id))?;
        let Destruction { mut expect, mut delete, delete_prefix, kek } = destruction;
        expect.push(person.unchanged());
        expect.append(&mut left.expect);
        // A suppression that came about meanwhile would be one of somebody else under the same handle: there is none.
        let suppressing = ask.erasure.suppress.then(|| self.vault.suppressing(ask.handle));
        left.put.extend(suppressing);
        let draft = self.draft((ask, linked, now), kek, &left, rows);
        let body = String::from_utf8_lossy(&draft.body).into_owned();
        let keys = person.row_keys();
        let leaf = self.audit.seal_erased(draft, &keys, &person.key)?;
        let opening = Opening::of(&leaf, &keys, body, self.store.log_size());
        let check = ask.asker.certificate_check(ask.id.as_bytes());
        let kept = Kept::new(check, opening, left.recipients);
        let nobody = self.audit.nobody();
        left.put.push(kept.put(&self.entropy, &nobody, ask.id, None)?);
        if let Some(claim) = claim {
            left.put.push(claim.put(&self.entropy, &nobody, &ask.id)?);
        }
        delete.dedup();
        let batch = Batch {
            expect,
            put: left.put,
            delete,
            delete_prefix,
            leaves: vec![leaf],
            raise: vec![(person.key.sid(), None)],
            urgent: true,
        };
        Ok((batch, kept))
    }

    fn draft(
        &self,
        (ask, linked, now): (Ask, &[Uuid], Timestamp),
        kek: u32,
        left: &Left,
        rows: u64,
    ) -> Draft {
        let body = json!({
            "id": ask.id,
            "request": ask.erasure.request,
            "t_ms": now.millis(),
            "keeper": "file",
            "kek": kek,
            "scope": SCOPE,
            "recipients": left.owed,
            "kept": [{
                "what": "the rows of the log: closed words, minutes and bytes that nothing opens any more",
                "law": ["GDPR 5(2), 17(3)(e)", "PIPA 29"],
            }],
            "final_by_ms": now.after(self.terms.final_after).millis(),
            "suppressed": ask.erasure.suppress,
            "linked": linked,
        });
        Draft {
            event: Event::SubjectErased,
            outcome: "erased",
            reason: "subject_request",
            purpose: None,
            recipient: None,
            ruleset: self.policies.current().ruleset().to_owned(),
            at: now,
            rows: Some(rows),
            body: body.to_string().into_bytes(),
        }
    }

    /// Forgets what memory holds of a person who was erased.
    fn forget(&self, handle: Handle, sid: crate::domain::Sid) {
        self.ledger.forget_person(handle, sid);
        self.forgetting.forget(sid);
    }

    fn undurable(&self, owed: &Owed) -> Erased {
        Erased {
            certificate: owed.ask.id,
            at: owed.ask.since,
            final_by: owed.ask.since.after(self.terms.final_after),
            place: None,
            recipients: Vec::new(),
            suppressed: owed.ask.erasure.suppress,
        }
    }
}

/// Who asked for what, and when.
#[derive(Clone, Copy, Debug)]
struct Ask {
    /// The id by which the person is kept.
    handle: Handle,
    /// The id by which they asked.
    asker: Handle,
    erasure: Erasure,
    /// The certificate's name.
    id: Uuid,
    since: Timestamp,
}

impl RightsError {
    fn is_conflict(&self) -> bool {
        self.commit().is_some_and(|error| *error == CommitError::Conflict)
    }

    /// Whether nothing could be written, for a reason that may pass.
    fn is_unwritten(&self) -> bool {
        let unavailable = |error: &CommitError| matches!(error, CommitError::Unavailable(_));
        matches!(self, Self::Keeper(_)) || self.commit().is_some_and(unavailable)
    }

    pub(super) fn commit(&self) -> Option<&CommitError> {
        match self {
            Self::Commit(error)
            | Self::Audit(AuditError::Commit(error))
            | Self::Consent(ConsentError::Commit(error)) => Some(error),
            _ => None,
        }
    }
}
