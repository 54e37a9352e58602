//! Where the hashes and the rows of the log stand in tiles (C2SP tlog-tiles): paths, and which node is in which tile.
//!
//! A tile holds 256 hashes of one level; level `l` holds the roots of whole subtrees of 256^l leaves. Rows stand in
//! bundles of 256, each row behind its length in two bytes. The last tile of a level may be partial; it stands under a
//! name with its width, so that a tile never changes under its name.

use std::fmt;

use super::merkle::{Hash, Node, node_hash};

/// Hashes in a whole tile, and rows in a whole bundle.
pub const WIDTH: u64 = 256;

/// The height of a tile: it spans this many levels of the tree.
pub const HEIGHT: u8 = 8;

/// What a file of the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes of a level.
    Hashes(u8),
    /// Rows.
    Entries,
}

/// A file of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Which of its kind, from 0.
    pub number: u64,
    /// How many hashes or rows it holds, 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The `number`th file of `kind` of a log of `size` rows; nothing if it would be empty.
    #[must_use]
    pub fn of(kind: Kind, number: u64, size: u64) -> Option<Self> {
        let there = count(kind, size).checked_sub(number.checked_mul(WIDTH)?)?;
        let width = u16::try_from(there.min(WIDTH)).unwrap_or(0);
        (width > 0).then_some(Self { kind, number, width })
    }

    /// Whether it is as full as it will ever be, and so never changes.
    #[must_use]
    pub fn is_full(self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// The most bytes that its file may have.
    #[must_use]
    pub fn longest(self) -> usize {
        let each = match self.kind {
            Kind::Hashes(_) => 32,
            Kind::Entries => 2 + usize::from(u16::MAX),
        };
        usize::from(self.width) * each
    }

    /// The same file once it is full.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: 256, ..self }
    }

    /// Reads a path as [`Display`](fmt::Display) writes it, and no other way.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (kind, rest) = rest.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => (groups, width.parse().ok().filter(|w| (1..256).contains(w))?),
            None => (rest, 256),
        };
        let mut number = 0_u64;
        for group in groups.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { kind, number, width };
        // One path a tile: leading zeros, signs and the like are other texts.
        (tile.to_string() == path).then_some(tile)
    }
}

/// How many hashes or rows of a kind a log of `size` rows has.
#[must_use]
pub fn count(kind: Kind, size: u64) -> u64 {
    match kind {
        Kind::Entries => size,
        Kind::Hashes(level) => size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0),
    }
}

/// The levels of a log of `size` rows that hold a hash.
pub fn levels(size: u64) -> impl Iterator<Item = u8> {
    (0..8_u8).take_while(move |level| count(Kind::Hashes(*level), size) > 0)
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let mut above = self.number / 1000;
        let mut groups = Vec::new();
        while above > 0 {
            groups.push(above % 1000);
            above /= 1000;
        }
        for group in groups.iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.number % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The hashes of a tile's bytes.
#[must_use]
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.to_vec())
}

/// The tile of a log of `size` rows that `node` is computed from, and the hashes in it: from, to.
#[must_use]
pub(super) fn holding(node: Node, size: u64) -> Option<(Tile, usize, usize)> {
    let (level, above) = (node.height / HEIGHT, node.height % HEIGHT);
    let first = node.place.checked_shl(u32::from(above))?;
    let tile = Tile::of(Kind::Hashes(level), first / WIDTH, size)?;
    let from = usize::try_from(first % WIDTH).ok()?;
    let to = from + (1_usize << above);
    (to <= usize::from(tile.width)).then_some((tile, from, to))
}

/// The root of some hashes of one level, whose number is a power of two.
#[must_use]
pub(super) fn fold(hashes: &[Hash]) -> Option<Hash> {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        let (pairs, rest) = level.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        level = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    level.first().copied()
}

/// The rows of a bundle; nothing if its lengths do not add up.
#[must_use]
pub fn entries(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let (entries, rest) = leading_entries(bundle);
    rest.is_empty().then_some(entries)
}

/// The rows of a bundle as far as its lengths add up, and what is left.
pub(super) fn leading_entries(bundle: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut rest = bundle;
    let mut entries = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((entry, after)) = after.split_at_checked(length) else { break };
        entries.push(entry);
        rest = after;
    }
    (entries, rest)
}
