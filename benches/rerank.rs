//! What a re-ranked list costs: taking the candidates in, choosing, measuring. Inputs are generated, so that the
//! figures need no data set: 100 or 1,000 candidates with one to four of 19 tags, as film genres have.

use std::hint::black_box;

use consentry::diversity::{Candidates, Dial, Preset, Profile, measure, rerank};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const TAGS: [&str; 19] = [
    "action",
    "adventure",
    "animation",
    "comedy",
    "crime",
    "documentary",
    "drama",
    "family",
    "fantasy",
    "film-noir",
    "horror",
    "imax",
    "musical",
    "mystery",
    "romance",
    "sci-fi",
    "thriller",
    "war",
    "western",
];

type Rows = Vec<(Option<f64>, Vec<&'static str>)>;

/// Numbers that look random and are the same in every run (Lehmer's generator with Park and Miller's constants).
fn numbers() -> impl Iterator<Item = usize> {
    let mut state = 42_u64;
    std::iter::repeat_with(move || {
        state = state * 48_271 % 2_147_483_647;
        usize::try_from(state).unwrap_or(0)
    })
}

fn rows(count: usize) -> Rows {
    let mut numbers = numbers();
    let tag = |numbers: &mut dyn Iterator<Item = usize>| {
        numbers.next().and_then(|n| TAGS.get(n % TAGS.len())).copied()
    };
    let scores = (0_u32..).map(|row| Some(1.0 / f64::from(row + 1)));
    scores
        .take(count)
        .map(|score| {
            let size = numbers.next().unwrap_or(0) % 4 + 1;
            (score, (0..size).filter_map(|_| tag(&mut numbers)).collect())
        })
        .collect()
}

fn take_in(rows: &Rows) -> Candidates {
    let mut builder = Candidates::builder();
    for (score, tags) in rows {
        builder.push(*score, tags.iter().copied());
    }
    builder.build()
}

fn taste() -> Profile {
    Profile::from_weights(TAGS.into_iter().zip((1_u32..).map(|n| 1.0 / f64::from(n))))
}

fn benches(c: &mut Criterion) {
    let profile = taste();
    for count in [100, 1000] {
        let rows = rows(count);
        let candidates = take_in(&rows);
        c.bench_function(&format!("rerank/take_in/{count}"), |b| {
            b.iter_batched(|| &rows, take_in, BatchSize::SmallInput);
        });
        for preset in Preset::ALL {
            let dial = Dial::from(preset);
            c.bench_function(&format!("rerank/{preset}/{count}_to_10"), |b| {
                b.iter(|| rerank(black_box(&candidates), black_box(&profile), dial, 10));
            });
        }
        let list: Vec<usize> = (0..10).collect();
        c.bench_function(&format!("rerank/measure/{count}"), |b| {
            b.iter(|| measure(black_box(&candidates), black_box(&profile), black_box(&list)));
        });
    }
}

criterion_group!(rerank_benches, benches);
criterion_main!(rerank_benches);
