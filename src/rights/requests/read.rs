//! Whoever asked looks at their requests.

use super::{
    AskedBy, Docket, Filed, RequestError, RequestId, Told,
    file::{Found, open},
    filed::{filed_of, filed_prefix},
    identify::is_from,
};
use crate::{
    consent::Person,
    rights::{Rights, RightsError},
    vault::{Handle, SubjectKey},
};

impl Rights {
    /// The requests of the person under `handle`, by all their ids, oldest first. One that was made while nothing was held of
    /// them is not among them: it can be read by its id.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn requests_of(&self, handle: Handle) -> Result<Vec<Told>, RightsError> {
        let Some(person) = self.ledger.person(handle).await? else { return Ok(Vec::new()) };
        self.off_the_worker(move |rights| {
            let mut requests = Vec::new();
            for id in rights.ledger.with_other_ids(person)? {
                requests.extend(rights.requests_under(&id.key)?);
            }
            requests.sort_by_key(|told| (told.docket.received_at, told.docket.id));
            Ok(requests)
        })
        .await
    }

    /// The requests that are kept under `key`, oldest first. Waits for the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn requests_under(&self, key: &SubjectKey) -> Result<Vec<Told>, RightsError> {
        let mut requests = Vec::new();
        for found in self.store.scan(filed_prefix(key.sid()).as_bytes()) {
            let (at, record) = found?;
            let Some((_, id)) = filed_of(&at) else { continue };
            let Some(found) = self.docket(id)? else { continue };
            let filed = open(key, &at, &record)?;
            requests.push(Told { docket: found.docket, filed: Some(filed) });
        }
        requests.sort_by_key(|told| (told.docket.received_at, told.docket.id));
        Ok(requests)
    }

    /// The request `id` of the person under `handle`. Somebody else's is none.
    ///
    /// # Errors
    /// When it is not theirs, or the store fails.
    pub async fn request_of(&self, handle: Handle, id: RequestId) -> Result<Told, RightsError> {
        let (Found { docket, .. }, filed) = self.own(handle, id).await?;
        Ok(Told { docket, filed })
    }

    /// The request `id`, if the person under `handle` filed it by any of their ids, or asked by that one while nothing was held.
    pub(super) async fn own(
        &self,
        handle: Handle,
        id: RequestId,
    ) -> Result<(Found, Option<Filed>), RightsError> {
        let found = self.found(id).await?;
        let filed = match self.ledger.person(handle).await? {
            Some(person) => {
                self.off_the_worker(move |rights| rights.filed_by_any(person, id)).await?
            }
            None => None,
        };
        if filed.is_none() && !found.docket.is_of(&handle) {
            return Err(RequestError::Unknown.into());
        }
        Ok((found, filed))
    }

    fn filed_by_any(&self, person: Person, id: RequestId) -> Result<Option<Filed>, RightsError> {
        for of in self.ledger.with_other_ids(person)? {
            if let Some((filed, _)) = self.filed(&of.key, id)? {
                return Ok(Some(filed));
            }
        }
        Ok(None)
    }

    /// The request `id` that an app sent, without what was said.
    ///
    /// # Errors
    /// When the app sent no such request, or the store fails.
    pub async fn app_request(&self, by: &AskedBy, id: RequestId) -> Result<Docket, RightsError> {
        let found = self.found(id).await?;
        is_from(&found.docket, by)?;
        Ok(found.docket)
    }
}
