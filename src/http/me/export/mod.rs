//! All that the gateway holds of a person, for themselves: as JSON or as a ZIP archive, encrypted if they ask for it.
//!
//! Promises: it is written while it is read, so it takes no more memory for a long life than for a short one; one that breaks
//! off cannot be taken for whole; a passphrase stands in no URL, log or record, and is gone with the call.
//!
//! To hand out one more kind of record, name it in `sections`, give it a list in `document` and an element in `items`.

mod archive;
mod document;
mod each;
mod form;
mod items;
mod log;
mod schema;
mod sections;

use std::io;

use age::{secrecy::SecretString, x25519};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

pub(in crate::http) use self::{document::Export, log::ExportedRow};
use self::{
    document::Source,
    each::Broken,
    form::{Form, Lock, Out},
};
use super::{
    super::{
        Edge, Fault, Problem, ProblemKind,
        caller::{Oneself, Unread},
        flow,
        object::objects,
        openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
        refuse, reply,
    },
    language,
};
use crate::gateway::Handle;

/// Where the schema is.
const SCHEMA: &str = "/v1/me/export/schema";

/// The shortest passphrase. Whoever gets hold of the file can try them at leisure.
const SHORTEST: usize = 12;
const LONGEST: usize = 1024;

/// In which form and language an export is wanted.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportParameters {
    /// `json` or `zip`; else as `Accept` says.
    #[param(inline)]
    form: Option<FormWord>,
    /// The language of texts, such as `ko`; else `Accept-Language`.
    language: Option<String>,
}

/// An export, and who may open it.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"form": "zip", "encrypt_to": {"passphrase": "correct horse battery staple"}})))]
pub(in crate::http) struct ExportCall {
    /// `json` unless given.
    #[schema(inline)]
    form: Option<FormWord>,
    /// Who can open it: who knows a passphrase, or who holds the key of a recipient. Nobody else then, the gateway neither.
    #[schema(inline = false)]
    encrypt_to: Option<LockCall>,
}

/// Who can open an export: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct LockCall {
    /// Who knows it, of 12 to 1024 bytes. It is not kept.
    #[schema(min_length = 12, max_length = 1024)]
    passphrase: Option<String>,
    /// Who holds the key of this X25519 recipient of the age format.
    #[schema(example = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p")]
    recipient: Option<String>,
}

/// The form of an export.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum FormWord {
    /// One JSON document.
    Json,
    /// A ZIP archive of it, of tables in CSV, of receipts and of proofs.
    Zip,
}

objects!(ExportCall, LockCall);

/// Have what the gateway holds of you
///
/// Everything: what you gave, what was recorded, what was made of it, and what the log says of you, each row with what opens
/// it and a proof that it stands in the log; of all ids that you are known by. It is written to the log, as the last row
/// under the keys of until now: what you get finds and opens no later row of yours. It is sent while it is read; one that
/// broke off lacks `complete`. Of a person of whom nothing is known it is empty.
#[utoipa::path(
    get,
    path = "/v1/me/export",
    operation_id = "export_own",
    tag = "Oneself",
    params(ExportParameters),
    responses(
        (status = 200, description = "All that is held of you; with `form=zip` or `Accept: application/zip` as an archive",
         content((Export = "application/json"), (String = "application/zip"))),
        Conflicts,
        Unrecorded,
        Refusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn mine(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    headers: HeaderMap,
    wanted: Result<Query<ExportParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|_| {
        let detail = "The parameters are `form`, which is `json` or `zip`, and `language`, such as ?language=ko.";
        Problem::new(ProblemKind::InvalidParameter, detail).with("name", "form")
    })?;
    let accepted = headers.get_all(header::ACCEPT).iter().any(names_zip);
    let usual = if accepted { Form::Zip } else { Form::Json };
    let form = wanted.form.map_or(usual, Form::from);
    answer(edge, handle, (form, None), (wanted.language.as_deref(), &headers)).await
}

/// Have what the gateway holds of you, encrypted
///
/// As `GET /v1/me/export`, in the age format (age-encryption.org/v1) to a passphrase or to a public key.
#[utoipa::path(
    post,
    path = "/v1/me/export",
    operation_id = "export_own_encrypted",
    tag = "Oneself",
    request_body = ExportCall,
    responses(
        (status = 200, description = "All that is held of you; `application/age` where it is encrypted",
         content((String = "application/age"), (Export = "application/json"), (String = "application/zip"))),
        Conflicts,
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn encrypted(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    headers: HeaderMap,
    body: Unread,
) -> Result<Response, Problem> {
    let call: ExportCall = body.json().await?;
    let form = call.form.map_or(Form::Json, Form::from);
    let lock = call.encrypt_to.map(LockCall::lock).transpose()?;
    answer(edge, handle, (form, lock), (None, &headers)).await
}

/// Read the schema of exports
///
/// What `GET /v1/me/export` answers, as JSON Schema 2020-12.
#[utoipa::path(
    get,
    path = "/v1/me/export/schema",
    operation_id = "read_export_schema",
    tag = "Oneself",
    responses((status = 200, description = "The schema", content_type = "application/schema+json"), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn schema(_: Oneself) -> Result<Response, Problem> {
    let document = schema::document().to_string();
    Ok(reply::typed(StatusCode::OK, "application/schema+json", document.into()))
}

async fn answer(
    edge: Edge,
    handle: Handle,
    (form, lock): (Form, Option<Lock>),
    (language, headers): (Option<&str>, &HeaderMap),
) -> Result<Response, Problem> {
    let bundle = edge.policies.snapshot();
    let language = language::choose(bundle.catalogue(), language, headers).to_owned();
    let own = edge.exports.begin(handle).await?;
    let (media, name) = match &lock {
        Some(_) => ("application/age", format!("consentry-export.{}.age", form.extension())),
        None => (form.media(), format!("consentry-export.{}", form.extension())),
    };
    let (writer, body) = flow::begin();
    tokio::task::spawn_blocking(move || {
        let (own, catalogue, now) = (own.as_ref(), bundle.catalogue(), edge.now());
        let source = Source { edge: &edge, own, catalogue, language: &language, now };
        let mut out = Out(writer);
        match form.write(source, lock.as_ref(), &mut out) {
            Ok(()) => out.0.end(),
            Err(error) => {
                if !left(&error) {
                    refuse::internal(&error);
                }
                out.0.break_off();
            }
        }
    });
    let mut response = reply::typed(StatusCode::OK, media, body);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    response.headers_mut().extend(disposition.ok().map(|it| (header::CONTENT_DISPOSITION, it)));
    Ok(response)
}

/// Whether it broke off because nobody reads any more.
fn left(error: &Broken) -> bool {
    matches!(error, Broken::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

fn names_zip(accepted: &HeaderValue) -> bool {
    let accepted = accepted.to_str().unwrap_or_default();
    let media = accepted.split(',').filter_map(|range| range.split(';').next());
    media.map(str::trim).any(|media| media.eq_ignore_ascii_case("application/zip"))
}

impl From<FormWord> for Form {
    fn from(word: FormWord) -> Self {
        match word {
            FormWord::Json => Self::Json,
            FormWord::Zip => Self::Zip,
        }
    }
}

impl LockCall {
    fn lock(self) -> Result<Lock, Problem> {
        let wrong = |pointer: &str, detail: &str| {
            let fault = Fault::at(pointer, detail);
            Problem::invalid(&[fault])
        };
        match (self.passphrase, self.recipient) {
            (Some(passphrase), None) if (SHORTEST..=LONGEST).contains(&passphrase.len()) => {
                Ok(Lock::Passphrase(SecretString::from(passphrase)))
            }
            (Some(_), None) => Err(wrong("/encrypt_to/passphrase", "must be of 12 to 1024 bytes")),
            (None, Some(recipient)) => {
                let parsed: Result<x25519::Recipient, _> = recipient.parse();
                let detail = "must be an X25519 recipient of the age format, `age1…`";
                parsed.map(Lock::Recipient).map_err(|_| wrong("/encrypt_to/recipient", detail))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err(wrong("/encrypt_to", "must have one of `passphrase` and `recipient`"))
            }
        }
    }
}
