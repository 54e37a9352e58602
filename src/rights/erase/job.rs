//! What is left to be done once a person's key is destroyed: recipients are asked to delete, under a key that outlives the
//! person and holds their pseudonyms until each recipient has answered.

use uuid::Uuid;

use super::{
    super::{Ground, RightsError},
    answers::{Answer, AnswerState},
};
use crate::{
    ambient::Entropy,
    audit::Owed,
    consent::{Deletion, Ledger, OfErased, Person, SeenAs, deletion_key},
    domain::Timestamp,
    pseudonym::{Which, for_deletion},
    store::{Batch, Expect, Put},
    vault::{SubjectKey, Vault},
};

/// By when a model inside the gateway is trained without the person.
const RETRAINED_WITHIN: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// What is left of a person.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) expect: Vec<Expect>,
    pub(super) put: Vec<Put>,
    /// Who must delete what, for the certificate's body.
    pub(super) owed: Vec<Owed>,
    /// The same, with what they answered: nothing yet.
    pub(super) recipients: Vec<Answer>,
}

impl Left {
    pub(super) fn of(
        ground: &Ground,
        person: &Person,
        now: Timestamp,
        certificate: Option<Uuid>,
    ) -> Result<Self, RightsError> {
        Self::queued(&ground.vault, &ground.ledger, &ground.entropy, (person, now, certificate))
    }

    fn queued(
        vault: &Vault,
        ledger: &Ledger,
        entropy: &Entropy,
        (person, now, certificate): (&Person, Timestamp, Option<Uuid>),
    ) -> Result<Self, RightsError> {
        let mut left = Self::default();
        let seen_as = ledger.seen_as(person);
        if seen_as.is_empty() {
            return Ok(left);
        }
        let job = vault.job()?;
        (left.expect, left.put) = (job.expect, job.put);
        for alias in seen_as {
            let deletion = deletion(&alias, &person.key, now, certificate);
            let at = deletion_key(job.key.sid(), &deletion);
            left.put.push(job.key.seal(entropy, at, None, &deletion)?);
            let SeenAs { recipient, domain, generation, in_process } = alias;
            left.owed.push(Owed {
                recipient: recipient.to_string(),
                domain: domain.to_string(),
                generation,
                retrained_by_ms: in_process.then(|| now.after(RETRAINED_WITHIN).millis()),
            });
            left.recipients.push(Answer {
                recipient,
                domain,
                generation,
                state: AnswerState::Pending,
            });
        }
        Ok(left)
    }
}

/// Adds to `batch` that every recipient is asked anew to delete what it holds of a person whose key came back with a backup
/// and is destroyed again: whether they were asked before is lost with the state that the backup replaced.
///
/// # Errors
/// When a record does not open or the machine gives no randomness.
pub fn after_restore(
    vault: &Vault,
    ledger: &Ledger,
    entropy: &Entropy,
    (key, now): (&SubjectKey, Timestamp),
    batch: &mut Batch,
) -> Result<(), RightsError> {
    let Some(person) = ledger.by_sid(key.sid())? else { return Ok(()) };
    let left = Left::queued(vault, ledger, entropy, (&person, now, None))?;
    batch.expect.extend(left.expect);
    batch.put.extend(left.put);
    Ok(())
}

fn deletion(
    alias: &SeenAs,
    key: &SubjectKey,
    now: Timestamp,
    certificate: Option<Uuid>,
) -> Deletion {
    let which = Which { domain: &alias.domain, generation: alias.generation };
    let pseudonym = for_deletion(key, &alias.recipient, which).expose().to_owned();
    let certificate = certificate.map(Uuid::into_bytes);
    Deletion {
        recipient: alias.recipient.clone(),
        domain: alias.domain.clone(),
        generation: alias.generation,
        queued_at: now,
        erased: Some(OfErased { pseudonym, certificate }),
    }
}
