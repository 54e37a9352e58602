//! Items, a line each: either all lines are good and as many items are kept, or none is.

use std::cell::RefCell;

use http::Method;
use serde_json::Value;

use super::stage::{As, Stage};

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::set());
}

/// Sends `data` as lines of items.
pub fn run(data: &[u8]) {
    STAGE.with_borrow_mut(|stage| {
        let answered = stage.call(As::App, Method::PUT, "/v1/items", "application/x-ndjson", data);
        if answered.status == 200 {
            let told: Value = serde_json::from_str(&answered.body).unwrap();
            let lines =
                data.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            assert_eq!(told["items"], lines.count(), "as many items as lines");
        }
    });
}
