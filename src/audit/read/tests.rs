//! A reader against a log of its own making, held against the plain way: look at every row.

use std::{ops::ControlFlow, sync::Arc};

use super::*;
use crate::{
    ambient::{Clock, Entropy, FaultFs},
    audit::{Also, Draft, Event, RowKeys},
    domain::{GatewayName, PurposeId, Timestamp},
    store::{Batch, Engine, FileKey, Leaf, Limits, OnSyncFailure, Options},
    vault::vectors,
};

fn minute(number: i64) -> Timestamp {
    Timestamp::from_millis(1_760_000_040_000 + number * 60_000)
}

/// The row at `index`: words and minutes come and go in blocks and between them.
fn leaf(index: i64, entropy: &Entropy) -> Leaf {
    let draft = Draft {
        event: if index % 700 == 3 { Event::DecisionVoid } else { Event::Decision },
        outcome: if index % 3 == 0 { "individual" } else { "none" },
        reason: if index < 2000 { "consented" } else { "withdrawn" },
        purpose: (index % 2 == 0).then(|| PurposeId::parse("recommend_products").unwrap()),
        recipient: None,
        ruleset: "9f86d081884c7d65".to_owned(),
        // A row may be a minute older than the one before it.
        at: minute(index / 50 - index % 2),
        rows: None,
        body: b"{}".to_vec(),
    };
    let gateway = GatewayName::parse("gw-1").unwrap();
    draft.seal(&RowKeys::of(&vectors::key(), 0), &gateway, &Also::default(), entropy).unwrap()
}

fn log(rows: i64) -> Store {
    let options = Options {
        dir: "/store".into(),
        engine: Engine::Memory,
        clock: Clock::System,
        fs: Arc::new(FaultFs::new()),
        limits: Limits { least_free: Some(0), ..Limits::small() },
        on_sync_failure: OnSyncFailure::Poison,
        file_key: FileKey::new(zeroize::Zeroizing::new([1; 32])),
        entropy: Entropy::seeded(1),
    };
    let (store, _) = Store::open(options).unwrap();
    append(&store, 0..rows);
    store
}

fn append(store: &Store, rows: std::ops::Range<i64>) {
    let entropy = Entropy::seeded(2);
    let all: Vec<i64> = rows.collect();
    for some in all.chunks(20) {
        let leaves = some.iter().map(|index| leaf(*index, &entropy)).collect();
        store.commit_blocking(Batch { leaves, ..Batch::default() }).unwrap();
    }
}

fn filters() -> Vec<Filter> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let span = |from, until| Span { from: Some(minute(from)), until: Some(minute(until)) };
    vec![
        Filter::default(),
        Filter { events: words(&["decision.void"]), ..Filter::default() },
        Filter { reasons: words(&["consented"]), outcomes: words(&["none"]), ..Filter::default() },
        Filter { purposes: words(&["-"]), span: span(10, 31), ..Filter::default() },
        Filter { span: span(200, 300), ..Filter::default() },
        Filter { recipients: words(&["nobody"]), ..Filter::default() },
    ]
}

fn walked(reader: &LogReader, filter: &Filter, order: Order, start: Option<u64>) -> Vec<u64> {
    let mut found = Vec::new();
    let walk = reader.walk(filter, order, start, reader.size(), |index, _| {
        found.push(index);
        ControlFlow::Continue(())
    });
    walk.unwrap();
    found
}

fn plainly(store: &Store, filter: &Filter) -> Vec<u64> {
    let rows = store.leaves(0, usize::MAX).unwrap();
    let admits = |row: &Vec<u8>| filter.admits(&Said::of(row).unwrap());
    (0..).zip(rows).filter(|(_, row)| admits(row)).map(|(index, _)| index).collect()
}

#[test]
fn a_walk_finds_what_a_look_at_every_row_finds() {
    let store = log(3000);
    let reader = LogReader::new(store.clone());
    for filter in filters() {
        let mut expected = plainly(&store, &filter);
        assert_eq!(walked(&reader, &filter, Order::Ascending, None), expected, "{filter:?}");
        let from = walked(&reader, &filter, Order::Ascending, Some(1500));
        assert_eq!(from, expected.iter().copied().filter(|i| *i >= 1500).collect::<Vec<_>>());
        expected.reverse();
        assert_eq!(walked(&reader, &filter, Order::Descending, None), expected, "{filter:?}");
        let down = walked(&reader, &filter, Order::Descending, Some(1500));
        assert_eq!(down, expected.iter().copied().filter(|i| *i <= 1500).collect::<Vec<_>>());
    }
}

#[test]
fn counts_are_those_of_a_look_at_every_row_also_of_what_came_later() {
    let store = log(1500);
    let reader = LogReader::new(store.clone());
    let spans: Vec<Span> = filters().into_iter().map(|filter| filter.span).collect();
    for rows in [1500i64, 2600] {
        append(&store, 1500..rows);
        let upto = u64::try_from(rows).unwrap();
        for (span, upto) in spans.iter().flat_map(|span| [(span, upto), (span, upto - 700)]) {
            let mut expected = BTreeMap::new();
            let all = store.leaves(0, usize::try_from(upto).unwrap()).unwrap();
            for said in all.iter().map(|row| Said::of(row).unwrap()) {
                if span.holds(said.minute) {
                    *expected.entry(RowWords::of(&said)).or_insert(0) += 1;
                }
            }
            assert_eq!(reader.count(*span, upto).unwrap(), expected, "{span:?} of {upto}");
        }
    }
}

#[test]
fn only_blocks_that_can_hold_a_wanted_row_are_read() {
    let reader = LogReader::new(log(3000));
    reader.words().unwrap();
    let blocks = |filter: &Filter| reader.index().blocks(filter, 0..3000);
    let late = Filter { reasons: vec!["withdrawn".to_owned()], ..Filter::default() };
    assert_eq!(blocks(&Filter::default()), [0, 1, 2]);
    assert_eq!(blocks(&late), [1, 2]);
    let span = Span { from: None, until: Some(minute(10)) };
    assert_eq!(blocks(&Filter { span, ..Filter::default() }), [0]);
}

#[test]
fn a_run_of_rows_crosses_no_file_and_is_what_single_reads_are() {
    let store = log(300);
    for (from, most) in [(0, 300), (17, 100), (299, 5), (300, 5), (400, 1)] {
        let run = store.leaf_run(from, most).unwrap();
        let rows: Vec<Vec<u8>> = run.rows().map(|(_, row)| row.to_vec()).collect();
        assert_eq!(rows, store.leaves(from, usize::try_from(most).unwrap()).unwrap());
        assert_eq!(run.rows().next().map(|(index, _)| index), (from < 300).then_some(from));
    }
}
