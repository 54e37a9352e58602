//! Consents whose end has come: they count as expired at that instant, and are written down once, by whoever finds
//! them first. So do windows of resets.

use super::{
    Act, Action, ConsentError, Ledger, Person,
    change::Change,
    standing::{STANDINGS, standing_sid},
};
use crate::{
    domain::{Method, Timestamp},
    store::CommitError,
    vault::Handle,
};

impl Ledger {
    /// The person under `handle` as they stand at this moment. A consent whose end has come is written down at sight.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn at_sight(&self, handle: Handle) -> Result<Option<Person>, ConsentError> {
        let Some(person) = self.person(handle).await? else { return Ok(None) };
        if !self.expiry_is_due(&person, self.clock.now()) {
            return Ok(Some(person));
        }
        self.expire(&person).await?;
        self.person(handle).await
    }

    /// Writes down that consents of `person` have expired, so that a clock that goes back does not bring them back.
    /// What the journal does not take now holds all the same: the gate is shut, and it is written later.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn expire(&self, person: &Person) -> Result<(), ConsentError> {
        let (bundle, now) = (self.policies.snapshot(), self.clock.now());
        for due in &person.standing.purposes {
            let written = due.consent.written_state();
            if due.consent.state_at(now) == written || self.owes(person.key.sid(), &due.purpose) {
                continue;
            }
            let act = Act {
                purpose: Some(due.purpose.clone()),
                ..self.plain(Action::Expire, Method::Api)
            };
            let Some(fresh) = self.fresh(person).await? else { return Ok(()) };
            let mut change = Change::begin(&fresh);
            let place = change.standing.purpose_mut(&due.purpose);
            let Ok(expired) = place.consent.clone().expire(now) else { continue };
            place.consent = expired;
            self.let_go(&due.purpose, &mut change)?;
            match self.commit(&bundle, change, &act).await {
                // Somebody else changed the standing: if it is still due, the next reader writes it.
                Ok(_) | Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        self.close_resets(person).await
    }

    /// Whether a consent of `person` has expired, or the window of a reset closed, and that is not written down yet.
    #[must_use]
    pub fn expiry_is_due(&self, person: &Person, now: Timestamp) -> bool {
        person
            .standing
            .purposes
            .iter()
            .any(|p| p.consent.state_at(now) != p.consent.written_state())
            || person.standing.reset_is_due(now)
    }

    /// Everyone with a consent, or a window of a reset, whose end has come and that nobody has written down. Reads every standing.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn expiries_due(&self) -> Result<Vec<Person>, ConsentError> {
        let (now, mut due) = (self.clock.now(), Vec::new());
        for found in self.store.scan(STANDINGS) {
            let (key, _) = found?;
            let Some(sid) = standing_sid(&key) else { continue };
            due.extend(self.by_sid(sid)?.filter(|person| self.expiry_is_due(person, now)));
        }
        Ok(due)
    }
}
