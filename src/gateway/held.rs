//! What the gateway holds of a person for purposes, as the person may see it: how much, and since when. It reads what
//! `track`, `taste` and `retell` write.

use super::{
    Gateway, GatewayError, popularity::met_prefix, retell::told_prefix, taste::Taste,
    taste::taste_key, track::Met,
};
use crate::{
    consent::Person,
    domain::{PurposeId, Timestamp},
    store::{Key, Record},
};

/// What is held of a person for one purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// Calls in which they met items, kept for the popular list.
    pub meetings: Kept,
    /// How many items those name, each counted once a call.
    pub met_items: usize,
    /// The tags of what they met with their weights, heaviest first.
    pub tastes: Vec<(String, f64)>,
    /// Calls of events that a model inside this process was told.
    pub told: Kept,
}

/// How many records, and from when to when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many.
    pub records: usize,
    /// The moment of the oldest.
    pub oldest: Option<Timestamp>,
    /// The moment of the newest.
    pub newest: Option<Timestamp>,
}

impl Kept {
    /// Counts one more, if its key tells when it was.
    fn count(&mut self, key: &Key, prefix: &[u8]) {
        self.records += 1;
        let rest = key.as_bytes().strip_prefix(prefix).and_then(|rest| rest.first_chunk());
        let Some(at) = rest.map(|at| Timestamp::from_millis(i64::from_be_bytes(*at))) else {
            return;
        };
        self.oldest = Some(self.oldest.map_or(at, |known| known.min(at)));
        self.newest = Some(self.newest.map_or(at, |known| known.max(at)));
    }
}

impl Gateway {
    /// What is held of `person` for each of `purposes`, in their order.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn held(
        &self,
        person: Person,
        purposes: Vec<PurposeId>,
    ) -> Result<Vec<Held>, GatewayError> {
        let gateway = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            purposes.iter().map(|purpose| gateway.held_for(&person, purpose)).collect()
        });
        read.await.unwrap_or(Err(GatewayError::Unavailable))
    }

    /// Reads the disk.
    fn held_for(&self, person: &Person, purpose: &PurposeId) -> Result<Held, GatewayError> {
        let (sid, mut held) = (person.key.sid(), Held::default());
        let prefix = met_prefix(sid, purpose);
        for found in self.store.scan(&prefix) {
            let (key, record): (Key, Record) = found?;
            held.meetings.count(&key, &prefix);
            held.met_items += person.key.open::<Met>(&key, &record)?.items.len();
        }
        let prefix = told_prefix(sid, purpose);
        for found in self.store.scan(&prefix) {
            held.told.count(&found?.0, &prefix);
        }
        let key = taste_key(sid, purpose);
        if let Some(record) = self.store.read(&key)? {
            held.tastes = person.key.open::<Taste>(&key, &record)?.heaviest_first();
        }
        Ok(held)
    }
}
