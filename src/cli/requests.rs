//! `consentry requests`: what people ask for by right, and the operator's answers.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::app::AppError;

const PATH: &str = "/v1/operate/requests";

#[derive(Debug, Subcommand)]
pub(super) enum RequestsCommand {
    /// Lists what waits for an answer, what is due first in front.
    List {
        /// The answered ones too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Opens a request with what the person said; that it was opened is written to the log.
    Show(Named),
    /// Says that what was asked for is done.
    Answer {
        #[command(flatten)]
        named: Named,
        /// What the person is told.
        #[arg(long)]
        text: Option<String>,
    },
    /// Refuses a request.
    Refuse {
        #[command(flatten)]
        named: Named,
        /// `suspected_fraud`, `insufficient_verification`, `no_match`, `claim_not_covered`, `outside_jurisdiction`,
        /// `too_many_requests` or `other`.
        #[arg(long)]
        reason: String,
        /// What the person is told.
        #[arg(long)]
        text: Option<String>,
    },
    /// Puts a request off, as far as its law lets it be.
    Extend {
        #[command(flatten)]
        named: Named,
        /// `complexity`, `number_of_requests` or `just_cause`.
        #[arg(long)]
        reason: String,
        /// The new last day, such as 2026-12-24, where the law names no length.
        #[arg(long)]
        until: Option<String>,
        /// What the person is told.
        #[arg(long)]
        text: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The request's id.
    id: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) fn run(command: &RequestsCommand) -> Result<(), AppError> {
    match command {
        RequestsCommand::List { all, operator } => list(*all, operator),
        RequestsCommand::Show(named) => {
            let told = named.call(http::Method::GET, "", None)?;
            print::line(&format!("{told:#}"));
            Ok(())
        }
        RequestsCommand::Answer { named, text } => {
            say(named, "/answer", &json!({ "outcome": "completed", "text": text }))
        }
        RequestsCommand::Refuse { named, reason, text } => {
            say(named, "/answer", &json!({ "outcome": "refused", "reason": reason, "text": text }))
        }
        RequestsCommand::Extend { named, reason, until, text } => {
            say(named, "/extend", &json!({ "reason": reason, "until": until, "text": text }))
        }
    }
}

fn list(all: bool, operator: &OperatorArgs) -> Result<(), AppError> {
    let path = if all { format!("{PATH}?state=all") } else { PATH.to_owned() };
    let told = Gateway::reach(operator)?.call(http::Method::GET, &path, None)?;
    for request in told.get("requests").and_then(Value::as_array).into_iter().flatten() {
        show(request);
    }
    Ok(())
}

fn say(named: &Named, what: &str, said: &Value) -> Result<(), AppError> {
    let mut said = said.clone();
    if let Some(members) = said.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    show(&named.call(http::Method::POST, what, Some(&said))?);
    Ok(())
}

impl Named {
    fn call(
        &self,
        method: http::Method,
        what: &str,
        body: Option<&Value>,
    ) -> Result<Value, AppError> {
        // An id that is none must not become another path.
        let id = uuid::Uuid::try_parse(&self.id)
            .map_err(|_| AppError::Refused("a request's id is a UUID".to_owned()))?;
        Gateway::reach(&self.operator)?.call(method, &format!("{PATH}/{id}{what}"), body)
    }
}

fn show(request: &Value) {
    let text = |member: &str| request.get(member).and_then(Value::as_str).unwrap_or_default();
    let left = match request.get("days_left").and_then(Value::as_i64) {
        Some(days) if request.get("overdue").and_then(Value::as_bool) == Some(true) => {
            format!(", {} days late", -days)
        }
        Some(days) => format!(", {days} days left"),
        None => String::new(),
    };
    let (id, kind, law) = (text("id"), text("type"), text("regulation"));
    let (status, due) = (text("status"), text("due_on"));
    let proof = match text("certificate") {
        "" => String::new(),
        certificate => format!(", certificate {certificate}, final by {}", text("final_by")),
    };
    print::line(&format!("{id} {kind} ({law}) is {status}, due on {due}{left}{proof}"));
}
