//! One person, many ids: a device before they log in, an account after.
//!
//! An app says that two ids are one person's, and how it knows. From then on whoever is named by the other id, the alias, stands
//! where the person stands: one standing, one pseudonym a recipient, one history. What was said by either id counts as
//! strictly as either said it ([`Consent::strictest`]); what recipients hold under the alias's own pseudonym is nobody's any
//! more and is deleted.
//!
//! INVARIANT: an alias's own standing agrees to nothing, so that a reader who does not follow it finds a no.
//!
//! It links no two people by itself, and no id reaches it: it sees handles.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Act, Action, ConsentError, Ledger, Person, PurposeStanding, Rules, acts::TRIES, change::Change,
    ledger::off_the_worker,
};
use crate::{
    domain::{Consent, ConsentState, Method, PurposeId, Sid, Timestamp},
    policy::Bundle,
    store::{Batch, CommitError, Unavailable},
    vault::Handle,
};

/// The most ids that one person can be known by besides the first.
pub const MOST_LINKS: usize = 32;

/// How the app knows that two ids are one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkMethod {
    /// The person logged in to the account on the device.
    Login,
    /// The person showed that they hold both, by a code sent to one and typed on the other.
    Code,
    /// The person paired two devices that they held.
    Pairing,
    /// Staff checked the person's identity for both.
    Support,
}

impl LinkMethod {
    /// The word in JSON and in the log's bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Code => "code",
            Self::Pairing => "pairing",
            Self::Support => "support",
        }
    }
}

/// Another id of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The alias's own records.
    pub sid: Sid,
    /// The alias.
    pub handle: Handle,
    /// Since when.
    pub at: Timestamp,
    /// How the app knew.
    pub method: LinkMethod,
}

/// Whose other id this is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// The person.
    pub of: Handle,
    /// What was said by this id alone, for the day on which the link is taken back.
    pub purposes: Vec<PurposeStanding>,
    /// The rules that were set by this id alone.
    pub rules: Rules,
}

impl Ledger {
    /// From now on `alias` is another id of the person under `handle`; either comes to be known by it if nobody is yet. Says
    /// again what was said before. Returns the person.
    ///
    /// # Errors
    /// When the two are one id, one of them is linked to somebody else already, there are too many, or the journal does not
    /// take it; then nothing is linked.
    pub async fn link(
        &self,
        handle: Handle,
        alias: Handle,
        method: LinkMethod,
    ) -> Result<Person, ConsentError> {
        let _acting = self.acting().await;
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            let (primary, first) = self.begin_primary(handle, &bundle).await?;
            let other = self.begin_as(alias, &bundle).await?;
            if first.key.sid() == other.key.sid() {
                return Err(ConsentError::Unlinkable("the two are one id"));
            }
            if other.before.alias.as_ref().is_some_and(|known| known.of == primary) {
                return self.after(primary).await;
            }
            unless_taken(&first, &other)?;
            if self.was_shut([&first, &other]).await? {
                continue;
            }
            match self.join(&bundle, (primary, first), (alias, other), method).await {
                Ok(()) => return self.after(primary).await,
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ConsentError::Contended)
    }

    /// From now on `alias` is an id of its own again, and stands where it stood before, but for what the person has said no to
    /// since.
    ///
    /// # Errors
    /// When it is no other id of the person's, or the journal does not take it.
    pub async fn unlink(&self, handle: Handle, alias: Handle) -> Result<Person, ConsentError> {
        let _acting = self.acting().await;
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            let (primary, mut first) = self.begin_primary(handle, &bundle).await?;
            let mut other = self.begin_as(alias, &bundle).await?;
            let known = other.standing.alias.take().filter(|known| known.of == primary);
            let Some(known) = known else {
                return Err(ConsentError::Unlinkable("the alias is no other id of this person"));
            };
            if self.was_shut([&first, &other]).await? {
                continue;
            }
            let sid = other.key.sid();
            first.standing.links.retain(|link| link.sid != sid);
            let now = self.clock.now();
            other.standing.purposes = no_since(known.purposes, &first.standing.purposes, now);
            other.standing.rules = known.rules;
            other.standing.rules.narrow(&first.standing.rules);
            other.standing.under_14_until =
                other.standing.under_14_until.max(first.standing.under_14_until);
            let act = self.plain(Action::Unlink, Method::Api);
            match self.commit_two(&bundle, first, other, &act).await {
                Ok(()) => return self.after(primary).await,
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ConsentError::Contended)
    }

    async fn join(
        &self,
        bundle: &Bundle,
        (primary, mut first): (Handle, Change),
        (alias, mut other): (Handle, Change),
        method: LinkMethod,
    ) -> Result<(), ConsentError> {
        let now = self.clock.now();
        let purposes = std::mem::take(&mut other.standing.purposes);
        let rules = std::mem::take(&mut other.standing.rules);
        // What recipients hold of the alias alone is nobody's any more. After a no it is owed already.
        let given = purposes.iter().filter(|p| p.consent.written_state() == ConsentState::Given);
        let held: Vec<PurposeId> = given.map(|known| known.purpose.clone()).collect();
        for purpose in &held {
            self.let_go(purpose, &mut other)?;
        }
        for theirs in &purposes {
            let place = first.standing.purpose_mut(&theirs.purpose);
            let was_given = place.consent.in_force(now).is_some();
            let objects = place.objects(now) || theirs.objects(now);
            place.consent = place.consent.strictest(&theirs.consent, now);
            place.objected_at = place.objected_at.max(theirs.objected_at);
            if objects {
                place.keep_objecting();
            }
            if was_given && place.consent.in_force(now).is_none() {
                self.let_go(&theirs.purpose, &mut first)?;
            }
        }
        first.standing.rules.narrow(&rules);
        first.standing.under_14_until =
            first.standing.under_14_until.max(other.standing.under_14_until);
        let link = Link { sid: other.key.sid(), handle: alias, at: now, method };
        first.standing.links.push(link);
        other.standing.alias = Some(Alias { of: primary, purposes, rules });
        for change in [&mut first, &mut other] {
            change.details.insert("evidence".to_owned(), json!(method.as_str()));
        }
        let act = self.plain(Action::Link, Method::Api);
        self.commit_two(bundle, first, other, &act).await
    }

    /// Whether an act of one of the two held and was not durable, which it is now: what was on record of them allowed more
    /// than they do, and must not be taken over.
    ///
    /// # Errors
    /// When it cannot be made durable.
    async fn was_shut(&self, both: [&Change; 2]) -> Result<bool, ConsentError> {
        let shut = || both.iter().any(|change| self.gates.is_shut(change.key.sid()));
        if !shut() {
            return Ok(false);
        }
        self.settle().await?;
        if shut() {
            return Err(CommitError::Unavailable(Unavailable::Write).into());
        }
        Ok(true)
    }

    /// Writes two standings of one person as one, and waits for what is being written on either.
    async fn commit_two(
        &self,
        bundle: &Bundle,
        first: Change,
        other: Change,
        act: &Act,
    ) -> Result<(), ConsentError> {
        let gates = [first.key.sid(), other.key.sid()].map(|sid| self.gates.close(sid));
        let batch = joined(
            first.into_batch(self, bundle, act, false)?,
            other.into_batch(self, bundle, act, false)?,
        );
        self.audit.record(batch).await?;
        for closed in &gates {
            closed.drained().await;
            closed.acknowledged();
        }
        self.gates.counts().acts.of(act.action.as_str()).one();
        Ok(())
    }

    /// The beginnings of a change to the person whom `handle` names, by whichever id, and their first id.
    async fn begin_primary(
        &self,
        handle: Handle,
        bundle: &Bundle,
    ) -> Result<(Handle, Change), ConsentError> {
        let change = self.begin_as(handle, bundle).await?;
        match change.before.alias.as_ref().map(|alias| alias.of) {
            Some(of) => Ok((of, self.begin_as(of, bundle).await?)),
            None => Ok((handle, change)),
        }
    }

    async fn after(&self, handle: Handle) -> Result<Person, ConsentError> {
        let ledger = self.clone();
        let person = off_the_worker(move || ledger.find(handle)).await?;
        person.ok_or(ConsentError::Contended)
    }
}

fn unless_taken(first: &Change, other: &Change) -> Result<(), ConsentError> {
    if other.before.alias.is_some() {
        return Err(ConsentError::Unlinkable("the alias is another id of somebody else"));
    }
    if !other.before.links.is_empty() {
        return Err(ConsentError::Unlinkable("the alias has other ids of its own"));
    }
    if first.before.links.len() >= MOST_LINKS {
        return Err(ConsentError::Unlinkable("the person has as many ids as one can have"));
    }
    Ok(())
}

/// Both, or neither.
pub(super) fn joined(mut first: Batch, other: Batch) -> Batch {
    let Batch { expect, put, delete, delete_prefix, leaves, raise, urgent } = other;
    first.expect.extend(expect);
    first.put.extend(put);
    first.delete.extend(delete);
    first.delete_prefix.extend(delete_prefix);
    first.leaves.extend(leaves);
    first.raise.extend(raise);
    first.urgent |= urgent;
    first
}

/// What was said by the alias, but for what the person has said no to since.
fn no_since(
    mut alone: Vec<PurposeStanding>,
    since: &[PurposeStanding],
    now: Timestamp,
) -> Vec<PurposeStanding> {
    for known in since {
        let state = known.consent.state_at(now);
        let is_no = !matches!(state, ConsentState::Given | ConsentState::Unknown);
        match alone.iter_mut().find(|place| place.purpose == known.purpose) {
            Some(place) => {
                if is_no {
                    place.consent = known.consent.clone();
                } else if place.consent.in_force(now).is_some() {
                    // What was taken out of a consent is a no as well.
                    place.consent = place.consent.strictest(&known.consent, now);
                }
                place.objected_at = place.objected_at.max(known.objected_at);
                if known.objects(now) {
                    place.keep_objecting();
                }
            }
            None if is_no || known.objected_at.is_some() => {
                let consent = if is_no { known.consent.clone() } else { Consent::default() };
                alone.push(PurposeStanding { consent, ..known.clone() });
            }
            None => {}
        }
    }
    alone
}

impl Rules {
    /// Takes over what is narrower in `other`.
    fn narrow(&mut self, other: &Self) {
        let Self { cap, categories_off, muted_tags, muted_items, pause_until, .. } = self;
        *cap = (*cap).min(other.cap);
        union(categories_off, &other.categories_off);
        union(muted_tags, &other.muted_tags);
        union(muted_items, &other.muted_items);
        *pause_until = (*pause_until).max(other.pause_until);
        self.private_until = self.private_until.max(other.private_until);
        let days = [self.forget_after_days, other.forget_after_days];
        self.forget_after_days = days.into_iter().flatten().min();
        self.dial = self.dial.or(other.dial);
    }
}

fn union<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for one in from {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}
