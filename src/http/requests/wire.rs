//! The wire form of a request by right.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{IdentityWord, RightWord};
use crate::{
    domain::{InvalidId, ItemId, PurposeId, Timestamp},
    http::{
        Fault, Problem,
        consents::turns_14,
        object::objects,
        read::{Few, Parse, Read, Subject, given},
        words::{ItemName, PurposeName},
    },
    rights::requests::{Age, Certified, Docket, Filed, Note, Proof, Told, Wanted},
};

/// What a person asks for by right.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"type": "objection", "purposes": ["marketing_messages"], "statement": "No more advertising, please."})))]
pub(in crate::http) struct RightsRequest {
    /// About whom; left out with a person's own token.
    #[schema(inline = false)]
    pub(in crate::http) subject: Option<Subject>,
    /// What is asked for.
    #[serde(rename = "type")]
    #[schema(value_type = RightWord)]
    pub(super) right: RightWord,
    /// The law by which its time is counted; the controller's usual one without it.
    #[schema(value_type = Option<String>, example = "gdpr", max_length = 32)]
    pub(super) regulation: Option<Read<LawName>>,
    /// What an objection is about; all purposes that rest on consent without it.
    #[serde(default)]
    #[schema(value_type = Vec<PurposeName>, max_items = 32)]
    pub(super) purposes: Few<Read<PurposeId>, 0, 32>,
    /// The item it is about, such as one that the person never met.
    #[schema(value_type = Option<ItemName>)]
    pub(super) item: Option<Read<ItemId>>,
    /// The recommendation that is to be explained.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(super) recommendation_id: Option<Read<Uuid>>,
    /// In a rectification, the day on which the person turns 14, or null for somebody who is not younger.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = Date)]
    pub(super) under_14_until: Option<Birthday>,
    /// In the person's own words. It is kept sealed under their key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4096, pattern = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$")]
    pub(super) statement: Option<Read<Words>>,
    /// In an erasure, whether imports about the person are to be refused from then on. For that, a keyed hash of their id is
    /// kept, and the certificate says so. Only consent that they give anew lifts it.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub(super) suppress: bool,
    /// That the request speaks for the person. Only an app states it; a person's own token does so by itself. Without it,
    /// nothing acts until it is confirmed.
    #[schema(inline = false)]
    pub(in crate::http) identity: Option<Identity>,
}

/// That a request speaks for the person.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"method": "session", "verified_at": "2026-11-22T03:00:00Z"})))]
pub(in crate::http) struct Identity {
    /// How it was confirmed.
    #[schema(value_type = IdentityWord)]
    method: IdentityWord,
    /// When, within the last 30 days.
    #[schema(value_type = String, format = DateTime)]
    verified_at: Read<Timestamp>,
}

/// The confirmation of a request that waits for it.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"subject": {"id": "user-4395"}, "identity": {"method": "session", "verified_at": "2026-11-22T03:00:00Z"}})))]
pub(in crate::http) struct Confirmation {
    /// Who was confirmed: the one the request is about.
    #[schema(inline = false)]
    pub(super) subject: Subject,
    #[schema(inline = false)]
    pub(super) identity: Identity,
}

objects!(RightsRequest, Identity, Confirmation);

/// The day on which somebody turns 14, or null for one who is not younger.
#[derive(Deserialize)]
pub(in crate::http) struct Birthday(Option<Read<Date>>);

/// The name of a law.
pub(in crate::http) struct LawName(pub(super) String);

/// A text for somebody to read.
pub(in crate::http) struct Words(pub(in crate::http) String);

impl Parse for LawName {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId { kind: "a regulation", rule: "1 to 32 characters of a-z, 0-9 and '-'" })
    }
}

impl Parse for Words {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        if (1..=4096).contains(&text.len()) && text.chars().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "1 to 4096 bytes of UTF-8 without control characters but line ends and tabs";
        Err(InvalidId { kind: "a text", rule })
    }
}

impl RightsRequest {
    pub(super) fn wanted(self, now: Timestamp) -> Result<Wanted, Problem> {
        let age = match self.under_14_until {
            Some(Birthday(Some(day))) => {
                Some(Age::ChildUntil(turns_14(day.0, now, "/under_14_until")?))
            }
            Some(Birthday(None)) => Some(Age::Grown),
            None => None,
        };
        if self.suppress && !matches!(self.right, RightWord::Erasure) {
            return Err(Problem::invalid(&[Fault::at("/suppress", "goes with an erasure only")]));
        }
        Ok(Wanted {
            purposes: self.purposes.values(),
            item: self.item.map(|item| item.0),
            recommendation: self.recommendation_id.map(|id| id.0.to_string()),
            age,
            statement: self.statement.map(|words| words.0.0),
            suppress: self.suppress,
        })
    }
}

impl Identity {
    pub(super) fn proof(&self) -> Proof {
        Proof { method: self.method.into(), verified_at: self.verified_at.0 }
    }
}

/// How a request stands.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "6f0c2f9e-3f5b-4d5e-9c55-7d9a1f0b8a11", "type": "explanation", "regulation": "kr-pipa", "status": "in_progress",
    "received_at": "2026-11-22T03:00:00.000Z", "due_at": "2026-12-22T15:00:00.000Z", "due_on": "2026-12-22",
    "time_zone": "Asia/Seoul", "days_left": 31, "overdue": false, "holidays_known_until": "2028-12-31",
    "acknowledge_by": null, "extended": 0, "closed_at": null, "reason": null, "held": true,
    "certificate": null, "final_by": null
})))]
pub(in crate::http) struct RequestStatus {
    /// Its name. It says nothing about the person.
    id: String,
    /// What is asked for.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The law by which its time is counted.
    regulation: String,
    /// `received` while it is not confirmed that it speaks for the person, `in_progress`, `completed`, `refused` or
    /// `cancelled`.
    status: &'static str,
    /// When it came.
    #[schema(format = DateTime)]
    received_at: String,
    /// When its last day has ended.
    #[schema(format = DateTime)]
    due_at: String,
    /// Its last day, in the law's zone.
    #[schema(format = Date)]
    due_on: String,
    /// The law's zone.
    time_zone: String,
    /// Days to the end of the last day, begun ones too; negative once it has passed. Null when the request is closed.
    #[schema(required)]
    days_left: Option<i64>,
    /// Whether it is open and its last day has ended.
    overdue: bool,
    /// Until which day the holidays of the law's calendar are known. A last day beyond it may be earlier than the law's; null
    /// where weekends alone are known.
    #[schema(required, format = Date)]
    holidays_known_until: Option<String>,
    /// By when its receipt is to be confirmed, where the law says so. This answer is a confirmation to whoever gets it.
    #[schema(required, format = DateTime)]
    acknowledge_by: Option<String>,
    /// How often it was put off.
    extended: u8,
    /// When it was closed.
    #[schema(required, format = DateTime)]
    closed_at: Option<String>,
    /// Why it was refused: `suspected_fraud`, `insufficient_verification`, `no_match`, `claim_not_covered`,
    /// `outside_jurisdiction`, `too_many_requests` or `other`.
    #[schema(required)]
    reason: Option<&'static str>,
    /// False says that nothing is held of whom it is about.
    held: bool,
    /// What an erasure came to: its certificate, under `/v1/me/certificates/{id}` and `/v1/rights/certificates/{id}`.
    #[schema(required, format = "uuid")]
    certificate: Option<String>,
    /// From when on no copy of a key opens anything of whom it was about.
    #[schema(required, format = DateTime)]
    final_by: Option<String>,
}

/// A request as the person sees it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnRequest {
    #[serde(flatten)]
    #[schema(inline)]
    status: RequestStatus,
    /// What you said; null where nothing is kept of it.
    #[schema(required)]
    wanted: Option<WantedWords>,
    /// What was said and done, oldest first.
    notes: Vec<RequestNote>,
}

/// What a person said with a request.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct WantedWords {
    /// The purposes that an objection is about.
    #[schema(value_type = Vec<String>)]
    purposes: Vec<PurposeId>,
    /// The item it is about.
    #[schema(required, value_type = Option<String>)]
    item: Option<ItemId>,
    /// The recommendation that is to be explained.
    #[schema(required)]
    recommendation_id: Option<String>,
    /// The day on which they turn 14, and null if they say that they are not younger. Not there if nothing is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    under_14_until: Option<Value>,
    /// Their own words.
    #[schema(required)]
    statement: Option<String>,
    /// Whether imports about them are to be refused once they are erased.
    suppress: bool,
}

/// What was said or done about a request.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RequestNote {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// `in_progress`, `completed`, `refused`, `extended` or `cancelled`.
    what: String,
    /// Why it was refused or put off.
    #[schema(required)]
    reason: Option<String>,
    /// What the controller says.
    #[schema(required)]
    text: Option<String>,
    /// What was done: `paused`, `tier_none`, `objected` or `corrected`.
    #[schema(required)]
    done: Option<String>,
    /// Where to find what was asked for.
    see: Vec<String>,
}

/// Your requests.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnRequests {
    /// Oldest first.
    pub(in crate::http) requests: Vec<OwnRequest>,
}

impl RequestStatus {
    pub(in crate::http) fn of(docket: &Docket, now: Timestamp) -> Self {
        let certified = |what: fn(Certified) -> String| docket.certified.map(what);
        Self {
            id: docket.id.to_string(),
            kind: docket.right.as_str(),
            regulation: docket.law.clone(),
            status: docket.state.as_str(),
            received_at: docket.received_at.rfc3339(),
            due_at: docket.due_at.rfc3339(),
            due_on: docket.due_on.clone(),
            time_zone: docket.time_zone.clone(),
            days_left: docket.state.is_open().then(|| docket.days_left(now)),
            overdue: docket.is_overdue(now),
            holidays_known_until: docket.holidays_known_until.clone(),
            acknowledge_by: docket.acknowledge_by.map(Timestamp::rfc3339),
            extended: docket.extensions,
            closed_at: docket.closed_at.map(Timestamp::rfc3339),
            reason: docket.reason.map(crate::rights::requests::RefusalReason::as_str),
            held: docket.held,
            certificate: certified(|it| it.certificate.to_string()),
            final_by: certified(|it| it.final_by.rfc3339()),
        }
    }
}

impl OwnRequest {
    pub(in crate::http) fn of(told: Told, now: Timestamp) -> Self {
        let status = RequestStatus::of(&told.docket, now);
        let (wanted, notes) = match told.filed {
            Some(Filed { wanted, notes, .. }) => (Some(WantedWords::from(wanted)), notes),
            None => (None, Vec::new()),
        };
        Self { status, wanted, notes: notes.into_iter().map(RequestNote::from).collect() }
    }
}

impl From<Wanted> for WantedWords {
    fn from(wanted: Wanted) -> Self {
        Self {
            purposes: wanted.purposes,
            item: wanted.item,
            recommendation_id: wanted.recommendation,
            under_14_until: wanted.age.map(|age| match age {
                Age::ChildUntil(until) => Value::from(until.rfc3339()),
                Age::Grown => Value::Null,
            }),
            statement: wanted.statement,
            suppress: wanted.suppress,
        }
    }
}

impl From<Note> for RequestNote {
    fn from(note: Note) -> Self {
        let Note { at, what, reason, text, done, see } = note;
        Self { at: at.rfc3339(), what, reason, text, done, see }
    }
}
