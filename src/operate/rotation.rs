//! Rotating the key-encryption key: the story of it, step by step.
//!
//! Promises: when a rotation has ended, what was erased before it began is gone wherever a copy of it lies: in the files
//! of the store, in older backups, on a disk that was thrown away. Nobody who lives becomes unreadable, whatever comes or
//! goes meanwhile and wherever the process ends; each step can be done again, and what was begun is ended at the next
//! start. The row `kek.destroyed` is never there before the key is gone, and never missing after.
//!
//! ```text
//! 1 a new KEK in the second slot          wraps are made under it from here on
//! 2 record o/kek, row key.rotated         no wrap under the old one comes in from here on
//! 3 every wrap of o/kek's epochs anew     in batches that whoever comes or goes meanwhile wins against
//! 4 the store's files written anew        nothing deleted is left in journal, snapshots and view
//! 5 the file key wrapped anew             after 4, so that a backup under the new KEK holds no old wrap
//! 6 a backup, where they are scheduled
//! 7 the old KEK overwritten and removed   only when no wrap that stands is under it
//! 8 record o/kek, row kek.destroyed
//! ```
//!
//! The log's key and the signing key are not rotated, and neither is the file key itself.

mod told;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;

pub use self::told::{KekStatus, Rotated, RotationError, Step, Turning};
use super::{Backups, Controls, OperateError, Operator};
use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, Draft, Event},
    consent::Ledger,
    policy::Policies,
    store::{Batch, Store},
    vault::{Keeper, KekRecord, Retiring, Vault, VaultError},
};

/// What rotations stand on.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// The log.
    pub audit: Audit,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// The ledger, which knows whether the state is in doubt.
    pub ledger: Ledger,
    /// The backups.
    pub backups: Arc<Backups>,
    /// How long after one rotation the next is due.
    pub every: Duration,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

/// Hears how far a rotation is.
type Told<'a> = &'a mut dyn FnMut(Turning);

/// Who rotates: an operator, or nobody but the calendar.
const BY_ITSELF: &str = "gateway";

/// The rotations of one gateway. A clone is the same: one goes on at a time.
#[derive(Clone)]
pub struct KeyRotation(Arc<Ground>);

impl KeyRotation {
    /// The rotations of what stands on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(ground))
    }

    fn keeper(&self) -> &Keeper {
        self.0.vault.keeper()
    }

    /// Ends a rotation that is under way, then does one. `told` hears of each step before it is taken. Waits on this
    /// thread.
    ///
    /// # Errors
    /// When it cannot be ended; the old key is then still there, and the next try goes on.
    pub fn rotate(&self, by: &str, told: Told<'_>) -> Result<Rotated, RotationError> {
        let _one = self.keeper().one_rotation();
        self.finish(told)?;
        self.rotate_anew(by, false, told)
    }

    /// Ends a rotation that is under way: of a process that ended before, or that failed. What it came to; `None` if
    /// there was none. Waits on this thread.
    ///
    /// # Errors
    /// As [`KeyRotation::rotate`].
    pub fn resume(&self) -> Result<Option<Rotated>, RotationError> {
        if !self.is_unfinished()? || self.0.ledger.is_in_doubt() {
            return Ok(None);
        }
        let _one = self.keeper().one_rotation();
        self.finish(&mut |_| {})
    }

    /// Rotates if it is time. The first call of a gateway's life notes since when its key is known. Waits on this thread.
    ///
    /// # Errors
    /// As [`KeyRotation::rotate`].
    pub fn rotate_if_due(&self) -> Result<Option<Rotated>, RotationError> {
        if self.0.ledger.is_in_doubt() {
            return Ok(None);
        }
        let _one = self.keeper().one_rotation();
        let finished = self.finish(&mut |_| {})?;
        let now = self.0.clock.now();
        match self.0.vault.kek_record()? {
            Some((record, _)) if record.since().after(self.0.every) <= now => {
                self.rotate_anew(BY_ITSELF, true, &mut |_| {}).map(Some)
            }
            Some(_) => Ok(finished),
            None => {
                let epoch = self.keeper().epoch();
                let record = KekRecord { epoch, since_ms: now.millis(), retiring: None };
                let put = vec![record.put(0)];
                let noted = self.0.store.commit_blocking(Batch { put, ..Batch::default() });
                noted.map_err(VaultError::from)?;
                Ok(finished)
            }
        }
    }

    /// How the key stands.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn status(&self) -> Result<KekStatus, RotationError> {
        let epoch = self.keeper().epoch();
        let record = self.0.vault.kek_record()?.map(|(record, _)| record);
        let since = record.filter(|record| record.epoch == epoch).map(|record| record.since());
        let next = since.map(|since| since.after(self.0.every));
        Ok(KekStatus { epoch, since, next, rotating: self.is_unfinished()? })
    }

    fn is_unfinished(&self) -> Result<bool, RotationError> {
        let retiring =
            self.0.vault.kek_record()?.is_some_and(|(record, _)| record.retiring.is_some());
        Ok(retiring || self.keeper().is_rotating())
    }

    fn rotate_anew(
        &self,
        by: &str,
        scheduled: bool,
        told: Told<'_>,
    ) -> Result<Rotated, RotationError> {
        if self.0.ledger.is_in_doubt() {
            return Err(RotationError::InDoubt);
        }
        told(Turning { step: Step::NewKey, wrapped: 0 });
        self.keeper().add(&self.0.entropy)?;
        told(Turning { step: Step::Telling, wrapped: 0 });
        self.begin(by, scheduled)?;
        let rotated = self.finish(told)?;
        // A key was added and nobody else rotates, so there was something to be ended.
        rotated.ok_or(RotationError::Left(0))
    }

    /// Records that the newest key is in use and the others go, with its row.
    fn begin(&self, by: &str, scheduled: bool) -> Result<Retiring, RotationError> {
        let (now, epoch) = (self.0.clock.now(), self.keeper().epoch());
        let epochs: Vec<u32> = self.keeper().epochs().into_iter().skip(1).collect();
        let version = self.0.vault.kek_record()?.map_or(0, |(_, version)| version);
        let body = json!({ "t_ms": now.millis(), "by": by, "from": epochs, "to": epoch });
        let retiring = Retiring { epochs, by: by.to_owned(), scheduled };
        let record = KekRecord { epoch, since_ms: now.millis(), retiring: Some(retiring.clone()) };
        let put = vec![record.put(version)];
        let draft = self.draft(Event::KeyRotated, "rotated", scheduled, &body);
        self.0.audit.record_nobody_with(draft, Batch { put, ..Batch::default() })?;
        Ok(retiring)
    }

    /// Does what is left of a rotation; `None` if nothing is.
    fn finish(&self, told: Told<'_>) -> Result<Option<Rotated>, RotationError> {
        let (vault, keeper) = (&self.0.vault, self.keeper());
        let known = vault.kek_record()?.map(|(record, _)| record);
        let begun = known.filter(|record| record.epoch == keeper.epoch());
        let retiring = match begun.and_then(|record| record.retiring) {
            Some(retiring) => retiring,
            // The process ended between the new key and the word of it.
            None if keeper.epochs().len() > 1 => self.begin(BY_ITSELF, false)?,
            None => {
                keeper.destroy_older()?;
                return Ok(None);
            }
        };
        let mut backup = None;
        if keeper.epochs().len() > 1 {
            backup = self.renew(&retiring, told)?;
        }
        told(Turning { step: Step::Destroying, wrapped: 0 });
        let wraps = vault.count_wraps()?;
        if wraps.old > 0 {
            return Err(RotationError::Left(wraps.old));
        }
        keeper.destroy_older()?;
        told(Turning { step: Step::Closing, wrapped: 0 });
        let rotated = Rotated {
            epoch: keeper.epoch(),
            destroyed: retiring.epochs.clone(),
            keys: wraps.all - wraps.lost,
            lost: wraps.lost,
            backup,
        };
        self.close(&retiring, &rotated)?;
        Ok(Some(rotated))
    }

    /// Leaves nothing that is under the old key: keys, files, backup. Returns the backup's folder.
    fn renew(&self, retiring: &Retiring, told: Told<'_>) -> Result<Option<PathBuf>, RotationError> {
        let Ground { store, vault, backups, entropy, .. } = &*self.0;
        told(Turning { step: Step::Wrapping, wrapped: 0 });
        let wrapped = vault.rewrap(|wrapped| told(Turning { step: Step::Wrapping, wrapped }))?;
        told(Turning { step: Step::Rewriting, wrapped });
        store.rewrite()?;
        told(Turning { step: Step::FileKey, wrapped });
        self.keeper().rewrap_file(entropy, &store.dir().join("file.key"))?;
        if !backups.is_scheduled() {
            return Ok(None);
        }
        told(Turning { step: Step::BackingUp, wrapped });
        let taken = backups.take(None, &retiring.by);
        Ok(Some(taken.map_err(|error| RotationError::Backup(Box::new(error)))?.dir))
    }

    /// Records that the older keys are gone, with its row.
    fn close(&self, retiring: &Retiring, rotated: &Rotated) -> Result<(), RotationError> {
        let Some((record, version)) = self.0.vault.kek_record()? else { return Ok(()) };
        let now = self.0.clock.now();
        let body = json!({
            "t_ms": now.millis(),
            "by": retiring.by,
            "epochs": retiring.epochs,
            "to": rotated.epoch,
            "keys": rotated.keys,
            "lost": rotated.lost,
            "backup": rotated.backup.is_some(),
            "keeper": "file",
        });
        let record = KekRecord { retiring: None, ..record };
        let put = vec![record.put(version)];
        let draft = self.draft(Event::KekDestroyed, "destroyed", retiring.scheduled, &body);
        self.0.audit.record_nobody_with(draft, Batch { put, ..Batch::default() })?;
        if rotated.lost > 0 {
            tracing::error!(
                keys.lost = rotated.lost,
                "keys are wrapped under a key that was gone before the rotation"
            );
        }
        tracing::info!(
            kek.epoch = rotated.epoch,
            keys.wrapped = rotated.keys,
            "the key-encryption key was rotated"
        );
        // The second of the two snapshots that are kept. Without it the journal is only kept longer.
        if let Err(error) = self.0.store.checkpoint() {
            tracing::warn!(error.message = %error, "no snapshot was taken after a rotation");
        }
        Ok(())
    }

    fn draft(
        &self,
        event: Event,
        outcome: &'static str,
        scheduled: bool,
        body: &serde_json::Value,
    ) -> Draft {
        Draft {
            event,
            outcome,
            reason: if scheduled { "schedule" } else { "operator" },
            purpose: None,
            recipient: None,
            ruleset: self.0.policies.current().ruleset().to_owned(),
            at: self.0.clock.now(),
            rows: None,
            body: body.to_string().into_bytes(),
        }
    }
}

impl fmt::Debug for KeyRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRotation({:?})", self.keeper())
    }
}

impl Controls {
    /// Rotates the key-encryption key while the gateway runs. `told` hears of each step before it is taken.
    ///
    /// # Errors
    /// When it does not end; the old key is then still there, and what is left is done later.
    pub async fn rotate_keys(
        &self,
        by: Operator,
        mut told: impl FnMut(Turning) + Send + 'static,
    ) -> Result<Rotated, OperateError> {
        let rotation = self.0.rotation.clone();
        let rotated = tokio::task::spawn_blocking(move || rotation.rotate(&by.named(), &mut told));
        Ok(rotated.await.map_err(|_| OperateError::Stopping)??)
    }

    /// How the key-encryption key stands. May read the disk.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn kek_status(&self) -> Result<KekStatus, OperateError> {
        Ok(self.0.rotation.status()?)
    }
}
