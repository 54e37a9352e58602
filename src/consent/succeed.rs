//! What a change of policy makes of people's standings: first counted, then done, person by person.
//!
//! Whether a person's part is done can be seen from their standing alone, so the work needs no place to note how far it
//! is: after a crash it is begun again, and who is done is passed over.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::{
    Act, Action, ConsentError, Ledger, Person, Standing,
    change::Change,
    held_prefix,
    standing::{STANDINGS, standing_sid},
};
use crate::{
    domain::{CategoryId, Detail, Method, PurposeId, Sid, Timestamp},
    policy::{Bundle, Lot, Succession, Vanished},
    store::{CommitError, Key, Record, StoreError, Unavailable},
};

/// How often a person's part is tried anew when they act at the same time.
const TRIES: usize = 8;

/// How many people are looked at between two words about how far it is.
const WORD_EVERY: u64 = 1024;

/// What a change of policy would make of everyone's consents. Counts of people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// People who were looked at: all who ever acted.
    pub people: u64,
    /// People who have agreed to what is no longer what they agreed to, and must be asked again; by purpose.
    pub asked_again: BTreeMap<PurposeId, u64>,
    /// People whose consents are withdrawn by it; by purpose.
    pub withdrawn: BTreeMap<PurposeId, u64>,
    /// People whose consents are carried over to new names; by the purpose's name before.
    pub carried: BTreeMap<PurposeId, u64>,
    /// People whose consents name what is gone, with nothing said of what becomes of them.
    #[serde(serialize_with = "as_words")]
    pub lost: BTreeMap<Vanished, u64>,
}

fn as_words<S: serde::Serializer>(
    lost: &BTreeMap<Vanished, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(lost.iter().map(|(what, people)| (what.to_string(), people)))
}

impl Survey {
    /// Whether standings must be changed.
    #[must_use]
    pub fn moves(&self) -> bool {
        !self.withdrawn.is_empty() || !self.carried.is_empty()
    }

    fn count(&mut self, standing: &Standing, succession: &Succession, now: Timestamp) {
        self.people += 1;
        for known in &standing.purposes {
            let one = |counts: &mut BTreeMap<PurposeId, u64>, purpose: &PurposeId| {
                *counts.entry(purpose.clone()).or_default() += 1;
            };
            match succession.lot(&known.purpose, known.consent.in_force(now)) {
                Lot::Stays { outdated } if outdated => one(&mut self.asked_again, &known.purpose),
                Lot::Stays { .. } => {}
                Lot::Withdrawn => one(&mut self.withdrawn, &known.purpose),
                Lot::Carried { purpose, outdated, .. } => {
                    one(&mut self.carried, &known.purpose);
                    if outdated {
                        one(&mut self.asked_again, &purpose);
                    }
                }
                Lot::Lost(gone) => {
                    for what in gone {
                        *self.lost.entry(what).or_default() += 1;
                    }
                }
            }
        }
    }
}

/// The change of policy under way, if there is one.
pub(super) type Endings = Arc<RwLock<Option<Arc<UnderWay>>>>;

/// A change of policy under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    succession: Arc<Succession>,
    over: AtomicBool,
}

/// As long as it lives, nobody can give what the change under way would withdraw, rename or lose.
#[derive(Debug)]
pub struct Ending(Arc<UnderWay>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

/// An act under way.
#[derive(Debug)]
pub struct Acting(OwnedRwLockReadGuard<Option<Arc<UnderWay>>>);

impl Acting {
    /// Passes unless a change of policy under way ends what is to be given.
    pub(super) fn may_give(
        &self,
        purpose: &PurposeId,
        categories: &[(CategoryId, Detail)],
    ) -> Result<(), ConsentError> {
        match self.0.as_ref() {
            // One that is over has switched before it was, so the policy looked at next is the new one.
            Some(change) if !change.over.load(Ordering::Acquire) => {
                if change.succession.ends(purpose, categories) {
                    return Err(ConsentError::PolicyChanging(purpose.clone()));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Ledger {
    /// Keeps everybody from giving what `succession` ends, and waits for the acts under way: what is counted from the
    /// return on cannot grow.
    pub async fn end(&self, succession: Arc<Succession>) -> Ending {
        let under_way = Arc::new(UnderWay { succession, over: AtomicBool::new(false) });
        *self.endings.write().await = Some(under_way.clone());
        Ending(under_way)
    }

    /// An act begins. A policy that is looked at from here on, and as long as the answer lives, is in force or was when
    /// the act began, and whoever changes it can wait for the act.
    pub async fn acting(&self) -> Acting {
        Acting(self.endings.clone().read_owned().await)
    }

    /// Waits for the acts that began under the policy before: from the return on, none of them changes a standing.
    pub async fn acts_ended(&self) {
        drop(self.endings.write().await);
    }

    /// Counts what `succession` makes of everyone's consents; `word` hears now and then how many were looked at. Reads
    /// every standing, one at a time.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn survey(
        &self,
        succession: &Succession,
        mut word: impl FnMut(u64),
    ) -> Result<Survey, ConsentError> {
        let (mut survey, now) = (Survey::default(), self.clock.now());
        for found in self.store.scan(STANDINGS) {
            let Some((_, standing)) = self.open_standing(found)? else { continue };
            survey.count(&standing, succession, now);
            if survey.people.is_multiple_of(WORD_EVERY) {
                word(survey.people);
            }
        }
        word(survey.people);
        Ok(survey)
    }

    /// Tells `each` of everyone whose standing `succession` changes, until it says that it has heard enough. Reads
    /// every standing, one at a time.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn concerned(
        &self,
        succession: &Succession,
        mut each: impl FnMut(Sid) -> bool,
    ) -> Result<(), ConsentError> {
        let now = self.clock.now();
        for found in self.store.scan(STANDINGS) {
            let Some((sid, standing)) = self.open_standing(found)? else { continue };
            if step(&standing, succession, now).is_some() && !each(sid) {
                break;
            }
        }
        Ok(())
    }

    /// From now on, until this is called with nothing, whoever acts has what `succession` makes of their consents done
    /// first. To be called before its bundle comes into force.
    pub fn migrate(&self, succession: Option<Arc<Succession>>) {
        self.migrating.store(succession);
    }

    /// The person, with what a change of policy under way makes of their consents done, if that is the change to
    /// `bundle`.
    pub(super) async fn settled(
        &self,
        person: Person,
        bundle: &Bundle,
    ) -> Result<Person, ConsentError> {
        let under_way = self.migrating.load_full();
        let Some(succession) = under_way.filter(|s| s.after().version() == bundle.version()) else {
            return Ok(person);
        };
        if step(&person.standing, &succession, self.clock.now()).is_none() {
            return Ok(person);
        }
        self.succeed(person.key.sid(), &succession).await?;
        Ok(self.fresh(&person).await?.unwrap_or(person))
    }

    /// Does what `succession` makes of one person's consents: withdraws, with all that follows from a withdrawal, and
    /// carries over. How many acts that were; none if it was done before.
    ///
    /// # Errors
    /// When the journal does not take it. What was done before that stays done.
    pub async fn succeed(
        &self,
        sid: Sid,
        succession: &Arc<Succession>,
    ) -> Result<u64, ConsentError> {
        let (mut acts, mut conflicts) = (0, 0);
        loop {
            let ledger = self.clone();
            let person = super::ledger::off_the_worker(move || ledger.by_sid(sid)).await?;
            let Some(person) = person else { return Ok(acts) };
            let Some(step) = step(&person.standing, succession, self.clock.now()) else {
                return Ok(acts);
            };
            match self.take(step, &person, succession).await {
                Ok(()) => acts += 1,
                Err(ConsentError::Commit(CommitError::Conflict)) if conflicts < TRIES => {
                    conflicts += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn take(
        &self,
        step: Step,
        person: &Person,
        succession: &Succession,
    ) -> Result<(), ConsentError> {
        let mut change = Change::begin(person);
        let act = match step {
            Step::Withdraw(purpose) => {
                let act = Act {
                    purpose: Some(purpose.clone()),
                    ..self.plain(Action::Withdraw, Method::Policy)
                };
                let place = change.standing.purpose_mut(&purpose);
                place.consent = place.consent.clone().withdraw(act.at)?;
                self.let_go(&purpose, &mut change)?;
                act
            }
            Step::Carry => {
                let act = self.plain(Action::Carry, Method::Policy);
                self.carry(&mut change, succession, act.at)?;
                act
            }
        };
        match self.commit(succession.after(), change, &act).await? {
            (Some(_), _) => Ok(()),
            // The gate holds it for now, but the standing is as it was: it is done when it is durable.
            (None, _) => Err(CommitError::Unavailable(Unavailable::Write).into()),
        }
    }

    /// Gives everything in a standing its new name, and what is held for a purpose with it.
    fn carry(
        &self,
        change: &mut Change,
        succession: &Succession,
        now: Timestamp,
    ) -> Result<(), ConsentError> {
        let mut moved = Vec::new();
        for known in &mut change.standing.purposes {
            let lot = succession.lot(&known.purpose, known.consent.in_force(now));
            let Lot::Carried { purpose, given, .. } = lot else { continue };
            if let Some(given) = given {
                known.consent = known.consent.clone().carried(given)?;
            }
            if purpose != known.purpose {
                moved.push((std::mem::replace(&mut known.purpose, purpose.clone()), purpose));
            }
        }
        change.standing.join();
        let renamed = |purpose: &PurposeId| {
            let to = moved.iter().find(|(from, _)| from == purpose);
            to.map_or_else(|| purpose.clone(), |(_, to)| to.clone())
        };
        change.standing.rename_lives(renamed);
        for category in &mut change.standing.rules.categories_off {
            *category = succession.category(category).clone();
        }
        let sid = change.key.sid();
        for (from, to) in moved {
            let (old, new) = (held_prefix(sid, &from), held_prefix(sid, &to));
            for found in self.store.scan(&old) {
                let (key, record) = found?;
                let rest = key.as_bytes().strip_prefix(old.as_slice()).unwrap_or_default();
                let to = Key::new(&[new.as_slice(), rest].concat());
                change.batch.put.push(change.key.moved(&self.entropy, &key, &record, to)?);
                change.batch.delete.push(key);
            }
        }
        Ok(())
    }

    /// A standing past the caches: a look at everyone would drive out those who call.
    fn open_standing(
        &self,
        found: Result<(Key, Record), StoreError>,
    ) -> Result<Option<(Sid, Standing)>, ConsentError> {
        let (key, record) = found?;
        let Some(sid) = standing_sid(&key) else { return Ok(None) };
        let Some(subject) = self.vault.by_sid(sid)? else { return Ok(None) };
        Ok(Some((sid, subject.open(&key, &record)?)))
    }
}

/// What is next to be done to a standing.
enum Step {
    Withdraw(PurposeId),
    Carry,
}

fn step(standing: &Standing, succession: &Succession, now: Timestamp) -> Option<Step> {
    let mut carry = standing.rules.categories_off.iter().any(|off| succession.category(off) != off);
    for known in &standing.purposes {
        match succession.lot(&known.purpose, known.consent.in_force(now)) {
            Lot::Withdrawn => return Some(Step::Withdraw(known.purpose.clone())),
            Lot::Carried { .. } => carry = true,
            // What was given after the count and before the change came into force cannot be: giving it was refused.
            Lot::Stays { .. } | Lot::Lost(_) => {}
        }
    }
    carry.then_some(Step::Carry)
}
