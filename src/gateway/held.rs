//! What the gateway holds of a person for purposes, as the person may see it: how much, and since when. It reads what
//! `track`, `taste` and `retell` write.

use super::{
    Gateway, GatewayError,
    retell::ToldEvents,
    taste::{Taste, TasteTold},
    track::Met,
};
use crate::{
    catalog::WINDOW,
    consent::{self, Person, Shelf, held_of, held_prefix},
    domain::{ItemId, PurposeId, Timestamp},
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

/// One record of what is held of a person for a purpose, opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// For which purpose.
    pub purpose: String,
    /// Whether it is in use; what a reset left behind is not.
    pub in_use: bool,
    /// What it is.
    pub what: What,
}

/// What a record of what is held says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Items that the person met in one call and on one day.
    Met {
        /// When the last of them.
        at: Timestamp,
        /// Which.
        items: Vec<ItemId>,
        /// When it is deleted, if nothing ends it before.
        kept_until: Timestamp,
    },
    /// Events of one call, as a model inside this process was told them.
    Told {
        /// When.
        at: Timestamp,
        /// The bytes.
        body: Vec<u8>,
    },
    /// Tastes.
    Taste(TasteTold),
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

    /// Shows every record that is held of the person for any purpose, for purposes that the catalogue no longer has too.
    /// Waits for the disk.
    ///
    /// # Errors
    /// When the store fails, a record does not open or is of no kind that is known here, or `each` wants no more.
    pub fn each_held<E: From<GatewayError>>(
        &self,
        person: &Person,
        mut each: impl FnMut(Piece) -> Result<(), E>,
    ) -> Result<(), E> {
        for found in self.store.scan(&held_of(person.key.sid())) {
            let (key, record) = found.map_err(GatewayError::from)?;
            each(piece(person, &key, &record)?)?;
        }
        Ok(())
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

/// What a record of what is held says.
fn piece(person: &Person, key: &Key, record: &Record) -> Result<Piece, GatewayError> {
    let known = consent::Held::read(key).ok_or(GatewayError::Unknown)?;
    let life = PurposeId::parse(known.purpose).map_or(0, |it| person.standing.life(&it));
    let open = |error: crate::vault::VaultError| GatewayError::from(error);
    let what = match known.shelf {
        Shelf::Met => {
            let Met { at, items } = person.key.open(key, record).map_err(open)?;
            let days = person.standing.rules.forget_after_days.map(u64::from);
            let days = days.map(|days| std::time::Duration::from_secs(days * 24 * 60 * 60));
            let kept_until = at.after(days.map_or(WINDOW, |days| days.min(WINDOW)));
            // What a reset left behind goes with its window.
            let left = |reset: &&consent::Reset| {
                let mut lives = reset.lives.iter();
                lives.any(|it| it.purpose.as_str() == known.purpose && it.number == known.life)
            };
            let windows = person.standing.resets.iter().filter(left).map(|reset| reset.until);
            let kept_until = windows.fold(kept_until, Timestamp::min);
            What::Met { at, items, kept_until }
        }
        Shelf::Told => {
            let ToldEvents(body) = person.key.open(key, record).map_err(open)?;
            What::Told { at: known.at, body }
        }
        Shelf::Taste => What::Taste(person.key.open::<Taste>(key, record).map_err(open)?.told()),
    };
    Ok(Piece { purpose: known.purpose.to_owned(), in_use: known.life == life, what })
}
