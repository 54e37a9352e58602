//! Forgetting a span of time: what is held of it goes, and recipients that cannot delete a part are left as they are, or
//! begin anew.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{Action, ConsentError, Ledger, Own, Standing, own::OwnAct, reset::has_seen};
use crate::{
    domain::{PurposeId, RecipientId, Timestamp},
    retry::Attempt,
    store::Batch,
    vault::{Handle, SubjectKey},
};

/// What is to be forgotten, as far as a standing and its row know of it.
#[derive(Clone, Debug)]
pub struct Forgetting {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this one.
    pub to: Timestamp,
    /// For which purpose; for all if absent.
    pub purpose: Option<PurposeId>,
    /// The recipients that are to delete all that they hold, because they cannot delete a part.
    pub anew: Vec<RecipientId>,
}

/// What was forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forgot<T> {
    /// What went of what is held.
    pub held: T,
    /// The recipients that see another pseudonym from now on, and are asked to delete all that they hold.
    pub anew: Vec<RecipientId>,
}

impl Ledger {
    /// Forgets. `edits` makes of the person's records what is left of them, as a batch, and says what went.
    ///
    /// # Errors
    /// When nobody is known by the handle, a record does not open, or the journal does not take it.
    pub async fn forget<T>(
        &self,
        handle: Handle,
        forgetting: Forgetting,
        attempt: Option<Attempt>,
        edits: impl Fn(&SubjectKey, &Standing) -> Result<(Batch, T), ConsentError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Own<Forgot<T>>, ConsentError>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let Forgetting { from, to, purpose, anew: wanted } = forgetting;
        let act = OwnAct { action: Action::Forget, purpose, creates: false };
        self.own(handle, act, attempt, move |ledger, bundle, change, _| {
            let (batch, held) = edits(&change.key, &change.before)?;
            change.batch.put.extend(batch.put);
            change.batch.delete.extend(batch.delete);
            let mut anew = Vec::new();
            for audience in ledger.audiences.iter() {
                let wanted = wanted.contains(&audience.recipient);
                if wanted && has_seen(bundle, &change.before, audience) {
                    let (recipient, domain) = (&audience.recipient, &audience.domain);
                    let left = change.standing.next_generation(recipient, domain);
                    ledger.owe_deletion(change, audience, left)?;
                    // What an earlier reset left there holds the same time.
                    ledger.end_windows(change, audience)?;
                    anew.push(recipient.clone());
                }
            }
            change.details.insert("from_ms".to_owned(), from.millis().into());
            change.details.insert("to_ms".to_owned(), to.millis().into());
            change.details.insert("recipients".to_owned(), json!(anew));
            Ok(Forgot { held, anew })
        })
        .await
    }
}
