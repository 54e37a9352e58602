//! Objections by signal (Global Privacy Control): heard with a call, and kept until the person gives anew.

use super::{
    Action, ConsentError, Ledger, Person,
    acts::{Request, TRIES},
    change::Change,
};
use crate::{
    domain::Method,
    policy::{GpcEffect, Purpose},
    store::CommitError,
    vault::Handle,
};

impl Ledger {
    /// The person under `handle` as they stand at this moment, with the objection by signal kept that the call carries, if
    /// it does. What cannot be kept now is kept with the next call that carries one.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn heard(
        &self,
        handle: Handle,
        signal: bool,
    ) -> Result<Option<Person>, ConsentError> {
        let Some(person) = self.at_sight(handle).await? else { return Ok(None) };
        if !signal {
            return Ok(Some(person));
        }
        Ok(Some(self.object(person.clone()).await.unwrap_or(person)))
    }

    /// Keeps an objection by signal of a known person, for every purpose that such a signal is about. Returns the
    /// person as they stand then.
    ///
    /// # Errors
    /// When the journal does not take it. The call that carried the signal counts as objected all the same.
    pub async fn object(&self, person: Person) -> Result<Person, ConsentError> {
        let bundle = self.policies.snapshot();
        let act = self.plain(Action::Object, Method::Signal);
        let mut person = self.settled(person, &bundle).await?;
        for _ in 0..TRIES {
            let mut change = Change::begin(&person);
            let mut news = false;
            let purposes = bundle.catalogue().purposes().iter();
            for purpose in purposes.filter(|purpose| heeds_signals(purpose)) {
                let place = change.standing.purpose_mut(purpose.id());
                if place.objected_at.is_none() {
                    (place.objected_at, news) = (Some(act.at), true);
                }
            }
            if !news {
                return Ok(person);
            }
            match self.commit(&bundle, change, &act).await {
                // It is not durable and holds: the gate is shut until it is.
                Ok((None, _)) => return Ok(person),
                Ok(_) | Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
            match self.fresh(&person).await? {
                Some(fresh) => person = fresh,
                None => return Ok(person),
            }
        }
        Err(ConsentError::Contended)
    }

    /// Keeps the objection that a call with an act carries, before the act: who gives on the same call says yes to this
    /// one purpose, and no to the others. Of somebody unknown there is nothing to object to yet.
    pub(super) async fn object_first(
        &self,
        handle: Handle,
        request: &Request,
    ) -> Result<(), ConsentError> {
        let Some(person) = self.at_sight(handle).await? else { return Ok(()) };
        match self.object(person).await {
            Err(error) if request.action == Action::Give => Err(error),
            // Who says no does not say less for an objection that could not be kept.
            _ => Ok(()),
        }
    }
}

/// Whether an objection by signal is about this purpose.
pub(super) fn heeds_signals(purpose: &Purpose) -> bool {
    purpose.gpc() != GpcEffect::Ignored
}
