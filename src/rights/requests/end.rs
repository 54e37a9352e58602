//! What an erasure makes of a person's requests.

use super::{
    RequestState,
    file::docket_batch,
    filed::{filed_of, filed_prefix},
};
use crate::{
    rights::{Right, Rights, RightsError},
    store::Batch,
    vault::SubjectKey,
};

impl Rights {
    /// What belongs into the batch of an erasure: what the person filed goes; an erasure that was asked for is completed, and
    /// what else is open is taken back, since nobody is left to answer. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a docket does not decode.
    pub fn end_requests(&self, key: &SubjectKey) -> Result<Batch, RightsError> {
        let (prefix, now) = (filed_prefix(key.sid()), self.clock.now());
        let mut batch = Batch::default();
        for found in self.store.scan(prefix.as_bytes()) {
            let (at, _) = found?;
            let Some((_, id)) = filed_of(&at) else { continue };
            let Some(found) = self.docket(id)? else { continue };
            if !found.docket.state.is_open() {
                continue;
            }
            let docket = match (found.docket.right, found.docket.state) {
                (Right::Erasure, RequestState::InProgress) => found.docket.completed(now)?,
                _ => found.docket.cancelled(now)?,
            };
            let ended = docket_batch(&docket, &found.before)?;
            batch.expect.extend(ended.expect);
            batch.put.extend(ended.put);
            batch.delete.extend(ended.delete);
        }
        batch.delete_prefix.push(prefix);
        Ok(batch)
    }
}
