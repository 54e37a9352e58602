//! Answers while something goes on: how far it is, a line now and then, and last what came of it.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::super::{
    Problem,
    lines::{NDJSON, Written},
    reply,
};

/// How many lines of progress may wait to be sent.
const LINES_WAITING: usize = 16;

/// Hears how far it is.
pub(super) type Told<P> = Box<dyn FnMut(P) + Send>;

/// Answers with a `line` for all that `work` tells, and one for what comes of it; for a failure, the members of a problem. It
/// goes on whether somebody reads the answer or not.
pub(super) fn on<P, R, L, E, F>(
    line: fn(Option<P>, Option<R>) -> L,
    work: impl FnOnce(Told<P>) -> F + Send + 'static,
) -> Response
where
    P: 'static,
    R: Send + 'static,
    L: Serialize + 'static,
    E: Send + 'static,
    Problem: From<E>,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    let (writer, written) = Written::begin(LINES_WAITING);
    tokio::spawn(async move {
        let progress = writer.clone();
        let told = move |made| {
            // Who does not read its progress keeps nobody waiting.
            let _ = progress.try_send(of_bytes(json(&line(Some(made), None))));
        };
        let last = match work(Box::new(told)).await {
            Ok(result) => json(&line(None, Some(result))),
            Err(error) => Problem::from(error).document(),
        };
        let _ = writer.send(of_bytes(last)).await;
    });
    reply::typed(StatusCode::OK, NDJSON, written)
}

fn json(line: &impl Serialize) -> Vec<u8> {
    // Numbers and words: there is nothing in it that JSON could not say.
    serde_json::to_vec(line).unwrap_or_default()
}

fn of_bytes(mut line: Vec<u8>) -> Bytes {
    line.push(b'\n');
    line.into()
}
