//! A file system in memory that fails on demand and loses power on demand. For tests alone.
//!
//! Promises: what was not synced may be gone or half there after [`FaultFs::power_cut`], sector by sector and in any
//! order; what a file had not reached before reads as zeros then. A sector is old or new, never torn; what was synced is
//! there. Names made, changed or removed since the last `sync_dir` of their folder
//! are kept up to some point in time only. A failed sync leaves its sectors marked clean, as Linux does, so a second
//! sync does not save them. Folders themselves are durable once made.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    Entropy,
    fault_disk::{Fault, NameChange, Node},
    fs::{File, Fs, OpenMode, Space},
};

/// A file system in memory. Clones are the same file system.
#[derive(Clone, Default)]
pub struct FaultFs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    world: Mutex<World>,
    /// Told when stalled syncs may go on.
    released: Condvar,
}

impl Shared {
    fn of(world: World) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), released: Condvar::new() })
    }
}

#[derive(Clone)]
struct World {
    nodes: BTreeMap<u64, Node>,
    names: BTreeMap<PathBuf, u64>,
    kept_names: BTreeMap<PathBuf, u64>,
    unsynced_names: Vec<NameChange>,
    locked: BTreeSet<u64>,
    next_node: u64,
    calls: u64,
    fault: Option<Fault>,
    /// Syncs of files whose names contain this do not come back.
    stalled: Option<&'static str>,
    held_up: usize,
    space: Space,
}

impl Default for World {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            locked: BTreeSet::new(),
            next_node: 0,
            calls: 0,
            fault: None,
            stalled: None,
            held_up: 0,
            space: Space { free: 1 << 40, total: 1 << 41 },
        }
    }
}

impl std::fmt::Debug for FaultFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaultFs({} files)", self.world().names.len())
    }
}

impl FaultFs {
    /// An empty file system on a disk with plenty of room.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms a fault, or disarms.
    pub fn arm(&self, fault: Option<Fault>) {
        self.world().fault = fault;
    }

    /// From now on, syncs of files whose names contain `on` do not come back until [`FaultFs::release`].
    pub fn stall(&self, on: &'static str) {
        self.world().stalled = Some(on);
    }

    /// Lets stalled syncs go on.
    pub fn release(&self) {
        self.world().stalled = None;
        self.0.released.notify_all();
    }

    /// How many syncs do not come back at present.
    #[must_use]
    pub fn held_up(&self) -> usize {
        self.world().held_up
    }

    /// Calls so far that changed or synced something.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Sets the room on the disk, as [`Fs::space`] reports it.
    pub fn set_space(&self, space: Space) {
        self.world().space = space;
    }

    /// A copy as a process would find it that starts after this one was killed: nothing is lost.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let mut world = self.world().clone();
        world.locked.clear();
        world.fault = None;
        world.stalled = None;
        Self(Shared::of(world))
    }

    /// A copy as a machine finds it after losing power. `seed` decides which unsynced sectors are new, old or zero.
    ///
    /// # Panics
    /// Never: a seeded source always gives bytes.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let mut world = self.world().clone();
        let chance = Entropy::seeded(seed);
        let roll = |sides: u64| {
            chance.draw::<8>().map_or(0, |bytes| u64::from_be_bytes(bytes) % sides.max(1))
        };
        let kept = usize::try_from(roll(world.unsynced_names.len() as u64 + 1)).unwrap_or(0);
        let changes: Vec<_> = world.unsynced_names.drain(..).take(kept).collect();
        for change in changes {
            change.apply(&mut world.kept_names);
        }
        world.names = world.kept_names.clone();
        for node in world.nodes.values_mut() {
            node.lose(&roll);
        }
        world.locked.clear();
        world.fault = None;
        world.stalled = None;
        Self(Shared::of(world))
    }

    /// The bytes of a file, or nothing if it is not there.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(path).and_then(|node| world.nodes.get(node)).map(|node| node.live.clone())
    }

    /// Sets the bytes of a file, past every fault, as damage on the disk would.
    pub fn damage(&self, path: &Path, bytes: Vec<u8>) {
        let mut world = self.world();
        let node = world.names.get(path).copied();
        if let Some(node) = node.and_then(|node| world.nodes.get_mut(&node)) {
            *node = Node { kept: bytes.clone(), live: bytes, ..Node::default() };
        }
    }
}

impl World {
    /// Counts a call and fails it if it is its turn.
    fn strike(&mut self, path: &Path, sync: bool) -> io::Result<()> {
        self.struck(path, sync)
            .map_or(Ok(()), |fault| Err(io::Error::from_raw_os_error(fault.errno)))
    }

    fn struck(&mut self, path: &Path, sync: bool) -> Option<Fault> {
        self.calls += 1;
        let fault = self.fault.as_mut()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_spared = path.iter().any(|part| part == fault.spared);
        if fault.syncs.is_some_and(|only| only != sync) || !name.contains(fault.on) || is_spared {
            return None;
        }
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let struck = *fault;
        if !fault.lasting {
            self.fault = None;
        }
        Some(struck)
    }

    fn node(&mut self, node: u64) -> io::Result<&mut Node> {
        self.nodes.get_mut(&node).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename_now(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl Fs for FaultFs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let mut world = self.world();
        let found = world.names.get(path).copied();
        let node = match (found, mode) {
            (None, OpenMode::Read) => return Err(io::ErrorKind::NotFound.into()),
            (None, _) => {
                world.strike(path, false)?;
                let node = world.next_node;
                world.next_node += 1;
                world.nodes.insert(node, Node::default());
                world.rename_now(NameChange::Made(path.to_owned(), node));
                node
            }
            (Some(node), OpenMode::Truncate) => {
                world.strike(path, false)?;
                let found = world.node(node)?;
                found.live.clear();
                found.resized = true;
                node
            }
            (Some(node), _) => node,
        };
        let path = path.to_owned();
        Ok(Box::new(FaultFile { fs: self.clone(), path, node, locks: Mutex::new(false) }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.world().strike(path, false)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        let inside = world.names.keys().filter_map(|path| path.strip_prefix(dir).ok());
        let names: BTreeSet<String> = inside
            .filter_map(|path| path.components().next())
            .map(|name| name.as_os_str().to_string_lossy().into_owned())
            .collect();
        Ok(names.into_iter().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.strike(from, false)?;
        world.rename_now(NameChange::Moved(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.strike(from, false)?;
        let node = world.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        world.rename_now(NameChange::Made(to.to_owned(), node));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.strike(path, false)?;
        if !world.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.rename_now(NameChange::Gone(path.to_owned()));
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.strike(path, false)?;
        let inside: Vec<_> =
            world.names.keys().filter(|name| name.starts_with(path)).cloned().collect();
        for name in inside {
            world.rename_now(NameChange::Gone(name));
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.strike(dir, true)?;
        let World { unsynced_names, kept_names, .. } = &mut *world;
        unsynced_names.retain(|change| {
            if change.is_in(dir) {
                change.apply(kept_names);
            }
            !change.is_in(dir)
        });
        Ok(())
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(self.world().space)
    }
}

#[derive(Debug)]
struct FaultFile {
    fs: FaultFs,
    path: PathBuf,
    node: u64,
    locks: Mutex<bool>,
}

impl File for FaultFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.fs.world();
        let node = world.node(self.node)?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let there = node.live.get(offset..).unwrap_or_default();
        let count = there.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), there.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.fs.world();
        let struck = world.struck(&self.path, false);
        let node = world.node(self.node)?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let written = bytes.len() * struck.map_or(100, |fault| fault.written) / 100;
        node.write(bytes.get(..written).unwrap_or_default(), offset);
        struck.map_or(Ok(()), |fault| Err(io::Error::from_raw_os_error(fault.errno)))
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.fs.world().node(self.node)?.live.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut world = self.fs.world();
        world.strike(&self.path, false)?;
        let node = world.node(self.node)?;
        node.live.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
        node.resized = true;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut world = self.fs.world();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        while world.stalled.is_some_and(|on| name.contains(on)) {
            world.held_up += 1;
            world = self.fs.0.released.wait(world).unwrap_or_else(PoisonError::into_inner);
            world.held_up -= 1;
        }
        let struck = world.strike(&self.path, true);
        let node = world.node(self.node)?;
        if struck.is_ok() {
            node.keep();
        } else {
            node.dirty.clear();
        }
        struck
    }

    fn try_lock(&self) -> io::Result<bool> {
        let free = self.fs.world().locked.insert(self.node);
        *self.locks.lock().unwrap_or_else(PoisonError::into_inner) = free;
        Ok(free)
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        if *self.locks.lock().unwrap_or_else(PoisonError::into_inner) {
            self.fs.world().locked.remove(&self.node);
        }
    }
}
