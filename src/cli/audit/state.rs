//! What an auditor keeps between two verifications: how far the log was gone through, the checkpoint that was found to hold,
//! and the counts up to there. One JSON object, bound to the log's key.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::Failed;
use crate::{
    audit::Tally,
    domain::hex,
    tlog::{Edge, Hash, Start, VerifierKey},
};

/// The form of states.
const VERSION: u8 = 1;

/// How far a log was gone through.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    v: u8,
    /// The log's key.
    key: String,
    /// The last checkpoint that was found to hold.
    pub(super) checkpoint: Option<String>,
    /// How many rows were gone through; a multiple of 256.
    size: u64,
    /// The roots of the whole subtrees over them, the largest first, in hexadecimal.
    peaks: Vec<String>,
    /// How many of them were pruned.
    pub(super) pruned: u64,
    /// What they add up to; nothing where the rows were not read as ours.
    pub(super) tally: Option<Tally>,
}

impl State {
    /// The state of `key`'s log before its first row.
    pub(super) fn new(key: &VerifierKey, tally: Option<Tally>) -> Self {
        Self { v: VERSION, key: key.to_string(), tally, ..Self::default() }
    }

    /// Reads the state of `key`'s log; nothing if there is no such file yet.
    ///
    /// # Errors
    /// When it is none, or is of another log, or was kept while reading rows in another way.
    pub(super) fn read(
        path: &Path,
        key: &VerifierKey,
        foreign: bool,
    ) -> Result<Option<Self>, Failed> {
        let usage = |what: &str| Failed::Usage(format!("the state {}: {what}", path.display()));
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(usage(&error.to_string())),
        };
        let state: Self = serde_json::from_slice(&bytes)
            .map_err(|_| usage("is none; remove it to begin anew"))?;
        if state.v != VERSION {
            return Err(usage("is of a version that is not known here"));
        }
        if state.key != key.to_string() {
            return Err(usage("is of another log or key"));
        }
        if state.tally.is_none() != foreign {
            return Err(usage("was kept with --foreign, or without, and cannot go on otherwise"));
        }
        let counted = |tally: &Tally| tally.rows + tally.pruned == state.size && tally.adds_up();
        if state.tally.as_ref().is_some_and(|tally| !counted(tally)) || state.start().is_none() {
            return Err(usage("does not agree with itself; remove it to begin anew"));
        }
        Ok(Some(state))
    }

    /// Where a verification goes on.
    pub(super) fn start(&self) -> Option<Start> {
        let peaks: Option<Vec<Hash>> = self.peaks.iter().map(|peak| unhex(peak)).collect();
        Start::after(Edge::from_peaks(self.size, peaks?)?)
    }

    /// Takes note of how far the rows were gone through.
    pub(super) fn reach(&mut self, edge: &Edge, pruned: u64, tally: Option<&Tally>) {
        self.size = edge.size();
        self.peaks = edge.peaks().iter().map(|peak| hex(peak)).collect();
        self.pruned = pruned;
        self.tally = tally.cloned();
    }

    /// Keeps it, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string(self).map_err(io::Error::other)?;
        text.push('\n');
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        fs::write(&beside, text)?;
        fs::rename(&beside, path)
    }
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
