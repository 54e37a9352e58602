//! Verifies a whole log from its files, believing nobody but the keys.
//!
//! Promises: the root is computed from every row, and each tile is compared with what the rows give, so a tile that lies
//! to whoever trusts it is found too (CVE-2026-56865 was a reader that did not); what is wrong first is named with its
//! place; memory does not grow with the log.

use std::io;

use super::{
    checkpoint::Checkpoint,
    files::Files,
    merkle::{Edge, Hash, Node, leaf_hash},
    note::{Note, NoteError, VerifierKey},
    tile::{HEIGHT, Kind, Tile, WIDTH, entries, hashes},
};

/// What a log is verified against.
#[derive(Debug)]
pub struct Trust<'a> {
    /// The log's key.
    pub log: &'a VerifierKey,
    /// Witnesses.
    pub witnesses: &'a [VerifierKey],
    /// How many of them must have signed.
    pub quorum: usize,
    /// A checkpoint that was kept, which the log must go on from.
    pub since: Option<&'a [u8]>,
}

/// What is wrong with a log: the first thing found.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// A file could not be read.
    #[error("{path} could not be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// The checkpoint, or the kept one, is not signed as it must be.
    #[error("{which}: {source}")]
    Note {
        /// Which of them.
        which: &'static str,
        /// What is wrong.
        source: NoteError,
    },
    /// Too few witnesses signed.
    #[error("{signed} of the witnesses signed, {quorum} must")]
    Quorum {
        /// How many did.
        signed: usize,
        /// How many must.
        quorum: usize,
    },
    /// The log is shorter than it was.
    #[error("the log has {size} rows, the kept checkpoint {kept}: rows were taken away")]
    Shrunk {
        /// Now.
        size: u64,
        /// Before.
        kept: u64,
    },
    /// The log does not go on from the kept checkpoint.
    #[error(
        "the first {0} rows are not those of the kept checkpoint: the log was rewritten or forked"
    )]
    Forked(u64),
    /// A file's lengths do not add up.
    #[error("{path} is damaged from row {row} on")]
    Damaged {
        /// Which.
        path: String,
        /// The first row that cannot be read.
        row: u64,
    },
    /// A row is not the one that was logged.
    #[error("row {row} is not the one that {path} was made from")]
    Row {
        /// The row.
        row: u64,
        /// The tile that says so.
        path: String,
    },
    /// Rows and their tile agree with each other, and not with the tree above them.
    #[error("one of rows {from} to {to} was changed: {path} was made from others")]
    Rows {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
        /// The tile that says so.
        path: String,
    },
    /// The rows do not give the signed root.
    #[error("the {0} rows do not give the root that was signed")]
    Root(u64),
    /// A row says what no row may say.
    #[error("row {row}: {what}")]
    Saying {
        /// The row.
        row: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// What was found to hold.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The witnesses that signed it, with the time of each.
    pub witnessed: Vec<(String, u64)>,
    /// How many rows were checked.
    pub rows: u64,
    /// Up to which row it is what the kept checkpoint says.
    pub since: Option<u64>,
}

/// Verifies the log in `files`. `each` sees every row in order and says what is wrong with what it says.
///
/// # Errors
/// The first thing wrong.
pub fn verify<F: Files>(
    files: &F,
    trust: &Trust<'_>,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Verified, Wrong> {
    let note = file(files, "checkpoint")?;
    let bad = |which| move |source| Wrong::Note { which, source };
    let checkpoint = Checkpoint::open(&note, trust.log).map_err(bad("checkpoint"))?;
    let witnessed = witnessed(&note, trust).map_err(bad("checkpoint"))?;
    if witnessed.len() < trust.quorum {
        return Err(Wrong::Quorum { signed: witnessed.len(), quorum: trust.quorum });
    }
    let kept = trust.since.map(|note| Checkpoint::open(note, trust.log));
    let kept = kept.transpose().map_err(bad("the kept checkpoint"))?;
    if let Some(kept) = kept.as_ref().filter(|kept| kept.size > checkpoint.size) {
        return Err(Wrong::Shrunk { size: checkpoint.size, kept: kept.size });
    }
    let mut walk = Walk { files, size: checkpoint.size, edge: Edge::default(), above: Vec::new() };
    let forked = |edge: &Edge| {
        let kept = kept.as_ref().filter(|kept| kept.size == edge.size());
        kept.is_some_and(|kept| kept.root != edge.root())
    };
    for number in 0..checkpoint.size.div_ceil(WIDTH) {
        walk.bundle(number, forked, &mut each)?;
    }
    if walk.edge.root() != checkpoint.root {
        return Err(Wrong::Root(checkpoint.size));
    }
    let since = kept.map(|kept| kept.size);
    Ok(Verified { rows: checkpoint.size, checkpoint, witnessed, since })
}

fn witnessed(note: &[u8], trust: &Trust<'_>) -> Result<Vec<(String, u64)>, NoteError> {
    let note = Note::parse(note)?;
    let mut signed = Vec::new();
    for witness in trust.witnesses {
        if let Some(time) = note.signed_by(witness)? {
            signed.push((witness.name.clone(), time));
        }
    }
    Ok(signed)
}

fn file<F: Files>(files: &F, path: &str) -> Result<Vec<u8>, Wrong> {
    let read = files.read(path);
    let read = read.map_err(|source| Wrong::Unreadable { path: path.to_owned(), source })?;
    read.ok_or_else(|| Wrong::Missing(path.to_owned()))
}

/// The way through the rows.
struct Walk<'a, F> {
    files: &'a F,
    size: u64,
    edge: Edge,
    /// The tile of each level above the first that the rows are in now, by level from 1.
    above: Vec<(Tile, Vec<Hash>)>,
}

impl<F: Files> Walk<'_, F> {
    /// Reads a tile or a bundle of this log. Once it is full it may stand under its full name alone.
    fn tile(&self, tile: Tile) -> Result<(String, Vec<u8>), Wrong> {
        let path = tile.to_string();
        match file(self.files, &path) {
            Err(Wrong::Missing(_)) if !tile.is_full() => {
                let full = tile.full().to_string();
                match file(self.files, &full) {
                    Err(Wrong::Missing(_)) => Err(Wrong::Missing(path)),
                    read => read.map(|bytes| (full, bytes)),
                }
            }
            read => read.map(|bytes| (path, bytes)),
        }
    }

    fn bundle(
        &mut self,
        number: u64,
        forked: impl Fn(&Edge) -> bool,
        each: &mut impl FnMut(u64, &[u8]) -> Result<(), String>,
    ) -> Result<(), Wrong> {
        let first = number * WIDTH;
        let missing = || Wrong::Missing(format!("the bundle of row {first}"));
        let bundle = Tile::of(Kind::Entries, number, self.size).ok_or_else(missing)?;
        let (path, bytes) = self.tile(bundle)?;
        let damaged = |row| Wrong::Damaged { path: path.clone(), row };
        let rows = entries(&bytes).ok_or_else(|| damaged(first))?;
        let is_whole = path == bundle.to_string();
        let there = rows.len() >= usize::from(bundle.width);
        if !there || is_whole && rows.len() != usize::from(bundle.width) {
            return Err(damaged(first + rows.len() as u64));
        }
        let (hashed, known) = self.hashes(Kind::Hashes(0), number)?;
        for ((row, entry), known) in (first..).zip(rows).zip(&known) {
            let leaf = leaf_hash(entry);
            if leaf != *known {
                return Err(Wrong::Row { row, path: hashed });
            }
            let mut whole = Vec::new();
            self.edge.push(leaf, |node, hash| whole.push((node, *hash)));
            self.compare(row, &whole)?;
            if forked(&self.edge) {
                return Err(Wrong::Forked(self.edge.size()));
            }
            each(row, entry).map_err(|what| Wrong::Saying { row, what })?;
        }
        Ok(())
    }

    /// The hashes of a tile, as many as this log has in it.
    fn hashes(&self, kind: Kind, number: u64) -> Result<(String, Vec<Hash>), Wrong> {
        let missing = || Wrong::Missing(format!("tile {number}"));
        let tile = Tile::of(kind, number, self.size).ok_or_else(missing)?;
        let (path, bytes) = self.tile(tile)?;
        let mut there = hashes(&bytes).unwrap_or_default();
        let fits = if path == tile.to_string() {
            there.len() == usize::from(tile.width)
        } else {
            there.len() == 256
        };
        if !fits {
            return Err(Wrong::Damaged { path, row: number * WIDTH });
        }
        there.truncate(usize::from(tile.width));
        Ok((path, there))
    }

    /// Compares the subtrees that a row made whole with the tiles above it.
    fn compare(&mut self, row: u64, whole: &[(Node, Hash)]) -> Result<(), Wrong> {
        for (node, hash) in whole {
            let level = node.height / HEIGHT;
            if level == 0 || node.height % HEIGHT != 0 {
                continue;
            }
            let place = usize::from(level) - 1;
            let kind = Kind::Hashes(level);
            let number = node.place / WIDTH;
            if self.above.get(place).is_none_or(|(tile, _)| tile.number != number) {
                let (_, hashes) = self.hashes(kind, number)?;
                let tile = Tile { kind, number, width: 256 };
                self.above.truncate(place);
                self.above.push((tile, hashes));
            }
            let at = usize::try_from(node.place % WIDTH).unwrap_or(usize::MAX);
            let (tile, known) = self.above.get(place).ok_or(Wrong::Root(self.size))?;
            if known.get(at) != Some(hash) {
                let tile = Tile::of(tile.kind, tile.number, self.size).unwrap_or(*tile);
                let from = row + 1 - (1 << node.height);
                return Err(Wrong::Rows { from, to: row, path: tile.to_string() });
            }
        }
        Ok(())
    }
}
