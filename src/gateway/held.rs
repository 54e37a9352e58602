//! What the gateway holds of a person for purposes, as the person may see it: how much, and since when. It reads what
//! `track`, `taste` and `retell` write.

use super::{Gateway, GatewayError, taste::Taste, track::Met};
use crate::{
    consent::{self, Person, Shelf, held_prefix},
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
    /// Records that a reset left behind: not used, and there until it can no longer be undone.
    pub left_behind: usize,
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
    /// Counts one more, of this moment.
    fn count(&mut self, at: Timestamp) {
        self.records += 1;
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
        let life = person.standing.life(purpose);
        for found in self.store.scan(&held_prefix(sid, purpose)) {
            let (key, record): (Key, Record) = found?;
            let Some(known) = consent::Held::read(&key) else { continue };
            if known.life != life {
                held.left_behind += 1;
                continue;
            }
            match known.shelf {
                Shelf::Met => {
                    held.meetings.count(known.at);
                    held.met_items += person.key.open::<Met>(&key, &record)?.items.len();
                }
                Shelf::Told => held.told.count(known.at),
                Shelf::Taste => {
                    let taste = person.key.open::<Taste>(&key, &record)?;
                    held.tastes = taste.heaviest_first(self.since(person));
                }
            }
        }
        Ok(held)
    }
}
