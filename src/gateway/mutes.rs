//! Mutes are hard: the last look at a list before it is given, and a meter of what was proposed against them.
//!
//! Promises: no item that a person has muted is in a list of theirs, whatever an earlier step made of it. The meter costs a
//! call something only where a mute kept something out. It is counted in memory and written each minute, so the end of the
//! process may lose what was counted since.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::{Answered, Gateway, GatewayError, Ranked};
use crate::{
    audit::AuditError,
    catalog::View,
    consent::{Person, Rules},
    domain::{ItemId, Sid, Tag, Timestamp},
    store::{Batch, CommitError, Expect, Key},
    vault::{Sealable, SubjectKey},
};

/// How many people are counted between two writings; more are not, and the meter then tells too little.
const MOST_PEOPLE: usize = 100_000;

/// What was proposed although a person had muted it, and what of it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// Since when: the mutes have been as they are since then.
    pub since: Timestamp,
    /// How many muted items models and apps proposed; one that is proposed again counts again.
    pub proposed: u64,
    /// How many of them were in an answer.
    pub shown: u64,
}

impl Sealable for Met {
    const SCHEMA: u8 = 1;
}

/// What was counted and is not written yet.
#[derive(Default)]
pub(super) struct Meter(Mutex<HashMap<Sid, Met>>);

impl Meter {
    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Met>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sid: Sid, more: Met) {
        let mut known = self.lock();
        if known.len() >= MOST_PEOPLE && !known.contains_key(&sid) {
            return;
        }
        known.entry(sid).and_modify(|met| *met = met.with(more)).or_insert(more);
    }
}

impl Met {
    /// Both together; what was counted against other mutes goes.
    fn with(self, other: Self) -> Self {
        match self.since.cmp(&other.since) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal => Self {
                since: self.since,
                proposed: self.proposed.saturating_add(other.proposed),
                shown: self.shown.saturating_add(other.shown),
            },
        }
    }
}

/// What a person has muted, made for the last look alone: it shares nothing with the steps before that it holds to account.
struct Muted<'a> {
    items: FxHashSet<&'a ItemId>,
    tags: FxHashSet<&'a Tag>,
}

impl<'a> Muted<'a> {
    fn of(rules: &'a Rules) -> Self {
        Self { items: rules.muted_items.iter().collect(), tags: rules.muted_tags.iter().collect() }
    }

    /// Whether `item` is muted, by what it says of itself or the catalogue says of it.
    fn holds(&self, item: &Ranked, view: &View<'_>) -> bool {
        self.has(item, view.item(item.id.as_str()).map_or(&[], |known| &known.tags))
    }

    fn has(&self, item: &Ranked, known: &[Tag]) -> bool {
        let mut tags = item.tags.iter().chain(known);
        self.items.contains(&item.id) || tags.any(|tag| self.tags.contains(tag))
    }
}

impl Gateway {
    /// The last look at a list: whatever of it is muted goes, and is counted, since an earlier step should have left it out.
    pub(super) fn hold_back(&self, items: &mut Vec<Ranked>, rules: &Rules, view: &View<'_>) {
        if !rules.mutes() {
            return;
        }
        let (before, muted) = (items.len(), Muted::of(rules));
        items.retain(|item| !muted.holds(item, view));
        self.counts.muted.of("caught").add((before - items.len()) as u64);
    }

    /// Notes what was proposed to `person` against their mutes, and looks whether any of it is in the answer.
    pub(super) fn meter(&self, person: Option<&Person>, answered: &Answered) {
        let Some(person) = person else { return };
        let Some(since) = person.standing.muted_since.filter(|_| person.standing.rules.mutes())
        else {
            return;
        };
        let (muted, view) = (Muted::of(&person.standing.rules), self.catalog.view());
        let shown = answered.items.iter().filter(|item| muted.holds(item, &view)).count();
        let (proposed, shown) = (answered.muted as u64, shown as u64);
        if proposed + shown > 0 {
            self.counts.muted.of("proposed").add(proposed);
            self.counts.muted.of("shown").add(shown);
            self.meter.add(person.key.sid(), Met { since, proposed, shown });
        }
    }

    /// What was proposed to `person` against their mutes since they are as they are; `None` without mutes.
    ///
    /// # Errors
    /// When the store fails or the record does not open.
    pub async fn mutes_met(&self, person: &Person) -> Result<Option<Met>, GatewayError> {
        let Some(since) = person.standing.muted_since.filter(|_| person.standing.rules.mutes())
        else {
            return Ok(None);
        };
        let (gateway, key) = (self.clone(), person.key.clone());
        let read = tokio::task::spawn_blocking(move || gateway.kept_meter(&key));
        let kept = read.await.unwrap_or(Err(GatewayError::Unavailable))?.map(|(_, met)| met);
        let counted = self.meter.lock().get(&person.key.sid()).copied();
        let none = Met { since, proposed: 0, shown: 0 };
        let known = kept.into_iter().chain(counted).filter(|met| met.since == since);
        Ok(Some(known.fold(none, Met::with)))
    }

    /// The meter that is on record of `person`, with what was counted since it was written, be it against mutes of before.
    /// Waits for the disk.
    ///
    /// # Errors
    /// When the store fails or the record does not open.
    pub fn meter_held(&self, person: &Person) -> Result<Option<Met>, GatewayError> {
        let kept = self.kept_meter(&person.key)?.map(|(_, met)| met);
        let counted = self.meter.lock().get(&person.key.sid()).copied();
        Ok(kept.into_iter().chain(counted).reduce(Met::with))
    }

    fn kept_meter(&self, key: &SubjectKey) -> Result<Option<(u64, Met)>, GatewayError> {
        let at = meter_key(key.sid());
        let Some(record) = self.store.read(&at)? else { return Ok(None) };
        Ok(Some((record.version, key.open(&at, &record)?)))
    }

    /// Writes what was counted since the last time. How many people that was.
    ///
    /// # Errors
    /// When the store fails, a record does not open, or the journal does not take it; what is not written stays counted.
    pub async fn keep_meters(&self) -> Result<usize, GatewayError> {
        let counted = std::mem::take(&mut *self.meter.lock());
        let (mut left, mut written) = (counted.into_iter(), 0);
        while let Some((sid, met)) = left.next() {
            match self.keep_meter(sid, met).await {
                Ok(()) => written += 1,
                Err(error) => {
                    self.meter.add(sid, met);
                    left.for_each(|(sid, met)| self.meter.add(sid, met));
                    return Err(error);
                }
            }
        }
        Ok(written)
    }

    async fn keep_meter(&self, sid: Sid, met: Met) -> Result<(), GatewayError> {
        let gateway = self.clone();
        let sealed = tokio::task::spawn_blocking(move || {
            let Some(person) = gateway.ledger.by_sid(sid)? else { return Ok(None) };
            // What was counted against mutes that are no more tells nothing of those of now.
            if person.standing.muted_since != Some(met.since) {
                return Ok(None);
            }
            let (version, met) = match gateway.kept_meter(&person.key)? {
                Some((version, kept)) => (Some(version), kept.with(met)),
                None => (None, met),
            };
            let put = person.key.seal(&gateway.entropy, meter_key(sid), version, &met)?;
            Ok::<_, GatewayError>(Some((put, person.standing.epoch)))
        });
        let sealed = sealed.await.unwrap_or(Err(GatewayError::Unavailable))?;
        let Some((put, epoch)) = sealed else { return Ok(()) };
        // With the epoch, so that nothing comes to be of somebody who is erased meanwhile.
        let expect = vec![Expect::Epoch { sid, epoch }];
        match self.store.commit(Batch { expect, put: vec![put], ..Batch::default() }).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict) => {
                self.meter.add(sid, met);
                Ok(())
            }
            Err(error) => Err(AuditError::from(error).into()),
        }
    }
}

/// Where a person's meter is kept.
fn meter_key(sid: Sid) -> Key {
    Key::new(&[b"m/".as_slice(), &sid.0].concat())
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({} people)", self.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(since: i64, proposed: u64) -> Met {
        Met { since: Timestamp::from_millis(since), proposed, shown: 0 }
    }

    #[test]
    fn what_was_counted_against_other_mutes_goes() {
        assert_eq!(met(1, 2).with(met(1, 3)), met(1, 5));
        assert_eq!(met(1, 2).with(met(2, 3)), met(2, 3));
        assert_eq!(met(2, 3).with(met(1, 2)), met(2, 3));
    }

    #[test]
    fn the_last_look_finds_what_earlier_steps_let_pass() {
        let rules = Rules {
            muted_items: vec![ItemId::parse("b").unwrap()],
            muted_tags: vec![Tag::parse("loud").unwrap()],
            ..Rules::default()
        };
        let item = |id: &str, tag: &str| Ranked {
            id: ItemId::parse(id).unwrap(),
            score: None,
            source: super::super::Source::Popular,
            tags: vec![Tag::parse(tag).unwrap()],
        };
        let muted = Muted::of(&rules);
        let known = [Tag::parse("loud").unwrap()];
        assert!(muted.has(&item("d", "calm"), &known), "the catalogue says so");
        let left = [item("a", "loud"), item("b", "calm"), item("c", "calm")];
        let left = left.iter().filter(|item| !muted.has(item, &[]));
        assert_eq!(left.map(|item| item.id.as_str()).collect::<Vec<_>>(), ["c"]);
    }
}
