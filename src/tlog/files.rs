//! The files of a log, wherever they lie.

use std::{collections::HashMap, fmt, io};

use super::{
    merkle::{Hash, Node, Nodes},
    tile::{Kind, Tile, fold, hashes, holding},
};

/// Where a log's files are read from.
pub trait Files {
    /// The bytes under `path`, such as `tile/entries/000`; nothing if there is no such file.
    ///
    /// # Errors
    /// When it cannot be told.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// The same, of a file that may have `most` bytes. Who reads from a place that need not tell the truth about
    /// lengths stops reading there.
    ///
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`] when it is longer; else when it cannot be told.
    fn read_within(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        match self.read(path)? {
            Some(bytes) if bytes.len() > most => Err(io::ErrorKind::FileTooLarge.into()),
            read => Ok(read),
        }
    }
}

impl<F: Files + ?Sized> Files for &F {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        (**self).read(path)
    }

    fn read_within(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        (**self).read_within(path, most)
    }
}

/// The bytes of a tile, and the tile they are of: once a partial one is full, it may stand under its full name alone.
///
/// # Errors
/// When it cannot be told whether it is there.
pub fn read_tile<F: Files>(files: &F, tile: Tile) -> io::Result<Option<(Tile, Vec<u8>)>> {
    for tile in [tile, tile.full()] {
        if let Some(bytes) = files.read_within(&tile.to_string(), tile.longest())? {
            return Ok(Some((tile, bytes)));
        }
    }
    Ok(None)
}

/// The nodes of the tree over the first `size` rows, read from its tiles. Each tile is read once.
///
/// Whoever asks believes the tiles: a root that is computed from them is to be compared with one that was signed.
pub struct TileNodes<F> {
    files: F,
    size: u64,
    seen: HashMap<(u8, u64), Vec<Hash>>,
}

impl<F: Files> TileNodes<F> {
    /// The nodes of the log of `size` rows in `files`.
    pub fn new(files: F, size: u64) -> Self {
        Self { files, size, seen: HashMap::new() }
    }
}

impl<F: Files> Nodes for TileNodes<F> {
    type Error = io::Error;

    fn hash(&mut self, node: Node) -> io::Result<Hash> {
        let outside = || io::Error::other("the log has no such node");
        let (tile, from, to) = holding(node, self.size).ok_or_else(outside)?;
        let Kind::Hashes(level) = tile.kind else { return Err(outside()) };
        let bad = |what: &str| io::Error::other(format!("{tile} {what}"));
        if !self.seen.contains_key(&(level, tile.number)) {
            let (_, bytes) = read_tile(&self.files, tile)?.ok_or_else(|| bad("is missing"))?;
            let read = hashes(&bytes).ok_or_else(|| bad("is damaged"))?;
            self.seen.insert((level, tile.number), read);
        }
        let there = self.seen.get(&(level, tile.number)).and_then(|tile| tile.get(from..to));
        there.and_then(fold).ok_or_else(|| bad("is too short"))
    }
}

impl<F> fmt::Debug for TileNodes<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TileNodes({} rows)", self.size)
    }
}
