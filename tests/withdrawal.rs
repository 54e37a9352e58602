//! A withdrawal holds from the next call on, and for calls in flight.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{
    future::poll_fn,
    time::{Duration, Instant},
};

use consentry::{
    ambient::FaultFs,
    consent::{Receipt, held_prefix},
    domain::{PurposeId, Timestamp},
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody, is_full},
    book::{Row, events},
    model::{Behaviour, Model, Seen},
    wiring::fresh_folder,
};

const NOON: &str = "2026-11-22T03:00:00.000Z";

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_patient_model(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

fn user(seen: &Seen) -> Option<String> {
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    body["user"].as_str().map(str::to_owned)
}

/// The pseudonyms that the model saw on `path`.
fn users(model: &Model, path: &str) -> Vec<String> {
    model.seen_on(path).iter().filter_map(user).collect()
}

/// Moves the gateway's clock to `seconds` after noon.
fn later(stage: &Stage, seconds: u64) {
    let noon = Timestamp::parse(NOON).unwrap();
    stage.clock.set(noon.after(Duration::from_secs(seconds)));
}

#[tokio::test]
async fn a_withdrawal_holds_from_the_next_call_on() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    let before = stage.log().await.len();
    let withdrawn = ada.withdraws().await;
    model.forget_what_was_seen();
    let answer = shop.asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "withdrawn");
    assert_eq!(users(&model, "/recommend"), Vec::<String>::new());
    // Other rows may stand between: the recipient is asked to forget.
    let rows = stage.log_since(before).await;
    let order = events(&rows, &["consent.withdrawn", "decision", "decision.answered"]);
    assert_eq!(order, ["consent.withdrawn", "decision", "decision.answered"]);
    assert!(withdrawn["log"]["index"].as_u64() < answer["log"]["index"].as_u64());
}

#[tokio::test]
async fn a_withdrawal_is_answered_with_a_receipt_that_can_be_checked() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    let given = ada.gives().await;
    assert_eq!((&given["epoch"], &given["last_use"]), (&json!(1), &Value::Null));
    shop.asks_for(&ada).await;
    later(&stage, 60);
    let withdrawn = ada.withdraws().await;
    assert_eq!((&withdrawn["epoch"], &withdrawn["durable"]), (&json!(2), &json!(true)));
    assert_eq!(withdrawn["last_use"], NOON, "the last call was at noon");
    let signer = [stage.behind().ledger.signer().public().clone()];
    let token = withdrawn["receipt"].as_str().unwrap();
    let receipt = Receipt::verify(&signer, token).unwrap();
    assert_eq!(receipt.event().unwrap().event_state, "https://w3id.org/dpv#ConsentWithdrawn");
    let place = receipt.log.clone().unwrap();
    assert_eq!(
        (receipt.consent_epoch.0, Some(place.index)),
        (2, withdrawn["log"]["index"].as_u64())
    );
    assert!(!format!("{receipt:?}").contains("ada"));
    assert!(Receipt::verify(&signer, &token.replace('.', "")).is_err());
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged: String = signature.chars().rev().collect();
    assert!(Receipt::verify(&signer, &format!("{head}.{forged}")).is_err(), "any signature passes");
    let row = &stage.log().await[usize::try_from(place.index).unwrap()];
    assert_eq!((row.event(), &row.leaf["o"]), ("consent.withdrawn", &json!("withdrawn")));
}

#[tokio::test]
async fn an_answer_from_a_consent_that_is_gone_is_thrown_away() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let before = stage.log().await.len();
    model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    model.has_seen("/recommend", 1).await;
    let withdrawn = ada.withdraws().await;
    assert_eq!(withdrawn["durable"], true, "the withdrawal waited for the model");
    model.release();
    let answer = asking.await.unwrap().json();
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "withdrawn");
    assert_eq!(answer["decision"]["consent_epoch"], 2);
    assert_eq!(model.seen_on("/recommend").iter().map(user).filter(Option::is_none).count(), 1);
    // The first telling is void, the second one is answered.
    let rows = stage.log_since(before).await;
    let told = ["consent.withdrawn", "decision", "decision.void", "decision.answered"];
    let order = ["decision", "consent.withdrawn", "decision.void", "decision", "decision.answered"];
    assert_eq!(events(&rows, &told), order);
    let void = rows.iter().find(|row| row.event() == "decision.void").unwrap();
    let body = stage.opens("ada", void.index).unwrap();
    assert_eq!((&body["why"], &body["of"]), (&json!("consent_changed"), &json!(rows[0].index)));
}

#[tokio::test]
async fn a_withdrawal_before_the_first_byte_leaves_nothing_to_the_model() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let before = stage.log().await.len();
    let sid = stage.find("ada").unwrap().key.sid();
    // The gate of an act that is being written: the call's row is durable by then, its bytes are not sent.
    let closed = stage.behind().ledger.gates().close(sid);
    let answer = stage.shopkeeper().asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["fault"], "consent_changed");
    assert_eq!(model.seen().len(), 0, "{:?}", model.seen());
    let rows = stage.log_since(before).await;
    let decisions = events(&rows, &["decision"]).len();
    assert!(decisions >= 1);
    assert_eq!(events(&rows, &["decision.void"]).len(), decisions, "each row is taken back once");
    drop(closed);
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
}

#[tokio::test]
async fn a_withdrawal_is_acknowledged_only_when_nothing_is_being_written() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let (key, epoch) = stage.find("ada").map(|ada| (ada.key, ada.standing.epoch)).unwrap();
    let purpose = PurposeId::parse(RECOMMEND).unwrap();
    let noon = Timestamp::parse(NOON).unwrap();
    // A disclosure in the middle of its bytes, which stops only when it is told to.
    let gates = stage.behind().ledger.gates();
    let guard = gates.enter(key.sid(), epoch, &purpose, noon).unwrap();
    let withdraw = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "withdraw", "method": "app"});
    let withdraw = stage.post("/v1/consents").token(&stage.shop()).json(&withdraw);
    let withdrawal = tokio::spawn(withdraw.send());
    let revoked = poll_fn(|cx| guard.poll_revoked(cx));
    tokio::time::timeout(Duration::from_secs(20), revoked).await.expect("the bytes go on");
    assert!(!withdrawal.is_finished(), "acknowledged while bytes are being written");
    assert!(gates.enter(key.sid(), epoch, &purpose, noon).is_none(), "another one begins");
    drop(guard);
    assert_eq!(withdrawal.await.unwrap().status, 201);
}

#[tokio::test]
async fn a_model_forgets_the_old_pseudonym_and_meets_another_one() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.asks_for(&ada).await;
    shop.reports(&[&ada], "item-1").await;
    let old = users(&model, "/recommend").remove(0);
    ada.withdraws().await;
    model.has_seen("/forget", 1).await;
    assert_eq!(users(&model, "/forget"), [old.as_str()]);
    ada.gives().await;
    shop.asks_for(&ada).await;
    let new = users(&model, "/recommend").pop().unwrap();
    assert_ne!(new, old, "the model can join the person's two lives");
}

#[tokio::test]
async fn a_deletion_that_fails_is_asked_for_again_until_it_is_confirmed() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    model.behave(Behaviour::Fails(500));
    ada.withdraws().await;
    model.has_seen("/forget", 1).await;
    let owed = || stage.behind().ledger.deletions_owed().unwrap().len();
    assert_eq!(owed(), 1, "a failure counts as a confirmation");
    model.behave(Behaviour::Lists);
    later(&stage, 60);
    model.has_seen("/forget", 2).await;
    stage.eventually(|| owed() == 0).await;
    let outcome = |row: &Row| row.leaf["o"].as_str().unwrap().to_owned();
    let rows = stage.log().await;
    let rows: Vec<_> = rows.iter().filter(|row| row.event() == "erasure.recipient").collect();
    assert_eq!(rows.into_iter().map(outcome).collect::<Vec<_>>(), ["asked", "asked", "confirmed"]);
    let users = users(&model, "/forget");
    assert_eq!(users[0], users[1], "it is asked to forget somebody else");
}

#[tokio::test]
async fn events_after_a_withdrawal_are_dropped_and_what_was_held_is_gone() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.gives_to("measure_popularity", &json!({})).await;
    let held = || stage.behind().store.scan(b"d/").count();
    let taken = shop.reports(&[&ada], "item-1").await.json();
    assert_eq!(taken, json!({"accepted": 1, "forwarded": 1, "dropped": []}));
    assert_eq!(held(), 2, "a taste, and what counts for the popular list");
    ada.withdraws().await;
    assert_eq!(held(), 1, "what was held for recommendations is kept");
    let withdraw = json!({"purpose": "measure_popularity", "action": "withdraw"});
    assert_eq!(ada.acts(&withdraw).await.status, 201);
    assert_eq!(held(), 0);
    model.forget_what_was_seen();
    let dropped = shop.reports(&[&ada], "item-2").await.json();
    let reason = json!([{"index": 0, "reason": "withdrawn"}]);
    assert_eq!(dropped, json!({"accepted": 0, "forwarded": 0, "dropped": reason}));
    assert_eq!((held(), model.seen_on("/events").len()), (0, 0));
}

#[tokio::test]
async fn nothing_is_held_after_the_acknowledgement_whoever_wins_the_race() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    let event = json!({"subject": {"id": "ada"}, "type": "view", "item": "item-1"});
    let mut kept = 0;
    for _ in 0..100 {
        ada.gives().await;
        let reports = (0..4).map(|_| {
            let call = stage.post("/v1/events").token(&stage.shop());
            tokio::spawn(call.json(&json!({"events": [event]})).send())
        });
        let reports: Vec<_> = reports.collect();
        ada.withdraws().await;
        let held = stage.behind().store.scan(b"d/").count();
        assert_eq!(held, 0, "what was held is there after the acknowledgement");
        for report in reports {
            kept += report.await.unwrap().json()["accepted"].as_u64().unwrap();
        }
        assert_eq!(stage.behind().store.scan(b"d/").count(), 0, "what came late is held");
    }
    assert!(kept > 0, "nobody raced");
}

/// One round of the race: ada gives, a call and her withdrawal set off together, and she gives again in the next.
/// Returns when the withdrawal was acknowledged, how much the model had seen by then, and how many calls were logged to
/// their end.
async fn race(stage: &Stage, model: &Model) -> (Instant, usize, usize) {
    model.forget_what_was_seen();
    let ada = stage.known_as("ada");
    ada.gives().await;
    let calls: Vec<_> = (0..2)
        .map(|_| tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send()))
        .collect();
    ada.withdraws().await;
    let acknowledged = Instant::now();
    model.catch_up();
    let seen = model.seen_on("/recommend").len();
    let mut logged = 0;
    for call in calls {
        let answer = call.await.unwrap().json();
        is_full(&answer, 10);
        // A call that met the closed gate at each telling is answered without a row of its own.
        let met_the_gate = answer["decision"]["fault"] == "consent_changed";
        assert_eq!(answer["log"].is_null(), met_the_gate, "{answer}");
        logged += usize::from(!met_the_gate);
    }
    (acknowledged, seen, logged)
}

/// How many races are run: 200, or as many as `CONSENTRY_RACES` says.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is no setting of the product")]
fn races() -> usize {
    std::env::var("CONSENTRY_RACES").map_or(200, |number| number.parse().unwrap())
}

#[tokio::test]
async fn nothing_arrives_after_the_acknowledgement_whoever_wins_the_race() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (mut after, mut logged, mut ahead) = (0, 0, Vec::new());
    for _ in 0..races() {
        let (at, acknowledged, calls) = race(&stage, &model).await;
        logged += calls;
        let seen = model.seen_on("/recommend");
        let late: Vec<_> = seen[acknowledged..].iter().filter_map(user).collect();
        assert_eq!(late, Vec::<String>::new(), "a pseudonym left after the acknowledgement");
        let last = seen[..acknowledged].iter().rfind(|seen| user(seen).is_some());
        ahead.extend(last.map(|last| at.saturating_duration_since(last.at)));
        after += seen[acknowledged..].len();
    }
    assert!(!ahead.is_empty() && after > 0, "nobody raced: {ahead:?} before, {after} after");
    ahead.sort();
    let at = |share: usize| ahead[(ahead.len() - 1) * share / 100];
    let (closest, p99, p50) = (at(0), at(1), at(50));
    println!(
        "{} races met a disclosure; it came before the acknowledgement by {p50:?} (p50), {p99:?} (p99), {closest:?} (closest)",
        ahead.len()
    );
    let counts = stage.behind().ledger.gates().counts();
    assert_eq!(counts.late.value(), 0, "a last byte left after an acknowledgement");
    let uses = counts.last_use.read();
    let nearest = counts.act_to_last_use().unwrap();
    assert!(nearest <= 0.0, "a last byte left {nearest} s after an acknowledgement");
    // How far away so many of 100 uses were at most, the closest first; to the end of a bucket.
    let within = |of_100: u64| {
        let mut seen = 0;
        let mut buckets = uses.buckets.iter().map(|(end, count)| {
            seen += count;
            (*end, seen)
        });
        buckets.find(|(_, seen)| seen * 100 >= uses.count() * of_100).unwrap().0
    };
    println!(
        "by the metric {} acts ended a use; its last byte left before, by at most {} s (p50), {} s (p99); {} s (closest)",
        uses.count(),
        within(50),
        within(1),
        -nearest
    );
    let log = stage.log().await;
    holds_in_the_log(&log);
    let count = |event| events(&log, &[event]).len();
    let (answered, void) = (count("decision.answered"), count("decision.void"));
    assert_eq!(count("decision"), answered + void, "{answered} answered, {void} void");
    assert_eq!(answered, logged, "a call is answered twice, or not at all");
}

/// No decision stands at the tier `individual` between a withdrawal and the next consent.
fn holds_in_the_log(rows: &[Row]) {
    let mut given = false;
    for row in rows {
        match row.event() {
            "consent.given" => given = true,
            "consent.withdrawn" => given = false,
            "decision" => assert!(given || row.leaf["o"] == "none", "row {}", row.index),
            _ => {}
        }
    }
    assert_eq!(events(rows, &["consent.withdrawn"]).len(), races());
}

/// What is held on `person` for recommendations.
fn held(stage: &Stage, person: &str) -> usize {
    let sid = stage.find(person).unwrap().key.sid();
    let prefix = held_prefix(sid, &PurposeId::parse(RECOMMEND).unwrap());
    stage.behind().store.scan(&prefix).map(Result::unwrap).count()
}

#[tokio::test]
async fn a_kill_right_after_a_withdrawal_leaves_nothing_of_what_calls_in_flight_kept() {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let open = |disk: &FaultFs| {
        let (url, disk, folder) = (model.url(), disk.clone(), folder.clone());
        Stage::set(move |set| {
            (set.model, set.disk, set.folder) = (Some(url), Some(disk), Some(folder));
            set.door = Some(String::from("127.0.0.1:0"));
        })
    };
    let stage = open(&disk).await;
    stage.shelves(120, 7).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.reports(&[&ada], "item-1").await;
    assert!(held(&stage, "ada") > 0, "nothing is held, so nothing is shown");
    let store = stage.behind().store.clone();
    let before = store.health().seq;
    let theirs = [&ada];
    let [one, two, three] = ["item-2", "item-3", "item-4"].map(|item| shop.reports(&theirs, item));
    let (withdrawn, ..) = tokio::join!(ada.withdraws(), one, two, three);
    assert_eq!(withdrawn["durable"], true);
    assert!(store.health().seq > before);
    // The disk as it is now is all that the next process has.
    let stage = open(&disk.after_kill()).await;
    assert_eq!(held(&stage, "ada"), 0, "a record of a call in flight is left");
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "withdrawn");
}
