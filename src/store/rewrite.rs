//! Leaving nothing on the disk but what stands: deleted records and old values go from journal, snapshots and view.
//!
//! A record that is deleted is still in the segments and snapshots from before, and, measured, up to three times in
//! sled's files. So everything is written anew from what stands: a segment is begun, a snapshot taken, all older ones
//! of both dropped, and a view made beside the present one, into which each group goes too while it is filled. Reads
//! and commits go on meanwhile. A crash at any point leaves a store that opens; doing it again makes it whole.
//!
//! Freed files of the view are overwritten before they go, as well as the disk lets one; journal and snapshots are
//! sealed and are only removed.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::ambient::RealFs;

use super::{
    batch::Change,
    error::{CommitError, StoreError, Unavailable, doing},
    folder,
    handle::Store,
    state::{State, show_records},
    view::{self, SledView, View, ViewError, Write},
};

/// Records that go into the new view at once; whoever commits waits that long at most.
const PAGE: usize = 64;

/// How long readers of the old view are waited for before its files are overwritten.
const READERS_WITHIN: Duration = Duration::from_secs(10);

/// A view that is being made, and whose turn it is: of who fills it, or of who shows a group.
#[derive(Debug, Default)]
pub(super) struct NextView {
    view: Mutex<Option<Arc<Box<dyn View>>>>,
    /// A group waits to be shown.
    wanted: AtomicBool,
    /// The folder of the view that answers reads, once it is not the one that it was opened in.
    moved_to: Mutex<Option<PathBuf>>,
}

/// A turn: nobody else changes a view meanwhile.
pub(super) struct Turn<'a>(MutexGuard<'a, Option<Arc<Box<dyn View>>>>);

impl NextView {
    /// The turn of who shows a group. It comes before any more is filled.
    pub(super) fn turn(&self) -> Turn<'_> {
        self.wanted.store(true, Ordering::Release);
        let turn = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted.store(false, Ordering::Release);
        Turn(turn)
    }

    /// The turn of who fills the new view.
    fn filling(&self) -> Turn<'_> {
        while self.wanted.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        Turn(self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn<'_> {
    /// Shows a group in the view that is being made, if one is. One that fails is given up: it answers nothing yet.
    pub(super) fn show(mut self, changes: &[&Change]) {
        // It counts as applied only when it is full: until then a crash leaves it to be removed.
        if let Some(next) = &*self.0
            && show_records(&***next, 0, changes).is_err()
        {
            *self.0 = None;
        }
    }
}

impl Store {
    /// Leaves nothing on the disk of records that were deleted and of values that were replaced before this was called.
    /// Rows, and bodies within their retention, stay. Commits go on meanwhile; waits on this thread.
    ///
    /// # Errors
    /// When the journal takes no writes or the machine fails; then some of it may be left, and nothing else is lost.
    pub fn rewrite(&self) -> Result<(), StoreError> {
        let begun = Change { new_segment: true, ..Change::default() };
        match self.submit_change(Vec::new(), begun, false, None, true).wait() {
            Ok(_) => {}
            Err(CommitError::Unavailable(reason)) => return Err(StoreError::Unavailable(reason)),
            Err(CommitError::Conflict | CommitError::TooLarge) => {
                return Err(StoreError::Unavailable(Unavailable::Write));
            }
        }
        self.state().rewrite()
    }
}

impl State {
    fn rewrite(&self) -> Result<(), StoreError> {
        let _one = self.lock_checkpoints();
        self.checkpoint_locked()?;
        // The second of the two that are kept comes with the next checkpoint.
        self.drop_needless(1)?;
        let removing = || doing("removing copies from before");
        folder::remove_copies(&*self.env.fs, &self.env.dir).map_err(removing())?;
        if self.view().is_on_disk() { self.rewrite_view() } else { Ok(()) }
    }

    /// Makes a view beside the present one and lets it take its place.
    fn rewrite_view(&self) -> Result<(), StoreError> {
        let dir = &self.env.dir;
        let moved = || self.next_view.moved_to.lock().unwrap_or_else(PoisonError::into_inner);
        let from = moved().clone().unwrap_or_else(|| view::folder(dir));
        view::remove_other(dir, &from).map_err(doing("removing an old view"))?;
        let to = view::other(dir, &from);
        let failed = |ViewError(what)| StoreError::View { what };
        let next: Arc<Box<dyn View>> =
            Arc::new(Box::new(SledView::open(&RealFs, &to).map_err(failed)?));
        *self.next_view.filling().0 = Some(next.clone());
        let filled = self.fill(&**next).and_then(|()| next.make_durable().map_err(failed));
        let old = match filled {
            Ok(()) => self.take_over(&next)?,
            Err(error) => {
                *self.next_view.filling().0 = None;
                return Err(error);
            }
        };
        *moved() = Some(to.clone());
        // Until the new one is named, a start still finds the old one and replays what it misses.
        next.make_durable().map_err(failed)?;
        view::point_to(dir, &to).map_err(doing("naming the new view"))?;
        close(old)?;
        view::remove_other(dir, &to).map_err(doing("removing an old view"))
    }

    /// Copies every record. A page is read and written in one turn, so no group comes in between.
    fn fill(&self, next: &dyn View) -> Result<(), StoreError> {
        let failed = |ViewError(what)| StoreError::View { what };
        let mut after: Option<Vec<u8>> = None;
        loop {
            let turn = self.next_view.filling();
            if turn.0.is_none() {
                let what = "the new view did not take a group".to_owned();
                return Err(StoreError::View { what });
            }
            let page = self.view().page(&[], after.as_deref(), PAGE);
            let page = page.map_err(|error| self.view_error(error))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let puts =
                page.iter().map(|(key, record)| Write::Put(key, record.version, &record.value));
            next.apply(&puts.collect::<Vec<_>>(), 0).map_err(failed)?;
            after = Some(last.as_bytes().to_vec());
        }
    }

    /// Lets the filled view answer reads and take groups.
    fn take_over(&self, next: &Arc<Box<dyn View>>) -> Result<Arc<Box<dyn View>>, StoreError> {
        let mut turn = self.next_view.filling();
        if turn.0.take().is_none() {
            let what = "the new view did not take a group".to_owned();
            return Err(StoreError::View { what });
        }
        let applied = self.view().applied();
        next.apply(&[], applied).map_err(|ViewError(what)| StoreError::View { what })?;
        Ok(self.replace_view(next.clone()))
    }
}

/// Closes a view once nobody reads it: what is read from a file that is being overwritten would be taken for damage.
fn close(mut old: Arc<Box<dyn View>>) -> Result<(), StoreError> {
    let begun = Instant::now();
    while begun.elapsed() < READERS_WITHIN {
        match Arc::try_unwrap(old) {
            Ok(_closed) => return Ok(()),
            Err(read) => old = read,
        }
        std::thread::yield_now();
    }
    Err(StoreError::View { what: "the old view is still read".to_owned() })
}
