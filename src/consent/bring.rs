//! Acts brought over from another system, many in one batch.
//!
//! An imported act is dated when it was done there; its row in the log is dated when it came here. It never weakens
//! what is known already: only what is newer than the standing, or as old and stricter, changes it. An act that was
//! brought over before changes nothing, so an import can be repeated and cut off anywhere.
//!
//! A consent counts only if it names the notice in force, by version or by digest. One given to another notice is kept
//! with what it names, and the person is to be asked anew.
//!
//! Deciding ([`Ledger::weigh`]) reads the disk on the thread it is called on; [`Ledger::bring`] commits.

use rustc_hash::FxHashMap;

use super::{
    Act, Action, ConsentError, Fate, Import, Ledger, Person, Shown, Snapshot, Unfit,
    agreed::{agreed, ends},
    change::Change,
    gate::Closed,
    history::{Kept, acts_prefix},
    succeed::Acting,
};
use crate::{
    domain::{Consent, ConsentState, Method, Refusal, Sid, consent::Given},
    policy::{Bundle, Purpose},
    store::{Batch, Commit},
    vault::Handle,
};

/// What stands in place of the fingerprint of a notice that is not in force: no notice has it.
const NOT_IN_FORCE: &str = "imported";

/// A batch of imported acts, decided and not yet committed.
#[derive(Debug)]
pub struct Weighed {
    /// What becomes of each act, in order, once the batch is durable.
    pub fates: Vec<Fate>,
    batch: Batch,
    /// Those whose standing it changes.
    people: Vec<Sid>,
}

/// A batch of imported acts on its way to the journal.
#[derive(Debug)]
#[must_use = "the acts count as recorded only when this says so"]
pub struct Bringing {
    commit: Commit,
    closed: Vec<Closed>,
}

/// One person's part of a batch.
struct Part {
    change: Change,
    acts: Vec<Act>,
    /// The person was erased and asked not to come back by themselves.
    suppressed: bool,
}

impl Ledger {
    /// Decides what becomes of acts brought over, of people none of whom another batch under way is about. `acting`
    /// lives until they are brought. Reads the disk on this thread.
    ///
    /// # Errors
    /// When a change of policy under way ends what is to be given, the store fails or a record does not open.
    pub fn weigh<'r>(
        &self,
        acting: &Acting,
        rows: impl Iterator<Item = &'r (Handle, Import)>,
    ) -> Result<Weighed, ConsentError> {
        let bundle = self.policies.snapshot();
        let mut parts: Vec<Part> = Vec::new();
        let mut places: FxHashMap<Handle, usize> = FxHashMap::default();
        let mut fates = Vec::new();
        for (handle, import) in rows {
            if import.action == Action::Give {
                acting
                    .may_give(&import.purpose, import.categories.as_deref().unwrap_or_default())?;
            }
            let (purpose, act) = match self.imported(&bundle, import) {
                Ok(read) => read,
                Err(unfit) => {
                    fates.push(Fate::Refused(unfit));
                    continue;
                }
            };
            // By their first id: rows of two ids of one person change one standing.
            let first = self.first_id(*handle)?;
            let place = *places.entry(first).or_insert(parts.len());
            if place == parts.len() {
                parts.push(self.part(first)?);
            }
            if let Some(part) = parts.get_mut(place) {
                fates.push(self.place(&bundle, purpose, act, import, part)?);
            }
        }
        let (mut batch, mut people) = (Batch::default(), Vec::new());
        for part in parts.into_iter().filter(|part| !part.acts.is_empty()) {
            // Nobody can hold the gate of someone who is not known yet.
            if !part.change.created {
                people.push(part.change.key.sid());
            }
            join(&mut batch, part.change.finish(self)?);
        }
        Ok(Weighed { fates, batch, people })
    }

    /// Commits what was decided together with `beside`. It is under way when this returns.
    pub fn bring(&self, weighed: Weighed, beside: Batch) -> Bringing {
        let Weighed { mut batch, people, .. } = weighed;
        join(&mut batch, beside);
        let closed = people.into_iter().map(|sid| self.gates.close(sid)).collect();
        Bringing { commit: self.store.commit(batch), closed }
    }

    /// Waits until the batch is durable. Then its acts hold, for calls in flight too.
    ///
    /// # Errors
    /// With [`CommitError::Conflict`](crate::store::CommitError::Conflict) when someone's standing has changed since
    /// it was read: weigh anew. Else when the journal does not take it. Nothing of the batch is taken then.
    pub async fn brought(&self, bringing: Bringing) -> Result<(), ConsentError> {
        bringing.commit.await?;
        for closed in bringing.closed {
            closed.drained().await;
            // It stands in place of no withdrawal that is not durable: that one was said here, and is still to be written.
            closed.acknowledged();
        }
        Ok(())
    }

    fn part(&self, handle: Handle) -> Result<Part, ConsentError> {
        let mut suppressed = false;
        let change = match self.find(handle)? {
            Some(person) => Change::begin(&person),
            None => {
                suppressed = self.vault.is_suppressed(handle)?;
                let enrolment = self.vault.enrol(handle)?;
                let mut change = Change::begin(&Person::new(enrolment.key));
                change.created = true;
                (change.batch.expect, change.batch.put) = (enrolment.expect, enrolment.put);
                change
            }
        };
        Ok(Part { change, acts: Vec::new(), suppressed })
    }

    /// What the row says, checked against the catalogue and the notice in force.
    fn imported<'b>(
        &self,
        bundle: &'b Bundle,
        import: &Import,
    ) -> Result<(&'b Purpose, Act), Unfit> {
        let catalogue = bundle.catalogue();
        let purpose = catalogue.purpose(&import.purpose).ok_or(Unfit::PurposeUnknown)?;
        if purpose.required() {
            return Err(Unfit::PurposeRequired);
        }
        if import.at > self.clock.now() {
            return Err(Unfit::InTheFuture);
        }
        let gives = import.action == Action::Give;
        let categories = if gives {
            agreed(catalogue, purpose, import.categories.as_deref()).map_err(
                |error| match error {
                    ConsentError::NoCoarseForm(_) => Unfit::NoCoarseForm,
                    ConsentError::CategoryTwice(_) => Unfit::CategoryTwice,
                    _ => Unfit::CategoryUnknown,
                },
            )?
        } else {
            Vec::new()
        };
        if gives && import.by_guardian && import.under_14_until.is_none() {
            return Err(Unfit::NoChild);
        }
        let childhood = import.under_14_until.filter(|_| import.by_guardian);
        let said = [import.expires_at, childhood].into_iter().flatten().min();
        let notice = import.shown.as_ref().map(|shown| evidence(purpose, shown));
        if gives && notice.is_none() {
            return Err(Unfit::NoticeMissing);
        }
        let act = Act {
            at: import.at,
            purpose: Some(purpose.id().clone()),
            categories,
            expires_at: ends(purpose, import.at, said).filter(|_| gives),
            notice,
            by_guardian: import.by_guardian,
            ..self.plain(import.action, Method::Import)
        };
        Ok((purpose, act))
    }

    /// Puts the act in its place among what is known of the person, or says why it has none.
    fn place(
        &self,
        bundle: &Bundle,
        purpose: &Purpose,
        mut act: Act,
        import: &Import,
        part: &mut Part,
    ) -> Result<Fate, ConsentError> {
        if part.suppressed {
            return Ok(Fate::Refused(Unfit::Suppressed));
        }
        let standing = part.change.standing.purpose(purpose.id());
        let consent = standing.map(|known| known.consent.clone()).unwrap_or_default();
        let known = consent.written_state() != ConsentState::Unknown;
        let gives = act.action == Action::Give;
        if known && act.at <= consent.since() {
            if self.is_known(&act, part)? {
                return Ok(Fate::Unchanged);
            }
            let stricter = !gives && consent.written_state() == ConsentState::Given;
            if act.at < consent.since() || !stricter {
                return Ok(Fate::Refused(Unfit::OlderThanState));
            }
        }
        let consent = match follow(consent, &mut act) {
            Ok(consent) => consent,
            Err(Refusal::NoCategories) => return Ok(Fate::Refused(Unfit::NoCategories)),
            Err(_) => return Ok(Fate::Refused(Unfit::EndsBeforeItBegins)),
        };
        if !part.acts.is_empty() {
            part.change.standing.epoch = part.change.standing.epoch.next();
        }
        let change = &mut part.change;
        let place = change.standing.purpose_mut(purpose.id());
        place.consent = consent;
        if gives && place.objected_at.is_some_and(|objected| objected < act.at) {
            place.objected_at = None;
        }
        change.standing.under_14_until = change.standing.under_14_until.max(import.under_14_until);
        if !gives {
            self.let_go(purpose.id(), change)?;
        }
        change.note(self, bundle, &act)?;
        let current = act.notice.as_ref().is_some_and(|n| n.material == purpose.material());
        part.acts.push(act);
        Ok(if gives && !current { Fate::AskAnew } else { Fate::Recorded })
    }

    /// Whether this very act was brought over before.
    fn is_known(&self, act: &Act, part: &Part) -> Result<bool, ConsentError> {
        if part.acts.iter().any(|known| same(known, act)) {
            return Ok(true);
        }
        let acts = acts_prefix(part.change.key.sid());
        for found in self.store.scan(acts.as_bytes()) {
            let (key, record) = found?;
            if same(&part.change.key.open::<Kept>(&key, &record)?.act, act) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The consent after the act. What is taken back and was never given here becomes a refusal, so that no older consent
/// comes after it.
fn follow(consent: Consent, act: &mut Act) -> Result<Consent, Refusal> {
    match act.action {
        Action::Give => {
            let given = Given {
                categories: act.categories.clone(),
                expires_at: act.expires_at,
                material: act.notice.as_ref().map(|n| n.material.clone()).unwrap_or_default(),
                by_guardian: act.by_guardian,
            };
            return consent.give(given, act.at);
        }
        Action::Withdraw => {
            if let Ok(withdrawn) = consent.clone().withdraw(act.at) {
                return Ok(withdrawn);
            }
            act.action = Action::Refuse;
        }
        _ => {}
    }
    Ok(consent.refuse(act.at))
}

/// What a notice's name proves: the notice in force, or what the other system called it.
fn evidence(purpose: &Purpose, shown: &Shown) -> Snapshot {
    let fits = |language: &str, version: &str, digest: &str| {
        let named = shown.version.is_some() || shown.digest.is_some();
        named
            && shown.language.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(language))
            && shown.version.as_deref().is_none_or(|named| named == version)
            && shown.digest.as_deref().is_none_or(|named| named == digest)
    };
    let in_force = purpose
        .notices()
        .find(|(language, notice)| fits(language, notice.version(), notice.digest()))
        .map(|(language, _)| Snapshot::of(purpose, language));
    in_force.unwrap_or_else(|| Snapshot {
        purpose: purpose.id().clone(),
        version: shown.version.clone().unwrap_or_default(),
        language: shown.language.clone().unwrap_or_default(),
        digest: shown.digest.clone().unwrap_or_default(),
        material: NOT_IN_FORCE.to_owned(),
    })
}

fn same(one: &Act, other: &Act) -> bool {
    one.method == Method::Import
        && one.purpose == other.purpose
        && one.at == other.at
        && (one.action == Action::Give) == (other.action == Action::Give)
        && one.categories == other.categories
        && one.expires_at == other.expires_at
        && one.by_guardian == other.by_guardian
}

fn join(batch: &mut Batch, other: Batch) {
    batch.expect.extend(other.expect);
    batch.put.extend(other.put);
    batch.delete.extend(other.delete);
    batch.delete_prefix.extend(other.delete_prefix);
    batch.leaves.extend(other.leaves);
    batch.raise.extend(other.raise);
}
