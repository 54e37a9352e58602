//! How long a rotation of the key-encryption key takes with many people: `cargo bench --bench rotation -- [PEOPLE]`.
//!
//! Each person has a handle, a wrapped key, a standing of 300 bytes and an act of 200: what one who agreed once has. The
//! times are those between two steps as they are told.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench says what it found and stops at the first failure"
)]

use std::{fs, path::PathBuf, time::Instant};

use consentry::{
    app::{App, Machine, Settings},
    domain::{Epoch, IdType, SubjectRef, TenantId, UserId},
    operate::Step,
    store::{Batch, Key, Put},
};

/// As the binary does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const A_BATCH: usize = 2000;

fn main() {
    let people = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-rotation");
    let _ = fs::remove_dir_all(&folder);
    let mut machine = Machine::real();
    machine.limits.least_free = Some(0);
    let app = App::open(settings(&folder), machine, |_| Ok(vec![7; 32])).unwrap();
    let begun = Instant::now();
    fill(&app, people);
    app.store.checkpoint().unwrap();
    println!("{people} people came in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let mut steps: Vec<(Step, Instant)> = Vec::new();
    let rotated = app.key_rotation().rotate("bench", &mut |at| {
        if steps.last().is_none_or(|(step, _)| *step != at.step) {
            steps.push((at.step, Instant::now()));
        }
    });
    let (rotated, whole) = (rotated.unwrap(), begun.elapsed());
    let ends = steps.iter().skip(1).map(|(_, at)| *at).chain([begun + whole]);
    for ((step, at), end) in steps.iter().zip(ends) {
        println!("{:>10.3} s  {step:?}", (end - *at).as_secs_f64());
    }
    println!(
        "{:>10.3} s  in all; {} keys, {} lost",
        whole.as_secs_f64(),
        rotated.keys,
        rotated.lost
    );
    app.close();
    drop(app);
    fs::remove_dir_all(&folder).unwrap();
}

fn fill(app: &App, people: usize) {
    let tenant = app.vault.tenant(&TenantId::standard()).unwrap();
    for from in (0..people).step_by(A_BATCH) {
        let mut batch = Batch::default();
        for n in from..people.min(from + A_BATCH) {
            let id = UserId::parse(&format!("user-{n}")).unwrap();
            let subject = SubjectRef::new(IdType::user_id(), id);
            let enrolment = app.vault.enrol(app.vault.handle(&tenant, subject)).unwrap();
            let sid = enrolment.key.sid();
            batch.put.extend(enrolment.put);
            for (prefix, size) in [(b"s/", 300), (b"e/", 200)] {
                let key = Key::new(&[prefix.as_slice(), &sid.0].concat());
                batch.put.push(Put { key, version: 1, value: vec![7; size] });
            }
            batch.raise.push((sid, Some(Epoch(1))));
        }
        app.store.commit_blocking(batch).unwrap();
    }
}

fn settings(folder: &std::path::Path) -> Settings {
    let folder = folder.display();
    let text = format!(
        r#"
[keys]
dir = "{folder}/keys"
[store]
dir = "{folder}/store"
[auth]
issuer = "bench"
audience = "consentry"
[[auth.key]]
kid = "bench"
algorithm = "HS256"
from = {{ file = "unused" }}
"#
    );
    Settings::parse(&text).unwrap()
}
