//! Backups: what is restored is what was there at the backup's group, or the restore is refused and touches nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests say what went wrong by panicking"
)]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use consentry::{
    ambient::{Clock, Entropy, Fault, FaultFs, Fs as _},
    domain::{Epoch, Sid, Timestamp},
    store::{
        Backup, BackupRequest, Batch, Engine, FileKey, Key, Leaf, Limits, Manifest, OnSyncFailure,
        Options, Put, Recovered, RestoreRequest, Store, StoreError, Verified, VerifyRequest,
        backups_in, restore, verify,
    },
};

const DIR: &str = "/data/store";
const BACKUPS: &str = "/backups";
const NOW: i64 = 1_800_000_000_000;

fn open(fs: &FaultFs) -> Result<(Store, Recovered), StoreError> {
    Store::open(Options {
        dir: DIR.into(),
        fs: Arc::new(fs.clone()),
        engine: Engine::Memory,
        file_key: FileKey::new([3; 32].into()),
        entropy: Entropy::system(),
        clock: Clock::manual(Timestamp::from_millis(NOW)).0,
        limits: Limits::small(),
        on_sync_failure: OnSyncFailure::Poison,
    })
}

fn sid(n: u64) -> Sid {
    Sid(u128::from(n).to_le_bytes())
}

/// The n-th batch: parts of every kind that name it; the bodies are of two months.
fn nth(n: u64) -> Batch {
    let value = |part: &str| format!("{part} {n} {}", "·".repeat(90)).into_bytes();
    let key = Key::new(format!("a/{n:05}").as_bytes());
    let at = Timestamp::from_millis(NOW - i64::from(n < 20) * 40 * 86_400_000);
    Batch {
        put: vec![Put { key, version: 1, value: value("record") }],
        leaves: vec![Leaf { entry: value("row"), nonce: [n as u8; 16], body: value("body"), at }],
        raise: vec![(sid(n), Some(Epoch(n as u32)))],
        ..Batch::default()
    }
}

fn write(store: &Store, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        store.commit_blocking(nth(n)).unwrap();
    }
}

/// How many of the batches are there, each whole and none missing before another.
fn count(store: &Store) -> u64 {
    let there = store.scan(b"a/").count() as u64;
    assert_eq!(store.log_size(), there);
    for n in 1..=there {
        let batch = nth(n);
        assert_eq!(store.read(&batch.put[0].key).unwrap().unwrap().value, batch.put[0].value);
        assert_eq!(store.leaf(n - 1).unwrap().unwrap(), batch.leaves[0].entry);
        assert_eq!(store.body(n - 1).unwrap().unwrap().1, batch.leaves[0].body);
        assert_eq!(store.epoch(sid(n)), Some(Epoch(n as u32)));
    }
    there
}

fn backup(store: &Store) -> Backup {
    store.backup(&request()).unwrap()
}

fn request() -> BackupRequest {
    let beside = vec![("file.key".to_owned(), b"wrapped".to_vec())];
    BackupRequest { dir: BACKUPS.into(), origin: "gw.test/log".to_owned(), beside }
}

fn put_back(fs: &FaultFs, from: &Path, journal: Option<PathBuf>) -> Result<(), StoreError> {
    let now = Timestamp::from_millis(NOW);
    let request = RestoreRequest { from: from.into(), journal, to: DIR.into(), now };
    restore(fs, &request, &mut |_, _| {}).map(|_| ())
}

fn verified(fs: &FaultFs) -> Verified {
    let request = VerifyRequest {
        dir: DIR.into(),
        fs: Arc::new(fs.clone()),
        engine: Engine::Memory,
        file_key: FileKey::new([3; 32].into()),
    };
    verify(&request, &mut |_, _, _| {}).unwrap()
}

#[test]
fn a_backup_restores_the_store_as_it_was_at_its_group() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=30);
    let taken = backup(&store);
    assert_eq!((taken.manifest.group, taken.manifest.rows), (30, 30));
    write(&store, 31..=40);
    drop(store);
    put_back(&fs, &taken.dir, None).unwrap();
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!(count(&store), 30);
    let mark = recovered.restored.unwrap();
    assert_eq!((mark.group, mark.rows, mark.replayed), (30, 30, false));
    write(&store, 31..=33);
    store.forget_restored().unwrap();
    drop(store);
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!((count(&store), recovered.restored), (33, None));
    let aside = fs.list(Path::new("/data")).unwrap();
    assert!(aside.iter().any(|name| name.starts_with("store.before-restore-")), "{aside:?}");
}

#[test]
fn the_journal_of_the_store_that_was_there_replays_what_the_backup_lacks() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=30);
    let taken = backup(&store);
    write(&store, 31..=300);
    assert!(fs.list(&Path::new(DIR).join("journal")).unwrap().len() > 3, "it spans segments");
    drop(store);
    let saved = PathBuf::from("/saved");
    let journal = Path::new(DIR).join("journal");
    for name in fs.list(&journal).unwrap() {
        fs.link(&journal.join(&name), &saved.join(&name)).unwrap();
    }
    put_back(&fs, &taken.dir, Some(saved.clone())).unwrap();
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!(count(&store), 300);
    assert!(recovered.restored.unwrap().replayed);
    drop(store);
    // Without the second segment there is a gap, which is no state that ever was.
    fs.remove_file(&saved.join(format!("{:020}.seg", 2))).unwrap();
    put_back(&fs, &taken.dir, Some(saved)).unwrap();
    assert!(matches!(open(&fs), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_backup_taken_while_many_write_is_a_state_that_was() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=50);
    let done = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let writer = store.clone();
        let done = &done;
        scope.spawn(move || {
            for n in 51.. {
                writer.commit_blocking(nth(n)).unwrap();
                if done.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let taken: Vec<_> = (0..3).map(|_| backup(&store)).collect();
        done.store(true, Ordering::SeqCst);
        taken
    });
    drop(store);
    for taken in taken {
        put_back(&fs, &taken.dir, None).unwrap();
        let store = open(&fs).unwrap().0;
        assert_eq!(count(&store), taken.manifest.rows);
        drop(store);
        let told = verified(&fs);
        assert!(told.is_sound(), "{told:?}");
    }
}

#[test]
fn what_did_not_change_takes_no_room_twice() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=60);
    let first = backup(&store);
    write(&store, 61..=62);
    let second = backup(&store);
    assert_eq!((first.shared, second.shared > 0), (0, true));
    let earlier = first.manifest.files.iter().find(|file| file.path.ends_with("2026-12.bodies"));
    let shared = earlier.unwrap_or_else(|| panic!("{:?}", first.manifest.files));
    assert!(second.manifest.files.contains(shared), "a month that is over is shared");
    assert_eq!(backups_in(&fs, Path::new(BACKUPS)).unwrap(), [first.dir, second.dir]);
}

#[test]
fn a_backup_with_a_bit_flipped_anywhere_is_refused_before_anything_is_touched() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=30);
    let taken = backup(&store);
    write(&store, 31..=31);
    drop(store);
    for kept in &taken.manifest.files {
        let fs = fs.after_kill();
        let path = taken.dir.join(&kept.path);
        let mut bytes = fs.bytes(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs.damage(&path, bytes);
        let refused = put_back(&fs, &taken.dir, None).unwrap_err();
        assert!(matches!(refused, StoreError::Missing { .. }), "{}: {refused}", kept.path);
        assert_eq!(count(&open(&fs).unwrap().0), 31, "what was there is untouched");
    }
}

#[test]
fn a_backup_whose_disk_fails_at_any_call_is_none_and_the_store_goes_on() {
    let mut struck = 0;
    for after in 0.. {
        let fs = FaultFs::new();
        let store = open(&fs).unwrap().0;
        write(&store, 1..=10);
        store.checkpoint().unwrap();
        let before = fs.calls();
        fs.arm(Some(Fault { after, errno: 28, ..Fault::default() }));
        let taken = store.backup(&request());
        fs.arm(None);
        let finished = backups_in(&fs, Path::new(BACKUPS)).unwrap();
        if taken.is_ok() {
            assert_eq!(finished.len(), 1);
            if fs.calls() - before <= after {
                break;
            }
            // The fault met the store's own threads, which also work while a backup is taken.
        }
        struck += u64::from(taken.is_err());
        for dir in finished {
            // Only its last sync may have failed.
            Manifest::read(&fs, &dir).unwrap().check(&fs, &dir, &mut |_, _| {}).unwrap();
        }
        store.commit_blocking(nth(11)).unwrap();
        let again = backup(&store);
        assert_eq!(again.manifest.group, 11);
        let names = fs.list(Path::new(BACKUPS)).unwrap();
        let unfinished = |name: &String| Path::new(name).extension().is_some_and(|e| e == "tmp");
        assert!(!names.iter().any(unfinished), "an unfinished backup is left: {names:?}");
    }
    assert!(struck > 20, "{struck}");
}

#[test]
fn a_folder_in_use_is_not_replaced() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=5);
    let taken = backup(&store);
    let refused = put_back(&fs, &taken.dir, None).unwrap_err();
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    assert!(refused.to_string().contains("store backup"), "{refused}");
    write(&store, 6..=6);
}

#[test]
fn a_backup_of_a_newer_program_is_refused_with_the_version_that_is_needed() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=5);
    let taken = backup(&store);
    drop(store);
    let path = taken.dir.join("manifest.json");
    let told = String::from_utf8(fs.bytes(&path).unwrap()).unwrap();
    let newer = told.replace("\"format\": 1", "\"format\": 7, \"new\": true");
    let newer = newer.replace(env!("CARGO_PKG_VERSION"), "8.1.0");
    fs.damage(&path, newer.into_bytes());
    let refused = put_back(&fs, &taken.dir, None).unwrap_err().to_string();
    assert!(refused.contains("format 7") && refused.contains("consentry 8.1.0"), "{refused}");
}

#[test]
fn verifying_counts_what_it_reads_and_changes_nothing() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=30);
    store.checkpoint().unwrap();
    write(&store, 31..=40);
    drop(store);
    let calls = fs.calls();
    let told = verified(&fs);
    assert!(told.is_sound(), "{told:?}");
    assert_eq!((told.records, told.rows, told.bodies), (40, 30, 30));
    assert_eq!((told.snapshot, told.last_group, told.groups), (30, 40, 40));
    assert!(fs.calls() <= calls + 2, "more is written than the lock");
}

#[test]
fn verifying_finds_a_flipped_bit_in_every_kind_of_file_and_names_the_file() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=30);
    store.checkpoint().unwrap();
    write(&store, 31..=35);
    drop(store);
    let cases = [
        (format!("snap/snap-{:020}", 30), 700),
        (format!("journal/{:020}.seg", 1), 2000),
        ("log/000000000000.leaves".to_owned(), 262_152 + 5),
        ("bodies/2026-12.bodies".to_owned(), 100),
        ("bodies/2027-01.index".to_owned(), 20),
    ];
    for (file, place) in cases {
        let fs = fs.after_kill();
        let path = Path::new(DIR).join(&file);
        let mut bytes = fs.bytes(&path).unwrap_or_else(|| panic!("there is no {file}"));
        bytes[place] ^= 8;
        fs.damage(&path, bytes);
        let told = verified(&fs);
        let stem = file.split('.').next().unwrap();
        assert!(!told.is_sound(), "{file}");
        assert!(told.wrong.iter().any(|wrong| wrong.place.starts_with(stem)), "{file}: {told:?}");
    }
}

#[test]
fn a_folder_without_a_format_is_copied_and_brought_up_to_date() {
    let fs = FaultFs::new();
    let store = open(&fs).unwrap().0;
    write(&store, 1..=12);
    drop(store);
    fs.remove_file(&Path::new(DIR).join("FORMAT")).unwrap();
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!((recovered.migrated_from, count(&store)), (Some(1), 12));
    drop(store);
    let copy = Path::new(DIR).join("before-format-2/journal");
    assert!(fs.list(&copy).unwrap().iter().any(|name| name.strip_suffix(".seg").is_some()));
    assert_eq!(open(&fs).unwrap().1.migrated_from, None);
}

#[test]
fn the_lock_of_a_dead_process_is_taken_over() {
    let fs = FaultFs::new();
    write(&open(&fs).unwrap().0, 1..=3);
    // Killed, so that its number is still in the file and its lock is gone.
    let fs = fs.after_kill();
    fs.damage(&Path::new(DIR).join("LOCK"), b"4194305\n".to_vec());
    let store = open(&fs).unwrap().0;
    assert_eq!(count(&store), 3);
    let refused = open(&fs).unwrap_err().to_string();
    assert!(refused.contains(&std::process::id().to_string()), "{refused}");
}
