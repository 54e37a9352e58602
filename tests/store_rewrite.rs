//! Writing a store anew while others write to it: what stands is there, what was deleted is in no file.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use consentry::{
    ambient::{Clock, Entropy, RealFs},
    domain::Timestamp,
    store::{
        Batch, Engine, FileKey, Key, Limits, OnSyncFailure, Options, Put, Recovered, Store,
        ViewOrigin,
    },
};

fn fresh(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("rewrite-{name}"));
    let _ = fs::remove_dir_all(&dir);
    dir
}

fn open(dir: &Path) -> (Store, Recovered) {
    Store::open(Options {
        dir: dir.to_owned(),
        fs: Arc::new(RealFs),
        engine: Engine::Sled,
        file_key: FileKey::new([3; 32].into()),
        entropy: Entropy::system(),
        clock: Clock::manual(Timestamp::from_millis(0)).0,
        limits: Limits::small(),
        on_sync_failure: OnSyncFailure::Poison,
    })
    .unwrap()
}

fn key(n: usize) -> Key {
    Key::new(format!("k/{n:05}").as_bytes())
}

fn put(n: usize, version: u64, value: String) -> Put {
    Put { key: key(n), version, value: value.into_bytes() }
}

fn all(store: &Store) -> BTreeMap<Vec<u8>, (u64, Vec<u8>)> {
    let records = store.scan(b"").map(Result::unwrap);
    records.map(|(key, it)| (key.as_bytes().to_vec(), (it.version, it.value))).collect()
}

const RECORDS: usize = 2000;

fn filled(store: &Store) {
    for from in (0..RECORDS).step_by(50) {
        let put = (from..from + 50).map(|n| put(n, 1, format!("first-{n:05}"))).collect();
        store.commit_blocking(Batch { put, ..Batch::default() }).unwrap();
    }
}

/// Changes, deletes and makes records, a batch at a time, until told to stop; what must stand then.
fn busy(store: &Store, stop: &AtomicBool) -> BTreeMap<usize, u64> {
    let mut versions: BTreeMap<usize, u64> = (0..RECORDS).map(|n| (n, 1)).collect();
    for round in 0.. {
        if stop.load(Ordering::Relaxed) && round > 200 {
            return versions;
        }
        let (at, gone, tens) = (round * 7 % RECORDS, round * 13 % RECORDS, round * 31 % 200);
        let version = versions.get(&at).copied().unwrap_or(0) + 1;
        let mut batch =
            Batch { put: vec![put(at, version, format!("r-{round}"))], ..Batch::default() };
        versions.insert(at, version);
        store.commit_blocking(batch.clone()).unwrap();
        batch.put.clear();
        batch.delete = vec![key(gone)];
        batch.delete_prefix = vec![Key::new(format!("k/{tens:04}").as_bytes())];
        versions.retain(|n, _| *n != gone && n / 10 != tens);
        store.commit_blocking(batch).unwrap();
    }
    versions
}

#[test]
fn what_is_written_while_a_store_is_written_anew_stands_and_nothing_else_does() {
    let dir = fresh("busy");
    let (store, _) = open(&dir);
    filled(&store);
    let stop = Arc::new(AtomicBool::new(false));
    let (writer, stopped) = (store.clone(), stop.clone());
    let writing = std::thread::spawn(move || busy(&writer, &stopped));
    for _ in 0..4 {
        store.rewrite().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let expected = writing.join().unwrap();
    let found = all(&store);
    let versions = |of: &BTreeMap<Vec<u8>, (u64, Vec<u8>)>| {
        let number = |key: &[u8]| String::from_utf8_lossy(&key[2..]).parse().unwrap();
        of.iter().map(|(key, it)| (number(key), it.0)).collect::<BTreeMap<usize, u64>>()
    };
    assert_eq!(versions(&found), expected);
    store.close();
    let (store, recovered) = open(&dir);
    assert_eq!((all(&store), recovered.view), (found, ViewOrigin::Kept));
    drop(store);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_was_deleted_or_replaced_is_in_no_file_of_the_view_and_no_older_file_is_left() {
    let dir = fresh("gone");
    let (store, _) = open(&dir);
    filled(&store);
    let change = vec![put(0, 2, "second".to_owned())];
    let batch = Batch { put: change, delete: vec![key(1)], ..Batch::default() };
    store.commit_blocking(batch).unwrap();
    store.checkpoint().unwrap();
    let count = |word: &str| {
        let holds = |path: &PathBuf| {
            let bytes = fs::read(path).unwrap();
            bytes.windows(word.len()).any(|at| at == word.as_bytes())
        };
        let views = ["view", "view.b"].map(|view| dir.join(view)).into_iter();
        let files = views.filter_map(|view| fs::read_dir(view).ok()).flatten();
        files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).filter(holds).count()
    };
    assert!(count("first-00000") > 0 && count("first-00001") > 0, "the search finds nothing");
    let before = store.position().group;
    store.rewrite().unwrap();
    assert_eq!((count("first-00000"), count("first-00001")), (0, 0));
    assert!(count("first-00002") > 0 && count("second") > 0);
    let snapshots: Vec<_> =
        fs::read_dir(dir.join("snap")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let [snapshot] = &snapshots[..] else { panic!("{snapshots:?}") };
    assert!(snapshot.to_string_lossy().ends_with(&format!("{:020}", before + 1)), "{snapshot:?}");
    drop(store);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_view_that_was_not_named_yet_is_removed_by_the_next_start() {
    let dir = fresh("unnamed");
    let (store, _) = open(&dir);
    filled(&store);
    let found = all(&store);
    store.close();
    fs::create_dir_all(dir.join("view.b/blobs")).unwrap();
    fs::write(dir.join("view.b/db"), b"half a view").unwrap();
    fs::write(dir.join("view.in.tmp"), b"view").unwrap();
    let (store, recovered) = open(&dir);
    assert_eq!((all(&store), recovered.view), (found, ViewOrigin::Kept));
    assert!(!dir.join("view.b").exists());
    drop(store);
    fs::remove_dir_all(dir).unwrap();
}
