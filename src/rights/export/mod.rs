//! A person's export: what is handed out of the log and of the person's keys, and what shows anyone that it is that, and all
//! of it. What `consent` and `gateway` hold is read from them; `http` writes all of it as one document.
//!
//! Promises: an export closes the audit epochs before it looks, so that what it hands out finds and opens no later row; it
//! holds all audit epochs, so one that was closed and never answered, because the process ended, is in the next one. It
//! covers all ids of the person and nobody else's. However long the log is, memory holds 24 bytes for each row of the
//! person's and a handful of opened ones.
//!
//! A person's rows are found by their tags, in one pass over all rows: the gateway keeps no list of whose rows are whose.

mod names;
mod rows;

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use names::OwnName;
pub use rows::opened;

use self::rows::Found;
use super::{Rights, RightsError, ground::off_the_worker};
use crate::{
    audit::{Place, RowKeys, TagKey, Until},
    consent::{ClosedEpoch, ConsentError, Person},
    store::Batch,
    vault::Handle,
};

/// How many exports of one worker are under way at once: more would only take the disk from each other, and from calls.
const AT_ONCE: usize = 1;

/// How long an export waits for a checkpoint over the row that closes the epoch. Checkpoints come every second.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Exports of one gateway, on one worker.
#[derive(Clone)]
pub struct Exports {
    rights: Rights,
    slots: Arc<Semaphore>,
}

/// An export that is under way: the next one of this worker waits for its end.
pub struct OwnExport {
    rights: Rights,
    ids: Vec<Person>,
    keys: Vec<Vec<RowKeys>>,
    /// The person's rows, in the order of the log.
    found: Vec<Found>,
    /// The rows before this one were looked at.
    until: u64,
    _slot: OwnedSemaphorePermit,
}

impl Exports {
    /// Exports of what `rights` stands on.
    #[must_use]
    pub fn new(rights: Rights) -> Self {
        Self { rights, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Begins the export of the person under `handle`: closes their audit epochs and finds their rows. Of somebody unknown
    /// nothing is held, and nothing is written.
    ///
    /// # Errors
    /// When the journal does not take the rows that say so; then nothing was closed. When the log does not read.
    pub async fn begin(&self, handle: Handle) -> Result<Option<OwnExport>, RightsError> {
        let slot = self.slots.clone().acquire_owned().await.map_err(|_| ConsentError::Stopping)?;
        let Some(closed) = self.rights.ledger.close_audit_epoch(handle).await? else {
            return Ok(None);
        };
        // Rows that nothing waits for, such as of answers given just before, are behind this one.
        let flushed = self.rights.store.commit(Batch::default()).await;
        flushed.map_err(ConsentError::Commit)?;
        self.checkpoint_over(closed.row).await;
        let rights = self.rights.clone();
        off_the_worker(move || OwnExport::of(rights, closed, slot)).await.map(Some)
    }

    /// Waits for a checkpoint over `row`, but not for ever: rows that stand under none are told so.
    async fn checkpoint_over(&self, row: u64) {
        let waited = async {
            while self.rights.proving.covered().is_some_and(|covered| covered <= row) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, waited).await;
    }
}

impl OwnExport {
    /// Looks through all rows. Waits for the disk.
    fn of(
        rights: Rights,
        closed: ClosedEpoch,
        slot: OwnedSemaphorePermit,
    ) -> Result<Self, RightsError> {
        let keys = closed.row_keys();
        // What nobody has seen under a checkpoint is of the new epoch, or has no proof yet.
        let size = rights.store.log_size();
        let covered = rights.proving.covered().filter(|covered| *covered > closed.row);
        let until = covered.map_or(size, |covered| covered.min(size));
        let found = rows::find(&rights.store, &keys, until)?;
        Ok(Self { rights, ids: closed.ids, keys, found, until, _slot: slot })
    }

    /// The person as they stand with the export, and behind them those who stand for their other ids.
    #[must_use]
    pub fn ids(&self) -> &[Person] {
        &self.ids
    }

    /// Whether no act of the person's has come since, so that what was read of their records is of one standing.
    #[must_use]
    pub fn stands(&self) -> bool {
        let stands = |id: &Person| self.rights.ledger.stands(id.key.sid(), id.standing.epoch);
        self.ids.iter().all(stands)
    }

    /// What finds the rows: a key an audit epoch, id by id.
    #[must_use]
    pub fn tag_keys(&self) -> Vec<TagKey> {
        let of = |(id, keys): (u32, &Vec<RowKeys>)| {
            let keys = (0..).zip(keys);
            keys.map(|(epoch, keys)| TagKey::new(id, epoch, &keys.tag_key())).collect::<Vec<_>>()
        };
        (0..).zip(&self.keys).flat_map(of).collect()
    }

    /// How far the log was looked through.
    #[must_use]
    pub fn until(&self) -> Option<Until> {
        let Place { origin, index } = self.rights.proving.place(self.until.checked_sub(1)?);
        Some(Until { origin: origin.as_ref().to_owned(), size: index + 1 })
    }
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exports(…)")
    }
}

impl fmt::Debug for OwnExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnExport({} rows)", self.found.len())
    }
}
