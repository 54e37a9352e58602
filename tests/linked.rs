//! One person, many ids: what either says holds for both, as strictly as either said it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::time::Duration;

use consentry::{ambient::FaultFs, domain::Timestamp};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    book::events,
    client::Answer,
    model::{Model, Seen},
    wiring::fresh_folder,
};

const DEVICE: &str = "0c1f-device";

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_patient_model(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

async fn links(stage: &Stage, path: &str, subject: &str, alias: &str) -> Answer {
    let mut body = json!({"subject": {"id": subject}, "alias": {"id": alias}});
    if path == "/v1/links" {
        body["method"] = json!("login");
    }
    stage.post(path).token(&stage.shop()).json(&body).send().await
}

async fn link(stage: &Stage, subject: &str, alias: &str) -> Value {
    let answer = links(stage, "/v1/links", subject, alias).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn users(model: &Model, path: &str) -> Vec<String> {
    let user = |seen: &Seen| -> Option<String> {
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        body["user"].as_str().map(str::to_owned)
    };
    model.seen_on(path).iter().filter_map(user).collect()
}

fn state(standing: &Value) -> &str {
    let purposes = standing["purposes"].as_array().unwrap();
    let purpose = purposes.iter().find(|known| known["id"] == RECOMMEND).unwrap();
    purpose["state"].as_str().unwrap()
}

#[tokio::test]
async fn what_was_given_on_a_device_goes_on_with_the_account_under_one_pseudonym() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, device) = (stage.known_as("ada"), stage.known_as(DEVICE));
    device.gives().await;
    stage.shopkeeper().asks_for(&device).await;
    let [before] = &users(&model, "/recommend")[..] else { panic!("one call") };
    assert_eq!(state(&link(&stage, "ada", DEVICE).await), "given");
    stage.shopkeeper().asks_for(&ada).await;
    stage.shopkeeper().asks_for(&device).await;
    let after = users(&model, "/recommend");
    assert_eq!(after[1], after[2], "two ids, one pseudonym");
    assert_ne!(after[1], *before);
    // What the model holds of the device alone is nobody's any more.
    stage.behind().deletions().run_due().await.unwrap();
    assert_eq!(users(&model, "/forget"), std::slice::from_ref(before));
    let log = stage.log().await;
    assert_eq!(events(&log, &["subject.linked"]).len(), 2, "one row for each of the ids");
    let own = stage.get("/v1/me/links").token(&stage.person("ada")).send().await.json();
    assert_eq!(own["links"][0]["method"], "login");
}

#[tokio::test]
async fn a_no_by_either_id_stands_and_of_two_agreements_what_both_cover() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, device) = (stage.known_as("ada"), stage.known_as(DEVICE));
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    device.refuses().await;
    assert_eq!(state(&link(&stage, "ada", DEVICE).await), "refused");
    for person in [&ada, &device] {
        is_for_everybody(&stage.shopkeeper().asks_for(person).await, 10);
    }
    assert_eq!(users(&model, "/recommend").len(), 1, "nothing left after the link");
    stage.behind().deletions().run_due().await.unwrap();
    assert_eq!(users(&model, "/forget"), users(&model, "/recommend"));

    let (bob, phone) = (stage.known_as("bob"), stage.known_as("phone"));
    bob.gives_to(RECOMMEND, &json!({"categories": ["activity", "location"]})).await;
    let coarse =
        json!({"categories": ["activity", {"id": "location", "detail": "coarse"}, "device"]});
    phone.gives_to(RECOMMEND, &coarse).await;
    link(&stage, "bob", "phone").await;
    let told = bob.stands(RECOMMEND).await;
    assert_eq!(
        told["categories"],
        json!([{"id": "activity", "detail": "fine"}, {"id": "location", "detail": "coarse"}])
    );
    assert_eq!(told, phone.stands(RECOMMEND).await);
}

#[tokio::test]
async fn a_withdrawal_by_either_id_is_the_persons_and_outlives_a_restart() {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let open = || {
        let (url, disk, folder) = (model.url(), disk.clone(), folder.clone());
        Stage::set(move |set| {
            (set.model, set.disk, set.folder) = (Some(url), Some(disk), Some(folder));
        })
    };
    let first = open().await;
    first.shelves(60, 7).await;
    first.known_as("ada").gives().await;
    link(&first, "ada", DEVICE).await;
    first.stop().await;
    let stage = open().await;
    stage.known_as(DEVICE).withdraws().await;
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "withdrawn");
    is_for_everybody(&stage.shopkeeper().asks_for(&stage.known_as("ada")).await, 10);
    stage.known_as("ada").gives().await;
    assert_eq!(stage.known_as(DEVICE).stands(RECOMMEND).await["state"], "given");
}

#[tokio::test]
async fn an_alias_that_is_let_go_stands_where_it_stood_but_for_later_noes() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, device) = (stage.known_as("ada"), stage.known_as(DEVICE));
    device.gives().await;
    link(&stage, "ada", DEVICE).await;
    let let_go = links(&stage, "/v1/links/remove", "ada", DEVICE).await;
    assert_eq!(let_go.status, 200, "{}", let_go.body);
    assert_eq!(device.stands(RECOMMEND).await["state"], "given", "as before the link");
    link(&stage, "ada", DEVICE).await;
    ada.withdraws().await;
    links(&stage, "/v1/links/remove", "ada", DEVICE).await;
    assert_eq!(device.stands(RECOMMEND).await["state"], "withdrawn", "a no holds for all ids");
    ada.gives().await;
    assert_eq!(device.stands(RECOMMEND).await["state"], "withdrawn", "they are two again");
    let log = stage.log().await;
    assert_eq!(events(&log, &["subject.unlinked"]).len(), 4);
}

#[tokio::test]
async fn what_was_said_no_to_while_linked_holds_for_an_alias_that_is_let_go() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, device) = (stage.known_as("ada"), stage.known_as(DEVICE));
    let all = json!({"categories": ["activity", "location", "demographics"]});
    ada.gives_to(RECOMMEND, &all).await;
    device.gives_to(RECOMMEND, &all).await;
    link(&stage, "ada", DEVICE).await;
    device.gives_to(RECOMMEND, &json!({"categories": ["activity"]})).await;
    device.sets(&json!({"cap": "none"})).await;
    let until = json!({"purpose": "measure_popularity", "action": "refuse",
        "subject": {"id": DEVICE, "under_14_until": "2030-05-01"}});
    device.acts(&until).await;
    links(&stage, "/v1/links/remove", "ada", DEVICE).await;
    let told = device.stands(RECOMMEND).await;
    assert_eq!(told["categories"], json!([{"id": "activity", "detail": "fine"}]));
    let rules = stage.get("/v1/me/rules").token(&stage.person(DEVICE)).send().await.json();
    assert_eq!(rules["cap"], "none");
    assert!(stage.find(DEVICE).unwrap().standing.under_14_until.is_some(), "a child is let go");
    model.forget_what_was_seen();
    is_for_everybody(&stage.shopkeeper().asks_for(&device).await, 10);
    assert_eq!(users(&model, "/recommend"), [""; 0]);
}

#[tokio::test]
async fn an_objection_by_one_id_stands_against_a_later_yes_by_the_other() {
    let model = Model::start();
    let stage = Stage::with_third_party(&model).await;
    stage.shelves(20, 4).await;
    let (ada, device, shop) = (stage.known_as("ada"), stage.known_as(DEVICE), stage.shopkeeper());
    let noon = Timestamp::parse("2026-11-22T03:00:00Z").unwrap();
    let second = |n: u64| stage.clock.set(noon.after(Duration::from_secs(n)));
    device.gives().await;
    second(1);
    let objects = || shop.call_for(DEVICE, &json!({})).header("sec-gpc", "1").send();
    is_for_everybody(&objects().await.json(), 10);
    second(2);
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    second(3);
    link(&stage, "ada", DEVICE).await;
    model.forget_what_was_seen();
    for person in [&ada, &device] {
        is_for_everybody(&shop.asks_for(person).await, 10);
    }
    is_for_everybody(&objects().await.json(), 10);
    second(4);
    links(&stage, "/v1/links/remove", "ada", DEVICE).await;
    is_for_everybody(&shop.asks_for(&device).await, 10);
    assert_eq!(users(&model, "/recommend"), [""; 0]);
    second(5);
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual", "who gives anew answers it");
}

#[tokio::test]
async fn an_erasure_by_either_id_is_of_all_and_each_key_has_its_certificate() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, device) = (stage.known_as("ada"), stage.known_as(DEVICE));
    device.gives().await;
    stage.shopkeeper().asks_for(&device).await;
    link(&stage, "ada", DEVICE).await;
    stage.shopkeeper().asks_for(&ada).await;
    let sids = ["ada", DEVICE].map(|id| stage.sid_under(id));
    let erased = stage.post("/v1/me/erasure").token(&stage.person(DEVICE));
    let erased = erased.json(&json!({"confirm": true})).send().await;
    assert_eq!(erased.status, 202, "{}", erased.body);
    let log = stage.log().await;
    assert_eq!(events(&log, &["subject.erased"]).len(), 2);
    for id in ["ada", DEVICE] {
        assert!(stage.find(id).is_none(), "{id} is known");
        is_for_everybody(&stage.shopkeeper().asks_for(&stage.known_as(id)).await, 10);
    }
    let keys = stage.behind().store.scan(b"").map(|found| found.unwrap().0);
    let left =
        keys.filter(|key| sids.iter().any(|sid| key.as_bytes().windows(16).any(|w| w == sid.0)));
    assert_eq!(left.count(), 0, "a record names one of them");
    stage.behind().deletions().run_due().await.unwrap();
    let (asked, forgotten) = (users(&model, "/recommend"), users(&model, "/forget"));
    for user in asked {
        assert!(forgotten.contains(&user), "a pseudonym that was sent is not taken back");
    }
    let id = erased.json()["certificate"].as_str().unwrap().to_owned();
    let of = |id: &str| {
        stage.get(&format!("/v1/me/certificates/{id}")).token(&stage.person(DEVICE)).send()
    };
    let main = of(&id).await;
    assert_eq!(main.status, 200, "{}", main.body);
    let body: Value = serde_json::from_str(main.json()["row"]["body"].as_str().unwrap()).unwrap();
    let other = body["linked"][0].as_str().unwrap().to_owned();
    assert_eq!(of(&other).await.status, 200);
    let fits = stage.behind().vault.count_living().unwrap();
    assert_eq!(fits.0, 0, "no key of a person lives");
}

async fn told(stage: &Stage, who: &str, path: &str) -> Value {
    let answer = stage.get(path).token(&stage.person(who)).send().await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

async fn decided(stage: &Stage, who: &str) -> Vec<u64> {
    let page = told(stage, who, "/v1/me/decisions").await;
    let rows = page["decisions"].as_array().unwrap();
    rows.iter().map(|one| one["log"]["index"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_was_decided_and_asked_by_an_id_before_it_was_linked_is_the_persons_to_see() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, device, shop) = (stage.known_as("ada"), stage.known_as(DEVICE), stage.shopkeeper());
    device.gives().await;
    let row = |answer: &Value| answer["log"]["index"].as_u64().unwrap();
    let on_the_device = row(&shop.asks_for(&device).await);
    // An export closes the audit epoch: rows of before are under other keys.
    told(&stage, DEVICE, "/v1/me/export").await;
    let later_there = row(&shop.asks_for(&device).await);
    let request = json!({"type": "explanation", "statement": "Why ever?"});
    let call = stage.post("/v1/me/requests").token(&stage.person(DEVICE)).json(&request);
    let request = call.send().await.json()["id"].as_str().unwrap().to_owned();
    ada.gives().await;
    let before = row(&shop.asks_for(&ada).await);
    assert_eq!(decided(&stage, "ada").await, [before], "the device is nobody of theirs yet");
    link(&stage, "ada", DEVICE).await;
    let after = row(&shop.asks_for(&ada).await);
    for who in ["ada", DEVICE] {
        let all = [after, before, later_there, on_the_device];
        assert_eq!(decided(&stage, who).await, all, "{who}");
        let tally = told(&stage, who, "/v1/me").await["decisions"]["count"].clone();
        assert_eq!(tally, 4, "{who}");
        for row in [on_the_device, later_there] {
            let call = stage.post("/v1/me/decisions/explain").token(&stage.person(who));
            let explained = call.json(&json!({"log": {"index": row}})).send().await;
            assert_eq!(explained.status, 200, "{who}: {}", explained.body);
        }
        let listed = told(&stage, who, "/v1/me/requests").await;
        assert_eq!(listed["requests"][0]["id"], request, "{listed}");
        let read = told(&stage, who, &format!("/v1/me/requests/{request}")).await;
        assert_eq!(read["wanted"]["statement"], "Why ever?", "{read}");
    }
    // Page by page, each once.
    let first = told(&stage, "ada", "/v1/me/decisions?limit=2").await;
    let next = first["next"].as_str().unwrap();
    let rest = told(&stage, "ada", &format!("/v1/me/decisions?limit=2&cursor={next}")).await;
    assert_eq!(rest["decisions"][0]["log"]["index"], later_there, "{rest}");
    assert_eq!(rest["decisions"].as_array().unwrap().len(), 2, "{rest}");
    // Let go, it is its own again.
    assert_eq!(links(&stage, "/v1/links/remove", "ada", DEVICE).await.status, 200);
    assert_eq!(decided(&stage, "ada").await, [after, before]);
    assert_eq!(decided(&stage, DEVICE).await, [later_there, on_the_device]);
    let hers = format!("/v1/me/requests/{request}");
    assert_eq!(stage.get(&hers).token(&stage.person("ada")).send().await.status, 404);
    let taken_back = stage.post(&format!("{hers}/cancel")).token(&stage.person(DEVICE));
    assert_eq!(taken_back.send().await.json()["status"], "cancelled");
}

#[tokio::test]
async fn an_id_belongs_to_one_person() {
    let model = Model::start();
    let stage = stage(&model).await;
    link(&stage, "ada", DEVICE).await;
    let rows = stage.log().await.len();
    link(&stage, "ada", DEVICE).await;
    assert_eq!(stage.log().await.len(), rows, "said again, nothing changes");
    let refused = [
        ("/v1/links", "bob", DEVICE),
        ("/v1/links", "ada", "ada"),
        ("/v1/links", "bob", "ada"),
        ("/v1/links/remove", "bob", DEVICE),
        ("/v1/links/remove", "ada", "never-linked"),
    ];
    for (path, subject, alias) in refused {
        let answer = links(&stage, path, subject, alias).await;
        assert_eq!(answer.status, 409, "{path} {subject} {alias}: {}", answer.body);
        assert!(answer.body.contains("link-conflict"), "{}", answer.body);
    }
    assert_eq!(stage.log().await.len(), rows);
    let own = stage.post("/v1/links").token(&stage.person("ada"));
    let body = json!({"subject": {"id": "ada"}, "alias": {"id": "x"}, "method": "login"});
    assert_eq!(own.json(&body).send().await.status, 403);
}
