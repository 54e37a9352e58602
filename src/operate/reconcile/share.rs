//! How far a sample can be off: the exact bounds of Clopper and Pearson (1934) on a share, from a sample of it.

use serde::Serialize;

/// How sure the bounds are: of 200 samples, one lies outside on either side, at most.
const BEYOND: f64 = 0.005;

/// Between which numbers of rows the true one lies, at 99 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

/// The bound on how many of `rows` there are, if `hits` of the `drawn` ones are such.
pub(super) fn bound(hits: u64, drawn: u64, rows: u64) -> Bound {
    let least = match hits.checked_sub(1) {
        Some(below) => solve(|share| up_to(below, drawn, share) > 1.0 - BEYOND),
        None => 0.0,
    };
    let most = if hits == drawn { 1.0 } else { solve(|share| up_to(hits, drawn, share) > BEYOND) };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count of rows is one, and a bound need not be exact to the row"
    )]
    let count = |share: f64| (share * rows as f64) as u64;
    // What was seen is there, whatever the shares say.
    let least = count(least).max(hits);
    Bound { least, most: count(most).saturating_add(1).min(rows - (drawn - hits)).max(least) }
}

/// The largest share for which `holds`, which holds below it.
fn solve(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

/// How probable `hits` or fewer are among `drawn`, each with the probability `share`.
#[expect(clippy::cast_precision_loss, reason = "samples are far smaller than 2^53")]
fn up_to(hits: u64, drawn: u64, share: f64) -> f64 {
    if share <= 0.0 {
        return 1.0;
    }
    let (hit, miss) = (share.ln(), (-share).ln_1p());
    let mut ways = 0.0;
    let mut sum = 0.0;
    for k in 0..=hits {
        if k > 0 {
            ways += ((drawn - k + 1) as f64).ln() - (k as f64).ln();
        }
        sum += (ways + k as f64 * hit + (drawn - k) as f64 * miss).exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_published_ones() {
        // Of 10 drawn and 0 hits: 1 - 0.005^(1/10) = 0.4113; of 100 and 10: 0.0382 to 0.2020.
        let million = 1_000_000;
        assert_eq!(bound(0, 10, million).least, 0);
        assert_eq!(bound(0, 10, million).most / 1000, 411);
        let tenth = bound(10, 100, million);
        assert_eq!((tenth.least / 100, tenth.most / 100), (381, 2019));
    }

    #[test]
    fn a_bound_never_contradicts_what_was_seen() {
        for (hits, drawn, rows) in [(0, 5, 5), (5, 5, 5), (3, 5, 6), (5, 5, 100), (0, 1, 2)] {
            let Bound { least, most } = bound(hits, drawn, rows);
            assert!(least >= hits && most <= rows - (drawn - hits) && least <= most);
        }
    }
}
