//! One count for each of a few words that are learnt while running.

use std::{fmt, sync::OnceLock};

/// The most words of one label. Those beyond share a count.
const MOST: usize = 64;

/// The word under which what is beyond the bound is shown.
const OTHER: &str = "other";

/// A word and its `T`, once there is one.
type Slot<T> = OnceLock<(Box<str>, T)>;

/// A `T` for each word. A word that is known is found without a lock and without an allocation; the first ones are found
/// fastest.
pub struct Labelled<T> {
    slots: Box<[Slot<T>]>,
    other: T,
}

impl<T: Default> Default for Labelled<T> {
    fn default() -> Self {
        Self { slots: (0..MOST).map(|_| OnceLock::new()).collect(), other: T::default() }
    }
}

impl<T: Default> Labelled<T> {
    /// The `T` of `word`. The caller vouches that it is a word of the program, of its settings or of its catalogue.
    pub fn of(&self, word: &str) -> &T {
        for slot in &self.slots {
            let (known, value) = slot.get_or_init(|| (word.into(), T::default()));
            if **known == *word {
                return value;
            }
        }
        &self.other
    }

    /// Each word with its `T`, and the one that words beyond the bound share.
    pub fn each(&self) -> impl Iterator<Item = (&str, &T)> {
        let known = self.slots.iter().map_while(OnceLock::get);
        let full = self.slots.last().is_some_and(|slot| slot.get().is_some());
        known.map(|(word, value)| (&**word, value)).chain(full.then_some((OTHER, &self.other)))
    }
}

impl<T: Default + fmt::Debug> fmt::Debug for Labelled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.each()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Counter;

    #[test]
    fn each_word_has_its_own_count() {
        let counts: Labelled<Counter> = Labelled::default();
        for word in ["a", "b", "a"] {
            counts.of(word).one();
        }
        let seen: Vec<_> = counts.each().map(|(word, count)| (word, count.value())).collect();
        assert_eq!(seen, [("a", 2), ("b", 1)]);
    }

    #[test]
    fn words_beyond_the_bound_share_one_count() {
        let counts: Labelled<Counter> = Labelled::default();
        for word in 0..1000 {
            counts.of(&word.to_string()).one();
        }
        assert_eq!(counts.each().count(), MOST + 1);
        let (word, other) = counts.each().last().unwrap();
        assert_eq!((word, other.value()), (OTHER, 1000 - MOST as u64));
    }
}
