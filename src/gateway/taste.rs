//! A person's tastes: how much of what they met carries each tag. Kept by us, sealed, for calibrating lists; it never
//! leaves, and it goes when the purpose it is kept for is withdrawn.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Gateway, GatewayError};
use crate::{
    consent::{Person, held_prefix},
    diversity::Profile,
    domain::{Epoch, ItemId, PurposeId, Sid},
    store::{Key, Put},
    vault::Sealable,
};

/// The most tags a person's tastes are kept in; the least met go first.
const MOST_TAGS: usize = 256;

/// Tag weights, as they are kept sealed under the person's key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Taste {
    weights: Vec<(String, f64)>,
}

impl Sealable for Taste {
    const SCHEMA: u8 = 1;
}

/// The profiles of people seen lately. One counts only at the epoch it was read at.
#[derive(Debug)]
pub(super) struct Tastes {
    known: quick_cache::sync::Cache<(Sid, PurposeId), (Epoch, Arc<Profile>)>,
    /// The tastes of all who have none, once.
    none: Arc<Profile>,
}

impl Tastes {
    /// Room for the tastes of `people`.
    pub(super) fn new(people: usize) -> Self {
        Self { known: quick_cache::sync::Cache::new(people), none: Arc::default() }
    }
}

impl Taste {
    fn add(&mut self, tag: &str, weight: f64) {
        match self.weights.iter_mut().find(|(known, _)| known == tag) {
            Some((_, sum)) => *sum += weight,
            None => self.weights.push((tag.to_owned(), weight)),
        }
    }

    fn cut(&mut self) {
        if self.weights.len() > MOST_TAGS {
            self.weights.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            self.weights.truncate(MOST_TAGS);
        }
    }

    fn profile(&self) -> Profile {
        Profile::from_weights(self.weights.iter().map(|(tag, weight)| (tag, *weight)))
    }
}

impl Gateway {
    /// The person's tastes for `purpose`; empty when nothing is kept or it cannot be read: tastes only ever refine.
    pub(super) async fn profile(&self, person: &Person, purpose: &PurposeId) -> Arc<Profile> {
        let (sid, epoch) = (person.key.sid(), person.standing.epoch);
        let name = (sid, purpose.clone());
        if let Some((at, profile)) = self.tastes.known.get(&name)
            && at == epoch
        {
            return profile;
        }
        let (gateway, person, purpose) = (self.clone(), person.clone(), purpose.clone());
        let read = tokio::task::spawn_blocking(move || gateway.read_taste(&person, &purpose));
        read.await.unwrap_or_default()
    }

    /// Reads the person's tastes into memory. Reads the disk.
    pub(super) fn read_taste(&self, person: &Person, purpose: &PurposeId) -> Arc<Profile> {
        let (sid, key) = (person.key.sid(), taste_key(person.key.sid(), purpose));
        let record = self.store.read(&key).ok().flatten();
        let taste = record.and_then(|record| person.key.open::<Taste>(&key, &record).ok());
        let profile =
            taste.map_or_else(|| self.tastes.none.clone(), |taste| Arc::new(taste.profile()));
        let found = (person.standing.epoch, profile.clone());
        self.tastes.known.insert((sid, purpose.clone()), found);
        profile
    }

    /// The record of the person's tastes after they met `items`, each with a weight. Reads the disk.
    pub(super) fn taste_after(
        &self,
        person: &Person,
        purpose: &PurposeId,
        items: &[(ItemId, f64)],
    ) -> Result<Option<Put>, GatewayError> {
        let key = taste_key(person.key.sid(), purpose);
        let (version, mut taste) = match self.store.read(&key)? {
            Some(record) => (Some(record.version), person.key.open::<Taste>(&key, &record)?),
            None => (None, Taste::default()),
        };
        let view = self.catalog.view();
        let before = taste.weights.len();
        let mut changed = false;
        for (id, weight) in items {
            let Some(item) = view.item(id.as_str()) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "an item has at most 64 tags")]
            let share = weight / item.tags.len().max(1) as f64;
            for tag in &item.tags {
                taste.add(tag.as_str(), share);
                changed = true;
            }
        }
        if !changed && before == taste.weights.len() {
            return Ok(None);
        }
        taste.cut();
        Ok(Some(person.key.seal(&self.entropy, key, version, &taste)?))
    }

    /// Forgets what memory holds of the tastes of a person who was erased.
    pub fn forget_tastes(&self, sid: Sid) {
        for purpose in self.models.iter().flat_map(|serving| &serving.purposes) {
            self.taste_changed(sid, purpose);
        }
    }

    /// Forgets what memory holds of the person's tastes, since the record has changed.
    pub(super) fn taste_changed(&self, sid: Sid, purpose: &PurposeId) {
        self.tastes.known.remove(&(sid, purpose.clone()));
    }
}

fn taste_key(sid: Sid, purpose: &PurposeId) -> Key {
    Key::new(&[held_prefix(sid, purpose), b"taste".to_vec()].concat())
}
