//! Kill switches: what an operator switches off stays silent, for calls under way too, and nobody gets an empty page.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read an answer must fail"
)]

mod support;

use consentry::ambient::{Fault, FaultFs};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use support::{
    Stage, actors::is_for_everybody, book::events, client::Answer, model::Model,
    wiring::fresh_folder,
};

const SWITCHES: &str = "/v1/operate/switches";

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_patient_model(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

async fn throw(stage: &Stage, kind: &str, name: &str, to: &str) -> Answer {
    let call = json!({"kind": kind, "name": name, "state": to});
    stage.operate("post", SWITCHES).json(&call).send().await
}

/// Switches the model off or on.
async fn model_is(stage: &Stage, to: &str) {
    let answer = throw(stage, "recipient", "model", to).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (200, &json!(to)));
}

/// The state of one switch, as the list tells it.
async fn listed(stage: &Stage, name: &str) -> Value {
    let list = stage.operate("get", SWITCHES).send().await.json();
    let switches = list["switches"].as_array().unwrap();
    switches.iter().find(|switch| switch["name"] == name).unwrap()["state"].clone()
}

fn is_off(answer: &Value) {
    is_for_everybody(answer, 10);
    assert_eq!(answer["decision"]["fault"], "recipient_off", "{answer}");
}

#[tokio::test]
async fn a_recipient_that_is_off_hears_nothing_and_everyone_gets_a_list() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    let before = stage.log().await.len();
    model_is(&stage, "off").await;
    model.forget_what_was_seen();

    let answer = shop.asks_for(&ada).await;

    is_off(&answer);
    is_off(&shop.asks_for(&stage.known_as("a stranger")).await);
    let reported = shop.reports(&[&ada], "item-1").await.json();
    assert_eq!(reported["forwarded"], 0);
    assert_eq!(reported["dropped"], json!([{"index": 0, "reason": "recipient_off"}]));
    stage.shelves(1, 1).await;
    model.catch_up();
    assert_eq!(model.seen().len(), 0, "{:?}", model.seen());
    assert_eq!(listed(&stage, "model").await, "off");
    let rows = stage.log_since(before).await;
    let order = events(&rows, &["operator.switched", "decision", "decision.answered"]);
    assert_eq!(order[..2], ["operator.switched", "decision"], "{order:?}");
    assert_eq!(rows[0].leaf["u"], "model");
    assert_eq!(rows[1].leaf["u"], "-", "the row names a recipient that got nothing");

    model_is(&stage, "on").await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    assert_eq!(model.seen_on("/recommend").len(), 1);
}

#[tokio::test]
async fn a_call_that_waits_for_the_model_is_answered_without_it() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    model.has_seen("/recommend", 1).await;

    model_is(&stage, "off").await;
    model.release();

    is_off(&asking.await.unwrap().json());
}

#[tokio::test]
async fn nothing_is_written_to_a_recipient_after_the_acknowledgement() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let mut asking = JoinSet::new();
    let ask = |n: usize, asking: &mut JoinSet<_>| {
        let id = if n.is_multiple_of(2) { "ada" } else { "a stranger" };
        asking.spawn(stage.shopkeeper().call_for(id, &json!({})).send());
    };
    (0..200).for_each(|n| ask(n, &mut asking));
    // Some are answered, others are under way or have not begun.
    for _ in 0..40 {
        assert_eq!(asking.join_next().await.unwrap().unwrap().status, 200);
    }

    model_is(&stage, "off").await;
    model.catch_up();
    let heard = model.seen().len();
    (0..8).for_each(|n| ask(n, &mut asking));
    let mut silent = 0;
    while let Some(answer) = asking.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        silent += usize::from(answer.json()["decision"]["fault"] == "recipient_off");
    }

    assert!(silent >= 8, "{silent} calls came after the switch");
    model.catch_up();
    assert_eq!(model.seen().len(), heard, "something was written after the acknowledgement");
}

#[tokio::test]
async fn a_deletion_waits_for_as_long_as_its_recipient_is_off() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.asks_for(&ada).await;
    model_is(&stage, "off").await;
    ada.withdraws().await;
    let mut deletions = stage.behind().deletions();

    let asked = deletions.run_due().await.unwrap();

    assert_eq!((asked.owed, asked.confirmed, asked.unanswered), (1, 0, 0));
    model.catch_up();
    assert_eq!(model.seen_on("/forget").len(), 0);
    let rows = stage.log().await;
    assert!(rows.iter().all(|row| row.event() != "erasure.recipient"), "it says it has asked");
    model_is(&stage, "on").await;
    deletions.run_due().await.unwrap();
    model.has_seen("/forget", 1).await;
}

#[tokio::test]
async fn an_app_that_is_off_is_refused_and_the_others_go_on() {
    let stage = Stage::start().await;
    let ask = json!({"purpose": "recommend_products"});
    let asks = |token: String| stage.post("/v1/recommendations").token(&token).json(&ask).send();
    assert_eq!(asks(stage.shop()).await.status, 200);
    let used = stage.shop();
    assert_eq!(asks(used.clone()).await.status, 200);
    let off = throw(&stage, "app", "shop", "off").await;
    assert_eq!((off.status.as_u16(), &off.json()["state"]), (200, &json!("off")));

    for token in [used.clone(), stage.shop()] {
        let refused = asks(token).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (403, "app-off"));
        assert_eq!(refused.header("www-authenticate"), "", "no other token would help");
    }
    let kiosk = stage.app("kiosk", "recommend");
    assert_eq!(asks(kiosk).await.status, 200);
    let person = stage.get("/v1/me/consents").token(&stage.person("ada")).send().await;
    assert_eq!(person.status, 200, "a person's own rights do not go with an app");

    throw(&stage, "app", "shop", "on").await;
    assert_eq!(asks(used).await.status, 200);
}

#[tokio::test]
async fn what_is_so_already_stays_so_and_what_is_unknown_is_named() {
    let model = Model::start();
    let stage = stage(&model).await;
    let before = stage.log().await.len();
    model_is(&stage, "off").await;
    model_is(&stage, "off").await;
    let rows = stage.log_since(before).await;
    assert_eq!(events(&rows, &["operator.switched"]).len(), 1, "one act, one row");

    let unknown = throw(&stage, "recipient", "nobody", "off").await;
    assert_eq!((unknown.status.as_u16(), unknown.problem().as_str()), (422, "invalid-body"));
    assert_eq!(unknown.json()["errors"][0]["allowed"], json!(["model"]));
    assert_eq!(throw(&stage, "app", "Not A Name", "off").await.status, 422);
    let unsure = throw(&stage, "app", "shop", "maybe").await;
    assert_eq!(unsure.json()["errors"][0]["pointer"], "/state");
}

#[tokio::test]
async fn a_switch_stands_after_a_restart() {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let open = || {
        let (url, disk, folder) = (model.url(), disk.clone(), folder.clone());
        Stage::set(move |set| {
            (set.model, set.disk, set.folder) = (Some(url), Some(disk), Some(folder));
        })
    };
    let stage = open().await;
    stage.shelves(120, 7).await;
    model_is(&stage, "off").await;
    throw(&stage, "app", "kiosk", "off").await;
    stage.stop().await;

    let stage = open().await;

    model.forget_what_was_seen();
    is_off(&stage.shopkeeper().asks_for(&stage.known_as("ada")).await);
    assert_eq!(model.seen().len(), 0);
    assert_eq!(listed(&stage, "kiosk").await, "off");
    model_is(&stage, "on").await;
    stage.stop().await;
    let stage = open().await;
    assert_eq!(listed(&stage, "model").await, "on");
    assert_eq!(listed(&stage, "kiosk").await, "off");
}

#[tokio::test]
async fn a_switch_that_cannot_be_recorded_is_not_thrown() {
    let (model, disk) = (Model::start(), FaultFs::new());
    let stage = Stage::with_model_and_disk(&model, &disk).await;
    stage.shelves(120, 7).await;
    stage.breaks(&disk, Fault::NO_WRITES).await;
    let answer = throw(&stage, "recipient", "model", "off").await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unavailable"));
    assert!(!stage.behind().gateway.models_on_this_worker()[0].switch().is_off());
}
