//! Brings up the rows that a person wants more of, before the list is chosen: a bounded lift of what the model said, which
//! the re-ranker then works on as on any other list.
//!
//! A boosted row rises by half a list at most, and its score by a tenth of the distance between the lowest and the highest. The
//! others keep their order among themselves. Nothing is added: what the model did not propose, no boost brings.

/// The model's rows as they are with what is boosted brought up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifted {
    /// The rows of the model's order, in the new one.
    pub order: Vec<usize>,
    /// Their scores, in the new order.
    pub scores: Vec<Option<f64>>,
}

/// By which share of the range of scores a boosted row's score rises.
const SHARE: f64 = 0.1;

/// Brings up boosted rows, for a list of `k`. Of each row: its score, and whether it is boosted. `None` when none is, and
/// the list is the model's own.
#[must_use]
pub fn lift(rows: &[(Option<f64>, bool)], k: usize) -> Option<Lifted> {
    if !rows.iter().any(|(_, boosted)| *boosted) {
        return None;
    }
    let places = k.div_ceil(2);
    // Of equals the boosted row comes first: it passes as many rows as it may. Before the first place the order stays.
    let key = |row: &usize| match rows.get(*row) {
        Some((_, true)) if *row >= places => (row - places, false),
        Some((_, true)) => (0, false),
        _ => (*row, true),
    };
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(key);
    let rise = SHARE * range(rows);
    let score = |row: &usize| {
        let (score, boosted) = rows.get(*row)?;
        score.map(|score| if *boosted && (score + rise).is_finite() { score + rise } else { score })
    };
    let scores = order.iter().map(score).collect();
    Some(Lifted { order, scores })
}

/// How far the scores lie apart; nothing where that is no number.
fn range(rows: &[(Option<f64>, bool)]) -> f64 {
    let scores = || rows.iter().filter_map(|(score, _)| *score).filter(|score| score.is_finite());
    let range = scores().fold(f64::NEG_INFINITY, f64::max) - scores().fold(f64::INFINITY, f64::min);
    if range.is_finite() { range.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_boosted_row_rises_by_half_a_list_and_a_tenth_of_the_range() {
        let mut rows: Vec<_> = (0..10).map(|n| (Some(f64::from(10 - n)), false)).collect();
        assert_eq!(lift(&rows, 4), None);
        rows[7].1 = true;
        let lifted = lift(&rows, 4).unwrap();
        assert_eq!(lifted.order, [0, 1, 2, 3, 4, 7, 5, 6, 8, 9]);
        assert_eq!(lifted.scores[5], Some(3.0 + 0.9));
        assert_eq!(lifted.scores[4], Some(6.0));
    }

    proptest! {
        #[test]
        fn every_row_stays_once_nobody_else_rises_and_no_rise_is_longer_than_half_a_list(
            rows in prop::collection::vec((prop::option::of(-1e9_f64..1e9), any::<bool>()), 0..80),
            k in 0_usize..30,
        ) {
            let Some(Lifted { order, scores }) = lift(&rows, k) else { return Ok(()) };
            let mut all = order.clone();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..rows.len()));
            prop_assert_eq!(scores.len(), rows.len());
            for boosted in [false, true] {
                prop_assert!(order.iter().filter(|row| rows[**row].1 == boosted).is_sorted());
            }
            for (place, row) in order.iter().enumerate() {
                let rise = if rows[*row].1 { k.div_ceil(2) } else { 0 };
                prop_assert!(place + rise >= *row, "row {} is at {}", row, place);
            }
        }
    }
}
