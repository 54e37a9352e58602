//! The store as the rooms above hold it.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use crate::domain::{Epoch, Sid};

use super::{
    backup::{Backup, BackupRequest, RestoredMark},
    batch::{Batch, Change, Committed, Expect, Key, Record},
    bodies::Body,
    codec,
    committer::Committer,
    counts::{Counts, Pulse},
    error::{CommitError, StoreError, Unavailable, doing},
    inbox::{Inbox, Request},
    journal::Spares,
    leaves::{self, LeafRun},
    options::{Limits, Options},
    period::Period,
    recover::{self, Recovered},
    reply::{Commit, Lane, Reply, Wakes},
    scan::Scan,
    state::State,
    view::ViewError,
};

/// Sealed records and the log's rows, durable and in order. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    lane: Option<Lane>,
}

struct Inner {
    state: Arc<State>,
    inbox: Arc<Inbox>,
    spares: Arc<Spares>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    dropping: Mutex<()>,
}

/// A place in the store's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last group of the journal.
    pub group: u64,
    /// Rows of the log at that group.
    pub rows: u64,
}

/// How the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Why it takes no writes, or none but urgent ones; `None` if it takes all.
    pub trouble: Option<Unavailable>,
    /// The last group of the journal that reads show.
    pub seq: u64,
    /// Room on the disk, in bytes, if it is known.
    pub disk_free: Option<u64>,
}

impl Health {
    /// Whether it takes writes of every kind.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.trouble.is_none()
    }
}

impl Store {
    /// Opens the store in a folder, or makes one, and recovers what a crash left.
    ///
    /// # Errors
    /// When another process holds it, when files are damaged in a way that would lose what was acknowledged, or when
    /// the machine fails.
    pub fn open(options: Options) -> Result<(Self, Recovered), StoreError> {
        let opened = recover::open(options)?;
        let state = Arc::new(opened.state);
        let inbox = Arc::new(Inbox::default());
        let (checkpoints, asked) = mpsc::sync_channel(1);
        let committer = Committer {
            state: Arc::clone(&state),
            inbox: Arc::clone(&inbox),
            journal: opened.journal,
            checkpoints,
            since_snapshot: 0,
        };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let starting = || doing("starting a thread");
        let committing =
            thread("store-committer").spawn(move || committer.run()).map_err(starting())?;
        let of = Arc::clone(&state);
        let checkpointing = thread("store-snapshots")
            .spawn(move || checkpoint_when_asked(&of, &asked))
            .map_err(starting())?;
        let threads = Mutex::new(vec![committing, checkpointing, opened.spares_thread]);
        let dropping = Mutex::new(());
        let inner = Inner { state, inbox, spares: opened.spares, threads, dropping };
        Ok((Self { inner: Arc::new(inner), lane: None }, opened.recovered))
    }

    /// The same store, whose commits are answered through `lane`.
    #[must_use]
    pub fn with_lane(&self, lane: Lane) -> Self {
        Self { inner: Arc::clone(&self.inner), lane: Some(lane) }
    }

    pub(super) fn state(&self) -> &State {
        &self.inner.state
    }

    /// The record under a key, as the last acknowledged write left it; `None` if there is none. Reads from disk with
    /// sled: not for an async worker unless the record is warm.
    pub fn read(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.state().view().read(key.as_bytes()).map_err(|error| self.state().view_error(error))
    }

    /// The records whose keys begin with `prefix`, by key. A scan is no snapshot: it shows writes that are
    /// acknowledged while it runs, or not.
    #[must_use]
    pub fn scan(&self, prefix: &[u8]) -> Scan<'_> {
        Scan::new(self.state(), prefix)
    }

    /// Commits a batch. It is under way when this returns, awaited or not; the future says when it is durable and
    /// every read shows it. All of it is, or nothing.
    pub fn commit(&self, batch: Batch) -> Commit {
        self.submit(batch, self.lane.clone(), true)
    }

    /// As [`Store::commit`], waiting on this thread; for start-up code and tests.
    pub fn commit_blocking(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.submit(batch, None, true).wait()
    }

    /// Commits a batch that nobody waits for: with the next group that somebody waits for, or by itself a little later
    /// ([`Limits::follow`](super::Limits::follow)). It may be lost if the process ends before. The future need not be kept.
    pub fn commit_soon(&self, batch: Batch) -> Commit {
        self.submit(batch, None, false)
    }

    fn submit(&self, batch: Batch, lane: Option<Lane>, awaited: bool) -> Commit {
        let Batch { expect, put, delete, mut delete_prefix, leaves, raise, urgent } = batch;
        delete_prefix.retain(|prefix| !prefix.as_bytes().is_empty());
        self.submit_change(
            expect,
            Change { put, delete, delete_prefix, leaves, raise, ..Change::default() },
            urgent,
            lane,
            awaited,
        )
    }

    pub(super) fn submit_change(
        &self,
        expect: Vec<Expect>,
        change: Change,
        urgent: bool,
        lane: Option<Lane>,
        awaited: bool,
    ) -> Commit {
        let Some(encoded) = encode(&change, &self.state().env.limits) else {
            return Commit::done(Err(CommitError::TooLarge));
        };
        if awaited && self.state().stall.is_stalled() {
            return Commit::done(Err(CommitError::Unavailable(Unavailable::Stalled)));
        }
        let (reply, commit) = Reply::new(lane);
        self.inner.inbox.push(Request { expect, change, encoded, urgent, awaited, reply });
        commit
    }

    /// The epoch of a person, from memory; `None` for one who has none.
    #[must_use]
    pub fn epoch(&self, sid: Sid) -> Option<Epoch> {
        self.state().epochs.of(sid)
    }

    /// The number of rows in the log.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        self.state().log_size()
    }

    /// The public bytes of the row at `index`; `None` behind the end.
    pub fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if index >= self.log_size() {
            return Ok(None);
        }
        self.state().leaves.read(index).map(Some).map_err(doing("reading a row of the log"))
    }

    /// The public bytes of up to `count` rows from `from` on.
    pub fn leaves(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let to = from.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let mut rows = Vec::new();
        self.each_leaf(from..to, |_, row| rows.push(row.to_vec()))?;
        Ok(rows)
    }

    /// Shows the public bytes of each of the rows of `range` that are there, in their order. Reads the disk in blocks of
    /// some thousand rows, and holds one of them at a time.
    pub fn each_leaf(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(u64, &[u8]),
    ) -> Result<(), StoreError> {
        let (mut at, end) = (range.start, range.end.min(self.log_size()));
        while at < end {
            let run = self.leaf_run(at, (end - at).min(leaves::AT_ONCE))?;
            for (index, row) in run.rows() {
                each(index, row);
            }
            at += run.len() as u64;
        }
        Ok(())
    }

    /// The public bytes of rows from `from` on, as many as are read well at once and `most` at most: none behind the end.
    pub fn leaf_run(&self, from: u64, most: u64) -> Result<LeafRun, StoreError> {
        let most = most.min(self.log_size().saturating_sub(from));
        self.state().leaves.read_run(from, most).map_err(doing("reading rows of the log"))
    }

    /// Nonce and sealed body of the row at `index`; `None` if it had none or its month was dropped.
    pub fn body(&self, index: u64) -> Result<Option<Body>, StoreError> {
        self.state().bodies.read(index).map_err(doing("reading a body"))
    }

    /// The months that hold bodies, and how many each.
    #[must_use]
    pub fn body_periods(&self) -> Vec<(Period, u64)> {
        let extents = self.state().bodies.extents();
        extents.into_iter().map(|(period, extent)| (period, extent.count)).collect()
    }

    /// Drops all bodies of months before `period` for good and returns how many there were. They also leave the
    /// journal with its next two checkpoints. Waits on this thread.
    pub fn drop_bodies_before(&self, period: Period) -> Result<u64, StoreError> {
        let _one = self.inner.dropping.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.state().bodies.dropped();
        let change = Change { bodies_from: Some(period), ..Change::default() };
        match self.submit_change(Vec::new(), change, true, None, true).wait() {
            Ok(_) => Ok(self.state().bodies.dropped() - before),
            Err(CommitError::Unavailable(reason)) => Err(StoreError::Unavailable(reason)),
            Err(CommitError::Conflict | CommitError::TooLarge) => {
                Err(StoreError::Unavailable(Unavailable::Write))
            }
        }
    }

    /// Takes a snapshot and drops the journal that the older of the two newest covers. Two checkpoints with a commit
    /// before each leave nothing of earlier segments. Commits go on meanwhile; waits on this thread.
    pub fn checkpoint(&self) -> Result<u64, StoreError> {
        self.state().checkpoint()
    }

    /// What is acknowledged so far: the last group that reads show, and the rows with it.
    #[must_use]
    pub fn position(&self) -> Position {
        let cut = self.state().cut();
        Position { group: cut.seq, rows: cut.log_size }
    }

    /// Takes a backup of the store at one group into a new folder under `request.dir`. Commits go on meanwhile; waits
    /// on this thread.
    pub fn backup(&self, request: &BackupRequest) -> Result<Backup, StoreError> {
        // A month of bodies that is dropped while it is copied would be missing.
        let _none = self.inner.dropping.lock().unwrap_or_else(PoisonError::into_inner);
        self.state().backup(request)
    }

    /// Says that everyone who must know has been told of the backup that was put in place.
    pub fn forget_restored(&self) -> Result<(), StoreError> {
        RestoredMark::remove(&*self.state().env.fs, &self.state().env.dir)
    }

    /// How the store is.
    #[must_use]
    pub fn health(&self) -> Health {
        let state = self.state();
        let space = state.env.fs.space(&state.env.dir).ok();
        let is_low = space.is_none_or(|space| space.free < state.env.limits.low_water(space.total));
        // What the last commit found of the disk may be over by now.
        let trouble = state.trouble().filter(|trouble| *trouble != Unavailable::DiskLow);
        let trouble = trouble.or(state.stall.is_stalled().then_some(Unavailable::Stalled));
        let trouble = trouble.or(is_low.then_some(Unavailable::DiskLow));
        Health { trouble, seq: state.seq(), disk_free: space.map(|space| space.free) }
    }

    /// The largest batch that it takes, in bytes.
    #[must_use]
    pub fn largest_batch(&self) -> usize {
        self.state().env.limits.batch
    }

    /// What its committer did since it was opened.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.state().counts
    }

    /// How its committer is doing. Waits for nothing.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.state().counts.pulse(self.inner.inbox.waiting())
    }

    /// Lets go of who waits for a disk that does not come back. To be called once a second, from a thread that waits for
    /// no commit: what is under way at two calls in a row is refused as [`Unavailable::Stalled`], and so is what comes,
    /// until the disk answers.
    pub fn beat(&self) {
        let Some(waiting) = self.state().stall.beat() else { return };
        let mut wakes = Wakes::default();
        let queued = self.inner.inbox.take_awaited().into_iter().map(|request| request.reply);
        for reply in waiting.into_iter().map(|(reply, _)| reply).chain(queued) {
            reply.send(Err(CommitError::Unavailable(Unavailable::Stalled)), &mut wakes);
        }
    }

    /// The data folder.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.state().env.dir.clone()
    }

    /// Commits what waits and ends the store's threads. Clones still read; what they commit is refused. The folder is
    /// free once all are dropped.
    pub fn close(self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.inbox.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if threads.is_empty() {
            return;
        }
        let mut threads = threads.into_iter();
        // The committer first: it may still need segments, and its end ends the snapshots' thread.
        if let Some(Err(_)) = threads.next().map(JoinHandle::join) {
            self.state.set_trouble(Some(Unavailable::Closed));
        }
        self.spares.close();
        for thread in threads {
            // A panic there has lost nothing: segments and snapshots are made anew.
            let _ = thread.join();
        }
        self.state.set_trouble(Some(Unavailable::Closed));
        if let Err(ViewError(what)) = self.state.view().make_durable() {
            tracing::warn!(
                view.error = what,
                "the view did not close well; it is checked at the next start"
            );
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.state().env.dir.display())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn checkpoint_when_asked(state: &State, asked: &mpsc::Receiver<()>) {
    while asked.recv().is_ok() {
        if let Err(error) = state.checkpoint() {
            tracing::error!(%error, "taking a snapshot failed; the journal is kept");
        }
    }
}

/// The bytes of a change in the journal; `None` if it or a part of it is over the limits.
fn encode(change: &Change, limits: &Limits) -> Option<Vec<u8>> {
    let short = |key: &Key| key.as_bytes().len() <= Key::MOST;
    let fits = change.put.iter().all(|put| short(&put.key) && put.value.len() <= limits.value)
        && change.delete.iter().chain(&change.delete_prefix).all(short)
        && change.leaves.iter().all(|leaf| u16::try_from(leaf.entry.len()).is_ok());
    if !fits {
        return None;
    }
    let mut encoded = Vec::with_capacity(256);
    codec::write_change(&mut encoded, change);
    (encoded.len() <= limits.batch).then_some(encoded)
}
