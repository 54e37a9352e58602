//! What the views show, and how a group of the journal comes to show in them.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};

use crate::ambient::{Clock, File, Fs};

use super::{
    batch::Change,
    bodies::Bodies,
    counts::Counts,
    epochs::Epochs,
    error::Unavailable,
    journal::Held,
    leaves::Leaves,
    options::{Limits, OnSyncFailure},
    rewrite::NextView,
    snapshot::{Cut, Snapshots},
    stall::Stall,
    view::{View, Write},
};

/// Everything that is read while the committer writes.
#[derive(Debug)]
pub(super) struct State {
    view: ArcSwap<Box<dyn View>>,
    /// The view that is being made to take the present one's place, if one is.
    pub(super) next_view: NextView,
    pub(super) epochs: Epochs,
    pub(super) leaves: Leaves,
    pub(super) bodies: Bodies,
    log_size: AtomicU64,
    seq: AtomicU64,
    /// The state after the last group, as a snapshot notes it.
    cut: Mutex<Cut>,
    /// Why no writes are taken, if so.
    trouble: Mutex<Option<Unavailable>>,
    pub(super) checkpointing: Mutex<()>,
    pub(super) snapshots: Snapshots,
    pub(super) stall: Stall,
    pub(super) held: Held,
    pub(super) counts: Counts,
    pub(super) env: Env,
    /// Held as long as anything reads or writes; the last field, so that sled closes first.
    #[expect(dead_code, reason = "it is held, not used")]
    lock: Box<dyn File>,
}

/// What the store was opened with.
#[derive(Clone, Debug)]
pub(super) struct Env {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) on_sync_failure: OnSyncFailure,
}

/// The parts of a [`State`] that recovery makes.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) view: Box<dyn View>,
    pub(super) epochs: Epochs,
    pub(super) leaves: Leaves,
    pub(super) bodies: Bodies,
    pub(super) cut: Cut,
}

impl State {
    pub(super) fn new(
        parts: Parts,
        snapshots: Snapshots,
        held: Held,
        env: Env,
        lock: Box<dyn File>,
    ) -> Self {
        let Parts { view, epochs, leaves, bodies, cut } = parts;
        Self {
            view: ArcSwap::from_pointee(view),
            next_view: NextView::default(),
            epochs,
            leaves,
            bodies,
            log_size: AtomicU64::new(cut.log_size),
            seq: AtomicU64::new(cut.seq),
            cut: Mutex::new(cut),
            trouble: Mutex::new(None),
            checkpointing: Mutex::new(()),
            snapshots,
            stall: Stall::default(),
            held,
            counts: Counts::default(),
            env,
            lock,
        }
    }

    /// What answers reads now.
    pub(super) fn view(&self) -> Guard<Arc<Box<dyn View>>> {
        self.view.load()
    }

    /// Lets `view` answer reads from here on; returns the one that did.
    pub(super) fn replace_view(&self, view: Arc<Box<dyn View>>) -> Arc<Box<dyn View>> {
        self.view.swap(view)
    }

    pub(super) fn log_size(&self) -> u64 {
        self.log_size.load(Ordering::Acquire)
    }

    /// The last group that shows.
    pub(super) fn seq(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn trouble(&self) -> Option<Unavailable> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why writes fail, or that they do not. What only opening anew can mend stays.
    pub(super) fn set_trouble(&self, trouble: Option<Unavailable>) {
        let mut now = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*now, Some(Unavailable::Sync | Unavailable::View)) {
            *now = trouble;
        }
    }

    /// What follows a failed sync.
    pub(super) fn sync_failed(&self) {
        match self.env.on_sync_failure {
            OnSyncFailure::Abort => {
                tracing::error!("a sync failed; aborting, since the disk's state is unknown");
                std::process::abort();
            }
            OnSyncFailure::Poison => self.set_trouble(Some(Unavailable::Sync)),
        }
    }

    /// A view failed: the next start makes it anew.
    pub(super) fn view_failed(&self) {
        tracing::error!("a view of the journal failed; no writes until the store is opened anew");
        let _ = self
            .env
            .fs
            .open(&super::recover::distrust(&self.env.dir), crate::ambient::OpenMode::Write);
        self.set_trouble(Some(Unavailable::View));
    }

    /// Shows a durable group: rows and bodies, then records, then epochs, then the size of the log.
    pub(super) fn show(&self, seq: u64, changes: &[&Change]) -> Result<(), Unavailable> {
        let (log_size, bodies_changed) =
            show_log(&self.leaves, &self.bodies, self.log_size(), changes)
                .map_err(|_| Unavailable::View)?;
        {
            let next = self.next_view.turn();
            show_records(&***self.view(), seq, changes).map_err(|_| Unavailable::View)?;
            next.show(changes);
        }
        show_epochs(&self.epochs, changes);
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        cut.seq = seq;
        cut.log_size = log_size;
        if bodies_changed {
            cut.bodies = self.bodies.extents();
            cut.bodies_from = self.bodies.kept_from();
        }
        drop(cut);
        self.log_size.store(log_size, Ordering::Release);
        self.seq.store(seq, Ordering::Release);
        Ok(())
    }
}

/// Appends rows and bodies behind `log_size` rows; returns the new size and whether the bodies changed.
pub(super) fn show_log(
    leaves: &Leaves,
    bodies: &Bodies,
    log_size: u64,
    changes: &[&Change],
) -> io::Result<(u64, bool)> {
    let rows = || changes.iter().flat_map(|change| &change.leaves);
    let entries: Vec<&[u8]> = rows().map(|leaf| leaf.entry.as_slice()).collect();
    leaves.append(log_size, &entries)?;
    bodies.append(log_size, rows())?;
    let bodies_from = changes.iter().filter_map(|change| change.bodies_from).max();
    if let Some(from) = bodies_from {
        bodies.keep_from(from)?;
    }
    Ok((log_size + entries.len() as u64, !entries.is_empty() || bodies_from.is_some()))
}

/// Makes a group's changes to the records.
pub(super) fn show_records(
    view: &dyn View,
    seq: u64,
    changes: &[&Change],
) -> Result<(), super::view::ViewError> {
    let mut writes = Vec::new();
    for change in changes {
        writes.extend(change.put.iter().map(|put| Write::Put(&put.key, put.version, &put.value)));
        writes.extend(change.delete.iter().map(Write::Delete));
        writes.extend(change.delete_prefix.iter().map(Write::DeletePrefix));
    }
    view.apply(&writes, seq)
}

/// Sets a group's epochs.
pub(super) fn show_epochs(epochs: &Epochs, changes: &[&Change]) {
    for (sid, epoch) in changes.iter().flat_map(|change| &change.raise) {
        epochs.set(*sid, *epoch);
    }
}
