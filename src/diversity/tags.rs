//! The tags of one request, numbered in the order they are first seen.
//!
//! A request holds some 200 mentions of a dozen tags, so this sits on the hot path: one flat text, one open table,
//! no allocation a tag. The number of tags is bounded, because a model's answer decides what comes in here.

/// A request tells this many tags apart; those first seen later do not count. It bounds the work a hostile or
/// broken model can cause.
pub(super) const MOST_TAGS: usize = 1024;

/// Slots at the start, many more than tags so that few share one; grown before half of them are taken.
const FIRST_SLOTS: usize = 256;

#[derive(Clone)]
pub(super) struct Tags {
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// The number of an entry plus one, or 0 for a free slot. The length is a power of two.
    slots: Vec<u16>,
}

/// A tag that was seen: its key and where its text starts.
#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    start: usize,
}

impl Tags {
    pub(super) fn new() -> Self {
        Self {
            text: Vec::with_capacity(256),
            entries: Vec::with_capacity(32),
            slots: vec![0; FIRST_SLOTS],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of `tag`, a new one if it was not seen before; nothing once there are too many.
    #[inline]
    pub(super) fn intern(&mut self, tag: &str) -> Option<usize> {
        let key = Key::of(tag.as_bytes());
        match self.probe(tag, key) {
            Ok(number) => Some(number),
            Err(slot) => self.add(tag, key, slot),
        }
    }

    /// The number of `tag`, if it was seen.
    pub(super) fn find(&self, tag: &str) -> Option<usize> {
        self.probe(tag, Key::of(tag.as_bytes())).ok()
    }

    /// The number of `tag`, or the free slot where it belongs.
    #[inline]
    fn probe(&self, tag: &str, key: Key) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = key.place() & mask;
        // INVARIANT: at least half of the slots are free, so this ends.
        while let Some(number @ 1..) = self.slots.get(slot).copied() {
            let number = usize::from(number) - 1;
            if self.entries.get(number).is_some_and(|entry| {
                entry.key == key && (key.is_whole() || self.text_of(*entry) == tag.as_bytes())
            }) {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
        Err(slot)
    }

    fn text_of(&self, entry: Entry) -> &[u8] {
        self.text.get(entry.start..entry.start + entry.key.length).unwrap_or_default()
    }

    #[cold]
    fn add(&mut self, tag: &str, key: Key, slot: usize) -> Option<usize> {
        let number = self.entries.len();
        if number >= MOST_TAGS {
            return None;
        }
        self.entries.push(Entry { key, start: self.text.len() });
        self.text.extend_from_slice(tag.as_bytes());
        if 2 * self.entries.len() > self.slots.len() {
            self.grow();
        } else if let Some(free) = self.slots.get_mut(slot) {
            *free = u16::try_from(number + 1).unwrap_or(0);
        }
        Some(number)
    }

    fn grow(&mut self) {
        let mask = 2 * self.slots.len() - 1;
        let mut slots = vec![0; mask + 1];
        for (number, entry) in (1..).zip(&self.entries) {
            let mut slot = entry.key.place() & mask;
            while slots.get(slot).is_some_and(|taken| *taken != 0) {
                slot = (slot + 1) & mask;
            }
            if let Some(free) = slots.get_mut(slot) {
                *free = number;
            }
        }
        self.slots = slots;
    }
}

/// The length of a tag with its first and its last eight bytes: all of it up to 16 bytes, and enough to tell most
/// longer ones apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    length: usize,
    head: u64,
    tail: u64,
}

impl Key {
    #[inline]
    fn of(tag: &[u8]) -> Self {
        let length = tag.len();
        if let (Some(head), Some(tail)) = (tag.first_chunk(), tag.last_chunk()) {
            return Self {
                length,
                head: u64::from_le_bytes(*head),
                tail: u64::from_le_bytes(*tail),
            };
        }
        // Up to seven bytes: two halves that overlap, then single bytes.
        if let (Some(head), Some(tail)) = (tag.first_chunk(), tag.last_chunk()) {
            let head = u64::from(u32::from_le_bytes(*head));
            let tail = u64::from(u32::from_le_bytes(*tail));
            return Self { length, head, tail };
        }
        let head = tag.iter().fold(0, |head, byte| head << 8 | u64::from(*byte));
        Self { length, head, tail: 0 }
    }

    /// Whether the key holds every byte of its tag.
    fn is_whole(self) -> bool {
        self.length <= 16
    }

    /// Where to look first: both halves of a 128-bit product, so that each bit of the key moves the low bits (the
    /// folded multiply of wyhash). The constants are the first digits of pi's fraction.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    fn place(self) -> usize {
        let head = self.head ^ 0x243f_6a88_85a3_08d3;
        let tail = self.tail.wrapping_add(self.length as u64) ^ 0x1319_8a2e_0370_7344;
        let product = u128::from(head) * u128::from(tail);
        ((product >> 64) as u64 ^ product as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_keeps_its_number_while_the_table_grows() {
        let mut tags = Tags::new();
        let names: Vec<String> = (0..MOST_TAGS).map(|n| format!("tag-{n}")).collect();
        for (number, name) in names.iter().enumerate() {
            assert_eq!(tags.find(name), None);
            assert_eq!(tags.intern(name), Some(number));
            assert_eq!(tags.intern(name), Some(number));
        }
        assert!(names.iter().enumerate().all(|(number, name)| tags.find(name) == Some(number)));
    }

    #[test]
    fn tags_beyond_the_bound_do_not_count() {
        let mut tags = Tags::new();
        for number in 0..MOST_TAGS {
            tags.intern(&number.to_string());
        }
        assert_eq!(tags.intern("one more"), None);
        assert_eq!(tags.len(), MOST_TAGS);
        assert_eq!(tags.intern("7"), Some(7));
    }

    #[test]
    fn tags_that_are_nearly_alike_find_places_of_their_own() {
        let places = |name: &dyn Fn(usize) -> String| {
            let place = |n: usize| Key::of(name(n).as_bytes()).place() % 1024;
            (0..500).map(place).collect::<std::collections::BTreeSet<_>>().len()
        };
        // 500 balls into 1,024 boxes fill 396 of them on average.
        assert!(places(&|n| format!("tag-number-{n}")) > 350);
        assert!(places(&|n| format!("{n}")) > 350);
        assert!(places(&|n| format!("{n}-at-the-front")) > 350);
    }

    #[test]
    fn tags_that_share_letters_stay_apart() {
        let mut tags = Tags::new();
        let names = [
            "",
            "\0",
            "\0\0",
            "a",
            "aa",
            "ab",
            "b",
            "aaaa",
            "aaaaa",
            "aaaaaaa",
            "aaaaaaaa",
            "생활",
            "생활가전",
            "a long tag 1 with a tail",
            "a long tag 2 with a tail",
        ];
        for (number, name) in names.iter().enumerate() {
            assert_eq!(tags.intern(name), Some(number), "{name}");
        }
    }
}
