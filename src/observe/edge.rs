//! What the JSON edge came to: its answers, the tokens it saw, and one line or span for each call where that is wanted.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Observer;
use crate::{
    domain::{PurposeId, Tier},
    gateway::{Answered, Spent},
    telemetry::{Counter, Histogram, Labelled},
};

/// The methods that the edge knows; any other is `other`.
pub(super) const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "other"];

/// The classes of statuses.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What one worker's edge came to.
#[derive(Debug, Default)]
pub(super) struct EdgeCounts {
    /// By the template of the path.
    pub(super) routes: Labelled<RouteCounts>,
    /// Problems, by their kind.
    pub(super) problems: Labelled<Counter>,
    /// Tokens that were refused, by why.
    pub(super) refused: Labelled<Counter>,
    /// Tokens that were accepted.
    pub(super) accepted: Counter,
}

/// What the calls of one path came to.
#[derive(Debug)]
pub(super) struct RouteCounts {
    /// By method and class of the status.
    pub(super) answers: [[Counter; CLASSES.len()]; METHODS.len()],
    /// From the head of the call to the head of the answer.
    pub(super) took: Histogram,
}

impl Default for RouteCounts {
    fn default() -> Self {
        Self { answers: Default::default(), took: Histogram::seconds() }
    }
}

/// The observer of one worker's edge.
pub struct Watch {
    counts: Arc<EdgeCounts>,
    observer: Observer,
    tells: bool,
}

/// What a recommendation call came to, for a line or a span.
#[derive(Clone, Debug)]
pub struct Story {
    /// What for.
    pub purpose: PurposeId,
    /// How personal the answer is.
    pub tier: Tier,
    /// The first reason for that, if there was a ruling.
    pub reason: Option<&'static str>,
    /// What went wrong, if something did.
    pub fault: Option<&'static str>,
    /// Where the time went.
    pub spent: Option<Spent>,
}

/// A call that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The template of its path.
    pub route: &'a str,
    /// Its method.
    pub method: &'a str,
    /// The answer's status.
    pub status: u16,
    /// The kind of problem that the answer is, if it is one.
    pub problem: Option<&'static str>,
    /// When its head was read.
    pub begun: Instant,
    /// The app that called, if one did and it is told.
    pub app: Option<&'a str>,
    /// What it came to, if that is told.
    pub story: Option<&'a Story>,
}

impl Story {
    /// What `answered` tells of a call for `purpose`.
    #[must_use]
    pub fn of(purpose: PurposeId, answered: &Answered) -> Self {
        let decision = &answered.decision;
        Self {
            purpose,
            tier: answered.tier,
            reason: decision.reasons.first().map(|reason| reason.as_str()),
            fault: decision.fault.map(|fault| fault.0),
            spent: answered.spent,
        }
    }
}

impl Watch {
    pub(super) fn new(counts: Arc<EdgeCounts>, observer: Observer) -> Self {
        let ground = &observer.0.ground;
        let tells = ground.access_log || ground.traces.is_some();
        Self { counts, observer, tells }
    }

    /// The whole that this is a part of.
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Whether calls are told one by one, so that it is worth knowing more of them.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.tells
    }

    /// A token was accepted, or refused for this reason.
    pub fn token(&self, refused: Option<&'static str>) {
        match refused {
            None => self.counts.accepted.one(),
            Some(reason) => self.counts.refused.of(reason).one(),
        }
    }

    /// A call was answered.
    pub fn answered(&self, heard: &Heard<'_>) {
        let took = heard.begun.elapsed();
        let route = self.counts.routes.of(heard.route);
        route.took.observe(took);
        let method = METHODS.iter().position(|method| *method == heard.method);
        let class = usize::from(heard.status / 100).saturating_sub(1);
        let answers = route.answers.get(method.unwrap_or(METHODS.len() - 1));
        answers.and_then(|classes| classes.get(class)).inspect(|count| count.one());
        if let Some(problem) = heard.problem {
            self.counts.problems.of(problem).one();
        }
        if self.tells {
            self.tell(heard, took);
        }
    }

    fn tell(&self, heard: &Heard<'_>, took: Duration) {
        let ground = &self.observer.0.ground;
        if let Some(traces) = &ground.traces {
            traces.tell(heard, took, ground.clock.now());
        }
        if ground.access_log {
            tracing::info!(
                http.route = heard.route,
                http.method = heard.method,
                http.status = heard.status,
                duration_ms = took.as_secs_f64() * 1e3,
                app = heard.app,
                tier = heard.story.map(|story| story.tier.as_str()),
                "answered"
            );
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("tells", &self.tells).finish_non_exhaustive()
    }
}
