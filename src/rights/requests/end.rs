//! What an erasure makes of a person's requests.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Certified, Docket, RequestError, RequestId, RequestState,
    file::docket_batch,
    filed::{filed_of, filed_prefix},
};
use crate::{
    audit::Event,
    rights::{Right, Rights, RightsError},
    store::{Batch, Expect},
    vault::SubjectKey,
};

impl Rights {
    /// What belongs into the batch of an erasure: an erasure that was asked for and speaks for the person is completed, and
    /// what else is open is taken back, since nobody is left to answer; each with a row about nobody. What the person filed
    /// goes with all that stands under their `sid`. Reads the disk.
    pub(in crate::rights) fn end_requests(
        &self,
        key: &SubjectKey,
        certified: Certified,
    ) -> Result<Batch, RightsError> {
        let (prefix, now) = (filed_prefix(key.sid()), self.clock.now());
        let mut batch = Batch::default();
        for found in self.store.scan(prefix.as_bytes()) {
            let (at, _) = found?;
            let Some((_, id)) = filed_of(&at) else { continue };
            let Some(found) = self.docket(id)? else { continue };
            if !found.docket.state.is_open() {
                continue;
            }
            let (docket, event, said) = if found.docket.is_erasure_begun() {
                let docket = Docket { certified: Some(certified), ..found.docket.completed(now)? };
                let (certificate, final_by) = (certified.certificate, certified.final_by.millis());
                let said = json!({ "certificate": certificate, "final_by_ms": final_by });
                (docket, Event::RightsAnswered, said)
            } else {
                (found.docket.cancelled(now)?, Event::RightsCancelled, Value::Null)
            };
            let row = self.request_row(event, docket.state.as_str(), &docket, said);
            batch.leaves.push(self.audit.seal_nobody(row)?);
            let ended = docket_batch(&docket, &found.before)?;
            batch.expect.extend(ended.expect);
            batch.put.extend(ended.put);
            batch.delete.extend(ended.delete);
        }
        Ok(batch)
    }

    /// That the request which an erasure answers stays open until the erasure has begun: one that was taken back or refused
    /// erases nobody. Reads the disk.
    pub(in crate::rights) fn still_asked(
        &self,
        request: Option<Uuid>,
    ) -> Result<Option<Expect>, RightsError> {
        // One that holds already was told as such, and is made durable whatever is said of it now.
        let Some(request) = request.filter(|id| !self.erasures.answers(*id)) else {
            return Ok(None);
        };
        let Some(found) = self.docket(RequestId(request.into_bytes()))? else { return Ok(None) };
        if !found.docket.state.is_open() {
            return Err(RequestError::State(found.docket.state).into());
        }
        Ok(found.before.docket.map(|(key, version)| Expect::Version { key, version }))
    }
}

impl Docket {
    /// Whether it is an erasure that speaks for the person and is not done yet.
    pub(super) fn is_erasure_begun(&self) -> bool {
        self.right == Right::Erasure && self.state == RequestState::InProgress
    }
}
