//! An erasure is whole, holds at once, is asked of every recipient, and can be proven to anybody.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command, time::Duration};

use consentry::{
    ambient::Fault,
    audit::Certificate,
    domain::{Sid, Timestamp},
    store::{RestoreRequest, backups_in, restore},
    vault::{KeyEvent, Mark},
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    book::events,
    client::Answer,
    house::House,
    model::{Behaviour, Seen},
    proved::{Tree, key},
};

const NOON: &str = "2026-11-22T03:00:00.000Z";

impl House {
    async fn open(&self) -> Stage {
        let stage = self.open_with(|set| {
            set.model_settings = String::from("timeout_ms = 60000");
            set.door = Some(String::from("127.0.0.1:0"));
            set.proving = Some(Tree::over);
        });
        stage.await
    }

    /// With ada and bob, who agreed, were answered and did something; ada has withdrawn once and agreed anew.
    async fn with_two_lives(&self) -> Stage {
        self.with_two_lives_of("ada").await
    }

    async fn with_two_lives_of(&self, id: &str) -> Stage {
        let stage = self.open().await;
        stage.shelves(120, 7).await;
        let (ada, bob, shop) = (stage.known_as(id), stage.known_as("bob"), stage.shopkeeper());
        for person in [&ada, &bob] {
            person.gives().await;
            person.gives_to("measure_popularity", &json!({})).await;
            shop.asks_for(person).await;
            shop.reports(&[person], "item-1").await;
        }
        self.model.behave(Behaviour::Fails(500));
        ada.withdraws().await;
        self.model.behave(Behaviour::Lists);
        ada.gives().await;
        shop.asks_for(&ada).await;
        shop.reports(&[&ada], "item-2").await;
        stage
    }

    /// The pseudonyms of ada, by which the model knew them on `path`; bob's is the second it ever saw.
    fn names(&self, path: &str) -> BTreeSet<String> {
        self.model.seen_on(path).iter().filter_map(user).collect()
    }
}

fn user(seen: &Seen) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    body["user"].as_str().map(str::to_owned)
}

async fn order(stage: &Stage, id: &str, order: &Value) -> Answer {
    stage.post("/v1/me/erasure").token(&stage.person(id)).json(order).send().await
}

async fn erases(stage: &Stage, id: &str) -> Value {
    let answer = order(stage, id, &json!({"confirm": true})).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

async fn certificate(stage: &Stage, id: &str, name: &Value) -> Answer {
    let path = format!("/v1/me/certificates/{}", name.as_str().unwrap());
    stage.get(&path).token(&stage.person(id)).send().await
}

/// The certificate once no recipient is pending any more.
async fn whole(stage: &Stage, id: &str, name: &Value) -> Value {
    loop {
        let told = certificate(stage, id, name).await.json();
        let answered = |one: &Value| one["state"] != "pending";
        if told["recipients"].as_array().unwrap().iter().all(answered) {
            return told;
        }
    }
}

fn check(certificate: &str) -> Result<(), String> {
    let read: Certificate = serde_json::from_str(certificate).map_err(|error| error.to_string())?;
    read.check(&[key()]).map(drop).map_err(|amiss| amiss.to_string())
}

async fn reconciles(stage: &Stage) -> Value {
    let all = stage.operate("post", "/v1/operate/audit/reconcile").token(&stage.operator());
    let found =
        all.json(&json!({"all": true})).send().await.lines().pop().unwrap()["result"].clone();
    assert_eq!((&found["keys_fit"], &found["rows_fit"]), (&json!(true), &json!(true)), "{found}");
    found
}

/// How many records stand under a key, or hold a value, with these bytes in it.
fn traces(stage: &Stage, bytes: &[u8]) -> usize {
    let records = stage.behind().store.scan(b"").map(Result::unwrap);
    let holds = |hay: &[u8]| hay.windows(bytes.len()).any(|window| window == bytes);
    records.filter(|(key, record)| holds(key.as_bytes()) || holds(&record.value)).count()
}

/// Moves the gateway's clock to `seconds` after noon.
fn later(stage: &Stage, seconds: u64) {
    stage.clock.set(Timestamp::parse(NOON).unwrap().after(Duration::from_secs(seconds)));
}

#[tokio::test]
async fn of_an_erased_person_nothing_is_left_and_the_log_adds_up() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let Sid(sid) = stage.find("ada").unwrap().key.sid();
    let commitment = stage.find("ada").unwrap().key.commitment(KeyEvent::Erased);
    assert!(traces(&stage, &sid) > 5);
    let before = reconciles(&stage).await;
    let told = erases(&stage, "ada").await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("erased"), &json!(true)));
    assert_eq!((&told["erased_at"], &told["suppressed"]), (&json!(NOON), &json!(false)));
    assert_eq!(told["final_by"], "2026-12-22T03:00:00.000Z", "30 days to the next rotation");
    assert_eq!(traces(&stage, &sid), 0, "a record is left");
    assert!(stage.find("ada").is_none());
    let row = &stage.log().await[usize::try_from(told["log"]["index"].as_u64().unwrap()).unwrap()];
    assert_eq!((row.event(), &row.leaf["o"]), ("subject.erased", &json!("erased")));
    assert!(row.leaf["kc"].is_string() && row.leaf["rows"].as_u64() > Some(10), "{}", row.leaf);
    let after = reconciles(&stage).await;
    assert_eq!(before["living"].as_u64(), Some(2));
    assert_eq!((&after["erased"], &after["living"]), (&json!(1), &json!(1)));
    assert_eq!(after["certified"], row.leaf["rows"]);
    let mark = Mark::read(&house.folder.join("keys"), "any").unwrap();
    assert!(mark.destroyed().unwrap().contains(&commitment), "a backup would bring the key back");
}

#[tokio::test]
async fn an_erased_person_is_an_unknown_one_until_they_give_anew() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    let known = house.names("/recommend");
    erases(&stage, "ada").await;
    house.model.forget_what_was_seen();
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    assert_eq!(shop.reports(&[&ada], "item-3").await.json()["accepted"], 0);
    assert_eq!(ada.stands(RECOMMEND).await["state"], "unknown");
    let export = stage.get("/v1/me/export").token(&stage.person("ada")).send().await.json();
    assert_eq!(export["log"]["rows"], json!([]));
    assert!(stage.find("ada").is_none(), "an event or a read has made somebody known");
    assert_eq!(house.names("/recommend"), BTreeSet::new());
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    assert!(house.names("/recommend").is_disjoint(&known), "the model can join the two lives");
    reconciles(&stage).await;
}

#[tokio::test]
async fn every_pseudonym_is_deleted_though_the_model_is_down_and_the_gateway_is_killed_meanwhile() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let bobs = {
        let seen = house.model.seen_on("/recommend");
        user(&seen[1]).unwrap()
    };
    let mut known = house.names("/recommend");
    assert_eq!(known.len(), 3, "two of ada's and bob's");
    known.remove(&bobs);
    house.model.behave(Behaviour::Fails(500));
    let keys_before = stage.behind().vault.count_living().unwrap();
    let told = erases(&stage, "ada").await;
    let owed = |stage: &Stage| stage.behind().ledger.deletions_owed().unwrap().len();
    assert_eq!(owed(&stage), 2);
    house.model.has_seen("/forget", 2).await;
    let house = House { disk: house.disk.after_kill(), ..house };
    drop(stage);
    let stage = house.open().await;
    assert_eq!(owed(&stage), 2, "what is owed is forgotten");
    reconciles(&stage).await;
    let pending = certificate(&stage, "ada", &told["certificate"]).await.json();
    assert_eq!(pending["recipients"][0]["state"], "pending");
    house.model.forget_what_was_seen();
    house.model.behave(Behaviour::Lists);
    later(&stage, 7200);
    stage.eventually(|| owed(&stage) == 0).await;
    assert_eq!(house.names("/forget"), known, "not every pseudonym, or another's");
    let (people, others) = stage.behind().vault.count_living().unwrap();
    assert_eq!((people, others), (keys_before.0 - 1, keys_before.1), "the job's key lives on");
    let told = whole(&stage, "ada", &told["certificate"]).await;
    assert_eq!(check(&told.to_string()), Ok(()));
    let answers = told["recipients"].as_array().unwrap();
    assert_eq!(answers.len(), 2);
    for (generation, answer) in answers.iter().enumerate() {
        assert_eq!(answer["generation"], generation);
        assert_eq!(answer["state"], "confirmed");
    }
    for name in &known {
        assert!(!told.to_string().contains(name), "the certificate tells a pseudonym");
    }
    reconciles(&stage).await;
}

#[tokio::test]
async fn keys_that_rotate_meanwhile_take_neither_what_is_owed_nor_the_certificate() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    house.model.behave(Behaviour::Fails(500));
    let told = erases(&stage, "ada").await;
    let owed = || stage.behind().ledger.deletions_owed().unwrap().len();
    assert_eq!(owed(), 2);
    let call = stage.operate("post", "/v1/operate/keys/rotate").token(&stage.operator());
    let rotated = call.json(&json!({})).send().await.lines().pop().unwrap();
    assert_eq!((&rotated["result"]["destroyed"], owed()), (&json!([1]), 2), "{rotated}");
    house.model.forget_what_was_seen();
    house.model.behave(Behaviour::Lists);
    later(&stage, 7200);
    stage.eventually(|| owed() == 0).await;
    assert_eq!(house.names("/forget").len(), 2, "a pseudonym was lost");
    let proof = whole(&stage, "ada", &told["certificate"]).await;
    assert_eq!(check(&proof.to_string()), Ok(()));
    let body: Value = serde_json::from_str(proof["row"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["kek"], 1, "a copy of the wrap opens with no key that is left");
    assert!(stage.find("bob").is_some());
    reconciles(&stage).await;
}

#[tokio::test]
async fn a_recipient_that_never_answers_is_told_as_such_and_asked_no_more() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    house.model.behave(Behaviour::Fails(500));
    let told = erases(&stage, "ada").await;
    house.model.has_seen("/forget", 1).await;
    later(&stage, 31 * 24 * 3600);
    stage.eventually(|| stage.behind().ledger.deletions_owed().unwrap().is_empty()).await;
    let told = whole(&stage, "ada", &told["certificate"]).await;
    assert_eq!(told["recipients"][0]["state"], "unanswered");
    assert_eq!(check(&told.to_string()), Ok(()));
}

#[tokio::test]
async fn the_model_inside_the_process_forgets_and_says_by_when_it_is_trained_anew() {
    let stage = Stage::set(|set| set.proving = Some(Tree::over)).await;
    stage.shelves(30, 7).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    let knows = || {
        let known = format!("{:?}", stage.behind().builtins[0]);
        !known.contains("people: 0")
    };
    assert!(knows());
    let told = erases(&stage, "ada").await;
    stage.eventually(|| !knows()).await;
    let told = whole(&stage, "ada", &told["certificate"]).await;
    let body: Value = serde_json::from_str(told["row"]["body"].as_str().unwrap()).unwrap();
    let day = 24 * 3600 * 1000;
    let noon = Timestamp::parse(NOON).unwrap().millis();
    assert_eq!(body["recipients"][0]["retrained_by_ms"], noon + day, "{body}");
    assert_eq!(told["recipients"][0]["state"], "confirmed");
}

#[tokio::test]
async fn a_certificate_holds_by_the_logs_key_alone_and_nothing_in_it_can_be_changed() {
    let house = House::new();
    // Random base64 holds any three letters now and then, and never a full stop.
    let id = "ada.kim";
    let stage = house.with_two_lives_of(id).await;
    let name = erases(&stage, id).await["certificate"].clone();
    let told = whole(&stage, id, &name).await;
    let text = told.to_string();
    assert_eq!(check(&text), Ok(()));
    assert!(!text.contains(id), "{text}");
    for place in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[place] ^= 1 << (place % 7);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        assert!(check(&changed).is_err(), "byte {place} can be changed: {changed}");
    }
    let (file, vkey) = (house.folder.join("certificate.json"), key().to_string());
    let verify = |text: &str, key: &str| {
        fs::write(&file, text).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_consentry"))
            .args(["certificate", "verify", file.to_str().unwrap(), "--key", key, "--json"])
            .output()
            .unwrap();
        let said = String::from_utf8(command.stdout).unwrap();
        (command.status.code(), serde_json::from_str::<Value>(&said).unwrap_or_default())
    };
    let (status, sound) = verify(&text, &vkey);
    assert_eq!((status, &sound["sound"]), (Some(0), &json!(true)), "{sound}");
    assert_eq!((&sound["erased_at"], &sound["suppressed"]), (&json!(NOON), &json!(false)));
    let mut wrong = told.clone();
    wrong["recipients"][1]["state"] = json!("unsupported");
    let (status, said) = verify(&wrong.to_string(), &vkey);
    assert_eq!(status, Some(1));
    assert!(said["wrong"].as_str().unwrap().starts_with("`recipients[1]`"), "{said}");
    wrong = told.clone();
    wrong["recipients"].as_array_mut().unwrap().pop();
    assert_eq!(verify(&wrong.to_string(), &vkey).0, Some(1));
    assert_eq!(verify(&text, "no key").0, Some(2));
}

#[tokio::test]
async fn a_certificate_is_there_for_who_was_erased_and_for_who_was_handed_its_name() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let name = erases(&stage, "ada").await["certificate"].clone();
    assert_eq!(certificate(&stage, "ada", &name).await.status, 200);
    let strangers = certificate(&stage, "bob", &name).await;
    assert_eq!((strangers.status.as_u16(), strangers.problem().as_str()), (404, "not-found"));
    let path = format!("/v1/rights/certificates/{}", name.as_str().unwrap());
    let apps = stage.get(&path).token(&stage.app("shop", "rights")).send().await;
    assert_eq!(apps.json()["certificate"], name, "{}", apps.body);
    let none = json!("67e55044-10b1-426f-9247-bb680e5fe0c8");
    assert_eq!(certificate(&stage, "ada", &none).await.status, 404);
}

#[tokio::test]
async fn calls_in_flight_end_non_personalized_and_leave_nothing() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let Sid(sid) = stage.find("ada").unwrap().key.sid();
    let seen = house.model.seen_on("/recommend").len();
    house.model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    house.model.has_seen("/recommend", seen + 1).await;
    let erased = erases(&stage, "ada").await;
    assert_eq!(erased["durable"], true, "the erasure waited for the model");
    house.model.release();
    let answer = asking.await.unwrap().json();
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["consent_epoch"], Value::Null, "{answer}");
    assert_eq!(traces(&stage, &sid), 0);
    let rows = stage.log_since(usize::try_from(erased["log"]["index"].as_u64().unwrap()).unwrap());
    let order = events(&rows.await, &["subject.erased", "decision.void"]).join(" ");
    assert_eq!(order, "subject.erased decision.void", "the first telling is taken back");
    reconciles(&stage).await;
}

#[tokio::test]
async fn nothing_is_left_whoever_wins_the_race() {
    let house = House::new();
    let stage = house.open().await;
    stage.shelves(120, 7).await;
    let event = json!({"subject": {"id": "ada"}, "type": "view", "item": "item-1"});
    for round in 0..20 {
        let ada = stage.known_as("ada");
        ada.gives().await;
        let Sid(sid) = stage.find("ada").unwrap().key.sid();
        let reports = (0..3).map(|_| {
            let call = stage.post("/v1/events").token(&stage.shop());
            tokio::spawn(call.json(&json!({"events": [event]})).send())
        });
        let calls =
            (0..3).map(|_| tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send()));
        let refuses = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "withdraw", "method": "app"});
        let act = stage.post("/v1/consents").token(&stage.shop()).json(&refuses);
        let calls: Vec<_> = calls.chain(reports).chain([tokio::spawn(act.send())]).collect();
        erases(&stage, "ada").await;
        for call in calls {
            assert!(call.await.unwrap().status.as_u16() < 500);
        }
        assert_eq!(traces(&stage, &sid), 0, "round {round}");
        assert!(stage.find("ada").is_none(), "round {round}");
    }
    let found = reconciles(&stage).await;
    assert_eq!((&found["erased"], &found["living"]), (&json!(20), &json!(0)));
}

#[tokio::test]
async fn a_second_erasure_and_one_of_nobody_change_nothing() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    erases(&stage, "ada").await;
    let rows = stage.log().await;
    for id in ["ada", "nobody"] {
        let again = order(&stage, id, &json!({"confirm": true})).await;
        assert_eq!((again.status.as_u16(), &again.json()["state"]), (200, &json!("unknown")));
    }
    let erased = |rows: &[_]| events(rows, &["subject.erased"]).len();
    assert_eq!((erased(&rows), erased(&stage.log().await)), (1, 1));
    for unconfirmed in [json!({}), json!({"confirm": false})] {
        let refused = order(&stage, "bob", &unconfirmed).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "invalid-body"));
    }
    assert!(stage.find("bob").is_some());
}

#[tokio::test]
async fn a_retry_under_a_key_is_told_of_the_same_certificate() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let call = || {
        let call = stage.post("/v1/me/erasure").token(&stage.person("ada"));
        call.header("idempotency-key", "once").json(&json!({"confirm": true})).send()
    };
    let (first, second) = (call().await.json(), call().await.json());
    assert_eq!(first["state"], "erased", "{first}");
    assert_eq!(first["certificate"], second["certificate"]);
    assert_eq!(first["log"], second["log"]);
}

#[tokio::test]
async fn a_backup_from_before_does_not_bring_the_person_back() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let dir = house.folder.join("backups");
    let taken = stage.operate("post", "/v1/operate/backups").token(&stage.operator());
    let taken = taken.json(&json!({"dir": dir})).send().await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    erases(&stage, "ada").await;
    stage.stop().await;
    let from = backups_in(&house.disk, &dir).unwrap().pop().unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let to = house.folder.join("store");
    restore(&house.disk, &RestoreRequest { from, journal: None, to, now }, &mut |_, _| {}).unwrap();
    house.model.forget_what_was_seen();
    let stage = house.open().await;
    assert!(stage.find("ada").is_none(), "she came back");
    assert!(stage.find("bob").is_some());
    assert_eq!(reconciles(&stage).await["erased"], 1);
    // Whether the model was asked before is lost with the state that the backup replaced.
    house.model.has_seen("/forget", 2).await;
    stage.eventually(|| stage.behind().ledger.deletions_owed().unwrap().is_empty()).await;
    assert_eq!(house.names("/forget").len(), 2);
}

#[tokio::test]
async fn an_erasure_that_cannot_be_written_holds_and_is_written_as_soon_as_can_be() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    house.model.forget_what_was_seen();
    stage.breaks(&house.disk, Fault::NO_WRITES).await;
    let told = erases(&stage, "ada").await;
    assert_eq!((&told["durable"], &told["log"]), (&json!(false), &Value::Null));
    house.disk.arm(None);
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    let stage_ = &stage;
    stage.eventually(|| stage_.behind().erasures.count() == 0).await;
    assert!(stage.find("ada").is_none());
    let shown = certificate(&stage, "ada", &told["certificate"]).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(house.names("/recommend"), BTreeSet::new());
    reconciles(&stage).await;
}

#[tokio::test]
async fn who_asked_not_to_come_back_comes_back_by_giving_anew_alone() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let import = |number: u8| {
        let path = format!(
            "/v1/operate/imports/consents?import={}&from=0&last=true",
            format!("{number:02x}").repeat(32)
        );
        let row = json!({"subject": "ada", "purpose": RECOMMEND, "action": "give",
            "at": "2025-05-01T10:00:00+09:00", "notice": {"version": "1", "language": "en"}});
        let import = stage.operate("POST", &path).token(&stage.operator());
        import.body("application/x-ndjson", row.to_string()).send()
    };
    let erased = order(&stage, "ada", &json!({"confirm": true, "suppress": true})).await.json();
    assert_eq!(erased["suppressed"], true);
    let shown = certificate(&stage, "ada", &erased["certificate"]).await.json();
    assert!(shown["row"]["body"].as_str().unwrap().contains(r#""suppressed":true"#));
    let taken = import(1).await.json();
    assert_eq!(taken["rejected"][0]["reason"], "suppressed", "{taken}");
    let ada = stage.known_as("ada");
    let refuses = ada.acts(&json!({"purpose": RECOMMEND, "action": "refuse"})).await;
    assert_eq!((refuses.status.as_u16(), &refuses.json()["reason"]), (409, &json!("suppressed")));
    assert_eq!(stage.shopkeeper().reports(&[&ada], "item-1").await.json()["accepted"], 0);
    assert!(stage.find("ada").is_none(), "she was made known");
    ada.gives().await;
    assert!(stage.find("ada").is_some());
    erases(&stage, "ada").await;
    let taken = import(2).await.json();
    assert_eq!(taken["rejected"], json!([]), "the entry outlived the give that lifted it: {taken}");
}

async fn asks(stage: &Stage, id: &str, request: &Value) -> Value {
    let call = stage.post("/v1/me/requests").token(&stage.person(id));
    let answer = call.header("idempotency-key", "asked").json(request).send().await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.json()
}

async fn stands(stage: &Stage, id: &str, request: &Value) -> Value {
    let path = format!("/v1/me/requests/{}", request["id"].as_str().unwrap());
    stage.get(&path).token(&stage.person(id)).send().await.json()
}

/// The shop asks for ada.
async fn shop_asks(stage: &Stage, path: &str, more: &Value) -> Value {
    let mut body = json!({"subject": {"id": "ada"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/v1/rights/requests{path}");
    stage.post(&path).token(&stage.shop()).json(&body).send().await.json()
}

#[tokio::test]
async fn an_erasure_asked_for_by_right_ends_with_its_certificate_and_ends_what_else_was_asked() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let Sid(sid) = stage.find("ada").unwrap().key.sid();
    let why = stage.post("/v1/me/requests").token(&stage.person("ada"));
    let why = why.json(&json!({"type": "explanation", "statement": "why tents?"})).send().await;
    let by_shop = shop_asks(&stage, "", &json!({"type": "restriction"})).await;
    let rows = stage.log().await.len();
    let ask = json!({"type": "erasure", "statement": "all of it", "suppress": true});
    let told = asks(&stage, "ada", &ask).await;
    assert_eq!((&told["status"], &told["wanted"]), (&json!("completed"), &Value::Null), "{told}");
    assert_eq!((&told["closed_at"], &told["held"]), (&json!(NOON), &json!(true)));
    assert_eq!(told["final_by"], "2026-12-22T03:00:00.000Z");
    assert_eq!((traces(&stage, &sid), stage.find("ada").is_none()), (0, true));

    let proof = whole(&stage, "ada", &told["certificate"]).await;
    assert_eq!(check(&proof.to_string()), Ok(()));
    let body: Value = serde_json::from_str(proof["row"]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["request"], &body["suppressed"]), (&told["id"], &json!(true)));
    assert_eq!(stands(&stage, "ada", &told).await, told);
    assert_eq!(asks(&stage, "ada", &ask).await, told, "a retry is told otherwise");

    let wanted = ["rights.requested", "subject.erased", "rights.answered", "rights.cancelled"];
    let order = events(&stage.log_since(rows).await, &wanted).join(" ");
    let cancels = order.matches("rights.cancelled").count();
    assert!(order.starts_with("rights.requested subject.erased") && cancels == 2, "{order}");
    for open in [why.json(), by_shop] {
        assert_eq!(stands(&stage, "ada", &open).await["status"], "cancelled");
    }
    let register = stage.get("/v1/audit/requests?kind=person").token(&stage.auditor());
    let people = register.send().await.json()["people"].clone();
    let registered = people.as_array().unwrap();
    let erased = registered.iter().find(|one| one["type"] == "erasure").unwrap();
    assert_eq!((registered.len(), &erased["certificate"]), (3, &told["certificate"]));
    assert!(registered.iter().all(|one| one["overdue"] == false && one["days_left"].is_null()));

    let again = stage.post("/v1/me/requests").token(&stage.person("ada"));
    let again = again.json(&json!({"type": "erasure"})).send().await.json();
    assert_eq!((&again["status"], &again["held"]), (&json!("completed"), &json!(false)));
    assert_eq!(again["certificate"], Value::Null, "nothing was erased");
    reconciles(&stage).await;
}

#[tokio::test]
async fn an_app_has_nobody_erased_before_it_is_confirmed_who_asks_and_no_operator_says_it_is_done()
{
    let house = House::new();
    let stage = house.with_two_lives().await;
    let waits = shop_asks(&stage, "", &json!({"type": "erasure"})).await;
    assert_eq!((&waits["status"], &waits["certificate"]), (&json!("received"), &Value::Null));
    let id = waits["id"].as_str().unwrap();
    let answer = stage.operate("POST", &format!("/v1/operate/requests/{id}/answer"));
    let said = answer.token(&stage.operator()).json(&json!({"outcome": "completed"})).send().await;
    assert_eq!((said.status.as_u16(), said.problem().as_str()), (409, "request-conflict"));
    assert!(stage.find("ada").is_some());
    let identity = json!({"identity": {"method": "session", "verified_at": NOON}});
    let done = shop_asks(&stage, &format!("/{id}/identity"), &identity).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert!(stage.find("ada").is_none() && stage.find("bob").is_some());
    let path = format!("/v1/rights/certificates/{}", done["certificate"].as_str().unwrap());
    let proof = stage.get(&path).token(&stage.app("shop", "rights")).send().await;
    assert_eq!(proof.json()["certificate"], done["certificate"], "{}", proof.body);
    reconciles(&stage).await;
}

/// A key folder that takes no destroyed key, until it does again.
struct NoMark(PathBuf);

impl NoMark {
    fn of(house: &House) -> Self {
        let destroyed = house.folder.join("keys/destroyed");
        assert!(!destroyed.exists(), "nobody was erased yet");
        fs::create_dir(&destroyed).unwrap();
        Self(destroyed)
    }

    fn mend(self) {
        fs::remove_dir(&self.0).unwrap();
    }
}

#[tokio::test]
async fn a_request_whose_erasure_is_not_durable_is_worked_on_until_it_is() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    let no_mark = NoMark::of(&house);
    let told = asks(&stage, "ada", &json!({"type": "erasure"})).await;
    assert_eq!((&told["status"], &told["certificate"]), (&json!("in_progress"), &Value::Null));
    house.model.forget_what_was_seen();
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    assert_eq!(house.names("/recommend"), BTreeSet::new(), "it does not hold");
    let cancel = format!("/v1/me/requests/{}/cancel", told["id"].as_str().unwrap());
    let cancelled = stage.post(&cancel).token(&stage.person("ada")).send().await;
    assert_eq!(
        (cancelled.status.as_u16(), cancelled.problem().as_str()),
        (409, "request-conflict")
    );
    no_mark.mend();
    let stage_ = &stage;
    stage.eventually(|| stage_.behind().erasures.count() == 0).await;
    let done = stands(&stage, "ada", &told).await;
    assert_eq!(done["status"], "completed", "{done}");
    let proof = whole(&stage, "ada", &done["certificate"]).await;
    assert_eq!(check(&proof.to_string()), Ok(()));
    assert!(stage.find("ada").is_none());
}

#[tokio::test]
async fn a_request_that_was_taken_ends_in_an_erasure_though_the_gateway_is_killed() {
    let house = House::new();
    let stage = house.with_two_lives().await;
    let no_mark = NoMark::of(&house);
    let told = asks(&stage, "ada", &json!({"type": "erasure"})).await;
    assert_eq!(told["status"], "in_progress");
    let house = House { disk: house.disk.after_kill(), ..house };
    drop(stage);
    no_mark.mend();
    let stage = house.open().await;
    let stage_ = &stage;
    stage.eventually(|| stage_.find("ada").is_none()).await;
    let done = stands(&stage, "ada", &told).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(check(&whole(&stage, "ada", &done["certificate"]).await.to_string()), Ok(()));
    assert!(stage.find("bob").is_some());
    reconciles(&stage).await;
}
