//! Lives and resets: what a person left behind, and can still go back to.
//!
//! What is held of a person for a purpose belongs to a *life*, and what a recipient knows of them to a pseudonym of some
//! *generation*. A reset turns to the next of each, without touching what belongs to the ones before; so undoing it is
//! turning back, and what a call in flight writes meanwhile stands where it belongs.
//!
//! INVARIANT: no number is used twice, so none stands for two histories.

use serde::{Deserialize, Serialize};

use super::Standing;
use crate::domain::{Pseudodomain, PurposeId, RecipientId, Timestamp};

/// Which life of what is held for a purpose is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// For which purpose.
    pub purpose: PurposeId,
    /// The number of the life in use.
    pub number: u32,
    /// The highest number that was ever in use.
    pub highest: u32,
}

/// A reset that can still be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// When it was done.
    pub at: Timestamp,
    /// Until when it can be undone. From then on what was left behind is deleted.
    pub until: Timestamp,
    /// What is held and no longer used.
    pub lives: Vec<LeftLife>,
    /// What recipients hold under pseudonyms that are no longer in use.
    pub pseudonyms: Vec<LeftPseudonym>,
}

/// A life that was left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftLife {
    /// For which purpose it is held.
    pub purpose: PurposeId,
    /// Its number.
    pub number: u32,
}

/// A pseudonym that was left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftPseudonym {
    /// Who knows it.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// Its generation.
    pub number: u32,
}

impl Standing {
    /// Which life of what is held for `purpose` is in use.
    #[must_use]
    pub fn life(&self, purpose: &PurposeId) -> u32 {
        self.lives.iter().find(|life| life.purpose == *purpose).map_or(0, |life| life.number)
    }

    /// Until when the latest reset can be undone, if there is one that can.
    #[must_use]
    pub fn undo_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.resets.last().map(|reset| reset.until).filter(|until| now < *until)
    }

    /// Whether the window of a reset has closed and that is not written down yet.
    #[must_use]
    pub fn reset_is_due(&self, now: Timestamp) -> bool {
        self.resets.iter().any(|reset| reset.until <= now)
    }

    /// Leaves the life in use for `purpose` behind and returns its number.
    pub(in crate::consent) fn next_life(&mut self, purpose: &PurposeId) -> u32 {
        if let Some(life) = self.lives.iter_mut().find(|life| life.purpose == *purpose) {
            let left = life.number;
            life.highest = life.highest.saturating_add(1);
            life.number = life.highest;
            return left;
        }
        self.lives.push(Life { purpose: purpose.clone(), number: 1, highest: 1 });
        0
    }

    /// Goes back to an earlier life and returns the number of the one that was in use.
    pub(in crate::consent) fn back_to_life(&mut self, left: &LeftLife) -> u32 {
        let life = self.lives.iter_mut().find(|life| life.purpose == left.purpose);
        life.map_or(left.number, |life| std::mem::replace(&mut life.number, left.number))
    }

    /// Goes back to an earlier pseudonym and returns the generation of the one that was in use.
    pub(in crate::consent) fn back_to_pseudonym(&mut self, left: &LeftPseudonym) -> u32 {
        let same = |known: &&mut super::Generation| {
            known.recipient == left.recipient && known.domain == left.domain
        };
        let known = self.generations.iter_mut().find(same);
        known.map_or(left.number, |known| std::mem::replace(&mut known.number, left.number))
    }

    /// What open resets left behind for `purpose` is nobody's to go back to any more.
    pub(in crate::consent) fn forget_lives(&mut self, purpose: &PurposeId) {
        for reset in &mut self.resets {
            reset.lives.retain(|left| left.purpose != *purpose);
        }
        self.drop_empty_resets();
    }

    /// Takes out of the open resets what they left behind at this recipient.
    pub(in crate::consent) fn take_left(
        &mut self,
        recipient: &RecipientId,
        domain: &Pseudodomain,
    ) -> Vec<LeftPseudonym> {
        let mut taken = Vec::new();
        for reset in &mut self.resets {
            taken.extend(
                reset
                    .pseudonyms
                    .extract_if(.., |left| left.recipient == *recipient && left.domain == *domain),
            );
        }
        self.drop_empty_resets();
        taken
    }

    /// Gives lives the names that their purposes have now.
    pub(in crate::consent) fn rename_lives(&mut self, name: impl Fn(&PurposeId) -> PurposeId) {
        for life in &mut self.lives {
            life.purpose = name(&life.purpose);
        }
        for left in self.resets.iter_mut().flat_map(|reset| &mut reset.lives) {
            left.purpose = name(&left.purpose);
        }
        let mut joined: Vec<Life> = Vec::with_capacity(self.lives.len());
        for life in self.lives.drain(..) {
            match joined.iter_mut().find(|known| known.purpose == life.purpose) {
                Some(known) => {
                    known.number = known.number.max(life.number);
                    known.highest = known.highest.max(life.highest);
                }
                None => joined.push(life),
            }
        }
        self.lives = joined;
    }

    fn drop_empty_resets(&mut self) {
        self.resets.retain(|reset| !reset.lives.is_empty() || !reset.pseudonyms.is_empty());
    }
}
