//! Verifies a whole log from its files, believing nobody but the keys.
//!
//! Promises: the root is computed from every row, and each tile is compared with what the rows give, so a tile that lies
//! to whoever trusts it is found too (CVE-2026-56865 was a reader that did not); what is wrong first is named with its
//! place; memory does not grow with the log; what was verified once need not be read again ([`Start`]).
//!
//! Rows that a log has pruned cannot be read by anyone: the tiles of level 1 stand for them, and [`Verified::pruned`] says
//! how many they are. Start with [`verify`]; `walk` goes through the rows.

mod walk;
mod wrong;

use std::{io, ops::Range};

pub use wrong::Wrong;

use self::walk::Walk;
use super::{
    checkpoint::Checkpoint,
    files::{Files, TileNodes},
    merkle::{Edge, Hash, consistency_proof, is_consistent},
    note::{LONGEST, Note, NoteError, VerifierKey},
    quorum::Quorum,
    retention::Retention,
    tile::WIDTH,
};

/// Most bytes of the line with the minimum index.
const LONGEST_RETENTION: usize = 64;

/// What a log is verified against.
#[derive(Debug)]
pub struct Trust<'a> {
    /// The log's key.
    pub log: &'a VerifierKey,
    /// Witnesses, each another key.
    pub witnesses: &'a [VerifierKey],
    /// Which of them must have signed.
    pub quorum: Quorum,
    /// Checkpoints that were kept, which the log must go on from.
    pub since: &'a [&'a [u8]],
}

impl<'a> Trust<'a> {
    /// Trusts the log's key alone.
    #[must_use]
    pub fn of(log: &'a VerifierKey) -> Self {
        Self { log, witnesses: &[], quorum: Quorum::none(), since: &[] }
    }
}

/// Where an earlier verification stopped: rows before it are not read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    edge: Edge,
}

impl Start {
    /// After the rows of `edge`; nothing unless they are a multiple of 256.
    #[must_use]
    pub fn after(edge: Edge) -> Option<Self> {
        edge.size().is_multiple_of(WIDTH).then_some(Self { edge })
    }
}

/// Hears of the rows of a log, in order.
pub trait Rows {
    /// A row, once its bundle is shown to be what the tiles were made from.
    ///
    /// # Errors
    /// What is wrong with what it says.
    fn row(&mut self, index: u64, entry: &[u8]) -> Result<(), String>;

    /// The log has `size` rows, of which the first `before` were verified before.
    fn begins(&mut self, before: u64, size: u64) {
        let _ = (before, size);
    }

    /// Rows that were pruned and cannot be read.
    fn pruned(&mut self, rows: Range<u64>) {
        let _ = rows;
    }

    /// All rows of `edge`, a multiple of 256, were gone through; another verification may go on from here.
    fn reached(&mut self, edge: &Edge) {
        let _ = edge;
    }
}

/// What was found to hold.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The same, as signed.
    pub note: Vec<u8>,
    /// The witnesses that signed it, with the time of each in Unix seconds.
    pub witnessed: Vec<(String, u64)>,
    /// How many rows were read, and held against tiles and root.
    pub rows: u64,
    /// How many rows were verified before, and not read again.
    pub before: u64,
    /// How many rows were pruned and could not be read.
    pub pruned: u64,
    /// The sizes of the kept checkpoints that it goes on from.
    pub since: Vec<u64>,
}

/// Verifies the log in `files` from its first row on. `each` sees every row in order and says what is wrong with what it
/// says.
///
/// # Errors
/// The first thing wrong.
pub fn verify<F: Files>(
    files: &F,
    trust: &Trust<'_>,
    each: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Verified, Wrong> {
    verify_from(files, trust, Start::default(), &mut Each(each))
}

/// Verifies the log in `files` from where an earlier verification stopped: that it goes on from there, and everything
/// after.
///
/// # Errors
/// The first thing wrong.
pub fn verify_from<F: Files>(
    files: &F,
    trust: &Trust<'_>,
    start: Start,
    rows: &mut impl Rows,
) -> Result<Verified, Wrong> {
    let note = file(files, "checkpoint", LONGEST)?;
    let bad = |which| move |source| Wrong::Note { which, source };
    let checkpoint = Checkpoint::open(&note, trust.log).map_err(bad("checkpoint"))?;
    let witnessed = witnessed(&note, trust)?;
    let mut kept = Vec::new();
    for note in trust.since {
        let note = Checkpoint::open(note, trust.log).map_err(bad("the kept checkpoint"))?;
        kept.push((note.size, note.root));
    }
    let before = start.edge.size();
    let sizes = kept.iter().map(|(size, _)| *size);
    if let Some(kept) = sizes.chain([before]).max().filter(|kept| *kept > checkpoint.size) {
        return Err(Wrong::Shrunk { size: checkpoint.size, kept });
    }
    goes_on_from(files, checkpoint.size, &start)?;
    let (earlier, later): (Vec<_>, Vec<_>) =
        kept.iter().copied().partition(|(size, _)| *size <= before);
    for kept in &earlier {
        begins_with(files, checkpoint.size, &start, kept)?;
    }
    let minimum = minimum_index(files, checkpoint.size)?;
    let mut walk = Walk::new(files, checkpoint.size, minimum, start.edge, later);
    rows.begins(before, checkpoint.size);
    walk.go_through(rows)?;
    if walk.root() != checkpoint.root {
        return Err(Wrong::Root(checkpoint.size));
    }
    let since = kept.iter().map(|(size, _)| *size).collect();
    let (pruned, size) = (walk.pruned(), checkpoint.size);
    Ok(Verified {
        checkpoint,
        note,
        witnessed,
        rows: size - before - pruned,
        before,
        pruned,
        since,
    })
}

fn witnessed(note: &[u8], trust: &Trust<'_>) -> Result<Vec<(String, u64)>, Wrong> {
    let bad = |source| Wrong::Note { which: "checkpoint", source };
    let note = Note::parse(note).map_err(bad)?;
    let signed: Result<Vec<Option<u64>>, NoteError> =
        trust.witnesses.iter().map(|witness| note.signed_by(witness)).collect();
    let signed = signed.map_err(bad)?;
    let is_met = trust.quorum.is_met(&|place| signed.get(place).is_some_and(Option::is_some));
    let times = trust.witnesses.iter().zip(signed);
    let witnessed: Vec<_> =
        times.filter_map(|(witness, time)| Some((witness.name.clone(), time?))).collect();
    if is_met {
        return Ok(witnessed);
    }
    Err(Wrong::Quorum { signed: witnessed.len(), witnesses: trust.witnesses.len() })
}

/// Whether the tiles have the subtrees that were verified before. The root that the rows after them lead to shows it in
/// the end; this says it at once, and covers tiles that were begun before.
fn goes_on_from<F: Files>(files: &F, size: u64, start: &Start) -> Result<(), Wrong> {
    let unreadable = |source| Wrong::Unreadable { path: "a tile".to_owned(), source };
    let before = start.edge.size();
    let there = Edge::of(before, &mut TileNodes::new(files, size)).map_err(unreadable)?;
    if there == start.edge { Ok(()) } else { Err(Wrong::Rewritten(before)) }
}

/// Whether the rows that were verified before begin with those of a kept checkpoint. The tiles are not believed: they
/// must give a proof.
fn begins_with<F: Files>(
    files: &F,
    size: u64,
    start: &Start,
    kept: &(u64, Hash),
) -> Result<(), Wrong> {
    let (old, root) = kept;
    let edge = &start.edge;
    let proof = consistency_proof(&mut TileNodes::new(files, size), *old, edge.size());
    let proof = proof.map_err(|_| Wrong::Unshown(*old))?;
    let is_empty = *old > 0 || *root == super::merkle::empty_root();
    let holds = is_empty && is_consistent((*old, root), (edge.size(), &edge.root()), &proof);
    if holds { Ok(()) } else { Err(Wrong::Forked(*old)) }
}

fn minimum_index<F: Files>(files: &F, size: u64) -> Result<u64, Wrong> {
    match file(files, Retention::PATH, LONGEST_RETENTION) {
        Ok(line) => {
            let minimum = Retention::parse(&line).map(Retention::minimum_index);
            minimum.filter(|minimum| *minimum <= size).ok_or(Wrong::Retention)
        }
        Err(Wrong::Missing(_)) => Ok(0),
        Err(wrong) => Err(wrong),
    }
}

fn file<F: Files>(files: &F, path: &str, most: usize) -> Result<Vec<u8>, Wrong> {
    let path = || path.to_owned();
    match files.read_within(&path(), most) {
        Ok(read) => read.ok_or_else(|| Wrong::Missing(path())),
        Err(source) if source.kind() == io::ErrorKind::FileTooLarge => {
            Err(Wrong::TooLong { path: path(), most })
        }
        Err(source) => Err(Wrong::Unreadable { path: path(), source }),
    }
}

/// Hears of each row alone.
struct Each<E>(E);

impl<E: FnMut(u64, &[u8]) -> Result<(), String>> Rows for Each<E> {
    fn row(&mut self, index: u64, entry: &[u8]) -> Result<(), String> {
        (self.0)(index, entry)
    }
}
