//! No client takes more room or time than the settings allow, whatever it sends or leaves out.

mod support;

use serde_json::json;

use support::{Stage, actors::RECOMMEND, model::Model, wire::Wire};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n";

/// A gateway with one thread and these lines in `[server]`.
async fn with(settings: &str) -> Stage {
    let settings = settings.to_owned();
    Stage::set(move |set| (set.workers, set.server_settings) = (1, settings)).await
}

/// The same before a model that the test holds in its hand.
async fn before(model: &Model, settings: &str) -> Stage {
    let (url, settings) = (model.url(), settings.to_owned());
    Stage::set(move |set| {
        (set.workers, set.server_settings) = (1, settings);
        (set.model, set.model_settings) = (Some(url), "timeout_ms = 60000".to_owned());
    })
    .await
}

fn ask(stage: &Stage) -> support::client::Call {
    stage.post("/v1/recommendations").token(&stage.shop()).json(&json!({"purpose": RECOMMEND}))
}

#[tokio::test]
async fn a_head_that_does_not_end_is_ended() {
    let stage = with("head_ms = 500\nidle_ms = 60000").await;
    let ends = async |begun: &str| {
        let mut wire = Wire::to(stage.address).await;
        wire.says(begun).await;
        assert_eq!(wire.hears_all().await, "", "{begun}");
    };
    tokio::join!(
        ends("G"),
        ends("GET /healthz HTTP/1.1\r\n"),
        ends("GET /healthz HTTP/1.1\r\nx-slow: a")
    );
    // After a call, the next head has as long and no longer.
    let mut wire = Wire::to(stage.address).await;
    wire.says(HEALTH).await;
    assert!(wire.hears_one().await.starts_with("http/1.1 200"));
    wire.says("GET /hea").await;
    assert_eq!(wire.hears_all().await, "");
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed() {
    let stage = with("idle_ms = 500").await;
    assert_eq!(Wire::to(stage.address).await.hears_all().await, "");
    let mut wire = Wire::to(stage.address).await;
    wire.says(HEALTH).await;
    assert!(wire.hears_one().await.ends_with(r#"{"status":"ok"}"#));
    assert_eq!(wire.hears_all().await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_told_so() {
    let stage = with("body_ms = 100").await;
    let head = |path: &str, media: &str| {
        let token = stage.shop();
        format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {token}\r\n\
             content-type: {media}\r\ncontent-length: 100\r\n\r\n{{"
        )
    };
    let mut wire = Wire::to(stage.address).await;
    wire.says(head("/v1/recommendations", "application/json")).await;
    let told = wire.hears_all().await;
    assert!(told.starts_with("HTTP/1.1 408"), "{told}");
    assert!(told.contains("/problems/body-timeout") && told.contains("100 ms"), "{told}");
    // The answer to a batch has begun when the line stops coming: the problem is its last line.
    let mut wire = Wire::to(stage.address).await;
    wire.says(head("/v1/recommendations/batch", "application/x-ndjson")).await;
    let told = wire.hears_all().await;
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("/problems/body-timeout"), "{told}");
}

#[tokio::test]
async fn a_call_that_is_refused_by_its_head_leaves_the_connection_whole() {
    let stage = with("").await;
    let mut wire = Wire::to(stage.address).await;
    for path in ["/v1/nothing-here", "/v1/recommendations"] {
        // More than one look at the socket finds there.
        let length = 900_000;
        let call =
            format!("POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {length}\r\n\r\n");
        wire.says(call).await;
        wire.says(" ".repeat(length)).await;
        let heard = wire.hears_one().await;
        assert!(
            heard.starts_with("http/1.1 40") && !heard.contains("connection: close"),
            "{heard}"
        );
        wire.says(HEALTH).await;
        assert!(wire.hears_one().await.starts_with("http/1.1 200"), "{path}");
    }
}

#[tokio::test]
async fn a_connection_that_cannot_go_on_is_said_to_end() {
    let stage = with("").await;
    for header in ["content-length: 9\r\nexpect: 100-continue", "content-length: 5000000"] {
        let mut wire = Wire::to(stage.address).await;
        wire.says(format!("POST /v1/nothing-here HTTP/1.1\r\nhost: gateway\r\n{header}\r\n\r\n"))
            .await;
        let heard = wire.hears_all().await;
        assert!(
            heard.starts_with("HTTP/1.1 404") && heard.contains("connection: close"),
            "{heard}"
        );
        assert!(!heard.contains("100 Continue"), "{heard}");
    }
}

#[tokio::test]
async fn a_head_beyond_its_size_is_refused() {
    let stage = with("head_bytes = 8192\nheaders = 20").await;
    for headers in [format!("x-long: {}\r\n", "a".repeat(9000)), "x-many: 1\r\n".repeat(30)] {
        let mut wire = Wire::to(stage.address).await;
        wire.says(format!("GET /healthz HTTP/1.1\r\nhost: gateway\r\n{headers}\r\n")).await;
        let heard = wire.hears_all().await;
        assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
    }
    let answer = stage.get("/healthz").header("x-few", &"a".repeat(4000)).send().await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_connection_too_many_is_told_to_come_again() {
    let stage = with("connections = 2").await;
    let (mut one, mut two) = (Wire::to(stage.address).await, Wire::to(stage.address).await);
    for wire in [&mut one, &mut two] {
        wire.says(HEALTH).await;
        assert!(wire.hears_one().await.starts_with("http/1.1 200"));
    }
    let mut three = Wire::to(stage.address).await;
    three.says(HEALTH).await;
    let heard = three.hears_all().await;
    assert!(heard.starts_with("HTTP/1.1 503"), "{heard}");
    assert!(heard.contains("retry-after: 1\r\n") && heard.contains("connection: close"), "{heard}");
    assert!(heard.contains("/problems/overloaded"), "{heard}");
    // Those that have a place go on, and a place that is left is free.
    one.says(HEALTH).await;
    assert!(one.hears_one().await.starts_with("http/1.1 200"));
    drop(two);
    loop {
        let mut wire = Wire::to(stage.address).await;
        wire.says(HEALTH).await;
        if wire.hears_one().await.starts_with("http/1.1 200") {
            break;
        }
    }
}

#[tokio::test]
async fn a_call_too_many_is_refused_and_sees_no_model() {
    let model = Model::start();
    let stage = before(&model, "calls_per_worker = 1").await;
    stage.shelves(10, 2).await;
    model.hold();
    let first = tokio::spawn(ask(&stage).send());
    model.has_seen("/recommend", 1).await;
    let second = ask(&stage).send().await;
    assert_eq!((second.status.as_u16(), second.problem().as_str()), (503, "overloaded"));
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(stage.get("/healthz").send().await.status, 200, "health costs nothing");
    model.release();
    let first = first.await.unwrap();
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(model.seen().iter().filter(|seen| seen.path == "/recommend").count(), 1);
    assert_eq!(ask(&stage).send().await.status, 200, "there is room again");
}

#[tokio::test]
async fn a_call_beyond_its_time_is_answered_so() {
    let model = Model::start();
    let stage = before(&model, "deadline_ms = 1000").await;
    model.hold();
    let answer = ask(&stage).send().await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "timed-out"));
    assert_eq!(answer.header("retry-after"), "1");
    model.release();
    assert_eq!(ask(&stage).send().await.status, 200);
}

#[tokio::test]
async fn a_client_that_never_takes_its_answer_is_let_go() {
    let stage = with("deadline_ms = 500\nidle_ms = 500").await;
    let mut wire = Wire::to(stage.address).await;
    // More calls than the answers' way back has room for, and not one answer read.
    let patience = std::time::Duration::from_secs(20);
    let flooded = tokio::time::timeout(patience, async {
        while wire.tries("GET /openapi.json HTTP/1.1\r\nhost: gateway\r\n\r\n").await {}
    });
    assert!(flooded.await.is_ok(), "the connection is still open");
    assert_eq!(stage.get("/healthz").send().await.status, 200);
}
