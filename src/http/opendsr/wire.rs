//! The wire form of OpenDSR 2.0.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::{
    Fault, Problem,
    object::objects,
    read::{Few, Parse, Read},
};
use crate::{
    domain::{InvalidId, SubjectRef, Timestamp, UserId},
    rights::{
        Right,
        opendsr::{CallbackUrl, OrderId, Processor},
    },
};

/// A person's request that a controller hands over. Members that are not named here are left aside.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(examples(json!({
    "regulation": "gdpr", "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798", "subject_request_type": "erasure",
    "submitted_time": "2026-11-22T03:00:00Z",
    "subject_identities": [{"identity_type": "controller_customer_id", "identity_value": "user-4395", "identity_format": "raw"}],
    "api_version": "2.0", "status_callback_urls": ["https://crm.example/dsr"]
})))]
pub(super) struct DsrRequest {
    /// The law by which its time is counted; the operator's usual one without it.
    #[schema(value_type = Option<Regulation>)]
    regulation: Option<Regulation>,
    /// A UUID of version 4 that the controller drew for this request.
    #[schema(value_type = String, format = "uuid")]
    pub(super) subject_request_id: Read<OrderId>,
    /// What is asked for.
    pub(super) subject_request_type: SubjectRequestType,
    /// When the person asked. Our time runs from the receipt.
    #[schema(value_type = String, format = DateTime)]
    submitted_time: Read<Timestamp>,
    /// The people it is about.
    #[schema(value_type = Vec<DsrIdentity>, min_items = 1, max_items = 16)]
    subject_identities: Few<DsrIdentity, 1, 16>,
    /// The protocol's version.
    #[schema(value_type = Option<String>, example = "2.0")]
    api_version: Option<Read<Version>>,
    /// Who is told whenever it stands otherwise: hosts that the operator listed.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 8)]
    status_callback_urls: Few<String, 0, 8>,
    /// By processor domain. Ours takes `identity_verified`.
    #[schema(value_type = Option<Object>)]
    extensions: Option<Map<String, Value>>,
}

/// A person, as the controller knows them.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub(super) struct DsrIdentity {
    /// The kind of id: one that discovery lists.
    #[serde(rename = "identity_type")]
    #[schema(example = "controller_customer_id")]
    kind: String,
    /// The id itself. It is kept nowhere.
    #[serde(rename = "identity_value")]
    #[schema(value_type = String, min_length = 1, max_length = 256)]
    value: Read<UserId>,
    /// Always `raw`: hashes of ids are guessable, and name nobody here.
    #[serde(rename = "identity_format")]
    #[schema(example = "raw")]
    format: String,
}

objects!(DsrRequest, DsrIdentity);

/// A regulation.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Regulation {
    /// Regulation (EU) 2016/679.
    Gdpr,
    /// California Consumer Privacy Act.
    Ccpa,
}

/// What is asked for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SubjectRequestType {
    /// See what is held.
    Access,
    /// Take it along.
    Portability,
    /// Have it erased.
    Erasure,
}

/// A version of the protocol that is understood.
struct Version;

impl Parse for Version {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        if matches!(text, "2.0" | "1.0" | "0.1") {
            return Ok(Self);
        }
        Err(InvalidId { kind: "a version", rule: "2.0, or 1.0 or 0.1 of its predecessors" })
    }
}

impl Parse for OrderId {
    fn parse_text(text: &str) -> Result<Self, InvalidId> {
        let rule = "a UUID of version 4, such as a7551968-d5d6-44b2-9831-815ac9017798";
        text.parse().map_err(|_| InvalidId { kind: "a name of a request", rule })
    }
}

impl From<SubjectRequestType> for Right {
    fn from(kind: SubjectRequestType) -> Self {
        match kind {
            SubjectRequestType::Access => Self::Access,
            SubjectRequestType::Portability => Self::Portability,
            SubjectRequestType::Erasure => Self::Erasure,
        }
    }
}

impl DsrRequest {
    pub(super) fn law(&self) -> Option<String> {
        let law = self.regulation.map(|regulation| match regulation {
            Regulation::Gdpr => "gdpr",
            Regulation::Ccpa => "ccpa",
        });
        law.map(str::to_owned)
    }

    /// Whether the controller has confirmed whom it speaks for.
    pub(super) fn is_confirmed(&self, processor: &Processor) -> Result<bool, Problem> {
        let ours = self.extensions.as_ref().and_then(|all| all.get(&processor.domain));
        match ours.and_then(|ours| ours.get("identity_verified")) {
            None => Ok(true),
            Some(Value::Bool(confirmed)) => Ok(*confirmed),
            Some(_) => {
                let rule = "`identity_verified` under our domain must be true or false";
                Err(Problem::invalid(&[Fault::at("/extensions", rule)]))
            }
        }
    }

    pub(super) fn callbacks(&self, processor: &Processor) -> Result<Vec<CallbackUrl>, Problem> {
        let mut callbacks: Vec<CallbackUrl> = Vec::new();
        for (place, url) in self.status_callback_urls.0.iter().enumerate() {
            let allowed = processor.hosts.allow(url).ok_or_else(|| {
                let rule = "must be an https URL of a host that the gateway's operator listed";
                Problem::invalid(&[Fault::at(format!("/status_callback_urls/{place}"), rule)])
            })?;
            if !callbacks.contains(&allowed) {
                callbacks.push(allowed);
            }
        }
        Ok(callbacks)
    }

    /// The people, each by the id type that the operator maps the identity type to.
    pub(super) fn subjects(self, processor: &Processor) -> Result<Vec<SubjectRef>, Problem> {
        let subject = |(place, identity): (usize, DsrIdentity)| {
            let at = |member| format!("/subject_identities/{place}/{member}");
            if identity.format != "raw" {
                let fault = Fault::at(at("identity_format"), "must be raw: no hash is taken");
                let allowed = vec!["raw".to_owned()];
                return Err(Problem::invalid(&[Fault { allowed, ..fault }]));
            }
            let Some(id_type) = processor.identities.get(&identity.kind) else {
                let known: Vec<String> = processor.identities.keys().cloned().collect();
                let rule = format!("must be one of {}", known.join(", "));
                let fault = Fault::at(at("identity_type"), rule);
                return Err(Problem::invalid(&[Fault { allowed: known, ..fault }]));
            };
            Ok(SubjectRef::new(id_type.clone(), identity.value.0))
        };
        self.subject_identities.0.into_iter().enumerate().map(subject).collect()
    }
}

/// What a processor supports (section 6.3).
#[derive(Serialize, ToSchema)]
pub(super) struct DiscoveryAnswer {
    /// The protocol's version.
    #[schema(example = "2.0")]
    pub(super) api_version: &'static str,
    /// By what people may be named.
    pub(super) supported_identities: Vec<SupportedIdentity>,
    /// What may be asked for.
    #[schema(value_type = Vec<String>)]
    pub(super) supported_subject_request_types: [&'static str; 3],
    /// Where the certificate is that answers are signed with.
    pub(super) processor_certificate: String,
}

/// By what a person may be named.
#[derive(Serialize, ToSchema)]
pub(super) struct SupportedIdentity {
    /// The kind of id.
    #[schema(example = "controller_customer_id")]
    pub(super) identity_type: String,
    /// How it is written: always `raw`.
    #[schema(example = "raw")]
    pub(super) identity_format: &'static str,
}

/// That a request was taken (section 7.3).
#[derive(Serialize, ToSchema)]
pub(super) struct Created<'a> {
    /// The calling app.
    pub(super) controller_id: &'a str,
    /// By when it is answered at the latest.
    #[schema(format = DateTime)]
    pub(super) expected_completion_time: String,
    /// When it came.
    #[schema(format = DateTime)]
    pub(super) received_time: String,
    /// The body of the call in base64.
    pub(super) encoded_request: String,
    /// The controller's name for it.
    #[schema(format = "uuid")]
    pub(super) subject_request_id: String,
    /// The protocol's version.
    #[schema(example = "2.0")]
    pub(super) api_version: &'static str,
}

/// That a request was taken back (section 9.2).
#[derive(Serialize, ToSchema)]
pub(super) struct Cancelled<'a> {
    /// The calling app.
    pub(super) controller_id: &'a str,
    /// When it was taken back.
    #[schema(format = DateTime)]
    pub(super) received_time: String,
    /// The controller's name for it.
    #[schema(format = "uuid")]
    pub(super) subject_request_id: String,
    /// The protocol's version.
    #[schema(example = "2.0")]
    pub(super) api_version: &'static str,
}

/// How a request stands (section 8.3).
#[derive(Serialize, ToSchema)]
pub(super) struct DsrStatus {
    /// The calling app.
    controller_id: String,
    /// By when it is answered at the latest.
    #[schema(format = DateTime)]
    expected_completion_time: String,
    /// The controller's name for it.
    #[schema(format = "uuid")]
    subject_request_id: String,
    /// `pending`, `in_progress`, `completed` or `cancelled`.
    #[schema(example = "completed")]
    request_status: String,
    /// The protocol's version.
    #[schema(example = "2.0")]
    api_version: String,
    /// Where the person fetches what was asked for, with a token of their own.
    results_url: Option<String>,
    /// Under our domain: `requests`, and where they fall short, `outcome` and `reason`; of an erasure, `certificate_url`.
    #[schema(value_type = Object)]
    extensions: Value,
}
