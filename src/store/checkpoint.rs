//! Checkpoints: views synced, a snapshot taken, and the journal before it dropped.

use std::sync::{MutexGuard, PoisonError};

use super::{
    error::{StoreError, Unavailable, doing},
    journal,
    snapshot::Cut,
    state::State,
    view::ViewError,
};

/// How many snapshots are kept.
const KEPT: usize = 2;

/// Records a snapshot reads from the view at once.
const PAGE: usize = 512;

impl State {
    /// Takes a snapshot of what shows now and drops what it makes needless. Commits go on meanwhile. Returns the group
    /// it was taken at.
    pub(super) fn checkpoint(&self) -> Result<u64, StoreError> {
        let _one = self.lock_checkpoints();
        self.checkpoint_locked()
    }

    /// Keeps others from taking a snapshot or dropping what it makes needless.
    pub(super) fn lock_checkpoints(&self) -> MutexGuard<'_, ()> {
        self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`State::checkpoint`], for who holds the lock.
    pub(super) fn checkpoint_locked(&self) -> Result<u64, StoreError> {
        if let Some(reason @ (Unavailable::Sync | Unavailable::View)) = self.trouble() {
            return Err(StoreError::Unavailable(reason));
        }
        let cut = self.cut();
        if !self.snapshots.list()?.contains(&cut.seq) {
            // A segment is dropped only when its rows, bodies and records are safe elsewhere.
            if let Err(source) = self.leaves.sync().and_then(|()| self.bodies.sync()) {
                self.sync_failed();
                return Err(StoreError::Io { doing: "syncing the log", source });
            }
            self.view().make_durable().map_err(|error| self.view_error(error))?;
            self.snapshot(&cut)?;
        }
        self.drop_needless(KEPT)?;
        let aside = super::recover::aside(&self.env.dir);
        self.env.fs.remove_dir_all(&aside).map_err(doing("removing an old view"))?;
        Ok(cut.seq)
    }

    fn snapshot(&self, cut: &Cut) -> Result<(), StoreError> {
        let mut draft = self.snapshots.begin(cut, self.env.clock.now())?;
        for epochs in self.epochs.all() {
            draft.epochs(&epochs)?;
        }
        let mut after = None;
        loop {
            let page = self.view().page(&[], after.as_deref(), PAGE);
            let page = page.map_err(|error| self.view_error(error))?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.as_bytes().to_vec());
            draft.records(&page)?;
        }
        draft.finish(self.seq())
    }

    /// Notes that the view failed.
    pub(super) fn view_error(&self, error: ViewError) -> StoreError {
        self.view_failed();
        StoreError::View { what: error.0 }
    }

    /// Drops snapshots but the `kept` newest, and the segments that the oldest of these covers.
    pub(super) fn drop_needless(&self, kept: usize) -> Result<(), StoreError> {
        let mut taken = self.snapshots.list()?;
        taken.sort_unstable();
        let Some(older) = taken.len().checked_sub(kept).and_then(|at| taken.get(at).copied())
        else {
            return Ok(());
        };
        for seq in taken.into_iter().filter(|seq| *seq < older) {
            self.snapshots.remove(seq)?;
        }
        let dir = journal::folder(&self.env.dir);
        for segment in self.held.covered_by(older) {
            let removed = self.env.fs.remove_file(&journal::path(&dir, segment));
            removed.map_err(doing("removing a segment of the journal"))?;
        }
        self.env.fs.sync_dir(&dir).map_err(doing("removing segments of the journal"))
    }
}
