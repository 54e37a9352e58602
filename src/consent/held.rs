//! What is held on a person for a purpose, and how it goes when the purpose ends for them.

use super::{Audience, ConsentError, Deletion, Ledger, change::Change, deletion_key, held_prefix};
use crate::{
    domain::{ConsentState, PurposeId},
    store::Key,
};

impl Ledger {
    /// Nothing is held for `purpose` any more: what we hold goes, recipients are told, and the next pseudonym is
    /// another one. What an open reset left behind goes with it.
    pub(super) fn let_go(
        &self,
        purpose: &PurposeId,
        change: &mut Change,
    ) -> Result<(), ConsentError> {
        // By its beginning: what a call in flight writes before the act takes its place in the order goes too, and
        // what would be written after it conflicts with the epoch that the act raises.
        change.batch.delete_prefix.push(Key::new(&held_prefix(change.key.sid(), purpose)));
        let open = change.standing.resets.len();
        change.standing.forget_lives(purpose);
        let now = self.clock.now();
        let still = |other: &PurposeId| {
            other != purpose
                && change.standing.purpose(other).is_some_and(|p| p.consent.in_force(now).is_some())
        };
        let was_seen = change
            .before
            .purpose(purpose)
            .is_some_and(|p| p.consent.written_state() != ConsentState::Unknown);
        let ended: Vec<&Audience> = self
            .audiences
            .iter()
            .filter(|audience| was_seen && audience.purposes.contains(purpose))
            .filter(|audience| !audience.purposes.iter().any(still))
            .collect();
        for audience in ended {
            if audience.delete_on_withdrawal {
                let left = change.standing.next_generation(&audience.recipient, &audience.domain);
                self.owe_deletion(change, audience, left)?;
            }
            self.end_windows(change, audience)?;
        }
        if change.standing.resets.len() < open {
            // It cannot be gone back to what the act had deleted.
            change.standing.reset_closed_at = Some(now);
        }
        Ok(())
    }

    /// What open resets left behind at a recipient is deleted there now, and cannot be gone back to.
    pub(super) fn end_windows(
        &self,
        change: &mut Change,
        audience: &Audience,
    ) -> Result<(), ConsentError> {
        for left in change.standing.take_left(&audience.recipient, &audience.domain) {
            self.owe_deletion(change, audience, left.number)?;
        }
        Ok(())
    }

    /// Has the recipient asked to delete what it holds under the person's pseudonym of this generation.
    pub(super) fn owe_deletion(
        &self,
        change: &mut Change,
        audience: &Audience,
        generation: u32,
    ) -> Result<(), ConsentError> {
        let deletion = Deletion {
            recipient: audience.recipient.clone(),
            domain: audience.domain.clone(),
            generation,
            queued_at: self.clock.now(),
            erased: None,
        };
        let key = deletion_key(change.key.sid(), &deletion);
        change.batch.put.push(change.key.seal(&self.entropy, key, None, &deletion)?);
        Ok(())
    }
}
