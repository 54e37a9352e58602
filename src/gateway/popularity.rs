//! The popular list, from what people who agreed to be counted met lately.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Gateway, GatewayError, track::Met};
use crate::{
    catalog::WINDOW,
    consent::{Held, Person, Shelf},
    domain::{ItemId, PurposeId, Sid, Timestamp},
    policy::Bundle,
    store::{Batch, Key},
};

impl Gateway {
    /// Counts anew how many distinct people met each item within the window, among those who may be counted now, and
    /// replaces the popular list. Records older than the window are deleted, whoever's they are. Reads every kept
    /// record: for a thread that may wait.
    ///
    /// # Errors
    /// When the store fails or the journal does not take the list.
    pub async fn rebuild_popularity(&self) -> Result<(), GatewayError> {
        let Some(purpose) = self.settings.popularity.clone() else { return Ok(()) };
        let (gateway, now) = (self.clone(), self.clock.now());
        let counted = tokio::task::spawn_blocking(move || gateway.count(&purpose, now));
        let (people, old) = counted.await.unwrap_or(Err(GatewayError::Unavailable))?;
        for some in old.chunks(1_000) {
            let delete = some.to_vec();
            self.store
                .commit(Batch { delete, ..Batch::default() })
                .await
                .map_err(crate::audit::AuditError::from)?;
        }
        Ok(self.catalog.replace_popular(people).await?)
    }

    fn count(
        &self,
        purpose: &PurposeId,
        now: Timestamp,
    ) -> Result<(FxHashMap<ItemId, usize>, Vec<Key>), GatewayError> {
        let mut counts: FxHashMap<ItemId, usize> = FxHashMap::default();
        let mut old = Vec::new();
        let mut current: Option<(Sid, Option<Person>, FxHashSet<ItemId>)> = None;
        let (since, bundle) = (now.before(WINDOW), self.policies.snapshot());
        for found in self.store.scan(b"d/") {
            let (key, record) = found?;
            let Some(held) = counted(&key, purpose) else { continue };
            let Held { sid, at, life, .. } = held;
            if at < since {
                old.push(key);
                continue;
            }
            if current.as_ref().is_none_or(|(known, ..)| *known != sid) {
                let person = self.ledger.by_sid(sid)?;
                let person = person.filter(|person| self.is_counted(&bundle, person, purpose));
                close(&mut counts, current.replace((sid, person, FxHashSet::default())));
            }
            let Some((_, Some(person), met)) = &mut current else { continue };
            let standing = &person.standing;
            let too_old = standing.rules.forgets_before(now).is_some_and(|before| at < before);
            // What a reset has left behind may come back, and counts as little as what is to be forgotten.
            if too_old || life != standing.life(purpose) {
                continue;
            }
            let Met { items, .. } = person.key.open(&key, &record)?;
            met.extend(items);
        }
        close(&mut counts, current);
        Ok((counts, old))
    }

    /// Whether what the person did may be counted now: as it would be ruled if it happened now.
    fn is_counted(&self, bundle: &Bundle, person: &Person, purpose: &PurposeId) -> bool {
        // No app brings it: what is held came from one that was registered.
        let ruled = self.rule_events(bundle, person, purpose, true, None);
        !self.ledger.gates().is_shut(person.key.sid())
            && ruled.is_some_and(|(ruling, ..)| self.allows(&ruling))
    }
}

fn close(
    counts: &mut FxHashMap<ItemId, usize>,
    done: Option<(Sid, Option<Person>, FxHashSet<ItemId>)>,
) {
    for item in done.into_iter().flat_map(|(_, _, met)| met) {
        *counts.entry(item).or_default() += 1;
    }
}

/// What `key` says, if it is that of a meeting kept for `purpose`.
fn counted<'a>(key: &'a Key, purpose: &PurposeId) -> Option<Held<'a>> {
    Held::read(key).filter(|held| held.shelf == Shelf::Met && held.purpose == purpose.as_str())
}
