//! What every engine of the store does, as small tests that each engine runs by name.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests say what went wrong by panicking"
)]

use std::{path::PathBuf, sync::Arc};

use consentry::{
    ambient::{Clock, Entropy, FaultFs, Fs, RealFs},
    domain::{Epoch, Sid, Timestamp},
    store::{
        Batch, CommitError, Engine, Expect, FileKey, Key, Leaf, Limits, OnSyncFailure, Options,
        Period, Put, Record, Recovered, Store, StoreError, ViewOrigin,
    },
};

/// Where a store lives, through closing and opening; its folder goes with it.
struct Home {
    engine: Engine,
    dir: PathBuf,
    fs: Arc<dyn Fs>,
}

impl Home {
    fn new(engine: Engine, name: &str) -> Self {
        let dir =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("contract-{engine:?}-{name}"));
        let _ = std::fs::remove_dir_all(&dir);
        let fs: Arc<dyn Fs> = match engine {
            Engine::Sled => Arc::new(RealFs),
            Engine::Memory => Arc::new(FaultFs::new()),
        };
        Self { engine, dir, fs }
    }

    fn try_open(&self) -> Result<(Store, Recovered), StoreError> {
        Store::open(Options {
            dir: self.dir.clone(),
            fs: self.fs.clone(),
            engine: self.engine,
            file_key: FileKey::new([3; 32].into()),
            entropy: Entropy::system(),
            clock: Clock::manual(Timestamp::from_millis(0)).0,
            limits: Limits::small(),
            on_sync_failure: OnSyncFailure::Poison,
        })
    }

    fn open(&self) -> Store {
        self.try_open().unwrap().0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn key(name: &str) -> Key {
    Key::new(name.as_bytes())
}

fn put(name: &str, version: u64, value: &str) -> Batch {
    Batch {
        expect: vec![Expect::Version { key: key(name), version: version - 1 }],
        put: vec![Put { key: key(name), version, value: value.into() }],
        ..Batch::default()
    }
}

fn leaf(entry: &str, body: &str, at: &str) -> Leaf {
    let at = Timestamp::parse(at).unwrap();
    Leaf { entry: entry.into(), nonce: [entry.len() as u8; 16], body: body.into(), at }
}

fn rows(leaves: Vec<Leaf>) -> Batch {
    Batch { leaves, ..Batch::default() }
}

fn values(store: &Store, prefix: &str) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let found = store.scan(prefix.as_bytes()).map(|found| found.unwrap());
    found.map(|(key, record)| (text(key.as_bytes()), text(&record.value))).collect()
}

macro_rules! contract {
    ($($test:ident)*) => {
        mod memory {
            $(#[test] fn $test() { super::$test(&super::Home::new(super::Engine::Memory, stringify!($test))) })*
        }
        mod sled {
            $(#[test] fn $test() { super::$test(&super::Home::new(super::Engine::Sled, stringify!($test))) })*
        }
    };
}

contract! {
    what_was_never_written_reads_as_nothing
    an_acknowledged_write_is_read
    a_write_over_an_older_version_conflicts_and_changes_nothing
    a_put_must_follow_the_present_version_even_if_nothing_is_expected
    an_epoch_that_was_raised_conflicts
    a_person_without_epoch_meets_no_expectation
    a_batch_whose_last_expectation_fails_leaves_no_trace
    a_deleted_record_is_gone_and_begins_again_at_one
    what_begins_alike_goes_together_in_the_order_of_the_journal
    an_empty_beginning_deletes_nothing
    a_scan_shows_its_prefix_in_order_and_nothing_else
    a_long_scan_misses_nothing
    rows_keep_the_order_of_their_batches
    many_rows_read_as_they_were_written_wherever_files_and_blocks_end
    bodies_come_back_with_their_nonce_and_go_by_the_month
    everything_is_there_after_reopening
    everything_is_there_after_checkpoints_dropped_the_journal
    a_drop_of_bodies_holds_after_reopening
    what_is_too_large_is_refused_and_nothing_of_it_written
    the_largest_value_is_kept
    a_second_owner_is_refused_while_the_first_lives
    a_closed_store_still_reads_and_commits_nothing
    many_writers_each_get_their_own_row
}

fn what_was_never_written_reads_as_nothing(home: &Home) {
    let store = home.open();
    assert_eq!(store.read(&key("a")).unwrap(), None);
    assert_eq!(store.scan(b"").count(), 0);
    assert_eq!(store.epoch(Sid([1; 16])), None);
    assert_eq!((store.log_size(), store.leaf(0).unwrap(), store.body(0).unwrap()), (0, None, None));
    assert!(store.health().writable());
}

fn an_acknowledged_write_is_read(home: &Home) {
    let store = home.open();
    let done = store.commit_blocking(put("a", 1, "one")).unwrap();
    assert_eq!((done.first_index, done.seq), (0, 1));
    assert_eq!(store.read(&key("a")).unwrap(), Some(Record { version: 1, value: b"one".into() }));
    store.commit_blocking(put("a", 2, "two")).unwrap();
    assert_eq!(store.read(&key("a")).unwrap(), Some(Record { version: 2, value: b"two".into() }));
}

fn a_write_over_an_older_version_conflicts_and_changes_nothing(home: &Home) {
    let store = home.open();
    store.commit_blocking(put("a", 1, "one")).unwrap();
    for version in [1, 3] {
        assert_eq!(store.commit_blocking(put("a", version, "bad")), Err(CommitError::Conflict));
    }
    assert_eq!(values(&store, ""), [("a".into(), "one".into())]);
    assert_eq!(store.health().seq, 1, "a refused batch is not in the journal");
}

fn a_put_must_follow_the_present_version_even_if_nothing_is_expected(home: &Home) {
    let store = home.open();
    let blind = |version| Batch { expect: vec![], ..put("a", version, "x") };
    assert_eq!(store.commit_blocking(blind(2)), Err(CommitError::Conflict));
    store.commit_blocking(blind(1)).unwrap();
    assert_eq!(store.commit_blocking(blind(1)), Err(CommitError::Conflict));
}

fn an_epoch_that_was_raised_conflicts(home: &Home) {
    let (store, sid) = (home.open(), Sid([7; 16]));
    let raise = |to| Batch { raise: vec![(sid, Some(Epoch(to)))], ..Batch::default() };
    let disclose = |at| Batch {
        expect: vec![Expect::Epoch { sid, epoch: Epoch(at) }],
        ..rows(vec![leaf("d", "", "2026-01-01T00:00:00Z")])
    };
    store.commit_blocking(raise(1)).unwrap();
    store.commit_blocking(disclose(1)).unwrap();
    store.commit_blocking(raise(2)).unwrap();
    assert_eq!(store.epoch(sid), Some(Epoch(2)));
    assert_eq!(store.commit_blocking(disclose(1)), Err(CommitError::Conflict));
    assert_eq!(store.log_size(), 1);
}

fn a_person_without_epoch_meets_no_expectation(home: &Home) {
    let (store, sid) = (home.open(), Sid([8; 16]));
    let expect = vec![Expect::Epoch { sid, epoch: Epoch(0) }];
    let disclose = Batch { expect, ..Batch::default() };
    assert_eq!(store.commit_blocking(disclose.clone()), Err(CommitError::Conflict));
    let set = |epoch| Batch { raise: vec![(sid, epoch)], ..Batch::default() };
    store.commit_blocking(set(Some(Epoch(0)))).unwrap();
    store.commit_blocking(disclose.clone()).unwrap();
    store.commit_blocking(set(None)).unwrap();
    assert_eq!(
        (store.epoch(sid), store.commit_blocking(disclose)),
        (None, Err(CommitError::Conflict))
    );
}

fn a_batch_whose_last_expectation_fails_leaves_no_trace(home: &Home) {
    let store = home.open();
    let mut batch = put("a", 1, "one");
    batch.leaves = vec![leaf("row", "body", "2026-01-01T00:00:00Z")];
    batch.raise = vec![(Sid([1; 16]), Some(Epoch(1)))];
    batch.put.push(Put { key: key("b"), version: 2, value: vec![] });
    assert_eq!(store.commit_blocking(batch), Err(CommitError::Conflict));
    assert_eq!(store.scan(b"").count(), 0);
    assert_eq!(
        (store.log_size(), store.epoch(Sid([1; 16])), store.body(0).unwrap()),
        (0, None, None)
    );
}

fn a_deleted_record_is_gone_and_begins_again_at_one(home: &Home) {
    let store = home.open();
    store.commit_blocking(put("a", 1, "one")).unwrap();
    let delete = Batch { delete: vec![key("a"), key("never")], ..Batch::default() };
    store.commit_blocking(delete).unwrap();
    assert_eq!(store.read(&key("a")).unwrap(), None);
    assert_eq!(store.commit_blocking(put("a", 2, "two")), Err(CommitError::Conflict));
    store.commit_blocking(put("a", 1, "anew")).unwrap();
    assert_eq!(values(&store, ""), [("a".into(), "anew".into())]);
}

fn a_scan_shows_its_prefix_in_order_and_nothing_else(home: &Home) {
    let store = home.open();
    for name in ["b/2", "a", "b/1", "b", "c", "b/10"] {
        store.commit_blocking(put(name, 1, name)).unwrap();
    }
    let names =
        |prefix| values(&store, prefix).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("b/"), ["b/1", "b/10", "b/2"]);
    assert_eq!(names(""), ["a", "b", "b/1", "b/10", "b/2", "c"]);
    assert_eq!(names("m"), Vec::<String>::new(), "nothing of the engine's own shows");
}

fn clear(prefix: &str) -> Batch {
    Batch { delete_prefix: vec![key(prefix)], ..Batch::default() }
}

fn what_begins_alike_goes_together_in_the_order_of_the_journal(home: &Home) {
    let store = home.open();
    store.commit_blocking(put("d/1/a", 1, "held")).unwrap();
    store.commit_blocking(put("d/10", 1, "another's")).unwrap();
    // All under way at once, so that some share a group.
    let batches = [put("d/1/b", 1, "late"), clear("d/1/"), put("d/1/a", 1, "anew"), clear("d/2")];
    let commits = batches.map(|batch| store.commit(batch));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for commit in commits {
        runtime.block_on(commit).unwrap();
    }
    let left = [("d/1/a".into(), "anew".into()), ("d/10".into(), "another's".into())];
    assert_eq!(values(&store, "d/"), left);
    assert_eq!(store.commit_blocking(put("d/1/b", 2, "late")), Err(CommitError::Conflict));
    drop(store);
    assert_eq!(values(&home.open(), "d/"), left, "replayed, it is the same");
}

fn an_empty_beginning_deletes_nothing(home: &Home) {
    let store = home.open();
    store.commit_blocking(put("a", 1, "one")).unwrap();
    store.commit_blocking(clear("")).unwrap();
    assert_eq!(values(&store, ""), [("a".into(), "one".into())]);
}

fn a_long_scan_misses_nothing(home: &Home) {
    let store = home.open();
    let name = |n: usize| format!("k{n:04}");
    for batch in (0..1000).collect::<Vec<_>>().chunks(100) {
        let put = |n: &usize| Put { key: key(&name(*n)), version: 1, value: vec![] };
        let batch = Batch { put: batch.iter().map(put).collect(), ..Batch::default() };
        store.commit_blocking(batch).unwrap();
    }
    let found: Vec<_> = values(&store, "k").into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, (0..1000).map(name).collect::<Vec<_>>());
}

fn rows_keep_the_order_of_their_batches(home: &Home) {
    let store = home.open();
    let at = "2026-01-01T00:00:00Z";
    let first = store.commit_blocking(rows(vec![leaf("r0", "", at), leaf("", "", at)])).unwrap();
    let second = store.commit_blocking(rows(vec![leaf("r2", "b", at)])).unwrap();
    assert_eq!((first.first_index, second.first_index, store.log_size()), (0, 2, 3));
    assert_eq!(store.leaf(2).unwrap(), Some(b"r2".to_vec()));
    assert_eq!(store.leaves(0, 9).unwrap(), [b"r0".to_vec(), vec![], b"r2".to_vec()]);
    assert_eq!(store.leaves(1, 1).unwrap(), [Vec::<u8>::new()]);
    assert_eq!((store.leaf(3).unwrap(), store.body(0).unwrap()), (None, None));
}

fn many_rows_read_as_they_were_written_wherever_files_and_blocks_end(home: &Home) {
    let store = home.open();
    let name = |n: u64| format!("row {n}");
    for batch in (0..66_000).collect::<Vec<u64>>().chunks(300) {
        let leaf = |n: &u64| leaf(&name(*n), "", "2026-01-01T00:00:00Z");
        store.commit_blocking(rows(batch.iter().map(leaf).collect())).unwrap();
    }
    // Blocks end at 4096 rows, files at 65,536.
    for from in [0, 1, 4095, 4096, 61_439, 65_535, 65_536, 65_990, 70_000] {
        let read = store.leaves(from, 5000).unwrap();
        let written: Vec<_> = (from..66_000).take(5000).map(|n| name(n).into_bytes()).collect();
        assert_eq!(read, written, "from {from}");
    }
    let mut seen = Vec::new();
    store.each_leaf(65_530..65_540, |index, row| seen.push((index, row.to_vec()))).unwrap();
    assert_eq!(seen, (65_530..65_540).map(|n| (n, name(n).into_bytes())).collect::<Vec<_>>());
}

fn bodies_come_back_with_their_nonce_and_go_by_the_month(home: &Home) {
    let store = home.open();
    let late = "2026-03-01T00:00:00Z";
    let early = "2026-02-28T23:59:59.999Z";
    let all = vec![leaf("a", "b0", late), leaf("bb", "b1", early), leaf("c", "b2", late)];
    store.commit_blocking(rows(all)).unwrap();
    assert_eq!(store.body(1).unwrap(), Some(([2; 16], b"b1".to_vec())));
    let month = |month| Period::new(2026, month).unwrap();
    assert_eq!(store.body_periods(), [(month(2), 1), (month(3), 2)]);
    assert_eq!(store.drop_bodies_before(month(3)).unwrap(), 1);
    assert_eq!((store.body(1).unwrap(), store.drop_bodies_before(month(3)).unwrap()), (None, 0));
    assert_eq!(store.body(2).unwrap(), Some(([1; 16], b"b2".to_vec())));
    assert_eq!((store.log_size(), store.leaf(1).unwrap()), (3, Some(b"bb".to_vec())));
}

fn fill(store: &Store) {
    for n in 1..=40_u32 {
        let mut batch = put("person", n.into(), &format!("value {n}"));
        batch.put.push(Put {
            key: key(&format!("h/{n:03}")),
            version: 1,
            value: vec![n as u8; 1900],
        });
        batch.leaves =
            vec![leaf(&format!("row {n}"), &format!("body {n}"), "2026-05-05T05:05:05Z")];
        batch.raise = vec![(Sid([n as u8; 16]), Some(Epoch(n))), (Sid([99; 16]), None)];
        store.commit_blocking(batch).unwrap();
    }
    store.commit_blocking(Batch { delete: vec![key("h/007")], ..Batch::default() }).unwrap();
}

fn assert_filled(store: &Store) {
    assert_eq!(store.read(&key("person")).unwrap().unwrap().version, 40);
    assert_eq!((store.scan(b"h/").count(), store.read(&key("h/007")).unwrap()), (39, None));
    assert_eq!(store.log_size(), 40);
    for n in 0..40_u64 {
        assert_eq!(store.leaf(n).unwrap(), Some(format!("row {}", n + 1).into_bytes()));
        assert_eq!(store.body(n).unwrap().unwrap().1, format!("body {}", n + 1).into_bytes());
        assert_eq!(store.epoch(Sid([n as u8 + 1; 16])), Some(Epoch(n as u32 + 1)));
    }
    assert_eq!(store.epoch(Sid([99; 16])), None);
}

fn everything_is_there_after_reopening(home: &Home) {
    let store = home.open();
    fill(&store);
    store.close();
    for _ in 0..2 {
        let (store, recovered) = home.try_open().unwrap();
        assert_filled(&store);
        assert_eq!((recovered.seq, recovered.torn_bytes, recovered.groups_replayed), (41, 0, 41));
        assert!(matches!(recovered.view, ViewOrigin::Made | ViewOrigin::Kept));
        drop(store);
    }
    let store = home.open();
    assert_eq!(store.commit_blocking(put("person", 41, "on")).unwrap().seq, 42);
}

fn everything_is_there_after_checkpoints_dropped_the_journal(home: &Home) {
    let store = home.open();
    fill(&store);
    for _ in 0..4 {
        store.checkpoint().unwrap();
        store.commit_blocking(Batch::default()).unwrap();
    }
    let segments = home.fs.list(&home.dir.join("journal")).unwrap();
    assert!(
        !segments.contains(&format!("{:020}.seg", 1)),
        "the oldest segment is gone: {segments:?}"
    );
    assert_eq!(home.fs.list(&home.dir.join("snap")).unwrap().len(), 2);
    store.close();
    let (store, recovered) = home.try_open().unwrap();
    assert_filled(&store);
    assert_eq!((recovered.snapshot, recovered.groups_replayed, recovered.seq), (Some(44), 1, 45));
}

fn a_drop_of_bodies_holds_after_reopening(home: &Home) {
    let store = home.open();
    let old = || rows(vec![leaf("old", "b", "2025-12-31T00:00:00Z")]);
    store.commit_blocking(old()).unwrap();
    store.checkpoint().unwrap();
    store.commit_blocking(old()).unwrap();
    assert_eq!(store.drop_bodies_before(Period::new(2026, 1).unwrap()).unwrap(), 2);
    store.commit_blocking(old()).unwrap();
    store.close();
    let store = home.open();
    assert_eq!((store.body_periods(), store.log_size()), (vec![], 3));
    assert!((0..3).all(|index| store.body(index).unwrap().is_none()));
}

fn what_is_too_large_is_refused_and_nothing_of_it_written(home: &Home) {
    let store = home.open();
    let limits = Limits::small();
    let large = |bytes| put("a", 1, &"x".repeat(bytes));
    let long_key = put(&"k".repeat(Key::MOST + 1), 1, "");
    let many = Batch {
        leaves: vec![leaf(&"x".repeat(9000), "", "2026-01-01T00:00:00Z"); 2],
        ..Batch::default()
    };
    let entry = rows(vec![leaf(&"x".repeat(65_536), "", "2026-01-01T00:00:00Z")]);
    for batch in [large(limits.value + 1), long_key, many, entry] {
        assert_eq!(store.commit_blocking(batch), Err(CommitError::TooLarge));
    }
    assert_eq!((store.health().seq, store.log_size(), store.scan(b"").count()), (0, 0, 0));
}

fn the_largest_value_is_kept(home: &Home) {
    let store = home.open();
    let most = "x".repeat(Limits::small().value);
    store.commit_blocking(put("a", 1, &most)).unwrap();
    store.close();
    assert_eq!(home.open().read(&key("a")).unwrap().unwrap().value, most.into_bytes());
}

fn a_second_owner_is_refused_while_the_first_lives(home: &Home) {
    let store = home.open();
    match home.try_open() {
        Err(StoreError::Locked { pid }) => assert_eq!(pid, std::process::id().to_string()),
        other => panic!("the folder was not locked: {other:?}"),
    }
    store.commit_blocking(put("a", 1, "one")).unwrap();
    drop(store);
    assert_eq!(home.open().scan(b"").count(), 1);
}

fn a_closed_store_still_reads_and_commits_nothing(home: &Home) {
    let store = home.open();
    store.commit_blocking(put("a", 1, "one")).unwrap();
    store.clone().close();
    assert!(store.read(&key("a")).unwrap().is_some());
    assert!(matches!(store.commit_blocking(put("b", 1, "x")), Err(CommitError::Unavailable(_))));
    assert_eq!((store.read(&key("b")).unwrap(), store.health().writable()), (None, false));
}

fn many_writers_each_get_their_own_row(home: &Home) {
    let store = home.open();
    let write = |writer: usize, store: Store| {
        move || {
            let mine = |n| rows(vec![leaf(&format!("{writer}/{n}"), "", "2026-01-01T00:00:00Z")]);
            (0..20)
                .map(|n| (n, store.commit_blocking(mine(n)).unwrap().first_index))
                .collect::<Vec<_>>()
        }
    };
    let writers: Vec<_> =
        (0..8).map(|w| (w, std::thread::spawn(write(w, store.clone())))).collect();
    for (writer, thread) in writers {
        for (n, index) in thread.join().unwrap() {
            assert_eq!(store.leaf(index).unwrap(), Some(format!("{writer}/{n}").into_bytes()));
        }
    }
    assert_eq!(store.log_size(), 160);
}
