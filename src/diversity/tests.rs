//! The re-ranker against a slow one that is plain to see, and the measures against sums done by hand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// One candidate as a test writes it: score and tags.
type Plain = (Option<f64>, Vec<String>);

fn candidates(rows: &[Plain]) -> Candidates {
    let mut builder = Candidates::builder();
    for (score, tags) in rows {
        builder.push(*score, tags.iter().map(String::as_str));
    }
    builder.build()
}

fn unscored(rows: &[&[&str]]) -> Candidates {
    let mut builder = Candidates::builder();
    for tags in rows {
        builder.push(None, tags.iter().copied());
    }
    builder.build()
}

fn profile(weights: &BTreeMap<String, f64>) -> Profile {
    Profile::from_weights(weights.iter().map(|(tag, weight)| (tag.as_str(), *weight)))
}

fn dial(strength: f64) -> Dial {
    Dial::parse(strength).unwrap()
}

fn close(one: f64, two: f64) -> bool {
    (one - two).abs() < 1e-12
}

/// The same choice with sets and from scratch for each row and pick.
mod plain {
    use super::*;

    fn distance(one: &BTreeSet<&String>, two: &BTreeSet<&String>) -> f64 {
        let either = one.union(two).count();
        if either == 0 { 0.0 } else { 1.0 - f(one.intersection(two).count()) / f(either) }
    }

    fn f(count: usize) -> f64 {
        f64::from(u32::try_from(count).unwrap())
    }

    fn relevance(rows: &[Plain], row: usize, by_rank: f64) -> f64 {
        let rank = 1.0 / (f(row + 1) + 1.0).log2();
        let scores: Option<Vec<f64>> =
            rows.iter().map(|(score, _)| score.filter(|s| s.is_finite())).collect();
        let Some(scores) = scores else { return rank };
        let low = scores.iter().copied().reduce(f64::min).unwrap();
        let high = scores.iter().copied().reduce(f64::max).unwrap();
        if low >= high {
            return rank;
        }
        by_rank * rank + (1.0 - by_rank) * ((scores[row] - low) / (high - low))
    }

    pub(super) fn choose(
        rows: &[Plain],
        shares: &BTreeMap<String, f64>,
        dial: Dial,
        k: usize,
    ) -> Vec<usize> {
        let blend = dial.blend();
        let sets: Vec<BTreeSet<&String>> =
            rows.iter().map(|(_, tags)| tags.iter().collect()).collect();
        let mut picks: Vec<usize> = Vec::new();
        while picks.len() < k.min(rows.len()) {
            let value = |row: usize| {
                let apart: f64 = picks.iter().map(|pick| distance(&sets[row], &sets[*pick])).sum();
                let per_pick = if picks.is_empty() { 0.0 } else { blend.distance / f(picks.len()) };
                let mut pull = 0.0;
                for tag in &sets[row] {
                    let times = picks.iter().filter(|pick| sets[**pick].contains(tag)).count();
                    let left = 0.5_f64.powi(i32::try_from(times).unwrap());
                    pull += shares.get(*tag).copied().unwrap_or(0.0) * left;
                }
                (1.0 - blend.distance) * relevance(rows, row, blend.by_rank)
                    + per_pick * apart
                    + blend.calibration * pull
            };
            let open: Vec<usize> = (0..rows.len()).filter(|row| !picks.contains(row)).collect();
            let most = open.iter().map(|row| value(*row)).reduce(f64::max).unwrap();
            picks.push(*open.iter().find(|row| value(**row) >= most).unwrap());
        }
        if dial.is_off() {
            picks = (0..k.min(rows.len())).collect();
        }
        picks.sort_unstable();
        picks
    }

    /// Smoothed divergence and mean distance, straight from the formulas.
    pub(super) fn measure(
        rows: &[Plain],
        shares: &BTreeMap<String, f64>,
        list: &[usize],
    ) -> (f64, f64) {
        let sets: Vec<BTreeSet<&String>> =
            list.iter().map(|row| rows[*row].1.iter().collect()).collect();
        let mut q: BTreeMap<&String, f64> = BTreeMap::new();
        for set in &sets {
            for tag in set {
                *q.entry(tag).or_default() += 1.0 / f(set.len());
            }
        }
        let total: f64 = q.values().sum();
        let known: BTreeSet<&String> =
            rows.iter().flat_map(|(_, tags)| tags).chain(shares.keys()).collect();
        let share = |tag: &String| match q.get(tag) {
            _ if q.is_empty() => 1.0 / f(known.len()),
            votes => votes.copied().unwrap_or(0.0) / total,
        };
        let divergence: f64 =
            shares.iter().map(|(tag, p)| p * (p / (0.99 * share(tag) + 0.01 * p)).ln()).sum();
        let mut distances = Vec::new();
        for (at, one) in sets.iter().enumerate() {
            distances.extend(sets[at + 1..].iter().map(|two| distance(one, two)));
        }
        let mean = if distances.is_empty() {
            0.0
        } else {
            distances.iter().sum::<f64>() / f(distances.len())
        };
        (mean, divergence)
    }
}

/// Rows over `vocabulary` tags; few distinct scores, so that ties happen, and none at all in a third of the cases.
fn some_rows(vocabulary: u8) -> impl Strategy<Value = Vec<Plain>> {
    let tags = prop::collection::vec((0..vocabulary).prop_map(|n| format!("t{n}")), 0..5);
    let row = (prop::option::weighted(0.995, (-20_i8..20).prop_map(|n| f64::from(n) / 4.0)), tags);
    prop::collection::vec(row, 0..60)
}

/// Shares over some tags, of which some are foreign to all rows. They are 64ths, so that sums of them are exact in
/// any order, and equals are equal however they are summed.
fn some_shares(vocabulary: u8) -> impl Strategy<Value = BTreeMap<String, f64>> {
    let votes = prop::collection::vec(0..vocabulary.saturating_add(3), 64);
    prop_oneof![1 => Just(Vec::new()), 5 => votes].prop_map(|votes| {
        let mut shares = BTreeMap::new();
        for vote in votes {
            *shares.entry(format!("t{vote}")).or_default() += 1.0 / 64.0;
        }
        shares
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_choice_is_the_plain_choice(
        (rows, shares) in (1_u8..200).prop_flat_map(|v| (some_rows(v), some_shares(v))),
        quarter in 0_u8..=8,
        k in 0_usize..25,
    ) {
        let dial = dial(f64::from(quarter) / 8.0);
        let fast = rerank(&candidates(&rows), &profile(&shares), dial, k);
        prop_assert_eq!(fast.order, plain::choose(&rows, &shares, dial, k));
    }

    #[test]
    fn a_list_holds_distinct_rows_in_the_models_order(
        rows in some_rows(30), shares in some_shares(30), strength in 0.0..=1.0, k in 0_usize..80,
    ) {
        let list = rerank(&candidates(&rows), &profile(&shares), dial(strength), k);
        prop_assert_eq!(list.order.len(), k.min(rows.len()));
        prop_assert!(list.order.is_sorted_by(|one, two| one < two));
        prop_assert!(list.order.iter().all(|row| *row < rows.len()));
        let own = list.sources.iter().filter(|source| **source == Source::Model).count();
        prop_assert_eq!(list.sources.len(), list.order.len());
        prop_assert_eq!(own + list.moved, list.order.len());
    }

    #[test]
    fn dial_zero_is_the_models_own_list(
        rows in some_rows(30), shares in some_shares(30), k in 0_usize..80,
    ) {
        let list = rerank(&candidates(&rows), &profile(&shares), Dial::OFF, k);
        prop_assert_eq!(list.order, (0..k.min(rows.len())).collect::<Vec<_>>());
        prop_assert_eq!(list.moved, 0);
    }

    #[test]
    fn the_faintest_turn_leaves_the_models_own_list(rows in some_rows(30), k in 0_usize..60) {
        let list = rerank(&candidates(&rows), &Profile::default(), dial(1e-9), k);
        prop_assert_eq!(list.order, (0..k.min(rows.len())).collect::<Vec<_>>());
    }

    #[test]
    fn measures_follow_the_formulas_and_keep_their_range(
        (rows, shares) in (1_u8..200).prop_flat_map(|v| (some_rows(v), some_shares(v))),
        picked in prop::collection::btree_set(0_usize..60, 0..15),
    ) {
        let list: Vec<usize> = picked.into_iter().filter(|row| *row < rows.len()).collect();
        let measured = measure(&candidates(&rows), &profile(&shares), &list);
        let (ild, divergence) = plain::measure(&rows, &shares, &list);
        prop_assert!(close(measured.ild, ild));
        prop_assert!((0.0..=1.0).contains(&measured.ild));
        prop_assert!((0.0..=1.0).contains(&measured.coverage));
        prop_assert_eq!(measured.calibration.is_some(), !shares.is_empty());
        if let Some(calibration) = measured.calibration {
            prop_assert!((calibration - divergence).abs() < 1e-9, "{calibration} {divergence}");
            prop_assert!((0.0..=100.0_f64.ln() + 1e-9).contains(&calibration));
        }
    }

    #[test]
    fn measures_do_not_depend_on_the_order_of_a_list(
        rows in some_rows(30), shares in some_shares(30),
        list in prop::collection::vec(0_usize..60, 0..12).prop_shuffle(),
    ) {
        let (candidates, profile) = (candidates(&rows), profile(&shares));
        let mut sorted = list.clone();
        sorted.sort_unstable();
        let (one, two) = (measure(&candidates, &profile, &list), measure(&candidates, &profile, &sorted));
        prop_assert!(close(one.ild, two.ild) && close(one.coverage, two.coverage));
        prop_assert!(close(one.calibration.unwrap_or(0.0), two.calibration.unwrap_or(0.0)));
    }
}

#[test]
fn distances_are_jaccard_over_all_pairs() {
    let list = unscored(&[&["a", "b"], &["b", "c"], &["d"]]);
    // a b : b c share one of three; both share nothing with d.
    let expected = (2.0 / 3.0 + 1.0 + 1.0) / 3.0;
    assert!(close(measure(&list, &Profile::default(), &[0, 1, 2]).ild, expected));
}

#[test]
fn rows_without_tags_are_alike_and_far_from_the_rest() {
    let list = unscored(&[&[], &[], &["a"]]);
    let ild = |rows: &[usize]| measure(&list, &Profile::default(), rows).ild;
    assert!(close(ild(&[0, 1]), 0.0));
    assert!(close(ild(&[0, 2]), 1.0));
    assert!(close(ild(&[2]), 0.0));
}

#[test]
fn calibration_is_zero_for_a_list_in_the_persons_shares() {
    let list = unscored(&[&["a"], &["a"], &["a"], &["b"]]);
    let taste = Profile::from_weights([("a", 3.0), ("b", 1.0)]);
    let calibration = |rows: &[usize]| measure(&list, &taste, rows).calibration.unwrap();
    assert!(close(calibration(&[0, 1, 2, 3]), 0.0));
    // Only a: q = (1, 0).
    let expected = 0.75 * (0.75 / (0.99 + 0.0075_f64)).ln() + 0.25 * 100_f64.ln();
    assert!(close(calibration(&[0, 1, 2]), expected));
}

#[test]
fn a_taste_that_no_candidate_serves_still_counts() {
    let list = unscored(&[&["a"]]);
    let taste = Profile::from_weights([("a", 1.0), ("opera", 1.0)]);
    let expected = 0.5 * (0.5 / (0.99 + 0.005_f64)).ln() + 0.5 * 100_f64.ln();
    assert!(close(measure(&list, &taste, &[0]).calibration.unwrap(), expected));
    assert_eq!(measure(&list, &Profile::default(), &[0]).calibration, None);
}

#[test]
fn coverage_is_the_share_of_the_candidates_tags() {
    let list = unscored(&[&["a", "b"], &["c"], &["d", "a"]]);
    let coverage = |rows: &[usize]| measure(&list, &Profile::default(), rows).coverage;
    assert!(close(coverage(&[0, 2]), 0.75));
    assert!(close(coverage(&[]), 0.0));
    assert!(close(coverage(&[1, 99]), 0.25));
}

#[test]
fn a_list_of_one_kind_lets_another_in() {
    let rows: Vec<&[&str]> = vec![&["tv"], &["tv"], &["tv"], &["tv"], &["shoes"]];
    let list = rerank(&unscored(&rows), &Profile::default(), Preset::Balanced.dial(), 3);
    assert_eq!(list.order, [0, 1, 4]);
    assert_eq!(list.sources, [Source::Model, Source::Model, Source::Diversity]);
    assert_eq!(list.moved, 1);
}

#[test]
fn what_lies_outside_the_persons_ground_is_a_bridge() {
    let rows: Vec<&[&str]> = vec![&["tv"], &["tv"], &["tv"], &["tv"], &["shoes", "sale"]];
    let taste = Profile::from_weights([("tv", 9.0), ("shoes", 1.0)]);
    let list = rerank(&unscored(&rows), &taste, dial(1.0), 2);
    assert_eq!(list.order, [0, 4]);
    assert_eq!(list.sources, [Source::Model, Source::Bridge]);
    let half = Profile::from_weights([("tv", 1.0), ("shoes", 1.0)]);
    let list = rerank(&unscored(&rows), &half, dial(1.0), 2);
    assert_eq!(list.sources, [Source::Model, Source::Diversity], "half of its tags are inside");
}

#[test]
fn a_forgotten_taste_is_served_before_mere_novelty() {
    let rows: Vec<&[&str]> = vec![&["tv"], &["tv"], &["shoes"], &["garden"]];
    let taste = Profile::from_weights([("tv", 1.0), ("garden", 1.0)]);
    let list = rerank(&unscored(&rows), &taste, Preset::Balanced.dial(), 2);
    assert_eq!(list.order, [0, 3]);
    let list = rerank(&unscored(&rows), &Profile::default(), Preset::Wide.dial(), 2);
    assert_eq!(list.order, [0, 2]);
}

#[test]
fn of_equals_the_higher_row_wins() {
    let rows: Vec<Plain> = (0..50).map(|_| (Some(0.5), vec!["same".to_owned()])).collect();
    let list = rerank(&candidates(&rows), &Profile::default(), dial(0.3), 5);
    assert_eq!(list.order, [0, 1, 2, 3, 4]);
}

#[test]
fn scores_count_only_if_every_row_has_a_finite_one() {
    let tagged = |scores: &[Option<f64>]| {
        let rows: Vec<Plain> =
            scores.iter().map(|score| (*score, vec!["same".to_owned()])).collect();
        rerank(&candidates(&rows), &Profile::default(), Dial::default(), 1).order
    };
    assert_eq!(tagged(&[Some(0.1), Some(0.9)]), [1], "the scores contradict the order");
    for lacking in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        assert_eq!(tagged(&[Some(0.1), Some(0.9), lacking]), [0]);
    }
    assert_eq!(tagged(&[Some(f64::MIN), Some(f64::MAX)]), [0], "no range can be told");
}

#[test]
fn a_row_counts_its_first_64_tags() {
    let many: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let few: Vec<String> = (0..64).map(|n| n.to_string()).collect();
    let other = vec!["199".to_owned()];
    let list = candidates(&[(None, many), (None, few), (None, other)]);
    let ild = |rows: &[usize]| measure(&list, &Profile::default(), rows).ild;
    assert!(close(ild(&[0, 1]), 0.0));
    assert!(close(ild(&[0, 2]), 1.0));
}
