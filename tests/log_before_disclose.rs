//! The log says what leaves before it leaves, and says it of everybody alike.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use consentry::{app::App, audit::RowKeys};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::RECOMMEND,
    book::{Row, events},
    model::{self, Behaviour, Model, Seen},
    needles::Needles,
};

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 7).await;
    stage
}

/// The bytes that the last decision in the log says would leave, opened with `keys`.
fn last_logged(app: &App, keys: &RowKeys) -> Option<String> {
    let last = app.store.log_size().checked_sub(1)?;
    let leaf: Value = serde_json::from_slice(&app.store.leaf(last).unwrap()?).unwrap();
    assert_eq!(leaf["e"], "decision");
    let (nonce, sealed) = app.store.body(last).unwrap()?;
    let body = keys.open_body(&nonce, sealed).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap();
    body["outbound"]["body"].as_str().map(str::to_owned)
}

/// What the model saw, and what the log held of it at that moment.
type Compared = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Has `model` compare what it sees with what the log holds at that very moment.
fn compare(stage: &Stage, model: &Model, keys: RowKeys) -> Compared {
    let compared = Arc::new(Mutex::new(Vec::new()));
    let (app, noted) = (stage.behind().clone(), compared.clone());
    model.watch(move |seen: &Seen| {
        noted.lock().unwrap().push((seen.body.clone(), last_logged(&app, &keys)));
    });
    compared
}

#[tokio::test]
async fn the_bytes_are_in_the_log_when_they_arrive() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let compared = compare(&stage, &model, stage.find("ada").unwrap().row_keys());
    let said =
        json!({"context": {"location": {"lat": 37.5, "lon": 127.0}}, "seed_items": ["item-1"]});
    shop.asks(&ada, &said).await;
    shop.reports(&[&ada], "item-2").await;
    ada.sets(&json!({"cap": "none"})).await;
    shop.asks(&ada, &said).await;
    let compared = compared.lock().unwrap();
    assert_eq!(compared.len(), 3);
    for (seen, logged) in compared.iter() {
        assert_eq!(Some(seen), logged.as_ref(), "the log and the model disagree");
    }
    assert!(compared[0].0.contains("user") && !compared[2].0.contains("user"));
}

#[tokio::test]
async fn rows_about_nobody_are_there_before_their_bytes_too() {
    let model = Model::start();
    let stage = stage(&model).await;
    let compared = compare(&stage, &model, RowKeys::of(&stage.behind().audit.nobody(), 0));
    stage.shopkeeper().asks_for(&stage.known_as("stranger")).await;
    let call = stage.post("/v1/recommendations").token(&stage.shop());
    assert_eq!(call.json(&json!({"purpose": RECOMMEND})).send().await.status, 200);
    let compared = compared.lock().unwrap();
    assert_eq!(compared.len(), 2);
    assert!(compared.iter().all(|(seen, logged)| Some(seen) == logged.as_ref()), "{compared:?}");
}

#[tokio::test]
async fn of_a_large_call_the_log_keeps_the_hash_and_the_fields() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let seeds: Vec<String> = (0..100).map(|n| format!("item-{n}-{}", "x".repeat(40))).collect();
    let said = json!({"seed_items": seeds, "context": {"weather": {"sky": "rain"}}});
    let answer = shop.asks(&ada, &said).await;
    let body = stage.opens("ada", answer["log"]["index"].as_u64().unwrap()).unwrap();
    let sent = model.seen_on("/recommend").pop().unwrap().body;
    let digest = ring::digest::digest(&ring::digest::SHA256, sent.as_bytes());
    assert_eq!(body["outbound"]["sha256"], consentry::domain::hex(digest.as_ref()));
    assert_eq!(body["outbound"]["fields"], said["context"]);
    assert_eq!(body["outbound"]["body"], Value::Null);
}

#[tokio::test]
async fn each_call_leaves_one_decision_and_one_row_of_how_it_ended() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let candidates = json!({"candidates": [{"id": "item-1"}]});
    for (behaviour, more) in [
        (Behaviour::Lists, json!({})),
        (Behaviour::Lists, candidates),
        (Behaviour::Lists, json!({"purpose": "marketing_messages"})),
        (Behaviour::Fails(500), json!({})),
        (Behaviour::Says(b"<html>".to_vec()), json!({})),
        (Behaviour::Hangs, json!({})),
    ] {
        // A connection that ends without a word is tried once more.
        let again = matches!(behaviour, Behaviour::Hangs);
        model.behave(behaviour.clone());
        let before = stage.log().await.len();
        let answer = shop.asks(&ada, &more).await;
        let rows = stage.log_since(before).await;
        let mut told: Vec<&str> = rows.iter().map(Row::event).collect();
        let mut rows = rows.as_slice();
        if again {
            assert_eq!(told.drain(..2).collect::<Vec<_>>(), ["decision", "decision.void"]);
            rows = &rows[2..];
        }
        assert_eq!(told, ["decision", "decision.answered"], "{behaviour:?} {more}");
        assert_eq!(answer["log"], json!({"origin": "gw.test/log/2026h2", "index": rows[0].index}));
        let ended = stage.opens("ada", rows[1].index).unwrap();
        assert_eq!(ended["of"], rows[0].index);
        assert_eq!(ended["recommendation"], answer["recommendation_id"]);
        assert_eq!(
            ended["items"].as_array().unwrap().len(),
            answer["items"].as_array().unwrap().len()
        );
    }
}

/// A call that could not be sent discloses nothing, which its row alone would not tell.
#[tokio::test]
async fn a_call_that_reaches_no_model_is_void_and_no_more_is_said_of_it() {
    let (_taken, url) = model::down();
    let stage = Stage::set(move |set| set.model = Some(url)).await;
    stage.known_as("ada").gives().await;
    let before = stage.log().await.len();
    stage.shopkeeper().asks(&stage.known_as("ada"), &json!({"count": 1})).await;
    let rows = stage.log_since(before).await;
    let told: Vec<&str> = rows.iter().map(Row::event).collect();
    assert_eq!(told, ["decision", "decision.void", "decision", "decision.void"], "two tries");
    for (row, void) in [(0, 1), (2, 3)] {
        let void = stage.opens("ada", rows[void].index).unwrap();
        assert_eq!(
            (&void["of"], &void["why"]),
            (&json!(rows[row].index), &json!("model_unreachable"))
        );
    }
}

/// What a leaf may hold, and nothing else.
fn is_closed(row: &Row) {
    let leaf = row.leaf.as_object().unwrap();
    let sorted = serde_json::to_vec(&leaf.iter().collect::<BTreeMap<_, _>>()).unwrap();
    assert_eq!(row.bytes, sorted, "not canonical: {}", row.leaf);
    for (field, value) in leaf {
        let word = value.as_str().unwrap_or_default();
        let plain = |extra: &str| {
            word.bytes().all(|b| b.is_ascii_lowercase() || extra.contains(char::from(b)))
        };
        match field.as_str() {
            "e" | "o" | "p" | "r" | "u" => {
                assert!(plain("._-0123456789") && word.len() <= 32, "{value}");
            }
            "g" => assert_eq!(word, "gw-test"),
            "c" | "kc" | "voc" => assert_eq!(word.len(), 43, "{value}"),
            "n" | "y" => assert_eq!(word.len(), 22, "{value}"),
            "s" => assert!(word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit())),
            "t" => assert_eq!(value.as_i64().unwrap() % 60, 0, "finer than a minute"),
            "v" => assert_eq!(*value, json!(1)),
            "rows" => assert!(value.is_u64()),
            other => assert_eq!(other, "", "a leaf has an unknown field: {}", row.leaf),
        }
    }
}

#[tokio::test]
async fn leaves_hold_closed_words_and_nothing_that_names_anybody() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada@example.com"), stage.shopkeeper());
    ada.gives().await;
    shop.asks(&ada, &json!({"scenario": "home", "seed_items": ["item-7"]})).await;
    shop.reports(&[&ada], "item-1").await;
    ada.sets(&json!({"mutes": {"tags": ["tag-1"]}})).await;
    shop.call_for(&ada.id, &json!({})).header("sec-gpc", "1").send().await;
    ada.withdraws().await;
    model.has_seen("/forget", 1).await;
    let rows = stage.log().await;
    let told = [
        "policy.changed",
        "consent.given",
        "subject.created",
        "decision",
        "rights.rules",
        "consent.withdrawn",
    ];
    for event in told {
        assert!(!events(&rows, &[event]).is_empty(), "no row of {event}");
    }
    let seen: Value = serde_json::from_str(&model.seen_on("/recommend")[0].body).unwrap();
    let pseudonym = Needles::of(seen["user"].as_str().unwrap());
    for row in &rows {
        is_closed(row);
        assert!(!Needles::of("ada@example.com").are_in(&row.bytes), "{}", row.leaf);
        assert!(!pseudonym.are_in(&row.bytes), "{}", row.leaf);
        assert!(!String::from_utf8_lossy(&row.bytes).contains("item-"), "{}", row.leaf);
    }
}

/// A leaf with its keyed bytes blanked, and how long each was.
fn shape(row: &Row) -> Value {
    let mut leaf = row.leaf.clone();
    for keyed in ["c", "n", "y"] {
        leaf[keyed] = json!(leaf[keyed].as_str().unwrap().len());
    }
    leaf
}

#[tokio::test]
async fn the_unknown_the_anonymous_and_who_was_never_asked_look_the_same() {
    let model = Model::start();
    let stage = stage(&model).await;
    // Known, since she gave for another purpose, and never asked about this one.
    let ada = stage.known_as("ada");
    ada.gives_to("measure_popularity", &json!({})).await;
    let before = stage.log().await.len();
    stage.shopkeeper().asks_for(&ada).await;
    stage.shopkeeper().asks_for(&stage.known_as("stranger")).await;
    let call = stage.post("/v1/recommendations").token(&stage.shop());
    call.json(&json!({"purpose": RECOMMEND})).send().await;
    let rows = stage.log_since(before).await;
    assert_eq!(rows.len(), 6, "{rows:?}");
    for two in rows.chunks(2) {
        assert_eq!([shape(&two[0]), shape(&two[1])], [shape(&rows[0]), shape(&rows[1])]);
    }
    // Each opens with the keys of whom it is about, and with no other.
    assert!(stage.opens("ada", rows[0].index).is_some());
    assert!(stage.opens_nobodys(rows[0].index).is_none());
    for row in &rows[2..] {
        assert!(stage.opens("ada", row.index).is_none());
        assert!(stage.opens_nobodys(row.index).is_some());
    }
}
