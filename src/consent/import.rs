//! Acts as another system recorded them, and what becomes of them here. `bring` decides and commits.

use crate::domain::{CategoryId, Detail, PurposeId, Timestamp};

use super::Action;

/// An act as another system recorded it.
#[derive(Clone, Debug)]
pub struct Import {
    /// Give, refuse or withdraw.
    pub action: Action,
    /// For which purpose.
    pub purpose: PurposeId,
    /// What was given and how finely; `None` for all that the purpose uses except sensitive ones.
    pub categories: Option<Vec<(CategoryId, Detail)>>,
    /// When it was done.
    pub at: Timestamp,
    /// When what was given ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The notice that was shown, as the other system names it.
    pub shown: Option<Shown>,
    /// Done by a verified guardian on behalf of a child.
    pub by_guardian: bool,
    /// Until when the person is under 14, if that is known.
    pub under_14_until: Option<Timestamp>,
}

/// A notice as another system names it: by version, by the digest of its text, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its version.
    pub version: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// The digest of its text, as `GET /v1/purposes` tells it.
    pub digest: Option<String>,
}

/// What became of an imported act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stands.
    Recorded,
    /// It stands and does not count: it was given to a notice that is not in force.
    AskAnew,
    /// It was here already.
    Unchanged,
    /// It was not taken.
    Refused(Unfit),
}

/// Why an imported act is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The catalogue has no such purpose.
    PurposeUnknown,
    /// The purpose is required and rests on no consent.
    PurposeRequired,
    /// The purpose does not use a category of it.
    CategoryUnknown,
    /// A category of it has no coarse form.
    NoCoarseForm,
    /// A category is named twice.
    CategoryTwice,
    /// A guardian's consent for somebody of whom no day is said on which they turn 14.
    NoChild,
    /// A consent that covers nothing.
    NoCategories,
    /// A consent that names no notice rests on nothing.
    NoticeMissing,
    /// It would be done in the future.
    InTheFuture,
    /// A consent that ends before it begins.
    EndsBeforeItBegins,
    /// What is known of the person is as new or newer.
    OlderThanState,
    /// The person was erased and asked not to come back by themselves.
    Suppressed,
}

impl Unfit {
    /// All reasons.
    pub const ALL: [Self; 12] = [
        Self::PurposeUnknown,
        Self::PurposeRequired,
        Self::CategoryUnknown,
        Self::NoCoarseForm,
        Self::CategoryTwice,
        Self::NoChild,
        Self::NoCategories,
        Self::NoticeMissing,
        Self::InTheFuture,
        Self::EndsBeforeItBegins,
        Self::OlderThanState,
        Self::Suppressed,
    ];

    /// The reason's word in a report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PurposeUnknown => "purpose_unknown",
            Self::PurposeRequired => "purpose_required",
            Self::CategoryUnknown => "category_unknown",
            Self::NoCoarseForm => "no_coarse_form",
            Self::CategoryTwice => "category_twice",
            Self::NoChild => "no_child",
            Self::NoCategories => "no_categories",
            Self::NoticeMissing => "notice_missing",
            Self::InTheFuture => "in_the_future",
            Self::EndsBeforeItBegins => "ends_before_it_begins",
            Self::OlderThanState => "older_than_state",
            Self::Suppressed => "suppressed",
        }
    }
}
