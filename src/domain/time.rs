//! A moment, as milliseconds since the Unix epoch.

use std::time::Duration;

/// A moment in milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The end of time: what has no end is valid until then.
    pub const NEVER: Self = Self(i64::MAX);

    /// A moment `ms` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The minute this moment lies in, in seconds since the Unix epoch: all that the public log says of a time.
    #[must_use]
    pub const fn minute(self) -> i64 {
        self.seconds().div_euclid(60) * 60
    }

    /// The moment `length` later.
    #[must_use]
    pub fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment `length` earlier.
    #[must_use]
    pub fn before(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The calendar year of this moment, in UTC.
    #[must_use]
    pub fn year(self) -> i32 {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest);
        i32::from(jiff::tz::Offset::UTC.to_datetime(moment).year())
    }

    /// The RFC 3339 form in UTC with milliseconds. Moments outside the years -9999 to 9999 are cut to that range.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest);
        format!("{moment:.3}")
    }

    /// Reads an RFC 3339 moment.
    ///
    /// # Errors
    /// When the text is no RFC 3339 date and time with an offset.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self(moment.as_millisecond()))
    }
}
