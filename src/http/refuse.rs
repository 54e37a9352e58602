//! What each room's errors are to a caller: one match a room, without a wildcard. What is the gateway's own fault is
//! logged here, once.

use std::error::Error;

use http::HeaderName;

use super::{Fault, Problem, ProblemKind};
use crate::{
    audit::AuditError,
    auth::{AuthError, TooMany},
    catalog::CatalogError,
    consent::ConsentError,
    domain::{CategoryId, PurposeId, Refusal, Timestamp},
    gateway::GatewayError,
    operate::{BackupError, ContinuityError, OperateError, RotationError, imports::ImportError},
    policy::{Catalogue, ContextError, ContextFlaw},
    retry::RetryError,
    rights::RightsError,
};

/// After how many seconds a call that could not be recorded is worth repeating.
const RETRY_SECONDS: u32 = 5;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

impl From<TooMany> for Problem {
    /// The fields are those of draft-ietf-httpapi-ratelimit-headers-10.
    fn from(too_many: TooMany) -> Self {
        let (rate, wait) = (too_many.rate, too_many.wait_seconds());
        let (quota, window) = (rate.burst(), rate.window());
        let detail = format!("The app may call {} times a second.", rate.per_second);
        Self::new(ProblemKind::TooManyRequests, detail)
            .header(RATE_LIMIT_POLICY, &format!(r#""app";q={quota};w={window}"#))
            .header(RATE_LIMIT, &format!(r#""app";r=0;t={wait}"#))
            .retry_after(wait)
    }
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::UnknownPurpose(_) => unknown_purpose(),
            ConsentError::UnknownCategory { place, ref known } => {
                let at = format!("/categories/{place}");
                let names = known.iter().map(CategoryId::as_str).collect::<Vec<_>>().join(", ");
                let detail = format!("{at}: the purpose uses the categories {names}.");
                let fault = Fault::at(at, "must be a category that the purpose uses");
                Self::new(ProblemKind::UnknownCategory, detail)
                    .with("known", known)
                    .with("errors", [fault])
            }
            ConsentError::NoCoarseForm(place) => {
                let detail = "has no coarse form; give it as \"fine\" or not";
                Self::invalid(&[Fault::at(format!("/categories/{place}"), detail)])
            }
            ConsentError::CategoryTwice(place) => {
                let detail = "must not name a category that was named before";
                Self::invalid(&[Fault::at(format!("/categories/{place}"), detail)])
            }
            ConsentError::NoticeMissing => Self::new(
                ProblemKind::NoticeRequired,
                "Show the notice of GET /v1/purposes and send its `snapshot` as `notice.snapshot`.",
            ),
            ConsentError::NoticeInvalid => Self::new(
                ProblemKind::NoticeInvalid,
                "Send the `snapshot` exactly as GET /v1/purposes returned it for this purpose.",
            ),
            ConsentError::NoticeOutdated => Self::new(
                ProblemKind::NoticeOutdated,
                "What the consent depends on has changed since. Show the notice that GET /v1/purposes returns now and ask again.",
            ),
            ConsentError::Refused(refusal) => refused(refusal),
            ConsentError::Required(purpose) => {
                let detail = format!("{purpose} rests on a contract or a law, not on consent.");
                Self::new(ProblemKind::ConsentConflict, detail).with("reason", "required_purpose")
            }
            ConsentError::Unlinkable(why) => {
                let detail = format!("The ids are not linked as the call takes them to be: {why}.");
                Self::new(ProblemKind::LinkConflict, detail)
            }
            ConsentError::NoChild => Self::new(
                ProblemKind::GuardianConflict,
                "The person is not known to be under 14: send `under_14_until` if they are (with the guardian, or in the `subject` of a consent), or ask them.",
            ),
            ConsentError::UnfitGuardian(why) => {
                let detail = format!("{why}: name the person who acts for the child.");
                Self::new(ProblemKind::GuardianConflict, detail)
            }
            ConsentError::NoGuardian => Self::new(
                ProblemKind::GuardianConflict,
                "Record the guardian and how they were verified with POST /v1/guardians first.",
            ),
            ConsentError::NothingHeld => Self::new(
                ProblemKind::NothingHeld,
                "The gateway knows nobody by this id: nothing is held, so there is nothing to do.",
            ),
            ConsentError::NothingToUndo(closed_at) => nothing_to_undo(closed_at),
            ConsentError::Suppressed => {
                let detail = "The person was erased and asked not to come back by themselves; giving consent anew brings them back.";
                Self::new(ProblemKind::ConsentConflict, detail).with("reason", "suppressed")
            }
            ConsentError::Retry(error) => error.into(),
            ConsentError::Contended => {
                Self::new(ProblemKind::Contended, "The person's standing kept changing.")
            }
            ConsentError::Commit(_) | ConsentError::PolicyChanging(_) | ConsentError::Stopping => {
                unavailable(&error)
            }
            ConsentError::Audit(_)
            | ConsentError::Store(_)
            | ConsentError::Vault(_)
            | ConsentError::Jose(_)
            | ConsentError::Entropy(_) => internal(&error),
        }
    }
}

fn nothing_to_undo(closed_at: Option<Timestamp>) -> Problem {
    let (reason, detail) = match closed_at {
        Some(_) => (
            "window_closed",
            "The time in which the reset could be undone is over, and what was left behind is deleted.",
        ),
        None => ("no_reset", "There was no reset."),
    };
    let problem = Problem::new(ProblemKind::NothingToUndo, detail).with("reason", reason);
    match closed_at {
        Some(at) => problem.with("closed_at", at.rfc3339()),
        None => problem,
    }
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::UnknownTenant => AuthError::WrongTenant.into(),
            GatewayError::UnknownPurpose(_) => unknown_purpose(),
            GatewayError::NoModel(purpose) => {
                let detail = format!("No model is configured for {purpose}.");
                Self::new(ProblemKind::NoModel, detail)
            }
            GatewayError::Consent(error) => error.into(),
            GatewayError::Retry(error) => error.into(),
            GatewayError::Catalog(error) => error.into(),
            GatewayError::Unavailable => unavailable(&error),
            GatewayError::Audit(_)
            | GatewayError::Vault(_)
            | GatewayError::Name(_)
            | GatewayError::Unknown
            | GatewayError::Store(_) => internal(&error),
        }
    }
}

impl From<RightsError> for Problem {
    fn from(error: RightsError) -> Self {
        match error {
            RightsError::Consent(error) => error.into(),
            RightsError::Request(error) => error.into(),
            RightsError::Order(error) => error.into(),
            RightsError::Retry(error) => error.into(),
            RightsError::Contended => {
                Self::new(ProblemKind::Contended, "The person kept changing.")
            }
            RightsError::Audit(AuditError::Commit(_))
            | RightsError::Commit(_)
            | RightsError::Keeper(_) => unavailable(&error),
            RightsError::Audit(_)
            | RightsError::Vault(_)
            | RightsError::Entropy(_)
            | RightsError::Store(_)
            | RightsError::Proofs(_)
            | RightsError::Row(_) => internal(&error),
        }
    }
}

impl From<RetryError> for Problem {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::UnderWay => {
                let detail = "The first call under this key is not answered yet.";
                Self::new(ProblemKind::IdempotencyConflict, detail).retry_after(1)
            }
            RetryError::OtherCall => {
                let detail = "Another body was sent under this key within 24 hours.";
                Self::new(ProblemKind::IdempotencyMismatch, detail)
            }
            RetryError::Forgotten => {
                let detail = "The first call's answer is gone for good: it was about somebody who was erased.";
                Self::new(ProblemKind::IdempotencyMismatch, detail)
            }
            RetryError::Commit(_) | RetryError::Stopping => unavailable(&error),
            RetryError::Store(_) | RetryError::Vault(_) | RetryError::Encoding(_) => {
                internal(&error)
            }
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Commit(_) => unavailable(&error),
            CatalogError::Store(_) | CatalogError::Decoding(_) | CatalogError::Newer => {
                internal(&error)
            }
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::OutOfStep { rows } => {
                let detail = format!("The import stands at row {rows}; go on from there.");
                Self::new(ProblemKind::OutOfStep, detail).with("rows", rows)
            }
            ImportError::Contended => {
                Self::new(ProblemKind::Contended, "The same people kept changing. Go on.")
            }
            ImportError::Gateway(GatewayError::UnknownTenant) => {
                let detail = "No app of the configuration is of this tenant.";
                Self::new(ProblemKind::InvalidParameter, detail).with("name", "tenant")
            }
            ImportError::Gateway(error) => error.into(),
            ImportError::Consent(error) => error.into(),
            ImportError::Catalog(error) => error.into(),
            ImportError::Commit(_) | ImportError::Stopping => unavailable(&error),
            ImportError::Damaged | ImportError::Audit(_) | ImportError::Store(_) => {
                internal(&error)
            }
        }
    }
}

impl From<OperateError> for Problem {
    fn from(error: OperateError) -> Self {
        match error {
            OperateError::Unknown { kind, known } => {
                let detail = format!("must be a configured {kind}: {}", known.join(", "));
                Self::invalid(&[Fault { allowed: known, ..Fault::at("/name", detail) }])
            }
            OperateError::UnknownKey { known } => {
                let detail = format!("must be the id of a trusted key: {}", known.join(", "));
                Self::invalid(&[Fault { allowed: known, ..Fault::at("/kid", detail) }])
            }
            OperateError::NotCome => {
                Self::invalid(&[Fault::at("/before", "must not lie in the future")])
            }
            OperateError::Contended => {
                Self::new(ProblemKind::Contended, "Another operator changed the same.")
            }
            OperateError::NoSuchRow => {
                let detail = "must be indices of rows that the log has";
                Self::invalid(&[Fault::at("/rows", detail)])
            }
            OperateError::Rights(error) => error.into(),
            OperateError::Consent(error) => error.into(),
            OperateError::Backup(wrong @ (BackupError::NoFolder | BackupError::WithKeys)) => {
                Self::invalid(&[Fault::at("/dir", wrong.to_string())])
            }
            OperateError::Rotation(RotationError::InDoubt) => {
                Self::new(ProblemKind::Contended, RotationError::InDoubt.to_string())
            }
            OperateError::Rotation(ref cut_off) if cut_off.passes() => unavailable(&error),
            OperateError::Commit(_)
            | OperateError::Stopping
            | OperateError::Audit(AuditError::Commit(_))
            | OperateError::Backup(
                BackupError::Io { .. }
                | BackupError::Store(_)
                | BackupError::Audit(AuditError::Commit(_)),
            )
            | OperateError::Continuity(
                ContinuityError::Commit(_) | ContinuityError::Audit(AuditError::Commit(_)),
            ) => unavailable(&error),
            OperateError::Store(_)
            | OperateError::Audit(_)
            | OperateError::Newer
            | OperateError::Vault(_)
            | OperateError::Proofs(_)
            | OperateError::Entropy(_)
            | OperateError::Backup(BackupError::Audit(_))
            | OperateError::Rotation(_)
            | OperateError::Continuity(_) => internal(&error),
        }
    }
}

fn refused(refusal: Refusal) -> Problem {
    let conflict = |detail: &'static str, reason| {
        Problem::new(ProblemKind::ConsentConflict, detail).with("reason", reason)
    };
    match refusal {
        Refusal::EndsInThePast => {
            Problem::invalid(&[Fault::at("/expires_at", "must lie in the future")])
        }
        Refusal::NoCategories => {
            Problem::invalid(&[Fault::at("/categories", "must name at least one category")])
        }
        Refusal::NothingGiven => {
            conflict("Nothing is given for this purpose, so nothing is withdrawn.", "nothing_given")
        }
        Refusal::NotDue => conflict("The consent has not ended yet.", "not_due"),
    }
}

/// A refusal of a context, at its place below `at`. Of the caller's own keys only those that look like a field's name
/// are repeated: another may be somebody's id.
pub(super) fn context(error: &ContextError, at: &str) -> Problem {
    let plain = |key: &&str| {
        (1..=32).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
    };
    let mut pointer = at.to_owned();
    for key in error.pointer().split('/').skip(1).take_while(plain) {
        pointer.push('/');
        pointer.push_str(key);
    }
    let fault = |allowed: &[String]| Fault {
        allowed: allowed.to_vec(),
        ..Fault::at(pointer.clone(), error.flaw().to_string())
    };
    match error.flaw() {
        ContextFlaw::UnknownCategory { known } => {
            let detail = format!("`context` may have the keys {}.", known.join(", "));
            Problem::new(ProblemKind::UnknownCategory, detail)
                .with("known", known)
                .with("errors", [fault(&[])])
        }
        ContextFlaw::UnknownAttribute { known } => Problem::invalid(&[fault(known)]),
        ContextFlaw::NotAnObject | ContextFlaw::NotAllowed { .. } | ContextFlaw::Twice => {
            Problem::invalid(&[fault(&[])])
        }
    }
}

/// Passes if `catalogue` has the purpose.
pub(super) fn unless_known(catalogue: &Catalogue, purpose: &PurposeId) -> Result<(), Problem> {
    if catalogue.purpose(purpose).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = catalogue.purposes().iter().map(|known| known.id().as_str()).collect();
    let detail = format!("The purposes in force are {}.", known.join(", "));
    Err(Problem::new(ProblemKind::UnknownPurpose, detail).with("known", known))
}

/// The policy was switched between the look at the call and the act: the next look tells which purposes there are.
pub(super) fn unknown_purpose() -> Problem {
    Problem::new(ProblemKind::UnknownPurpose, "GET /v1/purposes lists the purposes in force.")
}

pub(super) fn unavailable(error: &dyn Error) -> Problem {
    tracing::warn!(problem = "unavailable", error.chain = chain(error), "call refused");
    let detail = "The gateway cannot record this now. Nothing was changed.";
    Problem::new(ProblemKind::Unavailable, detail).retry_after(RETRY_SECONDS)
}

pub(super) fn internal(error: &dyn Error) -> Problem {
    tracing::error!(problem = "internal", error.chain = chain(error), "call failed");
    Problem::new(ProblemKind::Internal, "Something failed inside the gateway.")
}

/// The messages of an error and its causes. No room's message holds personal data.
fn chain(error: &dyn Error) -> String {
    let (mut chain, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    chain
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::{policy::Bundle, store::CommitError};

    fn told(problem: Problem) -> (u16, String, serde_json::Value) {
        let document = serde_json::from_slice(&problem.document()).unwrap();
        let response = problem.into_response();
        let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
        (response.status().as_u16(), retry.unwrap_or_default().to_owned(), document)
    }

    #[test]
    fn what_cannot_be_recorded_is_worth_repeating() {
        let full = || CommitError::Conflict;
        for problem in [
            Problem::from(ConsentError::Commit(full())),
            Problem::from(GatewayError::Consent(ConsentError::Commit(full()))),
            Problem::from(GatewayError::Unavailable),
            Problem::from(CatalogError::Commit(full())),
        ] {
            let (status, retry, document) = told(problem);
            assert_eq!((status, retry.as_str()), (503, "5"));
            let cause = full().to_string();
            assert!(!document.to_string().contains(&cause), "the cause is the operator's to know");
        }
    }

    #[test]
    fn an_act_that_does_not_follow_is_a_conflict_with_its_reason() {
        let purpose = PurposeId::parse("security").unwrap();
        for (error, kind, reason) in [
            (Refusal::NothingGiven.into(), "consent-conflict", "nothing_given"),
            (ConsentError::Required(purpose), "consent-conflict", "required_purpose"),
            (ConsentError::NoticeOutdated, "notice-outdated", ""),
            (ConsentError::Contended, "contended", ""),
        ] {
            let (status, _, document) = told(error.into());
            assert_eq!((status, &document["type"]), (409, &format!("/problems/{kind}").into()));
            assert_eq!(document["reason"].as_str().unwrap_or_default(), reason);
        }
    }

    #[test]
    fn a_tenant_that_is_not_configured_is_a_matter_of_the_token() {
        let (status, _, document) = told(GatewayError::UnknownTenant.into());
        assert_eq!((status, document["reason"].as_str()), (401, Some("wrong_tenant")));
    }

    #[test]
    fn a_context_is_refused_at_its_place_and_without_the_callers_own_words() {
        let bundle = Bundle::shipped().unwrap();
        let refusal = |json: &str| {
            let json = serde_json::from_str(json).unwrap();
            let error = bundle.catalogue().parse_context(json).unwrap_err();
            String::from_utf8(context(&error, "/context").document()).unwrap()
        };
        let attribute = refusal(r#"{"location":{"lat":"ada"}}"#);
        assert!(attribute.contains(r#""pointer":"/context/location/lat""#), "{attribute}");
        for ours in [attribute, refusal(r#"{"ada@example.com":{}}"#)] {
            assert!(!ours.contains("ada"), "{ours}");
        }
    }
}
