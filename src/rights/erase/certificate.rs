//! Certificates, put together anew each time they are asked for: with what recipients have answered by then.

use serde::Deserialize;
use uuid::Uuid;

use super::{
    super::ground::off_the_worker,
    AnswerState, Erased, Rights, RightsError,
    kept::{Found, Kept, Opening},
};
use crate::{
    audit::{Answered, Certificate},
    domain::Timestamp,
    vault::Handle,
};

/// What the person's last row says and an answer repeats.
#[derive(Deserialize)]
struct Said {
    t_ms: i64,
    final_by_ms: i64,
    suppressed: bool,
}

impl Rights {
    /// The certificate `id` as it stands; `None` if there is none. Whoever knows the name may have it: it says of whom it
    /// is to nobody.
    ///
    /// # Errors
    /// When the store fails, a record does not open, or the published log cannot be read.
    pub async fn certificate(&self, id: Uuid) -> Result<Option<Certificate>, RightsError> {
        self.certificate_if(id, |_| true).await
    }

    /// The same, for the person under `handle` alone.
    ///
    /// # Errors
    /// As [`Rights::certificate`].
    pub async fn own_certificate(
        &self,
        handle: Handle,
        id: Uuid,
    ) -> Result<Option<Certificate>, RightsError> {
        let check = handle.certificate_check(id.as_bytes());
        self.certificate_if(id, move |kept| same(&kept.check, &check)).await
    }

    async fn certificate_if(
        &self,
        id: Uuid,
        may: impl Fn(&Kept) -> bool + Send + 'static,
    ) -> Result<Option<Certificate>, RightsError> {
        let rights = self.clone();
        off_the_worker(move || {
            let Some(Found { kept, .. }) = Kept::read(&rights.store, &rights.vault, id)? else {
                return Ok(None);
            };
            if may(&kept) { rights.bundle(id, &kept) } else { Ok(None) }
        })
        .await
    }

    /// Reads the disk.
    fn bundle(&self, id: Uuid, kept: &Kept) -> Result<Option<Certificate>, RightsError> {
        let proven = |opening: &Opening| opening.proven(&self.store, &*self.proving);
        let Some(row) = proven(&kept.row)? else { return Ok(None) };
        let mut recipients = Vec::with_capacity(kept.recipients.len());
        for (answer, opening) in &kept.recipients {
            // An answer that stands under no checkpoint yet shows nothing: it is told once it does.
            let row = opening.as_ref().map(proven).transpose()?.flatten();
            let row = row.filter(|row| row.proof.is_some());
            let state = if row.is_some() { answer.state } else { AnswerState::Pending };
            recipients.push(Answered {
                recipient: answer.recipient.to_string(),
                domain: answer.domain.to_string(),
                generation: answer.generation,
                state: state.as_str().to_owned(),
                row,
            });
        }
        Ok(Some(Certificate::new(id.to_string(), row, recipients)))
    }

    /// What an earlier call came to.
    pub(super) async fn erased_before(&self, id: Uuid) -> Result<Option<Erased>, RightsError> {
        let rights = self.clone();
        let found = off_the_worker(move || Kept::read(&rights.store, &rights.vault, id)).await?;
        match found {
            Some(Found { kept, .. }) => self.told(id, kept).await.map(Some),
            None => Ok(None),
        }
    }

    /// What is told of an erasure that is durable.
    pub(super) async fn told(&self, id: Uuid, kept: Kept) -> Result<Erased, RightsError> {
        let rights = self.clone();
        off_the_worker(move || {
            let row = kept.row.row(&rights.store)?;
            let said: Said = serde_json::from_str(kept.row.body())
                .map_err(|_| RightsError::Row(row.unwrap_or_default()))?;
            Ok(Erased {
                certificate: id,
                at: Timestamp::from_millis(said.t_ms),
                final_by: Timestamp::from_millis(said.final_by_ms),
                place: row.map(|row| rights.proving.place(row)),
                recipients: kept.answers(),
                suppressed: said.suppressed,
            })
        })
        .await
    }
}

/// Whether two checks are the same, in a time that does not tell where they differ.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}
