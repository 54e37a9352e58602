//! How a deletion ends: with a row, and, after an erasure, in the certificate.

use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        AnswerState, RightsError,
        erase::{Opening, answered},
        ground::off_the_worker,
    },
    Deletions, Reply,
};
use crate::{
    audit::{Draft, Event, RowKeys},
    consent::Deletion,
    domain::Timestamp,
    store::{Batch, CommitError, Expect, Key},
    vault::SubjectKey,
};

/// A deletion that its recipient has answered, or that is given up.
pub(super) struct Closing<'a> {
    pub(super) subject: &'a SubjectKey,
    /// Where it is queued, and in which version.
    pub(super) at: (Key, u64),
    pub(super) deletion: &'a Deletion,
}

impl Deletions {
    /// Takes it out of the queue. `last` says whether it is the last one under its key: of an erasure, the key goes with
    /// it. `false` when it was taken out meanwhile.
    pub(super) async fn close(
        &self,
        closing: Closing<'_>,
        (state, reply): (AnswerState, Reply),
        last: bool,
    ) -> Result<bool, RightsError> {
        let Closing { subject, at: (key, version), deletion } = closing;
        let cache_until = match reply {
            Reply::Confirmed { cache_until } => cache_until,
            Reply::Unsupported | Reply::None => None,
        };
        let keys = self.keys(subject, deletion).await?;
        let row = row(self, deletion, state.as_str(), cache_until);
        let body = String::from_utf8_lossy(&row.body).into_owned();
        let leaf = self.ground.audit.seal(row, &keys, None)?;
        let mut batch = match (last, &deletion.erased) {
            (true, Some(_)) => self.ground.vault.end_of_job(subject.sid()),
            _ => Batch::default(),
        };
        if let Some(certificate) = deletion.erased.as_ref().and_then(|of| of.certificate) {
            let opening = Opening::of(&leaf, &keys, body, self.ground.store.log_size());
            let (store, vault) = (self.ground.store.clone(), self.ground.vault.clone());
            let (entropy, deletion) = (self.ground.entropy.clone(), deletion.clone());
            let noted = off_the_worker(move || {
                let of = (&deletion, certificate);
                answered((&store, &vault, &entropy), of, state, opening)
            });
            batch.put.extend(noted.await?);
        }
        batch.expect.extend(known_still(subject, deletion));
        batch.expect.push(Expect::Version { key: key.clone(), version });
        batch.delete.push(key);
        batch.leaves.push(leaf);
        match self.ground.audit.record(batch).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The keys of the rows about a deletion: the person's; of one who was erased, those of rows about nobody, which is
    /// what such rows are about.
    pub(super) async fn keys(
        &self,
        subject: &SubjectKey,
        deletion: &Deletion,
    ) -> Result<RowKeys, RightsError> {
        if deletion.erased.is_some() {
            return Ok(RowKeys::of(&self.ground.audit.nobody(), 0));
        }
        let (ledger, sid) = (self.ground.ledger.clone(), subject.sid());
        let person = off_the_worker(move || Ok(ledger.by_sid(sid)?)).await?;
        Ok(person.map_or_else(|| RowKeys::of(subject, 0), |person| person.row_keys()))
    }
}

/// What a row under a person's keys expects: that they are not erased, or being erased.
pub(super) fn known_still(subject: &SubjectKey, deletion: &Deletion) -> Option<Expect> {
    deletion.erased.is_none().then(|| Expect::Known { sid: subject.sid() })
}

/// `cache_until` is told where the recipient may answer from what it has deleted for a while.
pub(super) fn row(
    of: &Deletions,
    deletion: &Deletion,
    outcome: &'static str,
    cache_until: Option<Timestamp>,
) -> Draft {
    let now = of.ground.clock.now();
    let mut body = json!({
        "t_ms": now.millis(),
        "queued_ms": deletion.queued_at.millis(),
        "domain": deletion.domain,
        "generation": deletion.generation,
    });
    let certificate = deletion.erased.as_ref().and_then(|of| of.certificate);
    if let Some(members) = body.as_object_mut() {
        if let Some(until) = cache_until {
            members.insert("cache_until_ms".to_owned(), until.millis().into());
        }
        if let Some(id) = certificate {
            members.insert("certificate".to_owned(), json!(Uuid::from_bytes(id)));
        }
    }
    Draft {
        event: Event::ErasureRecipient,
        outcome,
        reason: if deletion.erased.is_some() { "erased" } else { "withdrawn" },
        purpose: None,
        recipient: Some(deletion.recipient.clone()),
        ruleset: of.ground.policies.current().ruleset().to_owned(),
        at: now,
        rows: None,
        body: body.to_string().into_bytes(),
    }
}
