//! Whatever the clock does, epochs rise and what has ended stays ended.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]

mod support;

use std::time::Duration;

use consentry::{
    ambient::{Fault, FaultFs},
    domain::Timestamp,
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    model::Model,
};

const NOON: &str = "2026-11-22T03:00:00.000Z";
const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

/// Sets the gateway's clock to `seconds` after noon.
fn at(stage: &Stage, seconds: i64) {
    let noon = Timestamp::parse(NOON).unwrap().millis();
    stage.clock.set(Timestamp::from_millis(noon + seconds * 1000));
}

fn until(seconds: u64) -> Value {
    let end = Timestamp::parse(NOON).unwrap().after(Duration::from_secs(seconds));
    json!({"expires_at": end.rfc3339()})
}

#[tokio::test]
async fn epochs_rise_whatever_the_clock_does() {
    let stage = Stage::start().await;
    stage.shelves(20, 7).await;
    let mut last = 0;
    for jump in [0, 0, HOUR, -HOUR, YEAR, -YEAR, 0, 0] {
        at(&stage, jump);
        // Tokens are of the moment.
        let ada = stage.known_as("ada");
        for told in [ada.gives().await, ada.refuses().await] {
            let epoch = told["epoch"].as_u64().unwrap();
            assert_eq!(epoch, last + 1, "after a jump of {jump} s");
            last = epoch;
        }
        assert_eq!(ada.stands(RECOMMEND).await["state"], "refused");
        is_for_everybody(&stage.shopkeeper().asks_for(&ada).await, 10);
    }
}

#[tokio::test]
async fn an_end_that_was_seen_stays_whoever_saw_it() {
    for (jump, seen_by) in [(HOUR, "query"), (YEAR, "query"), (HOUR, "call"), (YEAR, "event")] {
        let model = Model::start();
        let stage = Stage::with_model(&model).await;
        stage.shelves(20, 7).await;
        let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
        ada.gives_to(RECOMMEND, &until(1800)).await;
        assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
        at(&stage, jump);
        let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
        match seen_by {
            "query" => assert_eq!(ada.stands(RECOMMEND).await["state"], "expired"),
            "call" => is_for_everybody(&shop.asks_for(&ada).await, 10),
            _ => assert_eq!(shop.reports(&[&ada], "item-1").await.json()["forwarded"], 0),
        }
        model.forget_what_was_seen();
        for back in [0, -HOUR, -YEAR] {
            at(&stage, back);
            let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
            assert_eq!(ada.stands(RECOMMEND).await["state"], "expired", "seen by {seen_by}");
            is_for_everybody(&shop.asks_for(&ada).await, 10);
            assert_eq!(shop.reports(&[&ada], "item-1").await.json()["forwarded"], 0);
        }
        for seen in model.seen_on("/recommend") {
            assert!(!seen.body.contains("\"user\""), "someone was named: {}", seen.body);
        }
    }
}

#[tokio::test]
async fn an_end_that_is_seen_while_nothing_can_be_written_stays_and_is_written_later() {
    let (model, disk) = (Model::start(), FaultFs::new());
    let stage = Stage::with_model_and_disk(&model, &disk).await;
    stage.shelves(20, 7).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives_to(RECOMMEND, &until(1800)).await;
    stage.breaks(&disk, Fault::NO_WRITES).await;
    at(&stage, HOUR);
    let told = stage.known_as("ada").stands(RECOMMEND).await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("expired"), &json!(false)));
    at(&stage, 0);
    model.forget_what_was_seen();
    assert_eq!(ada.stands(RECOMMEND).await["state"], "expired");
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    disk.arm(None);
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    assert_eq!(stage.behind().ledger.settle().await.unwrap(), 0);
    let told = ada.stands(RECOMMEND).await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("expired"), &json!(true)));
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    for seen in model.seen_on("/recommend") {
        assert!(!seen.body.contains("\"user\""), "someone was named: {}", seen.body);
    }
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual", "giving anew ends it");
}
