//! What a person set for themselves holds against any model, and lists are as diverse as is said.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{Person, RECOMMEND, ids, is_for_everybody, is_full},
    model::{Behaviour, Model},
};

const POPULARITY: &str = "measure_popularity";

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 6).await;
    model.forget_what_was_seen();
    stage
}

/// A model whose best items are all of one shelf: `item-0`, `item-6` … and only then the others.
fn lists_one_shelf_first(model: &Model) {
    let (shelf, others): (Vec<_>, Vec<_>) = (0..60).partition(|n| n % 6 == 0);
    let item = |(place, n): (i32, i32)| json!({"id": format!("item-{n}"), "score": 1.0 - f64::from(place) / 100.0});
    let items: Vec<Value> = (0..).zip(shelf.into_iter().chain(others)).map(item).collect();
    model.behave(Behaviour::Says(json!({"items": items}).to_string().into_bytes()));
}

fn tags(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["reason"]["tags"][0].as_str().unwrap()).collect()
}

fn sources(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["reason"]["source"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_muted_is_never_shown_even_if_nothing_else_is_proposed() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.sets(&json!({"mutes": {"tags": ["tag-0", "tag-1"], "items": ["item-2", "item-9"]}})).await;
    let only = json!({"items": [{"id": "item-0"}, {"id": "item-1"}, {"id": "item-2"},
                                {"id": "item-9"}, {"id": "item-6"}]});
    let candidates = json!({"candidates": only["items"]});
    for (behaviour, more) in [
        (Behaviour::Says(only.to_string().into_bytes()), json!({})),
        (Behaviour::Lists, json!({"count": 60})),
        (Behaviour::Lists, json!({"diversity": 1})),
        (Behaviour::Lists, candidates),
        (Behaviour::Fails(500), json!({})),
    ] {
        model.behave(behaviour.clone());
        let answer = shop.asks(&ada, &more).await;
        is_full(&answer, usize::try_from(more["count"].as_u64().unwrap_or(10)).unwrap());
        let muted = ["tag-0", "tag-1"];
        assert!(!tags(&answer).iter().any(|tag| muted.contains(tag)), "{behaviour:?} {answer}");
        let shown = ids(&answer);
        assert!(!shown.contains(&"item-2") && !shown.contains(&"item-9"), "{behaviour:?} {answer}");
    }
    ada.refuses().await;
    let answer = shop.asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert!(!tags(&answer).contains(&"tag-0"), "a refusal costs the mutes: {answer}");
    assert!(model.seen().iter().all(|seen| !seen.body.contains("tag-0")), "mutes leave");
}

#[tokio::test]
async fn a_list_is_diverse_as_far_as_asked_and_says_by_how_much() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    lists_one_shelf_first(&model);
    let plain = shop.asks(&ada, &json!({"diversity": 0})).await;
    assert_eq!(tags(&plain), ["tag-0"; 10], "the model's own order");
    let effect = &plain["diversity"];
    assert_eq!((&effect["strength"], &effect["moved"]), (&json!(0.0), &json!(0)));
    assert_eq!(effect["ild"], json!({"before": 0.0, "after": 0.0}));
    let wide = shop.asks(&ada, &json!({"diversity": 1})).await;
    is_full(&wide, 10);
    let effect = &wide["diversity"];
    assert_eq!(effect["strength"], 1.0);
    assert_eq!(effect["ild"]["before"], 0.0);
    assert!(effect["ild"]["after"].as_f64().unwrap() > 0.3, "{effect}");
    let moved = sources(&wide).iter().filter(|source| **source != "model").count();
    assert_eq!(effect["moved"], moved, "{wide}");
    assert!(moved > 0 && tags(&wide).iter().any(|tag| *tag != "tag-0"), "{wide}");
}

#[tokio::test]
async fn the_persons_own_dial_goes_before_that_of_the_call() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    lists_one_shelf_first(&model);
    ada.sets(&json!({"dial": 0})).await;
    let answer = shop.asks(&ada, &json!({"diversity": 1})).await;
    assert_eq!(answer["diversity"]["strength"], 0.0);
    assert_eq!(tags(&answer), ["tag-0"; 10]);
    ada.sets(&json!({"dial": 1})).await;
    let answer = shop.asks(&ada, &json!({"diversity": 0})).await;
    assert_eq!(answer["diversity"]["strength"], 1.0);
    assert_ne!(tags(&answer), ["tag-0"; 10]);
    ada.sets(&json!({"dial": null})).await;
    let answer = shop.asks(&ada, &json!({"diversity": 0})).await;
    assert_eq!(answer["diversity"]["strength"], 0.0);
    let other = shop.asks(&stage.known_as("bob"), &json!({"diversity": 0.25})).await;
    assert_eq!(other["diversity"]["strength"], 0.25, "one person's dial turns another's list");
}

#[tokio::test]
async fn calibration_is_measured_where_tastes_may_be_used_and_only_there() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    lists_one_shelf_first(&model);
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["diversity"]["calibration"], Value::Null);
    shop.reports(&[&ada], "item-1").await;
    let wide = shop.asks(&ada, &json!({"diversity": 1})).await;
    let calibration = &wide["diversity"]["calibration"];
    assert!(calibration["after"].as_f64() < calibration["before"].as_f64(), "{calibration}");
    ada.sets(&json!({"categories_off": ["activity"]})).await;
    let off = shop.asks(&ada, &json!({"diversity": 1})).await;
    assert_eq!(off["diversity"]["calibration"], Value::Null, "tastes are used all the same");
    assert_eq!(off["decision"]["used"], json!([]), "{off}");
}

#[tokio::test]
async fn candidates_of_the_apps_own_are_ranked_without_a_model() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let shelf =
        |n: i32| json!({"id": format!("item-{}", n * 6), "score": 1.0 - f64::from(n) / 100.0});
    let mut candidates: Vec<Value> = (0..10).map(shelf).collect();
    // The catalogue's words go before the app's, and the app's stand where the catalogue has none.
    candidates.push(json!({"id": "item-7", "score": 0.5, "tags": ["claimed"]}));
    candidates.push(json!({"id": "item-new", "score": 0.5, "tags": ["new"]}));
    let more = json!({"candidates": candidates, "diversity": 1, "exclude": ["item-6"]});
    let answer = stage.shopkeeper().asks(&ada, &more).await;
    is_full(&answer, 10);
    assert!(!ids(&answer).contains(&"item-6"), "{answer}");
    assert!(tags(&answer).contains(&"tag-1") && tags(&answer).contains(&"new"), "{answer}");
    assert!(!tags(&answer).contains(&"claimed"), "{answer}");
    assert!(answer["diversity"]["moved"].as_u64().unwrap() > 0, "{answer}");
    assert_eq!(model.seen().len(), 0, "{:?}", model.seen());
    let preview = stage.post("/v1/recommendations/preview").token(&stage.shop());
    let call =
        json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "candidates": [{"id": "item-1"}]});
    let would_leave = preview.json(&call).send().await.json();
    assert_eq!(
        (&would_leave["tier"], &would_leave["recipient"]),
        (&json!("individual"), &Value::Null)
    );
    let tiers = would_leave["tiers"].as_array().unwrap();
    assert!(tiers.iter().all(|tier| tier["request"].is_null()), "{would_leave}");
}

#[tokio::test]
async fn a_candidate_that_is_sent_twice_is_shown_once() {
    let model = Model::start();
    let stage = stage(&model).await;
    let tv = json!({"id": "item-1", "score": 1});
    let more = json!({"count": 3, "candidates": [tv, tv, {"id": "item-2", "score": 2}, tv]});
    let answer = stage.shopkeeper().asks(&stage.known_as("ada"), &more).await;
    is_full(&answer, 3);
    assert_eq!(ids(&answer).iter().filter(|id| **id == "item-1").count(), 1, "{answer}");
}

#[tokio::test]
async fn what_is_excluded_is_not_shown_wherever_it_comes_from() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let more = json!({"exclude": ["item-99", "item-98", "item-0", "item-1"]});
    for behaviour in [Behaviour::Lists, Behaviour::Fails(500)] {
        model.behave(behaviour);
        let answer = shop.asks(&ada, &more).await;
        is_full(&answer, 10);
        for excluded in more["exclude"].as_array().unwrap() {
            assert!(!ids(&answer).contains(&excluded.as_str().unwrap()), "{answer}");
        }
    }
    assert!(
        model.seen().iter().all(|seen| !seen.body.contains("item-")),
        "what is excluded leaves"
    );
}

/// As many people as `count`, who agree to be counted and met `item` twice.
async fn crowd<'a>(stage: &'a Stage, count: usize, item: &str) -> Vec<Person<'a>> {
    let people: Vec<_> = (0..count).map(|n| stage.known_as(&format!("person-{n}"))).collect();
    for person in &people {
        person.gives_to(POPULARITY, &json!({})).await;
    }
    let everyone: Vec<_> = people.iter().collect();
    for _ in 0..2 {
        let taken = stage.shopkeeper().reports(&everyone, item).await.json();
        assert_eq!(taken["accepted"], count, "{taken}");
    }
    people
}

/// The popular items of the list for everybody, after they were counted anew.
async fn popular(stage: &Stage) -> Vec<String> {
    stage.behind().gateway.rebuild_popularity().await.unwrap();
    let answer = stage.shopkeeper().asks_for(&stage.known_as("stranger")).await;
    is_full(&answer, 10);
    let is_popular = sources(&answer).into_iter().map(|source| source == "popular");
    let shown = ids(&answer).into_iter().map(str::to_owned);
    shown.zip(is_popular).filter(|(_, is)| *is).map(|(id, _)| id).collect()
}

#[tokio::test]
async fn an_item_is_popular_with_twenty_people_and_no_fewer() {
    let model = Model::start();
    let stage = stage(&model).await;
    model.behave(Behaviour::Fails(500));
    crowd(&stage, 19, "item-50").await;
    assert_eq!(popular(&stage).await, Vec::<String>::new(), "19 people met it twice");
    let last = stage.known_as("person-19");
    let uncounted = stage.shopkeeper().reports(&[&last], "item-50").await.json();
    assert_eq!(uncounted["dropped"][0]["reason"], "not_consented");
    assert_eq!(popular(&stage).await, Vec::<String>::new(), "who did not agree is counted");
    last.gives_to(POPULARITY, &json!({})).await;
    stage.shopkeeper().reports(&[&last], "item-50").await;
    assert_eq!(popular(&stage).await, ["item-50"]);
    assert!(model.seen_on("/events").is_empty(), "what is counted leaves");
    // What is too old goes, also of someone who is not counted at present.
    last.sets(&json!({"pause_until": "2027-11-22T03:00:00Z"})).await;
    let month = Timestamp::parse("2026-12-22T03:00:01Z").unwrap();
    stage.clock.set(month);
    stage.behind().gateway.rebuild_popularity().await.unwrap();
    assert_eq!(stage.behind().catalog.popular_len(), 0, "after 30 days it is counted still");
    assert_eq!(stage.behind().store.scan(b"d/").count(), 0, "what is too old is kept");
}

#[tokio::test]
async fn who_is_no_longer_counted_is_not_counted() {
    let model = Model::start();
    let stage = stage(&model).await;
    model.behave(Behaviour::Fails(500));
    let people = crowd(&stage, 20, "item-50").await;
    assert_eq!(popular(&stage).await, ["item-50"]);
    let (one, none) = (&people[0], Vec::<String>::new());
    for rules in [
        json!({"pause_until": "2026-11-22T04:00:00Z"}),
        json!({"categories_off": ["activity"]}),
        json!({"cap": "none"}),
    ] {
        one.sets(&rules).await;
        assert_eq!(popular(&stage).await, none, "{rules}");
        one.sets(&json!({"pause_until": null, "categories_off": null, "cap": null})).await;
        assert_eq!(popular(&stage).await, ["item-50"], "what was held is lost with {rules}");
    }
    let withdraw = json!({"purpose": POPULARITY, "action": "withdraw"});
    assert_eq!(one.acts(&withdraw).await.status, 201);
    assert_eq!(popular(&stage).await, none);
    one.gives_to(POPULARITY, &json!({})).await;
    assert_eq!(popular(&stage).await, none, "what was held before the withdrawal is back");
}
