//! What is there after crashes, power cuts, failing disks and damage: every acknowledged batch, whole, or a store that
//! does not open. Never less.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "tests say what went wrong by panicking"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use consentry::{
    ambient::{Clock, Entropy, Fault, FaultFs, Fs, RealFs, SECTOR, Space},
    domain::{Epoch, Sid, Timestamp},
    store::{
        Batch, CommitError, Engine, Expect, FileKey, Key, Leaf, Limits, OnSyncFailure, Options,
        Period, Put, Recovered, Store, StoreError, Unavailable, VerifyRequest, ViewOrigin, verify,
    },
};
use proptest::prelude::*;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const DIR: &str = "/store";
/// The first segment, under every name that its file has had.
const FIRST: &str = "0001.";

fn options(fs: &FaultFs) -> Options {
    Options {
        dir: DIR.into(),
        fs: Arc::new(fs.clone()),
        engine: Engine::Memory,
        file_key: FileKey::new([3; 32].into()),
        entropy: Entropy::seeded(1),
        clock: Clock::manual(Timestamp::from_millis(0)).0,
        limits: Limits { reserve: 0, ..Limits::small() },
        on_sync_failure: OnSyncFailure::Poison,
    }
}

fn open(fs: &FaultFs) -> Result<(Store, Recovered), StoreError> {
    Store::open(options(fs))
}

fn segment(number: u64) -> PathBuf {
    Path::new(DIR).join(format!("journal/{number:020}.seg"))
}

/// The n-th batch: parts of every kind that name it, so that a half of one is noticed.
fn nth(n: u64) -> Batch {
    let value =
        |part: &str| format!("{part} {n} {}", "·".repeat(100 + (n % 7) as usize)).into_bytes();
    let put = |name: &str| Put {
        key: Key::new(format!("{name}/{n:05}").as_bytes()),
        version: 1,
        value: value(name),
    };
    let at = Timestamp::from_millis(i64::try_from(n).unwrap() * 40_000_000);
    Batch {
        put: vec![put("a"), put("b")],
        leaves: vec![Leaf { entry: value("row"), nonce: [n as u8; 16], body: value("body"), at }],
        raise: vec![(sid(n), Some(Epoch(n as u32)))],
        ..Batch::default()
    }
}

fn sid(n: u64) -> Sid {
    Sid(u128::from(n).to_le_bytes())
}

/// The keys whose batches are there; panics if one of them is there in part.
fn whole(store: &Store) -> Vec<u64> {
    let number = |key: &Key| std::str::from_utf8(&key.as_bytes()[2..]).unwrap().parse().unwrap();
    let there: Vec<u64> = store.scan(b"a/").map(|found| number(&found.unwrap().0)).collect();
    assert_eq!(store.log_size(), there.len() as u64, "as many rows as batches");
    for n in &there {
        let expected = nth(*n);
        for put in &expected.put {
            assert_eq!(store.read(&put.key).unwrap().unwrap().value, put.value, "batch {n}");
        }
        assert_eq!(store.epoch(sid(*n)), Some(Epoch(*n as u32)), "batch {n}");
    }
    let mut rows: Vec<_> = there.iter().map(|n| nth(*n).leaves.remove(0)).collect();
    let mut found: Vec<_> = (0..store.log_size())
        .map(|index| (store.leaf(index).unwrap().unwrap(), store.body(index).unwrap().unwrap()))
        .collect();
    rows.sort_by(|a, b| a.entry.cmp(&b.entry));
    found.sort();
    for (row, (entry, (nonce, body))) in rows.iter().zip(&found) {
        assert_eq!((&row.entry, &row.nonce, &row.body), (entry, nonce, body));
    }
    there
}

/// Commits 1 to `count`, then one more that is written but whose sync fails, so that nobody is told of it.
fn with_one_in_flight(count: u64) -> (FaultFs, usize) {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    for n in 1..=count {
        store.commit_blocking(nth(n)).unwrap();
    }
    let path = segment(1);
    let used = |fs: &FaultFs| fs.bytes(&path).unwrap().iter().rposition(|b| *b != 0).unwrap() + 1;
    let acknowledged = used(&fs);
    fs.arm(Some(Fault { syncs: Some(true), on: FIRST, ..Fault::default() }));
    let outcome = store.commit_blocking(nth(count + 1));
    assert_eq!(outcome, Err(CommitError::Unavailable(Unavailable::Sync)));
    assert!(used(&fs) > acknowledged + 2 * SECTOR, "the group in flight spans sectors");
    let fs = fs.after_kill();
    drop(store);
    (fs, acknowledged)
}

/// Damages the first segment and says what opening gives: the batches there, or nothing if it is refused.
fn after(fs: &FaultFs, damage: impl FnOnce(&mut Vec<u8>)) -> Option<Vec<u64>> {
    let fs = fs.after_kill();
    let mut bytes = fs.bytes(&segment(1)).unwrap();
    damage(&mut bytes);
    fs.damage(&segment(1), bytes);
    match open(&fs) {
        Ok((store, recovered)) => {
            let there = whole(&store);
            let next = store.commit_blocking(nth(9_999)).unwrap();
            assert_eq!(next.seq, recovered.seq + 1, "it goes on behind what is there");
            let again = open(&fs.after_kill()).unwrap().1;
            assert_eq!((again.seq, again.torn_bytes), (next.seq, 0), "the torn group is wiped");
            Some(there)
        }
        Err(StoreError::Damaged { .. }) => None,
        Err(other) => panic!("unexpected: {other}"),
    }
}

const MANY: u64 = 46;

fn is_all(there: &[u64]) -> bool {
    let all: Vec<u64> = (1..=MANY + 1).collect();
    there == &all[..MANY as usize] || there == all
}

/// Runs `damage` at each sector and at a sample of bytes of the last 64 KiB that hold groups.
fn at_each_place(damage: impl Fn(&mut Vec<u8>, usize)) -> (usize, usize) {
    let (fs, acknowledged) = with_one_in_flight(MANY);
    let end = fs.bytes(&segment(1)).unwrap().iter().rposition(|b| *b != 0).unwrap() + 1;
    let sectors = (0..end).step_by(SECTOR);
    let bytes = (0..end).step_by(331).chain(acknowledged.saturating_sub(3)..acknowledged + 4);
    let (mut opened, mut refused) = (0, 0);
    for place in sectors.chain(bytes) {
        if let Some(there) = after(&fs, |bytes| damage(bytes, place)) {
            opened += 1;
            assert!(is_all(&there), "at {place}: {} of {MANY} batches", there.len());
        } else {
            refused += 1;
            assert!(place < acknowledged, "at {place}: a torn group nobody was told of is cut");
        }
    }
    (opened, refused)
}

#[test]
fn a_journal_cut_anywhere_loses_nothing_acknowledged() {
    let (opened, refused) = at_each_place(Vec::truncate);
    assert!(opened > 2 && refused > 100, "{opened} {refused}");
}

#[test]
fn a_journal_zeroed_from_anywhere_loses_nothing_acknowledged() {
    let (opened, refused) = at_each_place(|bytes, place| bytes[place..].fill(0));
    assert!(opened > 2 && refused > 100, "{opened} {refused}");
}

#[test]
fn a_journal_with_a_sector_zeroed_loses_nothing_acknowledged() {
    let zero = |bytes: &mut Vec<u8>, place: usize| {
        let end = bytes.len().min(place + SECTOR);
        bytes[place..end].fill(0);
    };
    let (opened, refused) = at_each_place(zero);
    assert!(opened > 2 && refused > 100, "{opened} {refused}");
}

#[test]
fn a_journal_with_sectors_permuted_loses_nothing_acknowledged() {
    // From each place on, the sectors that hold groups change places, so that later ones come before earlier ones.
    let permute = |bytes: &mut Vec<u8>, place: usize| {
        let used = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
        let from = place / SECTOR * SECTOR;
        let sectors: Vec<Vec<u8>> = bytes[from..used].chunks(SECTOR).map(<[u8]>::to_vec).collect();
        let permuted = sectors.concat().len();
        let turned: Vec<u8> = sectors.into_iter().rev().flatten().collect();
        bytes[from..from + permuted].copy_from_slice(&turned);
    };
    let (fs, acknowledged) = with_one_in_flight(MANY);
    let end = fs.bytes(&segment(1)).unwrap().iter().rposition(|b| *b != 0).unwrap() + 1;
    let mut opened = 0;
    for place in (0..end).step_by(SECTOR) {
        if let Some(there) = after(&fs, |bytes| permute(bytes, place)) {
            opened += 1;
            assert!(is_all(&there), "at {place}");
        } else {
            assert!(place < acknowledged, "at {place}");
        }
    }
    assert!(opened > 0);
}

#[test]
fn a_torn_group_is_wiped_and_counted_once() {
    let (fs, acknowledged) = with_one_in_flight(MANY);
    let mut bytes = fs.bytes(&segment(1)).unwrap();
    let begins = acknowledged.next_multiple_of(SECTOR);
    bytes[begins..begins + SECTOR].fill(0);
    fs.damage(&segment(1), bytes);
    let (store, recovered) = open(&fs).unwrap();
    assert!(recovered.torn_bytes > SECTOR as u64, "{recovered:?}");
    assert_eq!(whole(&store).len() as u64, MANY);
    let wiped = fs.power_cut(1);
    assert!(wiped.bytes(&segment(1)).unwrap()[acknowledged..].iter().all(|byte| *byte == 0));
    assert_eq!(open(&wiped).unwrap().1.torn_bytes, 0);
}

#[test]
fn a_flipped_bit_before_a_good_group_is_refused_and_named() {
    let (fs, acknowledged) = with_one_in_flight(MANY);
    for place in (512..acknowledged).step_by(97) {
        // The mark may be lost in a power cut; the groups behind still show it.
        let fs = fs.after_kill();
        fs.remove_file(&Path::new(DIR).join("journal/mark")).unwrap();
        let mut bytes = fs.bytes(&segment(1)).unwrap();
        let sector_end = place.next_multiple_of(SECTOR);
        let is_padding = bytes[place..sector_end].iter().all(|byte| *byte == 0);
        bytes[place] ^= 1 << (place % 8);
        fs.damage(&segment(1), bytes);
        match open(&fs) {
            Ok((store, _)) if is_padding => assert!(is_all(&whole(&store))),
            Err(StoreError::Damaged { segment, offset, .. }) => {
                assert_eq!(segment, 1);
                assert!(offset <= place as u64 && place as u64 - offset < 4096, "{offset} {place}");
            }
            other => panic!("opened with a flipped bit at {place}: {other:?}"),
        }
    }
}

#[test]
fn a_missing_segment_is_refused() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    for n in 1..=200 {
        store.commit_blocking(nth(n)).unwrap();
    }
    drop(store);
    assert!(fs.bytes(&segment(3)).is_some());
    for number in 1..=3 {
        let fs = fs.after_kill();
        fs.remove_file(&segment(number)).unwrap();
        assert!(matches!(open(&fs), Err(StoreError::Damaged { .. })), "without segment {number}");
    }
}

#[test]
fn a_month_of_bodies_that_is_lost_is_refused_and_one_that_was_dropped_is_not() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    for n in 1..=100 {
        store.commit_blocking(nth(n)).unwrap();
    }
    store.checkpoint().unwrap();
    store.commit_blocking(nth(101)).unwrap();
    for lost in ["1970-01.bodies", "1970-01.index", "1970-02.bodies"] {
        let fs = fs.after_kill();
        fs.remove_file(&Path::new(DIR).join("bodies").join(lost)).unwrap();
        for start in 1..=2 {
            let refused = open(&fs).map(drop).unwrap_err();
            assert!(
                matches!(refused, StoreError::Missing { .. }),
                "{lost}, start {start}: {refused}"
            );
        }
    }
    assert_eq!(store.drop_bodies_before(Period::new(1970, 2).unwrap()).unwrap(), 66);
    let (again, _) = open(&fs.after_kill()).unwrap();
    assert_eq!(again.body(1).unwrap(), None);
    assert!(again.body(100).unwrap().is_some());
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    store.commit_blocking(nth(1)).unwrap();
    drop(store);
    let other = Options { file_key: FileKey::new([4; 32].into()), ..options(&fs) };
    assert!(matches!(Store::open(other), Err(StoreError::WrongKey { .. })));
    assert_eq!(whole(&open(&fs).unwrap().0), [1]);
}

#[test]
fn a_newer_format_is_refused() {
    let (fs, _) = with_one_in_flight(2);
    let mut bytes = fs.bytes(&segment(1)).unwrap();
    bytes[9] += 1;
    let crc = crc32c::crc32c(&bytes[..42]).to_be_bytes();
    bytes[42..46].copy_from_slice(&crc);
    fs.damage(&segment(1), bytes);
    assert!(matches!(open(&fs), Err(StoreError::Newer { found: 2, known: 1, .. })));
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    for n in 1..=60 {
        store.commit_blocking(nth(n)).unwrap();
        if n % 20 == 0 {
            store.checkpoint().unwrap();
        }
    }
    drop(store);
    let newest = Path::new(DIR).join(format!("snap/snap-{:020}", 60));
    let bytes = fs.bytes(&newest).unwrap();
    for place in (0..bytes.len()).step_by(173) {
        let fs = fs.after_kill();
        let mut bytes = bytes.clone();
        bytes[place] ^= 4;
        // The bytes between the head and the first frame are padding.
        let is_padding = (46..512).contains(&place);
        fs.damage(&newest, bytes);
        let (store, recovered) = open(&fs).unwrap();
        let expected = if is_padding { (Some(60), 0) } else { (Some(40), 1) };
        assert_eq!((recovered.snapshot, recovered.bad_snapshots), expected, "at {place}");
        assert_eq!(whole(&store).len(), 60);
        assert_eq!(fs.bytes(&newest).is_some(), is_padding, "a damaged snapshot does not stay");
    }
}

/// A day of a store: commits with two checkpoints between. Returns the batches that were acknowledged.
fn day(store: &Store) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for n in 1..=24 {
        if store.commit_blocking(nth(n)).is_ok() {
            acknowledged.push(n);
        }
        if n % 8 == 0 {
            let _ = store.checkpoint();
        }
    }
    acknowledged
}

fn assert_has(fs: &FaultFs, acknowledged: &[u64], what: &str) {
    let (store, _) = open(fs).unwrap_or_else(|error| panic!("{what}: {error}"));
    let there = whole(&store);
    let lost: Vec<_> = acknowledged.iter().filter(|n| !there.contains(n)).collect();
    assert!(lost.is_empty(), "{what}: lost {lost:?}");
}

/// Fails each call in turn, once or for good, while a store opens, works and stops.
fn fail_each_call(syncs: bool, errno: i32) {
    let mut failed_commits = 0;
    for after in (0..).step_by(3) {
        for lasting in [false, true] {
            let fs = FaultFs::new();
            fs.arm(Some(Fault { after, lasting, syncs: Some(syncs), errno, ..Fault::default() }));
            let acknowledged = open(&fs).map_or_else(|_| Vec::new(), |(store, _)| day(&store));
            let what = format!("call {after}, lasting {lasting}");
            failed_commits += 24 - acknowledged.len();
            fs.arm(None);
            assert_has(&fs.after_kill(), &acknowledged, &what);
            assert_has(&fs.power_cut(after), &acknowledged, &what);
            if !lasting && acknowledged.len() == 24 && fs.calls() < after {
                assert!(failed_commits > 0, "no fault ever reached a commit");
                return;
            }
        }
    }
}

#[test]
fn a_disk_that_fills_at_any_call_loses_nothing_acknowledged() {
    fail_each_call(false, ENOSPC);
}

#[test]
fn a_disk_that_fails_at_any_call_loses_nothing_acknowledged() {
    fail_each_call(false, EIO);
}

#[test]
fn a_sync_that_fails_at_any_call_loses_nothing_acknowledged() {
    fail_each_call(true, EIO);
}

#[test]
fn after_a_failed_write_the_next_batch_takes_its_place_and_the_torn_one_never_shows() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    store.commit_blocking(nth(1)).unwrap();
    let full =
        Fault { lasting: true, syncs: Some(false), on: FIRST, errno: ENOSPC, ..Fault::default() };
    fs.arm(Some(full));
    for _ in 0..2 {
        let failed = store.commit_blocking(nth(2));
        assert_eq!(failed, Err(CommitError::Unavailable(Unavailable::Write)));
    }
    assert_eq!((store.health().trouble, store.health().seq), (Some(Unavailable::Write), 1));
    assert_eq!(whole(&open(&fs.after_kill()).unwrap().0), [1]);
    fs.arm(None);
    assert_eq!(store.commit_blocking(nth(3)).unwrap().seq, 2);
    assert!(store.health().writable());
    assert_eq!(whole(&open(&fs.after_kill()).unwrap().0), [1, 3]);
}

#[test]
fn a_group_that_was_written_whole_but_failed_is_never_taken_for_one() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    store.commit_blocking(nth(1)).unwrap();
    fs.arm(Some(Fault { syncs: Some(false), on: FIRST, written: 100, ..Fault::default() }));
    let failed = store.commit_blocking(nth(2));
    assert_eq!(failed, Err(CommitError::Unavailable(Unavailable::Write)));
    assert_eq!(whole(&open(&fs.after_kill()).unwrap().0), [1]);
}

#[test]
fn when_no_segment_can_be_made_urgent_batches_use_the_reserve_to_its_end() {
    let fs = FaultFs::new();
    let reserve = Limits { reserve: 64 << 10, ..Limits::small() };
    let (store, _) = Store::open(Options { limits: reserve, ..options(&fs) }).unwrap();
    // Segments 1 to 3 are there or being made; the disk is full for the fourth.
    fs.arm(Some(Fault { lasting: true, on: "0004.", errno: ENOSPC, ..Fault::default() }));
    let mut n = 0;
    let mut commit_all = |urgent| loop {
        n += 1;
        match store.commit_blocking(Batch { urgent, ..nth(n) }) {
            Ok(_) => {}
            Err(error) => break (n, error),
        }
    };
    let full = CommitError::Unavailable(Unavailable::JournalFull);
    let (calls, error) = commit_all(false);
    assert_eq!((error, store.health().trouble), (full, Some(Unavailable::JournalFull)));
    let (withdrawals, error) = commit_all(true);
    assert_eq!(error, full);
    // A group takes three or four sectors: the reserve of 64 KiB holds at least 31.
    assert!(calls > 40 && withdrawals - calls > 31, "{calls} {withdrawals}");
    fs.arm(None);
    store.commit_blocking(nth(9_999)).unwrap();
    assert_eq!(whole(&store).len() as u64, withdrawals - 2 + 1);
}

#[test]
fn after_a_failed_sync_nothing_is_committed_until_the_store_opens_anew() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    store.commit_blocking(nth(1)).unwrap();
    fs.arm(Some(Fault { syncs: Some(true), on: FIRST, ..Fault::default() }));
    for n in 2..5 {
        let failed = store.commit_blocking(Batch { urgent: true, ..nth(n) });
        assert_eq!(failed, Err(CommitError::Unavailable(Unavailable::Sync)));
    }
    assert!(matches!(store.checkpoint(), Err(StoreError::Unavailable(Unavailable::Sync))));
    assert_eq!(whole(&store), [1], "reads go on, and show nothing unsynced");
    // The kernel marked the pages clean, so the batch is on no disk.
    assert_eq!(whole(&open(&fs.power_cut(1)).unwrap().0), [1]);
}

#[test]
fn on_a_nearly_full_disk_only_urgent_batches_pass() {
    let fs = FaultFs::new();
    let limits = Limits { least_free: None, ..Limits::small() };
    let (store, _) = Store::open(Options { limits, ..options(&fs) }).unwrap();
    store.commit_blocking(nth(1)).unwrap();
    fs.set_space(Space { free: (512 << 20) - 1, total: 1 << 30 });
    let refused = Err(CommitError::Unavailable(Unavailable::DiskLow));
    assert_eq!(store.commit_blocking(nth(2)), refused);
    assert_eq!(store.health().trouble, Some(Unavailable::DiskLow));
    store.commit_blocking(Batch { urgent: true, ..nth(3) }).unwrap();
    assert_eq!(store.commit_blocking(nth(4)), refused);
    fs.set_space(Space { free: 512 << 20, total: 1 << 30 });
    assert!(store.health().writable());
    store.commit_blocking(nth(5)).unwrap();
    assert!(store.health().writable());
    assert_eq!(whole(&store), [1, 3, 5]);
}

#[test]
fn power_cuts_while_many_write_lose_nothing_acknowledged() {
    let fs = FaultFs::new();
    let (store, _) = open(&fs).unwrap();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let write = |writer: u64| {
        let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
        move || {
            for n in (writer..400).step_by(4) {
                store.commit_blocking(nth(n)).unwrap();
                acknowledged.lock().unwrap().push(n);
                if n % 50 == 0 {
                    store.checkpoint().unwrap();
                }
            }
        }
    };
    let writers: Vec<_> = (0..4).map(|writer| std::thread::spawn(write(writer))).collect();
    let mut seed = 0;
    while seed < 20 || writers.iter().any(|writer| !writer.is_finished()) {
        seed += 1;
        let before = acknowledged.lock().unwrap().clone();
        assert_has(&fs.power_cut(seed), &before, &format!("power cut {seed}"));
    }
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(acknowledged.lock().unwrap().len(), 400);
    assert_has(&fs.power_cut(0), &acknowledged.lock().unwrap(), "after the last");
}

fn sled_options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        fs: Arc::new(RealFs),
        engine: Engine::Sled,
        entropy: Entropy::system(),
        limits: Limits::small(),
        ..options(&FaultFs::new())
    }
}

fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

#[test]
fn a_view_that_sled_cannot_read_is_made_anew() {
    let dir = scratch("bad-view");
    let (store, _) = Store::open(sled_options(&dir)).unwrap();
    for n in 1..=90 {
        store.commit_blocking(nth(n)).unwrap();
        if n % 30 == 0 {
            store.checkpoint().unwrap();
        }
    }
    drop(store);
    let db = dir.join("view/db");
    let size = usize::try_from(std::fs::metadata(&db).unwrap().len()).unwrap();
    let zeros: fn(usize) -> Vec<u8> = |size| vec![0; size];
    let noise: fn(usize) -> Vec<u8> = |size| (0..size).map(|at| (at * 7 % 251) as u8).collect();
    for garbage in [noise, zeros] {
        std::fs::write(&db, garbage(size)).unwrap();
        let (store, recovered) = Store::open(sled_options(&dir)).unwrap();
        assert!(matches!(recovered.view, ViewOrigin::Rebuilt { .. }), "{recovered:?}");
        assert_eq!(whole(&store).len(), 90);
        drop(store);
        let (store, recovered) = Store::open(sled_options(&dir)).unwrap();
        assert_eq!((recovered.view, whole(&store).len()), (ViewOrigin::Kept, 90));
    }
    std::fs::remove_dir_all(dir).unwrap();
}

/// Ten batches more, and a snapshot behind them if asked for.
fn ten_more(dir: &Path, snapshot: bool) {
    let (store, recovered) = Store::open(sled_options(dir)).unwrap();
    for n in 1..=10 {
        store.commit_blocking(nth(recovered.log_size + n)).unwrap();
    }
    if snapshot {
        store.checkpoint().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in RealFs.list(from).unwrap() {
        let path = from.join(&name);
        if path.is_file() {
            std::fs::copy(path, to.join(&name)).unwrap();
        }
    }
}

#[test]
fn a_view_older_than_the_snapshot_is_made_anew() {
    let (dir, old) = (scratch("old-view"), scratch("old-view-copy"));
    ten_more(&dir, false);
    copy(&dir.join("view"), &old);
    ten_more(&dir, true);
    ten_more(&dir, true);
    std::fs::remove_dir_all(dir.join("view")).unwrap();
    std::fs::rename(&old, dir.join("view")).unwrap();
    let (store, recovered) = Store::open(sled_options(&dir)).unwrap();
    assert!(matches!(recovered.view, ViewOrigin::Rebuilt { .. }), "{recovered:?}");
    assert_eq!(whole(&store).len(), 30);
    assert!(dir.join("view.aside").exists());
    store.checkpoint().unwrap();
    assert!(!dir.join("view.aside").exists());
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_journal_older_than_the_view_is_refused_even_without_its_mark() {
    let (dir, old) = (scratch("old-journal"), scratch("old-journal-copy"));
    ten_more(&dir, false);
    copy(&dir.join("journal"), &old);
    ten_more(&dir, false);
    std::fs::remove_dir_all(dir.join("journal")).unwrap();
    std::fs::rename(&old, dir.join("journal")).unwrap();
    std::fs::remove_file(dir.join("journal/mark")).unwrap();
    let refused = Store::open(sled_options(&dir));
    assert!(matches!(refused, Err(StoreError::Damaged { segment: 1, .. })), "{refused:?}");
    drop(refused);
    let Options { fs, engine, file_key, .. } = sled_options(&dir);
    let request = VerifyRequest { dir: dir.clone(), fs, engine, file_key };
    let told = verify(&request, &mut |_, _, _| {}).unwrap();
    let wrong: Vec<_> = told.wrong.iter().map(|wrong| wrong.what.as_str()).collect();
    assert_eq!(wrong, ["it ends before groups that the view shows"]);
    std::fs::remove_dir_all(dir).unwrap();
}

/// Set for the process that is to be killed: where it writes.
const KILLED: &str = "CONSENTRY_TEST_KILLED_IN";

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Some(dir) = std::env::var_os(KILLED) {
        write_until_killed(Path::new(&dir));
    }
    let dir = scratch("killed");
    let mut acknowledged = Vec::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
            .env(KILLED, &dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            let Some(n) = line.strip_prefix("acknowledged ") else { continue };
            acknowledged.push(n.parse::<u64>().unwrap());
            if acknowledged.len() == round * 120 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (store, _) = Store::open(sled_options(&dir)).unwrap();
        let there = whole(&store);
        assert!(acknowledged.iter().all(|n| there.contains(n)), "round {round}");
    }
    assert!(acknowledged.len() >= 480);
    std::fs::remove_dir_all(dir).unwrap();
}

fn write_until_killed(dir: &Path) -> ! {
    let (store, recovered) = Store::open(sled_options(dir)).unwrap();
    let write = |writer: u64| {
        let store = store.clone();
        move || {
            for n in (recovered.log_size + 10 + writer..).step_by(4) {
                // A batch of an earlier life may be there without having been acknowledged.
                if store.commit_blocking(nth(n)).is_ok() {
                    println!("acknowledged {n}");
                }
                if n % 97 == 0 {
                    store.checkpoint().unwrap();
                }
            }
        }
    };
    let writers: Vec<_> = (0..4).map(|writer| std::thread::spawn(write(writer))).collect();
    for writer in writers {
        writer.join().unwrap();
    }
    panic!("nobody killed it");
}

/// Set for the process that is to abort.
const ABORTS: &str = "CONSENTRY_TEST_ABORTS";

#[test]
fn a_failed_sync_aborts_the_process_before_anyone_is_answered() {
    if std::env::var_os(ABORTS).is_some() {
        let fs = FaultFs::new();
        let abort = Options { on_sync_failure: OnSyncFailure::Abort, ..options(&fs) };
        let (store, _) = Store::open(abort).unwrap();
        fs.arm(Some(Fault { syncs: Some(true), on: FIRST, ..Fault::default() }));
        println!("committing");
        println!("answered {:?}", store.commit_blocking(nth(1)));
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_failed_sync_aborts_the_process_before_anyone_is_answered",
            "--nocapture",
        ])
        .env(ABORTS, "yes")
        .output();
    let child = child.unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.status), Some(6), "{said}");
    assert!(said.contains("committing") && !said.contains("answered"), "{said}");
}

/// A step of a random life.
#[derive(Clone, Debug)]
enum Step {
    /// Batches submitted together.
    Commit(Vec<Small>),
    Checkpoint,
    Close,
    Kill,
    PowerCut(u64),
}

/// A batch over few keys, so that batches meet.
#[derive(Clone, Debug)]
struct Small {
    expect: Option<(u8, u64)>,
    expect_epoch: Option<(u8, u32)>,
    put: Vec<(u8, u64)>,
    delete: Option<u8>,
    /// Deletes the two keys that begin so.
    clear: Option<u8>,
    raise: Option<(u8, Option<u32>)>,
    rows: u8,
}

fn small() -> impl Strategy<Value = Small> {
    let version = 0..3_u64;
    (
        proptest::option::weighted(0.3, (0..4_u8, version.clone())),
        proptest::option::weighted(0.3, (0..3_u8, 0..2_u32)),
        proptest::collection::vec((0..4_u8, 1..3_u64), 0..3),
        proptest::option::weighted(0.3, 0..4_u8),
        proptest::option::weighted(0.3, 0..2_u8),
        proptest::option::weighted(0.4, (0..3_u8, proptest::option::of(0..2_u32))),
        0..3_u8,
    )
        .prop_map(|(expect, expect_epoch, put, delete, clear, raise, rows)| Small {
            expect,
            expect_epoch,
            put,
            delete,
            clear,
            raise,
            rows,
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec(small(), 1..6).prop_map(Step::Commit),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::PowerCut),
    ]
}

impl Small {
    fn batch(&self, id: u64) -> Batch {
        let key = |key: &u8| Key::new(&[*key / 2, *key]);
        let person = |n: u8| sid(n.into());
        let version = self.expect.map(|(k, version)| Expect::Version { key: key(&k), version });
        let epoch =
            self.expect_epoch.map(|(n, e)| Expect::Epoch { sid: person(n), epoch: Epoch(e) });
        let put = |(k, version): &(u8, u64)| Put {
            key: key(k),
            version: *version,
            value: id.to_be_bytes().into(),
        };
        let row = |n: u8| Leaf {
            entry: vec![n, id as u8],
            nonce: [n; 16],
            body: vec![id as u8],
            at: Timestamp::default(),
        };
        Batch {
            expect: version.into_iter().chain(epoch).collect(),
            put: self.put.iter().map(put).collect(),
            delete: self.delete.iter().map(key).collect(),
            delete_prefix: self.clear.iter().map(|half| Key::new(&[*half])).collect(),
            leaves: (0..self.rows).map(row).collect(),
            raise: self.raise.map(|(n, epoch)| (person(n), epoch.map(Epoch))).into_iter().collect(),
            urgent: false,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    records: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    epochs: BTreeMap<[u8; 16], u32>,
    rows: Vec<Vec<u8>>,
}

impl Model {
    fn version(&self, key: &Key) -> u64 {
        self.records.get(key.as_bytes()).map_or(0, |record| record.0)
    }

    /// Applies a batch if what it expects holds; the index of its first row.
    fn commit(&mut self, batch: &Batch) -> Option<u64> {
        let mut next = self.clone();
        let holds = batch.expect.iter().all(|expect| match expect {
            Expect::Version { key, version } => self.version(key) == *version,
            Expect::Epoch { sid, epoch } => self.epochs.get(&sid.0) == Some(&epoch.0),
            Expect::Known { sid } => self.epochs.contains_key(&sid.0),
        });
        for put in &batch.put {
            if next.version(&put.key) + 1 != put.version {
                return None;
            }
            next.records.insert(put.key.as_bytes().into(), (put.version, put.value.clone()));
        }
        batch.delete.iter().for_each(|key| drop(next.records.remove(key.as_bytes())));
        for prefix in &batch.delete_prefix {
            next.records.retain(|key, _| !key.starts_with(prefix.as_bytes()));
        }
        for (sid, epoch) in &batch.raise {
            match epoch {
                Some(epoch) => next.epochs.insert(sid.0, epoch.0),
                None => next.epochs.remove(&sid.0),
            };
        }
        next.rows.extend(batch.leaves.iter().map(|leaf| leaf.entry.clone()));
        let first = self.rows.len() as u64;
        holds.then(|| *self = next).map(|()| first)
    }

    fn of(store: &Store) -> Self {
        let records = store.scan(b"").map(Result::unwrap);
        let epoch = |n: u64| Some((sid(n).0, store.epoch(sid(n))?.0));
        Self {
            records: records
                .map(|(key, r)| (key.as_bytes().into(), (r.version, r.value)))
                .collect(),
            epochs: (0..3).filter_map(epoch).collect(),
            rows: store.leaves(0, usize::MAX).unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_store_equals_the_model(steps in proptest::collection::vec(step(), 1..24)) {
        let mut fs = FaultFs::new();
        let mut store = open(&fs).unwrap().0;
        let mut model = Model::default();
        let mut id = 0;
        for step in steps {
            match step {
                Step::Commit(together) => {
                    let batches: Vec<_> = together.iter().map(|small| { id += 1; small.batch(id) }).collect();
                    let commits: Vec<_> = batches.iter().map(|batch| store.commit(batch.clone())).collect();
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    for (batch, commit) in batches.iter().zip(commits) {
                        let outcome = runtime.block_on(commit).map(|done| done.first_index);
                        prop_assert_eq!(outcome, model.commit(batch).ok_or(CommitError::Conflict));
                    }
                }
                Step::Checkpoint => drop(store.checkpoint().unwrap()),
                Step::Close => {
                    drop(store);
                    store = open(&fs).unwrap().0;
                }
                Step::Kill => {
                    fs = fs.after_kill();
                    store = open(&fs).unwrap().0;
                }
                Step::PowerCut(seed) => {
                    fs = fs.power_cut(seed);
                    store = open(&fs).unwrap().0;
                }
            }
            prop_assert_eq!(&Model::of(&store), &model);
        }
    }
}
