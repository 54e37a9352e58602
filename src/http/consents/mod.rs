//! The calls that record consents and tell where a person stands.

mod act;
pub(super) mod standing;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) use act::turns_14;
use act::{ConsentAct, Recorded};
pub(super) use standing::ConsentStanding;

use super::{
    Edge, Fault, Problem, ProblemKind,
    body::{JSON, parse},
    caller::{By, Gpc, Unread, oneself, oneself_or, only_about},
    keyed::{Keyed, RetryHeader, Said},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    read::Subject,
    refuse, reply,
};
use crate::{
    auth::{Caller, Scope},
    domain::SubjectRef,
};

/// Give, refuse or withdraw consent
///
/// One act for one purpose. When the answer comes, the act holds: nothing leaves on the older standing, from calls in
/// flight neither. Giving needs the `snapshot` of the notice that was shown.
///
/// A person's own token (scope `self`) speaks for that person, and `subject` is left out; an app (scope `consent`) names
/// the person.
#[utoipa::path(
    post,
    path = "/v1/consents",
    operation_id = "record_consent",
    tag = "Consent",
    request_body = ConsentAct,
    params(
        RetryHeader,
        ("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects. The objection is kept before the act: who gives on the same call says yes to this one purpose")
    ),
    responses(
        (status = 201, description = "The act is recorded", body = Recorded),
        (status = 202, description = "The act holds and is not durable yet: the journal takes no records now", body = Recorded),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["consent"]), ("bearer" = ["self"]))
)]
pub(super) async fn act(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let oneself = oneself_or(&caller, Scope::Consent)?;
    let body = body.usual(JSON).await?;
    let mut act: ConsentAct = parse(&body)?;
    let bundle = edge.policies.snapshot();
    refuse::unless_known(bundle.catalogue(), bundle.renamed(&act.purpose.0))?;
    let subject = match oneself {
        Some(oneself) => {
            let oneself = by_oneself(&act, oneself)?;
            act.guardian = caller.guardian().is_some();
            oneself
        }
        None => by_app(&caller, &act)?,
    };
    let handle = edge.gateway.handle(caller.tenant(), subject)?;
    let said = Said { route: "POST /v1/consents", body: &body, signal };
    let attempt = key.attempt(&edge, &caller, &said)?;
    let acted = edge.ledger.act_once(handle, act.request(signal, edge.now())?, attempt).await?;
    let status = match acted.place {
        Some(_) => StatusCode::CREATED,
        None => StatusCode::ACCEPTED,
    };
    Ok(reply::json(status, &Recorded::of(&acted)))
}

/// Whose standing is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"subject": {"id": "user-4395"}})))]
pub(super) struct ConsentQuery {
    /// The person.
    #[schema(inline = false)]
    subject: Subject,
}

objects!(ConsentQuery);

/// Ask where a person stands
///
/// For an app's own settings page: each purpose with the state of the person's consent at this moment. Asking creates
/// nobody.
#[utoipa::path(
    post,
    path = "/v1/consents/query",
    operation_id = "query_consents",
    tag = "Consent",
    request_body = ConsentQuery,
    params(("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects")),
    responses((status = 200, description = "Where the person stands", body = ConsentStanding), BodyRefusals),
    security(("bearer" = ["consent"]))
)]
pub(super) async fn query(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Consent)?;
    let ConsentQuery { subject } = body.json().await?;
    standing(&edge, &caller, subject.into(), signal).await
}

/// Ask where you stand
///
/// Each purpose with the state of your consent at this moment.
#[utoipa::path(
    get,
    path = "/v1/me/consents",
    operation_id = "read_own_consents",
    tag = "Oneself",
    params(("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects")),
    responses((status = 200, description = "Where you stand", body = ConsentStanding), Refusals),
    security(("bearer" = ["self"]))
)]
pub(super) async fn mine(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
) -> Result<Response, Problem> {
    let oneself = oneself(&caller)?;
    standing(&edge, &caller, oneself, signal).await
}

async fn standing(
    edge: &Edge,
    caller: &Caller,
    subject: SubjectRef,
    signal: bool,
) -> Result<Response, Problem> {
    let handle = edge.gateway.handle(caller.tenant(), subject)?;
    let person = edge.ledger.heard(handle, signal).await?;
    let undurable = person.as_ref().map(|person| edge.ledger.undurable(person.key.sid()));
    let bundle = edge.policies.snapshot();
    let standing =
        ConsentStanding::of(&bundle, person.as_ref(), &undurable.unwrap_or_default(), edge.now());
    Ok(reply::json(StatusCode::OK, &standing))
}

/// Whom a person's own act is about, which can be nobody else.
fn by_oneself(act: &ConsentAct, oneself: SubjectRef) -> Result<SubjectRef, Problem> {
    only_about(&oneself, act.subject.as_ref().map(act::ConsentingSubject::person))?;
    let rule = "can be stated by an app with the scope consent only";
    if act.guardian {
        return Err(Problem::invalid(&[Fault::at("/guardian", rule)]));
    }
    if act.subject.as_ref().is_some_and(act::ConsentingSubject::tells_age) {
        return Err(Problem::invalid(&[Fault::at("/subject/under_14_until", rule)]));
    }
    Ok(oneself)
}

/// Whom an app's act is about. An app may take back and refuse for every purpose, and give only for its own.
fn by_app(caller: &Caller, act: &ConsentAct) -> Result<SubjectRef, Problem> {
    let Some(subject) = &act.subject else {
        return Err(Problem::invalid(&[Fault::at("", "`subject` is missing")]));
    };
    if act.action == act::ActionWord::Give && !caller.registered(&act.purpose.0) {
        let own = caller.app().map(|app| &app.purposes);
        let detail = "An app may record consent for the purposes it is registered for.";
        let problem = Problem::new(ProblemKind::PurposeNotRegistered, detail);
        return Err(problem.with("registered", own));
    }
    Ok(subject.person())
}
