//! One change of a standing, on its way into a batch.

use std::sync::Arc;

use serde_json::json;

use super::{
    Act, Action, ConsentError, Ledger, Person, Standing, history::act_key, standing::standing_key,
};
use crate::{
    audit::{Draft, Event, RowKeys},
    domain::Epoch,
    policy::Bundle,
    store::{Batch, Expect},
    vault::SubjectKey,
};

/// A standing that is being changed.
pub(super) struct Change {
    pub(super) key: SubjectKey,
    /// How it was.
    pub(super) before: Arc<Standing>,
    /// How it will be: one epoch later.
    pub(super) standing: Standing,
    /// Whether the person comes to be known by this change.
    pub(super) created: bool,
    /// What else is written with it.
    pub(super) batch: Batch,
    version: u64,
}

impl Change {
    pub(super) fn begin(person: &Person) -> Self {
        let mut standing = Standing::clone(&person.standing);
        standing.epoch = standing.epoch.next();
        Self {
            key: person.key.clone(),
            before: person.standing.clone(),
            standing,
            created: false,
            batch: Batch::default(),
            version: person.version(),
        }
    }

    /// The batch that writes the standing, the act, their row in the log and the new epoch, or none of them.
    pub(super) fn into_batch(
        self,
        ledger: &Ledger,
        bundle: &Bundle,
        act: &Act,
        urgent: bool,
    ) -> Result<Batch, ConsentError> {
        let (sid, epoch) = (self.key.sid(), self.standing.epoch);
        let at = standing_key(sid);
        let mut batch = self.batch;
        batch.expect.push(Expect::Version { key: at.clone(), version: self.version });
        let over = (self.version > 0).then_some(self.version);
        batch.put.push(self.key.seal(&ledger.entropy, at, over, &self.standing)?);
        batch.put.push(self.key.seal(&ledger.entropy, act_key(sid, epoch), None, act)?);
        batch.raise.push((sid, Some(epoch)));
        batch.urgent = urgent;
        let rows = RowKeys::of(&self.key, self.standing.audit_epoch);
        batch.leaves.push(ledger.audit.seal(draft(bundle, act, epoch), &rows, None)?);
        if self.created {
            let created = created(bundle, act);
            batch.leaves.push(ledger.audit.seal(created, &rows, Some(&self.key))?);
        }
        Ok(batch)
    }
}

fn draft(bundle: &Bundle, act: &Act, epoch: Epoch) -> Draft {
    let (event, outcome) = match act.action {
        Action::Give => (Event::ConsentGiven, "given"),
        Action::Refuse => (Event::ConsentRefused, "refused"),
        Action::Withdraw => (Event::ConsentWithdrawn, "withdrawn"),
        Action::Expire => (Event::ConsentExpired, "expired"),
        Action::Object => (Event::ConsentRefused, "objected"),
        Action::SetRules => (Event::RulesChanged, "set"),
        Action::Carry => (Event::ConsentCarried, "carried"),
    };
    let body = json!({
        "t_ms": act.at.millis(),
        "epoch": epoch,
        "action": act.action.as_str(),
        "method": act.method.as_str(),
        "categories": act.words(),
        "notice": act.notice,
        "expires_at_ms": act.expires_at.map(crate::domain::Timestamp::millis),
        "by_guardian": act.by_guardian,
    });
    Draft {
        event,
        outcome,
        reason: act.method.as_str(),
        purpose: act.purpose.clone(),
        recipient: None,
        ruleset: bundle.ruleset().to_owned(),
        at: act.at,
        rows: None,
        body: body.to_string().into_bytes(),
    }
}

fn created(bundle: &Bundle, act: &Act) -> Draft {
    Draft {
        event: Event::SubjectCreated,
        outcome: "created",
        reason: act.method.as_str(),
        purpose: None,
        recipient: None,
        ruleset: bundle.ruleset().to_owned(),
        at: act.at,
        rows: None,
        body: json!({ "t_ms": act.at.millis() }).to_string().into_bytes(),
    }
}
