//! Models with a wire format of their own: what they see is what their format has a place for, byte for byte, and what
//! they cannot do is said.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]

mod support;

use std::time::Duration;

use consentry::{app::Settings, domain::Timestamp};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, ids, is_for_everybody, is_full},
    book::events,
    model::{Behaviour, Model, Seen},
    needles::Needles,
    wiring::{self, MODEL_KEY},
};

const ADA: &str = "ada.lovelace+vip@example.com";

/// A gateway before a model of `kind` with `settings`, whose clock is the test's.
async fn stage(model: &Model, kind: &'static str, settings: &str) -> Stage {
    let (url, settings) = (model.url(), settings.to_owned());
    let stage = Stage::set(move |set| {
        (set.model, set.kind, set.model_settings) = (Some(url), kind, settings);
    });
    let stage = stage.await;
    stage.shelves(120, 7).await;
    stage
}

fn calls(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| format!("{} {} {}", seen.method, seen.path, seen.body)).collect()
}

/// The names of the headers of a call.
fn headers(seen: &Seen) -> Vec<String> {
    let lines = seen.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut names: Vec<String> = lines.map(|(name, _)| name.to_lowercase()).collect();
    names.sort_unstable();
    names
}

/// The pseudonym in a call's path.
fn pseudonym(path: &str) -> &str {
    let user = path.rsplit('/').next().unwrap().split('?').next().unwrap();
    assert!(user.len() == 27 && user.starts_with('p'), "{path}");
    user
}

fn later(stage: &Stage, seconds: u64) {
    let now = stage.behind().machine.clock.now();
    stage.clock.set(now.after(Duration::from_secs(seconds)));
}

/// Waits until a row says that a deletion of ada's came to `outcome`, and opens it.
async fn deletion(stage: &Stage, outcome: &str) -> Value {
    let word = format!(r#""o":"{outcome}""#);
    let says = |leaf: &Vec<u8>| {
        let leaf = String::from_utf8_lossy(leaf);
        leaf.contains("erasure.recipient") && leaf.contains(&word)
    };
    let store = &stage.behind().store;
    stage.eventually(|| store.leaves(0, usize::MAX).unwrap().iter().any(says)).await;
    let rows = stage.log().await;
    let row = rows.iter().find(|row| says(&row.bytes)).unwrap();
    stage.opens(ADA, row.index).unwrap()
}

#[tokio::test]
async fn gorse_is_asked_in_its_own_words_about_somebody_and_about_nobody() {
    let model = Model::start();
    let stage = stage(&model, "gorse", "key = { file = \"model.key\" }").await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    let items = model.seen();
    assert_eq!((items[0].method.as_str(), items[0].path.as_str()), ("POST", "/api/items"));
    assert!(items[0].body.starts_with(r#"[{"ItemId":"item-0","Categories":["tag-0"]},"#));
    model.forget_what_was_seen();
    let nobody = shop.asks_for(&ada).await;
    is_full(&nobody, 10);
    assert_eq!((&nobody["tier"], &nobody["decision"]["fault"]), (&json!("none"), &Value::Null));
    assert_eq!(calls(&model.seen()), ["GET /api/latest?n=100 "]);
    ada.gives().await;
    model.forget_what_was_seen();
    let said = json!({"seed_items": ["item-3"], "context": {"weather": {"sky": "rain"}}});
    let answer = shop.asks(&ada, &said).await;
    assert_eq!((ids(&answer)[0], &answer["tier"]), ("item-99", &json!("individual")));
    let seen = model.seen();
    let user = pseudonym(&seen[0].path);
    assert_eq!(calls(&seen), [format!("GET /api/recommend/{user}?n=100 ")]);
    assert_eq!(headers(&seen[0]), ["host", "x-api-key", "x-api-version", "x-request-id"]);
    assert!(seen[0].head.contains(&format!("x-api-key: {MODEL_KEY}\r\n")), "{}", seen[0].head);
    // What has no place in the format did not leave, and is not said to.
    assert_eq!(answer["decision"]["used"], json!(["activity"]));
    let withheld = answer["decision"]["withheld"].as_array().unwrap();
    let not_taken =
        |category| json!({"category": category, "reason": "not_taken", "sent_as": null});
    assert_eq!(*withheld, [not_taken("weather"), not_taken("seed_items")]);
    let row = stage.opens(ADA, answer["log"]["index"].as_u64().unwrap()).unwrap();
    let path = format!("/api/recommend/{user}?n=100");
    assert_eq!(row["outbound"], json!({"method": "GET", "path": path, "body": ""}));
}

#[tokio::test]
async fn gorse_hears_of_events_under_the_pseudonym_and_forgets_it() {
    let model = Model::start();
    let settings = "[upstream.gorse]\ntypes = { view = \"read\" }\ncache_hours = 72";
    let stage = stage(&model, "gorse", settings).await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    shop.asks_for(&ada).await;
    let user = pseudonym(&model.seen().last().unwrap().path).to_owned();
    model.forget_what_was_seen();
    assert_eq!(shop.reports(&[&ada], "item-5").await.json()["forwarded"], 1);
    let feedback = format!(
        r#"PUT /api/feedback [{{"FeedbackType":"read","UserId":"{user}","ItemId":"item-5","Timestamp":"2026-11-22T03:00:00.000Z"}}]"#
    );
    assert_eq!(calls(&model.seen()), [feedback]);
    ada.withdraws().await;
    let body = deletion(&stage, "confirmed").await;
    let forget = format!("DELETE /api/user/{user} ");
    let deletions: Vec<String> =
        calls(&model.seen()).into_iter().filter(|call| call.starts_with("DELETE")).collect();
    assert_eq!(deletions, [forget]);
    let until = Timestamp::parse("2026-11-25T03:00:00Z").unwrap();
    assert_eq!(body["cache_until_ms"], until.millis(), "the answer from its caches is not told of");
    assert!(!Needles::of(ADA).are_in(format!("{:?}", model.seen())), "an id left");
}

#[tokio::test]
async fn a_gorse_that_lies_costs_nothing_but_its_list() {
    let model = Model::start();
    let stage = stage(&model, "gorse", "").await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    let says = |body: &str| Behaviour::Says(body.as_bytes().to_vec());
    for (how, behaviour, fault) in [
        ("unknown ids", says(r#"[{"Id":"ghost"},{"Id":"item-3","Score":1}]"#), Value::Null),
        ("NaN", says(r#"[{"Id":"item-3","Score":NaN}]"#), Value::Null),
        ("ids alone", says(r#"["item-3","item-3",""]"#), Value::Null),
        ("null", says("null"), Value::Null),
        ("HTML", says("<html>secret</html>"), json!("model_nonsense")),
        ("half", says(r#"[{"Id":"item-1","#), json!("model_nonsense")),
        ("an object", says(r#"{"message":"secret"}"#), json!("model_nonsense")),
        ("unauthorized", Behaviour::Fails(401), json!("model_status")),
    ] {
        model.behave(behaviour);
        let answer = shop.asks_for(&ada).await;
        is_full(&answer, 10);
        assert_eq!(answer["decision"]["fault"], fault, "{how}: {answer}");
        assert!(!answer.to_string().contains("secret"), "{how}: {answer}");
    }
}

const MAPPED: &str = r#"
[upstream.map]
without = ["items"]
[upstream.map.recommend]
path = "/graphql"
body = '''{"query":"query($u: ID!, $n: Int!) { recommend(user: $u, n: $n) { product { sku } score } }",
  "variables":{"u":"{user}","n":"{count}","sky":"{context/weather/sky}"}}'''
[upstream.map.anonymous]
path = "/top"
query = { n = "{count}" }
[upstream.map.events]
path = "/track"
body = { who = "{user}", sku = "{item}", what = "{type}" }
types = { view = "impression" }
[upstream.map.forget]
path = "/graphql"
body = { query = "mutation($u: ID!) { forget(user: $u) }", variables = { u = "{user}" } }
confirmed = "/data/forget"
[upstream.map.answer]
list = "/data/recommend"
id = "/product/sku"
"#;

#[tokio::test]
async fn a_mapped_model_sees_what_is_written_down_and_the_log_holds_the_same_bytes() {
    let model = Model::start();
    let stage = stage(&model, "json", MAPPED).await;
    assert_eq!(model.seen().len(), 0, "a model without items was told of items");
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    let list = json!({"data": {"recommend": [
        {"product": {"sku": "item-7"}, "score": 0.9}, {"product": {"sku": "item-8"}, "score": 0.8}]}});
    model.behave(Behaviour::Says(list.to_string().into_bytes()));
    let said = json!({"context": {"weather": {"sky": "rain"}, "device": {"type": "mobile"}}});
    let answer = shop.asks(&ada, &said).await;
    assert_eq!(
        (&ids(&answer)[..2], &answer["tier"]),
        (&["item-7", "item-8"][..], &json!("individual"))
    );
    let seen = model.seen();
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    let named = body["variables"]["u"].as_str().unwrap();
    assert_eq!(
        seen[0].body,
        format!(
            r#"{{"query":"query($u: ID!, $n: Int!) {{ recommend(user: $u, n: $n) {{ product {{ sku }} score }} }}","variables":{{"u":"{named}","n":100,"sky":"rain"}}}}"#
        )
    );
    let row = stage.opens(ADA, answer["log"]["index"].as_u64().unwrap()).unwrap();
    assert_eq!(
        row["outbound"],
        json!({"method": "POST", "path": "/graphql", "body": seen[0].body})
    );
    let used = answer["decision"]["used"].to_string();
    assert!(used.contains("weather") && !used.contains("device"), "{answer}");
    // The app sees a placeholder in a preview of the same call.
    let ask = with_subject(&said);
    let preview = stage.post("/v1/recommendations/preview").token(&stage.shop()).json(&ask);
    let preview = preview.send().await.body;
    assert!(
        preview.contains("p00000000000000000000000000") && !preview.contains(named),
        "{preview}"
    );
}

fn with_subject(said: &Value) -> Value {
    let mut ask = json!({"subject": {"id": ADA}, "purpose": RECOMMEND});
    ask.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    ask
}

#[tokio::test]
async fn a_mapped_model_is_asked_about_nobody_in_a_call_of_its_own_and_gets_events_one_by_one() {
    let model = Model::start();
    let stage = stage(&model, "json", MAPPED).await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    model.behave(Behaviour::Says(br#"{"data":{"recommend":[]}}"#.to_vec()));
    is_full(&shop.asks_for(&ada).await, 10);
    assert_eq!(calls(&model.seen()), ["GET /top?n=100 "]);
    ada.gives().await;
    model.forget_what_was_seen();
    let event = |item: &str| json!({"subject": {"id": ADA}, "type": "view", "item": item});
    let body = json!({"events": [event("item-1"), event("item-2")]});
    let told = stage.post("/v1/events").token(&stage.shop()).json(&body).send().await.json();
    assert_eq!((&told["accepted"], &told["forwarded"]), (&json!(2), &json!(2)));
    let bodies: Vec<Value> = model
        .seen_on("/track")
        .iter()
        .map(|seen| serde_json::from_str(&seen.body).unwrap())
        .collect();
    let track = |item| json!({"who": bodies[0]["who"], "sku": item, "what": "impression"});
    assert_eq!(bodies, [track("item-1"), track("item-2")]);
}

#[tokio::test]
async fn a_deletion_that_the_answer_does_not_confirm_stays_owed() {
    let model = Model::start();
    let stage = stage(&model, "json", MAPPED).await;
    let ada = stage.known_as(ADA);
    ada.gives().await;
    model.behave(Behaviour::Says(br#"{"data":{"recommend":[]}}"#.to_vec()));
    stage.shopkeeper().asks_for(&ada).await;
    ada.withdraws().await;
    model.behave(Behaviour::Says(br#"{"errors":["no"],"data":null}"#.to_vec()));
    deletion(&stage, "asked").await;
    assert_eq!(stage.behind().deletions().run_due().await.unwrap().owed, 1);
    model.behave(Behaviour::Says(br#"{"data":{"forget":true}}"#.to_vec()));
    later(&stage, 7200);
    deletion(&stage, "confirmed").await;
}

#[tokio::test]
async fn a_model_that_cannot_forget_is_on_record_as_such() {
    let model = Model::start();
    let settings = r#"
[upstream.map]
without = ["events", "items", "forget"]
[upstream.map.recommend]
path = "/users/{user}"
"#;
    let stage = stage(&model, "json", settings).await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    // It can only be asked about somebody, so nobody is the gateway's own business.
    let nobody = shop.asks_for(&ada).await;
    is_for_everybody(&nobody, 10);
    assert_eq!((model.seen().len(), &nobody["decision"]["fault"]), (0, &Value::Null));
    ada.gives().await;
    shop.asks_for(&ada).await;
    let told = shop.reports(&[&ada], "item-1").await.json();
    assert_eq!(
        (&told["forwarded"], &told["dropped"][0]["reason"]),
        (&json!(0), &json!("not_taken"))
    );
    ada.withdraws().await;
    let before = model.seen().len();
    deletion(&stage, "unsupported").await;
    assert_eq!(model.seen().len(), before);
    assert_eq!(stage.behind().deletions().run_due().await.unwrap().owed, 0);
}

#[tokio::test]
async fn a_mapping_with_a_mistake_does_not_start() {
    let mistakes = [
        (
            "json",
            "[upstream.map]\nwithout = [\"events\", \"items\", \"forget\"]\n[upstream.map.recommend]\npath = \"/r/{usr}\"",
            "{usr}; known are user",
        ),
        ("json", "[upstream.map.recommend]\npath = \"/r/{user}\"", "says nothing of events"),
        (
            "json",
            "[upstream.map]\nwithout = [\"events\",\"items\",\"forget\"]\n[upstream.map.recommend]\npath = \"/{user}/{context/wether/sky|none}\"",
            "no data category wether",
        ),
        ("gorse", "[upstream.gorse]\nanonymous = \"best\"", "latest, popular"),
        ("gorse", "[upstream.map.recommend]\npath = \"/\"", "`map` is for models of kind json"),
        ("json", "key = { env = \"K\" }", "`key` is for models of kind gorse"),
        ("json", "concurrency = 0", "concurrency must be at least 1"),
        ("json", "answer_bytes = 0", "answer_bytes must be at least 1"),
        ("json", "timeout_ms = 0", "timeout_ms must be at least 1"),
        (
            "json",
            "[[upstream]]\nrecipient = \"model\"\ndomain = \"other\"\npurposes = []\nkind = \"builtin\"",
            "[[upstream]] model: configured twice",
        ),
    ];
    for (kind, settings, says) in mistakes {
        let refused = wiring::refusal(kind, settings);
        assert!(refused.contains(says), "{refused}\nfor {settings}");
    }
    let unknown = Settings::parse("[store]\ndir=\"d\"\n[keys]\ndir=\"k\"\n[[upstream]]\nbraker=1");
    assert!(unknown.is_err());
}

/// A gateway that leaves its model alone for two seconds after three failures, and tries each call once.
async fn impatient(model: &Model) -> Stage {
    stage(model, "json", "retries = 0\nbreaker = { failures = 3, open_ms = 2000 }").await
}

#[tokio::test]
async fn a_model_that_fails_is_left_alone_and_found_again_by_a_probe() {
    let model = Model::start();
    let stage = impatient(&model).await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    let fault = async || {
        let answer = shop.asks_for(&ada).await;
        is_full(&answer, 10);
        answer["decision"]["fault"].clone()
    };
    model.forget_what_was_seen();
    model.behave(Behaviour::Fails(500));
    for _ in 0..3 {
        assert_eq!(fault().await, "model_status");
    }
    let before = stage.log().await.len();
    for _ in 0..5 {
        assert_eq!(fault().await, "model_open");
    }
    assert_eq!(model.seen().len(), 3, "a model that is left alone was asked");
    let rows = stage.log_since(before).await;
    assert_eq!(events(&rows, &["decision", "decision.void"]), ["decision"; 5]);
    let decided = stage.opens(ADA, rows[0].index).unwrap();
    assert_eq!((&rows[0].leaf["u"], &decided["outbound"]), (&json!("-"), &Value::Null));
    later(&stage, 2);
    assert_eq!(fault().await, "model_status", "no probe was sent");
    assert_eq!(fault().await, "model_open", "a failed probe closed the breaker");
    model.behave(Behaviour::Lists);
    later(&stage, 2);
    for _ in 0..3 {
        assert_eq!(fault().await, Value::Null);
    }
    assert_eq!(model.seen().len(), 3 + 1 + 3);
    let health = stage.behind().gateway.model_health().next().unwrap().1;
    assert_eq!((health.breaker.as_str(), health.under_way, health.refused_open), ("closed", 0, 6));
    assert_eq!(health.last_fault.unwrap().0, "model_status");
    assert_eq!(health.last_success.unwrap(), stage.behind().machine.clock.now());
}

#[tokio::test]
async fn a_deletion_is_not_said_to_be_asked_of_a_model_that_is_left_alone() {
    let model = Model::start();
    let stage = impatient(&model).await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    model.behave(Behaviour::Fails(500));
    for _ in 0..3 {
        shop.asks_for(&ada).await;
    }
    ada.withdraws().await;
    let before = stage.log().await.len();
    let asked = stage.behind().deletions().run_due().await.unwrap();
    assert_eq!((asked.owed, stage.log_since(before).await.len()), (1, 0));
    model.behave(Behaviour::Lists);
    later(&stage, 4000);
    deletion(&stage, "confirmed").await;
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_the_limit_says() {
    let model = Model::start();
    let settings = "timeout_ms = 60000\nconcurrency = 1";
    let stage = stage(&model, "json", settings).await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    model.forget_what_was_seen();
    model.hold();
    let first = tokio::spawn(shop.call_for(ADA, &json!({})).send());
    model.has_seen("/recommend", 1).await;
    let answer = shop.asks_for(&ada).await;
    is_full(&answer, 10);
    assert_eq!(
        (&answer["decision"]["fault"], &answer["tier"]),
        (&json!("model_busy"), &json!("none"))
    );
    let void = stage.log().await.into_iter().find(|row| row.event() == "decision.void").unwrap();
    assert_eq!(stage.opens(ADA, void.index).unwrap()["why"], "model_busy");
    model.release();
    assert_eq!(first.await.unwrap().json()["decision"]["fault"], Value::Null);
    assert_eq!(
        shop.asks_for(&ada).await["decision"]["fault"],
        Value::Null,
        "its place is not given back"
    );
    assert_eq!(model.seen_on("/recommend").len(), 2);
}

/// The rows of one call, and the values of a header in what the model saw of it.
const TOLD: [&str; 3] = ["decision", "decision.void", "decision.answered"];

fn request_ids(seen: &[Seen]) -> Vec<&str> {
    let ids = seen.iter().flat_map(|seen| seen.head.lines());
    let mut ids: Vec<&str> = ids.filter(|line| line.starts_with("x-request-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[tokio::test]
async fn a_model_that_is_away_for_a_moment_is_asked_again_with_a_row_of_its_own() {
    for (trouble, why) in
        [(Behaviour::Fails(503), "model_status"), (Behaviour::Hangs, "model_closed")]
    {
        let model = Model::start();
        let stage = stage(&model, "json", "timeout_ms = 60000").await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        ada.gives().await;
        let before = stage.log().await.len();
        model.forget_what_was_seen();
        model.behave(Behaviour::First(1, Box::new(trouble)));
        let answer = shop.asks_for(&ada).await;
        assert_eq!(
            (&answer["tier"], &answer["decision"]["fault"]),
            (&json!("individual"), &Value::Null)
        );
        let seen = model.seen();
        assert_eq!((seen.len(), &seen[0].body), (2, &seen[1].body));
        assert_eq!(request_ids(&seen).len(), 2, "the two calls can be linked by their id");
        let rows = stage.log_since(before).await;
        assert_eq!(
            events(&rows, &TOLD),
            ["decision", "decision.void", "decision", "decision.answered"]
        );
        let open = |place: usize| stage.opens(ADA, rows[place].index).unwrap();
        assert_eq!((&open(1)["of"], &open(1)["why"]), (&json!(rows[0].index), &json!(why)));
        assert_eq!(open(1)["sent"], true, "the first call reached the model");
        assert_eq!(open(0)["outbound"], open(2)["outbound"]);
        assert_eq!(answer["log"]["index"], rows[2].index);
    }
}

#[tokio::test]
async fn a_model_that_stays_away_is_asked_no_more_often_than_configured() {
    for (settings, asked) in [("retries = 0", 1), ("", 2), ("retries = 3", 4)] {
        let model = Model::start();
        let stage = stage(&model, "json", &format!("timeout_ms = 60000\n{settings}")).await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        ada.gives().await;
        let before = stage.log().await.len();
        model.forget_what_was_seen();
        model.behave(Behaviour::Fails(503));
        let answer = shop.asks_for(&ada).await;
        is_for_everybody(&answer, 10);
        assert_eq!(answer["decision"]["fault"], "model_status");
        assert_eq!(model.seen().len(), asked, "{settings}");
        let rows = stage.log_since(before).await;
        assert_eq!(events(&rows, &["decision"]).len(), asked);
        assert_eq!(events(&rows, &["decision.void"]).len(), asked - 1, "the last call is no try");
        model.forget_what_was_seen();
        model.behave(Behaviour::Fails(500));
        shop.asks_for(&ada).await;
        assert_eq!(model.seen().len(), 1, "a fault that will not pass was tried again");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_again_after_a_withdrawal() {
    let model = Model::start();
    let stage = stage(&model, "json", "timeout_ms = 60000").await;
    let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
    ada.gives().await;
    model.forget_what_was_seen();
    model.behave(Behaviour::First(1, Box::new(Behaviour::Fails(503))));
    model.hold();
    let call = tokio::spawn(shop.call_for(ADA, &json!({})).send());
    model.has_seen("/recommend", 1).await;
    ada.withdraws().await;
    model.release();
    let answer = call.await.unwrap().json();
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "withdrawn", "{answer}");
    is_for_everybody(&answer, 10);
    let seen = model.seen_on("/recommend");
    assert!(seen[0].body.contains("\"user\":\"p"));
    assert!(seen[1..].iter().all(|seen| !seen.body.contains("user")), "{seen:?}");
}
