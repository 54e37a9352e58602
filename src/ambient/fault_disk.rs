//! What the disk under [`super::FaultFs`] holds: what a process sees, and what is left of it after a power cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What a disk writes as a whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// Which calls fail, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The calls let through before it strikes; only calls that change or sync something count.
    pub after: u64,
    /// Whether every later call fails too.
    pub lasting: bool,
    /// Whether it strikes syncs (`Some(true)`), everything else (`Some(false)`) or both; only what it strikes counts.
    pub syncs: Option<bool>,
    /// Strikes only files whose name, when they were opened, contains this.
    pub on: &'static str,
    /// Spares what lies in a folder of this name, and does not count it: what is written by a clock of its own would
    /// else be struck in place of what a test looks at.
    pub spared: &'static str,
    /// How much of a write that fails is written all the same, in percent.
    pub written: usize,
    /// The error number: 5 is EIO, 28 is ENOSPC.
    pub errno: i32,
}

impl Fault {
    /// The disk is full: it takes nothing, but for the published log, which is written by a clock of its own.
    pub const NO_WRITES: Self = Self {
        after: 0,
        lasting: true,
        syncs: Some(false),
        on: "",
        spared: "tlog",
        written: 50,
        errno: 28,
    };
}

impl Default for Fault {
    fn default() -> Self {
        Self { after: 0, lasting: false, syncs: None, on: "", spared: "", written: 50, errno: 5 }
    }
}

/// A file's bytes.
#[derive(Clone, Default)]
pub(super) struct Node {
    /// As a process sees them.
    pub(super) live: Vec<u8>,
    /// As they are on the disk.
    pub(super) kept: Vec<u8>,
    /// Sectors that are not synced.
    pub(super) dirty: BTreeSet<usize>,
    /// Whether the size is not synced.
    pub(super) resized: bool,
}

/// A change of names that is not synced.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Made(PathBuf, u64),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Made(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Gone(path) => {
                names.remove(path);
            }
            Self::Moved(from, to) => {
                let moved: Vec<_> = names
                    .range(from.clone()..)
                    .take_while(|(path, _)| path.starts_with(from))
                    .map(|(path, node)| (path.clone(), *node))
                    .collect();
                for (path, node) in moved {
                    names.remove(&path);
                    let rest = path.strip_prefix(from).unwrap_or(&path);
                    let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    names.insert(new, node);
                }
            }
        }
    }

    pub(super) fn is_in(&self, dir: &Path) -> bool {
        match self {
            Self::Made(path, _) | Self::Gone(path) => path.parent() == Some(dir),
            Self::Moved(from, to) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }
}

impl Node {
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
            self.resized = true;
        }
        if let Some(place) = self.live.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }

    pub(super) fn keep(&mut self) {
        if self.resized {
            self.kept.resize(self.live.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            copy_sector(&self.live, &mut self.kept, sector);
        }
        self.resized = false;
    }

    pub(super) fn lose(&mut self, roll: &impl Fn(u64) -> u64) {
        if self.resized && roll(2) == 0 {
            self.kept.resize(self.live.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            if roll(2) == 0 {
                copy_sector(&self.live, &mut self.kept, sector);
            }
        }
        self.live = self.kept.clone();
        self.resized = false;
    }
}

fn copy_sector(from: &[u8], to: &mut [u8], sector: usize) {
    let both = to.chunks_mut(SECTOR).nth(sector).zip(from.chunks(SECTOR).nth(sector));
    if let Some((to, from)) = both {
        let count = to.len().min(from.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
            to.copy_from_slice(from);
        }
    }
}
