//! Many recommendation calls in one: a line a person, each decided by itself, answered in order.

use std::{collections::VecDeque, sync::Arc};

use axum::{extract::State, response::Response};
use bytes::Bytes;
use http::StatusCode;
use tokio::{sync::mpsc::Sender, task::JoinHandle};

use super::ask::RecommendationCall;
use crate::{
    auth::{Caller, Scope},
    http::{
        Edge, Problem, ProblemKind,
        caller::{By, Gpc, Unread},
        lines::{Lines, NDJSON, Written},
        openapi::BodyRefusals,
        reply,
        words::BatchLine,
    },
};

/// How many lines are answered at the same time.
const AT_ONCE: usize = 16;

/// Ask for recommendations for many people
///
/// Takes a recommendation call a line (NDJSON) and answers it on the same line: with the answer, or with a problem
/// document that names its `line`, from 1; the other lines go on. Each line's consent is checked when the line is
/// answered, up to 16 lines at a time, and answers are sent as they are ready.
///
/// Each line counts as a call of its own towards the app's rate.
///
/// `signals.gpc` on a line is that person's Global Privacy Control; the header `Sec-GPC: 1` is that of all.
#[utoipa::path(
    post,
    path = "/v1/recommendations/batch",
    operation_id = "recommend_batch",
    tag = "Recommendations",
    request_body(content = RecommendationCall, content_type = "application/x-ndjson", description = "A call a line"),
    params(("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects")),
    responses(
        (status = 200, description = "An answer or a problem document a line, in the order of the calls",
         body = BatchLine, content_type = "application/x-ndjson"),
        BodyRefusals,
    ),
    security(("bearer" = ["recommend"]))
)]
pub(in crate::http) async fn batch(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Recommend)?;
    let lines = body.lines(NDJSON, edge.body_limit.0)?;
    let (writer, written) = Written::begin(AT_ONCE);
    tokio::spawn(answer_all(edge, caller, signal, lines, writer));
    Ok(reply::typed(StatusCode::OK, NDJSON, written))
}

/// Answers the lines in their order until there are no more or nobody reads the answers.
async fn answer_all(
    edge: Edge,
    caller: Arc<Caller>,
    signal: bool,
    mut lines: Lines,
    writer: Sender<Bytes>,
) {
    let mut under_way = UnderWay::default();
    let (mut number, mut ended) = (0, false);
    while !(ended && under_way.0.is_empty()) {
        tokio::select! {
            biased;
            answer = under_way.first(), if !under_way.0.is_empty() => {
                if writer.send(answer).await.is_err() {
                    return;
                }
            }
            line = lines.next(), if !ended && under_way.0.len() < AT_ONCE => {
                let Some(line) = line else {
                    ended = true;
                    continue;
                };
                number += 1;
                // The call itself was counted: it stands for its first line.
                let line = if number == 1 { line } else { line.and_then(|line| counted(&caller, line)) };
                under_way.begin(edge.clone(), caller.clone(), signal, number, line);
            }
        }
    }
}

/// The line, if the app may call once more.
fn counted(caller: &Caller, line: Bytes) -> Result<Bytes, Problem> {
    caller.count()?;
    Ok(line)
}

/// The lines that are being answered, first one first. Dropping them ends them.
#[derive(Default)]
struct UnderWay(VecDeque<JoinHandle<Bytes>>);

impl UnderWay {
    fn begin(
        &mut self,
        edge: Edge,
        caller: Arc<Caller>,
        signal: bool,
        number: usize,
        line: Result<Bytes, Problem>,
    ) {
        self.0.push_back(tokio::spawn(async move {
            let answer = match line {
                // A batch may run long: what stops its token or its app stops its next line.
                Ok(line) => match edge.authority.still_admits(&caller) {
                    Ok(()) => {
                        let answer = super::answer(&edge, &caller, &line, number, signal).await;
                        answer.map(|(json, _)| json)
                    }
                    Err(stopped) => Err(stopped.into()),
                },
                Err(problem) => Err(problem),
            };
            let mut json = answer.unwrap_or_else(|problem| problem.with("line", number).document());
            json.push(b'\n');
            json.into()
        }));
    }

    /// The answer to the first line. Called again after it was dropped, it goes on waiting for the same one.
    async fn first(&mut self) -> Bytes {
        let Some(first) = self.0.front_mut() else { return Bytes::new() };
        let answer = first.await;
        self.0.pop_front();
        answer.unwrap_or_else(|_| {
            // The task panicked: that line fails, and it alone.
            tracing::error!(problem = "internal", "a line of a batch panicked");
            let problem = Problem::new(ProblemKind::Internal, "Something failed on this line.");
            let mut json = problem.document();
            json.push(b'\n');
            json.into()
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
