//! What a model sees of a person is what that person agreed to, and nobody's id is anywhere.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::collections::BTreeSet;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{Person, RECOMMEND, is_for_everybody},
    log::logged,
    model::{Behaviour, Model, Seen},
    needles::Needles,
};

const ADA: &str = "ada.lovelace+vip@example.com";

/// What the shop says of the moment, each category with a value that is easy to find.
fn said() -> Value {
    json!({
        "scenario": "home", "exclude": ["item-excluded"], "seed_items": ["item-seed"],
        "context": {
            "location": {"lat": 37.5665, "lon": 126.978},
            "demographics": {"birth_year": 1990, "gender": "female", "occupation": "analyst", "zip_code": "04524"},
            "weather": {"sky": "rain"}, "health": {"condition": "asthma"},
        },
    })
}

/// The only content of a call about nobody.
const NOBODY: &str = r#"{"count":100,"scenario":"home","context":{"weather":{"sky":"rain"}}}"#;

#[tokio::test]
async fn no_app_learns_a_pseudonym_from_a_model_that_repeats_it() {
    let (mut pseudonyms, mut answers) = (Vec::new(), Vec::new());
    for has_items in [true, false] {
        let model = Model::start();
        let stage = Stage::with_model(&model).await;
        if has_items {
            let plain = stage.call("PUT", "/v1/items/plain").token(&stage.shop());
            assert_eq!(plain.json(&json!({})).send().await.status, 200);
        }
        let ada = stage.known_as(ADA);
        ada.gives().await;
        stage.shopkeeper().asks_for(&ada).await;
        let asked: Value = serde_json::from_str(&model.seen_on("/recommend")[0].body).unwrap();
        let user = asked["user"].as_str().unwrap().to_owned();
        let items = json!({"items": [
            {"id": user}, {"id": format!("for-{user}")},
            {"id": "plain", "categories": ["tv", format!("of {user}")]}, {"id": "plain-2"},
        ]});
        model.behave(Behaviour::Says(items.to_string().into_bytes()));
        let answer = stage.shopkeeper().asks(&ada, &json!({"count": 4})).await;
        assert_eq!(answer["items"][0]["id"], "plain", "{answer}");
        pseudonyms.push(user);
        answers.push(answer.to_string());
    }
    for (user, answer) in pseudonyms.iter().zip(&answers) {
        assert!(!answer.contains(user.as_str()), "{answer}");
    }
}

/// A model that is someone else's, so that a signal speaks of it.
async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_third_party(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

/// The one request that the model saw for a recommendation.
fn only(model: &Model) -> Seen {
    let seen = model.seen_on("/recommend");
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.into_iter().next().unwrap()
}

fn user(seen: &Seen) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    body["user"].as_str().map(str::to_owned)
}

/// Each state in which nothing personal may leave, and the reason that is told.
const CLOSED: [(&str, &str); 10] = [
    ("unknown", "not_consented"),
    ("refused", "refused"),
    ("withdrawn", "withdrawn"),
    ("expired", "expired"),
    ("paused", "paused"),
    ("capped", "capped"),
    ("child", "under_14"),
    ("child by birth year", "under_14"),
    ("signal", "gpc"),
    ("app not registered", "purpose_not_registered"),
];

/// Brings `ada` into a state of [`CLOSED`].
async fn comes_to(stage: &Stage, ada: &Person<'_>, what: &str) {
    match what {
        "unknown" => {}
        "refused" => drop(ada.refuses().await),
        "expired" => {
            let more = json!({"expires_at": "2026-11-22T03:00:01Z"});
            ada.gives_to(RECOMMEND, &more).await;
            stage.clock.set(Timestamp::parse("2026-11-22T03:00:01Z").unwrap());
        }
        "child" => {
            let child = json!({"subject": {"id": ada.id, "under_14_until": "2027-05-01"}});
            ada.gives_to(RECOMMEND, &child).await;
        }
        _ => drop(ada.gives().await),
    }
    match what {
        "withdrawn" => drop(ada.withdraws().await),
        "paused" => ada.sets(&json!({"pause_until": "2026-11-22T03:00:01Z"})).await,
        "capped" => ada.sets(&json!({"cap": "none"})).await,
        _ => {}
    }
}

#[tokio::test]
async fn without_a_standing_consent_the_model_sees_nobody() {
    let model = Model::start();
    let stage = stage(&model).await;
    for (place, (what, reason)) in CLOSED.into_iter().enumerate() {
        stage.clock.set(Timestamp::parse("2026-11-22T03:00:00Z").unwrap());
        let ada = stage.known_as(&format!("{ADA}.{place}"));
        comes_to(&stage, &ada, what).await;
        model.forget_what_was_seen();
        let mut said = said();
        if what == "child by birth year" {
            said["context"]["demographics"]["birth_year"] = json!(2012);
        }
        let mut call = stage.shopkeeper().call_for(&ada.id, &said);
        if what == "app not registered" {
            call = call_of_the_kiosk(&stage, &ada, &said);
        }
        if what == "signal" {
            call = call.header("sec-gpc", "1");
        }
        let answer = call.send().await.json();
        is_for_everybody_but_the_weather(&answer);
        assert_eq!(answer["decision"]["reasons"][0]["reason"], reason, "{what}: {answer}");
        assert_eq!(only(&model).body, NOBODY, "{what}");
    }
}

fn call_of_the_kiosk(stage: &Stage, ada: &Person<'_>, said: &Value) -> support::client::Call {
    let mut body = json!({"subject": {"id": ada.id}, "purpose": RECOMMEND});
    body.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let token = stage.app("kiosk", "recommend");
    stage.post("/v1/recommendations").token(&token).json(&body)
}

/// A full list for everybody, for which the weather alone was used: it is about no one.
fn is_for_everybody_but_the_weather(answer: &Value) {
    let mut answer = answer.clone();
    assert_eq!(answer["decision"]["used"], json!(["weather"]), "{answer}");
    answer["decision"]["used"] = json!([]);
    is_for_everybody(&answer, 10);
}

#[tokio::test]
async fn an_anonymous_call_looks_like_one_about_somebody_unknown() {
    let model = Model::start();
    let stage = stage(&model).await;
    let mut body = json!({"purpose": RECOMMEND});
    body.as_object_mut().unwrap().extend(said().as_object().unwrap().clone());
    let call = stage.post("/v1/recommendations").token(&stage.shop()).json(&body);
    let answer = call.send().await.json();
    is_for_everybody_but_the_weather(&answer);
    assert_eq!(answer["decision"]["consent_epoch"], Value::Null);
    assert_eq!(only(&model).body, NOBODY);
}

#[tokio::test]
async fn what_is_agreed_to_leaves_as_finely_as_it_is_agreed_to() {
    let (model, plain) = (Model::start(), json!({}));
    let stage = stage(&model).await;
    let fine = r#""location":{"lat":37.5665,"lon":126.978},"demographics":{"birth_year":1990,"gender":"female","occupation":"analyst","zip_code":"04524"},"weather":{"sky":"rain"}"#;
    let coarse = json!({"categories": ["activity", {"id": "location", "detail": "coarse"},
                                       {"id": "demographics", "detail": "coarse"}]});
    let coarsened = r#""location":{"lat":37.5,"lon":126.9},"demographics":{"age_band":"30-39"},"weather":{"sky":"rain"}"#;
    let health = json!({"categories": ["activity", "health"]});
    let guardian =
        json!({"subject": {"id": "d@x.org", "under_14_until": "2027-05-01"}, "guardian": true});
    let verified = json!({
        "subject": {"id": "d@x.org"}, "under_14_until": "2027-05-01", "guardian": {"id": "g@x.org"},
        "verification": {"method": "card", "verified_at": "2026-11-22T00:00:00Z"}
    });
    let recorded = stage.post("/v1/guardians").token(&stage.shop()).json(&verified).send().await;
    assert_eq!(recorded.status, 200, "{}", recorded.body);
    for (id, act, rules, context, seeds) in [
        ("a@x.org", &plain, &plain, fine.to_owned(), true),
        ("b@x.org", &coarse, &plain, coarsened.to_owned(), false),
        ("c@x.org", &health, &plain, r#""weather":{"sky":"rain"},"health":{"condition":"asthma"}"#.to_owned(), false),
        ("d@x.org", &guardian, &plain, fine.to_owned(), true),
        (
            "e@x.org",
            &plain,
            &json!({"categories_off": ["location", "weather", "seed_items"]}),
            r#""demographics":{"birth_year":1990,"gender":"female","occupation":"analyst","zip_code":"04524"}"#.to_owned(),
            false,
        ),
    ] {
        let ada = stage.known_as(id);
        ada.gives_to(RECOMMEND, act).await;
        ada.sets(rules).await;
        model.forget_what_was_seen();
        let answer = stage.shopkeeper().asks(&ada, &said()).await;
        assert_eq!(answer["tier"], "individual", "{id}: {answer}");
        let seen = only(&model);
        let user = user(&seen).unwrap();
        let seeds = if seeds { r#","seed_items":["item-seed"]"# } else { "" };
        let expected = format!(
            r#"{{"user":"{user}","count":100,"scenario":"home","context":{{{context}}}{seeds}}}"#
        );
        assert_eq!(seen.body, expected, "{id}");
    }
}

#[tokio::test]
async fn candidates_of_the_apps_own_reach_no_model() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as(ADA);
    ada.gives().await;
    let candidates = json!({"candidates": [{"id": "item-1", "score": 0.5}, {"id": "item-2"}]});
    let answer = stage.shopkeeper().asks(&ada, &candidates).await;
    assert_eq!(answer["items"][0]["id"], "item-1", "{answer}");
    assert_eq!(model.seen().len(), 0, "{:?}", model.seen());
}

#[tokio::test]
async fn no_header_of_the_callers_arrives() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as(ADA);
    ada.gives().await;
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let call = stage.shopkeeper().call_for(ADA, &said());
        let call = call.header("cookie", "sid=canary").header("user-agent", "canary");
        let call = call.header("x-forwarded-for", "203.0.113.7").header("x-request-id", "canary");
        let call = call.header("traceparent", "00-canary-01").header("accept-language", "ko");
        assert_eq!(call.header("sec-gpc", "0").send().await.status, 200);
    }
    for seen in model.seen_on("/recommend") {
        let head = seen.head.to_lowercase();
        let (first, headers) = head.split_once("\r\n").unwrap();
        assert_eq!(first, "post /recommend http/1.1");
        let headers: Vec<_> = headers.lines().filter_map(|line| line.split_once(": ")).collect();
        let names: BTreeSet<_> = headers.iter().map(|(name, _)| *name).collect();
        let allowed = ["content-length", "content-type", "host", "x-request-id"];
        assert_eq!(names, BTreeSet::from(allowed), "{head}");
        assert!(!head.contains("canary") && !head.contains("203.0.113.7"), "{head}");
        assert!(!head.contains("bearer"), "{head}");
        ids.extend(
            headers.iter().find(|(n, _)| *n == "x-request-id").map(|(_, id)| (*id).to_owned()),
        );
    }
    assert_eq!(ids.len(), 2, "a request id links two calls");
}

#[tokio::test]
async fn a_signal_is_passed_on_where_the_call_may_leave() {
    let model = Model::start();
    let stage = stage(&model).await;
    stage.shopkeeper().call_for(ADA, &json!({})).header("sec-gpc", "1").send().await;
    assert!(only(&model).head.to_lowercase().contains("sec-gpc: 1"));
}

#[tokio::test]
async fn a_pseudonym_is_one_persons_at_one_recipient() {
    let (model, other) = (Model::start(), Model::start());
    let (url, second) = (model.url(), other.url());
    let stage = Stage::set(move |set| {
        set.model = Some(url);
        set.model_settings = format!(
            "[[upstream]]\nrecipient = \"mailer\"\ndomain = \"shop\"\nkind = \"json\"\nurl = \"{second}\"\npurposes = [\"marketing_messages\"]"
        );
    });
    let stage = stage.await;
    stage.shelves(120, 7).await;
    let (ada, bob, shop) = (stage.known_as(ADA), stage.known_as("bob"), stage.shopkeeper());
    for person in [&ada, &bob] {
        person.gives().await;
        person.gives_to("marketing_messages", &json!({})).await;
    }
    let elsewhere = json!({"purpose": "marketing_messages"});
    for (person, more) in
        [(&ada, &json!({})), (&bob, &json!({})), (&ada, &json!({})), (&ada, &elsewhere)]
    {
        assert_eq!(shop.asks(person, more).await["tier"], "individual");
    }
    shop.reports(&[&ada], "item-1").await;
    let users: Vec<_> =
        model.seen_on("/recommend").iter().map(|seen| user(seen).unwrap()).collect();
    assert_eq!(users.len(), 3);
    assert_eq!(users[0], users[2], "one person has two pseudonyms");
    assert_ne!(users[0], users[1], "two people share a pseudonym");
    assert_ne!(user(&only(&other)).unwrap(), users[0], "two recipients can join a person");
    let told: Value = serde_json::from_str(&model.seen_on("/events")[0].body).unwrap();
    assert_eq!(told["events"][0]["user"], users[0], "events and calls see two people");
    for seen in model.seen().iter().chain(&other.seen()) {
        assert!(!Needles::of(ADA).are_in(&seen.body), "{seen:?}");
    }
}

#[test]
fn the_search_finds_an_id_in_each_encoding() {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };
    let needles = Needles::of(ADA);
    let hex = |text: &str| consentry::domain::hex(text.as_bytes());
    let mut hays = vec![format!("x{ADA}y"), hex(ADA), hex(ADA).to_uppercase()];
    hays.push("?id=ada.lovelace%2Bvip%40example.com&".to_owned());
    hays.push("?id=ada.lovelace%2bvip%40example.com&".to_owned());
    for before in ["", "a", "ab", "abc"] {
        hays.push(STANDARD.encode(format!("{before}{ADA}>>?")));
        hays.push(URL_SAFE_NO_PAD.encode(format!("{before}{ADA}>>?")));
    }
    for hay in hays {
        assert!(needles.are_in(&hay), "not found in {hay}");
    }
    assert!(!needles.are_in("bob.lovelace+vip@example.com"));
}

/// Everything that a person and a shop can do, once.
async fn a_day_at_the_shop(stage: &Stage, model: &Model) -> Vec<String> {
    let (ada, shop, mut told) = (stage.known_as(ADA), stage.shopkeeper(), Vec::new());
    told.push(shop.asks_for(&ada).await.to_string());
    told.push(
        ada.gives_to(RECOMMEND, &json!({"expires_at": "2026-11-23T00:00:00Z"})).await.to_string(),
    );
    told.push(ada.gives_to("measure_popularity", &json!({})).await.to_string());
    ada.sets(&json!({"mutes": {"tags": ["tag-3"]}})).await;
    told.push(shop.asks(&ada, &said()).await.to_string());
    told.push(shop.reports(&[&ada], "item-1").await.body);
    told.push(ada.stands(RECOMMEND).await.to_string());
    let preview = json!({"subject": {"id": ADA}, "purpose": RECOMMEND});
    let path = "/v1/recommendations/preview";
    told.push(stage.post(path).token(&stage.shop()).json(&preview).send().await.body);
    let own = stage.post(path).token(&stage.person(ADA)).json(&json!({"purpose": RECOMMEND}));
    told.push(own.send().await.body);
    told.push(stage.get("/v1/me/consents").token(&stage.person(ADA)).send().await.body);
    told.push(stage.get("/v1/me/rules").token(&stage.person(ADA)).send().await.body);
    told.push(stage.get(&format!("/v1/items/{ADA}")).token(&stage.shop()).send().await.body);
    let line = json!({"subject": {"id": ADA}, "purpose": RECOMMEND, "signals": {"gpc": true}});
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let batch =
        batch.body("application/x-ndjson", format!("{line}\n{{\"subject\":{{\"id\":\"{ADA}\"}}}}"));
    told.push(batch.send().await.body);
    for broken in [
        json!({"subject": {"id": ADA}, "purpose": ADA}),
        json!({"subject": {"id": ADA, "type": ADA}, "purpose": RECOMMEND}),
        json!({"subject": ADA, "purpose": RECOMMEND, "context": {ADA: 1}}),
    ] {
        let call = stage.post("/v1/recommendations").token(&stage.shop()).json(&broken);
        told.push(call.send().await.body);
    }
    model.behave(Behaviour::Says(format!("<p>{ADA}</p>").into_bytes()));
    told.push(shop.asks_for(&ada).await.to_string());
    model.behave(Behaviour::Lists);
    told.push(ada.withdraws().await.to_string());
    told.push(ada.acts(&json!({"purpose": RECOMMEND, "action": "withdraw"})).await.body);
    told.push(shop.reports(&[&ada], "item-2").await.body);
    told
}

#[tokio::test]
async fn no_answer_no_line_of_the_log_and_no_file_holds_the_id() {
    let (model, needles) = (Model::start(), Needles::of(ADA));
    let (url, folder) = (model.url(), support::wiring::fresh_folder());
    let data = folder.clone();
    let stage = Stage::set(move |set| {
        (set.model, set.disk, set.folder) = (Some(url), None, Some(data));
    });
    let stage = stage.await;
    stage.shelves(120, 7).await;
    let told = a_day_at_the_shop(&stage, &model).await;
    stage.behind().store.checkpoint().unwrap();
    let log: Vec<u8> = stage.log().await.into_iter().flat_map(|row| row.bytes).collect();
    stage.stop().await;
    for answer in told {
        assert!(!needles.are_in(&answer), "{answer}");
    }
    assert!(!needles.are_in(logged()), "a line of the log holds the id");
    assert!(!needles.are_in(log), "a row of the audit log holds the id");
    for seen in model.seen() {
        assert!(!needles.are_in(&seen.head) && !needles.are_in(&seen.body), "{seen:?}");
    }
    assert!(support::needles::files(&folder).len() >= 4, "the state is elsewhere");
    assert_eq!(needles.files(&folder), Vec::<std::path::PathBuf>::new());
    std::fs::remove_dir_all(folder).unwrap();
}
