//! A recipient is asked to delete by OpenDSR 2.0, as a processor of ours.
//!
//! The order's id comes from what is owed alone, so nothing is kept between two tries: each asks how that order stands, and
//! sends it where there is none. It is confirmed once the recipient says that it is completed.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    consent::Deletion,
    domain::Timestamp,
    rights::opendsr::PublicKey,
    upstream::{Letter, Post, Reply},
};

/// How long a recipient that does not answer is left alone: what else it owes need not wait for it, nor other recipients.
const REST: Duration = Duration::from_secs(30);

/// Until when a recipient is left alone, in milliseconds since 1970.
#[derive(Debug, Default)]
pub struct Rest(AtomicI64);

/// A recipient that is asked by OpenDSR.
#[derive(Debug)]
pub struct ByOpenDsr {
    /// What stands before `/requests`.
    pub url: String,
    /// What it calls our pseudonyms.
    pub identity_type: String,
    /// The regulation that requests name.
    pub regulation: String,
    /// The headers that go with every call.
    pub headers: Vec<(String, String)>,
    /// Whose signature counts, if any is asked for.
    pub certificate: Option<PublicKey>,
    /// What carries the calls.
    pub post: Post,
    /// Until when it is left alone; it is not at first.
    pub rest: Rest,
}

impl ByOpenDsr {
    /// Whether it did not answer a moment ago.
    pub(super) fn is_left_alone(&self, now: Timestamp) -> bool {
        now.millis() < self.rest.0.load(Ordering::Relaxed)
    }

    /// Whether it says that it has deleted what it holds under `pseudonym`. One that knows of no such order is sent it.
    pub(super) async fn ask(&self, deletion: &Deletion, pseudonym: &str, now: Timestamp) -> bool {
        let id = order(deletion, pseudonym);
        let url = format!("{}/requests/{id}", self.url);
        let Some(status) = self.exchange(Letter::get(&url, self.headers.clone()), now).await else {
            return false;
        };
        if status.status != 404 {
            return status.status == 200 && says_done(&status.body, &id);
        }
        let body = json!({
            "regulation": self.regulation,
            "subject_request_id": id,
            "subject_request_type": "erasure",
            "submitted_time": now.rfc3339(),
            "subject_identities": [{
                "identity_type": self.identity_type,
                "identity_value": pseudonym,
                "identity_format": "raw",
            }],
            "api_version": "2.0",
        });
        let mut headers = self.headers.clone();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let url = format!("{}/requests", self.url);
        let letter = Letter::post(&url, headers, body.to_string().into_bytes());
        // Taken is not done: the next try asks how it stands.
        let _ = self.exchange(letter, now).await;
        false
    }

    /// The answer, if there is one that counts. What there is nothing at cannot be signed by everyone, so a 404 counts.
    async fn exchange(&self, letter: Letter, now: Timestamp) -> Option<Reply> {
        let Ok(reply) = self.post.send(letter).await else {
            self.rest.0.store(now.after(REST).millis(), Ordering::Relaxed);
            return None;
        };
        let Some(certificate) = &self.certificate else { return Some(reply) };
        let signature = ["x-opendsr-signature", "x-opengdpr-signature"]
            .iter()
            .find_map(|name| reply.headers.get(*name))
            .and_then(|value| value.to_str().ok());
        let holds = signature.is_some_and(|it| certificate.verifies(&reply.body, it));
        (reply.status == 404 || holds).then_some(reply)
    }
}

/// A name for what is owed that only who knows the pseudonym can make.
fn order(deletion: &Deletion, pseudonym: &str) -> Uuid {
    let mut context = Context::new(&SHA256);
    let queued = deletion.queued_at.millis().to_be_bytes();
    let recipient = deletion.recipient.as_str().as_bytes();
    for part in [b"consentry/opendsr/v1".as_slice(), recipient, pseudonym.as_bytes(), &queued] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    let bytes = digest.as_ref().first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Whether an answer says that the order `id` is done, and done whole: the protocol has no word for a refusal, so those who
/// need one tell an outcome in an extension of theirs.
fn says_done(body: &[u8], id: &Uuid) -> bool {
    let Ok(told) = serde_json::from_slice::<Value>(body) else { return false };
    let text = |name: &str| told.get(name).and_then(Value::as_str);
    let falls_short = |extension: &Value| extension.get("outcome").is_some_and(Value::is_string);
    let extensions = told.get("extensions").and_then(Value::as_object);
    text("request_status") == Some("completed")
        && text("subject_request_id").and_then(|told| told.parse().ok()) == Some(*id)
        && !extensions.is_some_and(|all| all.values().any(falls_short))
}
