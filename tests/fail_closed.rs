//! A fault ends in a full list for everybody: never in a leak, an empty page or a change that is not kept.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use consentry::{
    ambient::{Fault, FaultFs, Space},
    domain::Timestamp,
    store::Unavailable,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody, is_full},
    log::logged,
    model::{self, Behaviour, Model},
    wiring::fresh_folder,
};

/// Below this much free room, in bytes, the disk of these tests counts as low.
const LEAST_FREE: u64 = 1 << 20;

const NO_SYNCS: Fault = Fault { syncs: Some(true), ..Fault::NO_WRITES };

struct Broken {
    model: Model,
    disk: FaultFs,
    folder: PathBuf,
    stage: Stage,
}

async fn open(model: &Model, disk: &FaultFs, folder: &Path) -> Stage {
    let (url, disk, folder) = (model.url(), disk.clone(), folder.to_owned());
    let stage = Stage::set(move |set| {
        (set.model, set.disk, set.least_free) = (Some(url), Some(disk), LEAST_FREE);
        set.folder = Some(folder);
        // Two gateways may stand on one folder here, each on a disk of its own.
        set.door = Some(String::from("127.0.0.1:0"));
    });
    stage.await
}

/// A gateway where ada agreed to recommendations and was shown some.
async fn stage() -> Broken {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let stage = open(&model, &disk, &folder).await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
    model.forget_what_was_seen();
    Broken { model, disk, folder, stage }
}

impl Broken {
    async fn breaks(&self, fault: Fault) {
        self.stage.breaks(&self.disk, fault).await;
    }

    fn room(&self, free: u64) {
        self.disk.set_space(Space { free, total: 1 << 41 });
    }

    /// Asks for ada: she gets a full list for everybody, from which nothing left.
    async fn answers_without_the_model(&self) {
        let answer = self.stage.shopkeeper().asks_for(&self.stage.known_as("ada")).await;
        is_for_everybody(&answer, 10);
        assert_eq!(answer["decision"]["fault"], "journal_unavailable", "{answer}");
        assert_eq!(answer["log"], Value::Null);
        assert_eq!(self.model.seen().len(), 0, "{:?}", self.model.seen());
    }

    /// Everything that would change something is refused, and changes nothing.
    async fn refuses_changes(&self) {
        let (records, stage) = (self.stage.records(), &self.stage);
        let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
        let notice = json!({"snapshot": stage.notice(RECOMMEND).await});
        let give = json!({"purpose": RECOMMEND, "action": "give", "notice": notice});
        let rules = stage.call("PATCH", "/v1/me/rules").token(&stage.person("ada"));
        let item = stage.call("PUT", "/v1/items/item-1").token(&stage.shop());
        for refused in [
            bob.acts(&give).await,
            ada.acts(&give).await,
            stage.shopkeeper().reports(&[&ada], "item-1").await,
            rules.json(&json!({"cap": "none"})).send().await,
            item.json(&json!({"tags": ["new"]})).send().await,
        ] {
            assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "unavailable"));
            assert_eq!(refused.header("retry-after"), "5");
        }
        assert_eq!(self.stage.records(), records);
        assert!(stage.find("bob").is_none(), "someone came to be known");
        assert_eq!(ada.stands(RECOMMEND).await["state"], "given");
        assert_eq!(self.model.seen().len(), 0, "{:?}", self.model.seen());
    }

    /// Waits for the row that says how many calls left none.
    async fn closes_the_gap(&self) -> Vec<u64> {
        let store = &self.stage.behind().store;
        let is_gap = |leaf: &Vec<u8>| leaf.windows(9).any(|word| word == b"audit.gap");
        self.stage.eventually(|| store.leaves(0, usize::MAX).unwrap().iter().any(is_gap)).await;
        self.gaps().await
    }

    /// The counts of the rows that say how many calls left no row.
    async fn gaps(&self) -> Vec<u64> {
        let rows = self.stage.log().await;
        let gaps = rows.iter().filter(|row| row.event() == "audit.gap");
        gaps.map(|row| row.leaf["rows"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn a_disk_that_takes_no_writes_stops_disclosures_not_answers() {
    let broken = stage().await;
    broken.breaks(Fault::NO_WRITES).await;
    broken.answers_without_the_model().await;
    broken.refuses_changes().await;
    broken.answers_without_the_model().await;
    assert_eq!(broken.gaps().await, [0; 0]);
    broken.disk.arm(None);
    let ada = broken.stage.known_as("ada");
    let again = broken.stage.shopkeeper().asks_for(&ada).await;
    assert_eq!(again["tier"], "individual", "{again}");
    assert_eq!(
        broken.closes_the_gap().await,
        [2],
        "each call that left no row is counted, and it alone"
    );
}

#[tokio::test]
async fn a_sync_that_fails_stops_disclosures_until_the_disk_is_read_anew() {
    let broken = stage().await;
    broken.breaks(NO_SYNCS).await;
    broken.answers_without_the_model().await;
    broken.disk.arm(None);
    broken.answers_without_the_model().await;
    broken.refuses_changes().await;
    let Broken { model, disk, folder, stage } = broken;
    stage.stop().await;
    let stage = open(&model, &disk, &folder).await;
    let ada = stage.known_as("ada");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "given", "what was acknowledged is gone");
    assert!(stage.find("bob").is_none(), "what was refused is there");
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
}

#[tokio::test]
async fn a_withdrawal_that_cannot_be_written_holds_all_the_same() {
    for fault in [Fault::NO_WRITES, NO_SYNCS] {
        let broken = stage().await;
        let (ada, shop) = (broken.stage.known_as("ada"), broken.stage.shopkeeper());
        broken.breaks(fault).await;
        let withdrawn = ada.acts(&json!({"purpose": RECOMMEND, "action": "withdraw"})).await;
        assert_eq!(withdrawn.status, 202, "{}", withdrawn.body);
        let told = withdrawn.json();
        assert_eq!((&told["durable"], &told["log"]), (&json!(false), &Value::Null));
        is_for_everybody(&shop.asks_for(&ada).await, 10);
        broken.disk.arm(None);
        for more in [json!({}), json!({"candidates": [{"id": "item-1"}], "count": 1})] {
            let answer = shop.asks(&ada, &more).await;
            assert_eq!(answer["tier"], "none", "{answer}");
            assert_eq!(answer["decision"]["fault"], "consent_changed", "{answer}");
        }
        assert!(shop.reports(&[&ada], "item-1").await.json()["accepted"] != 1);
        assert_eq!(broken.model.seen().len(), 0, "{:?}", broken.model.seen());
    }
}

#[tokio::test]
async fn a_withdrawal_that_is_repeated_on_a_well_disk_is_durable_and_can_be_followed_by_a_consent()
{
    let broken = stage().await;
    let (ada, shop) = (broken.stage.known_as("ada"), broken.stage.shopkeeper());
    broken.breaks(Fault::NO_WRITES).await;
    let withdraw = json!({"purpose": RECOMMEND, "action": "withdraw"});
    for _ in 0..2 {
        assert_eq!(ada.acts(&withdraw).await.status, 202);
    }
    broken.disk.arm(None);
    assert_eq!(ada.withdraws().await["durable"], true);
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_still_takes_withdrawals() {
    let broken = stage().await;
    let ada = broken.stage.known_as("ada");
    broken.room(LEAST_FREE - 1);
    broken.answers_without_the_model().await;
    broken.refuses_changes().await;
    let withdrawn = ada.withdraws().await;
    assert_eq!(withdrawn["durable"], true, "the reserve is for this");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "withdrawn");
    broken.room(LEAST_FREE);
    let answer = broken.stage.shopkeeper().asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["fault"], Value::Null);
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "withdrawn");
    assert_eq!(broken.closes_the_gap().await, [1]);
}

#[tokio::test]
async fn a_withdrawal_that_is_not_durable_is_told_as_it_holds_and_written_as_soon_as_can_be() {
    let broken = stage().await;
    let (ada, shop) = (broken.stage.known_as("ada"), broken.stage.shopkeeper());
    broken.breaks(Fault::NO_WRITES).await;
    let withdrawn = ada.acts(&json!({"purpose": RECOMMEND, "action": "withdraw"})).await;
    assert_eq!(withdrawn.status, 202, "{}", withdrawn.body);
    let told = ada.stands(RECOMMEND).await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("withdrawn"), &json!(false)));
    assert_eq!(told["categories"], json!([]));
    let ledger = &broken.stage.behind().ledger;
    assert_eq!(ledger.settle().await.unwrap(), 1, "nothing can be written yet");
    broken.disk.arm(None);
    assert_eq!(ledger.settle().await.unwrap(), 0);
    let told = ada.stands(RECOMMEND).await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("withdrawn"), &json!(true)));
    let answer = shop.asks_for(&ada).await;
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "withdrawn", "{answer}");
    assert_eq!(users(&broken.model), Vec::<String>::new());
    let stage = open(&broken.model, &broken.disk.after_kill(), &broken.folder).await;
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "withdrawn");
}

#[tokio::test]
async fn a_consent_given_after_a_withdrawal_that_is_not_durable_is_not_taken_back_by_it() {
    let broken = stage().await;
    let ada = broken.stage.known_as("ada");
    broken.breaks(Fault::NO_WRITES).await;
    let withdraw = json!({"purpose": RECOMMEND, "action": "withdraw"});
    assert_eq!(ada.acts(&withdraw).await.status, 202);
    broken.disk.arm(None);
    ada.gives().await;
    assert_eq!(broken.stage.behind().ledger.settle().await.unwrap(), 0);
    let told = ada.stands(RECOMMEND).await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("given"), &json!(true)));
    assert_eq!(broken.stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
}

#[tokio::test]
async fn a_consent_brought_over_does_not_stand_against_a_later_no_that_is_not_durable() {
    let broken = stage().await;
    let (ada, bob) = (broken.stage.known_as("ada"), broken.stage.known_as("bob"));
    let stage = &broken.stage;
    stage.clock.set(Timestamp::parse("2026-11-22T03:00:02Z").unwrap());
    broken.breaks(Fault::NO_WRITES).await;
    for (who, action) in [(&ada, "withdraw"), (&bob, "refuse")] {
        let no = who.acts(&json!({"purpose": RECOMMEND, "action": action})).await;
        assert_eq!(no.status, 202, "{}", no.body);
    }
    let brings = async || {
        let rows = ["ada", "bob"].map(|id| {
            json!({"subject": id, "purpose": RECOMMEND, "action": "give",
                "at": "2026-11-22T03:00:01Z", "notice": {"version": "1", "language": "en"}})
            .to_string()
        });
        let import = "01".repeat(32);
        let path = format!("/v1/operate/imports/consents?import={import}&from=0&last=true");
        let brings = stage.operate("POST", &path).token(&stage.operator());
        brings.body("application/x-ndjson", rows.join("\n")).send().await
    };
    assert_eq!(brings().await.status, 503);
    broken.disk.arm(None);
    let brought = brings().await;
    let told = brought.json();
    let reasons = told["rejected"].as_array().unwrap().iter().map(|row| &row["reason"]);
    assert_eq!(reasons.collect::<Vec<_>>(), ["older_than_state"; 2], "{told}");
    for (who, state) in [(&ada, "withdrawn"), (&bob, "refused")] {
        is_for_everybody(&stage.shopkeeper().asks_for(who).await, 10);
        let told = who.stands(RECOMMEND).await;
        assert_eq!((&told["state"], &told["durable"]), (&json!(state), &json!(true)));
    }
    assert_eq!(users(&broken.model), Vec::<String>::new());
}

#[tokio::test]
async fn an_objection_that_is_not_durable_outlives_acts_about_something_else() {
    let broken = stage().await;
    let (ada, shop) = (broken.stage.known_as("ada"), broken.stage.shopkeeper());
    broken.breaks(Fault::NO_WRITES).await;
    shop.call_for(&ada.id, &json!({})).header("sec-gpc", "1").send().await;
    broken.disk.arm(None);
    ada.sets(&json!({"dial": 0.5})).await;
    let ledger = &broken.stage.behind().ledger;
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    assert_eq!(ledger.owed(), 1, "it was dropped");
    assert_eq!(ledger.settle().await.unwrap(), 0);
    let found = broken.stage.find("ada").unwrap();
    assert!(found.standing.purposes.iter().any(|known| known.objected_at.is_some()));
}

#[tokio::test]
async fn a_link_takes_over_no_consent_whose_withdrawal_is_not_durable() {
    let broken = stage().await;
    let (ada, shop) = (broken.stage.known_as("ada"), broken.stage.shopkeeper());
    broken.breaks(Fault::NO_WRITES).await;
    let withdraw = json!({"purpose": RECOMMEND, "action": "withdraw"});
    assert_eq!(ada.acts(&withdraw).await.status, 202);
    let link = || {
        let body = json!({"subject": {"id": "account"}, "alias": {"id": "ada"}, "method": "login"});
        broken.stage.post("/v1/links").token(&broken.stage.shop()).json(&body).send()
    };
    assert_eq!(link().await.status, 503);
    broken.disk.arm(None);
    let linked = link().await;
    assert_eq!(linked.status, 200, "{}", linked.body);
    let account = broken.stage.known_as("account");
    assert_eq!(account.stands(RECOMMEND).await["state"], "withdrawn");
    is_for_everybody(&shop.asks_for(&account).await, 10);
}

/// The pseudonyms that the model saw.
fn users(model: &Model) -> Vec<String> {
    let user = |seen: &support::model::Seen| {
        let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
        body["user"].as_str().map(str::to_owned)
    };
    model.seen_on("/recommend").iter().filter_map(user).collect()
}

#[tokio::test]
async fn a_disk_that_does_not_come_back_holds_up_no_read_and_no_answer() {
    let broken = stage().await;
    let (ada, shop) = (broken.stage.known_as("ada"), broken.stage.shopkeeper());
    let store = broken.stage.behind().store.clone();
    broken.disk.stall("");
    let beats = async {
        broken.stage.eventually(|| broken.disk.held_up() > 0).await;
        assert_eq!(ada.stands(RECOMMEND).await["state"], "given", "reads go on");
        // Two seconds, as the chore counts them.
        store.beat();
        store.beat();
    };
    let (answer, ()) = tokio::join!(shop.asks_for(&ada), beats);
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["fault"], "journal_unavailable", "{answer}");
    assert_eq!(store.health().trouble, Some(Unavailable::Stalled), "who monitors is told");
    broken.answers_without_the_model().await;
    broken.refuses_changes().await;
    let withdraw = json!({"purpose": RECOMMEND, "action": "withdraw"});
    assert_eq!(ada.acts(&withdraw).await.status, 202);
    assert_eq!(ada.stands(RECOMMEND).await["state"], "withdrawn");
    broken.disk.release();
    broken.stage.eventually(|| store.health().writable()).await;
    assert_eq!(broken.stage.behind().ledger.settle().await.unwrap(), 0);
    let told = ada.stands(RECOMMEND).await;
    assert_eq!((&told["state"], &told["durable"]), (&json!("withdrawn"), &json!(true)));
    assert_eq!(users(&broken.model), Vec::<String>::new());
}

/// What of a day was acknowledged as durable.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four acts, each acknowledged or not")]
struct Acknowledged {
    ada_withdrew: bool,
    bob_gave: bool,
    cap: bool,
    item: bool,
}

/// A day with a bit of everything. What is acknowledged must stand, whatever else happens.
async fn day(stage: &Stage, model: &Model) -> Acknowledged {
    let (ada, bob, shop) = (stage.known_as("ada"), stage.known_as("bob"), stage.shopkeeper());
    let mut done = Acknowledged::default();
    is_full(&shop.asks_for(&ada).await, 10);
    let notice = json!({"snapshot": stage.notice(RECOMMEND).await});
    let give = json!({"purpose": RECOMMEND, "action": "give", "notice": notice});
    done.bob_gave = bob.acts(&give).await.status == 201;
    shop.reports(&[&ada, &bob], "item-1").await;
    is_full(&shop.asks_for(&bob).await, 10);
    let withdrawn = ada.acts(&json!({"purpose": RECOMMEND, "action": "withdraw"})).await;
    assert!(matches!(withdrawn.status.as_u16(), 201 | 202), "{}", withdrawn.body);
    done.ada_withdrew = withdrawn.status == 201;
    model.forget_what_was_seen();
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    assert_eq!(users(model), Vec::<String>::new(), "a pseudonym left after a withdrawal");
    let rules = stage.call("PATCH", "/v1/me/rules").token(&stage.person("bob"));
    done.cap = rules.json(&json!({"cap": "none"})).send().await.status == 200;
    let item = stage.call("PUT", "/v1/items/item-999").token(&stage.shop());
    done.item = item.json(&json!({"tags": ["new"]})).send().await.status == 200;
    done
}

async fn each_call_may_fail(fault: Fault, step: u64) {
    let model = Model::start();
    for after in (0..).map(|n| n * step) {
        let (disk, folder) = (FaultFs::new(), fresh_folder());
        let stage = open(&model, &disk, &folder).await;
        stage.shelves(30, 7).await;
        stage.known_as("ada").gives().await;
        let before = disk.calls();
        stage.breaks(&disk, Fault { after, ..fault }).await;
        let done = day(&stage, &model).await;
        let reached = disk.calls() - before;
        disk.arm(None);
        let reopened = disk.after_kill();
        let stage = open(&model, &reopened, &folder).await;
        let what = format!("fault at call {after}: {done:?}");
        if done.ada_withdrew {
            let stands = &stage.known_as("ada").stands(RECOMMEND).await["state"];
            assert_eq!(stands, "withdrawn", "{what}");
        }
        if done.bob_gave {
            let stands = &stage.known_as("bob").stands(RECOMMEND).await["state"];
            assert_eq!(stands, "given", "{what}");
        }
        if done.cap {
            let answer = stage.shopkeeper().asks_for(&stage.known_as("bob")).await;
            assert_eq!(answer["tier"], "none", "{what}");
        }
        let view = stage.behind().catalog.view();
        assert!(!done.item || view.item("item-999").is_some(), "{what}");
        if after > reached {
            return;
        }
    }
}

#[tokio::test]
async fn a_disk_that_fills_at_any_call_of_a_day_keeps_what_was_acknowledged() {
    each_call_may_fail(Fault::NO_WRITES, 3).await;
}

#[tokio::test]
async fn a_disk_that_fails_once_at_any_call_of_a_day_keeps_what_was_acknowledged() {
    each_call_may_fail(Fault { errno: 5, lasting: false, ..Fault::NO_WRITES }, 3).await;
}

#[tokio::test]
async fn a_sync_that_fails_at_any_call_of_a_day_keeps_what_was_acknowledged() {
    each_call_may_fail(NO_SYNCS, 2).await;
}

/// Each way in which a model can fail that is answered at once, and the fault that is said.
fn misbehaviours() -> Vec<(&'static str, Behaviour, Value)> {
    let says = |body: &str| Behaviour::Says(body.as_bytes().to_vec());
    let unknown = json!({"items": [{"id": "ghost-1"}, {"id": "item-3"}, {"id": "ghost-2"}]});
    let twice = json!({"items": [{"id": "item-3"}, {"id": "item-3"}, {"id": "item-4"}]});
    let large = json!({"items": [{"id": "item-1", "secret": "x".repeat(5 << 20)}]});
    vec![
        ("hangs up", Behaviour::Hangs, json!("model_closed")),
        ("says 500", Behaviour::Fails(500), json!("model_status")),
        ("says 404", Behaviour::Fails(404), json!("model_status")),
        ("redirects", Behaviour::Fails(302), json!("model_status")),
        ("says 5 MB", says(&large.to_string()), json!("model_too_large")),
        ("says HTML", says("<html>secret</html>"), json!("model_nonsense")),
        ("says half", says(r#"{"items":[{"id":"item-1","secret"#), json!("model_nonsense")),
        ("says nothing", says(""), json!("model_nonsense")),
        ("says no list", says(r#"{"secret":[]}"#), json!("model_nonsense")),
        ("scores NaN", says(r#"{"items":[{"id":"item-1","score":NaN}]}"#), Value::Null),
        ("scores 1e999", says(r#"{"items":[{"id":"item-1","score":1e999}]}"#), Value::Null),
        ("names the unknown", says(&unknown.to_string()), Value::Null),
        ("knows nothing of ours", says(r#"{"items":[{"id":"ghost-1"},{"id":7}]}"#), Value::Null),
        (
            "has entries without ids",
            says(r#"{"items":["item-3","item-4"]}"#),
            json!("model_nonsense"),
        ),
        ("repeats itself", says(&twice.to_string()), Value::Null),
        ("names none", says(r#"{"items":[]}"#), Value::Null),
    ]
}

#[tokio::test]
async fn whatever_a_model_says_the_page_is_full() {
    let Broken { model, stage, .. } = stage().await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    for (how, behaviour, fault) in misbehaviours() {
        model.behave(behaviour);
        let answer = shop.asks(&ada, &json!({"count": 12})).await;
        is_full(&answer, 12);
        assert_eq!(answer["decision"]["fault"], fault, "{how}: {answer}");
        assert_eq!(answer["tier"] == "none", !fault.is_null(), "{how}: {answer}");
        assert!(answer["log"]["index"].is_u64(), "{how}: what left is not in the log");
        assert!(!answer.to_string().contains("secret"), "{how}: the model is relayed");
    }
    assert!(!logged().contains("secret"), "the model is relayed to the log");
}

#[tokio::test]
async fn a_model_that_is_down_costs_nothing_but_its_list() {
    let (_taken, url) = model::down();
    let stage = Stage::set(move |set| set.model = Some(url)).await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let answer = stage.shopkeeper().asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["fault"], "model_unreachable");
}

#[tokio::test]
async fn a_model_that_is_slow_costs_its_budget_and_no_more() {
    let model = Model::start();
    let url = model.url();
    let stage = Stage::set(move |set| {
        set.model = Some(url);
        set.model_settings = String::from("timeout_ms = 100");
    });
    let stage = stage.await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.behind().catalog.put(items()).await.unwrap();
    // It never answers, so nothing but the budget ends the call.
    model.hold();
    let begun = Instant::now();
    let answer = stage.shopkeeper().asks_for(&ada).await;
    let took = begun.elapsed();
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["fault"], "model_timeout");
    assert!(took >= Duration::from_millis(100), "the model was given {took:?}");
    assert!(took < Duration::from_secs(5), "the call took {took:?}");
    model.release();
}

fn items() -> Vec<consentry::catalog::Item> {
    let item = |n| consentry::catalog::Item {
        id: consentry::domain::ItemId::parse(&format!("item-{n}")).unwrap(),
        tags: Vec::new(),
        attributes: Vec::new(),
    };
    (0..20).map(item).collect()
}
