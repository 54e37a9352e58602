//! Reading a model's answer of 100 candidates, about 10 KB: the scanner beside `serde_json` into borrowed structs.

use std::{borrow::Cow, fmt::Write as _, hint::black_box};

use consentry::upstream::scan;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    items: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    score: Option<f64>,
    #[serde(borrow)]
    categories: Vec<&'a str>,
}

fn answer() -> String {
    const TAGS: [&str; 12] = [
        "tv", "audio", "camera", "kitchen", "garden", "books", "music", "sports", "toys", "health",
        "travel", "news",
    ];
    let mut text = String::from("{\"items\":[");
    for (place, tag) in (0..100).zip(TAGS.iter().cycle()) {
        let comma = if place == 0 { "" } else { "," };
        let other = TAGS.iter().cycle().nth(place * 5 + 3).unwrap_or(&"news");
        let score = 1000 - place * 9;
        let _ = write!(
            text,
            "{comma}{{\"id\":\"item-{place:04}\",\"score\":0.{score:04},\
             \"categories\":[\"{tag}\",\"{other}\"],\"title\":\"Sample item number {place}\"}}"
        );
    }
    text + "]}"
}

fn parse(criterion: &mut Criterion) {
    let text = answer();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("scanner", |bencher| {
        bencher.iter(|| scan(black_box(text.as_bytes())).map(|answer| answer.items.len()));
    });
    group.bench_function("serde_json borrowed", |bencher| {
        bencher.iter(|| {
            let listed: Option<Listed<'_>> = serde_json::from_str(black_box(&text)).ok();
            listed.map(|listed| {
                let tags: usize = listed.items.iter().map(|entry| entry.categories.len()).sum();
                let bytes: usize = listed.items.iter().map(|entry| entry.id.len()).sum();
                (tags + bytes, listed.items.iter().filter_map(|entry| entry.score).sum::<f64>())
            })
        });
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
