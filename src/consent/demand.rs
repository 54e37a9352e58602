//! What a person demands of their standing by right, in one batch with the record of their request: there is neither
//! without the other.

use super::{
    Act, Action, ConsentError, Ledger, Person, acts::TRIES, change::Change, ledger::off_the_worker,
};
use crate::{
    domain::{Method, PurposeId, Sid, Tier, Timestamp},
    policy::Bundle,
    store::{Batch, CommitError, Expect},
};

/// What a person demands of their standing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: the record alone is written, if the person still stands as they were read.
    Nothing,
    /// What is held is kept and not used, until the person lifts it (GDPR article 18).
    Restrict,
    /// No decision rests on anything personal.
    RefuseAutomated,
    /// Nothing is used for these purposes any more, as far as they rest on consent: each is refused, whatever was given.
    Object(Vec<PurposeId>),
    /// They are under 14 at least until then: nobody's word makes a mark that stands end earlier.
    Child(Timestamp),
    /// They are under 14 until then, or are not, as somebody has checked.
    Age(Option<Timestamp>),
}

impl Ledger {
    /// Meets `demand` of the person `sid`, with the records and rows that `beside` makes for them as they stand. When it
    /// returns, the demand holds, for calls in flight too. Whether the person is known.
    ///
    /// # Errors
    /// When the journal does not take it; then nothing was changed.
    pub async fn meet(
        &self,
        sid: Sid,
        (demand, method): (&Demand, Method),
        beside: impl Fn(&Person) -> Result<Batch, ConsentError>,
    ) -> Result<bool, ConsentError> {
        let _acting = self.acting().await;
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            let ledger = self.clone();
            let Some(person) = off_the_worker(move || ledger.by_sid(sid)).await? else {
                return Ok(false);
            };
            let person = self.settled(person, &bundle).await?;
            let beside = beside(&person)?;
            match self.meet_under(&bundle, &person, (demand, method), beside).await {
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                done => return done.map(|()| true),
            }
        }
        Err(ConsentError::Contended)
    }

    async fn meet_under(
        &self,
        bundle: &Bundle,
        person: &Person,
        (demand, method): (&Demand, Method),
        beside: Batch,
    ) -> Result<(), ConsentError> {
        let mut change = Change::begin(person);
        let acts = self.demanded(bundle, demand, method, &mut change)?;
        let sid = person.key.sid();
        let mut batch = if acts.is_empty() {
            let epoch = person.standing.epoch;
            Batch { expect: vec![Expect::Epoch { sid, epoch }], ..Batch::default() }
        } else {
            change.batch.urgent = matches!(demand, Demand::Object(_));
            change.finish(self)?
        };
        batch.expect.extend(beside.expect);
        batch.put.extend(beside.put);
        batch.delete.extend(beside.delete);
        batch.leaves.extend(beside.leaves);
        if acts.is_empty() {
            self.audit.record(batch).await?;
            return Ok(());
        }
        let closed = self.gates.close(sid);
        self.audit.record(batch).await?;
        closed.drained().await;
        for act in &acts {
            self.gates.counts().acts.of(act.action.as_str()).one();
            closed.recorded_act(act);
        }
        Ok(())
    }

    /// Does in `change` what is demanded. The acts that this took; none where it stands so already.
    fn demanded(
        &self,
        bundle: &Bundle,
        demand: &Demand,
        method: Method,
        change: &mut Change,
    ) -> Result<Vec<Act>, ConsentError> {
        let before = change.standing.clone();
        let action = match demand {
            Demand::Nothing => return Ok(Vec::new()),
            Demand::Object(purposes) => return self.objected(bundle, purposes, method, change),
            Demand::Restrict => {
                change.standing.rules.pause_until = Some(Timestamp::NEVER);
                Action::SetRules
            }
            Demand::RefuseAutomated => {
                change.standing.rules.cap = Tier::None;
                Action::SetRules
            }
            Demand::Child(until) => {
                let stands = change.standing.under_14_until;
                change.standing.under_14_until = stands.max(Some(*until));
                Action::Correct
            }
            Demand::Age(until) => {
                change.standing.under_14_until = *until;
                let end = until.unwrap_or_else(|| self.clock.now());
                for known in &mut change.standing.purposes {
                    known.consent.guarded_until(end);
                }
                Action::Correct
            }
        };
        if change.standing == before {
            return Ok(Vec::new());
        }
        let act = self.plain(action, method);
        change.note(self, bundle, &act)?;
        Ok(vec![act])
    }

    fn objected(
        &self,
        bundle: &Bundle,
        purposes: &[PurposeId],
        method: Method,
        change: &mut Change,
    ) -> Result<Vec<Act>, ConsentError> {
        let mut acts = Vec::new();
        for purpose in purposes.iter().filter_map(|id| bundle.catalogue().purpose(id)) {
            if purpose.required() {
                continue;
            }
            let act =
                Act { purpose: Some(purpose.id().clone()), ..self.plain(Action::Refuse, method) };
            if !acts.is_empty() {
                change.standing.epoch = change.standing.epoch.next();
            }
            let place = change.standing.purpose_mut(purpose.id());
            place.consent = place.consent.clone().refuse(act.at);
            self.let_go(purpose.id(), change)?;
            change.note(self, bundle, &act)?;
            acts.push(act);
        }
        Ok(acts)
    }
}
