//! How long a connection may take for what it is doing.
//!
//! A connection has one timer, which fires every few seconds however many calls there are; a call only notes in which
//! phase the connection is and since when. All of it happens on one thread, so the notes need no order among
//! themselves.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// How long each phase may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A head, from its first byte.
    pub(super) head: Duration,
    /// A rest between two calls, or before the first.
    pub(super) idle: Duration,
    /// A call, from the first byte of its head; and the time in which nothing of an answer is taken.
    pub(super) deadline: Duration,
}

impl Patience {
    fn shortest(&self) -> Duration {
        self.head.min(self.idle).min(self.deadline)
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No byte of the next head has come.
    Rest,
    /// Some of a head has come.
    Head,
    /// A call is under way.
    Call,
    /// Its answer is being written.
    Answer,
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing, until then.
    Later(Instant),
    /// The call has had its time: it is answered so.
    Late,
    /// The client has had its time: the connection is closed.
    Over,
}

/// What a connection is doing, and since when.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    phase: AtomicU8,
    /// Milliseconds after `began`.
    since: AtomicU64,
    late: AtomicBool,
}

impl Pace {
    /// A connection that has just come.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            phase: AtomicU8::new(Phase::Rest as u8),
            since: AtomicU64::new(0),
            late: AtomicBool::new(false),
        }
    }

    /// Bytes have come. The first ones after a rest begin a head.
    pub(super) fn read(&self) {
        match self.phase() {
            Phase::Rest => self.turn(Phase::Head),
            Phase::Answer => self.turn(Phase::Answer),
            Phase::Head | Phase::Call => {}
        }
    }

    /// Bytes have been taken.
    pub(super) fn wrote(&self) {
        if self.phase() == Phase::Answer {
            self.turn(Phase::Answer);
        }
    }

    /// A head is complete. The call's time began with its first byte.
    pub(super) fn called(&self) {
        if self.phase() == Phase::Rest {
            // The whole head came together with the call before.
            self.turn(Phase::Call);
        }
        self.late.store(false, Relaxed);
        self.phase.store(Phase::Call as u8, Relaxed);
    }

    /// The head of the answer is there.
    pub(super) fn answered(&self) {
        self.turn(Phase::Answer);
    }

    /// Everything of the answer is handed over, or the call is gone.
    pub(super) fn rested(&self) {
        self.turn(Phase::Rest);
    }

    /// Whether the call under way has had its time.
    pub(super) fn is_late(&self) -> bool {
        self.late.load(Relaxed)
    }

    /// What is to be done now, if no phase may last longer than `patience` says.
    pub(super) fn verdict(&self, patience: &Patience) -> Verdict {
        let (now, phase) = (Instant::now(), self.phase());
        let limit = match phase {
            Phase::Rest => patience.idle,
            Phase::Head => patience.head,
            Phase::Call | Phase::Answer => patience.deadline,
        };
        let ends = self.began + Duration::from_millis(self.since.load(Relaxed)) + limit;
        if now < ends {
            // The next phase may be a shorter one.
            return Verdict::Later(ends.min(now + patience.shortest()));
        }
        match phase {
            Phase::Call if !self.late.swap(true, Relaxed) => Verdict::Late,
            // It was told and did not end: it keeps its thread from nothing, so it is looked at again.
            Phase::Call => Verdict::Later(now + patience.shortest()),
            Phase::Rest | Phase::Head | Phase::Answer => Verdict::Over,
        }
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Rest,
            1 => Phase::Head,
            2 => Phase::Call,
            _ => Phase::Answer,
        }
    }

    fn turn(&self, phase: Phase) {
        let since = self.began.elapsed().as_millis();
        self.since.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        deadline: Duration::from_secs(30),
    };

    async fn after(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn is_later(pace: &Pace) -> bool {
        matches!(pace.verdict(&PATIENCE), Verdict::Later(_))
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_over_ten_seconds_after_its_first_byte() {
        let pace = Pace::new();
        after(60).await;
        assert!(is_later(&pace), "a rest may last longer");
        pace.read();
        for _ in 0..9 {
            after(1).await;
            pace.read();
            assert!(is_later(&pace));
        }
        after(1).await;
        assert_eq!(pace.verdict(&PATIENCE), Verdict::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_is_set_to_the_end_of_a_phase_that_began_after_it_was_set() {
        let pace = Pace::new();
        let Verdict::Later(first) = pace.verdict(&PATIENCE) else { panic!("too early") };
        after(9).await;
        pace.read();
        tokio::time::advance(first - Instant::now()).await;
        let Verdict::Later(second) = pace.verdict(&PATIENCE) else { panic!("too early") };
        assert_eq!(second - first, Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_call_is_told_once_and_its_rest_counts_anew() {
        let pace = Pace::new();
        pace.read();
        pace.called();
        after(29).await;
        assert!(is_later(&pace) && !pace.is_late());
        after(1).await;
        assert_eq!(pace.verdict(&PATIENCE), Verdict::Late);
        assert!(pace.is_late() && is_later(&pace));
        pace.rested();
        after(74).await;
        assert!(is_later(&pace));
        pace.read();
        pace.called();
        assert!(!pace.is_late(), "the next call has its own time");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_over_and_one_that_is_taken_slowly_is_not() {
        let pace = Pace::new();
        pace.read();
        pace.called();
        pace.answered();
        for _ in 0..5 {
            after(29).await;
            pace.wrote();
        }
        assert!(is_later(&pace));
        after(30).await;
        assert_eq!(pace.verdict(&PATIENCE), Verdict::Over);
    }
}
