//! The elements of an export's lists.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::decision::{OwnDecision, OwnPlace};
use crate::{
    consent::{Deletion, LinkMethod, PurposeStanding, Receipted, Reset, Snapshot},
    domain::{Detail, Timestamp},
    gateway::{MutesMet as Met, TasteTold},
    rights::OwnName,
};

/// An id that the person is known by.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedId {
    /// Its number in this export: 0 for the first. What the other lists call `id`.
    id: u32,
    /// How the app knew that it is the person's; null for the first.
    #[schema(required)]
    method: Option<&'static str>,
    /// Since when it is linked.
    #[schema(required, format = DateTime)]
    linked_at: Option<String>,
}

/// Where the person stands for a purpose.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedConsent {
    /// By which id: what a linked id says here, it said before it was linked.
    pub(super) id: u32,
    /// The purpose.
    pub(super) purpose: String,
    /// `unknown`, `given`, `refused`, `withdrawn` or `expired`.
    pub(super) state: &'static str,
    /// What is given and how finely.
    pub(super) categories: Vec<ExportedCategory>,
    /// Since when.
    #[schema(format = DateTime)]
    pub(super) since: String,
    /// When it ends by itself.
    #[schema(required, format = DateTime)]
    pub(super) expires_at: Option<String>,
    /// When an objection by signal came.
    #[schema(required, format = DateTime)]
    pub(super) objected_at: Option<String>,
    /// The hash of what was agreed to.
    #[schema(required)]
    material: Option<String>,
    /// Given by a guardian.
    by_guardian: bool,
}

/// A data category, and how finely it may be used.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedCategory {
    pub(super) category: String,
    pub(super) detail: &'static str,
}

/// An act.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedAct {
    /// By which id.
    pub(super) id: u32,
    /// Which act by it.
    pub(super) epoch: u64,
    /// When.
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// What was done.
    pub(super) action: &'static str,
    /// For which purpose; null where it was about several or none.
    #[schema(required)]
    pub(super) purpose: Option<String>,
    /// The data categories.
    pub(super) categories: Vec<ExportedCategory>,
    /// When it ends by itself.
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    /// How it reached the gateway.
    pub(super) method: &'static str,
    /// Done by a guardian.
    by_guardian: bool,
    /// The notice that was shown.
    #[schema(required)]
    notice: Option<ExportedNotice>,
    /// Where its row stands in the log.
    #[schema(required)]
    log: Option<OwnPlace>,
    /// The signed receipt (JWS).
    #[schema(required)]
    pub(super) receipt: Option<String>,
}

/// A notice that was shown.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedNotice {
    purpose: String,
    version: String,
    language: String,
    /// The SHA-256 of its text.
    digest: String,
    /// The hash of what is agreed to by it.
    material: String,
}

/// Items that were met in one call and on one day.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedMeeting {
    pub(super) id: u32,
    pub(super) purpose: String,
    pub(super) category: String,
    /// When the last of them.
    #[schema(format = DateTime)]
    pub(super) at: String,
    pub(super) items: Vec<String>,
    /// Whether it is in use: what a reset left behind is not.
    pub(super) in_use: bool,
    #[schema(format = DateTime)]
    pub(super) kept_until: String,
}

/// Events that a model inside the gateway was told.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedTold {
    pub(super) id: u32,
    pub(super) purpose: String,
    pub(super) category: String,
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// The very bytes, as text.
    pub(super) body: String,
    pub(super) in_use: bool,
}

/// A decision.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedDecision {
    /// About which id.
    pub(super) id: u32,
    /// The decision.
    #[serde(flatten)]
    pub(super) decision: OwnDecision,
}

/// Tastes for a purpose.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedTaste {
    pub(super) id: u32,
    pub(super) purpose: String,
    pub(super) category: String,
    pub(super) in_use: bool,
    /// Oldest first.
    pub(super) days: Vec<ExportedDay>,
    /// What was kept without its days.
    pub(super) undated: Vec<ExportedWeight>,
}

/// Tastes of a day.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedDay {
    /// The beginning of the day, in UTC.
    #[schema(format = DateTime)]
    pub(super) day: String,
    pub(super) tags: Vec<ExportedWeight>,
}

/// A tag and its weight.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedWeight {
    pub(super) tag: String,
    pub(super) weight: f64,
}

/// What was proposed although it was muted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedMutesMet {
    id: u32,
    #[schema(format = DateTime)]
    since: String,
    proposed: u64,
    shown: u64,
}

/// A pseudonym.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedPseudonym {
    id: u32,
    /// Who may know the person by it.
    recipient: String,
    /// Recipients of one domain see one pseudonym a recipient.
    domain: String,
    /// Each reset and each withdrawal takes the next.
    generation: u32,
    /// Whether calls are made under it.
    in_use: bool,
    pseudonym: String,
}

/// A reset that can still be undone.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedReset {
    id: u32,
    #[schema(format = DateTime)]
    at: String,
    /// Until when it can be undone.
    #[schema(format = DateTime)]
    until: String,
    /// For which purposes something is held that it left behind.
    purposes: Vec<String>,
    /// Which recipients know a pseudonym that it left behind.
    recipients: Vec<String>,
}

/// A deletion that a recipient owes.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedDeletion {
    id: u32,
    recipient: String,
    domain: String,
    generation: u32,
    /// Since when.
    #[schema(format = DateTime)]
    queued_at: String,
}

/// Who acts for the person while they are a child. Who it is, the person's own records do not say.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedGuardian {
    /// How their agreement was verified.
    pub(super) check: &'static str,
    #[schema(format = DateTime)]
    pub(super) verified_at: String,
}

impl ExportedId {
    pub(super) fn of(id: u32, link: Option<(LinkMethod, Timestamp)>) -> Self {
        let method = link.map(|(method, _)| method.as_str());
        Self { id, method, linked_at: link.map(|(_, at)| at.rfc3339()) }
    }
}

impl ExportedConsent {
    pub(super) fn of(id: u32, known: &PurposeStanding, now: Timestamp) -> Self {
        let PurposeStanding { purpose, consent, objected_at } = known;
        let given = consent.in_force(now);
        let categories = given.map_or(&[] as &[_], |given| &given.categories);
        Self {
            id,
            purpose: purpose.as_str().to_owned(),
            state: consent.state_at(now).as_str(),
            categories: ExportedCategory::all(categories),
            since: consent.since().rfc3339(),
            expires_at: consent.expires_at().map(Timestamp::rfc3339),
            objected_at: objected_at.map(Timestamp::rfc3339),
            material: given.map(|given| given.material.clone()),
            by_guardian: given.is_some_and(|given| given.by_guardian),
        }
    }
}

impl ExportedCategory {
    fn all<C: ToString>(categories: &[(C, Detail)]) -> Vec<Self> {
        let of = |(category, detail): &(C, Detail)| Self {
            category: category.to_string(),
            detail: match detail {
                Detail::None => "none",
                Detail::Coarse => "coarse",
                Detail::Fine => "fine",
            },
        };
        categories.iter().map(of).collect()
    }
}

impl ExportedAct {
    pub(super) fn of(id: u32, act: Receipted) -> Self {
        let Receipted { act, epoch, row: _, place, receipt } = act;
        Self {
            id,
            epoch: epoch.0.into(),
            at: act.at.rfc3339(),
            action: act.action.as_str(),
            purpose: act.purpose.map(|purpose| purpose.as_str().to_owned()),
            categories: ExportedCategory::all(&act.categories),
            expires_at: act.expires_at.map(Timestamp::rfc3339),
            method: act.method.as_str(),
            by_guardian: act.by_guardian,
            notice: act.notice.map(ExportedNotice::of),
            log: place.as_ref().map(OwnPlace::of),
            receipt,
        }
    }
}

impl ExportedNotice {
    fn of(notice: Snapshot) -> Self {
        let Snapshot { purpose, version, language, digest, material } = notice;
        Self { purpose: purpose.as_str().to_owned(), version, language, digest, material }
    }
}

impl ExportedTaste {
    pub(super) fn of(
        id: u32,
        (purpose, category): (String, &str),
        taste: TasteTold,
        used: bool,
    ) -> Self {
        let TasteTold { days, undated } = taste;
        let weights = |weights: Vec<(String, f64)>| {
            weights.into_iter().map(|(tag, weight)| ExportedWeight { tag, weight }).collect()
        };
        let day =
            |(day, tags): (Timestamp, _)| ExportedDay { day: day.rfc3339(), tags: weights(tags) };
        Self {
            id,
            purpose,
            category: category.to_owned(),
            in_use: used,
            days: days.into_iter().map(day).collect(),
            undated: weights(undated),
        }
    }
}

impl ExportedMutesMet {
    pub(super) fn of(id: u32, met: Met) -> Self {
        let Met { since, proposed, shown } = met;
        Self { id, since: since.rfc3339(), proposed, shown }
    }
}

impl ExportedPseudonym {
    pub(super) fn of(name: OwnName) -> Self {
        let OwnName { id, recipient, domain, generation, in_use, name } = name;
        let (recipient, domain) = (recipient.as_str().to_owned(), domain.as_str().to_owned());
        Self { id, recipient, domain, generation, in_use, pseudonym: name }
    }
}

impl ExportedReset {
    pub(super) fn of(id: u32, reset: &Reset) -> Self {
        let Reset { at, until, lives, pseudonyms } = reset;
        let purposes = lives.iter().map(|left| left.purpose.as_str().to_owned());
        let recipients = pseudonyms.iter().map(|left| left.recipient.as_str().to_owned());
        Self {
            id,
            at: at.rfc3339(),
            until: until.rfc3339(),
            purposes: purposes.collect(),
            recipients: recipients.collect(),
        }
    }
}

impl ExportedDeletion {
    pub(super) fn of(id: u32, owed: Deletion) -> Self {
        let Deletion { recipient, domain, generation, queued_at, erased: _ } = owed;
        Self {
            id,
            recipient: recipient.as_str().to_owned(),
            domain: domain.as_str().to_owned(),
            generation,
            queued_at: queued_at.rfc3339(),
        }
    }
}

/// A number as `CSV` has it, be it a text or a list in JSON.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    // Spreadsheets run what begins so as a formula, and ids and tags come from apps.
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if runs && !value.is_number() { format!("'{text}") } else { text }
}
