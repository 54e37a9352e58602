//! Acts of a person's own on how they are treated: each is done once, whoever repeats the call, and told with its place in
//! the log.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Act, Action, ConsentError, Ledger, Rules, acts::TRIES, change::Change, ledger::off_the_worker,
    told::Row,
};
use crate::{
    audit::Place,
    domain::{Epoch, Method, PurposeId},
    policy::Bundle,
    retry::{Attempt, Begun},
    store::{Batch, CommitError},
    vault::Handle,
};

/// An act that was recorded, and what came of it.
#[derive(Clone, Debug)]
pub struct Own<T> {
    /// The person's epoch after it.
    pub epoch: Epoch,
    /// Its place in the log.
    pub place: Place,
    /// What came of it.
    pub what: T,
}

/// What is kept of an act for its retries.
#[derive(Serialize, Deserialize)]
struct ToldOwn<T> {
    epoch: Epoch,
    what: T,
    row: Row,
}

/// Which act, on what, and whether it may make somebody known.
pub(super) struct OwnAct {
    pub(super) action: Action,
    pub(super) purpose: Option<PurposeId>,
    pub(super) creates: bool,
}

impl Ledger {
    /// Replaces the rules of the person under `handle` by what `change` makes of them. Someone unknown comes to be
    /// known by it.
    ///
    /// # Errors
    /// When the journal does not take it, or the attempt's key is in use or was used for another call.
    pub async fn set_rules(
        &self,
        handle: Handle,
        attempt: Option<Attempt>,
        change_rules: impl Fn(&mut Rules) + Send + Sync + 'static,
    ) -> Result<Own<Rules>, ConsentError> {
        let act = OwnAct { action: Action::SetRules, purpose: None, creates: true };
        self.own(handle, act, attempt, move |_, _, change, act| {
            change_rules(&mut change.standing.rules);
            let (before, rules) = (&change.before.rules, &change.standing.rules);
            let same_mutes = (&before.muted_tags, &before.muted_items)
                == (&rules.muted_tags, &rules.muted_items);
            if !same_mutes {
                change.standing.muted_since = rules.mutes().then_some(act.at);
            }
            Ok(rules.clone())
        })
        .await
    }

    /// Has `work` change the standing of the person under `handle`, and records that as an act. `work` may wait for the
    /// disk, and is done anew when others change the standing at the same time.
    pub(super) async fn own<T, F>(
        &self,
        handle: Handle,
        own: OwnAct,
        attempt: Option<Attempt>,
        work: F,
    ) -> Result<Own<T>, ConsentError>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&Ledger, &Bundle, &mut Change, &Act) -> Result<T, ConsentError>
            + Send
            + Sync
            + 'static,
    {
        let claim = match attempt {
            Some(attempt) => {
                let Begun { claim, told } = self.retries.begin::<ToldOwn<T>>(attempt).await?;
                if let Some(ToldOwn { epoch, what, row }) = told {
                    let place = self.audit.place(self.index_of(row).await?);
                    return Ok(Own { epoch, place, what });
                }
                Some(claim)
            }
            None => None,
        };
        let _acting = self.acting().await;
        let work = Arc::new(work);
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            let change = self.begin(handle, &bundle).await?;
            if change.created && !own.creates {
                return Err(ConsentError::NothingHeld);
            }
            let act = Act { purpose: own.purpose.clone(), ..self.plain(own.action, Method::App) };
            let (change, what) = self.worked(&work, &bundle, change, &act).await?;
            let (key, epoch) = (change.key.clone(), change.standing.epoch);
            let tell = |batch: &mut Batch| -> Result<T, ConsentError> {
                let told = ToldOwn { epoch, what, row: self.first_row(batch) };
                if let Some(claim) = &claim {
                    batch.put.push(claim.put(&self.entropy, &key, &told)?);
                }
                Ok(told.what)
            };
            match self.commit_with(&bundle, change, &act, tell).await {
                Ok((Some(index), epoch, what)) => {
                    return Ok(Own { epoch, place: self.audit.place(index), what });
                }
                // Only what takes a consent back holds without being durable.
                Ok((None, ..)) => return Err(ConsentError::Stopping),
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ConsentError::Contended)
    }

    async fn worked<T, F>(
        &self,
        work: &Arc<F>,
        bundle: &Arc<Bundle>,
        mut change: Change,
        act: &Act,
    ) -> Result<(Change, T), ConsentError>
    where
        T: Send + 'static,
        F: Fn(&Ledger, &Bundle, &mut Change, &Act) -> Result<T, ConsentError>
            + Send
            + Sync
            + 'static,
    {
        let (ledger, work) = (self.clone(), Arc::clone(work));
        let (bundle, act) = (Arc::clone(bundle), act.clone());
        off_the_worker(move || {
            let what = work(&ledger, &bundle, &mut change, &act)?;
            Ok((change, what))
        })
        .await
    }
}
