//! Faults in the OpenAPI document: in OpenDSR's form, and as problem documents where the call did not come that far.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

use super::super::{
    Problem,
    body::JSON,
    openapi::{Limits, Refusals},
};

/// A fault in OpenDSR's form.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"error": {
    "code": 400, "message": "/regulation: must be one of gdpr, ccpa (line 1, column 22).",
    "errors": [{"domain": "Validation", "reason": "invalid-body", "message": "/regulation must be one of gdpr, ccpa"}]
}})))]
pub(in crate::http) struct DsrFault {
    error: DsrFaultBody,
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
struct DsrFaultBody {
    /// The answer's status.
    code: u16,
    /// What is wrong with this call and what to change. No value of the call is repeated.
    message: String,
    /// Each place.
    errors: Vec<DsrFaultPlace>,
}

/// One thing that is wrong.
#[derive(Serialize, ToSchema)]
struct DsrFaultPlace {
    /// `Validation` for a body of the wrong form, else `Request`.
    domain: String,
    /// The last part of the `type` of the same problem elsewhere.
    reason: String,
    /// What is wrong and what would be right.
    message: String,
}

/// What a call without a token may be refused with.
pub(super) struct OpenFaults;

/// What a call with a token may be refused with.
pub(super) struct Faults;

/// What a call with a token and a body may be refused with.
pub(super) struct BodyFaults;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for OpenFaults {
    fn responses() -> Responses {
        let mut responses = Limits::responses();
        responses.extend(faults(&[("404", "The operator has set no `[opendsr]`")]));
        responses
    }
}

impl IntoResponses for Faults {
    fn responses() -> Responses {
        let mut responses = Refusals::responses();
        responses.extend(faults(&[
            ("404", "The calling app sent no such request, or the operator has set no `[opendsr]`"),
            ("409", "It does not follow from what was sent before"),
            ("500", "Something failed inside the gateway"),
            ("503", "The gateway cannot record this now: repeat it after `Retry-After`"),
        ]));
        responses
    }
}

impl IntoResponses for BodyFaults {
    fn responses() -> Responses {
        let mut responses = Faults::responses();
        responses.extend(faults(&[
            ("400", "The body is not as this call takes it: `errors` says where"),
            ("408", "The body did not arrive in time"),
            ("413", "The body is larger than this call takes"),
            ("415", "The body is of another type"),
        ]));
        responses
    }
}

fn faults(statuses: &[(&str, &str)]) -> Responses {
    let content = |schema: &str| Content::new(Some(Ref::from_schema_name(schema)));
    let response = |status: &str, text: &str| {
        let response = ResponseBuilder::new().description(text).content(JSON, content("DsrFault"));
        // Refused before the call came here.
        let before = matches!(status, "500" | "503");
        let problem = || content("ProblemDocument");
        if before { response.content(Problem::MEDIA_TYPE, problem()) } else { response }
    };
    let each = statuses.iter();
    each.map(|(status, text)| ((*status).to_owned(), response(status, text).build().into()))
        .collect()
}
