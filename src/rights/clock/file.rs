//! The written form of a law.

use serde::Deserialize;

use super::law::{Does, ExtensionReason, LastDay, Matter, Receipt};

/// A file of a law.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) title: String,
    /// A name of the IANA time zone database; the controller's zone if absent.
    pub(super) time_zone: Option<String>,
    /// The name of a calendar: `NAME.calendar.toml`.
    pub(super) calendar: String,
    pub(super) counting: Counting,
    pub(super) duty: Vec<WrittenDuty>,
}

/// How days are counted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counting {
    pub(super) day_of_receipt: Receipt,
    pub(super) last_day: LastDay,
    /// Where the law says so; required, so that nobody counts by habit.
    pub(super) source: String,
}

/// One duty, or several with the same time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDuty {
    pub(super) of: Vec<Matter>,
    pub(super) does: Does,
    pub(super) within: Length,
    pub(super) source: String,
    #[serde(default)]
    pub(super) extensions: Vec<WrittenExtension>,
    pub(super) acknowledge: Option<Acknowledge>,
    #[serde(default)]
    pub(super) recurs: bool,
    #[serde(default)]
    pub(super) before_the_date: bool,
    /// In place of the law's own rule.
    pub(super) last_day: Option<LastDay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenExtension {
    /// Absent where the law names none: whoever extends names the day.
    pub(super) within: Option<Length>,
    #[serde(rename = "for")]
    pub(super) reasons: Vec<ExtensionReason>,
    pub(super) source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledge {
    pub(super) within: Length,
    pub(super) source: String,
}

/// A length of time, in exactly one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Length {
    Days(u16),
    BusinessDays(u16),
    Months(u16),
    Years(u16),
}

impl Length {
    pub(super) fn is_nothing(self) -> bool {
        let (Self::Days(n) | Self::BusinessDays(n) | Self::Months(n) | Self::Years(n)) = self;
        n == 0
    }
}
