//! The popular list, from what people who agreed to be counted met lately.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Gateway, GatewayError, track::Met};
use crate::{
    catalog::WINDOW,
    consent::{Person, held_prefix},
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
            let Some((sid, at)) = counted(&key, purpose) else { continue };
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

/// Whose meeting `key` holds and when it was, if it holds one for `purpose`.
fn counted(key: &Key, purpose: &PurposeId) -> Option<(Sid, Timestamp)> {
    let sid = key.as_bytes().strip_prefix(b"d/")?.first_chunk::<16>().map(|sid| Sid(*sid))?;
    let at = key.as_bytes().strip_prefix(met_prefix(sid, purpose).as_slice())?.first_chunk()?;
    Some((sid, Timestamp::from_millis(i64::from_be_bytes(*at))))
}

/// The key of a meeting: its moment is part of it, so that what is too old is found without opening it.
pub(super) fn met_key(sid: Sid, purpose: &PurposeId, at: Timestamp, draw: [u8; 8]) -> Key {
    let prefix = met_prefix(sid, purpose);
    Key::new(&[prefix.as_slice(), &at.millis().to_be_bytes(), &draw].concat())
}

pub(super) fn met_prefix(sid: Sid, purpose: &PurposeId) -> Vec<u8> {
    [held_prefix(sid, purpose), b"met/".to_vec()].concat()
}
