//! Bodies of calls, through the router and the handlers behind it. The first byte says which call.

use std::cell::RefCell;

use http::Method;

use super::stage::{As, Stage};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const PATCH: &str = "application/merge-patch+json";

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::set());
}

/// Sends the rest of `data` as the body of the call that its first byte names.
pub fn run(data: &[u8]) {
    let Some((call, body)) = data.split_first() else { return };
    let (who, method, path, media) = match call % 10 {
        0 => (As::App, Method::POST, "/v1/recommendations", JSON),
        1 => (As::App, Method::POST, "/v1/recommendations/preview", JSON),
        2 => (As::Person, Method::POST, "/v1/recommendations/preview", JSON),
        3 => (As::App, Method::POST, "/v1/recommendations/batch", NDJSON),
        4 => (As::App, Method::POST, "/v1/events", JSON),
        5 => (As::App, Method::PUT, "/v1/items", JSON),
        6 => (As::App, Method::POST, "/v1/consents", JSON),
        7 => (As::Person, Method::POST, "/v1/consents", JSON),
        8 => (As::App, Method::POST, "/v1/consents/query", JSON),
        _ => (As::Person, Method::PATCH, "/v1/me/rules", PATCH),
    };
    STAGE.with_borrow_mut(|stage| {
        let answered = stage.call(who, method, path, media, body);
        // INVARIANT: a body is an object; serde alone would read an array into a struct as well.
        let first = body.trim_ascii_start().first();
        assert!(
            media == NDJSON || answered.status >= 400 || first == Some(&b'{'),
            "{path} takes no object"
        );
    });
}
