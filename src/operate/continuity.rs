//! Whether the state goes on from where it was, or came from a backup and may lack what was acknowledged after it.
//!
//! Promises: the highwater mark never goes back and never runs ahead of what is durable; a state below it, or one that
//! was restored and not shown to be whole, is in doubt from the first call on; a key whose destruction the mark names
//! does not come back; the row `state.restored` and the record that keeps the doubt are one batch.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use serde_json::json;

use super::{Controls, OperateError, Operator};
use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, AuditError, Draft, Event, RowKeys, marks},
    consent::{ConsentError, Ledger},
    policy::Policies,
    rights::{self, RightsError},
    store::{Batch, CommitError, Key, Position, Put, Recovered, Store, StoreError},
    vault::{ComeBack, KeeperError, Mark, Vault, VaultError},
};

/// Why the state's past cannot be told or noted.
#[derive(Debug, thiserror::Error)]
pub enum ContinuityError {
    /// The highwater mark cannot be read or written.
    #[error("using the highwater mark")]
    Keeper(#[from] KeeperError),
    /// A key that came back does not open.
    #[error("looking for keys that were destroyed")]
    Vault(#[from] VaultError),
    /// A person who came back could not be read.
    #[error("reading who was erased")]
    Consent(#[from] ConsentError),
    /// What a person who came back leaves to be done could not be written down.
    #[error("asking recipients again to delete")]
    Rights(#[from] RightsError),
    /// The store failed.
    #[error("noting a restored state")]
    Store(#[from] StoreError),
    /// The journal did not take it.
    #[error("noting a restored state")]
    Commit(#[from] CommitError),
    /// The row could not be written.
    #[error("noting a restored state")]
    Audit(#[from] AuditError),
}

/// What is kept while a state is in doubt.
const IN_DOUBT: &[u8] = b"o/restored";

/// Watches over one state.
pub struct Continuity {
    ground: Ground,
    mark: Mark,
}

/// What it stands on.
#[derive(Debug)]
pub struct Ground {
    /// The store.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// The log.
    pub audit: Audit,
    /// The ledger, which is told of a doubt.
    pub ledger: Ledger,
    /// The policy in force.
    pub policies: std::sync::Arc<Policies>,
    /// The keeper's folder.
    pub keys: PathBuf,
    /// The log's name.
    pub origin: String,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

impl Continuity {
    /// Looks at where the state stood when it was opened, and notes a doubt. Waits on this thread.
    ///
    /// # Errors
    /// When the mark cannot be read, or what was found cannot be noted.
    pub fn begin(
        ground: Ground,
        opened_at: Position,
        recovered: &Recovered,
    ) -> Result<Self, ContinuityError> {
        let this = Self { mark: Mark::read(&ground.keys, &ground.origin)?, ground };
        let mark = this.mark.now();
        let kept = this.ground.store.read(&Key::new(IN_DOUBT))?;
        let is_empty = opened_at == Position { group: 0, rows: 0 };
        let is_below = !is_empty && mark.as_ref().is_some_and(|mark| !mark.is_reached(opened_at));
        if is_below || recovered.restored.is_some() {
            let whole = match (&mark, &recovered.restored) {
                (Some(mark), Some(from)) => !is_below && (mark.closed || from.replayed),
                _ => false,
            };
            let before = kept.as_ref().map_or(0, |record| record.version);
            this.note(opened_at, recovered, before, whole)?;
            this.ground.ledger.set_in_doubt(kept.is_some() || !whole);
        } else {
            this.ground.ledger.set_in_doubt(kept.is_some());
        }
        this.keep_pace()?;
        Ok(this)
    }

    /// Writes what was found, and takes out again whom an erasure had taken out.
    fn note(
        &self,
        opened_at: Position,
        recovered: &Recovered,
        before: u64,
        whole: bool,
    ) -> Result<(), ContinuityError> {
        let Ground { store, clock, .. } = &self.ground;
        let mark = self.mark.now();
        let mut batch = self.erase_again(&self.mark.destroyed()?)?;
        let refused = batch.raise.len();
        let body = json!({
            "t_ms": clock.now().millis(),
            "group": opened_at.group,
            "rows": opened_at.rows,
            "highwater_group": mark.as_ref().map(|mark| mark.position.group),
            "highwater_rows": mark.as_ref().map(|mark| mark.position.rows),
            "backup_taken_at": recovered.restored.as_ref().map(|from| from.taken_at.clone()),
            "replayed": recovered.restored.as_ref().is_some_and(|from| from.replayed),
            "keys_refused": refused,
        });
        if !whole {
            let (key, value) = (Key::new(IN_DOUBT), body.to_string().into_bytes());
            batch.put.push(Put { key, version: before + 1, value });
        }
        let outcome = if whole { "whole" } else { "in_doubt" };
        tracing::warn!(
            state.outcome = outcome,
            state.group = opened_at.group,
            state.keys_refused = refused,
            "the state was restored; while it is in doubt nobody is treated above tier none"
        );
        self.ground.audit.record_nobody_with(self.draft(outcome, &body), batch)?;
        if recovered.restored.is_some() {
            store.forget_restored()?;
        }
        Ok(())
    }

    /// What takes out again whom an erasure had taken out: with a row each, as the erasure's own went with the state that
    /// the backup replaced, and with every recipient asked again.
    fn erase_again(&self, erased: &BTreeSet<[u8; 32]>) -> Result<Batch, ContinuityError> {
        let Ground { vault, ledger, audit, entropy, clock, .. } = &self.ground;
        let ComeBack { mut batch, people } = vault.come_back(erased)?;
        let now = clock.now();
        let mut theirs = Vec::with_capacity(people.len());
        for key in &people {
            rights::after_restore(vault, ledger, entropy, (key, now), &mut batch)?;
            let last = ledger.audit_epoch(key)?;
            let keys: Vec<RowKeys> = (0..=last).map(|epoch| RowKeys::of(key, epoch)).collect();
            theirs.push((keys, 0));
        }
        if theirs.is_empty() {
            return Ok(batch);
        }
        self.ground.store.each_leaf(0..u64::MAX, |_, entry| {
            let Some(its) = marks(entry) else { return };
            let is_theirs =
                |(keys, _): &&mut (Vec<RowKeys>, u64)| keys.iter().any(|k| k.finds(&its));
            if let Some((_, count)) = theirs.iter_mut().find(is_theirs) {
                *count += 1;
            }
        })?;
        for (key, (keys, rows)) in people.iter().zip(&theirs) {
            let body = json!({ "t_ms": now.millis() });
            let draft = Draft {
                event: Event::SubjectErased,
                rows: Some(rows + 1),
                ..self.draft("erased", &body)
            };
            let Some(keys) = keys.last() else { continue };
            batch.leaves.push(audit.seal_erased(draft, keys, key)?);
        }
        Ok(batch)
    }

    fn draft(&self, outcome: &'static str, body: &serde_json::Value) -> Draft {
        Draft {
            event: Event::StateRestored,
            outcome,
            reason: "restore",
            purpose: None,
            recipient: None,
            ruleset: self.ground.policies.current().ruleset().to_owned(),
            at: self.ground.clock.now(),
            rows: None,
            body: body.to_string().into_bytes(),
        }
    }

    /// Moves the mark up to what is durable now, unless the state is in doubt. To be called now and then; waits on this
    /// thread.
    ///
    /// # Errors
    /// When the mark cannot be written.
    pub fn keep_pace(&self) -> Result<(), ContinuityError> {
        self.write_mark(false)
    }

    /// Notes that the state was left in order here. To be called after the store is closed.
    ///
    /// # Errors
    /// When the mark cannot be written.
    pub fn close(&self) -> Result<(), ContinuityError> {
        self.write_mark(true)
    }

    fn write_mark(&self, closed: bool) -> Result<(), ContinuityError> {
        if self.ground.ledger.is_in_doubt() {
            return Ok(());
        }
        Ok(self.mark.move_to(self.ground.store.position(), closed)?)
    }

    /// The mark, for whoever destroys keys.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Ends the doubt: the operator answers for what may be missing. Whether there was a doubt. Waits on this thread.
    ///
    /// # Errors
    /// When the journal does not take it; the doubt then stays.
    pub fn confirm(&self, by: Operator) -> Result<bool, ContinuityError> {
        let key = Key::new(IN_DOUBT);
        if self.ground.store.read(&key)?.is_none() {
            return Ok(false);
        }
        let batch = Batch { delete: vec![key], ..Batch::default() };
        let body = json!({ "t_ms": self.ground.clock.now().millis(), "by": by.named() });
        self.ground.audit.record_nobody_with(self.draft("confirmed", &body), batch)?;
        self.ground.ledger.set_in_doubt(false);
        self.keep_pace()?;
        Ok(true)
    }

    /// Whether the state is in doubt.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.ground.ledger.is_in_doubt()
    }
}

impl fmt::Debug for Continuity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Continuity(…)")
    }
}

impl Controls {
    /// Confirms a restored state and tells the models inside this process again what they may know. Whether it was in
    /// doubt.
    ///
    /// # Errors
    /// When the journal does not take it; the doubt then stays.
    pub async fn confirm_restored(&self, by: Operator) -> Result<bool, OperateError> {
        let continuity = self.0.continuity.clone();
        let confirmed = tokio::task::spawn_blocking(move || continuity.confirm(by)).await;
        let confirmed = confirmed.unwrap_or(Ok(false))?;
        if confirmed && self.0.gateway.retell().await.is_err() {
            tracing::warn!("the models inside this process were not told again; a start does it");
        }
        Ok(confirmed)
    }
}
