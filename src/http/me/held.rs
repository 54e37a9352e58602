//! The wire form of what is held of a person for one purpose.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    catalog::WINDOW,
    consent::Rules,
    domain::{CategoryId, Detail, Timestamp},
    gateway::{Held, Kept},
    http::consents::standing::StandingForPurpose,
    policy::{Catalogue, Purpose},
};

/// A purpose, where you stand and what is held of you for it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnPurpose<'a> {
    #[serde(flatten)]
    standing: StandingForPurpose<'a>,
    /// Its title.
    title: &'a str,
    /// Whether the service cannot be given without it; then no consent is asked.
    required: bool,
    /// The legal basis: `consent`, `contract` or `legal_obligation`.
    basis: &'static str,
    /// For how many days data for it are kept at most, by the notice.
    retention_days: u32,
    /// The data categories that it may use.
    uses: Vec<OwnCategory<'a>>,
    /// The names of those who receive data for it; `recipients` says more of each.
    recipients: Vec<&'a str>,
    /// What is held.
    held: OwnHeld,
}

/// A data category of a purpose.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnCategory<'a> {
    /// Its name.
    #[schema(value_type = String)]
    id: &'a CategoryId,
    /// Its title.
    title: &'a str,
    /// Whether it needs a consent that names it.
    sensitive: bool,
    /// How finely you agreed to it: `none`, `coarse` or `fine`.
    #[schema(value_type = String)]
    detail: Detail,
    /// Whether you switched it off by a rule of yours.
    switched_off: bool,
}

/// What is held of you for a purpose.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::http) struct OwnHeld {
    /// Calls in which you met items, for the list of what is popular.
    #[schema(inline)]
    meetings: OwnMeetings,
    /// Tags of what you met with their weights, heaviest first; kept while you consent.
    tastes: Vec<OwnTaste>,
    /// Calls of events that a model inside the gateway was told; kept while you consent.
    #[schema(inline)]
    told: OwnKept,
    /// Records that a reset of yours left behind: not used, and there until the reset can no longer be undone.
    left_behind: usize,
}

/// Meetings with items.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::http) struct OwnMeetings {
    /// How many calls.
    records: usize,
    /// How many items they name.
    items: usize,
    /// When the oldest was.
    #[schema(required, format = DateTime)]
    oldest: Option<String>,
    /// When the newest was.
    #[schema(required, format = DateTime)]
    newest: Option<String>,
    /// From when on the oldest is deleted, if you do not withdraw before.
    #[schema(required, format = DateTime)]
    oldest_kept_until: Option<String>,
}

/// A tag with its weight.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnTaste {
    /// The tag.
    tag: String,
    /// How much of what you met carries it.
    weight: f64,
}

/// Records.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::http) struct OwnKept {
    /// How many.
    records: usize,
    /// When the oldest was.
    #[schema(required, format = DateTime)]
    oldest: Option<String>,
    /// When the newest was.
    #[schema(required, format = DateTime)]
    newest: Option<String>,
}

impl<'a> OwnPurpose<'a> {
    pub(super) fn of(
        catalogue: &'a Catalogue,
        (purpose, language): (&'a Purpose, &str),
        standing: StandingForPurpose<'a>,
        (rules, recipients, held): (&Rules, Vec<&'a str>, OwnHeld),
    ) -> Self {
        let uses = catalogue.categories_of(purpose).map(|category| {
            let given = standing.categories.iter().find(|given| given.id == category.id());
            OwnCategory {
                id: category.id(),
                title: category.title(language),
                sensitive: category.sensitive(),
                detail: given.map_or(Detail::None, |given| given.detail),
                switched_off: rules.categories_off.contains(category.id()),
            }
        });
        Self {
            title: purpose.title(language),
            required: purpose.required(),
            basis: purpose.basis().as_str(),
            retention_days: purpose.retention_days(),
            uses: uses.collect(),
            recipients,
            held,
            standing,
        }
    }
}

impl OwnHeld {
    pub(super) fn of(held: Option<&Held>) -> Self {
        let Some(Held { meetings, met_items, tastes, told, left_behind }) = held else {
            return Self::default();
        };
        let until = meetings.oldest.map(|oldest| oldest.after(WINDOW).rfc3339());
        let OwnKept { records, oldest, newest } = OwnKept::of(*meetings);
        let taste = |(tag, weight): &(String, f64)| OwnTaste { tag: tag.clone(), weight: *weight };
        Self {
            meetings: OwnMeetings {
                records,
                items: *met_items,
                oldest,
                newest,
                oldest_kept_until: until,
            },
            tastes: tastes.iter().map(taste).collect(),
            told: OwnKept::of(*told),
            left_behind: *left_behind,
        }
    }
}

impl OwnKept {
    fn of(kept: Kept) -> Self {
        let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        Self { records: kept.records, oldest: at(kept.oldest), newest: at(kept.newest) }
    }
}
