//! The files of a growing log: tiles and bundles, made row by row.
//!
//! Promises: a file is written before any checkpoint that needs it; a full one never changes under its name, and a partial
//! one has a name of its own for each width; what a crash left behind is written over with the same bytes.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    ambient::{Fs, OpenMode},
    tlog::{
        Edge, Files, HEIGHT, Hash, Kind, Tile, TileNodes, WIDTH, count, entries, hashes, leaf_hash,
        levels, read_tile,
    },
};

/// The most bytes of a file of a log: a bundle of 256 of the longest rows.
const MOST: u64 = WIDTH * (2 + u16::MAX as u64);

/// The files of a log in a folder.
#[derive(Clone, Debug)]
pub struct Folder {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
}

impl Folder {
    /// The log in `dir`.
    #[must_use]
    pub fn new(fs: Arc<dyn Fs>, dir: PathBuf) -> Self {
        Self { fs, dir }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file as it stays. It may be there already, with the same bytes or fewer.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir.join(path);
        let file = match self.fs.open(&path, OpenMode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fs.create_dir_all(path.parent().unwrap_or(&self.dir))?;
                self.fs.open(&path, OpenMode::Write)?
            }
            file => file?,
        };
        file.write_all_at(bytes, 0)?;
        if file.size()? > bytes.len() as u64 {
            file.set_size(bytes.len() as u64)?;
        }
        Ok(())
    }

    /// Puts `bytes` in the place of a file that changes, durably: whoever reads sees the old or the new.
    pub(super) fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (to, new) = (self.dir.join(path), self.dir.join(format!("{path}.tmp")));
        let folder = to.parent().unwrap_or(&self.dir);
        self.fs.create_dir_all(folder)?;
        let file = self.fs.open(&new, OpenMode::Truncate)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        self.fs.rename(&new, &to)?;
        self.fs.sync_dir(folder)
    }

    /// Removes a file, there or not.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        match self.fs.remove_file(&self.dir.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        let path = self.dir.join(path);
        match self.fs.open(&path, OpenMode::Read) {
            // A partial file goes once it is full.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            file => {
                file?.sync_data()?;
                self.fs.sync_dir(path.parent().unwrap_or(&self.dir))
            }
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.fs.open(&self.dir.join(path), OpenMode::Read) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            file => file?.read_to(MOST).map(Some),
        }
    }
}

/// A log's tree as far as it was made.
#[derive(Debug)]
pub(super) struct Tree {
    folder: Folder,
    edge: Edge,
    /// The hashes of each level's last tile, while it is not full.
    tails: Vec<Vec<Hash>>,
    /// The rows of the last bundle, while it is not full, as a bundle holds them.
    bundle: Vec<u8>,
    /// Files that were written and are not known to be on the disk.
    unsynced: Vec<String>,
}

impl Tree {
    /// The tree of a log without rows.
    pub(super) fn new(folder: Folder) -> Self {
        let (tails, bundle, unsynced) = (Vec::new(), Vec::new(), Vec::new());
        Self { folder, edge: Edge::default(), tails, bundle, unsynced }
    }

    /// The tree of the first `size` rows, from the files in `folder`.
    pub(super) fn of(folder: Folder, size: u64) -> io::Result<Self> {
        let edge = Edge::of(size, &mut TileNodes::new(&folder, size))?;
        let mut tree = Self { edge, ..Self::new(folder) };
        for level in levels(size) {
            tree.tails.push(tree.last(Kind::Hashes(level), size, hashes)?);
        }
        let framed = |bytes: &[u8]| entries(bytes).map(|_| bytes.to_vec());
        tree.bundle = tree.last(Kind::Entries, size, framed)?;
        Ok(tree)
    }

    /// What the last file of `kind` holds, if it is not full.
    fn last<T: Default>(
        &self,
        kind: Kind,
        size: u64,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<T> {
        let partial = Tile::of(kind, count(kind, size) / WIDTH, size);
        let Some(tile) = partial else { return Ok(T::default()) };
        let found = read_tile(&self.folder, tile)?.filter(|(found, _)| *found == tile);
        let (_, bytes) = found.ok_or_else(|| io::Error::other(format!("{tile} is missing")))?;
        read(&bytes).ok_or_else(|| io::Error::other(format!("{tile} is damaged")))
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(super) fn root(&self) -> Hash {
        self.edge.root()
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Adds a row, and writes the files that it fills.
    pub(super) fn push(&mut self, entry: &[u8]) -> io::Result<()> {
        // INVARIANT: the store takes no longer row.
        let length = u16::try_from(entry.len()).map_err(io::Error::other)?;
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        let tails = &mut self.tails;
        self.edge.push(leaf_hash(entry), |node, hash| {
            if node.height.is_multiple_of(HEIGHT) {
                let level = usize::from(node.height / HEIGHT);
                if tails.len() <= level {
                    tails.resize(level + 1, Vec::new());
                }
                if let Some(tail) = tails.get_mut(level) {
                    tail.push(*hash);
                }
            }
        });
        if self.size().is_multiple_of(WIDTH) { self.fill() } else { Ok(()) }
    }

    /// Writes the bundle and the tiles that are full, and drops their partial forms.
    fn fill(&mut self) -> io::Result<()> {
        let size = self.size();
        let bundle = std::mem::take(&mut self.bundle);
        self.full(Kind::Entries, size / WIDTH - 1, &bundle)?;
        for level in levels(size) {
            let tail = self.tails.get_mut(usize::from(level)).map(std::mem::take);
            let tail = tail.unwrap_or_default();
            if tail.len() as u64 == WIDTH {
                let kind = Kind::Hashes(level);
                self.full(kind, count(kind, size) / WIDTH - 1, &tail.concat())?;
            } else if let Some(place) = self.tails.get_mut(usize::from(level)) {
                *place = tail;
            }
        }
        Ok(())
    }

    fn full(&mut self, kind: Kind, number: u64, bytes: &[u8]) -> io::Result<()> {
        let tile = Tile { kind, number, width: 256 };
        let path = tile.to_string();
        self.folder.write(&path, bytes)?;
        self.folder.fs.remove_dir_all(&self.folder.dir.join(format!("{path}.p")))?;
        self.unsynced.push(path);
        Ok(())
    }

    /// Writes what is not full, so that all files of the tree as it stands are there.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let size = self.size();
        let mut partial = vec![(Kind::Entries, self.bundle.clone())];
        let tails = (0..).zip(&self.tails);
        partial.extend(tails.map(|(level, tail)| (Kind::Hashes(level), tail.concat())));
        for (kind, bytes) in partial.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let tile = Tile::of(kind, count(kind, size) / WIDTH, size);
            let Some(tile) = tile else { continue };
            let path = tile.to_string();
            self.folder.write(&path, &bytes)?;
            self.unsynced.push(path);
        }
        Ok(())
    }

    /// Makes durable what was written so far.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        for path in std::mem::take(&mut self.unsynced) {
            self.folder.sync(&path)?;
        }
        Ok(())
    }
}
