//! Journal and snapshots after damage: a store that opens holds what was acknowledged, whole and unchanged, or it does
//! not open.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use consentry::{
    ambient::{Clock, Entropy, FaultFs, Fs as _},
    domain::{Epoch, Sid, Timestamp},
    store::{
        Batch, Engine, FileKey, Key, Leaf, Limits, OnSyncFailure, Options, Put, Store, StoreError,
    },
};

const DIR: &str = "/store";

/// Batches before the snapshot, and after.
const BATCHES: (u64, u64) = (8, 16);

/// A damage: the file, where in its used part, and what is done there.
const DAMAGE: usize = 5;

static WORLD: LazyLock<World> = LazyLock::new(World::make);

/// A disk with a store that was killed, and its files.
struct World {
    disk: FaultFs,
    files: Vec<PathBuf>,
}

/// Damages journal, mark and snapshots as `data` says, and opens the store.
pub fn run(data: &[u8]) {
    let disk = WORLD.disk.after_kill();
    let mut marks = 0;
    for damage in data.chunks_exact(DAMAGE).take(16) {
        let file = &WORLD.files[usize::from(damage[0]) % WORLD.files.len()];
        marks += usize::from(file.ends_with("mark"));
        hit(&disk, file, damage);
    }
    let Ok((store, _)) = open(&disk) else { return };
    let there = whole(&store);
    // The mark alone tells that groups at the journal's end are gone. Where it is damaged too, fewer may be left.
    assert!(marks > 0 || there == BATCHES.1, "{there} of {} are there", BATCHES.1);
    store.close();
}

fn hit(disk: &FaultFs, file: &Path, damage: &[u8]) {
    let mut bytes = disk.bytes(file).unwrap();
    // Segments are mostly zeros: damage goes to what is used, and a little behind.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 64);
    let place = usize::from(u16::from_be_bytes([damage[1], damage[2]]));
    let place = place * used.min(bytes.len()) / (usize::from(u16::MAX) + 1);
    match damage[3] % 4 {
        0 => bytes.truncate(place),
        1 => bytes.iter_mut().skip(place).take(usize::from(damage[4])).for_each(|byte| *byte = 0),
        2 => {
            let length = place.min(bytes.len() - place);
            bytes.copy_within(..length, place);
        }
        _ => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= damage[4]),
    }
    disk.damage(file, bytes);
}

/// How many batches are there, from the first; panics if one is there in part, changed, or without an earlier one.
fn whole(store: &Store) -> u64 {
    let there = store.log_size();
    for n in 1..=BATCHES.1 {
        let expected = nth(n);
        for put in &expected.put {
            let found = store.read(&put.key).unwrap().map(|record| record.value);
            assert_eq!(found, (n <= there).then(|| put.value.clone()), "batch {n} of {there}");
        }
        assert_eq!(store.epoch(sid(n)), (n <= there).then_some(Epoch(u32::try_from(n).unwrap())));
        if n <= there {
            let leaf = &expected.leaves[0];
            assert_eq!(store.leaf(n - 1).unwrap().as_ref(), Some(&leaf.entry));
            assert_eq!(store.body(n - 1).unwrap(), Some((leaf.nonce, leaf.body.clone())));
        }
    }
    there
}

impl World {
    fn make() -> Self {
        let disk = FaultFs::new();
        let (store, _) = open(&disk).unwrap();
        for n in 1..=BATCHES.1 {
            store.commit_blocking(nth(n)).unwrap();
            if n == BATCHES.0 {
                store.checkpoint().unwrap();
            }
        }
        let killed = disk.after_kill();
        store.close();
        let files = ["journal", "snap"].iter().flat_map(|folder| {
            let folder = Path::new(DIR).join(folder);
            let names = killed.list(&folder).unwrap();
            names.into_iter().map(move |name| folder.join(name))
        });
        let files: Vec<_> = files.filter(|file| killed.bytes(file).is_some()).collect();
        assert!(files.iter().any(|file| file.ends_with("mark")) && files.len() >= 3, "{files:?}");
        Self { disk: killed, files }
    }
}

fn open(disk: &FaultFs) -> Result<(Store, consentry::store::Recovered), StoreError> {
    Store::open(Options {
        dir: DIR.into(),
        fs: Arc::new(disk.clone()),
        engine: Engine::Memory,
        file_key: FileKey::new([3; 32].into()),
        entropy: Entropy::seeded(1),
        clock: Clock::manual(Timestamp::from_millis(0)).0,
        limits: Limits {
            segment: 8 << 10,
            batch: 2 << 10,
            value: 1 << 10,
            reserve: 0,
            ..Limits::small()
        },
        on_sync_failure: OnSyncFailure::Poison,
    })
}

/// The n-th batch: parts of every kind that name it.
fn nth(n: u64) -> Batch {
    let value = |part: &str| format!("{part} {n} {}", "·".repeat(100)).into_bytes();
    let put = |name: &str| Put {
        key: Key::new(format!("{name}/{n:05}").as_bytes()),
        version: 1,
        value: value(name),
    };
    let at = Timestamp::from_millis(i64::try_from(n).unwrap() * 40_000_000);
    let nonce = [u8::try_from(n).unwrap(); 16];
    Batch {
        put: vec![put("a"), put("b")],
        leaves: vec![Leaf { entry: value("row"), nonce, body: value("body"), at }],
        raise: vec![(sid(n), Some(Epoch(u32::try_from(n).unwrap())))],
        ..Batch::default()
    }
}

fn sid(n: u64) -> Sid {
    Sid(u128::from(n).to_le_bytes())
}
