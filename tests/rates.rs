//! An app with a rate is held to it, over all threads and tokens; others are not.

mod support;

use std::time::Duration;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{Stage, actors::RECOMMEND, model::Model};

const NOON: &str = "2026-11-22T03:00:00Z";

async fn before(model: &Model) -> Stage {
    let url = model.url();
    Stage::set(move |set| {
        set.model = Some(url);
        set.workers = 4;
        set.shop_settings = String::from("rate = { per_second = 2, burst = 5 }");
    })
    .await
}

fn call(stage: &Stage, token: &str) -> support::client::Call {
    stage.post("/v1/recommendations").token(token).json(&json!({"purpose": RECOMMEND}))
}

fn asked(model: &Model) -> usize {
    model.seen().iter().filter(|seen| seen.path == "/recommend").count()
}

#[tokio::test]
async fn the_rate_holds_over_all_threads_and_tokens() {
    let model = Model::start();
    let stage = before(&model).await;
    let mut passed = 0;
    for number in 0..12 {
        // Each on a connection of its own, so that all threads see some, and with one of two tokens.
        let token = if number % 2 == 0 { stage.shop() } else { stage.app("shop", "recommend") };
        let answer = call(&stage, &token).send().await;
        if answer.status == 200 {
            passed += 1;
            continue;
        }
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (429, "too-many-requests"));
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("ratelimit-policy"), r#""app";q=5;w=3"#);
        assert_eq!(answer.header("ratelimit"), r#""app";r=0;t=1"#);
    }
    assert_eq!((passed, asked(&model)), (5, 5), "what is refused reaches no model");

    stage.clock.set(Timestamp::parse(NOON).unwrap().after(Duration::from_secs(1)));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(call(&stage, &stage.shop()).send().await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn other_apps_and_people_are_not_held_to_it() {
    let model = Model::start();
    let stage = before(&model).await;
    for _ in 0..6 {
        call(&stage, &stage.shop()).send().await;
    }
    assert_eq!(call(&stage, &stage.shop()).send().await.status, 429);
    assert_eq!(call(&stage, &stage.app("kiosk", "recommend")).send().await.status, 200);
    let own = stage.get("/v1/me/consents").token(&stage.person("ada")).send().await;
    assert_eq!(own.status, 200);
    // Who may not call at all is told that, and uses up nothing.
    assert_eq!(call(&stage, &stage.forged()).send().await.status, 401);
}

#[tokio::test]
async fn each_line_of_a_batch_counts() {
    let model = Model::start();
    let stage = before(&model).await;
    let line = json!({"purpose": RECOMMEND}).to_string();
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let lines = [line.as_str(); 8].join("\n");
    let answer = batch.body("application/x-ndjson", lines).send().await;
    assert_eq!(answer.status, 200);
    let refused = |line: &&Value| line["type"] == "/problems/too-many-requests";
    let lines = answer.lines();
    assert_eq!((lines.len(), lines.iter().filter(refused).count()), (8, 3));
    assert_eq!(lines.iter().rfind(refused).unwrap()["line"], 8);
    assert_eq!(asked(&model), 5);
}
