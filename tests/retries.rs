//! A call with an `Idempotency-Key` is done once, and a retry of it is told what the first one was told.

mod support;

use std::{fs, path::Path, time::Duration};

use consentry::{
    ambient::{Fault, FaultFs},
    app::Chores,
    domain::Timestamp,
    store::Batch,
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::RECOMMEND,
    book::events,
    client::{Answer, Call},
    model::Model,
    needles::files,
    wiring::fresh_folder,
};

const NOON: &str = "2026-11-22T03:00:00Z";
const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

async fn gives(stage: &Stage, id: &str) -> Value {
    json!({"subject": {"id": id}, "purpose": RECOMMEND, "action": "give", "method": "app",
        "notice": {"snapshot": stage.notice(RECOMMEND).await}})
}

fn act(stage: &Stage, key: &str, body: &Value) -> Call {
    stage.post("/v1/consents").token(&stage.shop()).header("idempotency-key", key).json(body)
}

fn report(stage: &Stage, key: &str, id: &str) -> Call {
    report_all(stage, key, &[id])
}

fn report_all(stage: &Stage, key: &str, ids: &[&str]) -> Call {
    let event = |id: &&str| json!({"subject": {"id": id}, "type": "view", "item": "item-1"});
    let body = json!({"events": ids.iter().map(event).collect::<Vec<_>>()});
    stage.post("/v1/events").token(&stage.shop()).header("idempotency-key", key).json(&body)
}

fn same(first: &Answer, again: &Answer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("content-type"), first.header("content-type"));
}

/// Acts on consents in the log.
async fn acts(stage: &Stage) -> usize {
    events(&stage.log().await, &["consent.given", "consent.withdrawn"]).len()
}

#[tokio::test]
async fn an_act_is_done_once_and_told_twice() {
    let stage = Stage::start().await;
    let body = gives(&stage, "ada").await;
    let first = act(&stage, KEY, &body).send().await;
    assert_eq!(first.status, 201, "{}", first.body);
    same(&first, &act(&stage, KEY, &body).send().await);
    same(&first, &act(&stage, &format!("\"{KEY}\""), &body).send().await);
    assert_eq!(acts(&stage).await, 1);
    // What happened since changes nothing in what is told, and what is told changes nothing.
    stage.known_as("ada").withdraws().await;
    same(&first, &act(&stage, KEY, &body).send().await);
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "withdrawn");
    // Without the key, and under another one, it is another act.
    assert_eq!(act(&stage, "another", &body).send().await.json()["epoch"], 3);
    assert_eq!(acts(&stage).await, 3);
}

#[tokio::test]
async fn another_call_under_the_key_is_refused() {
    let stage = Stage::start().await;
    let body = gives(&stage, "ada").await;
    assert_eq!(act(&stage, KEY, &body).send().await.status, 201);
    for other in ["bob", "ada "] {
        let answer = act(&stage, KEY, &gives(&stage, other).await).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (422, "idempotency-mismatch")
        );
    }
    assert!(stage.find("bob").is_none(), "nobody came to be known");
    // Another route, another app and a person have keys of their own.
    assert_eq!(report(&stage, KEY, "ada").send().await.status, 202);
    let own = json!({"purpose": RECOMMEND, "action": "withdraw", "method": "app"});
    let own = stage.post("/v1/consents").token(&stage.person("ada")).json(&own);
    assert_eq!(own.header("idempotency-key", KEY).send().await.status, 201);
    for bad in ["", "two words", "\"open"] {
        let answer = act(&stage, bad, &body).send().await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "invalid-parameter"));
    }
}

#[tokio::test]
async fn a_key_that_is_in_use_is_not_used_twice() {
    let model = Model::start();
    let stage = Stage::with_patient_model(&model).await;
    stage.known_as("ada").gives().await;
    model.hold();
    let first = tokio::spawn(report(&stage, KEY, "ada").send());
    model.has_seen("/events", 1).await;
    let second = report(&stage, KEY, "ada").send().await;
    assert_eq!((second.status.as_u16(), second.problem().as_str()), (409, "idempotency-conflict"));
    assert_eq!(second.header("retry-after"), "1");
    model.release();
    let first = first.await.unwrap();
    assert_eq!(first.json()["forwarded"], 1, "{}", first.body);
    same(&first, &report(&stage, KEY, "ada").send().await);
    assert_eq!(model.seen().iter().filter(|seen| seen.path == "/events").count(), 1);
}

#[tokio::test]
async fn what_a_retry_is_told_survives_a_restart_and_no_key_is_on_disk() {
    let folder = fresh_folder();
    let open = || {
        let folder = folder.clone();
        Stage::set(move |set| (set.folder, set.disk) = (Some(folder), None))
    };
    let stage = open().await;
    let body = gives(&stage, "ada").await;
    let first = act(&stage, KEY, &body).send().await;
    let told = report(&stage, KEY, "ada").send().await;
    assert_eq!((first.status.as_u16(), told.status.as_u16()), (201, 202));
    stage.stop().await;

    let stage = open().await;
    let again = act(&stage, KEY, &body).send().await;
    same(&first, &again);
    same(&told, &report(&stage, KEY, "ada").send().await);
    assert_eq!(acts(&stage).await, 1);
    let receipt = first.json()["receipt"].as_str().unwrap().to_owned();
    for file in files(&folder.join("store")) {
        let bytes = fs::read(&file).unwrap();
        for needle in [KEY, &receipt] {
            let found = bytes.windows(needle.len()).any(|bytes| bytes == needle.as_bytes());
            assert!(!found, "{} holds it", file.display());
        }
    }
    stage.stop().await;
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_withdrawal_that_is_not_durable_is_not_told_to_a_retry_as_if_it_were() {
    let (model, disk) = (Model::start(), FaultFs::new());
    let stage = Stage::with_model_and_disk(&model, &disk).await;
    stage.known_as("ada").gives().await;
    let body = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "withdraw", "method": "app"});
    stage.breaks(&disk, Fault::NO_WRITES).await;
    for _ in 0..2 {
        let told = act(&stage, KEY, &body).send().await;
        assert_eq!((told.status.as_u16(), &told.json()["durable"]), (202, &json!(false)));
    }
    assert_eq!(stage.behind().store.scan(b"y/").count(), 0, "nothing was written");
    disk.arm(None);
    let durable = act(&stage, KEY, &body).send().await;
    assert_eq!((durable.status.as_u16(), &durable.json()["durable"]), (201, &json!(true)));
    same(&durable, &act(&stage, KEY, &body).send().await);
    assert_eq!(acts(&stage).await, 2, "given and withdrawn, each once");
}

#[tokio::test]
async fn events_that_were_cut_off_go_on_where_they_were() {
    let (model, disk) = (Model::start(), FaultFs::new());
    let stage = Stage::with_model_and_disk(&model, &disk).await;
    for id in ["ada", "bob"] {
        stage.known_as(id).gives().await;
    }
    let broken = disk.clone();
    model.watch(move |seen| {
        if seen.path == "/events" {
            broken.arm(Some(Fault::NO_WRITES));
        }
    });
    let both = || report_all(&stage, KEY, &["ada", "bob"]);
    let cut_off = both().send().await;
    assert_eq!((cut_off.status.as_u16(), cut_off.problem().as_str()), (503, "unavailable"));
    assert_eq!(model.seen_on("/events").len(), 1, "only ada's");
    model.watch(|_| {});
    disk.arm(None);
    let told = both().send().await;
    assert_eq!(
        (told.status.as_u16(), &told.json()["forwarded"]),
        (202, &json!(2)),
        "{}",
        told.body
    );
    same(&told, &both().send().await);
    let seen = model.seen_on("/events");
    assert_eq!(seen.len(), 2, "each was told once: {seen:?}");
    assert_ne!(seen[0].body, seen[1].body);
}

/// A gateway on `disk`; two may stand on one folder here, each on a disk of its own.
async fn stands_on(disk: &FaultFs, folder: &Path) -> Stage {
    let (disk, folder) = (disk.clone(), folder.to_owned());
    let stage = Stage::set(move |set| {
        (set.disk, set.folder) = (Some(disk), Some(folder));
        set.door = Some(String::from("127.0.0.1:0"));
    });
    stage.await
}

#[tokio::test]
async fn whatever_write_a_power_cut_falls_into_the_act_is_done_once() {
    let (mut told, mut untold) = (0, 0);
    for (after, syncs) in [(0, false), (0, true), (1, false), (1, true), (9, false)] {
        let (disk, folder) = (FaultFs::new(), fresh_folder());
        let stage = stands_on(&disk, &folder).await;
        let body = gives(&stage, "ada").await;
        stage.breaks(&disk, Fault { after, syncs: Some(syncs), ..Fault::NO_WRITES }).await;
        let first = act(&stage, KEY, &body).send().await;
        let stage = stands_on(&disk.power_cut(after), &folder).await;
        let again = act(&stage, KEY, &body).send().await;
        assert_eq!(again.status, 201, "{}", again.body);
        assert_eq!((again.json()["epoch"].as_u64(), acts(&stage).await), (Some(1), 1));
        if first.status == 201 {
            same(&first, &again);
            told += 1;
        } else {
            assert_eq!(first.status, 503, "{}", first.body);
            untold += 1;
        }
    }
    assert!(told > 0 && untold > 0, "{told} acknowledged, {untold} not");
}

#[tokio::test]
async fn what_was_told_of_somebody_whose_key_is_gone_is_told_no_more() {
    let stage = Stage::start().await;
    let body = gives(&stage, "ada").await;
    assert_eq!(act(&stage, KEY, &body).send().await.status, 201);
    let store = &stage.behind().store;
    let keys = store.scan(b"k/").map(|found| found.unwrap().0);
    store.commit(Batch { delete: keys.collect(), ..Batch::default() }).await.unwrap();
    let answer = act(&stage, KEY, &body).send().await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "idempotency-mismatch"));
    assert!(!answer.body.contains("receipt"), "{}", answer.body);
}

#[tokio::test]
async fn after_a_day_the_key_is_free_and_its_record_gone() {
    let stage = Stage::start().await;
    let body = gives(&stage, "ada").await;
    act(&stage, KEY, &body).send().await;
    let kept = || stage.behind().store.scan(b"y/").count();
    assert_eq!(kept(), 1);
    let hours =
        |hours: u64| Timestamp::parse(NOON).unwrap().after(Duration::from_secs(hours * 3600));
    // Tokens last an hour: the clock is set for the chore alone.
    stage.clock.set(hours(23));
    Chores::new(stage.behind().clone()).once().await.unwrap();
    assert_eq!(kept(), 1, "it is not time yet");
    stage.clock.set(hours(24));
    Chores::new(stage.behind().clone()).once().await.unwrap();
    assert_eq!(kept(), 0);
}
