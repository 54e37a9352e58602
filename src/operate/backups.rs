//! Backups of a running gateway: on demand and by the clock, with the oldest removed.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;

use super::{Controls, OperateError, Operator};
use crate::{
    ambient::{Clock, Fs, overlap, private_dir, read_secret},
    audit::{Audit, AuditError, Draft, Event},
    domain::Timestamp,
    policy::Policies,
    store::{Backup, BackupRequest, Manifest, Store, StoreError, Unavailable, backups_in},
};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nobody said where to.
    #[error("no folder was named, and [backup] names none")]
    NoFolder,
    /// A backup beside the keys would open itself.
    #[error("the folder holds the key folder or lies in it: backups and keys must be apart")]
    WithKeys,
    /// The folder, or the wrapped file key, cannot be used.
    #[error("using {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// The store failed.
    #[error("taking a backup")]
    Store(#[from] StoreError),
    /// The row that tells of it was not written.
    #[error("telling of a backup in the log")]
    Audit(#[from] AuditError),
}

/// `[backup]`, as it is used.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The folder that holds the backups.
    pub dir: PathBuf,
    /// How long after one backup the next is due.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
}

/// How the backups of this process fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupStatus {
    /// How many were taken.
    pub taken: u64,
    /// How many failed.
    pub failed: u64,
    /// When the newest was taken, those of earlier processes in the scheduled folder too.
    pub last_taken_at: Option<Timestamp>,
    /// The last group in it.
    pub last_group: Option<u64>,
}

/// What backups are taken of, and where to.
#[derive(Debug)]
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The log.
    pub audit: Audit,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// The file system of store and backups.
    pub fs: Arc<dyn Fs>,
    /// The log's name.
    pub origin: String,
    /// The keeper's folder, which no backup may touch.
    pub keys: PathBuf,
    /// When backups are taken without being asked for.
    pub schedule: Option<Schedule>,
    /// Time.
    pub clock: Clock,
}

/// The backups of one gateway.
pub struct Backups {
    ground: Ground,
    status: Mutex<BackupStatus>,
}

impl Backups {
    /// The backups of what stands on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        let mut status = BackupStatus::default();
        let newest = ground.schedule.as_ref().and_then(|schedule| {
            let dir = backups_in(&*ground.fs, &schedule.dir).ok()?.pop()?;
            Manifest::read(&*ground.fs, &dir).ok()
        });
        if let Some(manifest) = newest {
            status.last_taken_at = Timestamp::parse(&manifest.taken_at).ok();
            status.last_group = Some(manifest.group);
        }
        Self { ground, status: Mutex::new(status) }
    }

    fn lock(&self) -> MutexGuard<'_, BackupStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether they are taken without being asked for.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.ground.schedule.is_some()
    }

    /// How they fared.
    #[must_use]
    pub fn status(&self) -> BackupStatus {
        self.lock().clone()
    }

    /// Takes a backup into a new folder under `dir`, or under that of the schedule. Waits on this thread.
    ///
    /// # Errors
    /// When there is no backup; nothing unfinished is taken for one.
    pub fn take(&self, dir: Option<&Path>, by: &str) -> Result<Backup, BackupError> {
        let taken = self.try_take(dir, by);
        let mut status = self.lock();
        match &taken {
            Ok(backup) => {
                status.taken += 1;
                status.last_taken_at = Some(self.ground.clock.now());
                status.last_group = Some(backup.manifest.group);
            }
            Err(_) => status.failed += 1,
        }
        taken
    }

    fn try_take(&self, dir: Option<&Path>, by: &str) -> Result<Backup, BackupError> {
        let Ground { store, fs, keys, schedule, origin, .. } = &self.ground;
        let dir = dir.or(schedule.as_ref().map(|schedule| schedule.dir.as_path()));
        let dir = dir.ok_or(BackupError::NoFolder)?.to_owned();
        if overlap(&dir, keys) {
            return Err(BackupError::WithKeys);
        }
        private_dir(&dir).map_err(|source| BackupError::Io { path: dir.clone(), source })?;
        let path = store.dir().join("file.key");
        let wrapped =
            read_secret(&path).and_then(|found| found.ok_or(std::io::ErrorKind::NotFound.into()));
        let wrapped = wrapped.map_err(|source| BackupError::Io { path, source })?;
        let beside = vec![("file.key".to_owned(), wrapped.to_vec())];
        let backup = store.backup(&BackupRequest { dir, origin: origin.clone(), beside })?;
        self.tell(&backup, by)?;
        let most =
            self.ground.schedule.as_ref().filter(|s| Some(s.dir.as_path()) == backup.dir.parent());
        if let Some(schedule) = most {
            drop_oldest(&**fs, schedule)?;
        }
        Ok(backup)
    }

    fn tell(&self, backup: &Backup, by: &str) -> Result<(), BackupError> {
        let now = self.ground.clock.now();
        let Manifest { group, rows, .. } = backup.manifest;
        let body = json!({ "t_ms": now.millis(), "group": group, "rows": rows, "by": by });
        let draft = Draft {
            event: Event::BackupTaken,
            outcome: "taken",
            reason: "backup",
            purpose: None,
            recipient: None,
            ruleset: self.ground.policies.current().ruleset().to_owned(),
            at: now,
            rows: None,
            body: body.to_string().into_bytes(),
        };
        Ok(self.ground.audit.record_nobody_blocking(draft).map(|_| ())?)
    }

    /// Takes a backup if the schedule says so. Waits on this thread.
    ///
    /// # Errors
    /// When one was due and there is none.
    pub fn take_if_due(&self) -> Result<Option<Backup>, BackupError> {
        let Some(schedule) = &self.ground.schedule else { return Ok(None) };
        let (now, last) = (self.ground.clock.now(), self.lock().last_taken_at);
        // A last backup from the future is one of a clock that has gone back since.
        let is_due = last.is_none_or(|last| last > now || last.after(schedule.every) <= now);
        if is_due { self.take(None, "schedule").map(Some) } else { Ok(None) }
    }
}

fn drop_oldest(fs: &dyn Fs, schedule: &Schedule) -> Result<(), BackupError> {
    let found = backups_in(fs, &schedule.dir)?;
    let beyond = found.len().saturating_sub(schedule.keep.max(1));
    for dir in found.into_iter().take(beyond) {
        fs.remove_dir_all(&dir).map_err(|source| BackupError::Io { path: dir, source })?;
    }
    Ok(())
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backups").field(&self.status()).finish()
    }
}

impl Controls {
    /// Takes a backup while the gateway runs.
    ///
    /// # Errors
    /// When there is no backup.
    pub async fn back_up(
        &self,
        dir: Option<PathBuf>,
        by: Operator,
    ) -> Result<Backup, OperateError> {
        let backups = self.0.backups.clone();
        let taken = move || backups.take(dir.as_deref(), &by.named());
        match tokio::task::spawn_blocking(taken).await {
            Ok(taken) => Ok(taken?),
            Err(_) => Err(StoreError::Unavailable(Unavailable::Closed).into()),
        }
    }

    /// How backups fared, for monitoring.
    #[must_use]
    pub fn backup_status(&self) -> BackupStatus {
        self.0.backups.status()
    }

    /// Whether the state came from a backup and waits to be confirmed.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.0.continuity.is_in_doubt()
    }
}
