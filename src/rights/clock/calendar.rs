//! Which days are working days.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use super::ClockError;

/// The working days of a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    weekend: Vec<Weekday>,
    holidays: BTreeSet<Date>,
    /// The last day of the years, without a gap between them, whose holidays are known.
    known_until: Option<Date>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    weekend: Vec<DayName>,
    #[serde(default)]
    year: Vec<Year>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Year {
    year: i16,
    holidays: Vec<Date>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DayName {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Calendar {
    /// Reads a calendar from the text of `file`.
    ///
    /// # Errors
    /// When it does not parse, leaves no working day in a week, or lists a day under another year.
    pub fn parse(file: &str, text: &str) -> Result<Self, ClockError> {
        let wrong = |reason: String| ClockError::File { file: file.to_owned(), reason };
        let written: Written = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let weekend: Vec<Weekday> = written.weekend.into_iter().map(Weekday::from).collect();
        if (0..7).all(|day| weekend.iter().any(|off| off.to_monday_zero_offset() == day)) {
            return Err(wrong("a week needs a working day".to_owned()));
        }
        let mut years: Vec<i16> = Vec::new();
        let mut holidays = BTreeSet::new();
        for Year { year, holidays: days } in written.year {
            if let Some(day) = days.iter().find(|day| day.year() != year) {
                return Err(wrong(format!("{day} stands under {year}")));
            }
            if years.contains(&year) {
                return Err(wrong(format!("{year} stands twice")));
            }
            years.push(year);
            holidays.extend(days);
        }
        years.sort_unstable();
        if years.iter().zip(years.iter().skip(1)).any(|(one, next)| *next != one + 1) {
            return Err(wrong("a year is missing between others".to_owned()));
        }
        let known_until = years.last().and_then(|year| Date::new(*year, 12, 31).ok());
        Ok(Self { weekend, holidays, known_until })
    }

    /// Whether people work on `day`, as far as is known.
    #[must_use]
    pub fn is_working(&self, day: Date) -> bool {
        !self.weekend.contains(&day.weekday()) && !self.holidays.contains(&day)
    }

    /// The last day up to which holidays are known; `None` where none are.
    #[must_use]
    pub fn known_until(&self) -> Option<Date> {
        self.known_until
    }

    /// `day` if it is a working day, else the next one.
    pub(super) fn working_from(&self, day: Date) -> Result<Date, ClockError> {
        let mut day = day;
        while !self.is_working(day) {
            day = day.tomorrow()?;
        }
        Ok(day)
    }
}

impl From<DayName> for Weekday {
    fn from(day: DayName) -> Self {
        match day {
            DayName::Mon => Self::Monday,
            DayName::Tue => Self::Tuesday,
            DayName::Wed => Self::Wednesday,
            DayName::Thu => Self::Thursday,
            DayName::Fri => Self::Friday,
            DayName::Sat => Self::Saturday,
            DayName::Sun => Self::Sunday,
        }
    }
}
