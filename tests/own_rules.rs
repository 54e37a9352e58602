//! The rules that people set for themselves have the effect that is said of them, and no other.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]

mod support;

use std::time::Duration;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{Person, RECOMMEND, ids, is_full},
    book::events,
    model::{Behaviour, Model},
};

const POPULARITY: &str = "measure_popularity";
const NOON: &str = "2026-11-22T03:00:00Z";
const DAY: u64 = 24 * 60 * 60;

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 6).await;
    model.forget_what_was_seen();
    stage
}

fn later(stage: &Stage, seconds: u64) {
    stage.clock.set(Timestamp::parse(NOON).unwrap().after(Duration::from_secs(seconds)));
}

async fn rules(stage: &Stage, id: &str) -> Value {
    let told = stage.get("/v1/me/rules").token(&stage.person(id)).send().await;
    assert_eq!(told.status, 200, "{}", told.body);
    told.json()
}

/// A model whose best items are `item-0`, `item-1` …, in this order.
fn lists_in_order(model: &Model) {
    let item = |n: i32| json!({"id": format!("item-{n}"), "score": 1.0 - f64::from(n) / 100.0});
    let items: Vec<Value> = (0..60).map(item).collect();
    model.behave(Behaviour::Says(json!({"items": items}).to_string().into_bytes()));
}

async fn met_at(stage: &Stage, person: &Person<'_>, item: &str, at: &str) -> Value {
    let event = json!({"subject": {"id": person.id}, "type": "view", "item": item, "at": at});
    let call = stage.post("/v1/events").token(&stage.shop()).json(&json!({"events": [event]}));
    call.send().await.json()
}

fn held(stage: &Stage) -> usize {
    stage.behind().store.scan(b"d/").count()
}

#[tokio::test]
async fn a_boost_brings_up_what_the_model_proposed_and_says_so() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    lists_in_order(&model);
    let plain = shop.asks_for(&ada).await;
    ada.sets(&json!({"boosts": {"tags": ["tag-5"]}})).await;
    let boosted = shop.asks_for(&ada).await;
    is_full(&boosted, 10);
    let brought: Vec<&Value> = boosted["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["reason"]["source"] == "boosted")
        .collect();
    assert_eq!(brought.len(), 1, "item-11 rises by five places, item-17 not far enough: {boosted}");
    assert_eq!((&brought[0]["id"], &brought[0]["rank"]), (&json!("item-11"), &json!(7)));
    assert_eq!(ids(&boosted)[0], "item-5", "{boosted}");
    assert_eq!(boosted["diversity"]["moved"], 1);
    assert_eq!(ids(&shop.asks_for(&stage.known_as("bob")).await)[0], ids(&plain)[0]);
    assert!(model.seen().iter().all(|seen| !seen.body.contains("tag-5")), "boosts leave");
    ada.sets(&json!({"boosts": null})).await;
    assert_eq!(shop.asks_for(&ada).await["items"], plain["items"], "a boost that is gone counts");
}

#[tokio::test]
async fn a_boost_never_brings_back_what_is_muted_and_counts_only_where_a_list_may_be_personal() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    lists_in_order(&model);
    ada.sets(&json!({"boosts": {"tags": ["tag-5"]}, "mutes": {"tags": ["tag-5"]}})).await;
    let answer = shop.asks(&ada, &json!({"count": 50, "diversity": 1})).await;
    assert!(!answer["items"].to_string().contains("tag-5"), "{answer}");
    ada.sets(&json!({"mutes": null, "pause_until": "2026-11-22T04:00:00Z"})).await;
    let bob = stage.known_as("bob");
    bob.gives_to("measure_popularity", &json!({})).await;
    bob.sets(&json!({"pause_until": "2026-11-22T04:00:00Z"})).await;
    let dropped = shop.reports(&[&bob], "item-2").await.json();
    assert_eq!(dropped["dropped"][0]["reason"], "paused", "the one thing he agreed to is paused");
    let paused = shop.asks_for(&ada).await;
    assert!(!paused["items"].to_string().contains("boosted"), "{paused}");
    assert_eq!(ids(&paused)[0], "item-0", "{paused}");
}

#[tokio::test]
async fn nothing_muted_is_shown_by_any_way_and_the_meter_counts_what_was_proposed() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    lists_in_order(&model);
    assert_eq!(rules(&stage, "ada").await["mutes"]["met"], Value::Null);
    ada.sets(&json!({"mutes": {"tags": ["tag-0"], "items": ["item-1"]}})).await;
    let none = json!({"proposed": 0, "shown": 0, "since": "2026-11-22T03:00:00.000Z"});
    assert_eq!(rules(&stage, "ada").await["mutes"]["met"], none);
    let clean = |answer: &Value| {
        let text = answer["items"].to_string();
        assert!(!text.contains("tag-0") && !text.contains("\"item-1\""), "{answer}");
    };
    // Of the model's 60, ten carry the tag, and one is muted by name.
    clean(&shop.asks_for(&ada).await);
    let met = rules(&stage, "ada").await["mutes"]["met"].clone();
    assert_eq!((&met["proposed"], &met["shown"]), (&json!(11), &json!(0)));
    let own = json!({"candidates": [{"id": "item-0"}, {"id": "item-1"}, {"id": "item-2"}]});
    clean(&shop.asks(&ada, &own).await);
    let lines = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "count": 60}).to_string();
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    clean(&batch.body("application/x-ndjson", lines).send().await.lines()[0]);
    assert_eq!(rules(&stage, "ada").await["mutes"]["met"]["proposed"], 11 + 2 + 11);
    model.behave(Behaviour::Fails(500));
    clean(&shop.asks(&ada, &json!({"count": 60})).await);
    let items: Vec<Value> = (0..10).map(|n| json!({"id": format!("item-{}", n * 6)})).collect();
    model.behave(Behaviour::Says(json!({"items": items}).to_string().into_bytes()));
    let ignoring = shop.asks_for(&ada).await;
    clean(&ignoring);
    is_full(&ignoring, 10);
    // A lasting count: what memory forgets is on record, and other mutes are counted anew.
    stage.behind().gateway.keep_meters().await.unwrap();
    assert_eq!(rules(&stage, "ada").await["mutes"]["met"]["proposed"], 24 + 10);
    let page = stage.operate("GET", "/metrics").send().await.body;
    assert!(page.contains("consentry_muted_items_total{outcome=\"proposed\"} 34"), "{page}");
    assert!(!page.contains("consentry_muted_items_total{outcome=\"caught\"} 1"));
    later(&stage, 60);
    ada.sets(&json!({"mutes": {"items": []}})).await;
    let anew = json!({"proposed": 0, "shown": 0, "since": "2026-11-22T03:01:00.000Z"});
    assert_eq!(rules(&stage, "ada").await["mutes"]["met"], anew);
    ada.sets(&json!({"mutes": null})).await;
    assert_eq!(rules(&stage, "ada").await["mutes"]["met"], Value::Null);
    assert_eq!(shop.asks_for(&ada).await["items"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn in_a_private_session_nothing_is_kept_or_told_and_answers_stay_personal() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.gives_to(POPULARITY, &json!({})).await;
    shop.reports(&[&ada], "item-1").await;
    let before = held(&stage);
    ada.sets(&json!({"private_until": "2026-11-22T05:00:00Z"})).await;
    model.forget_what_was_seen();
    let told = shop.reports(&[&ada], "item-2").await.json();
    let reason = json!([{"index": 0, "reason": "private_session"}]);
    assert_eq!(told, json!({"accepted": 0, "forwarded": 0, "dropped": reason}));
    assert_eq!((held(&stage), model.seen_on("/events").len()), (before, 0));
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    later(&stage, 2 * 60 * 60);
    let shop = stage.shopkeeper();
    assert_eq!(shop.reports(&[&ada], "item-3").await.json()["forwarded"], 1);
    let month = json!({"private_until": "2026-12-22T05:00:00Z"});
    let refused = stage.call("PATCH", "/v1/me/rules").token(&stage.person("ada"));
    let refused = refused.json(&month).send().await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "invalid-body"));
}

#[tokio::test]
async fn while_paused_what_is_held_is_kept_and_neither_used_nor_added_to() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let tasted = shop.asks_for(&ada).await["diversity"]["calibration"].clone();
    assert!(tasted.is_object());
    let before = held(&stage);
    ada.sets(&json!({"pause_until": "2026-11-22T04:00:00Z"})).await;
    model.forget_what_was_seen();
    let dropped = shop.reports(&[&ada], "item-2").await.json();
    assert_eq!(dropped["dropped"][0]["reason"], "paused");
    let paused = shop.asks_for(&ada).await;
    assert_eq!(
        (&paused["tier"], &paused["diversity"]["calibration"]),
        (&json!("none"), &Value::Null)
    );
    assert!(model.seen().iter().all(|seen| !seen.body.contains("\"user\"")), "{:?}", model.seen());
    assert_eq!((held(&stage), model.seen_on("/events").len()), (before, 0));
    later(&stage, 60 * 60);
    let shop = stage.shopkeeper();
    assert_eq!(shop.asks_for(&ada).await["diversity"]["calibration"], tasted);
}

#[tokio::test]
async fn what_is_older_than_a_person_wants_counts_no_more_and_is_removed() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.gives_to(POPULARITY, &json!({})).await;
    met_at(&stage, &ada, "item-1", "2026-11-12T03:00:00Z").await;
    assert_eq!(held(&stage), 2);
    assert!(shop.asks_for(&ada).await["diversity"]["calibration"].is_object());
    ada.sets(&json!({"forget_after_days": 30})).await;
    assert!(shop.asks_for(&ada).await["diversity"]["calibration"].is_object());
    ada.sets(&json!({"forget_after_days": 7})).await;
    // At the moment of use, before any chore.
    assert_eq!(shop.asks_for(&ada).await["diversity"]["calibration"], Value::Null);
    assert_eq!(held(&stage), 2);
    assert_eq!(stage.behind().gateway.forget_aged().await.unwrap(), 1);
    assert_eq!(held(&stage), 0);
    met_at(&stage, &ada, "item-2", NOON).await;
    assert_eq!(stage.behind().gateway.forget_aged().await.unwrap(), 0);
    assert_eq!(held(&stage), 2, "what is young is removed");
    later(&stage, 8 * DAY);
    let shop = stage.shopkeeper();
    assert_eq!(shop.asks_for(&ada).await["diversity"]["calibration"], Value::Null);
}

#[tokio::test]
async fn a_span_of_time_is_forgotten_and_the_answer_says_what_happened_where() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.gives_to(POPULARITY, &json!({})).await;
    met_at(&stage, &ada, "item-1", "2026-11-20T12:00:00Z").await;
    met_at(&stage, &ada, "item-2", "2026-11-21T12:00:00Z").await;
    shop.asks_for(&ada).await;
    let user = |model: &Model| {
        let seen = model.seen_on("/recommend").pop().unwrap();
        serde_json::from_str::<Value>(&seen.body).unwrap()["user"].clone()
    };
    let old = user(&model);
    let forget = |more: Value, key: &'static str| {
        let mut body = json!({"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let call = stage.post("/v1/me/forget").token(&stage.person("ada"));
        call.header("idempotency-key", key).json(&body).send()
    };
    let kept = forget(json!({}), "one").await.json();
    assert_eq!(
        kept["held"],
        json!({"meetings": 1, "taste_days": 1, "undated_tastes": false, "told_events": 0})
    );
    assert_eq!(kept["recipients"], json!([{"recipient": "model", "outcome": "kept"}]));
    assert_eq!(forget(json!({}), "one").await.json(), kept, "a retry forgets again");
    assert!(model.seen_on("/forget").is_empty());
    shop.asks_for(&ada).await;
    assert_eq!(user(&model), old);
    let again = forget(json!({"at_recipients": "reset"}), "two").await.json();
    assert_eq!(again["held"]["meetings"], 0);
    assert_eq!(again["recipients"], json!([{"recipient": "model", "outcome": "reset"}]));
    model.has_seen("/forget", 1).await;
    assert!(model.seen_on("/forget")[0].body.contains(old.as_str().unwrap()));
    shop.asks_for(&ada).await;
    assert_ne!(user(&model), old);
    assert_eq!(held(&stage), 2, "what lies outside goes too");
    assert_eq!(events(&stage.log().await, &["rights.forgotten"]).len(), 2);
    let backwards = forget(json!({"to": "2026-11-19T00:00:00Z"}), "three").await;
    assert_eq!((backwards.status.as_u16(), backwards.problem().as_str()), (422, "invalid-body"));
    let stranger = stage.post("/v1/me/forget").token(&stage.person("bob"));
    let stranger = stranger.json(&json!({"from": NOON, "to": "2027-01-01T00:00:00Z"})).send().await;
    assert_eq!((stranger.status.as_u16(), stranger.problem().as_str()), (409, "nothing-held"));
    assert!(stage.find("bob").is_none(), "a refusal makes somebody known");
}

#[tokio::test]
async fn a_model_inside_forgets_the_events_of_the_span_and_keeps_the_others() {
    let stage = Stage::start().await;
    stage.shelves(30, 6).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    met_at(&stage, &ada, "item-1", "2026-11-20T12:00:00Z").await;
    met_at(&stage, &ada, "item-2", "2026-11-21T12:00:00Z").await;
    let everything = json!({"count": 30});
    let last = |answer: &Value| {
        ids(answer).iter().rev().take(2).map(ToString::to_string).collect::<Vec<_>>()
    };
    // What the model knows a person met it does not propose: the list is filled up with it at the end.
    let mut before = last(&shop.asks(&ada, &everything).await);
    before.sort_unstable();
    assert_eq!(before, ["item-1", "item-2"]);
    let body = json!({"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"});
    let told =
        stage.post("/v1/me/forget").token(&stage.person("ada")).json(&body).send().await.json();
    assert_eq!(told["held"]["told_events"], 1, "{told}");
    assert_eq!(told["recipients"], json!([{"recipient": "model", "outcome": "forgotten"}]));
    assert_eq!(last(&shop.asks(&ada, &everything).await)[0], "item-2");
    ada.sets(&json!({"forget_after_days": 1})).await;
    later(&stage, 3 * DAY);
    let shop = stage.shopkeeper();
    stage.behind().gateway.forget_aged().await.unwrap();
    assert_ne!(last(&shop.asks(&ada, &everything).await)[0], "item-2");
    assert_eq!(held(&stage), 0);
}
