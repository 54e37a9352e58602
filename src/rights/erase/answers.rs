//! What recipients answered to an erasure.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    super::RightsError,
    kept::{Kept, Opening},
};
use crate::{
    ambient::Entropy,
    consent::Deletion,
    domain::{Pseudodomain, RecipientId},
    store::{Put, Store},
    vault::Vault,
};

/// What one recipient answered about one pseudonym.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// Which of the person's pseudonyms there, from 0.
    pub generation: u32,
    /// What.
    pub state: AnswerState,
}

/// How far a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerState {
    /// It is asked until it answers.
    Pending,
    /// It has deleted.
    Confirmed,
    /// It has no way to delete.
    Unsupported,
    /// It did not confirm within 30 days.
    Unanswered,
}

impl AnswerState {
    /// The word in answers, certificates and rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Unsupported => "unsupported",
            Self::Unanswered => "unanswered",
        }
    }
}

/// The certificate's record after its recipient has answered a deletion with `state`, as the row behind `opening` says.
/// `None` where there is no certificate. Reads the disk.
pub(in crate::rights) fn answered(
    (store, vault, entropy): (&Store, &Vault, &Entropy),
    (deletion, certificate): (&Deletion, [u8; 16]),
    state: AnswerState,
    opening: Opening,
) -> Result<Option<Put>, RightsError> {
    let id = Uuid::from_bytes(certificate);
    let Some(mut found) = Kept::read(store, vault, id)? else { return Ok(None) };
    let answer = Answer {
        recipient: deletion.recipient.clone(),
        domain: deletion.domain.clone(),
        generation: deletion.generation,
        state,
    };
    found.kept.note(answer, opening);
    Ok(Some(found.kept.put(entropy, &found.seal, id, Some(found.version))?))
}
