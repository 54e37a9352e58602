//! One change of a standing, on its way into a batch.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Act, Action, ConsentError, Ledger, Person, Standing,
    history::{Kept, RowMark, act_key},
    standing::standing_key,
};
use crate::{
    audit::{Draft, Event, RowKeys},
    domain::{Epoch, Method, Timestamp},
    policy::Bundle,
    store::{Batch, Expect},
    vault::{Handle, SubjectKey},
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
    /// Under which handle, if so.
    pub(super) newcomer: Option<Handle>,
    /// What else is written with it.
    pub(super) batch: Batch,
    /// What the act's row says in its body beyond what every act's says.
    pub(super) details: Map<String, Value>,
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
            newcomer: None,
            batch: Batch::default(),
            details: Map::new(),
            version: person.version(),
        }
    }

    /// The batch that writes the standing, the act, their row in the log and the new epoch, or none of them.
    pub(super) fn into_batch(
        mut self,
        ledger: &Ledger,
        bundle: &Bundle,
        act: &Act,
        urgent: bool,
    ) -> Result<Batch, ConsentError> {
        self.note(ledger, bundle, act)?;
        self.batch.urgent = urgent;
        self.finish(ledger)
    }

    /// Adds the act that made the present epoch, and its row.
    pub(super) fn note(
        &mut self,
        ledger: &Ledger,
        bundle: &Bundle,
        act: &Act,
    ) -> Result<(), ConsentError> {
        let (sid, epoch) = (self.key.sid(), self.standing.epoch);
        let rows = RowKeys::of(&self.key, self.standing.audit_epoch);
        let at = recorded_at(ledger, act);
        let draft = draft(bundle, act, (epoch, &self.details), at);
        let leaf = ledger.audit.seal(draft, &rows, None)?;
        let row = RowMark { nonce: leaf.nonce, after: ledger.store.log_size() };
        self.batch.leaves.push(leaf);
        let terms = ledger.terms(bundle, act, &self.standing)?;
        let kept = Kept { act: act.clone(), terms, row: Some(row) };
        self.batch.put.push(self.key.seal(&ledger.entropy, act_key(sid, epoch), None, &kept)?);
        // A person comes to be known once, with the first of their acts.
        if self.created && self.batch.leaves.len() == 1 {
            let created = created(bundle, act, at);
            self.batch.leaves.push(ledger.audit.seal(created, &rows, Some(&self.key))?);
        }
        Ok(())
    }

    /// The batch that writes the standing and what was noted.
    pub(super) fn finish(self, ledger: &Ledger) -> Result<Batch, ConsentError> {
        let sid = self.key.sid();
        let at = standing_key(sid);
        let mut batch = self.batch;
        batch.expect.push(Expect::Version { key: at.clone(), version: self.version });
        let over = (self.version > 0).then_some(self.version);
        batch.put.push(self.key.seal(&ledger.entropy, at, over, &self.standing)?);
        batch.raise.push((sid, Some(self.standing.epoch)));
        Ok(batch)
    }
}

/// When a row is written: an imported act is dated when it was done elsewhere, and its row when it came here, so that
/// the log's times follow its order and the row's body is kept as long as any other's.
fn recorded_at(ledger: &Ledger, act: &Act) -> Timestamp {
    match act.method {
        Method::Import => ledger.clock.now(),
        _ => act.at,
    }
}

fn draft(
    bundle: &Bundle,
    act: &Act,
    (epoch, details): (Epoch, &Map<String, Value>),
    at: Timestamp,
) -> Draft {
    let (event, outcome) = match act.action {
        Action::Give => (Event::ConsentGiven, "given"),
        Action::Refuse => (Event::ConsentRefused, "refused"),
        Action::Withdraw => (Event::ConsentWithdrawn, "withdrawn"),
        Action::Expire => (Event::ConsentExpired, "expired"),
        Action::Object => (Event::ConsentRefused, "objected"),
        Action::SetRules => (Event::RulesChanged, "set"),
        Action::Carry => (Event::ConsentCarried, "carried"),
        Action::Export => (Event::RightsExport, "exported"),
        Action::Link => (Event::SubjectLinked, "linked"),
        Action::Unlink => (Event::SubjectUnlinked, "unlinked"),
        Action::Guard => (Event::SubjectGuarded, "guarded"),
        Action::Unguard => (Event::SubjectUnguarded, "unguarded"),
        Action::Reset => (Event::RightsReset, "reset"),
        Action::UndoReset => (Event::RightsResetUndone, "undone"),
        Action::CloseReset => (Event::RightsResetClosed, "closed"),
        Action::Forget => (Event::RightsForgotten, "forgotten"),
        Action::Correct => (Event::RightsCorrected, "set"),
    };
    let mut body = json!({
        "t_ms": at.millis(),
        "epoch": epoch,
        "action": act.action.as_str(),
        "method": act.method.as_str(),
        "categories": act.words(),
        "notice": act.notice,
        "expires_at_ms": act.expires_at.map(crate::domain::Timestamp::millis),
        "by_guardian": act.by_guardian,
    });
    if let Some(fields) = body.as_object_mut() {
        if act.at != at {
            fields.insert("done_at_ms".to_owned(), act.at.millis().into());
        }
        fields.extend(details.clone());
    }
    Draft {
        event,
        outcome,
        reason: act.method.as_str(),
        purpose: act.purpose.clone(),
        recipient: None,
        ruleset: bundle.ruleset().to_owned(),
        at,
        rows: None,
        body: body.to_string().into_bytes(),
    }
}

fn created(bundle: &Bundle, act: &Act, at: Timestamp) -> Draft {
    Draft {
        event: Event::SubjectCreated,
        outcome: "created",
        reason: act.method.as_str(),
        purpose: None,
        recipient: None,
        ruleset: bundle.ruleset().to_owned(),
        at,
        rows: None,
        body: json!({ "t_ms": at.millis() }).to_string().into_bytes(),
    }
}
