//! Foreign bytes: the entries of the fuzz targets over their seeds, over damaged seeds and over random bytes. A machine
//! without the fuzzer still sees that every entry works; `cargo fuzz` goes on from here, guided by coverage.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its seeds must fail"
)]

#[path = "../fuzz/entries/mod.rs"]
#[expect(unreachable_pub, reason = "it is public where it is a library")]
mod entries;

use std::{fs, path::Path};

use consentry::ambient::Entropy;

/// How often each seed is damaged, and how many random inputs each entry gets.
const ROUNDS: usize = 40;

/// Bytes that mean something in JSON, and one that is no text.
const TOKENS: &[u8] = b"\"{}[],:\\0-.eu \n\xff";

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn below(chance: &Entropy, sides: usize) -> usize {
    let drawn: [u8; 8] = chance.draw().unwrap();
    usize::from_be_bytes(drawn) % sides.max(1)
}

/// A few bytes changed, left out or put in.
fn damaged(seed: &[u8], chance: &Entropy) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=below(chance, 3) {
        let place = below(chance, bytes.len() + 1);
        let byte = TOKENS[below(chance, TOKENS.len())];
        match below(chance, 4) {
            0 => bytes.truncate(place),
            1 if place < bytes.len() => bytes[place] = byte,
            2 if place < bytes.len() => bytes[place] ^= 1 << below(chance, 8),
            _ => bytes.insert(place, byte),
        }
    }
    bytes
}

fn tried(name: &str) {
    let (_, entry) = entries::ALL.iter().find(|(known, _)| *known == name).unwrap();
    let (chance, seeds) = (Entropy::seeded(1), seeds(name));
    assert!(!seeds.is_empty(), "{name} has no seeds");
    entry(&[]);
    for seed in &seeds {
        entry(seed);
        for _ in 0..ROUNDS {
            entry(&damaged(seed, &chance));
        }
    }
    for _ in 0..ROUNDS {
        let mut bytes = vec![0; below(&chance, 200)];
        chance.fill(&mut bytes).unwrap();
        entry(&bytes);
    }
}

#[test]
fn every_target_has_an_entry_and_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut targets: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut known: Vec<_> = entries::ALL.map(|(name, _)| name.to_owned()).into();
    targets.sort();
    known.sort();
    assert_eq!(targets, known);
}

#[test]
fn any_answer_of_a_model_is_read_as_a_strict_parser_reads_it() {
    tried("model_answers");
}

#[test]
fn any_body_gets_an_answer_or_a_problem_that_repeats_nothing() {
    tried("request_bodies");
}

#[test]
fn any_lines_of_items_are_all_kept_or_none() {
    tried("item_lines");
}

#[test]
fn any_token_is_judged_the_same_twice_and_none_passes_unsigned() {
    tried("tokens");
}

#[test]
fn no_notice_passes_that_was_not_signed_as_one() {
    tried("notices");
}

#[test]
fn a_damaged_store_is_whole_or_does_not_open() {
    tried("journals");
}

#[test]
fn any_bundle_is_read_or_refused() {
    tried("policies");
}

#[test]
fn any_configuration_is_read_or_refused() {
    tried("settings");
}

#[test]
fn any_context_is_read_the_same_from_text_and_value() {
    tried("contexts");
}

#[test]
fn no_request_makes_a_witness_go_back_and_no_answer_is_believed_unsigned() {
    tried("witness_requests");
}

#[test]
fn nothing_unsigned_opens_and_all_damage_to_a_log_is_found() {
    tried("logs");
}
