//! What happens between calls: deletions at recipients, expiry, the popular list, retention, training.
//!
//! Each chore can be run by itself, so a test need not wait for it; [`Chores::run`] runs each at its own pace.

use std::time::Duration;

use serde_json::json;

use super::{App, AppError};
use crate::{
    audit::{Draft, Event},
    rights::{Asking, Deletions},
    store::{Batch, Period, Unavailable},
};

/// How often each chore is done.
const TICK: Duration = Duration::from_secs(1);
const TRAIN_EVERY: u64 = 30;
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
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 0u64.. {
            ticks.tick().await;
            self.probe();
            note("deletions", self.delete().await.map(|_| ()));
            if tick % TRAIN_EVERY == TRAIN_EVERY - 1 {
                self.train().await;
            }
            if tick % HOURLY == HOURLY - 1 {
                note("expiry", self.expire().await);
                note("retention", self.retain().await.map(|_| ()));
                note("period", self.turn_period().await);
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
        self.expire().await?;
        let deletions = self.delete().await?;
        let trained = self.train().await;
        self.count().await?;
        self.turn_period().await?;
        let dropped = self.retain().await?;
        Ok(Done { deletions, trained, dropped })
    }

    /// Writes nothing, as a group, where the last write failed: whoever keeps calls away from a gateway that is not ready
    /// would else keep away the very write that shows that the disk is well again.
    fn probe(&self) {
        if let Some(Unavailable::Write | Unavailable::JournalFull) = self.app.store.health().trouble
        {
            self.app.store.commit_soon(Batch::default());
        }
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

    async fn count(&self) -> Result<(), AppError> {
        Ok(self.app.gateway.rebuild_popularity().await?)
    }

    async fn turn_period(&self) -> Result<(), AppError> {
        let audit = self.app.audit.clone();
        let turned = tokio::task::spawn_blocking(move || audit.turn_period());
        Ok(turned.await.unwrap_or(Ok(()))?)
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

fn note(chore: &'static str, done: Result<(), AppError>) {
    if let Err(error) = done {
        tracing::warn!(chore.name = chore, error.message = %error, "a chore failed and is done again later");
    }
}
