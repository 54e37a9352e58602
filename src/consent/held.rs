//! What is held on a person for a purpose, and how it goes when the purpose ends for them.

use super::{Audience, ConsentError, Deletion, Ledger, change::Change, deletion_key, held_prefix};
use crate::{
    domain::{PurposeId, Timestamp},
    store::Key,
};

impl Ledger {
    /// Nothing is held for `purpose` any more: what we hold goes, recipients are told, and the next pseudonym is
    /// another one.
    pub(super) fn let_go(
        &self,
        purpose: &PurposeId,
        change: &mut Change,
    ) -> Result<(), ConsentError> {
        // By its beginning: what a call in flight writes before the act takes its place in the order goes too, and
        // what would be written after it conflicts with the epoch that the act raises.
        change.batch.delete_prefix.push(Key::new(&held_prefix(change.key.sid(), purpose)));
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
                erased: None,
            };
            let key = deletion_key(change.key.sid(), &deletion);
            change.batch.put.push(change.key.seal(&self.entropy, key, None, &deletion)?);
        }
        Ok(())
    }
}
