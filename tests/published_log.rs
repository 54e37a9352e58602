//! The log as anyone may verify it: published each second, signed, and never in contradiction to what was signed before.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]

mod support;

use std::{io, sync::Arc};

use consentry::{
    ambient::{Fs as _, OpenMode},
    audit::{Draft, Event, Folder, Row, RowKeys, Vocabulary},
    domain::Timestamp,
    store::{Batch, RestoreRequest, backups_in, restore},
    tlog::{Checkpoint, Files, Trust, Verified, VerifierKey, Wrong, verify},
};
use serde_json::json;

use support::{Stage, actors::RECOMMEND, house::House};

impl House {
    async fn open(&self) -> Stage {
        self.open_at("2026-11-22T03:00:00Z").await
    }

    async fn open_at(&self, moment: &str) -> Stage {
        let stage = self.open_with(|_| {}).await;
        stage.clock.set(Timestamp::parse(moment).unwrap());
        stage
    }

    fn log(&self, shard: &str) -> Folder {
        Folder::new(Arc::new(self.disk.clone()), self.folder.join("store/tlog").join(shard))
    }
}

async fn publish(stage: &Stage) {
    let log = stage.behind().log.clone();
    tokio::task::spawn_blocking(move || log.publish()).await.unwrap().unwrap();
}

fn vkey(stage: &Stage, name: &str) -> VerifierKey {
    let log = &stage.behind().log;
    let shard = log.shards().iter().find(|shard| shard.name == name).cloned().unwrap();
    log.verifier(&shard).unwrap()
}

fn verified(
    files: &impl Files,
    key: &VerifierKey,
    since: Option<&[u8]>,
) -> Result<Verified, Wrong> {
    let kept: Vec<&[u8]> = since.into_iter().collect();
    let trust = Trust { since: &kept, ..Trust::of(key) };
    verify(files, &trust, |_, _| Ok(()))
}

fn checkpoint(folder: &Folder, key: &VerifierKey) -> Checkpoint {
    Checkpoint::open(&folder.read("checkpoint").unwrap().unwrap(), key).unwrap()
}

/// A log that is read over HTTP, as an auditor reads it.
struct Served(std::collections::BTreeMap<String, Vec<u8>>);

impl Files for Served {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

#[tokio::test]
async fn what_was_answered_stands_in_the_next_checkpoint_where_the_answer_says() {
    let house = House::new();
    let stage = house.open().await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let answer = stage.shopkeeper().asks_for(&ada).await;
    let place = &answer["log"];
    assert_eq!(place["origin"], "gw.test/log/2026h2");
    publish(&stage).await;
    let (folder, key) = (house.log("2026h2"), vkey(&stage, "2026h2"));
    assert_eq!(key.name, "gw.test/log/2026h2");
    let found = verified(&folder, &key, None).unwrap();
    assert!(found.rows > place["index"].as_u64().unwrap());
    let proof = stage.behind().log.prove(place["index"].as_u64().unwrap()).unwrap().unwrap();
    let entry = stage.log().await[usize::try_from(proof.index).unwrap()].bytes.clone();
    proof.verify(&entry, &key).unwrap();
    assert_eq!(Row::parse(&entry).unwrap().event, "decision");
}

#[tokio::test]
async fn all_rows_say_words_of_the_vocabulary_that_the_log_commits_to() {
    let house = House::new();
    let stage = house.open().await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    ada.withdraws().await;
    publish(&stage).await;
    let folder = house.log("2026h2");
    let rows = stage.log().await;
    let rows: Vec<Row<'_>> = rows.iter().map(|row| Row::parse(&row.bytes).unwrap()).collect();
    let mut committed = rows.iter().filter_map(|row| Some((row.ruleset, row.vocabulary?)));
    let (ruleset, hash) = committed.next_back().unwrap();
    let served = folder.read(&Vocabulary::path(ruleset)).unwrap().unwrap();
    let vocabulary = Vocabulary::parse(&served).unwrap();
    assert_eq!(vocabulary.hash(), hash);
    assert_eq!(folder.read(&Vocabulary::path_of(ruleset, &hash)).unwrap(), Some(served));
    for row in &rows {
        vocabulary.check(row).unwrap();
    }
}

#[tokio::test]
async fn a_log_is_read_over_http_with_the_headers_that_caches_need() {
    let house = House::new();
    let stage = house.open().await;
    stage.shelves(120, 7).await;
    for n in 0..300 {
        stage.known_as(&format!("person-{n}")).gives().await;
    }
    publish(&stage).await;
    let listed = stage.get("/log/shards").send().await.json();
    let shard = &listed["shards"][0];
    let key = VerifierKey::parse(shard["vkey"].as_str().unwrap()).unwrap();
    let mut served = std::collections::BTreeMap::new();
    let note = stage.get("/log/checkpoint").send().await;
    assert_eq!(note.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(note.header("cache-control"), "no-cache");
    let size = Checkpoint::open(note.body.as_bytes(), &key).unwrap().size;
    assert!(size > 512, "{size}");
    served.insert("checkpoint".to_owned(), note.bytes.to_vec());
    for kind in ["0/", "entries/"] {
        for number in 0..size.div_ceil(256) {
            let left = size - number * 256;
            let part = if left < 256 { format!(".p/{left}") } else { String::new() };
            let path = format!("tile/{kind}{number:03}{part}");
            let answer = stage.get(&format!("/log/{path}")).send().await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.header("cache-control").contains("immutable"));
            served.insert(path, answer.bytes.to_vec());
        }
    }
    let path = format!("tile/1/000.p/{}", size / 256);
    let level = stage.get(&format!("{}{path}", shard["path"].as_str().unwrap())).send().await;
    served.insert(path, level.bytes.to_vec());
    assert_eq!(verified(&Served(served), &key, None).unwrap().rows, size);
    for nothing in [
        "/log/tile/0/999",
        "/log/tile/0/0",
        "/log/tile/../checkpoint",
        "/log/vocabulary/x.json",
        "/log/shards/1999h1/checkpoint",
        "/log/shards/2026h2/synced",
    ] {
        assert_eq!(stage.get(nothing).send().await.problem(), "not-found", "{nothing}");
    }
}

#[tokio::test]
async fn a_log_that_is_not_public_takes_an_auditors_token() {
    let stage = Stage::set(|set| set.audit_settings.push_str("public = false"));
    let stage = stage.await;
    publish(&stage).await;
    let rows = stage.log().await.len();
    let vocabulary = stage.behind().audit.vocabulary().ruleset.clone();
    for path in [
        "/log/checkpoint".to_owned(),
        "/log/shards".to_owned(),
        "/log/shards/2026h2/checkpoint".to_owned(),
        format!("/log/tile/0/000.p/{rows}"),
        format!("/log/vocabulary/{vocabulary}.json"),
    ] {
        let path = path.as_str();
        assert_eq!(stage.get(path).send().await.status, 401, "{path}");
        assert_eq!(stage.get(path).token(&stage.shop()).send().await.status, 403, "{path}");
        let read = stage.get(path).token(&stage.auditor()).send().await;
        assert_eq!(
            (read.status.as_u16(), read.header("cache-control")),
            (200, "private, no-cache")
        );
    }
}

#[tokio::test]
async fn a_checkpoint_never_goes_back_and_each_goes_on_from_those_before() {
    let house = House::new();
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for round in 0..4 {
        let stage = house.open().await;
        let key = vkey(&stage, "2026h2");
        for n in 0..90 {
            stage.known_as(&format!("person-{round}-{n}")).gives().await;
            if n % 30 == 0 {
                publish(&stage).await;
                kept.push(house.log("2026h2").read("checkpoint").unwrap().unwrap());
            }
        }
        // What the disk was not told to keep is gone, as after a loss of power.
        if round == 2 {
            let tile = house.folder.join("store/tlog/2026h2/tile/entries/000");
            house.disk.open(&tile, OpenMode::Truncate).unwrap();
        }
        stage.stop().await;
        let stage = house.open().await;
        publish(&stage).await;
        for older in &kept {
            let found = verified(&house.log("2026h2"), &key, Some(older)).unwrap();
            assert_eq!(found.since.len(), 1);
        }
        stage.stop().await;
    }
}

#[tokio::test]
async fn a_lost_folder_of_the_log_is_made_anew_with_the_same_roots() {
    let house = House::new();
    let stage = house.open().await;
    for n in 0..130 {
        stage.known_as(&format!("person-{n}")).gives().await;
    }
    publish(&stage).await;
    let key = vkey(&stage, "2026h2");
    let before = checkpoint(&house.log("2026h2"), &key);
    stage.stop().await;
    house.disk.remove_dir_all(&house.folder.join("store/tlog")).unwrap();
    let stage = house.open().await;
    stage.known_as("ada").gives().await;
    publish(&stage).await;
    let found = verified(&house.log("2026h2"), &key, None).unwrap();
    assert!(found.rows > before.size);
}

#[tokio::test]
async fn a_state_older_than_what_was_signed_goes_on_under_a_new_name() {
    let house = House::new();
    let stage = house.open().await;
    stage.known_as("ada").gives().await;
    let order = json!({"dir": house.folder.join("backups")});
    assert_eq!(stage.operate("post", "/v1/operate/backups").json(&order).send().await.status, 201);
    stage.known_as("bob").gives().await;
    publish(&stage).await;
    let old = vkey(&stage, "2026h2");
    let signed = checkpoint(&house.log("2026h2"), &old);
    stage.stop().await;
    let from = backups_in(&house.disk, &house.folder.join("backups")).unwrap().pop().unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let to = house.folder.join("store");
    restore(&house.disk, &RestoreRequest { from, journal: None, to, now }, &mut |_, _| {}).unwrap();
    let stage = house.open().await;
    publish(&stage).await;
    // Nothing more is signed in the old name.
    assert_eq!(house.log("2026h2").read("checkpoint").unwrap(), None);
    let (folder, key) = (house.log("2026h2.2"), vkey(&stage, "2026h2.2"));
    assert!(verified(&folder, &key, None).unwrap().rows > 0);
    let rows = stage.log().await;
    let opened = rows.iter().rev().find(|row| row.event() == "log.opened").unwrap();
    let row = Row::parse(&opened.bytes).unwrap();
    let previous = row.previous.unwrap();
    assert_eq!(
        (previous.origin, previous.size, previous.root),
        (&*signed.origin, signed.size, signed.root)
    );
    assert_eq!(row.reason, "restored");
    let answer = stage.known_as("cleo").gives().await;
    assert_eq!(answer["log"]["origin"], "gw.test/log/2026h2.2");
    let place = &answer["log"]["index"];
    publish(&stage).await;
    let proof = stage.behind().log.prove(opened.index + place.as_u64().unwrap()).unwrap().unwrap();
    assert_eq!(json!(proof.index), *place);
}

#[tokio::test]
async fn a_new_half_year_begins_a_log_that_names_the_last() {
    let house = House::new();
    let stage = house.open().await;
    stage.known_as("ada").gives().await;
    publish(&stage).await;
    stage.clock.set(Timestamp::parse("2027-01-01T00:00:01Z").unwrap());
    publish(&stage).await;
    let answer = stage.known_as("bob").gives().await;
    assert_eq!(answer["log"]["origin"], "gw.test/log/2027h1");
    publish(&stage).await;
    let old = verified(&house.log("2026h2"), &vkey(&stage, "2026h2"), None).unwrap();
    let new = verified(&house.log("2027h1"), &vkey(&stage, "2027h1"), None).unwrap();
    let all = stage.log().await;
    assert_eq!(old.rows + new.rows, all.len() as u64);
    let first = Row::parse(&all[usize::try_from(old.rows).unwrap()].bytes).unwrap();
    assert_eq!((first.event, first.reason), ("log.opened", "period"));
    assert_eq!(first.previous.unwrap().size, old.rows);
    // The clock goes back: the log does not.
    stage.clock.set(Timestamp::parse("2026-12-31T00:00:00Z").unwrap());
    publish(&stage).await;
    assert_eq!(stage.known_as("cleo").gives().await["log"]["origin"], "gw.test/log/2027h1");
    stage.stop().await;
    let stage = house.open_at("2027-02-01T00:00:00Z").await;
    publish(&stage).await;
    verified(&house.log("2027h1"), &vkey(&stage, "2027h1"), None).unwrap();
    assert_eq!(stage.behind().log.shards().len(), 2);
    assert_eq!(
        stage.find("ada").is_some(),
        stage.known_as("ada").stands(RECOMMEND).await["state"] == "given"
    );
}

#[tokio::test]
async fn rows_that_are_not_those_that_were_signed_go_on_under_a_new_name_once() {
    let house = House::new();
    let stage = house.open().await;
    for n in 0..20 {
        stage.known_as(&format!("person-{n}")).gives().await;
    }
    publish(&stage).await;
    let store = stage.behind().store.clone();
    tokio::task::spawn_blocking(move || store.checkpoint().unwrap()).await.unwrap();
    let row = stage.log().await[5].bytes.clone();
    stage.stop().await;
    let rows = house.folder.join("store/log/000000000000.leaves");
    let file = house.disk.open(&rows, OpenMode::Write).unwrap();
    let bytes = file.read_to(1 << 24).unwrap();
    let at = bytes.windows(row.len()).position(|part| part == row).unwrap();
    file.write_all_at(b"x", at as u64 + 60).unwrap();
    let kept = house.log("2026h2").read("checkpoint").unwrap();
    for _ in 0..3 {
        let stage = house.open().await;
        stage.known_as("ada").gives().await;
        publish(&stage).await;
        let names: Vec<_> = stage.behind().log.shards().iter().map(|s| s.name.clone()).collect();
        assert_eq!(names, ["2026h2", "2026h2.2"]);
        let found = verified(&house.log("2026h2.2"), &vkey(&stage, "2026h2.2"), None).unwrap();
        let first = usize::try_from(stage.behind().log.shards()[1].first).unwrap();
        let opened = stage.log().await[first].bytes.clone();
        assert_eq!(Row::parse(&opened).unwrap().reason, "forked");
        assert!(found.rows > 0);
        stage.stop().await;
    }
    assert_eq!(house.log("2026h2").read("checkpoint").unwrap(), kept, "nothing more is signed");
}

#[tokio::test]
async fn another_name_in_the_configuration_begins_another_log() {
    let house = House::new();
    let stage = house.open().await;
    stage.known_as("ada").gives().await;
    publish(&stage).await;
    stage.stop().await;
    let (disk, folder) = (house.disk.clone(), house.folder.clone());
    let stage = Stage::set(move |set| {
        (set.disk, set.folder) = (Some(disk), Some(folder));
        set.origin = "shop.test/log".to_owned();
    });
    let stage = stage.await;
    publish(&stage).await;
    let answer = stage.known_as("bob").gives().await;
    assert_eq!(answer["log"]["origin"], "shop.test/log/2026h2.2");
    publish(&stage).await;
    verified(&house.log("2026h2"), &vkey(&stage, "2026h2"), None).unwrap();
    verified(&house.log("2026h2.2"), &vkey(&stage, "2026h2.2"), None).unwrap();
}

#[tokio::test]
async fn another_key_signs_nothing_in_the_logs_name() {
    let house = House::new();
    let stage = house.open().await;
    publish(&stage).await;
    let before = house.log("2026h2").read("checkpoint").unwrap();
    stage.stop().await;
    let key = house.folder.join("keys/log");
    std::fs::remove_file(&key).unwrap();
    let (url, disk, folder) = (house.model.url(), house.disk.clone(), house.folder.clone());
    let refused = tokio::task::spawn_blocking(move || {
        let (clock, _) =
            consentry::ambient::Clock::manual(Timestamp::parse("2026-11-22T03:00:00Z").unwrap());
        let mut set = support::wiring::Set::new(clock);
        (set.model, set.disk, set.folder) = (Some(url), Some(disk), Some(folder));
        support::wiring::try_start(set).map(drop).unwrap_err().to_string()
    });
    assert_eq!(refused.await.unwrap(), "publishing the log");
    assert_eq!(house.log("2026h2").read("checkpoint").unwrap(), before);
}

/// As many rows about nobody, written in batches.
async fn fill(stage: &Stage, rows: u64) {
    let (store, audit) = (stage.behind().store.clone(), stage.behind().audit.clone());
    let (ruleset, at) = (audit.vocabulary().ruleset.clone(), stage.behind().gateway.now());
    let written = tokio::task::spawn_blocking(move || {
        let keys = RowKeys::of(&audit.nobody(), 0);
        let leaf = || {
            let draft = Draft {
                event: Event::AuditGap,
                outcome: "gap",
                reason: "journal_unavailable",
                purpose: None,
                recipient: None,
                ruleset: ruleset.clone(),
                at,
                rows: Some(1),
                body: Vec::new(),
            };
            audit.seal(draft, &keys, None).unwrap()
        };
        for _ in 0..rows.div_ceil(32) {
            let leaves = (0..32).map(|_| leaf()).collect();
            store.commit_blocking(Batch { leaves, ..Batch::default() }).unwrap();
        }
    });
    written.await.unwrap();
}

#[tokio::test]
async fn old_rows_leave_the_published_log_and_it_verifies_as_before() {
    let house = House::new();
    let stage = house.open().await;
    fill(&stage, 66_000).await;
    publish(&stage).await;
    let (folder, key) = (house.log("2026h2"), vkey(&stage, "2026h2"));
    let whole = verified(&folder, &key, None).unwrap();
    let kept = folder.read("checkpoint").unwrap().unwrap();
    let prune = |until: &'static str| {
        let log = stage.behind().log.clone();
        let until = Timestamp::parse(until).unwrap();
        tokio::task::spawn_blocking(move || log.prune(until).unwrap())
    };
    assert_eq!(prune("2026-11-22T03:00:00Z").await.unwrap(), 0, "none is older");
    assert_eq!(prune("2026-11-23T03:00:00Z").await.unwrap(), 65_536);
    assert_eq!(folder.read("tile/entries/000").unwrap(), None);
    assert_eq!(folder.read("tile/0/255").unwrap(), None);
    let served = stage.get("/log/retention").send().await;
    assert_eq!(served.body, "{\"minimum_index\":65536}\n");
    let after = verified(&folder, &key, Some(&kept)).unwrap();
    assert_eq!(after.checkpoint, whole.checkpoint);
    assert!(stage.behind().log.prove(65_535).unwrap().is_none());
    assert!(stage.behind().log.prove(65_600).unwrap().is_some());
    stage.known_as("ada").gives().await;
    publish(&stage).await;
    stage.stop().await;
    let stage = house.open().await;
    stage.known_as("bob").gives().await;
    publish(&stage).await;
    assert!(verified(&folder, &key, Some(&kept)).unwrap().checkpoint.size > whole.checkpoint.size);
    // The start made the log anew, since its files were not known to be on the disk.
    let log = stage.behind().log.clone();
    let until = Timestamp::parse("2026-11-23T03:00:00Z").unwrap();
    tokio::task::spawn_blocking(move || log.prune(until).unwrap()).await.unwrap();
    assert_eq!(folder.read("tile/entries/000").unwrap(), None);
}
