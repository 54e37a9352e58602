//! A calendar month in UTC: the unit in which bodies are kept and dropped.

use std::{fmt, str::FromStr};

use crate::domain::Timestamp;

/// A month in UTC, written `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: i16,
    month: u8,
}

impl Period {
    /// The month `month` (1 to 12) of the years 0 to 9999.
    #[must_use]
    pub fn new(year: i16, month: u8) -> Option<Self> {
        ((0..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// The month that `at` lies in. Moments outside the years 0 to 9999 count to the nearest month inside.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days; years begin in March.
        let days = at.seconds().div_euclid(86_400).saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let day = days.rem_euclid(146_097);
        let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march = (5 * day_of_year + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        match i16::try_from(year) {
            Ok(year @ 0..=9999) => Self { year, month: u8::try_from(month).unwrap_or(12) },
            _ if year < 0 => Self { year: 0, month: 1 },
            _ => Self { year: 9999, month: 12 },
        }
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// The text is no month.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a period is a month, written YYYY-MM")]
pub struct InvalidPeriod;

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').filter(|_| text.len() == 7);
        parts
            .and_then(|(year, month)| Self::new(year.parse().ok()?, month.parse().ok()?))
            .filter(|period| period.to_string() == text)
            .ok_or(InvalidPeriod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_lies_in_the_month_that_its_date_names() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59.999Z",
            "2000-02-29T12:00:00Z",
            "2000-03-01T00:00:00Z",
            "2026-11-22T00:37:24Z",
            "1900-03-01T00:00:00Z",
            "2024-02-29T00:00:00Z",
        ] {
            let at = Timestamp::parse(text).unwrap();
            assert!(text.starts_with(&format!("{}-", Period::of(at))), "{text}");
        }
        assert_eq!(Period::of(Timestamp::NEVER).to_string(), "9999-12");
        assert_eq!(Period::of(Timestamp::from_millis(i64::MIN)).to_string(), "0000-01");
    }

    #[test]
    fn only_a_month_reads_as_a_period() {
        assert_eq!("2026-11".parse::<Period>().unwrap(), Period::new(2026, 11).unwrap());
        for bad in ["2026-13", "2026-00", "+026-01", "2026-1", "2026-011", "", "bodies"] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }
}
