//! The way through the rows of a log: a bundle at a time, each held against the tiles at every level.

use super::{Rows, Wrong, file};
use crate::tlog::{
    files::Files,
    merkle::{Edge, Hash, Node, leaf_hash},
    tile::{HEIGHT, Kind, Tile, WIDTH, fold, hashes, leading_entries},
};

/// A tile that was read.
struct Read {
    number: u64,
    path: String,
    hashes: Vec<Hash>,
}

/// The way through the rows.
pub(super) struct Walk<'a, F> {
    files: &'a F,
    size: u64,
    /// Rows before it may be pruned.
    minimum: u64,
    /// All whole tiles that were gone through.
    edge: Edge,
    /// The same with the rows of the last tile, if it is not whole.
    last: Option<Edge>,
    /// Kept checkpoints that lie ahead: size and root.
    kept: Vec<(u64, Hash)>,
    pruned: u64,
    /// The tile that the rows are in now, by level. The first is not used.
    above: [Option<Read>; 8],
    leaves: Vec<Hash>,
}

impl<'a, F: Files> Walk<'a, F> {
    pub(super) fn new(
        files: &'a F,
        size: u64,
        minimum: u64,
        edge: Edge,
        kept: Vec<(u64, Hash)>,
    ) -> Self {
        let (last, pruned, above, leaves) = (None, 0, Default::default(), Vec::with_capacity(256));
        Self { files, size, minimum, edge, last, kept, pruned, above, leaves }
    }

    /// The root over everything gone through.
    pub(super) fn root(&self) -> Hash {
        self.last.as_ref().unwrap_or(&self.edge).root()
    }

    /// How many rows could not be read.
    pub(super) fn pruned(&self) -> u64 {
        self.pruned
    }

    pub(super) fn go_through(&mut self, rows: &mut impl Rows) -> Result<(), Wrong> {
        for number in self.edge.size() / WIDTH..self.size.div_ceil(WIDTH) {
            let Some(tile) = Tile::of(Kind::Entries, number, self.size) else { break };
            self.bundle(tile, rows)?;
            if tile.is_full() {
                rows.reached(&self.edge);
            }
        }
        Ok(())
    }

    fn bundle(&mut self, tile: Tile, rows: &mut impl Rows) -> Result<(), Wrong> {
        let (number, width) = (tile.number, usize::from(tile.width));
        let first = number * WIDTH;
        let is_prunable = tile.is_full() && first + WIDTH <= self.minimum;
        let known = match self.tile(Kind::Hashes(0), number) {
            Err(Wrong::Missing(_)) if is_prunable => None,
            read => Some(read?),
        };
        let (path, bytes) = match self.bytes(tile) {
            Err(Wrong::Missing(_)) if is_prunable => return self.gone(number, known, rows),
            read => read?,
        };
        let (entries, rest) = leading_entries(&bytes);
        self.leaves.clear();
        self.leaves.extend(entries.iter().take(width).map(|entry| leaf_hash(entry)));
        if let Some(known) = known.filter(|known| known.hashes != self.leaves) {
            let pairs = self.leaves.iter().zip(&known.hashes);
            if let Some((row, _)) = (first..).zip(pairs).find(|(_, (made, known))| made != known) {
                return Err(Wrong::Row { row, path: known.path });
            }
        }
        // A bundle that grew since the checkpoint stands under its full name, and has more.
        let is_own = path == tile.to_string();
        if self.leaves.len() < width || is_own && (entries.len() > width || !rest.is_empty()) {
            let row = first + self.leaves.len() as u64;
            return Err(Wrong::Damaged { path, row });
        }
        self.add(tile)?;
        for (row, entry) in (first..).zip(entries.iter().take(width)) {
            rows.row(row, entry).map_err(|what| Wrong::Saying { row, what })?;
        }
        Ok(())
    }

    /// Adds the leaves of `tile`, and compares what they make whole.
    fn add(&mut self, tile: Tile) -> Result<(), Wrong> {
        let first = self.edge.size();
        let mut edge = self.edge.clone();
        // What the tiles above say names the rows; a kept checkpoint only says that some row before it is another.
        if tile.is_full() {
            let whole = fold(&self.leaves).ok_or(Wrong::Root(self.size))?;
            self.add_whole(whole)?;
        }
        if !tile.is_full() || self.is_kept_within(first, first + WIDTH) {
            for leaf in &self.leaves {
                edge.push(*leaf, |_, _| {});
                self.holds(&edge)?;
            }
        }
        if !tile.is_full() {
            self.last = Some(edge);
        }
        Ok(())
    }

    /// Adds a whole tile of 256 leaves by its root, and compares it and what it makes whole with the tiles above.
    fn add_whole(&mut self, root: Hash) -> Result<(), Wrong> {
        let mut made = Vec::new();
        self.edge.push_subtree(HEIGHT, root, |node, hash| {
            if node.height.is_multiple_of(HEIGHT) {
                made.push((node, *hash));
            }
        });
        made.into_iter().try_for_each(|(node, hash)| self.compare(node, &hash))
    }

    /// Rows that were pruned: the tile of level 1 stands for them.
    fn gone(&mut self, number: u64, left: Option<Read>, rows: &mut impl Rows) -> Result<(), Wrong> {
        let first = number * WIDTH;
        let (place, at) = (number / WIDTH, number % WIDTH);
        let above = self.above(1, place)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let root = above.hashes.get(at).copied();
        let root = root.ok_or_else(|| Wrong::Damaged { path: above.path.clone(), row: first })?;
        match left {
            Some(left) => {
                if fold(&left.hashes) != Some(root) {
                    let (from, to) = (first, first + WIDTH - 1);
                    return Err(Wrong::Rows { from, to, path: left.path });
                }
                let mut edge = self.edge.clone();
                for leaf in &left.hashes {
                    edge.push(*leaf, |_, _| {});
                    self.holds(&edge)?;
                }
            }
            None if self.is_kept_within(first, first + WIDTH - 1) => {
                let inside = self.kept.iter().map(|(size, _)| *size).find(|size| *size > first);
                return Err(Wrong::Unshown(inside.unwrap_or(first)));
            }
            None => {}
        }
        self.add_whole(root)?;
        self.holds(&self.edge)?;
        self.pruned += WIDTH;
        rows.pruned(first..first + WIDTH);
        Ok(())
    }

    /// Whether a kept checkpoint is of more than `from` rows and of at most `to`.
    fn is_kept_within(&self, from: u64, to: u64) -> bool {
        self.kept.iter().any(|(size, _)| from < *size && *size <= to)
    }

    /// Whether a kept checkpoint of just these rows says the same.
    fn holds(&self, edge: &Edge) -> Result<(), Wrong> {
        let mut same = self.kept.iter().filter(|(size, _)| *size == edge.size());
        if same.any(|(_, root)| *root != edge.root()) {
            return Err(Wrong::Forked(edge.size()));
        }
        Ok(())
    }

    /// Compares a subtree that rows made whole with the tile above it.
    fn compare(&mut self, node: Node, hash: &Hash) -> Result<(), Wrong> {
        let at = usize::try_from(node.place % WIDTH).unwrap_or(usize::MAX);
        let tile = self.above(node.height / HEIGHT, node.place / WIDTH)?;
        if tile.hashes.get(at) == Some(hash) {
            return Ok(());
        }
        let from = node.place << node.height;
        let to = from + (1 << node.height) - 1;
        Err(Wrong::Rows { from, to, path: tile.path.clone() })
    }

    /// The tile of a level above the first, read once while the rows are in it.
    fn above(&mut self, level: u8, number: u64) -> Result<&Read, Wrong> {
        let missing = || Wrong::Missing(format!("tile {number} of level {level}"));
        let there = self.above.get(usize::from(level)).ok_or_else(missing)?;
        if there.as_ref().is_none_or(|tile| tile.number != number) {
            let read = self.tile(Kind::Hashes(level), number)?;
            if let Some(place) = self.above.get_mut(usize::from(level)) {
                *place = Some(read);
            }
        }
        let there = self.above.get(usize::from(level)).and_then(Option::as_ref);
        there.ok_or_else(missing)
    }

    /// The hashes of a tile, as many as this log has in it.
    fn tile(&self, kind: Kind, number: u64) -> Result<Read, Wrong> {
        let missing = || Wrong::Missing(format!("tile {number}"));
        let tile = Tile::of(kind, number, self.size).ok_or_else(missing)?;
        let (path, bytes) = self.bytes(tile)?;
        let width = usize::from(tile.width);
        let is_own = path == tile.to_string();
        let mut hashes = hashes(&bytes).unwrap_or_default();
        if hashes.len() < width || is_own && hashes.len() > width {
            let Kind::Hashes(level) = kind else { return Err(missing()) };
            let row = (number * WIDTH) << (u32::from(level) * u32::from(HEIGHT));
            return Err(Wrong::Damaged { path, row });
        }
        hashes.truncate(width);
        Ok(Read { number, path, hashes })
    }

    /// Reads a file of this log. Once it is full it may stand under its full name alone.
    fn bytes(&self, tile: Tile) -> Result<(String, Vec<u8>), Wrong> {
        let path = tile.to_string();
        match file(self.files, &path, tile.longest()) {
            Err(Wrong::Missing(_)) if !tile.is_full() => {
                let full = tile.full();
                let there = full.to_string();
                match file(self.files, &there, full.longest()) {
                    Err(Wrong::Missing(_)) => Err(Wrong::Missing(path)),
                    read => read.map(|bytes| (there, bytes)),
                }
            }
            read => read.map(|bytes| (path, bytes)),
        }
    }
}
