//! The operator's queue of what people ask for by right.

use serde_json::json;

use super::{Controls, OperateError, Operator, record::Said};
use crate::{
    audit::Event,
    rights::{
        RightsError,
        clock::ExtensionReason,
        requests::{
            Answered, Docket, Extended, Queued, RefusalReason, RequestId, open_requests,
            requests_within,
        },
    },
    store::Batch,
};

impl Controls {
    /// The requests that wait for an answer, what is due first in front; with `closed` the answered ones too.
    ///
    /// # Errors
    /// When the store fails or a docket does not decode.
    pub async fn requests(&self, closed: bool) -> Result<Vec<Docket>, OperateError> {
        let store = self.0.store.clone();
        let read = tokio::task::spawn_blocking(move || {
            if closed { requests_within(&store, None, None) } else { open_requests(&store) }
        });
        Ok(read.await.map_err(|_| OperateError::Stopping)??)
    }

    /// One request with what was said. That it was read is a row before it is told.
    ///
    /// # Errors
    /// When there is no such request, or the journal does not take the row; then nothing is told.
    pub async fn request(&self, by: Operator, id: RequestId) -> Result<Queued, OperateError> {
        self.0.rights.request_state(id).await?;
        let said = Said {
            event: Event::OperatorOpened,
            outcome: "opened",
            reason: "subject_request",
            recipient: None,
            body: json!({ "request": id.to_string() }),
        };
        self.write(by, said, Batch::default()).await?;
        Ok(self.0.rights.open_request(id).await?)
    }

    /// Completes a request, or refuses it for a reason.
    ///
    /// # Errors
    /// When there is no such request, it does not stand so, or the journal does not take it.
    pub async fn answer_request(
        &self,
        by: Operator,
        id: RequestId,
        (refused, text): (Option<RefusalReason>, Option<String>),
    ) -> Result<Docket, OperateError> {
        let _one_at_a_time = self.0.acts.lock().await;
        let answered = Answered { refused, text, by: by.named() };
        Ok(self.0.rights.answer_request(id, &answered).await?)
    }

    /// Puts a request off.
    ///
    /// # Errors
    /// When there is no such request, its law gives no such extension, or the journal does not take it.
    pub async fn extend_request(
        &self,
        by: Operator,
        id: RequestId,
        (reason, until, text): (ExtensionReason, Option<jiff::civil::Date>, Option<String>),
    ) -> Result<Docket, OperateError> {
        let _one_at_a_time = self.0.acts.lock().await;
        let extended = Extended { reason, until, text, by: by.named() };
        Ok(self.0.rights.extend_request(id, &extended).await?)
    }

    /// How many requests are late.
    ///
    /// # Errors
    /// When the store fails or a docket does not decode.
    pub fn overdue_requests(&self) -> Result<u64, RightsError> {
        Ok(crate::rights::requests::OpenRequests::at(&self.0.store, self.now())?.overdue)
    }
}
