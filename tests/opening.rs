//! Opening rows: a person's export, a row for an auditor, and the rows held against the keys.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use consentry::{
    ambient::{Fault, FaultFs},
    audit::{OpenedRow, OwnLog, RowKeys, marks},
    store::{Batch, Key},
    tlog::VerifierKey,
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_full},
    book::{Row, events},
    client::Answer,
    model::Model,
    proved::{Made, ORIGIN, Tree, key},
    wiring::fresh_folder,
};

const OPEN: &str = "/v1/operate/audit/open";
const RECONCILE: &str = "/v1/operate/audit/reconcile";

/// A gateway whose rows are proven, and where ada and bob agreed and were answered twice.
async fn stage() -> Stage {
    let stage = Stage::set(|set| set.proving = Some(Tree::over)).await;
    two_lives(&stage).await;
    stage
}

async fn two_lives(stage: &Stage) {
    stage.shelves(30, 7).await;
    let (ada, bob, shop) = (stage.known_as("ada"), stage.known_as("bob"), stage.shopkeeper());
    for person in [&ada, &bob, &ada, &bob] {
        if stage.find(&person.id).is_none() {
            person.gives().await;
        }
        shop.asks_for(person).await;
    }
}

fn keys() -> Vec<VerifierKey> {
    vec![key()]
}

async fn export(stage: &Stage, id: &str) -> (Value, OwnLog) {
    let answer = stage.get("/v1/me/export").token(&stage.person(id)).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    let json = answer.json();
    let log = serde_json::from_value(json["log"].clone()).unwrap();
    (json, log)
}

/// The rows that the person's keys of `epoch` find, looked for one by one.
fn theirs(stage: &Stage, id: &str, epoch: u32, rows: &[Row]) -> BTreeSet<u64> {
    let keys = RowKeys::of(&stage.find(id).unwrap().key, epoch);
    let tagged = |row: &&Row| {
        let leaf: consentry::audit::Row<'_> = consentry::audit::Row::parse(&row.bytes).unwrap();
        keys.tag(&leaf.nonce) == leaf.tag
    };
    rows.iter().filter(tagged).map(|row| row.index).collect()
}

fn indices(log: &OwnLog, epoch: u32) -> BTreeSet<u64> {
    let of = log.rows.iter().filter(|row| row.epoch == Some(epoch));
    of.map(|row| row.index).collect()
}

#[tokio::test]
async fn an_export_holds_every_row_of_the_persons_and_nobody_elses() {
    let stage = stage().await;
    let (json, log) = export(&stage, "ada").await;
    let rows = stage.log().await;
    let own = theirs(&stage, "ada", 0, &rows);
    assert_eq!(indices(&log, 0), own);
    let told: Vec<Row> = rows.iter().filter(|row| own.contains(&row.index)).cloned().collect();
    let kinds: Vec<&str> = told.iter().map(Row::event).collect();
    let answered = ["decision", "decision.answered"];
    assert_eq!(kinds[..2], ["consent.given", "subject.created"]);
    assert_eq!(kinds[2..6], [answered, answered].concat());
    assert_eq!(kinds[6..], ["rights.export"], "the export holds the row that tells of it");
    assert!(own.is_disjoint(&theirs(&stage, "bob", 0, &rows)));
    let until = log.until.clone().unwrap();
    assert_eq!((until.origin.as_str(), until.size), (ORIGIN, rows.len() as u64));
    let checked = log.check(&keys()).unwrap();
    assert_eq!((checked.opened, checked.proven), (7, 7));
    let first: Value = serde_json::from_str(log.rows[0].body.as_ref().unwrap()).unwrap();
    assert_eq!((&first["action"], &first["epoch"]), (&json!("give"), &json!(1)));
    let names = |row: &OpenedRow| row.body.as_ref().unwrap().contains("\"ada\"");
    assert!(!log.rows.iter().any(names), "the export names the person: {json}");
}

#[tokio::test]
async fn what_was_exported_finds_and_opens_no_later_row() {
    let stage = stage().await;
    let (_, before) = export(&stage, "ada").await;
    let first_after = stage.log().await.len();
    stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    stage.known_as("ada").withdraws().await;
    let (rows, own) = (stage.log().await, before.check(&keys()).unwrap());
    for row in &rows[first_after..] {
        assert_eq!(own.meet(ORIGIN, row.index, &row.bytes), Ok(false), "{}", row.leaf);
    }
    let (_, after) = export(&stage, "ada").await;
    assert_eq!(after.epochs[0], before.epochs[0]);
    assert_eq!(
        after.rows[..before.rows.len()].iter().map(|r| r.index).collect::<BTreeSet<_>>(),
        indices(&before, 0)
    );
    let later = indices(&after, 1);
    assert_eq!(later, theirs(&stage, "ada", 1, &stage.log().await));
    // The answer's two, the withdrawal and the export; the deletion that follows has one more, sooner or later.
    assert!(later.len() >= 4, "{later:?}");
    assert!(later.iter().all(|index| *index >= first_after as u64));
    assert_eq!(after.check(&keys()).unwrap().count(), (before.rows.len() + later.len()) as u64);
}

#[tokio::test]
async fn a_call_under_way_writes_nothing_under_the_keys_that_an_export_hands_out() {
    let model = Model::start();
    let url = model.url();
    let stage = Stage::set(move |set| {
        set.model = Some(url);
        set.proving = Some(Tree::over);
        set.model_settings = String::from("timeout_ms = 60000");
    })
    .await;
    two_lives(&stage).await;
    let seen = model.seen_on("/recommend").len();
    model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    model.has_seen("/recommend", seen + 1).await;
    let (_, log) = export(&stage, "ada").await;
    let exported = stage.log().await.len();
    model.release();
    let answer = asking.await.unwrap().json();
    is_full(&answer, 10);
    assert_eq!(answer["tier"], "individual", "an export takes nothing back");
    let rows = stage.log().await;
    let all = ["decision.void", "decision", "decision.answered"];
    assert_eq!(events(&rows[exported..], &all), all);
    assert!(theirs(&stage, "ada", 0, &rows[exported..]).is_empty(), "a row that the export finds");
    assert_eq!(theirs(&stage, "ada", 1, &rows[exported..]).len(), 3);
    log.check(&keys()).unwrap();
}

#[tokio::test]
async fn what_opens_one_row_opens_no_other() {
    let stage = stage().await;
    let (_, log) = export(&stage, "ada").await;
    for row in &log.rows {
        row.check(&keys()).unwrap();
        for other in log.rows.iter().filter(|other| other.index != row.index) {
            assert_ne!(row.salt, other.salt);
            let mixed = OpenedRow { salt: row.salt.clone(), ..other.clone() };
            assert!(
                mixed.check(&keys()).is_err(),
                "the salt of {} opens {}",
                row.index,
                other.index
            );
            // Two rows may say the same, word for word; the salt tells them apart.
            let moved =
                OpenedRow { salt: row.salt.clone(), body: row.body.clone(), ..other.clone() };
            assert!(moved.check(&keys()).is_err(), "{} passes for {}", row.index, other.index);
        }
    }
}

#[tokio::test]
async fn somebody_elses_token_gets_nothing_of_it() {
    let stage = stage().await;
    let (_, log) = export(&stage, "bob").await;
    assert!(indices(&log, 0).is_disjoint(&theirs(&stage, "ada", 0, &stage.log().await)));
    let before = (stage.log().await.len(), stage.records());
    let (json, _) = export(&stage, "carol").await;
    assert_eq!(json["log"], json!({"epochs": [], "until": null, "rows": []}));
    assert_eq!((stage.log().await.len(), stage.records()), before, "asking has created somebody");
    for token in [stage.shop(), stage.auditor()] {
        let refused = stage.get("/v1/me/export").token(&token).send().await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (403, "wrong-scope"));
    }
}

async fn opens(stage: &Stage, order: &Value) -> Answer {
    stage.operate("post", OPEN).json(order).send().await
}

#[tokio::test]
async fn an_operator_opens_a_row_and_the_log_says_so_first() {
    let stage = stage().await;
    let rows = stage.log().await;
    let decided = theirs(&stage, "ada", 0, &rows).into_iter().nth(2).unwrap();
    let opened = opens(&stage, &json!({"rows": [decided], "reason": "court_order"})).await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    let row: OpenedRow = serde_json::from_value(opened.json()["rows"][0].clone()).unwrap();
    let shown = row.check(&keys()).unwrap();
    assert!(shown.opens);
    // Its proof stands under a checkpoint that holds the row about the opening: that was there before.
    let row_before = &stage.log_since(rows.len()).await[0];
    assert!(shown.checkpoint.unwrap().size > row_before.index);
    assert_eq!(
        (row_before.event(), &row_before.leaf["r"]),
        ("operator.opened", &json!("court_order"))
    );
    let body = stage.opens_nobodys(row_before.index).unwrap();
    assert_eq!(body["rows"], json!([{"origin": ORIGIN, "index": decided}]));
    assert_eq!(
        (row.index, row.entry.as_bytes()),
        (decided, rows[usize::try_from(decided).unwrap()].bytes.as_slice())
    );
    let text = opened.body.clone();
    let sid = stage.find("ada").unwrap().key.sid();
    assert!(!text.contains(&consentry::domain::hex(&sid.0)), "it says whose row it is");
}

#[tokio::test]
async fn rows_of_any_epoch_and_of_nobody_are_opened() {
    let stage = stage().await;
    export(&stage, "ada").await;
    export(&stage, "bob").await;
    stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    let rows = stage.log().await;
    let mut order: Vec<u64> = theirs(&stage, "ada", 1, &rows).into_iter().collect();
    order.push(rows.iter().find(|row| row.event() == "policy.changed").unwrap().index);
    order.extend(theirs(&stage, "ada", 0, &rows).iter().take(2));
    let opened = opens(&stage, &json!({"rows": order, "reason": "incident"})).await.json();
    let told = opened["rows"].as_array().unwrap();
    assert_eq!(told.len(), order.len());
    for (index, row) in order.iter().zip(told) {
        let row: OpenedRow = serde_json::from_value(row.clone()).unwrap();
        assert!(row.check(&keys()).unwrap().opens);
        assert_eq!(row.index, *index);
    }
}

#[tokio::test]
async fn nothing_is_opened_without_a_reason_or_while_it_cannot_be_logged() {
    let disk = FaultFs::new();
    let held = disk.clone();
    let stage = Stage::set(move |set| {
        set.disk = Some(held);
        set.proving = Some(Tree::over);
    })
    .await;
    two_lives(&stage).await;
    let before = stage.log().await.len();
    let many: Vec<u64> = (0..101).collect();
    for (order, at) in [
        (json!({"rows": [1]}), ""),
        (json!({"rows": [1], "reason": "curiosity"}), "/reason"),
        (json!({"rows": [], "reason": "incident"}), "/rows"),
        (json!({"rows": many, "reason": "incident"}), "/rows"),
        (json!({"rows": [before + 5], "reason": "incident"}), "/rows"),
        (json!({"rows": [1], "reason": "incident", "origin": "gw.test/other"}), "/rows"),
    ] {
        let refused = opens(&stage, &order).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "invalid-body"));
        assert_eq!(refused.json()["errors"][0]["pointer"], at, "{}", refused.body);
        assert!(!refused.body.contains("salt"));
    }
    assert_eq!(stage.log().await.len(), before, "a refusal is no opening");
    stage.breaks(&disk, Fault::NO_WRITES).await;
    let refused = opens(&stage, &json!({"rows": [1], "reason": "incident"})).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "unavailable"));
    assert!(!refused.body.contains("salt"));
}

#[tokio::test]
async fn a_row_whose_key_is_gone_is_told_to_be_an_erased_persons() {
    let stage = stage().await;
    let rows = stage.log().await;
    let of_ada = *theirs(&stage, "ada", 0, &rows).first().unwrap();
    forget(&stage, "ada");
    let told = opens(&stage, &json!({"rows": [of_ada], "reason": "subject_request"})).await.json();
    assert_eq!(told["rows"], json!([{"origin": ORIGIN, "index": of_ada, "why": "erased"}]));
}

/// Takes a person's key away, as an erasure does, without the certificate.
fn forget(stage: &Stage, id: &str) {
    let sid = stage.find(id).unwrap().key.sid();
    let delete = vec![Key::new(&[b"k/".as_slice(), &sid.0].concat())];
    stage.behind().store.commit_blocking(Batch { delete, ..Batch::default() }).unwrap();
}

async fn reconciled(stage: &Stage, order: &Value) -> Value {
    let told = stage.operate("post", RECONCILE).json(order).send().await;
    assert_eq!(told.status, 200, "{}", told.body);
    let lines = told.lines();
    assert!(lines.len() > 1 && lines[0]["progress"]["done"].is_u64(), "{}", told.body);
    lines.last().unwrap()["result"].clone()
}

#[tokio::test]
async fn every_row_has_a_key_and_a_missing_key_is_found() {
    let stage = stage().await;
    export(&stage, "ada").await;
    stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    let rows = stage.log().await;
    let (ada, bob) = (
        [0, 1].map(|epoch| theirs(&stage, "ada", epoch, &rows).len()),
        theirs(&stage, "bob", 0, &rows).len(),
    );
    let found = reconciled(&stage, &json!({})).await;
    let of_people = (ada[0] + ada[1] + bob) as u64;
    assert_eq!((found["of_people"].as_u64(), &found["of_none"]), (Some(of_people), &json!(0)));
    assert_eq!(found["of_nobody"].as_u64(), Some(rows.len() as u64 - of_people));
    assert_eq!(
        (&found["created"], &found["living"], &found["bound"]),
        (&json!(2), &json!(2), &Value::Null)
    );
    assert_eq!((&found["keys_fit"], &found["rows_fit"]), (&json!(true), &json!(true)));
    assert_eq!(stage.log_since(rows.len()).await[0].leaf["o"], "fits");
    forget(&stage, "ada");
    let found = reconciled(&stage, &json!({"all": true})).await;
    assert_eq!((&found["keys_fit"], &found["rows_fit"]), (&json!(false), &json!(false)));
    assert_eq!(found["of_none"].as_u64(), Some((ada[0] + ada[1]) as u64));
    assert_eq!(stage.log().await.last().unwrap().leaf["o"], "differs");
}

#[tokio::test]
async fn a_sample_says_how_far_it_can_be_off() {
    let stage = stage().await;
    let rows = stage.log().await.len() as u64;
    let found = reconciled(&stage, &json!({"sample": 10})).await;
    assert_eq!((&found["tried"], &found["of_none"]), (&json!(10), &json!(0)));
    assert_eq!(found["bound"]["least"], 0);
    assert!(found["bound"]["most"].as_u64().unwrap() <= rows - 10);
    assert_eq!(found["rows_fit"], true);
    let wrong = stage.operate("post", RECONCILE).json(&json!({"all": true, "sample": 3})).send();
    assert_eq!(wrong.await.status, 422);
}

/// A gateway that ends and starts anew in one folder.
struct House(FaultFs, PathBuf);

impl House {
    async fn open(&self, disk: &FaultFs) -> Stage {
        let (disk, folder) = (disk.clone(), self.1.clone());
        Stage::set(move |set| {
            (set.disk, set.folder) = (Some(disk), Some(folder));
            // One that was dropped, as if killed, still holds its door for a moment.
            set.door = Some("127.0.0.1:0".to_owned());
            set.proving = Some(Tree::over);
        })
        .await
    }
}

#[tokio::test]
async fn epochs_hold_over_a_restart() {
    let house = House(FaultFs::new(), fresh_folder());
    let stage = house.open(&house.0).await;
    two_lives(&stage).await;
    let (_, before) = export(&stage, "ada").await;
    stage.stop().await;
    let stage = house.open(&house.0).await;
    let asked = stage.log().await.len();
    stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    let rows = stage.log().await;
    assert!(theirs(&stage, "ada", 0, &rows[asked..]).is_empty());
    assert_eq!(theirs(&stage, "ada", 1, &rows[asked..]).len(), 2);
    let (_, after) = export(&stage, "ada").await;
    assert_eq!((before.epochs.len(), after.epochs.len()), (1, 2));
    assert_eq!(indices(&after, 0), indices(&before, 0));
    fs::remove_dir_all(&house.1).unwrap();
}

#[tokio::test]
async fn an_export_that_was_cut_off_by_a_kill_is_in_the_next_one() {
    let house = House(FaultFs::new(), fresh_folder());
    let stage = house.open(&house.0).await;
    two_lives(&stage).await;
    let closed = stage.behind().ledger.close_audit_epoch(stage.handle("ada")).await.unwrap();
    assert_eq!(closed.unwrap().ids[0].standing.audit_epoch, 1);
    // Killed before the answer: what is on the disk is all there is.
    let killed = house.0.after_kill();
    drop(stage);
    let stage = house.open(&killed).await;
    stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    let (_, log) = export(&stage, "ada").await;
    let rows = stage.log().await;
    for epoch in [0, 1] {
        assert_eq!(indices(&log, epoch), theirs(&stage, "ada", epoch, &rows), "epoch {epoch}");
    }
    assert_eq!((log.epochs.len(), indices(&log, 0).len(), indices(&log, 1).len()), (2, 7, 3));
    log.check(&keys()).unwrap();
    fs::remove_dir_all(&house.1).unwrap();
}

#[tokio::test]
async fn a_consent_is_what_it_was_after_an_export() {
    let stage = stage().await;
    let stood = stage.known_as("ada").stands(RECOMMEND).await;
    export(&stage, "ada").await;
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await, stood);
    let answer = stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    assert_eq!(answer["tier"], "individual");
}

/// Runs `consentry audit` with a log, its key and a file.
fn audit(what: &str, file: &Path, log: Option<&Path>, key: &VerifierKey) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consentry"));
    command.args(["audit", what]).arg(file).args(["--json", "--key", &key.to_string()]);
    if let Some(log) = log {
        command.arg("--log").arg(log);
    }
    command.output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, Value) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_str(text.trim()).unwrap_or_else(|_| json!(errors));
    (output.status.code(), json)
}

/// A change of an export, and a word of what is said of it.
type Change<'a> = (&'a dyn Fn(&mut Value), &'a str);

#[tokio::test]
async fn a_person_checks_an_export_with_the_logs_key_alone() {
    let stage = stage().await;
    let (json, _) = export(&stage, "ada").await;
    let folder = fresh_folder();
    let (file, log) = (folder.join("export.json"), folder.join("log"));
    let rows: Vec<Vec<u8>> = stage.log().await.into_iter().map(|row| row.bytes).collect();
    Made::of(&rows).write(&log);
    let check = |export: &Value, log: Option<&Path>| {
        fs::write(&file, export.to_string()).unwrap();
        told(&audit("mine", &file, log, &key()))
    };
    let (status, sound) = check(&json, Some(&log));
    assert_eq!(
        (status, &sound["sound"], &sound["rows"]),
        (Some(0), &json!(true), &json!(7)),
        "{sound}"
    );
    assert_eq!(sound["logs"], json!([{"origin": ORIGIN, "rows": rows.len(), "own": 7}]));
    let at = |row: usize| json["log"]["rows"][row]["index"].to_string();
    let changes: &[Change<'_>] = &[
        (&|log| log["rows"][2]["body"] = json!("{}"), "does not commit"),
        (&|log| log["rows"][2]["salt"] = log["rows"][1]["salt"].clone(), "does not commit"),
        (&|log| log["rows"][2]["n"] = log["rows"][1]["n"].clone(), "`n` is not the row's"),
        (&|log| log["rows"][2]["epoch"] = json!(1), "does not carry the tag"),
        (&|log| log["rows"][2]["entry"] = log["rows"][1]["entry"].clone(), "`n` is not the row's"),
        (&|log| log["rows"][2]["proof"] = log["rows"][1]["proof"].clone(), "proof is of row"),
        (&|log| log["rows"][2]["index"] = json!(0), "proof is of row"),
    ];
    for (change, word) in changes {
        let mut wrong = json.clone();
        change(&mut wrong["log"]);
        let (status, said) = check(&wrong, None);
        let said = said["wrong"].as_str().unwrap().to_owned();
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(word) && (said.contains(&at(2)) || said.contains("row 0")), "{said}");
    }
    // A row that the export lacks is found in the log, and only there.
    let mut lacking = json.clone();
    lacking["log"]["rows"].as_array_mut().unwrap().remove(3);
    assert_eq!(check(&lacking, None).0, Some(0));
    let (status, said) = check(&lacking, Some(&log));
    assert_eq!(status, Some(1));
    let said = said["wrong"].as_str().unwrap();
    assert!(said.contains(&format!("row {}: it carries the person's tag", at(3))), "{said}");
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn an_auditor_checks_one_row_and_learns_no_more() {
    let stage = stage().await;
    let rows = stage.log().await;
    let of_ada = theirs(&stage, "ada", 0, &rows).into_iter().nth(2).unwrap();
    let order = json!({"rows": [of_ada], "reason": "supervisory_authority"});
    let opened = opens(&stage, &order).await.json();
    let folder = fresh_folder();
    let (file, log) = (folder.join("row.json"), folder.join("log"));
    let all: Vec<Vec<u8>> = stage.log().await.into_iter().map(|row| row.bytes).collect();
    Made::of(&all).write(&log);
    let check = |row: &Value, log: Option<&Path>| {
        fs::write(&file, row.to_string()).unwrap();
        told(&audit("open-row", &file, log, &key()))
    };
    let whole = &opened["rows"][0];
    let (status, sound) = check(&opened, None);
    assert_eq!((status, &sound["entry"]["e"]), (Some(0), &json!("decision")), "{sound}");
    assert!(sound["body"]["outbound"].is_object() || sound["body"]["outbound"].is_null());
    // What the log holds anyway need not be in the file.
    let mut bare = whole.clone();
    for member in ["entry", "origin"] {
        bare.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(check(&bare, Some(&log)).0, Some(0));
    let mut other = whole.clone();
    other["body"] = json!(whole["body"].as_str().unwrap().replacen('1', "2", 1));
    assert_eq!(check(&other, Some(&log)).0, Some(1));
    // The salt and body find nothing else: no other row has this tag's key, nor this nonce.
    let (n, y) = marks(whole["entry"].as_str().unwrap().as_bytes()).unwrap();
    let with = |row: &&Row| marks(&row.bytes).is_some_and(|(nonce, tag)| nonce == n || tag == y);
    assert_eq!(rows.iter().filter(with).count(), 1);
    fs::remove_dir_all(folder).unwrap();
}
