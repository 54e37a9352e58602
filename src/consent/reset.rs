//! Resets: a person begins anew, and can go back for a while.
//!
//! At once the recipients concerned see another pseudonym, and what was held is no longer used. Until the window closes
//! everything can be had back as it was; when it closes, what was left behind is deleted, at recipients too. The window
//! counts as closed at its instant, and is written down by whoever finds it first.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Act, Action, Audience, ConsentError, Ledger, Own, Person,
    change::Change,
    own::OwnAct,
    shelf::of_life,
    standing::{LeftLife, LeftPseudonym, Reset},
};
use crate::{
    domain::{ConsentState, Method, PurposeId, RecipientId, Timestamp},
    policy::{Bundle, Purpose},
    retry::Attempt,
    store::CommitError,
    vault::Handle,
};

/// How many resets of one person can be undone one after another; one more closes the oldest.
const MOST_OPEN: usize = 8;

/// A reset that is asked for.
#[derive(Clone, Debug)]
pub struct Resetting {
    /// For which purpose; for all if absent.
    pub purpose: Option<PurposeId>,
    /// For how long it can be undone. Without any time it is closed at once.
    pub within: Duration,
}

/// A reset that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetDone {
    /// When.
    pub at: Timestamp,
    /// Until when it can be undone.
    pub undo_until: Timestamp,
    /// For which purposes what was held is no longer used.
    pub purposes: Vec<PurposeId>,
    /// Who sees another pseudonym from now on. They start fresh for all purposes that they serve.
    pub recipients: Vec<RecipientId>,
}

/// A reset that was undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// When the reset was done.
    pub of: Timestamp,
    /// For which purposes what was held is used again.
    pub purposes: Vec<PurposeId>,
    /// Who sees the pseudonym of before again.
    pub recipients: Vec<RecipientId>,
}

impl Ledger {
    /// Has the person under `handle` begin anew.
    ///
    /// # Errors
    /// When nobody is known by the handle, or the journal does not take it.
    pub async fn reset(
        &self,
        handle: Handle,
        resetting: Resetting,
        attempt: Option<Attempt>,
    ) -> Result<Own<ResetDone>, ConsentError> {
        let act =
            OwnAct { action: Action::Reset, purpose: resetting.purpose.clone(), creates: false };
        self.own(handle, act, attempt, move |ledger, bundle, change, act| {
            ledger.begin_anew(bundle, change, act, &resetting)
        })
        .await
    }

    /// Has the person under `handle` go back to where they were before their latest reset. What was held since then is
    /// deleted, at recipients too.
    ///
    /// # Errors
    /// [`ConsentError::NothingToUndo`] when there is no reset whose window is open, or the journal does not take it.
    pub async fn undo_reset(
        &self,
        handle: Handle,
        attempt: Option<Attempt>,
    ) -> Result<Own<Undone>, ConsentError> {
        let act = OwnAct { action: Action::UndoReset, purpose: None, creates: false };
        let undone =
            self.own(handle, act, attempt, |ledger, _, change, act| ledger.go_back(change, act.at));
        let undone = undone.await;
        if let Err(ConsentError::NothingToUndo(_)) = undone {
            // Whoever asks too late has it written down that it is too late.
            self.at_sight(handle).await?;
        }
        undone
    }

    /// Closes the windows of `person` whose end has come. What the journal does not take now is closed later; undoing is
    /// refused all the same.
    pub(super) async fn close_resets(&self, person: &Person) -> Result<(), ConsentError> {
        if !person.standing.reset_is_due(self.clock.now()) {
            return Ok(());
        }
        let bundle = self.policies.snapshot();
        let act = self.plain(Action::CloseReset, Method::Api);
        let Some(fresh) = self.fresh(person).await? else { return Ok(()) };
        let mut change = Change::begin(&fresh);
        let is_due = |reset: &mut Reset| reset.until <= act.at;
        let due: Vec<Reset> = change.standing.resets.extract_if(.., is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        for reset in &due {
            self.close_window(reset, &mut change)?;
        }
        match self.commit(&bundle, change, &act).await {
            Ok(_)
            | Err(ConsentError::Commit(CommitError::Conflict | CommitError::Unavailable(_))) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn begin_anew(
        &self,
        bundle: &Bundle,
        change: &mut Change,
        act: &Act,
        resetting: &Resetting,
    ) -> Result<ResetDone, ConsentError> {
        let purposes = concerned(bundle, change, resetting.purpose.as_ref());
        let standing = &mut change.standing;
        let lives = purposes.iter().map(|purpose| {
            let number = standing.next_life(purpose);
            LeftLife { purpose: purpose.clone(), number }
        });
        let lives: Vec<LeftLife> = lives.collect();
        let seen = |audience: &&Audience| {
            let serves = audience.purposes.iter().any(|purpose| purposes.contains(purpose));
            serves && has_seen(bundle, &change.before, audience)
        };
        let mut pseudonyms = Vec::new();
        for audience in self.audiences.iter().filter(seen) {
            let (recipient, domain) = (audience.recipient.clone(), audience.domain.clone());
            let number = standing.next_generation(&recipient, &domain);
            pseudonyms.push(LeftPseudonym { recipient, domain, number });
        }
        let recipients: Vec<_> = pseudonyms.iter().map(|left| left.recipient.clone()).collect();
        let until = act.at.after(resetting.within);
        let reset = Reset { at: act.at, until, lives, pseudonyms };
        if resetting.within.is_zero() {
            self.close_window(&reset, change)?;
        } else {
            change.standing.resets.push(reset);
            if change.standing.resets.len() > MOST_OPEN {
                let oldest = change.standing.resets.remove(0);
                self.close_window(&oldest, change)?;
            }
        }
        change.details.insert("purposes".to_owned(), json!(purposes));
        change.details.insert("recipients".to_owned(), json!(recipients));
        change.details.insert("undo_until_ms".to_owned(), until.millis().into());
        Ok(ResetDone { at: act.at, undo_until: until, purposes, recipients })
    }

    /// What a reset left behind is deleted.
    fn close_window(&self, reset: &Reset, change: &mut Change) -> Result<(), ConsentError> {
        let sid = change.key.sid();
        for left in &reset.lives {
            change.batch.delete_prefix.extend(of_life(sid, &left.purpose, left.number));
        }
        for left in &reset.pseudonyms {
            self.owe_left(change, left, left.number)?;
        }
        change.standing.reset_closed_at = Some(reset.until);
        Ok(())
    }

    fn go_back(&self, change: &mut Change, now: Timestamp) -> Result<Undone, ConsentError> {
        let latest = change.standing.resets.pop();
        let Some(reset) = latest.as_ref().filter(|reset| now < reset.until) else {
            let closed_at = latest.map(|reset| reset.until);
            return Err(ConsentError::NothingToUndo(closed_at.or(change.before.reset_closed_at)));
        };
        let sid = change.key.sid();
        for left in &reset.lives {
            let number = change.standing.back_to_life(left);
            change.batch.delete_prefix.extend(of_life(sid, &left.purpose, number));
        }
        for left in &reset.pseudonyms {
            let number = change.standing.back_to_pseudonym(left);
            self.owe_left(change, left, number)?;
        }
        let purposes: Vec<_> = reset.lives.iter().map(|left| left.purpose.clone()).collect();
        let recipients: Vec<_> =
            reset.pseudonyms.iter().map(|left| left.recipient.clone()).collect();
        change.details.insert("purposes".to_owned(), json!(purposes));
        change.details.insert("recipients".to_owned(), json!(recipients));
        change.details.insert("of_ms".to_owned(), reset.at.millis().into());
        Ok(Undone { of: reset.at, purposes, recipients })
    }

    fn owe_left(
        &self,
        change: &mut Change,
        left: &LeftPseudonym,
        generation: u32,
    ) -> Result<(), ConsentError> {
        let audience = Audience {
            recipient: left.recipient.clone(),
            domain: left.domain.clone(),
            purposes: Vec::new(),
            delete_on_withdrawal: true,
            in_process: false,
            third_party: false,
            country: None,
        };
        self.owe_deletion(change, &audience, generation)
    }
}

/// The purposes that a reset is about: the one that is named, or all for which something may be held.
fn concerned(bundle: &Bundle, change: &Change, named: Option<&PurposeId>) -> Vec<PurposeId> {
    if let Some(named) = named {
        return vec![bundle.renamed(named).clone()];
    }
    let held =
        |purpose: &&Purpose| purpose.required() || change.before.purpose(purpose.id()).is_some();
    bundle.catalogue().purposes().iter().filter(held).map(|p| p.id().clone()).collect()
}

/// Whether the recipient may have seen the person: for a purpose that they ever acted on, or that needs no consent.
pub(super) fn has_seen(bundle: &Bundle, standing: &super::Standing, audience: &Audience) -> bool {
    let acted = |purpose: &PurposeId| {
        let known = standing.purpose(purpose);
        known.is_some_and(|known| known.consent.written_state() != ConsentState::Unknown)
    };
    let required =
        |purpose: &PurposeId| bundle.catalogue().purpose(purpose).is_some_and(Purpose::required);
    audience.purposes.iter().any(|purpose| acted(purpose) || required(purpose))
}
