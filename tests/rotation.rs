//! Rotating the key-encryption key: whoever is gone is gone from every file, nobody else becomes unreadable, wherever it is
//! cut off.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use consentry::{
    ambient::{Clock, Fault, FaultFs, Fs as _, RealFs},
    app::{App, Chores},
    domain::{TenantId, Timestamp},
    operate::{Rotated, RotationError},
    store::{Batch, CommitError, Key, backups_in},
    vault::Keeper,
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    book::events,
    needles::files,
    wiring::{self, Set, fresh_folder},
};

const ROWS: [&str; 2] = ["key.rotated", "kek.destroyed"];

/// The bytes of a person's key and handle, which must be nowhere once they are gone.
struct Traces {
    wrap: Vec<u8>,
    handle: Vec<u8>,
}

impl Stage {
    async fn rotates(&self) -> Value {
        let told = self.operate("post", "/v1/operate/keys/rotate").json(&json!({})).send().await;
        assert_eq!(told.status, 200, "{}", told.body);
        let last = told.body.lines().next_back().unwrap();
        serde_json::from_str::<Value>(last).unwrap()["result"].clone()
    }

    fn traces(&self, id: &str) -> Traces {
        let (store, sid) = (&self.behind().store, self.find(id).unwrap().key.sid());
        let wrap_at = Key::new(&[b"k/", sid.0.as_slice()].concat());
        let handles = store.scan(b"h/").map(Result::unwrap);
        let (handle_at, _) = { handles }.find(|(_, of)| of.value == sid.0).unwrap();
        let wrap = store.read(&wrap_at).unwrap().unwrap().value;
        let handle = handle_at.as_bytes()[2..].to_vec();
        Traces { wrap, handle }
    }

    /// Erases `id`, and returns what was theirs.
    async fn erases(&self, id: &str) -> Traces {
        let traces = self.traces(id);
        let call = self.post("/v1/me/erasure").token(&self.person(id));
        let told = call.json(&json!({"confirm": true})).send().await.json();
        assert_eq!(told["durable"], true, "{told}");
        self.eventually(|| self.behind().ledger.deletions_owed().unwrap().is_empty()).await;
        traces
    }
}

/// The files under `folder` that hold `bytes`.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let holds = |file: &Vec<u8>| file.windows(bytes.len()).any(|at| at == bytes);
    // A file that the gateway renames meanwhile is looked for anew.
    let search = || {
        let read = files(folder).into_iter().map(|path| fs::read(&path).map(|it| (path, it)));
        let read: Result<Vec<_>, _> = read.collect();
        Some(read.ok()?.into_iter().filter(|(_, it)| holds(it)).map(|(path, _)| path).collect())
    };
    std::iter::repeat_with(search).flatten().next().unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    RealFs.list(folder).unwrap().into_iter().collect()
}

/// The slots that the keeper's folder holds, with anything a rotation may have left.
fn slots(folder: &Path) -> Vec<String> {
    names(&folder.join("keys")).into_iter().filter(|name| name.starts_with("kek")).collect()
}

async fn on_disk(folder: &Path) -> Stage {
    let folder = folder.to_owned();
    Stage::set(move |set| {
        (set.disk, set.folder) = (None, Some(folder.clone()));
        set.sections = format!("[backup]\ndir = \"{}/backups\"", folder.display());
    })
    .await
}

const PEOPLE: usize = 30;

/// A gateway on a disk of the machine where `person-0` was destroyed, before and after a rotation.
struct House {
    folder: PathBuf,
    stage: Stage,
    gone: Traces,
    segments: BTreeSet<String>,
    older_backup: PathBuf,
    old_kek: Vec<u8>,
    told: Value,
}

impl House {
    async fn rotated() -> Self {
        let folder = fresh_folder();
        let stage = on_disk(&folder).await;
        stage.shelves(40, 7).await;
        for id in everybody() {
            stage.known_as(&id).gives().await;
        }
        let old_kek = fs::read(folder.join("keys/kek-a")).unwrap()[9..41].to_vec();
        stage.behind().backups.take(None, "test").unwrap();
        let older_backup = backups_in(&RealFs, &folder.join("backups")).unwrap().pop().unwrap();
        let gone = stage.erases("person-0").await;
        // What sled leaves of a deleted value shows once it has written it.
        stage.behind().store.checkpoint().unwrap();
        for bytes in [&gone.wrap, &gone.handle] {
            assert!(!holding(&folder.join("store"), bytes).is_empty(), "the search finds nothing");
        }
        let segments = used_segments(&folder);
        let told = stage.rotates().await;
        Self { folder, stage, gone, segments, older_backup, old_kek, told }
    }
}

fn everybody() -> impl Iterator<Item = String> {
    (0..PEOPLE).map(|n| format!("person-{n}"))
}

/// The segments of the journal that hold a group.
fn used_segments(folder: &Path) -> BTreeSet<String> {
    let journal = folder.join("store/journal");
    let is_used = |name: &String| {
        let bytes = fs::read(journal.join(name)).unwrap();
        Path::new(name).extension().is_some_and(|end| end == "seg")
            && bytes[512..].iter().any(|byte| *byte != 0)
    };
    names(&journal).into_iter().filter(is_used).collect()
}

#[tokio::test]
async fn after_a_rotation_no_file_holds_what_was_deleted_before() {
    let House { folder, stage, gone, segments, told, .. } = House::rotated().await;
    let nowhere = Vec::<PathBuf>::new();
    for bytes in [&gone.wrap[16..], &gone.handle] {
        assert_eq!(holding(&folder.join("store"), bytes), nowhere);
        assert_eq!(holding(Path::new(told["backup"].as_str().unwrap()), bytes), nowhere);
    }
    // Of the view nothing is left but the new one; what is sealed is not searched but gone.
    assert!(!folder.join("store/view").exists() && folder.join("store/view.b").exists());
    assert_eq!(used_segments(&folder).intersection(&segments).count(), 0, "{segments:?}");
    stage.stop().await;
}

#[tokio::test]
async fn after_a_rotation_everybody_else_is_there_now_and_after_a_start() {
    let House { folder, stage, told, .. } = House::rotated().await;
    // 29 people, the tenant, and the month's key of rows about nobody.
    assert_eq!((&told["keys"], &told["lost"]), (&json!(PEOPLE + 1), &json!(0)), "{told}");
    for id in everybody().skip(1) {
        assert_eq!(stage.shopkeeper().asks_for(&stage.known_as(&id)).await["tier"], "individual");
    }
    stage.stop().await;
    let stage = on_disk(&folder).await;
    for id in everybody().skip(1) {
        assert_eq!(stage.known_as(&id).stands(RECOMMEND).await["state"], "given");
    }
    let destroyed = stage.known_as("person-0");
    assert_eq!(destroyed.stands(RECOMMEND).await["state"], "unknown");
    is_for_everybody(&stage.shopkeeper().asks_for(&destroyed).await, 10);
    stage.stop().await;
}

#[tokio::test]
async fn the_old_key_is_nowhere_and_the_log_and_the_status_say_so() {
    let House { folder, stage, old_kek, told, .. } = House::rotated().await;
    assert_eq!((&told["epoch"], &told["destroyed"]), (&json!(2), &json!([1])), "{told}");
    assert_eq!(slots(&folder), ["kek-b"]);
    assert_eq!(holding(&folder, &old_kek), Vec::<PathBuf>::new());
    let rows = stage.log().await;
    assert_eq!(events(&rows, &ROWS), ROWS);
    let last = rows.iter().rfind(|row| row.event() == "kek.destroyed").unwrap();
    let body = stage.opens_nobodys(last.index).unwrap();
    assert_eq!(
        (&body["epochs"], &body["to"], &body["keys"]),
        (&json!([1]), &json!(2), &told["keys"])
    );
    let kek = stage.operate("get", "/v1/operate/status").send().await.json()["kek"].clone();
    assert_eq!((&kek["epoch"], &kek["rotating"]), (&json!(2), &json!(false)), "{kek}");
    assert_eq!(kek["next_rotation"], json!(stage.behind().gateway.now().after(30 * DAY).rfc3339()));
    stage.stop().await;
}

#[tokio::test]
async fn a_backup_from_before_says_why_nobody_can_open_it() {
    let House { folder, stage, older_backup, told, .. } = House::rotated().await;
    let (keys, newer) = (folder.join("keys"), Path::new(told["backup"].as_str().unwrap()));
    Keeper::holds_key_of(&keys, &newer.join("file.key")).unwrap();
    let refused = Keeper::holds_key_of(&keys, &older_backup.join("file.key")).unwrap_err();
    assert!(refused.to_string().contains("key 1 was destroyed"), "{refused}");
    assert!(told["older_backups"].as_str().unwrap().contains("do not open any more"), "{told}");
    stage.stop().await;
}

#[tokio::test]
async fn people_who_come_while_keys_rotate_are_readable_after() {
    let folder = fresh_folder();
    let stage = on_disk(&folder).await;
    stage.shelves(20, 7).await;
    let rotation = stage.behind().key_rotation();
    let rotating = tokio::task::spawn_blocking(move || {
        (0..4).fold(0, |_, _| rotation.rotate("test", &mut |_| {}).unwrap().epoch)
    });
    let mut come = Vec::new();
    while !rotating.is_finished() || come.len() < 20 {
        let id = format!("comes-{}", come.len());
        stage.known_as(&id).gives().await;
        come.push(id);
    }
    assert_eq!(rotating.await.unwrap(), 5);
    stage.stop().await;
    let stage = on_disk(&folder).await;
    for id in &come {
        assert_eq!(stage.known_as(id).stands(RECOMMEND).await["state"], "given", "{id}");
    }
    assert_eq!(slots(&folder), ["kek-a"]);
    stage.stop().await;
}

#[tokio::test]
async fn a_key_wrapped_before_a_rotation_does_not_come_in_behind_it() {
    let stage = Stage::start().await;
    stage.shelves(20, 7).await;
    let enrolment = stage.behind().vault.enrol(stage.handle("late")).unwrap();
    stage.rotates().await;
    let batch = Batch { expect: enrolment.expect, put: enrolment.put, ..Batch::default() };
    let refused = stage.behind().store.commit(batch).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    stage.known_as("late").gives().await;
    assert!(stage.find("late").is_some());
}

#[tokio::test]
async fn keys_rotate_by_themselves_when_it_is_time() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    let mut chores = Chores::new(stage.behind().clone());
    let start = stage.behind().gateway.now();
    chores.once().await.unwrap();
    stage.clock.set(start.after(29 * DAY));
    chores.once().await.unwrap();
    assert_eq!(events(&stage.log().await, &ROWS), Vec::<&str>::new());
    stage.clock.set(start.after(30 * DAY));
    chores.once().await.unwrap();
    let rows = stage.log().await;
    assert_eq!(events(&rows, &ROWS), ROWS);
    let reasons = rows.iter().filter(|row| ROWS.contains(&row.event())).map(|row| &row.leaf["r"]);
    assert_eq!(reasons.collect::<Vec<_>>(), ["schedule", "schedule"]);
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "given");
    let page = stage.operate("get", "/metrics").send().await.body;
    assert!(page.contains("consentry_kek_age_seconds 0"), "{page}");
}

#[tokio::test]
async fn a_restored_state_that_is_not_confirmed_keeps_its_key() {
    let stage = Stage::start().await;
    stage.behind().ledger.set_in_doubt(true);
    let refused = stage.operate("post", "/v1/operate/keys/rotate").json(&json!({})).send().await;
    assert!(refused.body.contains("confirm it first"), "{}", refused.body);
    assert_eq!(stage.behind().vault.kek_epoch(), 1);
}

#[tokio::test]
async fn a_rotation_takes_no_orders() {
    let stage = Stage::start().await;
    let order = stage.operate("post", "/v1/operate/keys/rotate").json(&json!({"keep": true}));
    let refused = order.send().await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "invalid-body"));
    let shop = stage.post("/v1/operate/keys/rotate").token(&stage.shop()).json(&json!({}));
    assert_eq!(shop.send().await.status, 404, "it is not on the public port");
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A gateway at rest, with people, whose rotation is cut off again and again from the same state.
struct AtRest {
    folder: PathBuf,
    disk: FaultFs,
    /// What stands on the machine's own disk: the keeper's folder and the wrapped file key.
    secrets: Vec<(PathBuf, Vec<u8>)>,
    people: usize,
}

impl AtRest {
    async fn new() -> Self {
        let (folder, disk) = (fresh_folder(), FaultFs::new());
        let (at, on) = (folder.clone(), disk.clone());
        let stage = Stage::set(move |set| (set.folder, set.disk) = (Some(at), Some(on))).await;
        for id in everybody() {
            stage.known_as(&id).gives().await;
        }
        stage.stop().await;
        let secrets =
            files(&folder).into_iter().map(|path| (path.clone(), fs::read(path).unwrap()));
        Self { secrets: secrets.collect(), folder, disk, people: PEOPLE }
    }

    /// The state as it was, opened on a disk of its own.
    fn opens(&self) -> (App, FaultFs) {
        fs::remove_dir_all(&self.folder).unwrap();
        for (path, bytes) in &self.secrets {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let disk = self.disk.after_kill();
        (self.open_on(&disk), disk)
    }

    fn open_on(&self, disk: &FaultFs) -> App {
        let (clock, _) = Clock::manual(Timestamp::parse("2026-10-01T12:00:00Z").unwrap());
        let mut set = Set::new(clock);
        (set.folder, set.disk) = (Some(self.folder.clone()), Some(disk.clone()));
        wiring::open(set).unwrap()
    }

    /// A start after the cut: what was begun is ended, once, and everybody is there.
    fn comes_back(&self, disk: &FaultFs, cut: &str) {
        let app = self.open_on(disk);
        app.key_rotation().resume().unwrap();
        let status = app.key_rotation().status().unwrap();
        assert!(!status.rotating, "cut off {cut}");
        let opened = app.vault.handles().map(|handle| app.vault.subject(handle.unwrap()).unwrap());
        assert_eq!(opened.flatten().count(), self.people, "cut off {cut}");
        app.vault.tenant(&TenantId::standard()).unwrap();
        assert_eq!(slots(&self.folder).len(), 1, "cut off {cut}: {:?}", slots(&self.folder));
        let rows = app.store.leaves(0, usize::MAX).unwrap();
        let rows = rows.iter().map(|row| serde_json::from_slice::<Value>(row).unwrap());
        let told: Vec<Value> = rows.map(|row| row["e"].clone()).collect();
        let times = |event: &str| told.iter().filter(|told| *told == event).count();
        let expected = usize::from(status.epoch == 2);
        assert_eq!((times(ROWS[0]), times(ROWS[1])), (expected, expected), "cut off {cut}");
        app.close();
    }
}

fn rotate(app: &App) -> Result<Rotated, RotationError> {
    app.key_rotation().rotate("test", &mut |_| {})
}

#[tokio::test]
async fn a_rotation_that_ends_before_any_of_its_steps_is_ended_by_the_next_start() {
    let house = AtRest::new().await;
    tokio::task::spawn_blocking(move || cut_off_at_each_step(&house)).await.unwrap();
}

fn cut_off_at_each_step(house: &AtRest) {
    for last in 0.. {
        let (app, disk) = house.opens();
        let mut steps = 0;
        let rotation = app.key_rotation();
        let cut = catch_unwind(AssertUnwindSafe(|| {
            rotation.rotate("test", &mut |at| {
                steps += 1;
                assert!(steps <= last, "the process ends before {:?}", at.step);
            })
        }));
        let disk = disk.after_kill();
        drop((rotation, app));
        house.comes_back(&disk, &format!("before step {last}"));
        if cut.is_ok() {
            assert!(last >= 7, "there are {last} steps");
            return;
        }
    }
}

#[tokio::test]
async fn a_fault_at_any_call_of_the_disk_leaves_everybody_readable_and_the_rest_to_be_done() {
    let house = AtRest::new().await;
    tokio::task::spawn_blocking(move || cut_off_at_each_call(&house)).await.unwrap();
}

fn cut_off_at_each_call(house: &AtRest) {
    for after in 0.. {
        let (app, disk) = house.opens();
        disk.arm(Some(Fault { after, lasting: true, spared: "tlog", ..Fault::default() }));
        let rotated = rotate(&app);
        disk.arm(None);
        // Killed, or cut off from power: then what was not synced is lost, and the keeper's folder is not.
        let found = if after % 2 == 0 { disk.after_kill() } else { disk.power_cut(after) };
        drop(app);
        house.comes_back(&found, &format!("at call {after} of the disk"));
        if rotated.is_ok() {
            assert!(after > 20, "the fault never struck");
            return;
        }
    }
}
