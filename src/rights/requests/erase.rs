//! An erasure that was asked for by right is carried out.
//!
//! The request is written first, as one that is worked on, and the erasure's own batch completes it. What ends between the two
//! is gone on with by a chore, so a request that was taken ends in an erasure though the process is killed.

use uuid::Uuid;

use super::{Docket, Filed, RequestError, RequestId, Told, open_requests};
use crate::{
    rights::{Erasure, Right, Rights, RightsError},
    vault::Handle,
};

impl Rights {
    /// Erases the person under `handle` if `told` asks for it and speaks for them. A request whose erasure holds and is not
    /// durable yet is still worked on.
    pub(super) async fn carried_out(
        &self,
        handle: Handle,
        told: Told,
    ) -> Result<Told, RightsError> {
        let Some(filed) = told.filed.as_ref().filter(|_| told.docket.is_erasure_begun()) else {
            return Ok(told);
        };
        let request = Some(Uuid::from_bytes(told.docket.id.0));
        self.erase(handle, Erasure { request, suppress: filed.wanted.suppress }).await?;
        let docket = self.found(told.docket.id).await?.docket;
        let filed = told.filed.filter(|_| docket.state.is_open());
        Ok(Told { docket, filed })
    }

    /// Goes on with erasures that were asked for and not done when the process ended. How many there were. To be called at
    /// the start, and now and then.
    ///
    /// # Errors
    /// When a record cannot be read, or an erasure fails; then what is left is gone on with by the next call.
    pub async fn resume_erasures(&self) -> Result<usize, RightsError> {
        let asked = self.off_the_worker(|rights| {
            let mut asked = Vec::new();
            for docket in open_requests(&rights.store)? {
                if !docket.is_erasure_begun() {
                    continue;
                }
                let filed = rights.filed_by_whom(docket.id)?;
                asked.extend(filed.map(|(handle, filed)| (handle, docket, filed)));
            }
            Ok(asked)
        });
        let asked = asked.await?;
        let count = asked.len();
        for (handle, docket, filed) in asked {
            self.carried_out(handle, Told { docket, filed: Some(filed) }).await?;
        }
        Ok(count)
    }

    /// What an operator's word that `docket` is done comes to: an erasure is carried out and ends its request by itself.
    /// `None` where there is nothing to erase, as for any other right.
    pub(super) async fn erased_for(&self, docket: &Docket) -> Result<Option<Docket>, RightsError> {
        if docket.right != Right::Erasure {
            return Ok(None);
        }
        let id = docket.id;
        let found = self.off_the_worker(move |rights| rights.filed_by_whom(id)).await?;
        let Some((handle, filed)) = found else { return Ok(None) };
        let told = Told { docket: docket.clone(), filed: Some(filed) };
        let docket = self.carried_out(handle, told).await?.docket;
        if docket.state.is_open() {
            return Err(RequestError::Erasing.into());
        }
        Ok(Some(docket))
    }

    /// Passes unless the erasure that `docket` asks for holds already: then it cannot be refused or taken back.
    pub(super) fn is_not_erasing(&self, docket: &Docket) -> Result<(), RequestError> {
        if self.erasures.answers(Uuid::from_bytes(docket.id.0)) {
            return Err(RequestError::Erasing);
        }
        Ok(())
    }

    /// Who filed `id`, and what; `None` when nobody known did. Reads the disk.
    fn filed_by_whom(&self, id: RequestId) -> Result<Option<(Handle, Filed)>, RightsError> {
        let Some(sid) = self.filed_by(id)? else { return Ok(None) };
        let handle = self.vault.handle_of(sid)?;
        let Some((handle, key)) = handle.zip(self.vault.by_sid(sid)?) else { return Ok(None) };
        Ok(self.filed(&key, id)?.map(|(filed, _)| (handle, filed)))
    }
}
