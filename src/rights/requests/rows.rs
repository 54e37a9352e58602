//! The rows of requests.

use serde_json::{Value, json};

use super::{Age, Docket, Filed, Note};
use crate::{
    audit::{Draft, Event},
    rights::Rights,
};

impl Rights {
    /// A row about `docket`; `what` is the outcome, and the sealed body holds what was said.
    pub(super) fn request_row(
        &self,
        event: Event,
        what: &'static str,
        docket: &Docket,
        said: Value,
    ) -> Draft {
        let now = self.clock.now();
        let mut body = json!({
            "t_ms": now.millis(),
            "request": docket.id.to_string(),
            "right": docket.right.as_str(),
            "law": docket.law,
            "law_version": docket.law_version,
            "received_ms": docket.received_at.millis(),
            "due_ms": docket.due_at.millis(),
            "by": docket.app.as_ref().map_or("self", |_| "app"),
        });
        if let (Some(body), Value::Object(said)) = (body.as_object_mut(), said) {
            body.extend(said);
        }
        Draft {
            event,
            outcome: what,
            reason: docket.right.as_str(),
            purpose: None,
            recipient: None,
            ruleset: self.policies.current().ruleset().to_owned(),
            at: now,
            rows: None,
            body: body.to_string().into_bytes(),
        }
    }
}

/// What a body says of a request when it comes.
pub(super) fn said(filed: &Filed) -> Value {
    let wanted = &filed.wanted;
    json!({
        "purposes": wanted.purposes,
        "item": wanted.item,
        "recommendation": wanted.recommendation,
        "under_14": wanted.age.map(|age| age != Age::Grown),
        "under_14_until_ms": match wanted.age {
            Some(Age::ChildUntil(until)) => Some(until.millis()),
            _ => None,
        },
        "statement": wanted.statement,
        "suppress": wanted.suppress,
        "identity": filed.proof.map(|proof| json!({
            "method": proof.method.as_str(), "verified_ms": proof.verified_at.millis(),
        })),
    })
}

/// What a body says of a step.
pub(super) fn noted(note: &Note) -> Value {
    json!({ "reason": note.reason, "answer": note.text, "done": note.done, "see": note.see })
}
