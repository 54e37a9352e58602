//! Which rows are wanted, and in which order.

use super::Said;
use crate::domain::Timestamp;

/// From when to when, by the minute that a row tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first minute: the one this moment lies in.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether a row of this minute, in Unix seconds, lies in it.
    #[must_use]
    pub fn holds(self, minute: i64) -> bool {
        self.from.is_none_or(|from| from.minute() <= minute)
            && self.until.is_none_or(|until| minute.saturating_mul(1000) < until.millis())
    }

    /// Whether all rows between two minutes lie in it, and whether any can.
    pub(super) fn meets(self, (first, last): (i64, i64)) -> (bool, bool) {
        let all = self.holds(first) && self.holds(last);
        let from = self.from.is_none_or(|from| from.minute() <= last);
        let until = self.until.is_none_or(|until| first.saturating_mul(1000) < until.millis());
        (all, from && until)
    }
}

/// Which rows are wanted. A list admits the words in it; an empty one admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// When.
    pub span: Span,
    /// What happened.
    pub events: Vec<String>,
    /// How it ended.
    pub outcomes: Vec<String>,
    /// For which purpose; `-` for none.
    pub purposes: Vec<String>,
    /// To whom; `-` for nobody.
    pub recipients: Vec<String>,
    /// Why.
    pub reasons: Vec<String>,
    /// Under which rulesets.
    pub rulesets: Vec<String>,
}

/// The order of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were written.
    #[default]
    Ascending,
    /// The latest first.
    Descending,
}

impl Order {
    /// The word in calls.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

impl Filter {
    /// Whether a row is wanted.
    pub(super) fn admits(&self, row: &Said<'_>) -> bool {
        self.span.holds(row.minute)
            && self.admits_words([
                row.event,
                row.outcome,
                row.purpose,
                row.recipient,
                row.reason,
                row.ruleset,
            ])
    }

    /// Whether rows with these words are wanted, of some time.
    pub(super) fn admits_words(&self, words: [&str; 6]) -> bool {
        self.lists().iter().zip(words).all(|((_, wanted), word)| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == word)
        })
    }

    /// The lists by their names in calls.
    #[must_use]
    pub fn lists(&self) -> [(&'static str, &[String]); 6] {
        [
            ("event", &self.events),
            ("outcome", &self.outcomes),
            ("purpose", &self.purposes),
            ("recipient", &self.recipients),
            ("reason", &self.reasons),
            ("policy", &self.rulesets),
        ]
    }
}
