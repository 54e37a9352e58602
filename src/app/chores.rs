//! What happens between calls: unfinished changes of policy, deletions at recipients, expiry, forgetting, the popular list,
//! retention, training.
//!
//! Each chore can be run by itself, so a test need not wait for it; [`Chores::run`] runs each at its own pace.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{App, AppError, Witnesses, opendsr::tell_controllers};
use crate::{
    audit::{self, Draft, Event, Log},
    operate::{self, OperateError},
    rights::{Asking, Deletions, opendsr::remove_old_orders, requests::remove_old_requests},
    store::{Batch, Period, Store, Unavailable},
    witness,
};

/// How often each chore is done.
const TICK: Duration = Duration::from_secs(1);
const TRAIN_EVERY: u64 = 30;
/// How long a change of policy that a crash cut off, or a full disk, may lie unfinished.
const FINISH_EVERY: u64 = 60;
/// How often the highwater mark follows.
const MARK_EVERY: u64 = 10;
/// How often what was proposed against people's mutes is written down.
const METER_EVERY: u64 = 60;
/// How often it is asked whether keys are to be rotated, and a rotation that was cut off is gone on with.
const ROTATE_EVERY: u64 = 60;
/// How often it is asked whether a backup is due.
const BACKUP_EVERY: u64 = 60;
const HOURLY: u64 = 60 * 60;
const DAILY: u64 = 24 * HOURLY;

/// What one round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Deletions at recipients.
    pub deletions: Asking,
    /// Models inside this process that were trained.
    pub trained: usize,
    /// Bodies of rows that were dropped.
    pub dropped: u64,
}

/// The chores of one gateway.
#[derive(Debug)]
pub struct Chores {
    app: App,
    deletions: Deletions,
}

impl Chores {
    /// The chores of `app`, with connections of their own to the models.
    #[must_use]
    pub fn new(app: App) -> Self {
        let deletions = app.deletions();
        Self { app, deletions }
    }

    /// Does each chore at its own pace until the process ends. A chore that fails is logged and done again at its next
    /// turn.
    pub async fn run(self) {
        let store = self.app.store.clone();
        // A chore may wait for a disk that does not come back, so the beat is apart.
        let (log, witnesses) = (self.app.log.clone(), self.app.witnesses.clone());
        let app = self.app.clone();
        tokio::select! {
            () = self.work() => {}
            () = beat(store) => {}
            () = publish(log.clone()) => {}
            () = have_witnessed(log, witnesses) => {}
            () = tell_controllers(app) => {}
        }
    }

    async fn work(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 0u64.. {
            ticks.tick().await;
            self.probe();
            if tick % METER_EVERY == METER_EVERY - 1 {
                note("mutes", self.keep_meters().await);
            }
            if tick % FINISH_EVERY == 0 {
                note("policy", self.finish_change().await);
                note("erasures", self.resume_erasures().await);
            }
            if tick % ROTATE_EVERY == 0 {
                note("rotation", self.finish_rotation().await);
            }
            note("deletions", self.delete().await.map(|_| ()));
            note("unsettled", self.settle().await);
            if tick % MARK_EVERY == MARK_EVERY - 1 {
                note("highwater", self.keep_pace().await);
            }
            if tick % BACKUP_EVERY == BACKUP_EVERY - 1 {
                note("backup", self.back_up().await);
            }
            if tick % ROTATE_EVERY == ROTATE_EVERY - 1 {
                note("rotation", self.rotate().await);
            }
            if tick % TRAIN_EVERY == TRAIN_EVERY - 1 {
                self.train().await;
            }
            if tick % HOURLY == HOURLY - 1 {
                note("expiry", self.expire().await);
                note("forgetting", self.forget_aged().await);
                note("retention", self.retain().await.map(|_| ()));
                note("published rows", self.prune().await);
                note("period", self.turn_period().await);
                note("revoked tokens", self.forget_ended().await);
                note("retries", self.forget_retries().await);
                note("requests", self.forget_requests().await);
            }
            if tick % DAILY == 0 {
                note("popularity", self.count().await);
            }
        }
    }

    /// Does every chore once.
    ///
    /// # Errors
    /// When one fails; those after it are not done.
    pub async fn once(&mut self) -> Result<Done, AppError> {
        self.finish_change().await?;
        self.expire().await?;
        self.forget_aged().await?;
        self.keep_meters().await?;
        self.settle().await?;
        self.resume_erasures().await?;
        self.keep_pace().await?;
        self.back_up().await?;
        self.rotate().await?;
        let deletions = self.delete().await?;
        let trained = self.train().await;
        self.count().await?;
        self.turn_period().await?;
        self.forget_ended().await?;
        self.forget_retries().await?;
        self.forget_requests().await?;
        let dropped = self.retain().await?;
        self.prune().await?;
        published(&self.app.log).await?;
        Ok(Done { deletions, trained, dropped })
    }

    /// Writes nothing, as a group, where the last write failed: whoever keeps calls away from a gateway that is not ready
    /// would else keep away the very write that shows that the disk is well again.
    fn probe(&self) {
        if let Some(Unavailable::Write | Unavailable::JournalFull) = self.app.store.health().trouble
        {
            drop(self.app.store.commit_soon(Batch::default()));
        }
    }

    /// Does what is left to be done of the last change of policy.
    async fn finish_change(&self) -> Result<(), AppError> {
        let acts = self.app.policy_changes.resume().await?;
        if acts > 0 {
            tracing::info!(consent.acts = acts, "consents were changed to the policy in force");
        }
        Ok(())
    }

    /// Carries out erasures that were asked for before the process last ended.
    async fn resume_erasures(&self) -> Result<(), AppError> {
        Ok(self.app.rights().resume_erasures().await.map(drop)?)
    }

    /// Asks recipients for the deletions they owe.
    async fn delete(&mut self) -> Result<Asking, AppError> {
        let asking = self.deletions.run_due().await?;
        self.app.observer.deletions(&asking);
        Ok(asking)
    }

    /// Trains the models inside this process that have learnt or forgotten something.
    async fn train(&self) -> usize {
        let stale: Vec<_> =
            self.app.builtins.iter().filter(|model| model.is_stale()).cloned().collect();
        let count = stale.len();
        let trained =
            tokio::task::spawn_blocking(move || stale.iter().for_each(|model| model.train()));
        // A training that panicked leaves the model as it was.
        trained.await.map_or(0, |()| count)
    }

    /// Writes down consents whose end has come and that nobody has read since.
    async fn expire(&self) -> Result<(), AppError> {
        let ledger = self.app.ledger.clone();
        let due = tokio::task::spawn_blocking(move || ledger.expiries_due());
        let due = due.await.unwrap_or(Err(crate::consent::ConsentError::Stopping))?;
        for person in due {
            self.app.ledger.expire(&person).await?;
        }
        Ok(())
    }

    /// Removes what people want forgotten by its age.
    async fn forget_aged(&self) -> Result<(), AppError> {
        self.app.gateway.forget_aged().await?;
        Ok(())
    }

    async fn keep_meters(&self) -> Result<(), AppError> {
        self.app.gateway.keep_meters().await?;
        Ok(())
    }

    /// Writes down what holds and could not be written before.
    async fn settle(&self) -> Result<(), AppError> {
        if self.app.ledger.owed() > 0 {
            self.app.ledger.settle().await?;
        }
        if self.app.erasures.count() > 0 {
            self.app.rights().settle_erasures().await?;
        }
        Ok(())
    }

    async fn keep_pace(&self) -> Result<(), AppError> {
        let continuity = self.app.continuity.clone();
        let kept = tokio::task::spawn_blocking(move || continuity.keep_pace());
        Ok(kept.await.unwrap_or(Ok(()))?)
    }

    async fn back_up(&self) -> Result<(), AppError> {
        let backups = self.app.backups.clone();
        let taken = tokio::task::spawn_blocking(move || backups.take_if_due());
        taken.await.unwrap_or(Ok(None))?;
        Ok(())
    }

    /// Ends a rotation of keys that a crash cut off.
    async fn finish_rotation(&self) -> Result<(), AppError> {
        let rotation = self.app.key_rotation();
        let ended = tokio::task::spawn_blocking(move || rotation.resume());
        ended.await.unwrap_or(Ok(None)).map_err(OperateError::from)?;
        self.app.show_kek()
    }

    /// Rotates keys if it is time.
    async fn rotate(&self) -> Result<(), AppError> {
        let rotation = self.app.key_rotation();
        let rotated = tokio::task::spawn_blocking(move || rotation.rotate_if_due());
        rotated.await.unwrap_or(Ok(None)).map_err(OperateError::from)?;
        self.app.show_kek()
    }

    /// Removes what retries are told no more.
    async fn forget_retries(&self) -> Result<(), AppError> {
        let retries = self.app.ledger.retries().clone();
        let removed = tokio::task::spawn_blocking(move || retries.remove_ended());
        Ok(removed.await.unwrap_or(Ok(0)).map(drop)?)
    }

    /// Removes what is kept of requests that were closed long ago.
    async fn forget_requests(&self) -> Result<(), AppError> {
        let (rights, now) = (self.app.rights(), self.app.machine.clock.now());
        let removed = tokio::task::spawn_blocking(move || {
            remove_old_orders(&rights)?;
            remove_old_requests(&rights.store, now)
        });
        Ok(removed.await.unwrap_or(Ok(0)).map(drop)?)
    }

    async fn count(&self) -> Result<(), AppError> {
        if self.app.ledger.is_in_doubt() {
            // Whom it would leave out is not known; the list stays as it is.
            return Ok(());
        }
        Ok(self.app.gateway.rebuild_popularity().await?)
    }

    /// Forgets revoked tokens that have ended by themselves.
    async fn forget_ended(&self) -> Result<(), AppError> {
        let (app, now) = (self.app.clone(), self.app.machine.clock.now());
        let forgotten = tokio::task::spawn_blocking(move || {
            operate::forget_ended(&app.store, &app.authority, now)
        });
        forgotten.await.unwrap_or(Ok(0))?;
        Ok(())
    }

    async fn turn_period(&self) -> Result<(), AppError> {
        let audit = self.app.audit.clone();
        let turned = tokio::task::spawn_blocking(move || audit.turn_period());
        Ok(turned.await.unwrap_or(Ok(()))?)
    }

    /// Takes rows out of the published log that have been there for as long as they are to be.
    async fn prune(&self) -> Result<(), AppError> {
        let Some(days) = self.app.settings.audit.published_days else { return Ok(()) };
        let kept = Duration::from_secs(u64::from(days.get()) * DAILY);
        let (log, until) = (self.app.log.clone(), self.app.machine.clock.now().before(kept));
        let pruned = tokio::task::spawn_blocking(move || log.prune(until)).await;
        let pruned = pruned.unwrap_or(Ok(0))?;
        if pruned > 0 {
            tracing::info!(log.rows = pruned, "old rows left the published log");
        }
        Ok(())
    }

    /// Drops the bodies of rows whose whole period is past its retention, with a row that says how many.
    async fn retain(&self) -> Result<u64, AppError> {
        let days = u64::from(self.app.settings.audit.retention_days);
        let now = self.app.machine.clock.now();
        let keep_from = Period::of(now.before(Duration::from_secs(days * DAILY)));
        let old: u64 = self
            .app
            .store
            .body_periods()
            .iter()
            .filter(|(p, _)| *p < keep_from)
            .map(|(_, n)| n)
            .sum();
        if old == 0 {
            return Ok(0);
        }
        let draft = Draft {
            event: Event::RetentionDropped,
            outcome: "dropped",
            reason: "retention",
            purpose: None,
            recipient: None,
            ruleset: self.app.policies.current().ruleset().to_owned(),
            at: now,
            rows: Some(old),
            body: json!({ "t_ms": now.millis(), "before": keep_from.to_string() })
                .to_string()
                .into_bytes(),
        };
        self.app.audit.record_nobody(draft).await?;
        let store = self.app.store.clone();
        let dropped = tokio::task::spawn_blocking(move || store.drop_bodies_before(keep_from));
        Ok(dropped.await.unwrap_or(Ok(0))?)
    }
}

/// Lets go of who waits for a disk that does not come back.
async fn beat(store: Store) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        store.beat();
    }
}

/// Publishes the log each second, apart from chores that may take longer.
async fn publish(log: Arc<Log>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        note("checkpoint", published(&log).await);
    }
}

/// Sends each checkpoint to the witnesses and publishes what they sign.
async fn have_witnessed(log: Arc<Log>, witnesses: Witnesses) {
    if witnesses.is_empty() {
        return std::future::pending().await;
    }
    let (files, signed) = (log.clone(), log.clone());
    let told = move |of: &audit::Published| witness::Published {
        origin: of.origin.clone(),
        size: of.size,
        note: of.checkpoint.clone(),
        files: Arc::new(files.files_of(of)),
    };
    let publish = move |of: &audit::Published, lines: &[String]| {
        if let Err(error) = signed.cosigned(of, lines) {
            tracing::warn!(error.message = %error, "signatures of witnesses could not be published");
        }
    };
    witnesses.run(log.watch(), told, publish).await;
}

async fn published(log: &Arc<Log>) -> Result<(), AppError> {
    let log = Arc::clone(log);
    let done = tokio::task::spawn_blocking(move || log.publish()).await;
    Ok(done.unwrap_or(Ok(false)).map(drop)?)
}

fn note(chore: &'static str, done: Result<(), AppError>) {
    if let Err(error) = done {
        tracing::warn!(chore.name = chore, error.message = %error, "a chore failed and is done again later");
    }
}
