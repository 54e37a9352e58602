//! Opening: the newest good snapshot, and every later group of the journal over it.

use std::path::{Path, PathBuf};

use crate::ambient::{Fs, OpenMode, RealFs};

use super::{
    backup::RestoredMark,
    batch::{Change, Key, Record},
    bodies::Bodies,
    codec::{self, Malformed},
    epochs::Epochs,
    error::{StoreError, doing},
    folder,
    journal::{self, Cut as JournalCut, Found, Held, Journal, Maker, Spares},
    leaves::Leaves,
    options::{Engine, Options},
    snapshot::{self, Cut, Snapshot, Snapshots},
    state::{Env, Parts, State, show_epochs, show_log, show_records},
    view::{self, MemoryView, SledView, View, ViewError, Write},
};

/// Rows that replaying appends at once.
const ROWS_AT_ONCE: usize = 1024;

/// What was found when the store opened, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The last group; 0 in a new store.
    pub seq: u64,
    /// Rows of the log.
    pub log_size: u64,
    /// The group of the snapshot that was built on, if any.
    pub snapshot: Option<u64>,
    /// Newer snapshots that were damaged, passed over and removed.
    pub bad_snapshots: usize,
    /// Groups of the journal that were read over the snapshot.
    pub groups_replayed: u64,
    /// Bytes of a group that was torn by a crash before anyone was told of it.
    pub torn_bytes: u64,
    /// What became of the view of the records.
    pub view: ViewOrigin,
    /// The format that the folder was of before this start, if it was an older one.
    pub migrated_from: Option<u16>,
    /// The backup that was put in place and that nobody has noted yet.
    pub restored: Option<RestoredMark>,
}

/// What became of the view of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewOrigin {
    /// It was new, or lives in memory.
    Made,
    /// It was there and good.
    Kept,
    /// It was moved aside and made anew.
    Rebuilt {
        /// What was wrong with it.
        why: String,
    },
}

/// A store that is open but does not commit yet.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) journal: Journal,
    pub(super) spares: std::sync::Arc<Spares>,
    pub(super) spares_thread: std::thread::JoinHandle<()>,
    pub(super) recovered: Recovered,
}

/// The file that says that the view must be made anew.
pub(super) fn distrust(dir: &Path) -> PathBuf {
    dir.join("view.distrusted")
}

/// Says that the view of the store in `dir` must be made anew at the next start. No process may hold the folder.
///
/// # Errors
/// When the folder is in use, or the machine fails.
pub fn distrust_view(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let _lock = lock(fs, dir)?;
    let marked = fs.open(&distrust(dir), OpenMode::Write).and_then(|_| fs.sync_dir(dir));
    marked.map_err(doing("marking the view"))
}

/// Where a view goes that had to be made anew; the next checkpoint removes it.
pub(super) fn aside(dir: &Path) -> PathBuf {
    dir.join("view.aside")
}

pub(super) fn open(options: Options) -> Result<Opened, StoreError> {
    options.limits.check()?;
    let Options { dir, fs, engine, file_key, entropy, clock, limits, on_sync_failure } = options;
    let journal_dir = journal::folder(&dir);
    for folder in [&dir, &journal_dir, &snapshot::folder(&dir)] {
        fs.create_dir_all(folder).map_err(doing("making a folder"))?;
    }
    let lock = lock(&*fs, &dir)?;
    fs.sync_dir(&dir).map_err(doing("syncing the data folder"))?;
    let migrated_from = folder::bring_up_to_date(&*fs, &dir)?;
    let restored = RestoredMark::read(&*fs, &dir)?;
    let found = Found::open(&*fs, &journal_dir, &file_key)?;
    let snapshots = Snapshots {
        fs: fs.clone(),
        dir: snapshot::folder(&dir),
        key: file_key.clone(),
        entropy: entropy.clone(),
    };
    let env = Env { fs: fs.clone(), dir, clock, limits, on_sync_failure };
    let base = Base::load(&snapshots, engine, &env)?;
    let bad = base.bad.clone();
    let (parts, recovered, cut) = replay(base, found, &env)?;
    let recovered = Recovered { migrated_from, restored, ..recovered };
    // A damaged snapshot must not count as one of the two that are kept.
    for seq in bad {
        snapshots.remove(seq)?;
    }
    let maker = Maker {
        fs,
        dir: journal_dir,
        size: env.limits.segment,
        key: file_key,
        entropy: entropy.clone(),
    };
    let JournalCut { current, spares, mut next_number, held: held_segments, mut mark, .. } = cut;
    let (current, offset) = if let Some(current) = current {
        current
    } else {
        next_number += 1;
        (maker.make(next_number - 1)?, super::seal::FILE_HEAD as u64)
    };
    let held = Held::default();
    for (segment, first) in held_segments {
        held.push(segment, first);
    }
    // From here on the mark must not say that the journal was closed in order.
    mark.set(recovered.seq, current.number(), offset, false);
    if !mark.sync() {
        return Err(doing("syncing the mark of the journal")(std::io::ErrorKind::Other.into()));
    }
    let (spares, spares_thread) = Spares::start(maker, env.limits.reserve, spares, next_number)?;
    let end = (offset, recovered.seq);
    let journal = Journal::new(current, end, spares.clone(), held.clone(), mark, entropy);
    let state = State::new(parts, snapshots, held, env, lock);
    Ok(Opened { state, journal, spares, spares_thread, recovered })
}

/// Takes the folder for this process.
pub(super) fn lock(fs: &dyn Fs, dir: &Path) -> Result<Box<dyn crate::ambient::File>, StoreError> {
    let failed = || doing("locking the data folder");
    let file = fs.open(&dir.join("LOCK"), OpenMode::Write).map_err(failed())?;
    if !file.try_lock().map_err(failed())? {
        let pid = file.read_to(20).map_err(failed())?;
        return Err(StoreError::Locked { pid: String::from_utf8_lossy(&pid).trim().to_owned() });
    }
    let pid = format!("{}\n", std::process::id());
    file.set_size(0).and_then(|()| file.write_all_at(pid.as_bytes(), 0)).map_err(failed())?;
    Ok(file)
}

/// What a snapshot gives, or nothing at all: where replaying starts.
struct Base {
    cut: Cut,
    through: u64,
    taken: Option<u64>,
    bad: Vec<u64>,
    epochs: Epochs,
    view: Box<dyn View>,
    origin: ViewOrigin,
}

impl Base {
    fn load(snapshots: &Snapshots, engine: Engine, env: &Env) -> Result<Self, StoreError> {
        snapshots.tidy()?;
        let mut bad = Vec::new();
        for seq in snapshots.list()?.into_iter().rev() {
            let Some(snapshot) = snapshots.open(seq)? else {
                bad.push(seq);
                continue;
            };
            let epochs = Epochs::new();
            let set = &mut |read: Vec<_>| {
                for (sid, epoch) in read {
                    epochs.set(sid, Some(epoch));
                }
                Ok(())
            };
            let view = if snapshot.read(set, None)? {
                open_view(engine, env, Some(&snapshot))?
            } else {
                None
            };
            if let Some((view, origin)) = view {
                let Snapshot { cut, through, .. } = snapshot;
                return Ok(Self { cut, through, taken: Some(seq), bad, epochs, view, origin });
            }
            bad.push(seq);
        }
        let none = Err(StoreError::Missing { path: snapshot::folder(&env.dir), what: "no view" });
        let (view, origin) = open_view(engine, env, None)?.map_or(none, Ok)?;
        Ok(Self {
            cut: Cut::default(),
            through: 0,
            taken: None,
            bad,
            epochs: Epochs::new(),
            view,
            origin,
        })
    }
}

type Viewed = (Box<dyn View>, ViewOrigin);

/// Opens the view of the records, at or after the snapshot. `None` if it has to be made from the snapshot and that is
/// damaged.
fn open_view(
    engine: Engine,
    env: &Env,
    snapshot: Option<&Snapshot>,
) -> Result<Option<Viewed>, StoreError> {
    match engine {
        Engine::Memory => {
            let view = MemoryView::default();
            let filled = fill(&view, snapshot)?;
            Ok(filled.then(|| (Box::new(view) as Box<dyn View>, ViewOrigin::Made)))
        }
        Engine::Sled => open_sled(env, snapshot),
    }
}

fn open_sled(env: &Env, snapshot: Option<&Snapshot>) -> Result<Option<Viewed>, StoreError> {
    let dir = view::folder(&env.dir);
    view::remove_other(&env.dir, &dir).map_err(doing("removing an old view"))?;
    let base = snapshot.map_or(0, |snapshot| snapshot.cut.seq);
    let is_new = RealFs.list(&dir).map_err(doing("listing the view"))?.is_empty();
    let distrusted = env.fs.open(&distrust(&env.dir), OpenMode::Read).is_ok();
    let why = if distrusted {
        "it failed while the store was open".to_owned()
    } else {
        match SledView::open(&RealFs, &dir) {
            Ok(view) if view.applied() >= base => {
                let origin = if is_new { ViewOrigin::Made } else { ViewOrigin::Kept };
                return Ok(Some((Box::new(view), origin)));
            }
            Ok(_) if is_new => "it was not there".to_owned(),
            Ok(_) => "it is older than the snapshot".to_owned(),
            Err(ViewError(what)) => what,
        }
    };
    let aside = aside(&env.dir);
    let moved = RealFs.remove_dir_all(&aside).and_then(|()| {
        if RealFs.list(&dir)?.is_empty() { Ok(()) } else { RealFs.rename(&dir, &aside) }
    });
    moved.map_err(doing("moving the view aside"))?;
    let view =
        SledView::open(&RealFs, &dir).map_err(|ViewError(what)| StoreError::View { what })?;
    if !fill(&view, snapshot)? {
        return Ok(None);
    }
    if distrusted {
        let path = distrust(&env.dir);
        let removed = env.fs.remove_file(&path).and_then(|()| env.fs.sync_dir(&env.dir));
        removed.map_err(doing("trusting the new view"))?;
    }
    tracing::warn!(view.why = %why, "the view of the records is made anew");
    Ok(Some((Box::new(view), ViewOrigin::Rebuilt { why })))
}

/// Fills an empty view from a snapshot. False if that is damaged.
fn fill(view: &dyn View, snapshot: Option<&Snapshot>) -> Result<bool, StoreError> {
    let Some(snapshot) = snapshot else { return Ok(true) };
    let failed = |ViewError(what)| StoreError::View { what };
    // The view counts as applied only when it is full: a crash before that makes it anew once more.
    let put = &mut |records: Vec<(Key, Record)>| {
        let writes: Vec<_> = records
            .iter()
            .map(|(key, record)| Write::Put(key, record.version, &record.value))
            .collect();
        view.apply(&writes, 0).map_err(failed)
    };
    let whole = snapshot.read(&mut |_| Ok(()), Some(put))?;
    if whole {
        view.apply(&[], snapshot.cut.seq).map_err(failed)?;
    }
    Ok(whole)
}

/// Shows every group after the snapshot in the views, and cuts what a crash tore.
fn replay(
    base: Base,
    found: Found,
    env: &Env,
) -> Result<(Parts, Recovered, JournalCut), StoreError> {
    let Base { cut, through, taken, bad, epochs, view, origin } = base;
    let (after, kept) = (cut.seq, cut.bodies.clone());
    let leaves = Leaves::open(env.fs.clone(), env.dir.join("log"), cut.log_size)?;
    let bodies = Bodies::open(env.fs.clone(), env.dir.join("bodies"), kept, cut.bodies_from)?;
    let applied = view.applied();
    let log_size = cut.log_size;
    let parts = Parts { view, epochs, leaves, bodies, cut };
    let mut replay =
        Replay { parts, env, applied, log_size, groups: 0, unshown: Vec::new(), rows: 0 };
    let end = found.walk(after, |seq, payload| replay.group(seq, payload))?;
    replay.show_rows()?;
    if through.max(applied) > end.seq {
        return Err(found.damaged(&end, "it ends before groups that a view shows"));
    }
    let Replay { mut parts, groups, .. } = replay;
    parts.bodies.unless_lost()?;
    parts.cut.seq = end.seq;
    parts.cut.bodies = parts.bodies.extents();
    parts.cut.bodies_from = parts.bodies.kept_from();
    let journal = found.cut(end)?;
    let recovered = Recovered {
        seq: end.seq,
        log_size: parts.cut.log_size,
        snapshot: taken,
        bad_snapshots: bad.len(),
        groups_replayed: groups,
        torn_bytes: journal.torn,
        view: origin,
        migrated_from: None,
        restored: None,
    };
    Ok((parts, recovered, journal))
}

/// A journal being replayed.
struct Replay<'a> {
    parts: Parts,
    env: &'a Env,
    /// The last group that the view of the records shows already.
    applied: u64,
    /// The rows of the log, those that are not shown yet with them.
    log_size: u64,
    groups: u64,
    /// Changes whose rows and bodies are not shown yet, and how many rows they have: shown many at once.
    unshown: Vec<Change>,
    rows: usize,
}

impl Replay<'_> {
    fn group(&mut self, seq: u64, payload: &[u8]) -> Result<(), StoreError> {
        let (log_size, changes) = codec::read_group(payload).map_err(|why| self.malformed(why))?;
        if log_size != self.log_size {
            return Err(StoreError::Missing {
                path: self.env.dir.join("log"),
                what: "the journal and the snapshot count different rows",
            });
        }
        let borrowed: Vec<_> = changes.iter().collect();
        if seq > self.applied {
            let shown = show_records(&*self.parts.view, seq, &borrowed);
            shown.map_err(|ViewError(what)| StoreError::View { what })?;
        }
        show_epochs(&self.parts.epochs, &borrowed);
        let rows: usize = changes.iter().map(|change| change.leaves.len()).sum();
        self.log_size += rows as u64;
        self.rows += rows;
        self.groups += 1;
        self.unshown.extend(changes);
        if self.rows >= ROWS_AT_ONCE { self.show_rows() } else { Ok(()) }
    }

    fn show_rows(&mut self) -> Result<(), StoreError> {
        let changes = std::mem::take(&mut self.unshown);
        let changes: Vec<_> = changes.iter().collect();
        self.rows = 0;
        let Parts { leaves, bodies, cut, .. } = &mut self.parts;
        let shown = show_log(leaves, bodies, cut.log_size, &changes);
        (cut.log_size, _) = shown.map_err(doing("replaying rows and bodies"))?;
        Ok(())
    }

    fn malformed(&self, why: Malformed) -> StoreError {
        let path = journal::folder(&self.env.dir);
        match why {
            Malformed::Newer(found) => {
                StoreError::newer(path, found.into(), codec::FORMAT.into(), "")
            }
            Malformed::Bytes => StoreError::Missing { path, what: "a group is malformed" },
        }
    }
}
