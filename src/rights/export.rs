//! A person's export: all that the log holds of them, and what shows anyone that it is that, and all of it.
//!
//! Promises: an export closes the audit epoch before it looks, so that what it hands out finds and opens no later row; it
//! holds all audit epochs, so one that was closed and never answered, because the process ended, is in the next one.
//!
//! A person's rows are found by their tags, in one pass over all rows: the gateway keeps no list of whose rows are whose.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::RightsError;
use crate::{
    audit::{Event, OpenedRow, OwnLog, Place, Proving, RowKeys, TagKey, Until, event, marks, text},
    consent::{ClosedEpoch, ConsentError, Ledger},
    store::{Batch, Store, StoreError},
    vault::Handle,
};

/// How many exports of one worker look through the log at once: more would only take the disk from each other, and from
/// calls.
const AT_ONCE: usize = 1;

/// How long an export waits for a checkpoint over the row that closes the epoch. Checkpoints come every second.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Exports of one gateway, on one worker.
#[derive(Clone)]
pub struct Exports {
    store: Store,
    ledger: Ledger,
    proving: Arc<dyn Proving>,
    slots: Arc<Semaphore>,
}

impl Exports {
    /// Exports of what `store` holds, proven by `proving`.
    #[must_use]
    pub fn new(store: Store, ledger: Ledger, proving: Arc<dyn Proving>) -> Self {
        Self { store, ledger, proving, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What the log holds of the person under `handle`. Of somebody unknown it holds nothing, and nothing is written.
    ///
    /// # Errors
    /// When the journal does not take the row that says so; then nothing was closed. When the log does not read.
    pub async fn log_of(&self, handle: Handle) -> Result<OwnLog, RightsError> {
        let _slot = self.slots.acquire().await.map_err(|_| ConsentError::Stopping)?;
        let Some(closed) = self.ledger.close_audit_epoch(handle).await? else {
            return Ok(OwnLog::default());
        };
        // Rows that nothing waits for, such as of answers given just before, are behind this one.
        let flushed = self.store.commit(Batch::default()).await;
        flushed.map_err(ConsentError::Commit)?;
        self.checkpoint_over(closed.row).await;
        let exports = self.clone();
        let looked = tokio::task::spawn_blocking(move || exports.look(&closed));
        looked.await.unwrap_or(Err(ConsentError::Stopping.into()))
    }

    /// Waits for a checkpoint over `row`, but not for ever: rows that stand under none are told so.
    async fn checkpoint_over(&self, row: u64) {
        let waited = async {
            while self.proving.covered().is_some_and(|covered| covered <= row) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, waited).await;
    }

    /// Looks through all rows. Waits for the disk.
    fn look(&self, closed: &ClosedEpoch) -> Result<OwnLog, RightsError> {
        let keys = closed.row_keys();
        // What nobody has seen under a checkpoint is of the new epoch, or has no proof yet.
        let size = self.store.log_size();
        let covered = self.proving.covered().filter(|covered| *covered > closed.row);
        let until = covered.map_or(size, |covered| covered.min(size));
        let found = self.find(&keys, until)?;
        let indices: Vec<u64> = found.iter().map(|found| found.row).collect();
        let proofs = self.proving.prove(&indices).map_err(RightsError::Proofs)?;
        let mut rows = Vec::with_capacity(found.len());
        for (found, proof) in found.into_iter().zip(proofs) {
            let Some(keys) = keys.get(found.epoch) else { continue };
            let mut opened = opened(&self.store, &*self.proving, found.row, &found.entry, keys)?;
            opened.epoch = u32::try_from(found.epoch).ok();
            opened.proof = proof.map(|proof| proof.to_string());
            rows.push(opened);
        }
        let epochs = (0..).zip(&keys).map(|(number, keys)| TagKey::new(number, &keys.tag_key()));
        let until = self.after(until);
        Ok(OwnLog { epochs: epochs.collect(), until, rows })
    }

    /// The place behind the last of the first `size` rows.
    fn after(&self, size: u64) -> Option<Until> {
        let Place { origin, index } = self.proving.place(size.checked_sub(1)?);
        Some(Until { origin: origin.as_ref().to_owned(), size: index + 1 })
    }

    fn find(&self, keys: &[RowKeys], until: u64) -> Result<Vec<Found>, StoreError> {
        let (mut found, mut now) = (Vec::new(), 0_usize);
        self.store.each_leaf(0..until, |row, entry| {
            let Some(its) = marks(entry) else { return };
            // A row of what began before an export can come right behind the row that tells of it, and never after the next.
            let epochs = now.saturating_sub(1)..=now;
            let is_theirs = |epoch: &usize| keys.get(*epoch).is_some_and(|keys| keys.finds(&its));
            let Some(epoch) = epochs.rev().find(is_theirs) else { return };
            if epoch == now && is_export(entry) {
                now += 1;
            }
            found.push(Found { row, epoch, entry: entry.to_vec() });
        })?;
        Ok(found)
    }
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exports(…)")
    }
}

/// A row of the person's.
struct Found {
    row: u64,
    epoch: usize,
    entry: Vec<u8>,
}

fn is_export(entry: &[u8]) -> bool {
    event(entry) == Some(Event::RightsExport.as_str())
}

/// Opens the row that is the store's `row`th with the keys that sealed it. Its proof is left out.
///
/// # Errors
/// When the store does not read, or the row does not open.
pub fn opened(
    store: &Store,
    proving: &dyn Proving,
    row: u64,
    entry: &[u8],
    keys: &RowKeys,
) -> Result<OpenedRow, RightsError> {
    let (n, _) = marks(entry).ok_or(RightsError::Row(row))?;
    let body = match store.body(row)? {
        Some((nonce, sealed)) => Some(keys.open_body(&nonce, sealed)?),
        None => None,
    };
    let utf8 = |bytes| String::from_utf8(bytes).map_err(|_| RightsError::Row(row));
    let Place { origin, index } = proving.place(row);
    Ok(OpenedRow {
        origin: origin.as_ref().to_owned(),
        index,
        epoch: None,
        n: text(&n),
        salt: text(keys.salt(&n).as_slice()),
        body: body.map(utf8).transpose()?,
        entry: utf8(entry.to_vec())?,
        proof: None,
    })
}
