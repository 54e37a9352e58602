//! Rows of the log, as an auditor asks for them.

use std::{fmt::Write as _, ops::ControlFlow};

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    super::{
        Edge, Problem,
        caller::By,
        flow,
        openapi::{NotServed, Refusals},
        refuse, reply,
    },
    accept::{Form, choose},
    entry::{LogEntries, LogEntry, first_line, line},
    parameters::{Given, PAGE, Parameters, told, wrong, wrong_cursor},
    words::{Cursor, EventWord, LogWord, PolicyVersionName},
};
use crate::{
    audit::{Filter, Order},
    auth::Scope,
    inspect::{Begun, Inspector, Known, Read},
};

const PARAMETERS: [&str; 11] = [
    "from",
    "until",
    "event",
    "outcome",
    "purpose",
    "recipient",
    "reason",
    "policy",
    "order",
    "limit",
    "cursor",
];

/// Read the log
///
/// Its rows by time and by their words, as JSON, NDJSON or CSV by `Accept`. A parameter with several words, repeated or
/// with commas, wants rows with any of them; rows must meet every parameter. A page of JSON has 100 rows unless `limit`
/// says otherwise; NDJSON and CSV without `limit` are all of them, to the row before this read's own. Pages go on with
/// `cursor`, and with the header `Link`: rows that are written meanwhile repeat no row and hide none.
///
/// The read is itself a row of the log.
#[utoipa::path(
    get,
    path = "/v1/audit/entries",
    operation_id = "read_log_entries",
    tag = "Audit",
    params(
        ("from" = Option<String>, Query, description = "From the minute of this moment on (RFC 3339)", format = DateTime),
        ("until" = Option<String>, Query, description = "Before this moment (RFC 3339)", format = DateTime),
        ("event" = Option<Vec<EventWord>>, Query, description = "What happened"),
        ("outcome" = Option<Vec<LogWord>>, Query, description = "How it ended: a tier for decisions"),
        ("purpose" = Option<Vec<LogWord>>, Query, description = "For which purpose; `-` for none"),
        ("recipient" = Option<Vec<LogWord>>, Query, description = "Who received data; `-` for nobody"),
        ("reason" = Option<Vec<LogWord>>, Query, description = "Why"),
        ("policy" = Option<Vec<PolicyVersionName>>, Query, description = "Under which version: `current`, or the beginning of a hash"),
        ("order" = Option<OrderWord>, Query, description = "`asc`, the oldest first, if absent"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "How many rows a page has"),
        ("cursor" = Option<Cursor>, Query, description = "The `next` of the page before, all else but `limit` as it was"),
    ),
    responses(
        (status = 200, description = "The rows", content((LogEntries = "application/json"), (LogEntry = "application/x-ndjson"), (String = "text/csv")),
         headers(("Link" = String, description = "The next page, `rel=\"next\"`, where there is one"))),
        NotServed, Refusals
    ),
    security(("bearer" = ["audit:read"]))
)]
pub(in crate::http) async fn read(
    State(edge): State<Edge>,
    By(caller): By,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    caller.require(Scope::AuditRead)?;
    let form = choose(&headers, &[Form::Json, Form::Ndjson, Form::Csv])?;
    let parameters = Parameters::read(given, &PARAMETERS)?;
    let inspector = &edge.inspector;
    let asked = Asked::read(&parameters, &inspector.known().await?, &edge)?;
    let begun = inspector.begin(Read::Entries, caller.token(), asked.told(form)).await?;
    let limit = asked.limit.or((form == Form::Json).then_some(PAGE));
    let Some(limit) = limit else { return Ok(all(inspector.clone(), begun, asked, form)) };
    let page = inspector.page(begun, asked.filter.clone(), asked.order, asked.start, limit).await?;
    let entries = page.rows.iter().map(|(index, row)| LogEntry::of(inspector, *index, row));
    let entries: Vec<LogEntry> =
        entries.collect::<Result<_, _>>().map_err(|e| refuse::internal(&e))?;
    let next = page.next.map(|place| inspector.cursors().write(place, &asked.question));
    let link = next.as_ref().map(|next| asked.link(next));
    let mut response = match form {
        Form::Json => reply::json(StatusCode::OK, &LogEntries { entries, next }),
        Form::Ndjson | Form::Csv => {
            let mut body = first_line(form);
            for entry in &entries {
                body.extend(line(form, entry));
            }
            reply::typed(StatusCode::OK, form.media(), Body::from(body))
        }
    };
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The order of rows.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes a parameter")]
pub(in crate::http) enum OrderWord {
    Asc,
    Desc,
}

/// What a call asks for.
struct Asked {
    filter: Filter,
    order: Order,
    start: Option<u64>,
    limit: Option<usize>,
    /// What a cursor holds good for.
    question: String,
}

impl Asked {
    fn read(parameters: &Parameters, known: &Known, edge: &Edge) -> Result<Self, Problem> {
        let filter = Filter {
            span: parameters.span()?,
            events: parameters.words("event", &known.events)?,
            outcomes: parameters.words("outcome", &known.outcomes)?,
            purposes: parameters.words("purpose", &known.purposes)?,
            recipients: parameters.words("recipient", &known.recipients)?,
            reasons: parameters.words("reason", &known.reasons)?,
            rulesets: rulesets(parameters, known, edge)?,
        };
        let order = match parameters.one("order")? {
            None | Some("asc") => Order::Ascending,
            Some("desc") => Order::Descending,
            Some(_) => return Err(wrong("order", "must be `asc` or `desc`")),
        };
        let question = question(&filter, order);
        let cursor = parameters.one("cursor")?;
        let start = cursor.map(|cursor| {
            edge.inspector.cursors().read(cursor, &question).ok_or_else(wrong_cursor)
        });
        let (start, limit) = (start.transpose()?, parameters.limit()?);
        Ok(Self { filter, order, start, limit, question })
    }

    /// What the log's body says of the call. Its words are those of vocabularies.
    fn told(&self, form: Form) -> Value {
        let mut told = json!({ "order": self.order.as_str(), "form": form.media() });
        if let Some(members) = told.as_object_mut() {
            let span = ["from", "until"].into_iter().zip(told_span(&self.filter));
            members.extend(span.map(|(name, moment)| (name.to_owned(), json!(moment))));
            let lists = self.filter.lists().into_iter().filter(|(_, list)| !list.is_empty());
            members.extend(lists.map(|(name, list)| (name.to_owned(), json!(list))));
            members.insert("start".to_owned(), json!(self.start));
            members.insert("limit".to_owned(), json!(self.limit));
        }
        told
    }

    /// Where the next page is. Words of vocabularies and moments in UTC stand in a URL as they are.
    fn link(&self, next: &str) -> String {
        let mut url = format!("/v1/audit/entries?order={}", self.order.as_str());
        // Writing to a string cannot fail.
        for (name, moment) in ["from", "until"].into_iter().zip(told_span(&self.filter)) {
            let _ = moment.map(|moment| write!(url, "&{name}={moment}"));
        }
        for (name, list) in self.filter.lists() {
            let _ = list.iter().try_for_each(|word| write!(url, "&{name}={word}"));
        }
        let _ = self.limit.map(|limit| write!(url, "&limit={limit}"));
        format!("<{url}&cursor={next}>; rel=\"next\"")
    }
}

fn told_span(filter: &Filter) -> [Option<String>; 2] {
    told(filter.span)
}

/// What was asked, all but how much of it at a time.
fn question(filter: &Filter, order: Order) -> String {
    json!(["entries", order.as_str(), told_span(filter), filter.lists()]).to_string()
}

/// The rulesets of the versions that are named.
fn rulesets(parameters: &Parameters, known: &Known, edge: &Edge) -> Result<Vec<String>, Problem> {
    let named = |name: String| {
        if name == "current" {
            return Ok(edge.policies.current().ruleset().to_owned());
        }
        let hash = name.strip_prefix("sha256:").unwrap_or(&name);
        let beginning = hash.get(..16).unwrap_or(hash);
        let mut found = known.rulesets.iter().filter(|known| known.starts_with(beginning));
        match (found.next(), found.next()) {
            (Some(ruleset), None) if hash.len() >= 4 => Ok(ruleset.clone()),
            _ => Err(wrong(
                "policy",
                "must be `current` or begin the hash of one version, with at least 4 digits; `known` lists them",
            )
            .with("known", &known.rulesets)),
        }
    };
    let mut rulesets: Vec<String> =
        parameters.list("policy").into_iter().map(named).collect::<Result<_, _>>()?;
    rulesets.sort_unstable();
    rulesets.dedup();
    Ok(rulesets)
}

/// Every row, written while it is sent.
fn all(inspector: Inspector, begun: Begun, asked: Asked, form: Form) -> Response {
    let (mut writer, body) = flow::begin();
    tokio::task::spawn_blocking(move || {
        let mut wrong = None;
        let _ = writer.write(&first_line(form));
        let Asked { filter, order, start, .. } = &asked;
        let walked =
            inspector.walk(begun, filter, *order, *start, |index, row| {
                match LogEntry::of(&inspector, index, row) {
                    Ok(entry) => writer.write(&line(form, &entry)),
                    Err(error) => {
                        wrong = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
        match walked.err().or(wrong) {
            None => writer.end(),
            Some(error) => {
                refuse::internal(&error);
                writer.break_off();
            }
        }
    });
    reply::typed(StatusCode::OK, form.media(), body)
}
