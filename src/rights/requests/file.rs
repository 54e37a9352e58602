//! Steps of a request on their way into one batch: docket, filed request, rows, and what changes of the standing.

use serde_json::Value;

use super::{
    Docket, Filed, RequestError, RequestId,
    docket::{CLOSED, OPEN},
    filed::{FILED, filed_key, filed_of},
};
use crate::{
    audit::Event,
    consent::{ConsentError, Demand, Person},
    domain::{Method, Sid},
    retry::Claim,
    rights::{Right, Rights, RightsError},
    store::{Batch, Expect, Key, Record},
    vault::{SubjectKey, prefixed},
};

/// A request as it is told: to the person and the operator with what was said, to an app without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What clocks see of it.
    pub docket: Docket,
    /// What was said, where whoever asks may read it and it can be opened.
    pub filed: Option<Filed>,
}

/// A step of a request.
pub(super) struct Step {
    pub(super) docket: Docket,
    /// What was said; of a person of whom nothing is held, nothing is kept.
    pub(super) filed: Option<Filed>,
    /// Event, outcome and what the body says.
    pub(super) rows: Vec<(Event, &'static str, Value)>,
    pub(super) demand: Demand,
}

/// What a step comes after.
#[derive(Clone, Default)]
pub(super) struct Before {
    /// Where the docket stood, and its version there.
    pub(super) docket: Option<(Key, u64)>,
    pub(super) filed: Option<u64>,
}

/// A docket and where it stands.
pub(super) struct Found {
    pub(super) docket: Docket,
    pub(super) before: Before,
}

impl Rights {
    /// Writes a step: with what it demands of the standing of the person `sid`, or about nobody.
    pub(super) async fn write(
        &self,
        sid: Option<Sid>,
        step: &Step,
        before: &Before,
        claim: Option<&Claim>,
    ) -> Result<(), RightsError> {
        let batch = docket_batch(&step.docket, before)?;
        if let Some(sid) = sid {
            let method = if step.docket.app.is_some() { Method::App } else { Method::Api };
            let beside = |person: &Person| self.beside(person, step, before, claim, &batch);
            if self.ledger.meet(sid, (&step.demand, method), beside).await? {
                return Ok(());
            }
        }
        let mut batch = batch;
        for (event, outcome, _) in &step.rows {
            let row = self.request_row(*event, outcome, &step.docket, Value::Null);
            batch.leaves.push(self.audit.seal_nobody(row)?);
        }
        self.keep_told(claim, &self.audit.nobody(), step.docket.id, &mut batch)?;
        self.audit.record(batch).await.map_err(ConsentError::Commit)?;
        Ok(())
    }

    fn beside(
        &self,
        person: &Person,
        step: &Step,
        before: &Before,
        claim: Option<&Claim>,
        batch: &Batch,
    ) -> Result<Batch, ConsentError> {
        let mut batch = batch.clone();
        let keys = person.row_keys();
        for (event, outcome, said) in &step.rows {
            let row = self.request_row(*event, outcome, &step.docket, said.clone());
            batch.leaves.push(self.audit.seal(row, &keys, None)?);
        }
        if let Some(filed) = &step.filed {
            let at = filed_key(person.key.sid(), step.docket.id);
            batch.put.push(person.key.seal(&self.entropy, at, before.filed, filed)?);
        }
        self.keep_told(claim, &self.outliving(&step.docket, person), step.docket.id, &mut batch)?;
        Ok(batch)
    }

    /// The key for what a retry is told of `docket`. Of an erasure it is told after the person's key is gone too.
    pub(super) fn outliving(&self, docket: &Docket, person: &Person) -> SubjectKey {
        match docket.right {
            Right::Erasure => self.audit.nobody(),
            _ => person.key.clone(),
        }
    }

    /// Has retries of a call told of `id`.
    pub(super) fn keep_told(
        &self,
        claim: Option<&Claim>,
        key: &SubjectKey,
        id: RequestId,
        batch: &mut Batch,
    ) -> Result<(), ConsentError> {
        if let Some(claim) = claim {
            batch.put.push(claim.put(&self.entropy, key, &id)?);
        }
        Ok(())
    }

    /// The docket `id`. Reads the disk.
    pub(super) fn docket(&self, id: RequestId) -> Result<Option<Found>, RightsError> {
        // A docket goes from the open ones to the closed ones and never back, so this order misses none.
        for prefix in [OPEN, CLOSED] {
            let key = prefixed(prefix, &id.0);
            if let Some(record) = self.store.read(&key)? {
                let docket = Docket::read(&record)?;
                let before = Before { docket: Some((key, record.version)), filed: None };
                return Ok(Some(Found { docket, before }));
            }
        }
        Ok(None)
    }

    /// What `person` filed as `id`, with its version. Reads the disk.
    pub(super) fn filed(
        &self,
        key: &SubjectKey,
        id: RequestId,
    ) -> Result<Option<(Filed, u64)>, RightsError> {
        let at = filed_key(key.sid(), id);
        let Some(record) = self.store.read(&at)? else { return Ok(None) };
        Ok(Some((open(key, &at, &record)?, record.version)))
    }

    /// Who filed `id`. No record leads from a request to a person, so all names of filed requests are looked through.
    pub(super) fn filed_by(&self, id: RequestId) -> Result<Option<Sid>, RightsError> {
        for found in self.store.scan(FILED) {
            let (key, _) = found?;
            if let Some((sid, known)) = filed_of(&key)
                && known == id
            {
                return Ok(Some(sid));
            }
        }
        Ok(None)
    }
}

pub(super) fn open(key: &SubjectKey, at: &Key, record: &Record) -> Result<Filed, RightsError> {
    Ok(key.open(at, record).map_err(ConsentError::Vault)?)
}

/// What is written of `docket`, and what must hold for it.
pub(super) fn docket_batch(docket: &Docket, before: &Before) -> Result<Batch, RequestError> {
    let mut batch = Batch::default();
    let over = match &before.docket {
        Some((key, version)) if *key == docket.key() => *version,
        Some((key, version)) => {
            let expect = Expect::Version { key: key.clone(), version: *version };
            batch.expect.push(expect);
            batch.delete.push(key.clone());
            0
        }
        None => 0,
    };
    batch.put.push(docket.put(over)?);
    Ok(batch)
}
