//! A person begins anew, and can go back to where they were for a while and no longer.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{path::Path, time::Duration};

use consentry::{
    ambient::{Fault, FaultFs},
    app::Chores,
    consent::Standing,
    domain::Timestamp,
};
use http::StatusCode;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{Person, Shop},
    book::events,
    client::Answer,
    model::Model,
    wiring::fresh_folder,
};

const NOON: &str = "2026-11-22T03:00:00Z";
const HOUR: u64 = 60 * 60;
const WEEK: u64 = 7 * 24 * HOUR;

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 6).await;
    model.forget_what_was_seen();
    stage
}

async fn stage_on(disk: &FaultFs, folder: &Path, url: String) -> Stage {
    let (disk, folder) = (disk.clone(), folder.to_owned());
    Stage::set(move |set| {
        (set.folder, set.model, set.disk) = (Some(folder), Some(url), Some(disk));
        // Two gateways stand on one folder here, each on a disk of its own.
        set.door = Some(String::from("127.0.0.1:0"));
    })
    .await
}

fn later(stage: &Stage, seconds: u64) {
    stage.clock.set(Timestamp::parse(NOON).unwrap().after(Duration::from_secs(seconds)));
}

async fn resets(stage: &Stage, id: &str, body: &Value) -> Answer {
    stage.post("/v1/me/reset").token(&stage.person(id)).json(body).send().await
}

async fn undoes(stage: &Stage, id: &str) -> Answer {
    stage.post("/v1/me/reset/undo").token(&stage.person(id)).json(&json!({})).send().await
}

fn user(body: &str) -> String {
    serde_json::from_str::<Value>(body).unwrap()["user"].as_str().unwrap().to_owned()
}

/// Under which pseudonym the model is asked now, and how far the list is from the person's tastes.
async fn seen(model: &Model, shop: &Shop<'_>, ada: &Person<'_>) -> (String, Value, Value) {
    let answer = shop.asks(ada, &json!({"diversity": 1})).await;
    assert_eq!(answer["tier"], "individual", "{answer}");
    let asked = model.seen_on("/recommend").pop().unwrap();
    (user(&asked.body), answer["diversity"]["calibration"].clone(), answer["items"].clone())
}

/// The pseudonyms that the model was asked to forget.
fn forgotten(model: &Model) -> Vec<String> {
    model.seen_on("/forget").iter().map(|seen| user(&seen.body)).collect()
}

/// A standing without what every act changes, and without the numbers that must never be used again.
fn plain(stage: &Stage) -> Standing {
    let mut standing = Standing::clone(&stage.find("ada").unwrap().standing);
    standing.epoch = consentry::domain::Epoch(0);
    standing.lives.retain(|life| life.number > 0);
    standing.generations.retain(|known| known.number > 0);
    standing
}

fn held(stage: &Stage) -> Vec<Vec<u8>> {
    let records = stage.behind().store.scan(b"d/").map(Result::unwrap);
    records.map(|(key, record)| [key.as_bytes(), &record.value].concat()).collect()
}

async fn chores(stage: &Stage) {
    Chores::new(stage.behind().clone()).once().await.unwrap();
}

#[tokio::test]
async fn a_reset_begins_anew_at_once_and_undoing_it_brings_everything_back() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.gives_to("measure_popularity", &json!({})).await;
    shop.reports(&[&ada], "item-1").await;
    let (before, stood, kept) = (seen(&model, &shop, &ada).await, plain(&stage), held(&stage));
    assert!(before.1.is_object());
    let done = resets(&stage, "ada", &json!({})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let done = done.json();
    assert_eq!(done["undo_until"], "2026-11-29T03:00:00.000Z");
    assert_eq!(done["recipients"], json!(["model"]));
    let anew = seen(&model, &shop, &ada).await;
    assert_ne!(anew.0, before.0, "the model can join what was with what is");
    assert_eq!(anew.1, Value::Null, "what was held is used");
    assert!(forgotten(&model).is_empty(), "deleted while it can be undone");
    shop.reports(&[&ada], "item-2").await;
    assert!(user_of_events(&model).ends_with(&anew.0));
    let undone = undoes(&stage, "ada").await;
    assert_eq!(undone.status, StatusCode::OK, "{}", undone.body);
    assert_eq!(undone.json()["of"], "2026-11-22T03:00:00.000Z");
    assert_eq!((plain(&stage), held(&stage)), (stood, kept), "it is not as it was");
    assert_eq!(seen(&model, &shop, &ada).await, before);
    model.has_seen("/forget", 1).await;
    assert_eq!(forgotten(&model), [anew.0.as_str()], "what came since is kept");
    let told = ["rights.reset", "rights.reset_undone"];
    assert_eq!(events(&stage.log().await, &told), told);
    // No number comes again: the next reset begins a third history.
    resets(&stage, "ada", &json!({})).await;
    let third = seen(&model, &shop, &ada).await;
    assert!(third.0 != anew.0 && third.0 != before.0);
    assert_eq!(stage.find("ada").unwrap().standing.generations[0].highest, 2);
}

fn user_of_events(model: &Model) -> String {
    let seen = model.seen_on("/events").pop().unwrap();
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    body["events"][0]["user"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn when_the_window_closes_the_old_history_is_deleted_and_undoing_is_refused() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let old = seen(&model, &shop, &ada).await.0;
    resets(&stage, "ada", &json!({"undo_within_hours": 2})).await;
    shop.reports(&[&ada], "item-2").await;
    let new = seen(&model, &shop, &ada).await;
    assert_eq!(held(&stage).len(), 2);
    later(&stage, 2 * HOUR - 1);
    chores(&stage).await;
    assert!(forgotten(&model).is_empty());
    later(&stage, 2 * HOUR);
    let shop = stage.shopkeeper();
    let refused = undoes(&stage, "ada").await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (409, "nothing-to-undo"));
    assert_eq!(refused.json()["reason"], "window_closed");
    assert_eq!(refused.json()["closed_at"], "2026-11-22T05:00:00.000Z");
    assert_eq!(held(&stage).len(), 1, "who asks too late finds it closed");
    model.has_seen("/forget", 1).await;
    assert_eq!(forgotten(&model), [old.as_str()]);
    assert_eq!(seen(&model, &shop, &ada).await, new, "the new history goes too");
    // A clock that goes back brings nothing back.
    later(&stage, HOUR);
    assert_eq!(undoes(&stage, "ada").await.json()["reason"], "window_closed");
    assert_eq!(events(&stage.log().await, &["rights.reset_closed"]).len(), 1);
}

#[tokio::test]
async fn a_window_closes_by_the_hourly_chore_too_and_at_once_without_hours() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let first = seen(&model, &shop, &ada).await.0;
    resets(&stage, "ada", &json!({"undo_within_hours": 0})).await;
    assert_eq!(held(&stage).len(), 0);
    model.has_seen("/forget", 1).await;
    let second = seen(&model, &shop, &ada).await.0;
    resets(&stage, "ada", &json!({"purpose": "recommend_products"})).await;
    later(&stage, WEEK);
    chores(&stage).await;
    assert_eq!(forgotten(&model), [first, second]);
    assert!(stage.find("ada").unwrap().standing.resets.is_empty());
}

#[tokio::test]
async fn a_withdrawal_in_the_window_ends_it_and_both_histories_are_deleted() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let old = seen(&model, &shop, &ada).await.0;
    resets(&stage, "ada", &json!({"purpose": "recommend_products"})).await;
    shop.reports(&[&ada], "item-2").await;
    let new = seen(&model, &shop, &ada).await.0;
    ada.withdraws().await;
    assert_eq!(held(&stage).len(), 0);
    model.has_seen("/forget", 2).await;
    let mut both = forgotten(&model);
    both.sort_unstable();
    let mut told = [old, new];
    told.sort_unstable();
    assert_eq!(both, told);
    let refused = undoes(&stage, "ada").await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (409, "nothing-to-undo"));
    assert_eq!(refused.json()["reason"], "window_closed", "there was one: {}", refused.body);
    ada.gives().await;
    assert!(!told.contains(&seen(&model, &shop, &ada).await.0), "a history is taken up again");
}

#[tokio::test]
async fn several_resets_are_undone_one_after_another_latest_first() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let first = seen(&model, &shop, &ada).await;
    resets(&stage, "ada", &json!({})).await;
    shop.reports(&[&ada], "item-2").await;
    let second = seen(&model, &shop, &ada).await;
    later(&stage, HOUR);
    let shop = stage.shopkeeper();
    resets(&stage, "ada", &json!({"undo_within_hours": 1})).await;
    assert_eq!(undoes(&stage, "ada").await.status, StatusCode::OK);
    assert_eq!(seen(&model, &shop, &ada).await, second);
    assert_eq!(undoes(&stage, "ada").await.status, StatusCode::OK);
    assert_eq!(seen(&model, &shop, &ada).await, first);
    let refused = undoes(&stage, "ada").await;
    assert_eq!(refused.json()["reason"], "no_reset", "{}", refused.body);
    let stranger = resets(&stage, "bob", &json!({})).await;
    assert_eq!((stranger.status.as_u16(), stranger.problem().as_str()), (409, "nothing-held"));
    let unknown = resets(&stage, "ada", &json!({"purpose": "sauna"})).await;
    assert_eq!((unknown.status.as_u16(), unknown.problem().as_str()), (422, "unknown-purpose"));
}

#[tokio::test]
async fn a_call_in_flight_is_told_anew_under_the_new_pseudonym() {
    let model = Model::start();
    let url = model.url();
    let patient = |set: &mut support::wiring::Set| {
        set.model = Some(url);
        set.model_settings = String::from("timeout_ms = 60000");
    };
    let stage = Stage::set(patient).await;
    stage.shelves(120, 6).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    model.has_seen("/recommend", 1).await;
    let done = resets(&stage, "ada", &json!({})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    model.release();
    let answer = asking.await.unwrap().json();
    assert_eq!(answer["decision"]["consent_epoch"], done.json()["epoch"]);
    let users: Vec<_> = model.seen_on("/recommend").iter().map(|seen| user(&seen.body)).collect();
    assert!(users.len() == 2 && users[0] != users[1], "{users:?}");
}

#[tokio::test]
async fn a_kill_or_a_power_cut_in_the_window_changes_nothing_and_a_retry_does_nothing() {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let stage = stage_on(&disk, &folder, model.url()).await;
    stage.shelves(120, 6).await;
    let reset = |stage: &Stage| {
        let call = stage.post("/v1/me/reset").token(&stage.person("ada"));
        call.header("idempotency-key", "once").json(&json!({})).send()
    };
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let (before, stood) = (seen(&model, &shop, &ada).await, plain(&stage));
    let told = reset(&stage).await.json();
    // Each gateway goes on from the disk of the one before, since the keeper's mark only goes on.
    let disk = disk.power_cut(1);
    let stage = stage_on(&disk, &folder, model.url()).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    assert_eq!(reset(&stage).await.json(), told, "a retry resets again");
    let anew = seen(&model, &shop, &ada).await;
    assert!(anew.0 != before.0 && anew.1.is_null(), "the reset is lost");
    assert_eq!(undoes(&stage, "ada").await.status, StatusCode::OK);
    let disk = disk.after_kill();
    let stage = stage_on(&disk, &folder, model.url()).await;
    assert_eq!(plain(&stage), stood);
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    assert_eq!(seen(&model, &shop, &ada).await, before);
}

#[tokio::test]
async fn a_reset_that_cannot_be_recorded_is_refused_and_changes_nothing() {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let stage = stage_on(&disk, &folder, model.url()).await;
    stage.shelves(120, 6).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let (before, stood) = (seen(&model, &shop, &ada).await, plain(&stage));
    stage.breaks(&disk, Fault::NO_WRITES).await;
    let refused = resets(&stage, "ada", &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "unavailable"));
    assert_eq!(plain(&stage), stood);
    assert_eq!(
        model.seen_on("/recommend").iter().map(|seen| user(&seen.body)).next_back(),
        Some(before.0)
    );
}
