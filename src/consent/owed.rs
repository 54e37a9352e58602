//! Acts that hold and are not durable yet: they are told as they hold, and committed as soon as the journal takes them.
//!
//! Such an act has shut the person's gate, so nothing leaves. It is kept here, in memory, until it is on the disk, or
//! until a later act on the same purpose is, which stands in its place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Act, Action, ConsentError, Ledger, change::Change, ledger::off_the_worker};
use crate::{
    domain::{ConsentState, PurposeId, Sid, Timestamp},
    policy::Purpose,
    store::{CommitError, Unavailable},
    vault::Handle,
};

/// How often an act is tried anew in one turn when others change the same standing at the same time.
const TRIES: usize = 8;

/// Whose act it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    /// Someone known, with the number under which the act holds their gate shut.
    Known(Sid, u64),
    /// Someone who would have come to be known by it.
    Newcomer(Handle),
}

#[derive(Clone, Debug)]
struct OwedAct {
    whose: Whose,
    act: Act,
}

/// The acts that are not durable yet.
#[derive(Debug, Default)]
pub(super) struct Owed(Mutex<Vec<OwedAct>>);

/// An act that holds and is not durable yet, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undurable {
    /// For which purpose.
    pub purpose: PurposeId,
    /// The state that it leads to.
    pub state: ConsentState,
    /// Since when.
    pub since: Timestamp,
}

impl Owed {
    fn acts(&self) -> MutexGuard<'_, Vec<OwedAct>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    pub(super) fn owe(&self, whose: Whose, act: &Act) {
        self.owed.acts().push(OwedAct { whose, act: act.clone() });
    }

    /// The acts of this person that hold and are not durable yet, oldest first.
    #[must_use]
    pub fn undurable(&self, sid: Sid) -> Vec<Undurable> {
        let acts = self.owed.acts();
        let theirs = acts.iter().filter(|owed| self.still_holds(owed, sid));
        let told = theirs.filter_map(|owed| {
            let state = match owed.act.action {
                Action::Withdraw => ConsentState::Withdrawn,
                Action::Refuse => ConsentState::Refused,
                Action::Expire => ConsentState::Expired,
                Action::Give
                | Action::Object
                | Action::SetRules
                | Action::Carry
                | Action::Export
                | Action::Link
                | Action::Unlink
                | Action::Guard
                | Action::Unguard
                | Action::Reset
                | Action::UndoReset
                | Action::CloseReset
                | Action::Forget
                | Action::Correct => return None,
            };
            Some(Undurable { purpose: owed.act.purpose.clone()?, state, since: owed.act.at })
        });
        told.collect()
    }

    fn still_holds(&self, owed: &OwedAct, of: Sid) -> bool {
        matches!(owed.whose, Whose::Known(sid, number) if sid == of && self.gates.holds_shut(sid, number))
    }

    /// How many acts are not durable yet.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.owed.acts().len()
    }

    /// Tries to make durable what is not. How many acts are left. To be called now and then.
    ///
    /// # Errors
    /// When a standing cannot be read; the acts stay owed.
    pub async fn settle(&self) -> Result<usize, ConsentError> {
        let owed = self.owed.acts().clone();
        let mut failed = None;
        for one in owed {
            match self.settle_one(&one).await {
                Ok(()) => self.owed.acts().retain(|kept| !kept.is(&one)),
                Err(ConsentError::Commit(_)) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or_else(|| Ok(self.owed()), Err)
    }

    /// Passes once every act that holds is durable, so that whoever reads what is on record reads what people said.
    ///
    /// # Errors
    /// When the journal does not take one of them yet, or a standing cannot be read.
    pub async fn all_durable(&self) -> Result<(), ConsentError> {
        match self.owed() {
            0 => Ok(()),
            _ if self.settle().await? == 0 => Ok(()),
            _ => Err(CommitError::Unavailable(Unavailable::Write).into()),
        }
    }

    async fn settle_one(&self, owed: &OwedAct) -> Result<(), ConsentError> {
        let bundle = self.policies.snapshot();
        for _ in 0..TRIES {
            let mut change = match owed.whose {
                Whose::Known(sid, number) => {
                    let ledger = self.clone();
                    let person = off_the_worker(move || ledger.by_sid(sid)).await?;
                    let holds = self.gates.holds_shut(sid, number);
                    let Some(person) = person.filter(|_| holds) else { return Ok(()) };
                    Change::begin(&person)
                }
                Whose::Newcomer(handle) => {
                    let change = self.begin(handle, &bundle).await?;
                    if !change.created {
                        return Ok(());
                    }
                    change
                }
            };
            let sid = change.key.sid();
            let news = self.apply_again(bundle.catalogue().purposes(), &owed.act, &mut change)?;
            let closed = self.gates.close(sid);
            if news {
                let batch = change.into_batch(self, &bundle, &owed.act, true)?;
                match self.audit.record(batch).await {
                    Ok(_) => {}
                    Err(CommitError::Conflict) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            // Without news it was durable all along, and only its acknowledgement did not come.
            closed.recorded(owed.act.purpose.as_ref());
            return Ok(());
        }
        Err(ConsentError::Contended)
    }

    /// Does once more what `act` did. Whether it changes anything on record.
    fn apply_again(
        &self,
        purposes: &[Purpose],
        act: &Act,
        change: &mut Change,
    ) -> Result<bool, ConsentError> {
        let Some(purpose) = &act.purpose else {
            let mut news = false;
            for purpose in purposes.iter().filter(|purpose| super::signal::heeds_signals(purpose)) {
                let place = change.standing.purpose_mut(purpose.id());
                news |= place.objected_at.is_none();
                place.objected_at.get_or_insert(act.at);
            }
            return Ok(news);
        };
        let place = change.standing.purpose_mut(purpose);
        let consent = place.consent.clone();
        let before = consent.written_state();
        let after = match act.action {
            Action::Withdraw => consent.withdraw(act.at).ok(),
            // At the moment it was seen: the clock may have gone back since.
            Action::Expire => consent.expire(act.at).ok(),
            Action::Refuse if before != ConsentState::Refused => Some(consent.refuse(act.at)),
            _ => None,
        };
        let Some(after) = after else { return Ok(false) };
        place.consent = after;
        self.let_go(purpose, change)?;
        Ok(true)
    }

    /// Whether an act on `purpose` of this person is not durable yet.
    pub(super) fn owes(&self, sid: Sid, purpose: &PurposeId) -> bool {
        self.undurable(sid).iter().any(|undurable| undurable.purpose == *purpose)
    }
}

impl OwedAct {
    fn is(&self, other: &Self) -> bool {
        match (self.whose, other.whose) {
            (Whose::Known(sid, number), Whose::Known(other_sid, other_number)) => {
                (sid, number) == (other_sid, other_number)
            }
            (Whose::Newcomer(handle), Whose::Newcomer(other_handle)) => {
                handle == other_handle && self.act.at == other.act.at
            }
            _ => false,
        }
    }
}
