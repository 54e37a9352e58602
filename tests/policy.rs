//! A policy is changed on a running gateway: under load, with consents that it touches, and back again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use consentry::{
    ambient::FaultFs,
    domain::{ConsentState, PurposeId},
    operate::{ChangeError, Proposal, Proposed, Report},
    policy::{Bundle, Files},
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody, is_full},
    book::events,
    model::Model,
    wiring::fresh_folder,
};

const POPULARITY: &str = "measure_popularity";

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_patient_model(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

/// The shipped files with these edits: file, what is there, what is to be there.
fn edited(edits: &[(&str, &str, &str)]) -> Files {
    let mut files = Bundle::shipped_files();
    for (file, from, to) in edits {
        let text = files.get_mut(*file).unwrap();
        assert!(text.contains(from), "nothing to replace");
        *text = text.replace(from, to);
    }
    files
}

/// Nobody may be recommended anything personally.
fn forbidding() -> Files {
    let mut files = edited(&[]);
    let rule = "@id(\"closed-for-now\")\n@reason(\"operator_rule\")\n\
                forbid (principal == Purpose::\"recommend_products\", action == Action::\"individual\", resource);\n";
    files.insert("closed.cedar".to_owned(), rule.to_owned());
    files.retain(|file, _| !file.ends_with(".cases.toml"));
    files
}

/// Without the purpose that counts what is popular; `migration` says what becomes of consents for it.
fn without_popularity(migration: &str) -> Files {
    let mut files = edited(&[]);
    let catalogue = files.get_mut("purposes.toml").unwrap();
    let begin = catalogue.find("[[purpose]]\nid = \"measure_popularity\"").unwrap();
    let end = begin
        + catalogue[begin..].find("\n[[purpose]]\nid = \"order").unwrap_or_else(|| {
            catalogue[begin + 1..].find("[[purpose]]").map_or(catalogue.len() - begin, |at| at + 1)
        });
    catalogue.replace_range(begin..end, "");
    if !migration.is_empty() {
        files.insert("migration.toml".to_owned(), migration.to_owned());
    }
    files.retain(|file, _| !file.ends_with(".cases.toml"));
    files
}

fn renamed(to: &str) -> Files {
    let mut files = edited(&[("purposes.toml", POPULARITY, to)]);
    let migration = format!("[purposes]\n{POPULARITY} = {{ rename = \"{to}\" }}\n");
    files.insert("migration.toml".to_owned(), migration);
    files.retain(|file, _| !file.ends_with(".cases.toml"));
    files
}

async fn propose(stage: &Stage, what: Proposed, dry_run: bool) -> Result<Report, ChangeError> {
    let changes = stage.behind().policy_changes.clone();
    changes.apply(Proposal { what, dry_run, by: "owner".to_owned() }).await
}

async fn apply(stage: &Stage, files: Files) -> Result<Report, ChangeError> {
    propose(stage, Proposed::Files(files), false).await
}

/// How many times the model saw a pseudonym.
fn named(model: &Model) -> usize {
    let names = |body: &String| serde_json::from_str::<Value>(body).unwrap()["user"].is_string();
    model.seen_on("/recommend").iter().filter(|seen| names(&seen.body)).count()
}

#[tokio::test]
async fn a_switch_under_load_loses_no_call_and_mixes_no_answer() {
    let model = Model::start();
    let stage = Arc::new(stage(&model).await);
    let shipped = Bundle::shipped().unwrap().version().to_owned();
    let closed = Bundle::parse(forbidding()).unwrap().version().to_owned();
    stage.known_as("ada").gives().await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers = (0..8).map(|_| {
        let (stage, stop) = (stage.clone(), stop.clone());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = stage.shopkeeper().call_for("ada", &json!({})).send().await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                answers.push(answer.json());
            }
            answers
        })
    });
    let callers: Vec<_> = callers.collect();
    for round in 0..6 {
        let files = if round % 2 == 0 { forbidding() } else { Bundle::shipped_files() };
        assert!(apply(&stage, files).await.unwrap().in_force);
        if round % 2 == 0 {
            // Acknowledged: what the model sees from here on names nobody.
            model.catch_up();
            let before = named(&model);
            for _ in 0..5 {
                let answer = stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
                is_for_everybody(&answer, 10);
                assert_eq!(answer["decision"]["reasons"][0]["reason"], "operator_rule");
            }
            model.catch_up();
            assert_eq!(named(&model), before, "a pseudonym left after the acknowledgement");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (mut open, mut shut) = (0, 0);
    for caller in callers {
        for answer in caller.await.unwrap() {
            is_full(&answer, 10);
            let (policy, tier) = (&answer["decision"]["policy"], &answer["tier"]);
            if *policy == json!(shipped) {
                // One that met three switches at its three tellings is answered without anything personal.
                let met = answer["decision"]["fault"] == "consent_changed";
                assert!(met || tier == "individual", "{answer}");
                open += 1;
            } else {
                assert_eq!((policy, tier), (&json!(closed), &json!("none")), "{answer}");
                shut += 1;
            }
        }
    }
    assert!(open > 0 && shut > 0, "nobody raced: {open} open, {shut} shut");
    let changed = events(&stage.log().await, &["policy.changed"]).len();
    assert_eq!(changed, 7, "the start and six changes");
}

#[tokio::test]
async fn a_call_that_was_ruled_on_before_a_switch_is_told_anew_after_it() {
    let model = Model::start();
    let stage = stage(&model).await;
    stage.known_as("ada").gives().await;
    let sid = stage.find("ada").unwrap().key.sid();
    let before = stage.log().await.len();
    // The call stands before its person's gate with its row durable, until the policy is another one.
    let held = stage.behind().ledger.gates().close(sid);
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    assert!(apply(&stage, forbidding()).await.unwrap().in_force);
    drop(held);
    let answer = asking.await.unwrap().json();
    is_for_everybody(&answer, 10);
    assert_eq!(named(&model), 0);
    let rows = stage.log_since(before).await;
    let (decided, void) =
        (events(&rows, &["decision"]).len(), events(&rows, &["decision.void"]).len());
    assert!(decided >= void, "{decided} decided, {void} void");
}

#[tokio::test]
async fn a_permit_from_before_a_switch_passes_no_gate_after_it() {
    let model = Model::start();
    let stage = stage(&model).await;
    stage.known_as("ada").gives().await;
    let under_old = stage.behind().policies.snapshot();
    assert!(apply(&stage, forbidding()).await.unwrap().in_force);
    assert_ne!(stage.behind().policies.current().version(), under_old.version());
    let again = propose(&stage, Proposed::Version(under_old.version().to_owned()), false).await;
    assert!(again.unwrap().in_force, "an earlier version can be put in force again");
    assert_eq!(stage.shopkeeper().asks_for(&stage.known_as("ada")).await["tier"], "individual");
    let history = stage.behind().policy_changes.history().unwrap();
    let hows: Vec<&str> = history.iter().map(|applied| applied.how.as_str()).collect();
    assert_eq!(hows, ["start", "apply", "apply"]);
    assert_eq!(history[0].version, history[2].version);
}

#[tokio::test]
async fn a_purpose_that_people_agreed_to_does_not_vanish_by_itself() {
    let model = Model::start();
    let stage = stage(&model).await;
    for id in ["ada", "bob"] {
        stage.known_as(id).gives_to(POPULARITY, &json!({})).await;
    }
    stage.known_as("eve").gives().await;
    let (rows, version) = (stage.log().await.len(), stage.behind().policy_changes.in_force());
    let refused = apply(&stage, without_popularity("")).await.unwrap_err();
    let ChangeError::Lost(survey) = &refused else { panic!("{refused}") };
    assert_eq!(survey.lost.values().copied().collect::<Vec<_>>(), [2]);
    assert!(
        refused.to_string().contains("2 people's consents name the purpose measure_popularity"),
        "{refused}"
    );
    assert_eq!(stage.behind().policy_changes.in_force(), version);
    assert_eq!(stage.log().await.len(), rows, "a refusal leaves no row");
    // What was kept from being given while people were counted can be given again.
    stage.known_as("eve").gives_to(POPULARITY, &json!({})).await;
}

#[tokio::test]
async fn consents_for_what_goes_are_withdrawn_as_if_by_the_people() {
    let model = Model::start();
    let stage = stage(&model).await;
    for id in ["ada", "bob"] {
        stage.known_as(id).gives_to(POPULARITY, &json!({})).await;
        stage.known_as(id).gives().await;
    }
    stage.shopkeeper().reports(&[&stage.known_as("ada")], "item-1").await;
    let held = || stage.behind().store.scan(b"d/").count();
    let (before, rows) = (held(), stage.log().await.len());
    let going = without_popularity("[purposes]\nmeasure_popularity = \"withdraw\"\n");
    let tried = propose(&stage, Proposed::Files(going.clone()), true).await.unwrap();
    assert!(!tried.in_force);
    assert_eq!(tried.people.withdrawn.values().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(stage.log().await.len(), rows, "a trial leaves no row");
    let report = apply(&stage, going).await.unwrap();
    let migrated = report.migration.unwrap();
    assert_eq!((migrated.acts, migrated.done), (2, true));
    assert!(report.warnings.iter().any(|warning| warning.contains("measure_popularity")));
    assert_eq!(held(), before - 1, "what was counted for the popular list goes");
    let since = stage.log_since(rows).await;
    let told = events(&since, &["policy.changed", "consent.withdrawn"]);
    assert_eq!(told, ["policy.changed", "consent.withdrawn", "consent.withdrawn"]);
    let row = since.iter().find(|row| row.event() == "consent.withdrawn").unwrap();
    assert_eq!((&row.leaf["r"], &row.leaf["p"]), (&json!("policy"), &json!(POPULARITY)));
    assert_eq!(stage.shopkeeper().asks_for(&stage.known_as("ada")).await["tier"], "individual");
    let tried_again = stage.behind().policy_changes.resume().await.unwrap();
    assert_eq!(tried_again, 0, "nothing is left to be done");
}

#[tokio::test]
async fn a_purpose_keeps_its_consents_and_refusals_under_another_name() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
    ada.gives_to(POPULARITY, &json!({})).await;
    stage.shopkeeper().reports(&[&ada], "item-1").await;
    let refuse = json!({"purpose": POPULARITY, "action": "refuse"});
    assert_eq!(bob.acts(&refuse).await.status, 201);
    let held = || stage.behind().store.scan(b"d/").count();
    let before = held();
    let report = apply(&stage, renamed("count_popularity")).await.unwrap();
    assert_eq!(report.people.asked_again.len(), 0, "nobody is asked again for a name");
    assert_eq!(report.migration.unwrap().acts, 2);
    assert_eq!(ada.stands("count_popularity").await["state"], "given");
    assert_eq!(bob.stands("count_popularity").await["state"], "refused");
    assert_eq!(held(), before, "what is held goes with the consent");
    // An app that knows the old name alone can still bring a person's no.
    let withdraw = json!({"purpose": POPULARITY, "action": "withdraw"});
    assert_eq!(ada.acts(&withdraw).await.status, 201);
    assert_eq!(ada.stands("count_popularity").await["state"], "withdrawn");
    assert_eq!(held(), before - 1);
}

#[tokio::test]
async fn what_is_not_the_same_is_no_new_name() {
    let model = Model::start();
    let stage = stage(&model).await;
    let mut files = renamed("count_popularity");
    let catalogue = files.get_mut("purposes.toml").unwrap();
    *catalogue = catalogue.replace("retention_days = 30\n", "retention_days = 60\n");
    let refused = apply(&stage, files).await.unwrap_err();
    let ChangeError::Flawed(error) = &refused else { panic!("{refused}") };
    assert_eq!(error.flaws()[0].file, "migration.toml");
    assert!(
        refused.to_string().contains("is not measure_popularity under another name"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_category_that_people_agreed_to_does_not_vanish_by_itself() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
    ada.gives_to(RECOMMEND, &json!({"categories": [{"id": "location"}, {"id": "activity"}]})).await;
    bob.gives_to(RECOMMEND, &json!({"categories": [{"id": "activity"}]})).await;
    let names = "\"seed_items\", \"location\", \"demographics\"";
    let mut files = edited(&[("purposes.toml", names, "\"seed_items\", \"demographics\"")]);
    files.retain(|file, _| !file.ends_with(".cases.toml"));
    let refused = apply(&stage, files.clone()).await.unwrap_err();
    let ChangeError::Lost(survey) = &refused else { panic!("{refused}") };
    assert_eq!(survey.lost.values().copied().collect::<Vec<_>>(), [1]);
    assert!(
        refused.to_string().contains("the category location of the purpose recommend_products")
    );
    files.insert("migration.toml".to_owned(), "[categories]\nlocation = \"withdraw\"\n".to_owned());
    let report = apply(&stage, files).await.unwrap();
    assert_eq!(
        report.people.asked_again.values().copied().collect::<Vec<_>>(),
        [1],
        "bob is asked again"
    );
    assert_eq!(ada.stands(RECOMMEND).await["state"], "withdrawn");
    assert_eq!(bob.stands(RECOMMEND).await["state"], "given");
    let answer = stage.shopkeeper().asks_for(&bob).await;
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "notice_outdated");
}

#[tokio::test]
async fn a_bundle_that_breaks_a_promise_or_a_case_is_not_put_in_force() {
    let model = Model::start();
    let stage = stage(&model).await;
    let version = stage.behind().policy_changes.in_force();
    let leaky = edited(&[(
        "gate.cedar",
        "when { context.paused }",
        "when { context.paused && context.gpc }",
    )]);
    let refused = apply(&stage, leaky).await.unwrap_err();
    let ChangeError::Fails(report) = &refused else { panic!("{refused}") };
    assert!(!report.failed.is_empty() && !report.breaches.is_empty());
    let broken = edited(&[("gate.cedar", "context.paused", "context.pawsed")]);
    let refused = apply(&stage, broken).await.unwrap_err();
    let ChangeError::Flawed(error) = &refused else { panic!("{refused}") };
    let flaw = &error.flaws()[0];
    assert_eq!((flaw.file.as_str(), flaw.line), ("gate.cedar", Some(75)));
    assert_eq!(stage.behind().policy_changes.in_force(), version);
}

/// A gateway on `disk`, which an earlier one may have left.
async fn on_disk(model: &Model, folder: &std::path::Path, disk: &FaultFs) -> Stage {
    let (url, folder, disk) = (model.url(), folder.to_owned(), disk.clone());
    Stage::set(move |set| {
        (set.model, set.folder, set.disk) = (Some(url), Some(folder), Some(disk));
        // Gateways of one folder stand beside each other here: each its own door.
        set.door = Some("127.0.0.1:0".to_owned());
    })
    .await
}

/// Copies of the disk as they would be found if the process were killed at one of many moments until `over`.
fn kills(disk: &FaultFs, over: &Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<FaultFs>> {
    let (disk, over) = (disk.clone(), over.clone());
    std::thread::spawn(move || {
        let (mut copies, mut last) = (Vec::new(), disk.calls());
        while !over.load(Ordering::Relaxed) {
            if disk.calls() != last {
                last = disk.calls();
                copies.push(disk.after_kill());
            }
            std::thread::yield_now();
        }
        copies
    })
}

#[tokio::test]
async fn a_process_killed_during_a_change_leaves_one_version_whole_and_finishes_it() {
    const PEOPLE: usize = 40;
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let stage = on_disk(&model, &folder, &disk).await;
    let ids: Vec<String> = (0..PEOPLE).map(|n| format!("person-{n}")).collect();
    for id in &ids {
        stage.known_as(id).gives_to(POPULARITY, &json!({})).await;
    }
    let before = stage.behind().policy_changes.in_force();
    let over = Arc::new(AtomicBool::new(false));
    let mut copies = vec![disk.after_kill()];
    let between = kills(&disk, &over);
    let going = without_popularity("[purposes]\nmeasure_popularity = \"withdraw\"\n");
    let report = apply(&stage, going).await.unwrap();
    over.store(true, Ordering::Relaxed);
    copies.extend(tokio::task::spawn_blocking(move || between.join().unwrap()).await.unwrap());
    copies.push(disk.after_kill());
    assert_eq!(report.migration.unwrap().acts, PEOPLE as u64);
    let (mut old, mut half, mut done) = (0, 0, 0);
    for copy in copies.iter().step_by((copies.len() / 8).max(1)).chain(copies.last()) {
        let stage = on_disk(&model, &folder, copy).await;
        let changes = stage.behind().policy_changes.clone();
        let version = changes.in_force();
        let purpose = PurposeId::parse(POPULARITY).unwrap();
        let given = || {
            let stands = |id: &String| stage.find(id).unwrap().standing.purpose(&purpose).cloned();
            let states = ids.iter().map(|id| stands(id).unwrap().consent.written_state());
            states.filter(|state| *state == ConsentState::Given).count()
        };
        if version == before {
            assert_eq!(given(), PEOPLE, "a consent went although the change was not made");
            assert!(!changes.is_unfinished().unwrap());
            old += 1;
        } else {
            assert_eq!(version, report.version);
            // Whether or not the gateway has begun by itself to finish what was left.
            let left = given();
            changes.resume().await.unwrap();
            assert_eq!(given(), 0);
            assert!(!changes.is_unfinished().unwrap());
            (half, done) = (half + usize::from(left > 0), done + usize::from(left == 0));
        }
        stage.stop().await;
    }
    assert!(old > 0 && half + done > 0, "{old} before, {half} half way, {done} done");
    stage.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_what_was_applied_whatever_the_folder_says() {
    let (model, disk, folder) = (Model::start(), FaultFs::new(), fresh_folder());
    let stage = on_disk(&model, &folder, &disk).await;
    let applied = apply(&stage, forbidding()).await.unwrap().version;
    stage.stop().await;
    let stage = on_disk(&model, &folder, &disk).await;
    assert_eq!(stage.behind().policy_changes.in_force(), applied);
    let rows = stage.log().await;
    assert_eq!(events(&rows, &["policy.changed"]).len(), 2, "a start changes nothing");
    let said = support::log::logged();
    assert!(said.contains("the policies of the folder are not those in force"), "nobody is told");
    let row = rows.iter().rfind(|row| row.event() == "policy.changed").unwrap();
    let body = stage.opens_nobodys(row.index).unwrap();
    assert_eq!((&body["version"], &body["by"]), (&json!(applied), &json!("owner")));
    assert_eq!(row.leaf["s"], json!(applied.strip_prefix("sha256:").unwrap()[..16]));
}

#[tokio::test]
async fn the_operators_door_changes_the_policy_and_says_what_stands_against_it() {
    let model = Model::start();
    let stage = stage(&model).await;
    stage.known_as("ada").gives_to(POPULARITY, &json!({})).await;
    let post = |body: Value| stage.operate("post", "/v1/operate/policies").json(&body).send();
    let in_force = || async {
        stage.operate("get", "/v1/operate/policies").send().await.json()["in_force"].clone()
    };
    let first = in_force().await;
    let mut flawed = edited(&[("gate.cedar", "context.paused", "context.pawsed")]);
    flawed.insert("notes.md".to_owned(), String::new());
    let refused = post(json!({"files": flawed})).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "policy-refused"));
    let flaws = refused.json()["flaws"].as_array().unwrap().clone();
    assert_eq!(flaws.len(), 2, "{flaws:?}");
    let cedar = flaws.iter().find(|flaw| flaw["file"] == "gate.cedar").unwrap();
    assert!(cedar["line"].is_u64() && cedar["column"].is_u64() && cedar["reason"].is_string());
    let lost = post(json!({"files": without_popularity("")})).await;
    assert_eq!(lost.json()["people"]["lost"]["the purpose measure_popularity"], 1, "{}", lost.body);
    assert_eq!(post(json!({})).await.status, 422);
    assert_eq!(post(json!({"version": "sha256:00000000"})).await.status, 404);
    assert_eq!(in_force().await, first);
    let tried = post(json!({"files": forbidding(), "dry_run": true})).await;
    assert_eq!((tried.status.as_u16(), &tried.json()["in_force"]), (200, &json!(false)));
    assert_eq!(in_force().await, first);
    let applied = post(json!({"files": forbidding()})).await.json();
    assert_eq!((&applied["in_force"], &applied["before"]), (&json!(true), &first));
    assert!(applied["difference"]["changed"].as_u64() > Some(0));
    let back = post(json!({"version": first})).await.json();
    assert_eq!(back["in_force"], true);
    assert_eq!(in_force().await, first);
    let files = stage.operate("get", "/v1/operate/policies/current").send().await.json();
    assert_eq!(files["files"], json!(Bundle::shipped_files()));
}
