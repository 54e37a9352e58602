//! Where what is held on a person for a purpose stands: `d/` sid `/` purpose `/`, for a later life than the first `~` life
//! `/`, and then what it is.
//!
//! The names stand in the open, so that what is too old, or of a life that is gone, is found without opening it.

use super::held_prefix;
use crate::{
    domain::{PurposeId, Sid, Timestamp},
    store::Key,
};

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Tastes: one record.
    Taste,
    /// Which items were met: a record a call and day, with its moment.
    Met,
    /// What a model inside the process was told: a record a call, with its moment.
    Told,
}

/// A key that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// On whom.
    pub sid: Sid,
    /// For which purpose.
    pub purpose: &'a str,
    /// In which of their lives.
    pub life: u32,
    /// What it is.
    pub shelf: Shelf,
    /// The moment in the key; that of the beginning of time where there is none.
    pub at: Timestamp,
}

impl Shelf {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Taste, Self::Met, Self::Told];

    fn word(self) -> &'static [u8] {
        match self {
            Self::Taste => b"taste",
            Self::Met => b"met/",
            Self::Told => b"told/",
        }
    }

    /// The beginning of the keys of this shelf; of [`Shelf::Taste`] the key itself.
    #[must_use]
    pub fn of(self, sid: Sid, purpose: &PurposeId, life: u32) -> Vec<u8> {
        let mut key = held_prefix(sid, purpose);
        if life > 0 {
            key.push(b'~');
            key.extend_from_slice(&life.to_be_bytes());
            key.push(b'/');
        }
        key.extend_from_slice(self.word());
        key
    }

    /// The key of a record with a moment; `draw` tells those of one moment apart.
    #[must_use]
    pub fn at(
        self,
        (sid, purpose, life): (Sid, &PurposeId, u32),
        at: Timestamp,
        draw: [u8; 8],
    ) -> Key {
        let prefix = self.of(sid, purpose, life);
        Key::new(&[prefix.as_slice(), &at.millis().to_be_bytes(), &draw].concat())
    }
}

impl<'a> Held<'a> {
    /// Reads a key; `None` if it is of nothing that is held.
    #[must_use]
    pub fn read(key: &'a Key) -> Option<Self> {
        let (sid, rest) = key.as_bytes().strip_prefix(b"d/")?.split_first_chunk::<16>()?;
        let rest = rest.strip_prefix(b"/")?;
        let end = rest.iter().position(|byte| *byte == b'/')?;
        let (purpose, rest) = rest.split_at_checked(end)?;
        let rest = rest.strip_prefix(b"/")?;
        let (life, rest) = match rest.strip_prefix(b"~") {
            Some(numbered) => {
                let (life, rest) = numbered.split_first_chunk::<4>()?;
                (u32::from_be_bytes(*life), rest.strip_prefix(b"/")?)
            }
            None => (0, rest),
        };
        let shelf = Shelf::ALL.into_iter().find(|shelf| rest.starts_with(shelf.word()))?;
        let moment = rest.strip_prefix(shelf.word())?.first_chunk::<8>();
        let at = moment.map_or(i64::MIN, |moment| i64::from_be_bytes(*moment));
        let purpose = std::str::from_utf8(purpose).ok()?;
        Some(Self { sid: Sid(*sid), purpose, life, shelf, at: Timestamp::from_millis(at) })
    }
}

/// The beginnings of the keys of one life.
pub(super) fn of_life(sid: Sid, purpose: &PurposeId, life: u32) -> impl Iterator<Item = Key> {
    Shelf::ALL.into_iter().map(move |shelf| Key::new(&shelf.of(sid, purpose, life)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let (sid, at) = (Sid([7; 16]), Timestamp::from_millis(1_764_000_000_000));
        let purpose = PurposeId::parse("recommend_products").unwrap();
        for life in [0, 1, 0x2f2f_2f2f, u32::MAX] {
            for shelf in [Shelf::Met, Shelf::Told] {
                let key = shelf.at((sid, &purpose, life), at, [1; 8]);
                let held = Held::read(&key).unwrap();
                assert_eq!(held, Held { sid, purpose: purpose.as_str(), life, shelf, at });
            }
            let key = Key::new(&Shelf::Taste.of(sid, &purpose, life));
            assert_eq!(
                Held::read(&key).map(|held| (held.life, held.shelf)),
                Some((life, Shelf::Taste))
            );
        }
        for other in [
            b"s/".as_slice(),
            b"d/short",
            b"d/0123456789abcdef/p",
            b"d/0123456789abcdef/p/~12/met/",
        ] {
            assert_eq!(Held::read(&Key::new(other)), None);
        }
    }

    #[test]
    fn no_life_begins_like_another() {
        let purpose = PurposeId::parse("p").unwrap();
        let keys = |life| of_life(Sid([1; 16]), &purpose, life).collect::<Vec<_>>();
        for later in keys(1) {
            assert!(keys(0).iter().all(|first| !later.as_bytes().starts_with(first.as_bytes())));
        }
    }
}
