//! Records of processing: what the catalogue and the configuration say, beside what flowed.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{csv, parameters::told};
use crate::{
    audit::Span,
    domain::{AppId, CategoryId, Country, PurposeId, RecipientId},
    inspect::{Flow, Flows, Inspector, Organisation, RecipientFacts},
    policy::{Bundle, Category, Coarse, Purpose},
};

/// What is done with which data: what the catalogue and the configuration say, and what flowed.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "policy": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "from": "2026-11-01T00:00:00.000Z", "until": null,
    "purposes": [{
        "id": "recommend_products", "title": "Product recommendations",
        "dpv": "https://w3id.org/dpv#ProvideProductRecommendations", "basis": "consent", "required": false,
        "categories": ["activity"], "notice_recipients": ["the shop's recommender"], "recipients": ["model"],
        "apps": ["shop"], "retention_days": 365
    }],
    "categories": [{"id": "activity", "title": "What you viewed, bought and rated", "personal": true, "sensitive": false, "coarse": null}],
    "recipients": [{
        "id": "model", "country": "KR", "third_party": false, "in_process": false, "deletes_on_withdrawal": true,
        "domain": "shop", "purposes": ["recommend_products"]
    }],
    "people": {"described": "the people whom the registered apps name in their calls", "apps": ["shop"]},
    "retention": {"row_bodies_days": 90, "rows": "kept"},
    "flows": [{"purpose": "recommend_products", "recipient": "model", "tier": "individual", "decisions": 812}],
    "voided": [{"purpose": "recommend_products", "decisions": 3}],
    "security_measures": "docs/THREATS.md and docs/KEYS.md of this version of the program"
})))]
pub(in crate::http) struct RecordsOfProcessing<'a> {
    /// The version of the policies that the records are of: the one in force.
    policy: &'a str,
    /// From when on flows are counted.
    #[schema(required, format = DateTime)]
    from: Option<String>,
    /// Before when.
    #[schema(required, format = DateTime)]
    until: Option<String>,
    /// What data are used for.
    purposes: Vec<RecordedPurpose<'a>>,
    /// Which data.
    categories: Vec<RecordedCategory<'a>>,
    /// Who receives them.
    recipients: Vec<RecordedRecipient<'a>>,
    /// Whom they are about.
    people: RecordedPeople<'a>,
    /// For how long the log is kept.
    retention: RecordedRetention,
    /// How many decisions let what leave, by purpose, recipient and tier. At tier `none` nothing personal left.
    flows: Vec<RecordedFlow>,
    /// How many of the decided calls were not sent, or their answers thrown away.
    voided: Vec<RecordedVoid>,
    /// Where the measures that keep data safe are described.
    security_measures: &'static str,
}

/// What data are used for.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedPurpose<'a> {
    /// Its name.
    #[schema(value_type = String)]
    id: &'a PurposeId,
    /// Its title.
    title: &'a str,
    /// Its name in the Data Privacy Vocabulary.
    dpv: &'a str,
    /// The legal basis: `consent`, `contract` or `legal_obligation`.
    basis: &'static str,
    /// Whether the service cannot be given without it.
    required: bool,
    /// The data categories it may use.
    #[schema(value_type = Vec<String>)]
    categories: &'a [CategoryId],
    /// Whom its notice names as recipients, as people read it.
    notice_recipients: &'a [String],
    /// The configured recipients that are asked for it.
    #[schema(value_type = Vec<String>)]
    recipients: Vec<&'a RecipientId>,
    /// The apps that are registered for it.
    #[schema(value_type = Vec<String>)]
    apps: Vec<&'a AppId>,
    /// How long data for it are kept, in days, by the catalogue.
    retention_days: u32,
}

/// A kind of data.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedCategory<'a> {
    /// Its name.
    #[schema(value_type = String)]
    id: &'a CategoryId,
    /// Its title.
    title: &'a str,
    /// Whether it is about a person.
    personal: bool,
    /// Whether it needs a consent of its own.
    sensitive: bool,
    /// What its coarse form is called, if it has one.
    #[schema(required)]
    coarse: Option<&'a str>,
}

/// Who receives data.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedRecipient<'a> {
    /// Its name.
    #[schema(value_type = String)]
    id: &'a RecipientId,
    /// The country it is in (ISO 3166-1 alpha-2); null where the configuration does not say.
    #[schema(required)]
    country: Option<&'static str>,
    /// Whether somebody else runs it.
    third_party: bool,
    /// Whether it is inside the gateway's process, so that nothing leaves.
    in_process: bool,
    /// Whether it is asked to delete what it holds when a person withdraws.
    deletes_on_withdrawal: bool,
    /// Its pseudonymisation domain.
    domain: &'a str,
    /// For which purposes it is asked.
    #[schema(value_type = Vec<String>)]
    purposes: &'a [PurposeId],
}

/// Whom data are about.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedPeople<'a> {
    /// In words.
    described: &'static str,
    /// The apps that name them.
    #[schema(value_type = Vec<String>)]
    apps: Vec<&'a AppId>,
}

/// For how long the log is kept.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedRetention {
    /// The sealed bodies of rows, in days.
    row_bodies_days: u32,
    /// The rows themselves, which name nobody.
    rows: &'static str,
}

/// Decisions of one kind.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedFlow {
    /// The purpose.
    purpose: String,
    /// The recipient; null where none was asked.
    #[schema(required)]
    recipient: Option<String>,
    /// The tier.
    tier: String,
    /// How many.
    decisions: u64,
}

/// Decided calls that came to nothing.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecordedVoid {
    /// The purpose.
    purpose: String,
    /// How many.
    decisions: u64,
}

const PEOPLE: &str = "the people whom the registered apps name in their calls";
const MEASURES: &str = "docs/THREATS.md and docs/KEYS.md of this version of the program";

const COLUMNS: [&str; 11] = [
    "purpose",
    "title",
    "basis",
    "required",
    "categories",
    "retention_days",
    "recipient",
    "country",
    "third_party",
    "tier",
    "decisions",
];

impl<'a> RecordsOfProcessing<'a> {
    /// What `inspector` knows, and what flowed within `span`.
    pub(super) fn of(
        inspector: &'a Inspector,
        bundle: &'a Bundle,
        flows: Flows,
        span: Span,
    ) -> Self {
        let (catalogue, known) = (bundle.catalogue(), inspector.organisation());
        let [from, until] = told(span);
        let voided = flows.voided.into_iter();
        Self {
            policy: bundle.version(),
            from,
            until,
            purposes: catalogue.purposes().iter().map(|p| RecordedPurpose::of(p, known)).collect(),
            categories: catalogue.categories().iter().map(RecordedCategory::of).collect(),
            recipients: known.recipients.iter().map(RecordedRecipient::of).collect(),
            people: RecordedPeople {
                described: PEOPLE,
                apps: known.apps.iter().map(|app| &app.id).collect(),
            },
            retention: RecordedRetention { row_bodies_days: known.bodies_kept_days, rows: "kept" },
            flows: flows.decisions.into_iter().map(RecordedFlow::from).collect(),
            voided: voided
                .map(|(purpose, decisions)| RecordedVoid { purpose, decisions })
                .collect(),
            security_measures: MEASURES,
        }
    }

    /// A line for each purpose, recipient and tier; one for a purpose of which nothing flowed.
    pub(super) fn lines(&self) -> Vec<u8> {
        let mut body = csv::head(&COLUMNS);
        for purpose in &self.purposes {
            let of = |flow: &&RecordedFlow| flow.purpose == purpose.id.as_str();
            let flows: Vec<Option<&RecordedFlow>> =
                self.flows.iter().filter(of).map(Some).collect();
            let flows = if flows.is_empty() { vec![None] } else { flows };
            for flow in flows {
                let name = flow.and_then(|flow| flow.recipient.as_deref());
                let recipient =
                    self.recipients.iter().find(|known| Some(known.id.as_str()) == name);
                body.extend(csv::row(&COLUMNS, &json!({
                    "purpose": purpose.id, "title": purpose.title, "basis": purpose.basis,
                    "required": purpose.required, "categories": purpose.categories,
                    "retention_days": purpose.retention_days, "recipient": name,
                    "country": recipient.and_then(|known| known.country),
                    "third_party": recipient.map(|known| known.third_party),
                    "tier": flow.map(|flow| &flow.tier), "decisions": flow.map_or(0, |flow| flow.decisions),
                })));
            }
        }
        body
    }
}

impl<'a> RecordedPurpose<'a> {
    fn of(purpose: &'a Purpose, known: &'a Organisation) -> Self {
        let serves = |recipient: &&RecipientFacts| recipient.purposes.contains(purpose.id());
        let apps = known.apps.iter().filter(|app| app.purposes.contains(purpose.id()));
        Self {
            id: purpose.id(),
            title: purpose.title("en"),
            dpv: purpose.dpv(),
            basis: purpose.basis().as_str(),
            required: purpose.required(),
            categories: purpose.categories(),
            notice_recipients: purpose.recipients(),
            recipients: known.recipients.iter().filter(serves).map(|known| &known.id).collect(),
            apps: apps.map(|app| &app.id).collect(),
            retention_days: purpose.retention_days(),
        }
    }
}

impl<'a> RecordedCategory<'a> {
    fn of(category: &'a Category) -> Self {
        Self {
            id: category.id(),
            title: category.title("en"),
            personal: category.personal(),
            sensitive: category.sensitive(),
            coarse: category.coarse().map(Coarse::name),
        }
    }
}

impl<'a> RecordedRecipient<'a> {
    fn of(recipient: &'a RecipientFacts) -> Self {
        Self {
            id: &recipient.id,
            country: recipient.country.map(Country::as_str),
            third_party: recipient.third_party,
            in_process: recipient.in_process,
            deletes_on_withdrawal: recipient.deletes_on_withdrawal,
            domain: &recipient.domain,
            purposes: &recipient.purposes,
        }
    }
}

impl From<Flow> for RecordedFlow {
    fn from(flow: Flow) -> Self {
        let Flow { purpose, recipient, tier, decisions } = flow;
        Self { purpose, recipient, tier, decisions }
    }
}
