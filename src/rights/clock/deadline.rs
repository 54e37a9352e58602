//! Counting: from a moment of receipt to the end of a last day.

use jiff::{Span, civil::Date};

use super::{
    Calendar, ClockError, Law, Matter,
    file::Length,
    law::{Duty, LastDay, Receipt},
};
use crate::domain::Timestamp;

/// The end of a statutory time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The last day, in the law's zone.
    pub last_day: Date,
    /// The moment at which that day has ended there: what happens from then on is late.
    pub ends_at: Timestamp,
    /// The last day up to which the holidays of the law's calendar are known; `None` where none are. A deadline beyond it may
    /// be earlier than the law's.
    pub holidays_known_until: Option<Date>,
}

impl Law {
    /// When what was received at `received` is due, after `extensions` of those that the law gives.
    ///
    /// An extended time is one longer time from the receipt: 1 + 2 months are 3 months, and a last day that was moved past a
    /// weekend is not counted from. That is never later than counting from the moved day.
    ///
    /// # Errors
    /// When the law names no time for it, or no length for one of the extensions.
    pub fn due(
        &self,
        matter: Matter,
        received: Timestamp,
        extensions: usize,
    ) -> Result<Deadline, ClockError> {
        let duty = self.duty(matter)?;
        let longer = duty.extensions.get(..extensions).ok_or(ClockError::NoExtension)?;
        let mut lengths = vec![duty.within];
        for extension in longer {
            lengths.push(extension.within.ok_or(ClockError::NoExtension)?);
        }
        self.deadline(duty, received, &lengths, duty.before_the_date)
    }

    /// By when the receipt is to be confirmed, if the law says so.
    ///
    /// # Errors
    /// When the law names no time for it.
    pub fn acknowledge_by(
        &self,
        matter: Matter,
        received: Timestamp,
    ) -> Result<Option<Deadline>, ClockError> {
        let duty = self.duty(matter)?;
        let Some((length, _)) = &duty.acknowledge else { return Ok(None) };
        self.deadline(duty, received, &[*length], false).map(Some)
    }

    /// The first end after `now` of a time that begins anew each time it ends, counted from `since` each time: what began on
    /// a February 29 comes back to it in leap years.
    ///
    /// # Errors
    /// When the law names no such time.
    pub fn next_due(
        &self,
        matter: Matter,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Deadline, ClockError> {
        let duty = self.duty(matter)?;
        if !duty.recurs {
            return Err(ClockError::NoDuty);
        }
        let mut lengths = Vec::new();
        loop {
            lengths.push(duty.within);
            let deadline = self.deadline(duty, since, &lengths, duty.before_the_date)?;
            if deadline.ends_at > now {
                return Ok(deadline);
            }
        }
    }

    /// The deadline whose last day is `day`, as somebody named it.
    ///
    /// # Errors
    /// When the day is out of range.
    pub fn at_end_of(&self, day: Date) -> Result<Deadline, ClockError> {
        // The first moment of the day after, which may not be midnight where clocks are set forward at that time.
        let end = day.tomorrow()?.to_zoned(self.zone.clone())?;
        Ok(Deadline {
            last_day: day,
            ends_at: Timestamp::from_millis(end.timestamp().as_millisecond()),
            holidays_known_until: self.calendar.known_until(),
        })
    }

    /// The day of a moment in the law's zone.
    ///
    /// # Errors
    /// When the moment is out of range.
    pub fn day_of(&self, at: Timestamp) -> Result<Date, ClockError> {
        Ok(jiff::Timestamp::from_millisecond(at.millis())?.to_zoned(self.zone.clone()).date())
    }

    fn deadline(
        &self,
        duty: &Duty,
        received: Timestamp,
        lengths: &[Length],
        before_the_date: bool,
    ) -> Result<Deadline, ClockError> {
        let received = self.day_of(received)?;
        let lengths = joined(lengths);
        let counts = self.receipt == Receipt::Included;
        let by_date = matches!(lengths.first(), Some(Length::Months(_) | Length::Years(_)));
        // A day of receipt that counts is the first of the days, and the one before it is counted from.
        let from = if counts && !by_date { received.yesterday()? } else { received };
        let mut last = from;
        for length in lengths {
            last = after(last, length, &self.calendar)?;
        }
        // Before the same date; where the month has no such date, its last day is before it already.
        if (before_the_date || counts && by_date) && last.day() == from.day() {
            last = last.yesterday()?;
        }
        if duty.last_day == LastDay::NextWorkingDay {
            last = self.calendar.working_from(last)?;
        }
        self.at_end_of(last)
    }
}

/// Neighbours of one unit as one length: two months after one month is three months.
fn joined(lengths: &[Length]) -> Vec<Length> {
    let mut joined: Vec<Length> = Vec::with_capacity(lengths.len());
    for length in lengths {
        match (joined.last_mut(), length) {
            (Some(Length::Days(n)), Length::Days(more))
            | (Some(Length::BusinessDays(n)), Length::BusinessDays(more))
            | (Some(Length::Months(n)), Length::Months(more))
            | (Some(Length::Years(n)), Length::Years(more)) => *n = n.saturating_add(*more),
            _ => joined.push(*length),
        }
    }
    joined
}

/// The day that is `length` after `from`, which does not count itself.
fn after(from: Date, length: Length, calendar: &Calendar) -> Result<Date, ClockError> {
    Ok(match length {
        Length::Days(n) => from.checked_add(Span::new().days(i64::from(n)))?,
        // A month without that date ends with its last day.
        Length::Months(n) => from.checked_add(Span::new().months(i64::from(n)))?,
        Length::Years(n) => from.checked_add(Span::new().try_years(i64::from(n))?)?,
        Length::BusinessDays(n) => {
            let mut day = from;
            for _ in 0..n {
                day = calendar.working_from(day.tomorrow()?)?;
            }
            day
        }
    })
}
