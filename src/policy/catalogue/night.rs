//! The night, in which advertising messages need a consent of their own.

use crate::domain::Timestamp;

/// The hours in which advertising messages need a consent of their own, in a zone without daylight saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    pub(super) from_hour: i64,
    pub(super) until_hour: i64,
    pub(super) offset_minutes: i64,
}

impl Night {
    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * Self::HOUR_MS;

    /// Whether `now` is in the night: the first moment is inside, the last one outside.
    #[must_use]
    pub fn covers(self, now: Timestamp) -> bool {
        let hour = self.local(now).rem_euclid(Self::DAY_MS).div_euclid(Self::HOUR_MS);
        if self.from_hour <= self.until_hour {
            (self.from_hour..self.until_hour).contains(&hour)
        } else {
            hour >= self.from_hour || hour < self.until_hour
        }
    }

    /// The next moment at which the night begins or ends.
    #[must_use]
    pub fn next_change(self, now: Timestamp) -> Timestamp {
        let into_day = self.local(now).rem_euclid(Self::DAY_MS);
        let wait = [self.from_hour, self.until_hour]
            .into_iter()
            .map(|hour| (hour * Self::HOUR_MS - into_day - 1).rem_euclid(Self::DAY_MS) + 1)
            .fold(Self::DAY_MS, i64::min);
        Timestamp::from_millis(now.millis().saturating_add(wait))
    }

    fn local(self, now: Timestamp) -> i64 {
        now.millis().saturating_add(self.offset_minutes * 60_000)
    }
}
