//! One law: its duties, and how it counts.

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    Calendar, ClockError,
    file::{Length, Written, WrittenDuty},
};
use crate::rights::Right;

/// What a duty is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matter {
    /// A request of a person's.
    Right(Right),
    /// Telling a person what was recorded of their consent to advertising messages (Network Act article 50(7)).
    MarketingAnswer,
    /// Confirming a consent to advertising messages (Network Act article 50(8)).
    MarketingConfirmation,
}

/// What must have happened by the end of the last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// The person has an answer: what was done, or why not.
    Answer,
    /// What was asked for is done.
    Act,
}

/// Whether the day of receipt counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Receipt {
    Excluded,
    Included,
}

/// What becomes of a last day that is no working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LastDay {
    /// It moves to the next one.
    NextWorkingDay,
    /// It stays.
    Stays,
}

/// Why a deadline is extended: what laws let count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionReason {
    /// The request is complex.
    Complexity,
    /// There are many requests.
    NumberOfRequests,
    /// There is a just cause (정당한 사유), which the person is told.
    JustCause,
}

/// A law.
#[derive(Clone, Debug)]
pub struct Law {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) version: String,
    pub(super) zone: TimeZone,
    pub(super) calendar: Calendar,
    pub(super) receipt: Receipt,
    pub(super) source: String,
    duties: Vec<Duty>,
}

/// One duty.
#[derive(Clone, Debug)]
pub(super) struct Duty {
    of: Vec<Matter>,
    pub(super) does: Does,
    pub(super) within: Length,
    pub(super) source: String,
    pub(super) extensions: Vec<Extension>,
    pub(super) acknowledge: Option<(Length, String)>,
    pub(super) recurs: bool,
    pub(super) before_the_date: bool,
    pub(super) last_day: LastDay,
}

/// An extension that a law gives.
#[derive(Clone, Debug)]
pub struct Extension {
    pub(super) within: Option<Length>,
    reasons: Vec<ExtensionReason>,
    source: String,
}

impl Law {
    pub(super) fn parse(
        (id, text): (&str, &str),
        version: String,
        home: &TimeZone,
        calendar: impl Fn(&str) -> Option<Calendar>,
    ) -> Result<Self, ClockError> {
        let file = format!("{id}.toml");
        let wrong = |reason: String| ClockError::File { file: file.clone(), reason };
        let written: Written = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let zone = match &written.time_zone {
            Some(name) => TimeZone::get(name)
                .map_err(|_| wrong(format!("{name} is no name of the time zone database")))?,
            None => home.clone(),
        };
        let no_calendar = || wrong(format!("there is no {}.calendar.toml", written.calendar));
        let calendar = calendar(&written.calendar).ok_or_else(no_calendar)?;
        let usual = written.counting.last_day;
        let mut duties: Vec<Duty> = Vec::new();
        for duty in written.duty {
            if let Some(again) =
                duty.of.iter().find(|of| duties.iter().any(|known| known.of.contains(of)))
            {
                return Err(wrong(format!("{} has two times", again.as_str())));
            }
            duties.push(Duty::of(duty, usual).map_err(|reason| wrong(reason.to_owned()))?);
        }
        Ok(Self {
            id: id.to_owned(),
            title: written.title,
            version,
            zone,
            calendar,
            receipt: written.counting.day_of_receipt,
            source: written.counting.source,
            duties,
        })
    }

    /// Its name: that of its file.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The first 8 bytes, in hex, of the SHA-256 over its file and the calendars: what a deadline was counted by.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name of the zone whose days it counts.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Where it says how days are counted.
    #[must_use]
    pub fn counting_source(&self) -> &str {
        &self.source
    }

    /// Where it names the time for `matter`, and what must have happened by then.
    ///
    /// # Errors
    /// When it names none.
    pub fn source(&self, matter: Matter) -> Result<(&str, Does), ClockError> {
        self.duty(matter).map(|duty| (duty.source.as_str(), duty.does))
    }

    /// Where it says that a receipt is confirmed, if it does.
    #[must_use]
    pub fn acknowledge_source(&self, matter: Matter) -> Option<&str> {
        let (_, source) = self.duty(matter).ok()?.acknowledge.as_ref()?;
        Some(source)
    }

    /// The extensions that it gives for `matter`, in the order in which they are used up.
    #[must_use]
    pub fn extensions(&self, matter: Matter) -> &[Extension] {
        self.duty(matter).map_or(&[], |duty| &duty.extensions)
    }

    pub(super) fn duty(&self, matter: Matter) -> Result<&Duty, ClockError> {
        self.duties.iter().find(|duty| duty.of.contains(&matter)).ok_or(ClockError::NoDuty)
    }
}

impl Duty {
    fn of(written: WrittenDuty, usual: LastDay) -> Result<Self, &'static str> {
        let acknowledge = written.acknowledge.map(|first| (first.within, first.source));
        let lengths = written.extensions.iter().filter_map(|extension| extension.within);
        let lengths = lengths.chain([written.within]).chain(acknowledge.iter().map(|(l, _)| *l));
        if lengths.into_iter().any(Length::is_nothing) {
            return Err("a time of nothing is none");
        }
        if written.extensions.iter().any(|extension| extension.reasons.is_empty()) {
            return Err("an extension needs reasons");
        }
        let extension = |written: super::file::WrittenExtension| Extension {
            within: written.within,
            reasons: written.reasons,
            source: written.source,
        };
        Ok(Self {
            of: written.of,
            does: written.does,
            within: written.within,
            source: written.source,
            extensions: written.extensions.into_iter().map(extension).collect(),
            acknowledge,
            recurs: written.recurs,
            before_the_date: written.before_the_date,
            last_day: written.last_day.unwrap_or(usual),
        })
    }
}

impl Extension {
    /// Whether it may be given for `reason`.
    #[must_use]
    pub fn is_for(&self, reason: ExtensionReason) -> bool {
        self.reasons.contains(&reason)
    }

    /// The reasons it may be given for.
    #[must_use]
    pub fn reasons(&self) -> &[ExtensionReason] {
        &self.reasons
    }

    /// Where the law gives it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether whoever extends names the day, since the law names no length.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.within.is_none()
    }
}

impl ExtensionReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Complexity, Self::NumberOfRequests, Self::JustCause];

    /// The word in JSON and in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complexity => "complexity",
            Self::NumberOfRequests => "number_of_requests",
            Self::JustCause => "just_cause",
        }
    }
}

impl Matter {
    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right(right) => right.as_str(),
            Self::MarketingAnswer => "marketing_answer",
            Self::MarketingConfirmation => "marketing_confirmation",
        }
    }
}

impl<'de> Deserialize<'de> for Matter {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        match word.as_str() {
            "marketing_answer" => Ok(Self::MarketingAnswer),
            "marketing_confirmation" => Ok(Self::MarketingConfirmation),
            right => right.parse().map(Self::Right).map_err(serde::de::Error::custom),
        }
    }
}
