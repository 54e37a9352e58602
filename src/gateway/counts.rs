//! What calls came to, counted for each worker by itself, and where their time went.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use super::{Answered, Tracked};
use crate::{
    domain::{PurposeId, RecipientId, Tier},
    policy::ReasonCode,
    telemetry::{Counter, Histogram, Labelled},
};

/// What the calls of one worker came to.
#[derive(Debug)]
pub struct Counts {
    /// By purpose.
    pub purposes: Labelled<PurposeCounts>,
    /// By recipient.
    pub recipients: Labelled<RecipientCounts>,
    /// From a call that is read to its answer, before it is worded.
    pub call: Histogram,
    /// How long a decision waited for its row to be durable.
    pub record: Histogram,
    /// Reading, re-ranking and filling up the list.
    pub rank: Histogram,
    /// Answers whose decision the log could not take.
    pub unrecorded: Counter,
    /// Rows that were taken back, by why.
    pub voided: Labelled<Counter>,
    /// Items that a person had muted: proposed, caught by the last look at a list, shown.
    pub muted: Labelled<Counter>,
    /// Events that were used for a purpose.
    pub events_accepted: Counter,
    /// Events that went on to a model.
    pub events_forwarded: Counter,
    /// Events that were not used, by why.
    pub events_dropped: Labelled<Counter>,
}

/// What the calls for one purpose came to.
#[derive(Debug, Default)]
pub struct PurposeCounts {
    /// By tier, and by the reason's place in [`ReasonCode::ALL`]; behind them those without a reason, which were
    /// answered without a ruling.
    decided: [[Counter; REASONS + 1]; Tier::ALL.len()],
    /// Answers that are not what they could have been, by why.
    pub faults: Labelled<Counter>,
}

/// What one recipient was sent, and how it answered.
#[derive(Debug)]
pub struct RecipientCounts {
    /// Calls of which at least a byte may have left.
    pub disclosed: Counter,
    /// Calls by outcome: `answered` or the fault.
    pub outcomes: Labelled<Counter>,
    /// From asking for a connection to the last byte of the answer, or to its fault.
    pub took: Histogram,
    last: AtomicU8,
}

const REASONS: usize = ReasonCode::ALL.len();

/// Nothing is known yet; it answered; it did not.
const UNKNOWN: u8 = 0;
const ANSWERED: u8 = 1;
const FAILED: u8 = 2;

/// When one stage of a call began and how long it took.
pub type Stage = (Instant, Duration);

/// Where a call's time went.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Waiting for the row of the decision to be durable.
    pub record: Stage,
    /// Waiting for the model, if one was asked.
    pub model: Option<Stage>,
    /// Reading, re-ranking and filling up the list.
    pub rank: Stage,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            purposes: Labelled::default(),
            recipients: Labelled::default(),
            call: Histogram::seconds(),
            record: Histogram::seconds(),
            rank: Histogram::seconds(),
            unrecorded: Counter::default(),
            voided: Labelled::default(),
            muted: Labelled::default(),
            events_accepted: Counter::default(),
            events_forwarded: Counter::default(),
            events_dropped: Labelled::default(),
        }
    }
}

impl Default for RecipientCounts {
    fn default() -> Self {
        Self {
            disclosed: Counter::default(),
            outcomes: Labelled::default(),
            took: Histogram::seconds(),
            last: AtomicU8::new(UNKNOWN),
        }
    }
}

impl Counts {
    /// A call for `purpose` was answered.
    pub(super) fn answered(&self, purpose: &PurposeId, answered: &Answered, begun: Instant) {
        self.call.observe(begun.elapsed());
        let counts = self.purposes.of(purpose.as_str());
        let reason = answered.decision.reasons.first().map_or(REASONS, |reason| *reason as usize);
        let tier = Tier::ALL.iter().position(|tier| *tier == answered.tier);
        let cell = tier.and_then(|tier| counts.decided.get(tier)?.get(reason));
        cell.inspect(|count| count.one());
        if let Some(fault) = answered.decision.fault {
            counts.faults.of(fault.0).one();
        }
        if answered.log.is_none() {
            self.unrecorded.one();
        }
    }

    /// A recipient was sent something, or was to be. `sent` says whether a byte may have left.
    pub(super) fn asked(
        &self,
        recipient: &RecipientId,
        outcome: Result<(), &'static str>,
        sent: bool,
        begun: Instant,
    ) {
        let counts = self.recipients.of(recipient.as_str());
        counts.took.observe(begun.elapsed());
        counts.outcomes.of(outcome.err().unwrap_or("answered")).one();
        counts.last.store(if outcome.is_ok() { ANSWERED } else { FAILED }, Ordering::Relaxed);
        if sent {
            counts.disclosed.one();
        }
    }

    /// Events came to this.
    pub(super) fn tracked(&self, tracked: &Tracked) {
        self.events_accepted.add(tracked.accepted as u64);
        self.events_forwarded.add(tracked.forwarded as u64);
        for dropped in &tracked.dropped {
            self.events_dropped.of(&dropped.reason).one();
        }
    }
}

impl PurposeCounts {
    /// How many answers had each tier and first reason; `none` where there was no ruling. Those that never were are
    /// left out.
    pub fn decided(&self) -> impl Iterator<Item = (Tier, &'static str, u64)> {
        Tier::ALL.into_iter().zip(&self.decided).flat_map(|(tier, reasons)| {
            let words = ReasonCode::ALL.iter().map(|reason| reason.as_str()).chain(["none"]);
            words
                .zip(reasons)
                .map(move |(reason, count)| (tier, reason, count.value()))
                .filter(|(.., count)| *count > 0)
        })
    }
}

impl RecipientCounts {
    /// Whether this worker's last call was answered; `None` before the first.
    #[must_use]
    pub fn answers(&self) -> Option<bool> {
        match self.last.load(Ordering::Relaxed) {
            UNKNOWN => None,
            last => Some(last == ANSWERED),
        }
    }
}
