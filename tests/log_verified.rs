//! A log is verified from its files and its key alone: what holds is accepted, and every change of it is found and named.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot make its log must fail"
)]

#[path = "support/made_log.rs"]
mod made_log;

use std::thread;

use consentry::{
    ambient::Entropy,
    audit::{CLOCK_STEP, Meaning, Row, Tally, Vocabulary},
    domain::hex,
    tlog::{
        Checkpoint, Edge, Kind, NoteSigner, Quorum, Rows, Signs, Start, Tile, Trust, Verified,
        Wrong, verify, verify_from,
    },
};
use proptest::prelude::*;

use made_log::{BEGAN, MadeLog, RULESET, made, row, rows, signer, vocabulary};

/// Verifies rows and what they say, as our own log is verified.
fn ours(log: &MadeLog) -> Result<(Verified, Tally), Wrong> {
    let signer = signer();
    let mut meaning = Meaning::new(log, CLOCK_STEP, Tally::default());
    let trust = Trust::of(signer.verifier());
    let verified = verify_from(log, &trust, Start::default(), &mut meaning)?;
    meaning.end()?;
    Ok((verified, meaning.tally().clone()))
}

/// Verifies the rows alone, held against a checkpoint that was kept.
fn since(log: &MadeLog, kept: &[u8]) -> Result<Verified, Wrong> {
    let signer = signer();
    let since = [kept];
    verify(log, &Trust { since: &since, ..Trust::of(signer.verifier()) }, |_, _| Ok(()))
}

fn wrong(log: &MadeLog) -> String {
    ours(log).unwrap_err().to_string()
}

/// The log of some rows whose `changed`th is another.
fn saying(changed: u64, other: &Row<'_>) -> MadeLog {
    let mut rows = rows(changed + 3);
    rows[usize::try_from(changed).unwrap()] = other.to_string().into_bytes();
    made(&rows)
}

#[test]
fn a_log_that_holds_is_counted() {
    let (verified, tally) = ours(&made(&rows(1_300))).unwrap();
    assert_eq!((verified.rows, verified.before, verified.pruned), (1_300, 0, 0));
    assert_eq!((tally.rows, tally.created, tally.erased, tally.bodies_dropped), (1_300, 13, 0, 39));
    assert_eq!(tally.events["decision"], 1_300 - 1 - 13 - 13);
    assert_eq!((tally.recipients["recsys-eu"], tally.recipients["-"]), (1_273, 27));
    assert_eq!(tally.rulesets[RULESET].commitment, Some((0, vocabulary().hash())));
    assert_eq!(tally.opening.unwrap().origin.as_deref(), Some("log.example/2026h1"));
    assert_eq!((tally.first_minute, tally.latest_minute), (Some(BEGAN), Some(BEGAN + 60 * 25)));
}

#[test]
fn each_of_ten_thousand_flipped_bits_is_found() {
    let whole = made(&rows(1_650));
    assert!(ours(&whole).is_ok());
    let paths: Vec<&String> = whole.0.keys().collect();
    let unseen = |seed: u64| {
        let (chance, mut log, mut unseen) = (Entropy::seeded(seed), whole.clone(), Vec::new());
        let below = |sides: usize| usize::from_be_bytes(chance.draw().unwrap()) % sides;
        for _ in 0..5_000 {
            let path = paths[below(paths.len())];
            let (at, bit) = (below(whole.0[path].len()), below(8));
            log.0.get_mut(path).unwrap()[at] ^= 1 << bit;
            let signer = signer();
            // Tiles, bundles and checkpoint are found without looking at what rows say; a vocabulary is not among them.
            let found = if path.starts_with("vocabulary/") {
                ours(&log).is_err()
            } else {
                verify(&log, &Trust::of(signer.verifier()), |_, _| Ok(())).is_err()
            };
            if !found {
                unseen.push((path, at, bit));
            }
            log.0.get_mut(path).unwrap()[at] ^= 1 << bit;
        }
        assert!(ours(&log).is_ok());
        unseen
    };
    thread::scope(|scope| {
        let halves = [1, 2].map(|seed| scope.spawn(move || unseen(seed)));
        for half in halves {
            assert_eq!(half.join().unwrap(), []);
        }
    });
}

#[test]
fn a_missing_swapped_or_cut_file_is_named() {
    let whole = made(&rows(800));
    for path in whole.0.keys() {
        let mut log = whole.clone();
        log.0.remove(path);
        assert!(wrong(&log).contains("missing"), "{path}");
        log.0.insert(path.clone(), whole.0[path][..whole.0[path].len() - 1].to_vec());
        assert!(ours(&log).is_err(), "{path} cut");
        log.0.insert(path.clone(), [&whole.0[path][..], &[0]].concat());
        assert!(ours(&log).is_err(), "{path} longer");
    }
    let mut log = whole.clone();
    log.0.insert("tile/entries/000".to_owned(), whole.0["tile/entries/001"].clone());
    assert_eq!(wrong(&log), "row 0 is not the one that tile/0/000 was made from");
    log.0.insert("tile/0/000".to_owned(), whole.0["tile/0/001"].clone());
    assert!(wrong(&log).starts_with("one of rows 0 to 255 was changed: tile/1/000"));
}

#[test]
fn a_row_changed_with_every_tile_above_it_is_found_by_the_root() {
    let mut other = rows(800);
    other[300] = Row { minute: row(300).minute, ..row(5_000) }.to_string().into_bytes();
    let (mut log, whole) = (made(&other), made(&rows(800)));
    log.0.insert("checkpoint".to_owned(), whole.note().to_vec());
    assert!(matches!(ours(&log), Err(Wrong::Root(800))));
}

#[test]
fn a_file_longer_than_it_may_be_is_not_looked_at() {
    let mut log = made(&rows(300));
    log.0.insert("tile/0/000".to_owned(), vec![0; 8_193]);
    assert!(matches!(ours(&log), Err(Wrong::TooLong { most: 8_192, .. })));
    let mut log = made(&rows(300));
    log.0.insert("checkpoint".to_owned(), vec![b'a'; (1 << 20) + 1]);
    assert!(matches!(ours(&log), Err(Wrong::TooLong { .. })));
}

#[test]
fn a_log_that_was_cut_short_or_forked_is_no_longer_the_one_that_was_kept() {
    let (short, long) = (made(&rows(700)), made(&rows(900)));
    assert_eq!(since(&long, short.note()).unwrap().since, [700]);
    assert!(matches!(since(&short, long.note()), Err(Wrong::Shrunk { size: 700, kept: 900 })));
    let mut other = rows(900);
    other[650] = Row { minute: row(650).minute, ..row(9_999) }.to_string().into_bytes();
    let forked = made(&other);
    assert!(ours(&forked).is_ok());
    for (kept, size) in [(&long, 900), (&short, 700)] {
        match since(&forked, kept.note()) {
            Err(Wrong::Forked(at)) => assert_eq!(at, size),
            found => panic!("{found:?}"),
        }
    }
    let before = made(&rows(600));
    assert_eq!(since(&forked, before.note()).unwrap().since, [600]);
}

#[test]
fn witnesses_must_have_signed_as_many_as_are_asked_for() {
    let mut log = made(&rows(10));
    let [a, b] = [("a.example", 8), ("b.example", 9)]
        .map(|(name, seed)| NoteSigner::new(name, Signs::Timed, &[seed; 32]).unwrap());
    let body = String::from_utf8(log.note().to_vec()).unwrap();
    let (text, _) = body.split_at(body.find("\n\n").unwrap() + 1);
    let note = format!("{body}{}", a.line(text, 1_760_000_100));
    log.0.insert("checkpoint".to_owned(), note.clone().into_bytes());
    let signer = signer();
    let witnesses = [a.verifier().clone(), b.verifier().clone()];
    let ask = |log: &MadeLog, number| {
        let quorum = Quorum::of(number, 2);
        let trust = Trust { witnesses: &witnesses, quorum, ..Trust::of(signer.verifier()) };
        verify(log, &trust, |_, _| Ok(()))
    };
    assert_eq!(ask(&log, 1).unwrap().witnessed, [("a.example".to_owned(), 1_760_000_100)]);
    assert!(matches!(ask(&log, 2), Err(Wrong::Quorum { signed: 1, witnesses: 2 })));
    let lies = format!("{body}{}", a.line("of another log\n", 1_760_000_100));
    log.0.insert("checkpoint".to_owned(), lies.into_bytes());
    assert!(matches!(ask(&log, 0), Err(Wrong::Note { .. })));
}

#[test]
fn a_row_that_says_what_none_may_is_named() {
    let plain = row(310);
    for (other, says) in [
        (Row { event: "decision.made", ..plain.clone() }, "`e` says \"decision.made\""),
        (Row { recipient: "elsewhere", ..plain.clone() }, "`u` says \"elsewhere\""),
        (Row { minute: plain.minute + 1, ..plain.clone() }, "is no whole minute"),
        (Row { minute: plain.minute - 180, ..plain.clone() }, "180 seconds before"),
        (Row { ruleset: "0000000000000000", ..plain.clone() }, "is missing"),
        (Row { ruleset: "../../etc/passwd", ..plain.clone() }, "not 16 hexadecimal digits"),
        (Row { event: "log.opened", ..plain.clone() }, "only the first row"),
    ] {
        let found = wrong(&saying(310, &other));
        assert!(found.starts_with("row 310: ") && found.contains(says), "{found}");
    }
    let late = Row { minute: plain.minute - 120, ..plain };
    assert_eq!(ours(&saying(310, &late)).unwrap().1.largest_step_back, 120);
}

#[test]
fn a_vocabulary_is_the_one_that_the_last_row_to_commit_to_it_commits_to() {
    let mut grown = vocabulary();
    grown.events.insert("audit.gap".to_owned());
    let commits = Row { vocabulary: Some(grown.hash()), ..row(300) };
    let mut log = saying(300, &commits);
    let found = wrong(&log);
    assert!(found.starts_with("row 300: the vocabulary that it commits to is not"), "{found}");
    log.0.insert(Vocabulary::path(RULESET), grown.json());
    assert_eq!(ours(&log).unwrap().1.rulesets[RULESET].commitment, Some((300, grown.hash())));
    // A log goes on while it is verified: its present vocabulary may be one of rows to come.
    let (mut log, hash) = (made(&rows(300)), vocabulary().hash());
    let name = format!("vocabulary/{RULESET}-{}.json", hex(&hash[..8]));
    log.0.insert(Vocabulary::path(RULESET), grown.json());
    assert!(ours(&log).is_err());
    log.0.insert(name.clone(), vocabulary().json());
    assert!(ours(&log).is_ok());
    let mut said = rows(300);
    said[200] = Row { event: "audit.gap", ..row(200) }.to_string().into_bytes();
    let mut early = made(&said);
    early.0.extend([(Vocabulary::path(RULESET), grown.json()), (name, vocabulary().json())]);
    assert!(wrong(&early).contains("lacks \"audit.gap\", which rows say"), "{}", wrong(&early));
    let none = saying(0, &Row { vocabulary: None, ..row(0) });
    assert!(wrong(&none).starts_with("row 0: no row commits to"));
}

#[test]
fn rows_that_were_pruned_are_counted_and_the_rest_still_verifies() {
    let all = rows(66_000);
    let whole = made(&all);
    let log = whole.clone().pruned(65_536);
    let (verified, tally) = ours(&log).unwrap();
    assert_eq!((verified.rows, verified.pruned), (464, 65_536));
    assert_eq!((tally.rows, tally.pruned), (464, 65_536));
    assert_eq!(since(&log, made(&all[..65_792]).note()).unwrap().since, [65_792]);
    assert_eq!(since(&log, made(&all[..512]).note()).unwrap().since, [512]);
    let inside = since(&log, made(&all[..500]).note());
    assert!(matches!(inside, Err(Wrong::Unshown(500))), "{inside:?}");
    for (path, at) in [("tile/1/000", 3), ("retention", 3), ("tile/entries/256", 9)] {
        let mut log = log.clone();
        log.0.get_mut(path).unwrap()[at] ^= 1;
        assert!(ours(&log).is_err(), "{path}");
    }
    // Without a minimum index that says so, no row may be missing, and none after it ever.
    let mut log = log.clone();
    log.0.remove("tile/entries/256");
    assert!(wrong(&log).contains("tile/entries/256") || wrong(&log).contains("tile/entries/257"));
    log.0.remove("retention");
    assert!(matches!(ours(&log), Err(Wrong::Missing(_))));
    let mut log = whole.clone();
    log.0.insert("retention".to_owned(), b"{\"minimum_index\":131072}\n".to_vec());
    assert!(matches!(ours(&log), Err(Wrong::Retention)));
}

/// Keeps where the last whole tile ended.
#[derive(Default)]
struct Kept(Edge, u64);

impl Rows for Kept {
    fn row(&mut self, _: u64, _: &[u8]) -> Result<(), String> {
        self.1 += 1;
        Ok(())
    }

    fn reached(&mut self, edge: &Edge) {
        self.0 = edge.clone();
    }
}

fn resumed(log: &MadeLog, edge: Edge, kept: &[u8]) -> (Result<Verified, Wrong>, Kept) {
    let (signer, mut seen) = (signer(), Kept::default());
    let (since, start) = ([kept], Start::after(edge).unwrap());
    let trust = Trust { since: &since, ..Trust::of(signer.verifier()) };
    let verified = verify_from(log, &trust, start, &mut seen);
    (verified, seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_verification_goes_on_from_where_one_stopped(
        first in 0_u64..1_500, more in 0_u64..1_500, changed in 0_u64..3_000, since in 0_u64..3_000,
    ) {
        let all = rows(first + more);
        let old = made(&all[..usize::try_from(first).unwrap()]);
        let new = made(&all);
        let (verified, seen) = resumed(&old, Edge::default(), made(&[]).note());
        prop_assert!(verified.is_ok());
        let before = first - first % 256;
        prop_assert_eq!(seen.0.size(), before);
        let since = usize::try_from(since.min(first + more)).unwrap();
        let (again, read) = resumed(&new, seen.0.clone(), made(&all[..since]).note());
        prop_assert_eq!(again.unwrap().before, before);
        prop_assert_eq!(read.1, first + more - before);
        // A row of before that is another now makes a log that does not go on from it, and one of after is read.
        let mut other = all.clone();
        if let Some(row) = other.get_mut(usize::try_from(changed).unwrap()) {
            row.push(b' ');
            let (verified, _) = resumed(&made(&other), seen.0, old.note());
            match verified {
                Ok(_) => prop_assert!(changed >= first),
                Err(Wrong::Rewritten(at)) => prop_assert!(changed < before && at == before),
                Err(Wrong::Forked(at)) => prop_assert!(changed < first && at == first),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}

#[test]
fn a_verification_never_goes_on_from_another_log() {
    let log = made(&rows(1_000));
    let (_, seen) = resumed(&log, Edge::default(), log.note());
    let shorter = made(&rows(500));
    let (verified, _) = resumed(&shorter, seen.0.clone(), shorter.note());
    assert!(matches!(verified, Err(Wrong::Shrunk { size: 500, kept: 768 })), "{verified:?}");
    let mut peaks = seen.0.peaks().to_vec();
    peaks[0][0] ^= 1;
    let other = Edge::from_peaks(768, peaks).unwrap();
    let (verified, _) = resumed(&log, other, log.note());
    assert!(matches!(verified, Err(Wrong::Rewritten(768))), "{verified:?}");
    assert_eq!(Start::after(Edge::from_peaks(3, vec![[0; 32]; 2]).unwrap()), None);
    assert_eq!(Edge::from_peaks(3, vec![[0; 32]]), None);
}

#[test]
fn an_empty_log_has_one_root() {
    let log = made(&[]);
    assert_eq!(ours(&log).unwrap().0.rows, 0);
    let empty = Checkpoint { origin: made_log::ORIGIN.to_owned(), size: 0, root: [1; 32] };
    let mut other = log.clone();
    other.0.insert("checkpoint".to_owned(), empty.sign(&signer()).into_bytes());
    assert!(matches!(ours(&other), Err(Wrong::Root(0))));
    assert!(matches!(since(&made(&rows(3)), other.note()), Err(Wrong::Forked(0))));
    assert_eq!(Tile::of(Kind::Entries, 0, 0), None);
}
