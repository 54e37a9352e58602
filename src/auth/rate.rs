//! How often an app may call: one limit for all threads, by the generic cell rate algorithm (`governor`).
//!
//! A call costs one atomic exchange, and nothing for an app without a rate.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter, clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use serde::Deserialize;

use super::App;
use crate::{
    ambient::{Clock, Steady},
    domain::AppId,
};

/// `rate` of `[[app]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many calls a second may come in the long run.
    pub per_second: NonZeroU32,
    /// How many may come at once after a rest; as many as in a second if absent.
    pub burst: Option<NonZeroU32>,
}

impl Rate {
    /// How many calls may come at once after a rest.
    #[must_use]
    pub fn burst(self) -> NonZeroU32 {
        self.burst.unwrap_or(self.per_second)
    }

    /// In how many seconds as many calls as the burst are allowed anew; 1 at least.
    #[must_use]
    pub fn window(self) -> u32 {
        self.burst().get().div_ceil(self.per_second.get())
    }
}

/// An app has called more often than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app calls more often than it may")]
pub struct TooMany {
    /// What it may.
    pub rate: Rate,
    /// After how long it may call again.
    pub wait: Duration,
}

impl TooMany {
    /// After how many whole seconds it may call again.
    #[must_use]
    pub fn wait_seconds(&self) -> u32 {
        let begun = u64::from(self.wait.subsec_nanos() > 0);
        u32::try_from(self.wait.as_secs() + begun).unwrap_or(u32::MAX).max(1)
    }
}

/// What counts one app's calls.
pub(super) struct Limiter {
    rate: Rate,
    calls: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    ticks: Ticks,
}

impl Limiter {
    fn new(rate: Rate, clock: &Clock) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst());
        let ticks = Ticks(clock.steady());
        Self { rate, calls: RateLimiter::direct_with_clock(quota, ticks.clone()), ticks }
    }

    /// Counts a call, if it may come.
    pub(super) fn count(&self) -> Result<(), TooMany> {
        self.calls.check().map_err(|not_until| TooMany {
            rate: self.rate,
            wait: not_until.wait_time_from(clock::Clock::now(&self.ticks)),
        })
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({:?})", self.rate)
    }
}

/// The limiters of the apps that have a rate.
#[derive(Debug, Default)]
pub(super) struct Limiters(HashMap<AppId, Arc<Limiter>>);

impl Limiters {
    pub(super) fn of<'a>(apps: impl Iterator<Item = &'a App>, clock: &Clock) -> Self {
        let limiter =
            |app: &App| app.rate.map(|rate| (app.id.clone(), Arc::new(Limiter::new(rate, clock))));
        Self(apps.filter_map(limiter).collect())
    }

    pub(super) fn of_app(&self, id: &AppId) -> Option<Arc<Limiter>> {
        self.0.get(id).cloned()
    }
}

/// Our clock, as the limiter reads it: one that does not jump with the wall clock.
#[derive(Clone, Debug)]
struct Ticks(Steady);

impl clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn rate(per_second: u32, burst: u32) -> Rate {
        let whole = |count| NonZeroU32::new(count).unwrap();
        Rate { per_second: whole(per_second), burst: Some(whole(burst)) }
    }

    #[test]
    fn a_burst_passes_and_then_as_many_as_a_second_allows() {
        let start = Timestamp::parse("2026-11-22T03:00:00Z").unwrap();
        let (clock, hand) = Clock::manual(start);
        let limiter = Limiter::new(rate(2, 5), &clock);
        let passed = || std::iter::from_fn(|| limiter.count().ok()).count();
        assert_eq!(passed(), 5);
        assert_eq!(limiter.count().unwrap_err().wait, Duration::from_millis(500));
        hand.set(start.after(Duration::from_secs(1)));
        assert_eq!(passed(), 2);
        hand.set(start.after(Duration::from_secs(60)));
        assert_eq!(passed(), 5, "a rest saves up no more than a burst");
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        let told = |wait| TooMany { rate: rate(1, 1), wait }.wait_seconds();
        assert_eq!(told(Duration::from_millis(1)), 1);
        assert_eq!(told(Duration::from_secs(1)), 1);
        assert_eq!(told(Duration::from_millis(1001)), 2);
        assert_eq!((rate(200, 400).window(), rate(200, 10).window()), (2, 1));
    }

    #[test]
    fn a_rate_of_nothing_is_no_rate() {
        for text in ["per_second = 0", "burst = 3", "per_second = 1\nburst = 0", "per_minute = 1"] {
            assert!(toml::from_str::<Rate>(text).is_err(), "{text}");
        }
        assert_eq!(toml::from_str::<Rate>("per_second = 3").unwrap().burst().get(), 3);
    }
}
