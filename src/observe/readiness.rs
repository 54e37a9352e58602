//! Whether the gateway can do its work at this moment.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Inner, numbers};
use crate::store::Unavailable;

/// How long a group may take to be written before the journal counts as stalled: so long that a busy disk does not
/// flap, so short that a stall is told within a second.
const STALLED_AFTER: Duration = Duration::from_millis(500);

/// Whether a gateway is ready, and what was looked at.
#[derive(Clone, Debug)]
pub struct Readiness {
    ready: bool,
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// Whether the gateway counts as ready only if it is. What is not needed is told for information.
    pub needed: bool,
    /// What there is to say of it.
    pub facts: Map<String, Value>,
}

impl Readiness {
    pub(super) fn of(of: &Inner) -> Self {
        let checks = vec![
            needed("accepting", !of.is_draining(), json!({})),
            journal(of),
            disk(of),
            view(of),
            needed("state_confirmed", !of.is_unconfirmed(), json!({})),
            needed("policy", true, json!({ "version": of.ground.policies.current().version() })),
            models(of),
        ];
        let ready = checks.iter().all(|check| check.ok || !check.needed);
        Self { ready, checks }
    }

    /// Whether it is ready.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.ready
    }

    /// What was looked at.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What was looked at.
    #[must_use]
    pub fn into_checks(self) -> Vec<Check> {
        self.checks
    }
}

fn journal(of: &Inner) -> Check {
    let (trouble, pulse) = (trouble(of), of.ground.store.pulse());
    let stalled = pulse.writing_for.is_some_and(|length| length > STALLED_AFTER);
    let word = match trouble {
        // Has a check of its own.
        None | Some(Unavailable::DiskLow | Unavailable::View) => stalled.then_some("stalled"),
        Some(Unavailable::Stalled) => Some("stalled"),
        Some(Unavailable::JournalFull) => Some("full"),
        Some(Unavailable::Write) => Some("write_failed"),
        Some(Unavailable::Sync) => Some("sync_failed"),
        Some(Unavailable::Closed) => Some("closed"),
    };
    let mut facts = json!({ "waiting": pulse.waiting });
    for (name, value) in [
        ("trouble", word.map(Value::from)),
        ("synced_ms_ago", pulse.synced_ago.map(millis)),
        ("writing_for_ms", pulse.writing_for.map(millis)),
    ] {
        if let (Some(facts), Some(value)) = (facts.as_object_mut(), value) {
            facts.insert(name.to_owned(), value);
        }
    }
    needed("journal", word.is_none(), facts)
}

fn disk(of: &Inner) -> Check {
    let health = of.ground.store.health();
    let low = health.trouble == Some(Unavailable::DiskLow);
    needed("disk", !low, json!({ "free_bytes": health.disk_free }))
}

fn view(of: &Inner) -> Check {
    needed("view", trouble(of) != Some(Unavailable::View), json!({}))
}

/// Not needed: without its models the gateway still answers every call, from what is popular.
fn models(of: &Inner) -> Check {
    let shards = of.ground.gateway.counts().all();
    let each: Map<String, Value> = of
        .ground
        .gateway
        .models()
        .map(|model| model.recipient().id.as_str())
        .map(|recipient| {
            let word = match numbers::answers(&shards, recipient) {
                Some(true) => "answering",
                Some(false) => "failing",
                None => "not_asked_yet",
            };
            (recipient.to_owned(), word.into())
        })
        .collect();
    let ok = each.values().all(|word| word != "failing");
    Check { name: "models", ok, needed: false, facts: each }
}

fn trouble(of: &Inner) -> Option<Unavailable> {
    of.ground.store.health().trouble
}

fn needed(name: &'static str, ok: bool, facts: Value) -> Check {
    let facts = match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    };
    Check { name, ok, needed: true, facts }
}

fn millis(length: Duration) -> Value {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX).into()
}
