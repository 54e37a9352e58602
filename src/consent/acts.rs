//! Acts: giving, refusing and withdrawing.

use super::{
    Act, Action, ConsentError, Ledger, Person, Snapshot,
    agreed::{agreed, ends, guarded},
    change::Change,
    ledger::off_the_worker,
    owed::Whose,
    told::Told,
};
use crate::{
    audit::Place,
    domain::{CategoryId, Detail, Epoch, Method, PurposeId, Refusal, Timestamp, consent::Given},
    policy::{Bundle, Catalogue, Purpose},
    retry::{Attempt, Begun, Claim},
    store::{Batch, CommitError},
    vault::Handle,
};

/// How often an act is tried anew when others change the same standing at the same time.
pub(super) const TRIES: usize = 8;

/// An act that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Give, refuse or withdraw.
    pub action: Action,
    /// For which purpose.
    pub purpose: PurposeId,
    /// What is given and how finely; `None` for all that the purpose uses except sensitive ones.
    pub categories: Option<Vec<(CategoryId, Detail)>>,
    /// The snapshot of the notice that was shown.
    pub notice: Option<String>,
    /// When what is given ends by itself.
    pub expires_at: Option<Timestamp>,
    /// How the act reached the gateway.
    pub method: Method,
    /// Done by a verified guardian on behalf of a child.
    pub by_guardian: bool,
    /// Until when the person is under 14, if the app says so.
    pub under_14_until: Option<Timestamp>,
    /// Whether the call carries an objection by signal.
    pub signal: bool,
}

/// An act that was recorded.
#[derive(Clone, Debug)]
pub struct Acted {
    /// The person's epoch after it.
    pub epoch: Epoch,
    /// The signed receipt.
    pub receipt: String,
    /// Its place in the log; `None` when it holds but is not durable yet.
    pub place: Option<Place>,
    /// When data of the person last left for this purpose, as far as this process remembers.
    pub last_use: Option<Timestamp>,
}

impl super::gate::Closed {
    /// Says that `act` is durable.
    pub(super) fn recorded_act(&self, act: &Act) {
        if act.purpose.is_some() || act.action == Action::Object {
            self.recorded(act.purpose.as_ref());
        } else {
            self.acknowledged();
        }
    }
}

impl Ledger {
    /// Records an act of the person under `handle`. When it returns, the act holds: nothing leaves on an older
    /// standing, not from calls in flight either.
    ///
    /// # Errors
    /// When the act is refused, or the journal does not take it. A withdrawal that the journal does not take holds in
    /// this process all the same, and [`Acted::place`] is `None`.
    pub async fn act(&self, handle: Handle, request: Request) -> Result<Acted, ConsentError> {
        self.act_once(handle, request, None).await
    }

    /// Like [`Ledger::act`], for a call that may be a retry: an act that was recorded under the same attempt is not
    /// done again, and what it came to is told.
    ///
    /// # Errors
    /// As [`Ledger::act`], and when the attempt's key is in use or was used for another call.
    pub async fn act_once(
        &self,
        handle: Handle,
        request: Request,
        attempt: Option<Attempt>,
    ) -> Result<Acted, ConsentError> {
        let claim = match attempt {
            Some(attempt) => {
                let Begun { claim, told } = self.retries.begin::<Told>(attempt).await?;
                if let Some(told) = told {
                    return self.acted_before(handle, told).await;
                }
                Some(claim)
            }
            None => None,
        };
        if request.signal {
            self.object_first(handle, &request).await?;
        }
        // Held to the end, so that a change of policy sees what is given, or keeps it from being given.
        let acting = self.acting().await;
        if request.action == Action::Give {
            acting.may_give(&request.purpose, request.categories.as_deref().unwrap_or_default())?;
        }
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            match self.act_under(&bundle, handle, &request, claim.as_ref()).await {
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                // What the person had may stand under another name by now.
                Err(_) if self.policies.current().version() != bundle.version() => {}
                done => return done,
            }
        }
        Err(ConsentError::Contended)
    }

    async fn act_under(
        &self,
        bundle: &Bundle,
        handle: Handle,
        request: &Request,
        claim: Option<&Claim>,
    ) -> Result<Acted, ConsentError> {
        let purpose = meant(bundle, request)?;
        let mut act = self.read(bundle.catalogue(), purpose, request)?;
        let mut change = self.begin_for(handle, bundle, act.action).await?;
        if change.created && act.action == Action::Withdraw {
            return Err(Refusal::NothingGiven.into());
        }
        // A mark that protects a child is made shorter by the operator alone.
        let until = request.under_14_until.max(change.standing.under_14_until);
        change.standing.under_14_until = until;
        if act.action == Action::Give && act.by_guardian {
            act.expires_at = Some(guarded(&change, &act)?);
        }
        let key = change.key.clone();
        self.apply(purpose, &act, &mut change)?;
        let (index, epoch, told) = self.commit_told(bundle, change, &act, claim).await?;
        let last_use = told.map_or_else(|| self.last_use(&key, &act), |told| told.last_use);
        self.acted(&key, (&act, epoch), self.words(bundle, &act), (index, last_use))
    }

    /// The beginnings of a change to the person under `handle`, who comes to be known by it if nobody is yet.
    pub(super) async fn begin(
        &self,
        handle: Handle,
        bundle: &Bundle,
    ) -> Result<Change, ConsentError> {
        self.begin_for(handle, bundle, Action::SetRules).await
    }

    /// The same for an act that does this. Who was erased and asked not to come back by themselves comes back by giving
    /// anew alone.
    async fn begin_for(
        &self,
        handle: Handle,
        bundle: &Bundle,
        action: Action,
    ) -> Result<Change, ConsentError> {
        let ledger = self.clone();
        match off_the_worker(move || ledger.find(handle)).await? {
            Some(person) => Ok(Change::begin(&self.settled(person, bundle).await?)),
            None => self.newcomer(handle, action).await,
        }
    }

    /// Like [`Ledger::begin`], without going from an alias to whose it is.
    pub(super) async fn begin_as(
        &self,
        handle: Handle,
        bundle: &Bundle,
    ) -> Result<Change, ConsentError> {
        let ledger = self.clone();
        match off_the_worker(move || ledger.find_as(handle)).await? {
            Some(person) => Ok(Change::begin(&self.settled(person, bundle).await?)),
            None => self.newcomer(handle, Action::Link).await,
        }
    }

    async fn newcomer(&self, handle: Handle, action: Action) -> Result<Change, ConsentError> {
        let ledger = self.clone();
        let suppressed = off_the_worker(move || Ok(ledger.vault.is_suppressed(handle)?)).await?;
        if suppressed && action != Action::Give {
            return Err(ConsentError::Suppressed);
        }
        let mut enrolment = self.vault.enrol(handle)?;
        let lifted = suppressed.then(|| enrolment.lifting(handle));
        let mut change = Change::begin(&Person::new(enrolment.key));
        change.created = true;
        change.newcomer = Some(handle);
        change.batch.expect = enrolment.expect;
        change.batch.put = enrolment.put;
        change.batch.delete.extend(lifted);
        Ok(change)
    }

    pub(super) async fn fresh(&self, person: &Person) -> Result<Option<Person>, ConsentError> {
        let (ledger, sid) = (self.clone(), person.key.sid());
        off_the_worker(move || ledger.by_sid(sid)).await
    }

    /// What the request says, checked against the catalogue and the notice.
    fn read(
        &self,
        catalogue: &Catalogue,
        purpose: &Purpose,
        request: &Request,
    ) -> Result<Act, ConsentError> {
        if purpose.required() {
            return Err(ConsentError::Required(purpose.id().clone()));
        }
        let notice = match &request.notice {
            Some(token) => {
                let snapshot = Snapshot::verify(&self.signer, token)
                    .ok()
                    .filter(|snapshot| snapshot.purpose == *purpose.id())
                    .ok_or(ConsentError::NoticeInvalid)?;
                Some(snapshot)
            }
            None => None,
        };
        let categories = match request.action {
            Action::Give => {
                let shown = notice.as_ref().ok_or(ConsentError::NoticeMissing)?;
                if shown.material != purpose.material() {
                    return Err(ConsentError::NoticeOutdated);
                }
                agreed(catalogue, purpose, request.categories.as_deref())?
            }
            _ => Vec::new(),
        };
        Ok(Act {
            purpose: Some(purpose.id().clone()),
            categories,
            expires_at: ends(purpose, self.clock.now(), request.expires_at)
                .filter(|_| request.action == Action::Give),
            notice,
            by_guardian: request.by_guardian,
            ..self.plain(request.action, request.method)
        })
    }

    pub(super) fn plain(&self, action: Action, method: Method) -> Act {
        Act {
            at: self.clock.now(),
            action,
            purpose: None,
            categories: Vec::new(),
            expires_at: None,
            method,
            notice: None,
            by_guardian: false,
        }
    }

    fn apply(&self, purpose: &Purpose, act: &Act, change: &mut Change) -> Result<(), ConsentError> {
        let place = change.standing.purpose_mut(purpose.id());
        let (now, consent) = (act.at, place.consent.clone());
        place.consent = match act.action {
            Action::Give => {
                let given = Given {
                    categories: act.categories.clone(),
                    expires_at: act.expires_at,
                    material: purpose.material().to_owned(),
                    by_guardian: act.by_guardian,
                };
                // Giving anew answers an objection that came before.
                place.objected_at = None;
                consent.give(given, now)?
            }
            Action::Withdraw => consent.withdraw(now)?,
            _ => consent.refuse(now),
        };
        if act.action != Action::Give {
            self.let_go(purpose.id(), change)?;
        }
        Ok(())
    }

    /// Closes the gate, commits, and waits for the disclosures under way.
    pub(super) async fn commit(
        &self,
        bundle: &Bundle,
        change: Change,
        act: &Act,
    ) -> Result<(Option<u64>, Epoch), ConsentError> {
        let (index, epoch, _) = self.commit_told(bundle, change, act, None).await?;
        Ok((index, epoch))
    }

    /// Like [`Ledger::commit`]; with a claim, what its retries are told is written with the act.
    async fn commit_told(
        &self,
        bundle: &Bundle,
        change: Change,
        act: &Act,
        claim: Option<&Claim>,
    ) -> Result<(Option<u64>, Epoch, Option<Told>), ConsentError> {
        let (key, epoch) = (change.key.clone(), change.standing.epoch);
        let tell = |batch: &mut Batch| {
            claim.map(|claim| self.tell_retries(claim, &key, (act, epoch), batch)).transpose()
        };
        self.commit_with(bundle, change, act, tell).await
    }

    /// Like [`Ledger::commit`]; `also` adds to the batch what is known only behind the shut gate.
    pub(super) async fn commit_with<T>(
        &self,
        bundle: &Bundle,
        change: Change,
        act: &Act,
        also: impl FnOnce(&mut Batch) -> Result<T, ConsentError>,
    ) -> Result<(Option<u64>, Epoch, T), ConsentError> {
        let sid = change.key.sid();
        let takes_back = matches!(act.action, Action::Withdraw | Action::Refuse | Action::Object);
        let ends = takes_back || act.action == Action::Expire;
        let (epoch, newcomer) = (change.standing.epoch, change.newcomer);
        let mut batch = change.into_batch(self, bundle, act, takes_back)?;
        let closed = self.gates.close(sid);
        let added = also(&mut batch)?;
        let recorded = self.audit.record(batch).await;
        let index = match recorded {
            Ok(logged) => Some(logged.index()),
            Err(CommitError::Unavailable(_)) if ends => None,
            Err(error) => return Err(error.into()),
        };
        closed.drained().await;
        let counts = self.gates.counts();
        match index {
            Some(_) => {
                counts.acts.of(act.action.as_str()).one();
                closed.recorded_act(act);
            }
            // Nothing could be written, so the shut gate is all that makes the act hold.
            None => {
                counts.shut.one();
                let number = closed.leave_shut(act.purpose.as_ref());
                self.owe(newcomer.map_or(Whose::Known(sid, number), Whose::Newcomer), act);
            }
        }
        Ok((index, epoch, added))
    }
}

/// The purpose that a request names. Who says no may say it to the name that the purpose had before.
fn meant<'a>(bundle: &'a Bundle, request: &Request) -> Result<&'a Purpose, ConsentError> {
    let gives = request.action == Action::Give;
    let renamed = if gives { &request.purpose } else { bundle.renamed(&request.purpose) };
    let known = bundle.catalogue().purpose(renamed);
    known.ok_or_else(|| ConsentError::UnknownPurpose(request.purpose.clone()))
}
