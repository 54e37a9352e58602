//! It is confirmed that a request speaks for the person, or the request is taken back.

use serde_json::Value;

use super::{
    AskedBy, Docket, Filed, Proof, RequestError, RequestId, RequestState, Told, Wanted,
    ask::note_at,
    file::{Found, Step},
    rows::said,
};
use crate::{
    audit::Event,
    consent::Demand,
    domain::Timestamp,
    rights::{Rights, RightsError},
    vault::Handle,
};

impl Rights {
    /// An app confirms that its request `id` speaks for the person under `handle`. What the gateway can do by itself is done
    /// then. One that is confirmed already stays as it is.
    ///
    /// # Errors
    /// When the app sent no such request, it is about somebody else, the confirmation is not of late, or the request was
    /// refused or taken back; when the journal does not take it.
    pub async fn identify_request(
        &self,
        (id, by): (RequestId, &AskedBy),
        handle: Handle,
        proof: Proof,
    ) -> Result<Docket, RightsError> {
        self.is_lately(proof)?;
        let mut found = self.found(id).await?;
        is_from(&found.docket, by)?;
        if !found.docket.is_of(&handle) {
            return Err(RequestError::OtherPerson.into());
        }
        match found.docket.state {
            RequestState::Received => {}
            RequestState::InProgress | RequestState::Completed => return Ok(found.docket),
            other => return Err(RequestError::State(other).into()),
        }
        self.settle_erasure_of(handle).await?;
        let person = self.ledger.person(handle).await?;
        let filed = match &person {
            Some(person) => {
                let key = person.key.clone();
                self.off_the_worker(move |rights| rights.filed(&key, id)).await?
            }
            None => None,
        };
        let marked = person.as_ref().and_then(|person| person.standing.under_14_until);
        let sid = person.map(|person| person.key.sid());
        let filed = filed.map(|(filed, version)| {
            found.before.filed = Some(version);
            filed
        });
        // They came to be known after they asked: what they said then was not kept.
        let filed = filed.or_else(|| {
            let statement = sid.map(|_| Wanted::default())?;
            Some(Filed { wanted: statement, proof: None, notes: Vec::new() })
        });
        let filed = filed.map(|filed| Filed { proof: Some(proof), ..filed });
        let docket = Docket { held: sid.is_some(), ..found.docket };
        let step = self.identified(docket, filed, marked)?;
        self.write(sid, &step, &found.before, None).await?;
        let told = Told { docket: step.docket, filed: step.filed };
        Ok(self.carried_out(handle, told).await?.docket)
    }

    pub(super) fn identified(
        &self,
        docket: Docket,
        filed: Option<Filed>,
        marked: Option<Timestamp>,
    ) -> Result<Step, RequestError> {
        let said = filed.as_ref().map_or(Value::Null, said);
        let rows = vec![(Event::RightsIdentified, "in_progress", said)];
        self.begun(Step { docket, filed, rows, demand: Demand::Nothing }, marked)
    }

    /// The person takes their request back.
    ///
    /// # Errors
    /// When it is not theirs, or is closed; when the journal does not take it.
    pub async fn cancel_request(&self, handle: Handle, id: RequestId) -> Result<Told, RightsError> {
        let (found, _) = self.own(handle, id).await?;
        self.cancelled(found).await
    }

    /// An app takes back a request that it sent.
    ///
    /// # Errors
    /// When it sent no such request, or it is closed; when the journal does not take it.
    pub async fn cancel_app_request(
        &self,
        by: &AskedBy,
        id: RequestId,
    ) -> Result<Docket, RightsError> {
        let found = self.found(id).await?;
        is_from(&found.docket, by)?;
        Ok(self.cancelled(found).await?.docket)
    }

    async fn cancelled(&self, found: Found) -> Result<Told, RightsError> {
        self.is_not_erasing(&found.docket)?;
        let now = self.clock.now();
        let docket = found.docket.cancelled(now)?;
        let note = note_at(now, RequestState::Cancelled.as_str());
        let rows = vec![(Event::RightsCancelled, "cancelled", Value::Null)];
        self.close(docket, (note, rows, |_, _| Demand::Nothing), found.before).await
    }

    pub(super) async fn found(&self, id: RequestId) -> Result<Found, RightsError> {
        let found = self.off_the_worker(move |rights| rights.docket(id)).await?;
        found.ok_or(RequestError::Unknown.into())
    }
}

/// Passes if `docket` was sent by this app.
pub(super) fn is_from(docket: &Docket, by: &AskedBy) -> Result<(), RequestError> {
    match (by, &docket.app) {
        (AskedBy::App { tenant, app }, Some(known)) if known.0 == *tenant && known.1 == *app => {
            Ok(())
        }
        _ => Err(RequestError::Unknown),
    }
}
