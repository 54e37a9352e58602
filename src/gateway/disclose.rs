//! Log before disclose, and the gate: the two steps between a decision and the first byte that leaves.

use std::{
    borrow::Cow,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::json;

use super::{Fault, Gateway, Stage};
use crate::{
    audit::{
        CallKind, DecisionBody, Draft, Event, Logged, RowKeys, SentBody, VoidBody, WithheldBody,
    },
    consent::{Guard, Person},
    domain::{PurposeId, Timestamp, hex},
    policy::{Passage, Permit, Ruling, Shaped},
    store::{Batch, CommitError, Expect},
    upstream::{Clearance, Model, Outbound, UpstreamFault},
    vault::SubjectKey,
};

/// The largest outbound body that a row keeps whole, in bytes; of a larger one it keeps the hash and the fields.
const KEPT_WHOLE: usize = 4096;

/// How many calls were answered without a row since the journal last took one.
#[derive(Debug, Default)]
pub(super) struct Gap(AtomicU64);

impl Gap {
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A decision whose row is durable.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) logged: Logged,
    /// The row's nonce, which names the answer.
    pub(super) nonce: [u8; 16],
    pub(super) keys: RowKeys,
    /// Whose rows they are; `None` for nobody's.
    key: Option<SubjectKey>,
    pub(super) at: Timestamp,
    /// How long it was waited for.
    pub(super) waited: Stage,
    /// How long the model was waited for, if one was asked.
    pub(super) asked: OnceLock<Stage>,
    /// Whether a later row has taken it back.
    void: AtomicBool,
}

impl Recorded {
    /// Whether the log says that the decision came to nothing.
    pub(super) fn is_void(&self) -> bool {
        self.void.load(Ordering::Relaxed)
    }

    /// What a later row under the same keys expects: that the person is known still.
    pub(super) fn known(&self) -> Option<Expect> {
        self.key.as_ref().map(|key| Expect::Known { sid: key.sid() })
    }
}

/// Why a decision was not recorded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unrecorded {
    /// The standing it rests on is no longer in force.
    Changed,
    /// The log takes no rows.
    Fault(Fault),
}

/// What came of a disclosure.
#[derive(Debug)]
pub(super) enum Disclosed {
    /// The model's answer.
    Answer(Bytes),
    /// The consent or the policy changed before all bytes were written. The row is void.
    Changed,
    /// The model gave no answer. Unless a byte may have reached it, the row is void.
    Fault(UpstreamFault),
}

/// What a decision's row says.
pub(super) struct Decided<'a> {
    pub(super) kind: CallKind,
    pub(super) ruling: &'a Ruling,
    pub(super) shaped: &'a Shaped,
    pub(super) person: Option<&'a Person>,
    pub(super) purpose: &'a PurposeId,
    pub(super) model: Option<&'a Model>,
    pub(super) outbound: Option<&'a Outbound>,
    pub(super) now: Timestamp,
}

impl Gateway {
    /// Makes the row of a decision durable, in order with the acts on the standing it rests on; `also` is written
    /// with it or not at all.
    pub(super) async fn record(
        &self,
        decided: Decided<'_>,
        also: Batch,
    ) -> Result<Recorded, Unrecorded> {
        let keys = match decided.person {
            Some(person) => person.row_keys(),
            None => RowKeys::of(&self.audit.nobody(), 0),
        };
        let (draft, at) = (decided.draft(), decided.now);
        let leaf = self.audit.seal(draft, &keys, None);
        let leaf = leaf.map_err(|_| Unrecorded::Fault(Fault::JOURNAL))?;
        let nonce = leaf.nonce;
        let mut batch = also;
        batch.leaves.push(leaf);
        if let Some(person) = decided.person {
            let (sid, epoch) = (person.key.sid(), person.standing.epoch);
            batch.expect.push(Expect::Epoch { sid, epoch });
        }
        let begun = Instant::now();
        match self.audit.record(batch).await {
            Ok(logged) => {
                let waited = (begun, begun.elapsed());
                self.counts.record.observe(waited.1);
                self.report_gap();
                let (asked, void) = (OnceLock::new(), AtomicBool::new(false));
                let key = decided.person.map(|person| person.key.clone());
                Ok(Recorded { logged, nonce, keys, key, at, waited, asked, void })
            }
            Err(CommitError::Conflict) => Err(Unrecorded::Changed),
            Err(_) => Err(Unrecorded::Fault(Fault::JOURNAL)),
        }
    }

    /// Sends what was recorded, and waits no longer than `within`. `permit` is looked at once more at the gate: its
    /// epoch, its end, and whether the policy that ruled is still in force.
    pub(super) async fn disclose(
        &self,
        model: &Model,
        permit: &Permit,
        outbound: Outbound,
        recorded: &Recorded,
        within: Duration,
    ) -> Disclosed {
        let now = self.clock.now();
        if !permit.holds(now) {
            self.void(recorded, permit.ruling(), "permit_ended", false);
            return Disclosed::Changed;
        }
        let Some(passage) = permit.pass() else {
            self.void(recorded, permit.ruling(), "policy_changed", false);
            return Disclosed::Changed;
        };
        let clearance = match permit.sid() {
            Some(sid) => {
                let Some(guard) =
                    self.ledger.gates().enter(sid, permit.epoch(), permit.purpose(), now)
                else {
                    self.void(recorded, permit.ruling(), "gate_closed", false);
                    return Disclosed::Changed;
                };
                Cleared { _logged: recorded.logged, _passage: passage, guard: Some(guard) }
            }
            // Nothing personal leaves, so there is no gate to pass.
            None => Cleared { _logged: recorded.logged, _passage: passage, guard: None },
        };
        let begun = Instant::now();
        let sent = model.send_within(within, outbound, clearance).await;
        let _ = recorded.asked.set((begun, begun.elapsed()));
        let left = sent.as_ref().map_or_else(UpstreamFault::sent, |_| true);
        let outcome = sent.as_ref().map(|_| ()).map_err(UpstreamFault::code);
        self.counts.asked(&model.recipient().id, outcome, left, begun);
        match sent {
            Ok(bytes) => Disclosed::Answer(bytes),
            Err(fault) => {
                let cut = matches!(fault, UpstreamFault::Revoked | UpstreamFault::Cut);
                if cut || !fault.sent() {
                    self.void(recorded, permit.ruling(), fault.code(), fault.sent());
                }
                if cut { Disclosed::Changed } else { Disclosed::Fault(fault) }
            }
        }
    }

    /// Whether what was decided on this standing, and until `valid_until`, still stands.
    pub(super) fn still_stands(&self, person: Option<&Person>, valid_until: Timestamp) -> bool {
        let stands = |person: &Person| self.ledger.stands(person.key.sid(), person.standing.epoch);
        self.clock.now() < valid_until && person.is_none_or(stands)
    }

    /// Says in the log, once, that a recorded decision was not sent, or that its answer was thrown away: `sent` tells
    /// whether its bytes may have reached the recipient. Nothing waits for it: the row only takes back what an earlier row
    /// allowed.
    pub(super) fn void(&self, recorded: &Recorded, ruling: &Ruling, why: &'static str, sent: bool) {
        if recorded.void.swap(true, Ordering::Relaxed) {
            return;
        }
        let body = VoidBody {
            t_ms: self.clock.now().millis(),
            of: recorded.logged.index(),
            why: Cow::Borrowed(why),
            sent: Some(sent),
        };
        // Words and numbers: there is nothing in it that JSON could not say.
        self.take_back(recorded, ruling, why, serde_json::to_vec(&body).unwrap_or_default());
    }

    /// Says in the log that a try brought no answer and another follows.
    pub(super) fn void_tried(&self, recorded: &Recorded, ruling: &Ruling, fault: UpstreamFault) {
        self.void(recorded, ruling, fault.code(), fault.sent());
    }

    fn take_back(&self, recorded: &Recorded, ruling: &Ruling, why: &'static str, body: Vec<u8>) {
        self.counts.voided.of(why).one();
        let draft = Draft {
            event: Event::DecisionVoid,
            outcome: "void",
            reason: ruling.reasons().main().as_str(),
            purpose: Some(ruling.purpose().clone()),
            recipient: None,
            ruleset: ruling.ruleset().to_owned(),
            at: self.clock.now(),
            rows: None,
            body,
        };
        // An export that came meanwhile has closed the epoch of the decision's keys: nothing new goes under them.
        let later = recorded.key.as_ref().and_then(|key| self.ledger.later_row_keys(key));
        let keys = later.as_ref().unwrap_or(&recorded.keys);
        let Ok(leaf) = self.audit.seal(draft.clone(), keys, None) else { return };
        let expect: Vec<Expect> = recorded.known().into_iter().collect();
        let is_somebodys = !expect.is_empty();
        let written =
            self.store.commit_soon(Batch { expect, leaves: vec![leaf], ..Batch::default() });
        if is_somebodys {
            let gateway = self.clone();
            tokio::spawn(async move {
                // Their keys are being destroyed, or are: the decision is taken back in a row about nobody.
                if let Err(CommitError::Conflict) = written.await
                    && let Ok(leaf) = gateway.audit.seal_nobody(draft)
                {
                    let batch = Batch { leaves: vec![leaf], ..Batch::default() };
                    drop(gateway.store.commit_soon(batch));
                }
            });
        }
    }

    /// Counts a call that is answered without a row.
    pub(super) fn missed(&self) {
        self.gap.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The first row after a gap says how many calls the gap swallowed.
    fn report_gap(&self) {
        let missed = self.gap.0.swap(0, Ordering::Relaxed);
        if missed == 0 {
            return;
        }
        let draft = Draft {
            event: Event::AuditGap,
            outcome: "gap",
            reason: Fault::JOURNAL.0,
            purpose: None,
            recipient: None,
            ruleset: self.policies.current().ruleset().to_owned(),
            at: self.clock.now(),
            rows: Some(missed),
            body: json!({ "t_ms": self.clock.now().millis() }).to_string().into_bytes(),
        };
        let gateway = self.clone();
        tokio::spawn(async move {
            if gateway.audit.record_nobody(draft).await.is_err() {
                gateway.gap.0.fetch_add(missed, Ordering::Relaxed);
            }
        });
    }
}

/// What a model's connection holds while it writes: the proof that the row is durable, leave under the policy that
/// ruled, and the open gate.
struct Cleared {
    _logged: Logged,
    _passage: Passage,
    guard: Option<Guard>,
}

impl Clearance for Cleared {
    fn poll_revoked(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.guard.as_ref().map_or(Poll::Pending, |guard| guard.poll_revoked(cx))
    }
}

impl Decided<'_> {
    fn draft(&self) -> Draft {
        let ruling = self.ruling;
        Draft {
            event: Event::Decision,
            outcome: ruling.tier().as_str(),
            reason: ruling.reasons().main().as_str(),
            purpose: Some(self.purpose.clone()),
            recipient: self.model.map(|model| model.recipient().id.clone()),
            ruleset: ruling.ruleset().to_owned(),
            at: self.now,
            rows: None,
            body: self.body(),
        }
    }

    fn body(&self) -> Vec<u8> {
        let withheld = self.shaped.withheld.iter().map(|withheld| WithheldBody {
            category: withheld.category.clone(),
            reason: Cow::Borrowed(withheld.reason.as_str()),
            sent_as: withheld.sent_as.as_deref().map(Cow::Borrowed),
        });
        let body = DecisionBody {
            t_ms: self.now.millis(),
            kind: Some(self.kind),
            epoch: self.person.map(|person| person.standing.epoch),
            policies: self.ruling.policies().map(Cow::Borrowed).collect(),
            used: Cow::Borrowed(&self.shaped.used),
            withheld: withheld.collect(),
            outbound: self.outbound.map(|outbound| sent(outbound, self.shaped)),
        };
        // Words, numbers and texts: there is nothing in it that JSON could not say.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// The bytes that leave, as the row keeps them.
fn sent<'a>(outbound: &'a Outbound, shaped: &Shaped) -> SentBody<'a> {
    let bytes = &outbound.body;
    let whole = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= KEPT_WHOLE);
    let digest = || hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    let is_large = whole.is_none();
    SentBody {
        method: Cow::Borrowed(outbound.method.as_str()),
        path: Cow::Borrowed(outbound.path.as_ref()),
        body: whole.map(Cow::Borrowed),
        sha256: is_large.then(|| Cow::Owned(digest())),
        length: is_large.then_some(bytes.len()),
        fields: is_large.then(|| serde_json::to_value(&shaped.fields).unwrap_or_default()),
    }
}
