//! What is held on a person for a purpose, and how it goes when the purpose ends for them.

use super::{
    Audience, ConsentError, Deletion, Ledger, change::Change, deletion_key, held_prefix,
    ledger::off_the_worker,
};
use crate::{
    domain::{PurposeId, Sid, Timestamp},
    store::{Batch, Key},
};

impl Ledger {
    /// Nothing is held for `purpose` any more: what we hold goes, recipients are told, and the next pseudonym is
    /// another one.
    pub(super) fn let_go(
        &self,
        purpose: &PurposeId,
        change: &mut Change,
    ) -> Result<(), ConsentError> {
        for found in self.store.scan(&held_prefix(change.key.sid(), purpose)) {
            let (key, _) = found?;
            change.batch.delete.push(key);
        }
        let now = self.clock.now();
        let still = |other: &PurposeId| {
            other != purpose
                && change.standing.purpose(other).is_some_and(|p| p.consent.in_force(now).is_some())
        };
        let was_seen = change
            .before
            .purpose(purpose)
            .is_some_and(|p| p.consent.since() > Timestamp::default());
        let owed: Vec<&Audience> = self
            .audiences
            .iter()
            .filter(|audience| audience.delete_on_withdrawal && was_seen)
            .filter(|audience| audience.purposes.contains(purpose))
            .filter(|audience| !audience.purposes.iter().any(still))
            .collect();
        for audience in owed {
            let generation = change.standing.next_generation(&audience.recipient, &audience.domain);
            let deletion = Deletion {
                recipient: audience.recipient.clone(),
                domain: audience.domain.clone(),
                generation,
                queued_at: now,
            };
            let key = deletion_key(change.key.sid(), &deletion);
            change.batch.put.push(change.key.seal(&self.entropy, key, None, &deletion)?);
        }
        Ok(())
    }

    /// Deletes what calls under way wrote for `purpose` after the act had looked for what to delete. Now that the new
    /// epoch is durable, no call on the older one can write more.
    pub(super) async fn clear(&self, sid: Sid, purpose: &PurposeId) -> Result<(), ConsentError> {
        let (ledger, prefix) = (self.clone(), held_prefix(sid, purpose));
        let left = move || ledger.store.scan(&prefix).map(|found| Ok(found?.0)).collect();
        let delete: Vec<Key> = off_the_worker(left).await?;
        if !delete.is_empty() {
            self.store.commit(Batch { delete, urgent: true, ..Batch::default() }).await?;
        }
        Ok(())
    }
}
