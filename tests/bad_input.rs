//! Bad input: each call that is wrong in one point is told which, and what would be right; and nothing that it held is
//! repeated in the answer or in the log.
#![expect(clippy::unwrap_used, reason = "a test that cannot read an answer must fail")]

mod support;

use serde_json::{Value, json};

use support::{Stage, log::logged};

/// What stands in for somebody's data wherever a call can hold a value. No answer and no log line may repeat it.
const CANARY: &str = "canary-7f3a@example.com";

/// A good call, changed by `change`.
fn ask(change: impl Fn(&mut Value)) -> String {
    let mut ask = json!({"subject": {"id": CANARY}, "purpose": "recommend_products", "count": 10});
    change(&mut ask);
    ask.to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "a case is written where it stands")]
fn set(pointer: &'static str, value: Value) -> String {
    ask(|ask| {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        ask.pointer_mut(parent).unwrap()[key] = value.clone();
    })
}

/// What serde would take and no call describes, in the form of [`cases`].
fn shapes() -> Vec<(String, u16, &'static str, &'static str)> {
    let array = "must be an object, not an array";
    vec![
        (json!([{"id": CANARY}]).to_string(), 422, "invalid-body", array),
        (set("/subject", json!([CANARY])), 422, "invalid-body", array),
        (set("/candidates", json!([[CANARY]])), 422, "invalid-body", "/candidates/0: must be"),
        (set("/signals", json!([true])), 422, "invalid-body", array),
        (set("/count", json!(501.0)), 422, "invalid-body", "must be a whole number from 1 to 500"),
    ]
}

/// Body, status, kind of problem, and a part of what is told.
fn cases() -> Vec<(String, u16, &'static str, &'static str)> {
    let long = "x".repeat(257);
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let deep = format!(r#"{{"purpose":"recommend_products","context":{deep}}}"#);
    vec![
        (set("/purpose", json!("mind_reading")), 422, "unknown-purpose", "recommend_products"),
        (set("/purpose", json!(CANARY)), 422, "invalid-body", "a purpose must be 1 to 64"),
        (set("/colour", json!(CANARY)), 422, "invalid-body", "has no field `colour`"),
        (ask(|ask| ask[CANARY] = json!(1)), 422, "invalid-body", "not known here"),
        (set("/context", json!({"mood": {}})), 422, "unknown-category", "location"),
        (set("/context", json!({CANARY: {}})), 422, "unknown-category", "location"),
        (
            set("/context", json!({"location": {"lat": 91, "lon": 0}})),
            422,
            "invalid-body",
            "must be a number from -90 to 90",
        ),
        (
            set("/context", json!({"location": {"lat": CANARY}})),
            422,
            "invalid-body",
            "/context/location/lat",
        ),
        (
            set("/context", json!({"location": {"street": CANARY}})),
            422,
            "invalid-body",
            "known are lat, lon",
        ),
        (set("/context", json!({"location": CANARY})), 422, "invalid-body", "must be an object"),
        (set("/context", json!(CANARY)), 422, "invalid-body", "must be an object"),
        (set("/count", json!(0)), 422, "invalid-body", "must be a whole number from 1 to 500"),
        (set("/count", json!(10_000)), 422, "invalid-body", "must be a whole number from 1 to 500"),
        (set("/count", json!(-1)), 422, "invalid-body", "from 1 to 500 (line 1"),
        (
            set("/count", json!(CANARY)),
            422,
            "invalid-body",
            "must be a whole number from 1 to 500, not a string",
        ),
        (set("/count", json!(1.5)), 422, "invalid-body", "not a number with a fraction"),
        (set("/diversity", json!(1.01)), 422, "invalid-body", "must be a number from 0 to 1"),
        (
            set("/diversity", json!(CANARY)),
            422,
            "invalid-body",
            "must be a number from 0 to 1, not a string",
        ),
        (set("/subject", json!(CANARY)), 422, "invalid-body", "must be an object, not a string"),
        (set("/subject/id", json!("")), 422, "invalid-body", "a subject id must be 1 to 256 bytes"),
        (
            set("/subject/id", json!(long)),
            422,
            "invalid-body",
            "a subject id must be 1 to 256 bytes",
        ),
        (
            set("/subject/id", json!(format!("{CANARY}\u{7}"))),
            422,
            "invalid-body",
            "without control characters",
        ),
        (set("/subject/id", json!(7)), 422, "invalid-body", "must be a string, not a whole number"),
        (set("/subject/type", json!("E-Mail")), 422, "invalid-body", "an id type must be"),
        (
            set("/scenario", json!(CANARY)),
            422,
            "invalid-body",
            "a scenario must be 1 to 64 letters",
        ),
        (set("/seed_items", json!([CANARY, ""])), 422, "invalid-body", "/seed_items/1"),
        (
            set("/exclude", json!(CANARY)),
            422,
            "invalid-body",
            "must be an array of at most 1000 entries",
        ),
        (
            set("/candidates", json!([])),
            422,
            "invalid-body",
            "must be an array of 1 to 1000 entries",
        ),
        (
            set("/candidates", json!([{"id": "a", "score": CANARY}])),
            422,
            "invalid-body",
            "/candidates/0/score",
        ),
        (ask(|ask| *ask = json!({})), 422, "invalid-body", "`purpose` is missing"),
        (ask(|ask| *ask = json!([CANARY])), 422, "invalid-body", "must be"),
        (ask(|ask| *ask = json!(CANARY)), 422, "invalid-body", "must be an object, not a string"),
        (deep, 400, "too-deep", "nested 32 deep"),
        (CANARY.to_owned(), 400, "not-json", "is not JSON"),
        (format!(r#"{{"purpose":"{CANARY}"#), 400, "not-json", "in the middle of a value"),
        (String::new(), 400, "not-json", "nothing to read"),
        (set("/exclude", json!(vec![CANARY; 5_000])), 413, "body-too-large", "at most 65536 bytes"),
    ]
}

#[tokio::test]
async fn each_bad_call_is_told_what_to_change() {
    let stage = Stage::start().await;
    for (body, status, problem, told) in cases().into_iter().chain(shapes()) {
        let shown: String = body.chars().take(120).collect();
        for path in ["/v1/recommendations", "/v1/recommendations/preview"] {
            let call = stage.post(path).token(&stage.shop());
            let answer = call.body("application/json", body.clone()).send().await;
            assert_eq!(answer.status, status, "{shown}: {}", answer.body);
            assert_eq!(answer.problem(), problem, "{shown}: {}", answer.body);
            assert!(answer.body.contains(told), "{shown}: {}", answer.body);
            assert!(!answer.body.contains("canary"), "{shown} is repeated: {}", answer.body);
        }
    }
    assert!(!logged().contains("canary"), "the log repeats a value");
}

#[tokio::test]
async fn each_bad_line_is_told_what_to_change() {
    let stage = Stage::start().await;
    let on_a_line = |body: &String| !body.is_empty() && !body.contains('\n');
    let cases: Vec<_> = cases().into_iter().filter(|(body, ..)| on_a_line(body)).collect();
    let lines: Vec<&str> = cases.iter().map(|(body, ..)| body.as_str()).collect();
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let batch = batch.body("application/x-ndjson", lines.join("\n")).send().await;
    let answers = batch.lines();
    assert_eq!(answers.len(), cases.len(), "{}", batch.body);
    for (number, (answer, (body, status, problem, _))) in (1..).zip(answers.iter().zip(&cases)) {
        let shown: String = body.chars().take(120).collect();
        assert_eq!(answer["status"], *status, "{shown}: {answer}");
        assert_eq!(answer["type"], format!("/problems/{problem}"), "{shown}: {answer}");
        assert_eq!(answer["line"], number, "{shown}: {answer}");
    }
    assert!(!batch.body.contains("canary"), "a value is repeated: {}", batch.body);
}

#[tokio::test]
async fn bytes_and_types_that_are_wrong_are_told() {
    let stage = Stage::start().await;
    let call = || stage.post("/v1/recommendations").token(&stage.app("shop", "recommend"));
    let utf8 = call().body("application/json", b"{\"purpose\":\"\xff\"}".to_vec()).send().await;
    assert_eq!((utf8.status.as_u16(), utf8.problem().as_str()), (400, "not-utf8"));
    assert_eq!(utf8.json()["offset"], 12);
    for media in ["text/plain", "application/json; charset=latin1", "application/x-ndjson"] {
        let typed = call().body(media, ask(|_| {})).send().await;
        assert_eq!(
            (typed.status.as_u16(), typed.problem().as_str()),
            (415, "unsupported-media-type")
        );
        assert_eq!(typed.json()["expected"], "application/json");
    }
    for (coding, status) in [("gzip", 415), ("identity", 200)] {
        let coded = call().header("content-encoding", coding);
        let coded = coded.body("application/json", ask(|_| {})).send().await;
        assert_eq!(coded.status, status, "{}", coded.body);
        assert_eq!(coded.body.contains("Content-Encoding"), status == 415, "{}", coded.body);
    }
    let query = stage.get("/v1/purposes?lang=en").token(&stage.shop()).send().await;
    assert_eq!((query.status.as_u16(), query.problem().as_str()), (400, "invalid-parameter"));
}

#[tokio::test]
async fn bad_events_acts_and_items_are_told() {
    let stage = Stage::start().await;
    let event = |change: Value| {
        let mut event = json!({"subject": {"id": CANARY}, "type": "view", "item": "a"});
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"events": [event]})
    };
    let act = |change: Value| {
        let mut act = json!({"subject": {"id": CANARY}, "purpose": "recommend_products",
                             "action": "refuse", "method": "app"});
        act.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        act
    };
    for (method, path, body, status, told) in [
        ("POST", "/v1/events", json!({"events": []}), 422, "must be an array of 1 to 1000 entries"),
        ("POST", "/v1/events", json!({"events": vec![json!({}); 1001]}), 422, "/events/0"),
        ("POST", "/v1/events", event(json!({"type": CANARY})), 422, "must be one of view, click"),
        ("POST", "/v1/events", event(json!({"item": ""})), 422, "/events/0/item"),
        (
            "POST",
            "/v1/events",
            event(json!({"at": "2099-01-01T00:00:00Z"})),
            422,
            "must not lie in the future",
        ),
        ("POST", "/v1/events", event(json!({"at": CANARY})), 422, "a moment must be RFC 3339"),
        ("POST", "/v1/events", event(json!({"recommendation_id": CANARY})), 422, "must be a UUID"),
        ("POST", "/v1/events", event(json!({"subject": null})), 422, "/events/0/subject"),
        (
            "POST",
            "/v1/consents",
            act(json!({"action": "erase"})),
            422,
            "must be one of give, refuse, withdraw",
        ),
        (
            "POST",
            "/v1/consents",
            act(json!({"purpose": "mind_reading"})),
            422,
            "recommend_products",
        ),
        ("POST", "/v1/consents", act(json!({"method": CANARY})), 422, "must be one of web_form"),
        ("POST", "/v1/consents", act(json!({"subject": null})), 422, "`subject` is missing"),
        (
            "POST",
            "/v1/consents",
            act(json!({"action": 1})),
            422,
            "/action: must be one of the words",
        ),
        ("POST", "/v1/events", event(json!({"type": [1]})), 422, "/events/0/type: must be one of"),
        (
            "POST",
            "/v1/consents",
            act(json!({"categories": [CANARY]})),
            422,
            "a data category must be",
        ),
        ("POST", "/v1/consents", act(json!({"all": true})), 422, "has no field `all`"),
        ("POST", "/v1/consents", act(json!({"action": "withdraw"})), 409, "nothing is withdrawn"),
        ("POST", "/v1/consents/query", json!({}), 422, "`subject` is missing"),
        ("PUT", "/v1/items", json!({"tags": []}), 422, "`id` is missing"),
        ("PUT", "/v1/items/a", json!({"id": CANARY}), 422, "must be the id in the path"),
        (
            "PUT",
            "/v1/items/a",
            json!({"tags": vec!["t"; 65]}),
            422,
            "must be an array of at most 64 entries",
        ),
        ("PUT", "/v1/items/a", json!({"attributes": {CANARY: 7}}), 422, "must be a string"),
        ("PUT", "/v1/items/%00", json!({}), 400, "percent-encoded"),
        ("PUT", "/v1/items/%ff", json!({}), 400, "percent-encoded"),
    ] {
        let answer = stage.call(method, path).token(&stage.shop()).json(&body).send().await;
        let shown: String = body.to_string().chars().take(120).collect();
        assert_eq!(answer.status, status, "{path} {shown}: {}", answer.body);
        assert!(answer.body.contains(told), "{path} {shown}: {}", answer.body);
        assert!(!answer.body.contains("canary"), "{path} {shown} is repeated: {}", answer.body);
    }
    assert!(!logged().contains("canary"), "the log repeats a value");
}
