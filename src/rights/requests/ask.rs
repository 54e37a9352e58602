//! A request comes in.

use std::time::Duration;

use serde_json::Value;

use super::{
    Docket, Filed, Proof, RequestError, RequestId, Told, Wanted,
    deed::deed,
    docket,
    file::{Before, Found, Step},
    filed::{filed_of, filed_prefix},
    rows::{noted, said},
};
use crate::{
    audit::Event,
    consent::{ConsentError, Demand, Person},
    domain::Timestamp,
    retry::{Attempt, Begun, Claim},
    rights::{Right, Rights, RightsError},
    store::Batch,
    vault::Handle,
};

/// How long ago a confirmation may be.
const LATELY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How far an app's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// The person.
    Oneself,
    /// An app on their behalf.
    App {
        /// Its tenant.
        tenant: String,
        /// The app.
        app: String,
    },
}

/// A request as it comes in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// About whom.
    pub handle: Handle,
    /// What is asked for.
    pub right: Right,
    /// Under which law; the configured one if none is named.
    pub law: Option<String>,
    /// What is wanted, in particular.
    pub wanted: Wanted,
    /// That it speaks for the person; nothing acts before that is confirmed.
    pub proof: Option<Proof>,
    /// Who asks.
    pub by: AskedBy,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request as it stands.
    pub told: Told,
    /// Whether the same was asked before and is still open: then nothing new was taken.
    pub repeated: bool,
}

impl Rights {
    /// Takes a request, and does at once what the gateway can do by itself.
    ///
    /// # Errors
    /// When the law or a purpose is not known, or a confirmation is not of late; when the journal does not take it.
    pub async fn request(
        &self,
        asked: Asked,
        attempt: Option<Attempt>,
    ) -> Result<Received, RightsError> {
        let claim = match attempt {
            Some(attempt) => {
                let begun = self.ledger.retries().begin::<RequestId>(attempt).await;
                let Begun { claim, told } = begun.map_err(ConsentError::Retry)?;
                if let Some(id) = told {
                    let told = self.request_of(asked.handle, id).await?;
                    return Ok(Received { told, repeated: false });
                }
                Some(claim)
            }
            None => None,
        };
        self.check(&asked)?;
        self.settle_erasure_of(asked.handle).await?;
        match self.ledger.person(asked.handle).await? {
            Some(person) => self.of_known(person, asked, claim).await,
            None => self.of_nobody(&asked, claim).await,
        }
    }

    fn check(&self, asked: &Asked) -> Result<(), RightsError> {
        if let Some(proof) = asked.proof {
            self.is_lately(proof)?;
        }
        let bundle = self.policies.current();
        let known = |id| bundle.catalogue().purpose(id).is_some();
        if !asked.wanted.purposes.iter().all(known) {
            return Err(RequestError::UnknownPurpose.into());
        }
        Ok(())
    }

    /// Passes if a confirmation is of late, so that an old one cannot be used again for something new.
    pub(super) fn is_lately(&self, proof: Proof) -> Result<(), RequestError> {
        let now = self.clock.now();
        if proof.verified_at > now.after(AHEAD) || proof.verified_at < now.before(LATELY) {
            return Err(RequestError::Stale);
        }
        Ok(())
    }

    async fn of_known(
        &self,
        person: Person,
        asked: Asked,
        claim: Option<Claim>,
    ) -> Result<Received, RightsError> {
        if let Some(found) = self.identical(&person, &asked).await? {
            return self.again(&person, found, &asked, claim).await;
        }
        let docket = self.docketed(&asked)?;
        let filed = Filed { wanted: asked.wanted, proof: asked.proof, notes: Vec::new() };
        let row = (Event::RightsRequested, "received", said(&filed));
        let mut step =
            Step { docket, filed: Some(filed), rows: vec![row], demand: Demand::Nothing };
        if asked.proof.is_some() {
            step = self.begun(step, person.standing.under_14_until)?;
        }
        self.write(Some(person.key.sid()), &step, &Before::default(), claim.as_ref()).await?;
        let told = Told { docket: step.docket, filed: step.filed };
        Ok(Received { told: self.carried_out(asked.handle, told).await?, repeated: false })
    }

    /// A request that speaks for the person is worked on, and done as far as the gateway can do it.
    pub(super) fn begun(
        &self,
        step: Step,
        marked: Option<Timestamp>,
    ) -> Result<Step, RequestError> {
        let Step { docket, filed, mut rows, .. } = step;
        let now = self.clock.now();
        let mut docket = docket.begun()?;
        if let Some((_, outcome, _)) = rows.last_mut() {
            *outcome = "in_progress";
        }
        let Some(mut filed) = filed else {
            // Nothing is held, so everything that could be done is.
            docket = Docket { held: false, ..docket }.completed(now)?;
            rows.push((Event::RightsAnswered, "completed", Value::Null));
            return Ok(Step { docket, filed, rows, demand: Demand::Nothing });
        };
        let deed = deed(docket.right, &filed, self.policies.current().catalogue(), marked);
        let note = deed.note(now);
        if deed.completes {
            docket = docket.completed(now)?;
            rows.push((Event::RightsAnswered, "completed", noted(&note)));
        }
        filed.notes.push(note);
        Ok(Step { docket, filed: Some(filed), rows, demand: deed.demand })
    }

    /// Of somebody of whom nothing is held, nothing comes to be: what they say is not kept either.
    async fn of_nobody(
        &self,
        asked: &Asked,
        claim: Option<Claim>,
    ) -> Result<Received, RightsError> {
        let docket = Docket { held: false, ..self.docketed(asked)? };
        let rows = vec![(Event::RightsRequested, "received", Value::Null)];
        let mut step = Step { docket, filed: None, rows, demand: Demand::Nothing };
        if asked.proof.is_some() {
            step = self.begun(step, None)?;
        }
        self.write(None, &step, &Before::default(), claim.as_ref()).await?;
        Ok(Received { told: Told { docket: step.docket, filed: None }, repeated: false })
    }

    fn docketed(&self, asked: &Asked) -> Result<Docket, RightsError> {
        let law = self.laws.law(asked.law.as_deref()).map_err(RequestError::Clock)?;
        let id = RequestId::drawn(self.entropy.draw()?);
        let docket = Docket::open(id, asked.right, (law, self.clock.now()), &asked.handle)?;
        let app = match &asked.by {
            AskedBy::Oneself => None,
            AskedBy::App { tenant, app } => Some((tenant.clone(), app.clone())),
        };
        Ok(Docket { app, ..docket })
    }

    /// An open request of the person's for the same, if there is one.
    async fn identical(
        &self,
        person: &Person,
        asked: &Asked,
    ) -> Result<Option<(Found, Filed)>, RightsError> {
        let (key, asked) = (person.key.clone(), asked.clone());
        self.off_the_worker(move |rights| {
            let law = rights.laws.law(asked.law.as_deref()).map_err(RequestError::Clock)?;
            for found in rights.store.scan(filed_prefix(key.sid()).as_bytes()) {
                let (at, record) = found?;
                let Some((_, id)) = filed_of(&at) else { continue };
                let Some(mut found) = rights.docket(id)? else { continue };
                let docket = &found.docket;
                let same_app = match &asked.by {
                    AskedBy::Oneself => docket.app.is_none(),
                    AskedBy::App { tenant, app } => {
                        docket.app.as_ref().is_some_and(|by| by.0 == *tenant && by.1 == *app)
                    }
                };
                if !docket.state.is_open() || docket.right != asked.right || !same_app {
                    continue;
                }
                let filed = super::file::open(&key, &at, &record)?;
                if docket.law == law.id() && filed.wanted == asked.wanted {
                    found.before.filed = Some(record.version);
                    return Ok(Some((found, filed)));
                }
            }
            Ok(None)
        })
        .await
    }

    /// The same was asked before. A confirmation that comes with it counts; without one nothing changes.
    async fn again(
        &self,
        person: &Person,
        (found, filed): (Found, Filed),
        asked: &Asked,
        claim: Option<Claim>,
    ) -> Result<Received, RightsError> {
        let waits = found.docket.state == docket::RequestState::Received;
        let told = match asked.proof.filter(|_| waits) {
            Some(proof) => {
                let filed = Some(Filed { proof: Some(proof), ..filed });
                let step = self.identified(found.docket, filed, person.standing.under_14_until)?;
                let sid = Some(person.key.sid());
                self.write(sid, &step, &found.before, claim.as_ref()).await?;
                Told { docket: step.docket, filed: step.filed }
            }
            None => {
                let mut batch = Batch::default();
                let key = self.outliving(&found.docket, person);
                self.keep_told(claim.as_ref(), &key, found.docket.id, &mut batch)?;
                if !batch.put.is_empty() {
                    self.store.commit(batch).await.map_err(ConsentError::Commit)?;
                }
                Told { docket: found.docket, filed: Some(filed) }
            }
        };
        Ok(Received { told: self.carried_out(asked.handle, told).await?, repeated: true })
    }
}

/// When a note is made.
pub(super) fn note_at(at: Timestamp, what: &str) -> super::Note {
    super::Note { at, what: what.to_owned(), reason: None, text: None, done: None, see: Vec::new() }
}
