//! Having a span of time forgotten.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Edge, Fault, Problem,
    body::{JSON, parse},
    caller::{Oneself, Unread},
    keyed::{Keyed, RetryHeader, Said},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Unrecorded},
    read::Read,
    recommend::Log,
    refuse, reply,
    words::PurposeName,
};
use crate::{
    consent::Own,
    domain::{PurposeId, Timestamp},
    gateway::{AtRecipients, Became, Forgotten, Span, Went},
};

/// A span of time that is to be forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"from": "2026-11-20T00:00:00+09:00", "to": "2026-11-21T00:00:00+09:00", "at_recipients": "reset"})))]
pub(in crate::http) struct ForgetAct {
    /// From this moment on, as RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    from: Read<Timestamp>,
    /// Before this one, as RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    to: Read<Timestamp>,
    /// For which purpose; for all if left out.
    #[schema(value_type = Option<PurposeName>)]
    purpose: Option<Read<PurposeId>>,
    /// What is done at recipients outside the gateway, which cannot delete a part.
    #[serde(default)]
    #[schema(inline = false)]
    at_recipients: AtRecipientsWord,
}

objects!(ForgetAct);

/// What is done at recipients that cannot delete a part.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum AtRecipientsWord {
    /// They keep what they were told.
    #[default]
    Keep,
    /// They see another pseudonym from now on, and are asked to delete everything under the one before. It cannot be undone.
    Reset,
}

/// What was forgotten.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epoch": 14, "held": {"meetings": 2, "taste_days": 1, "undated_tastes": false, "told_events": 0},
    "recipients": [{"recipient": "recsys-eu", "outcome": "kept"}], "log": {"origin": "gw-1.example/2026h2", "index": 150}
})))]
pub(in crate::http) struct ForgetTold<'a> {
    /// Which act of yours it was.
    epoch: u32,
    /// What went of what the gateway held.
    held: ForgetHeld,
    /// What became of it at each recipient.
    recipients: Vec<ForgetRecipient<'a>>,
    /// Where it stands in the log.
    log: Log<'a>,
}

/// What went of what the gateway held. In a retry under the same key, what went at first.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ForgetHeld {
    /// Records of meetings for the popular list, each of one call and day. One counts as met at its latest event.
    meetings: usize,
    /// Days of your tastes. They are kept by days of UTC: a day goes with any part of it.
    taste_days: usize,
    /// Whether tastes went that were kept without their days, by an older program: nobody knows whether they lay in the span.
    undated_tastes: bool,
    /// Events that models inside the gateway were told.
    told_events: usize,
}

/// What became of it at one recipient.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ForgetRecipient<'a> {
    /// Who.
    recipient: &'a str,
    /// `forgotten`: the model lives inside the gateway and was told anew what is left. `kept`: it cannot delete a part and keeps
    /// what it was told, if it was told anything. `reset`: it is asked to delete everything.
    #[schema(example = "kept")]
    outcome: &'static str,
}

/// Have a span of time forgotten
///
/// What the gateway holds of it goes: tastes, meetings, and what models inside the gateway were told. Recipients outside
/// cannot delete a part of what they were told: they keep all of it, or with `"at_recipients": "reset"` are asked to delete
/// all of it. The answer says what happened where. What your rows of the log say stays until its own retention ends.
#[utoipa::path(
    post,
    path = "/v1/me/forget",
    operation_id = "forget_own",
    tag = "Oneself",
    request_body = ForgetAct,
    params(RetryHeader),
    responses(
        (status = 200, description = "What was forgotten, and what was not", body = ForgetTold),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn forget(
    State(edge): State<Edge>,
    Oneself { caller, handle }: Oneself,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.usual(JSON).await?;
    let act: ForgetAct = parse(&body)?;
    let bundle = edge.policies.snapshot();
    let purpose = act.purpose.map(|purpose| bundle.renamed(&purpose.0).clone());
    if let Some(purpose) = &purpose {
        refuse::unless_known(bundle.catalogue(), purpose)?;
    }
    let time = act.from.0..act.to.0;
    if time.is_empty() {
        return Err(Problem::invalid(&[Fault::at("/to", "must be later than `from`")]));
    }
    let at = match act.at_recipients {
        AtRecipientsWord::Keep => AtRecipients::Keep,
        AtRecipientsWord::Reset => AtRecipients::Reset,
    };
    let attempt = key.attempt(&edge, &caller, &Said::of("POST /v1/me/forget", &body))?;
    let forgotten = edge.gateway.forget(handle, Span { time, purpose }, at, attempt).await?;
    Ok(reply::json(StatusCode::OK, &ForgetTold::of(&forgotten)))
}

impl<'a> ForgetTold<'a> {
    fn of(own: &'a Own<Forgotten>) -> Self {
        let Went { meetings, taste_days, undated_tastes, told_events } = own.what.held;
        let recipients = own.what.recipients.iter().map(|(recipient, became)| ForgetRecipient {
            recipient: recipient.as_str(),
            outcome: match became {
                Became::Forgotten => "forgotten",
                Became::Kept => "kept",
                Became::Reset => "reset",
            },
        });
        Self {
            epoch: own.epoch.0,
            held: ForgetHeld { meetings, taste_days, undated_tastes, told_events },
            recipients: recipients.collect(),
            log: Log::of(&own.place),
        }
    }
}
