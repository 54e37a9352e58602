//! How fast batches become durable, beside what one `fdatasync` takes on the same disk: `cargo bench --bench append`.
//!
//! Each batch holds one row of the log with its body and expects an epoch, as the record of a call does. The 64 writers
//! are tasks on two runtimes of one thread each, as in the gateway.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench says what it found and stops at the first failure"
)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use consentry::{
    ambient::{Clock, Entropy, RealFs},
    domain::{Epoch, Sid, Timestamp},
    store::{
        Batch, Engine, Expect, FileKey, Key, Lane, Leaf, Limits, OnSyncFailure, Options, Put, Store,
    },
};

const WRITERS: usize = 64;
const EACH: usize = 1500;

fn main() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("append");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let sync = one_sync(&dir);
    println!("one fdatasync of 1 KiB, zeroed file: p50 {sync:?}");
    for engine in [Engine::Memory, Engine::Sled] {
        let store = open(&dir.join(format!("{engine:?}")), engine);
        one_writer(&store, sync, &format!("{engine:?}, 1 writer"));
        for (lanes, puts) in [(false, false), (true, false), (true, true)] {
            let what = format!(
                "{engine:?}, {WRITERS} writers, {}, {}",
                if lanes { "lanes" } else { "plain" },
                if puts { "row and record" } else { "row" }
            );
            many_writers(&store, lanes, puts, sync, &what);
        }
    }
    fs::remove_dir_all(&dir).unwrap();
}

fn open(dir: &Path, engine: Engine) -> Store {
    let options = Options {
        dir: dir.to_owned(),
        fs: Arc::new(RealFs),
        engine,
        file_key: FileKey::new([1; 32].into()),
        entropy: Entropy::system(),
        clock: Clock::System,
        limits: Limits::default(),
        on_sync_failure: OnSyncFailure::Abort,
    };
    let (store, _) = Store::open(options).unwrap();
    let raise = vec![(Sid([7; 16]), Some(Epoch(1)))];
    store.commit_blocking(Batch { raise, ..Batch::default() }).unwrap();
    store
}

/// The median of writing 1 KiB into a zeroed file and syncing it.
fn one_sync(dir: &Path) -> Duration {
    use std::os::unix::fs::FileExt as _;
    let mut file = fs::File::create(dir.join("sync")).unwrap();
    file.write_all(&vec![0; 8 << 20]).unwrap();
    file.sync_all().unwrap();
    let once = |at: u64| {
        let begun = Instant::now();
        file.write_all_at(&[1; 1024], at * 1024).unwrap();
        file.sync_data().unwrap();
        begun.elapsed()
    };
    quantiles((0..2000).map(once).collect()).0
}

fn row() -> Batch {
    let at = Timestamp::from_millis(1_790_000_000_000);
    Batch {
        expect: vec![Expect::Epoch { sid: Sid([7; 16]), epoch: Epoch(1) }],
        leaves: vec![Leaf { entry: vec![b'x'; 240], nonce: [1; 16], body: vec![2; 600], at }],
        ..Batch::default()
    }
}

fn quantiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

fn one_writer(store: &Store, sync: Duration, what: &str) {
    let once = |_| {
        let begun = Instant::now();
        store.commit_blocking(row()).unwrap();
        begun.elapsed()
    };
    let (p50, p99) = quantiles((0..2000).map(once).collect());
    let ratio = p50.as_secs_f64() / sync.as_secs_f64();
    println!("{what}: p50 {p50:?} = {ratio:.2} x one fdatasync, p99 {p99:?}");
}

fn many_writers(store: &Store, lanes: bool, puts: bool, sync: Duration, what: &str) {
    let before = (store.health().seq, cpu());
    let begun = Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|half| {
            let store = store.clone();
            std::thread::spawn(move || half_of_them(&store, half, lanes, puts))
        })
        .collect();
    let times = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>();
    let taken = begun.elapsed();
    let (count, groups) = (times.len() as f64, (store.health().seq - before.0) as f64);
    let (p50, p99) = quantiles(times);
    println!(
        "{what}: {:.0} records/s = {:.1} x one writer's fdatasyncs, {:.0} a group, p50 {p50:?} = {:.1} x, p99 {p99:?} = {:.1} x, CPU {:.1} us a record",
        count / taken.as_secs_f64(),
        count / taken.as_secs_f64() * sync.as_secs_f64(),
        count / groups,
        p50.as_secs_f64() / sync.as_secs_f64(),
        p99.as_secs_f64() / sync.as_secs_f64(),
        (cpu() - before.1) / count,
    );
}

fn half_of_them(store: &Store, half: usize, lanes: bool, puts: bool) -> Vec<Duration> {
    // With its I/O driver, as a server has it: a wake-up from another thread is then a system call.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = if lanes {
        let (lane, driver) = Lane::new();
        runtime.spawn(driver);
        store.with_lane(lane)
    } else {
        store.clone()
    };
    runtime.block_on(async {
        let writers: Vec<_> = (0..WRITERS / 2)
            .map(|writer| tokio::spawn(write(store.clone(), half * 1000 + writer, puts)))
            .collect();
        let mut times = Vec::new();
        for writer in writers {
            times.extend(writer.await.unwrap());
        }
        times
    })
}

async fn write(store: Store, writer: usize, puts: bool) -> Vec<Duration> {
    let key = Key::new(format!("w/{writer:06}").as_bytes());
    let mut times = Vec::with_capacity(EACH);
    for version in 1..=EACH as u64 {
        let mut batch = row();
        if puts {
            batch.put.push(Put { key: key.clone(), version, value: vec![3; 200] });
        }
        let begun = Instant::now();
        store.commit(batch).await.unwrap();
        times.push(begun.elapsed());
    }
    times
}

/// Microseconds of CPU this process has used; ticks of 10 ms.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() * 10_000.0
}
