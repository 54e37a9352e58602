//! What a list is like: how broad, how close to the person's tastes, how much of what there was it shows.

use super::{Candidates, Profile};

/// What a list is like. All three depend on which rows it holds, not on their order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Intra-list distance: the mean Jaccard distance of tags over all pairs, 0 (all the same) to 1 (nothing in
    /// common); two rows without tags are at distance 0. 0 for fewer than two rows. (Ziegler et al., "Improving
    /// recommendation lists through topic diversification", WWW 2005, with distance for similarity.)
    pub ild: f64,
    /// Miscalibration: the divergence of the list's tags from the person's taste in nats, 0 when they agree, at most
    /// ln 100. `C_KL` = Σ p(g) ln(p(g) / (0.99 q(g) + 0.01 p(g))) (Steck, "Calibrated recommendations", `RecSys`
    /// 2018, equation 6). Nothing when no taste is known.
    pub calibration: Option<f64>,
    /// The share of the candidates' tags that the list shows, 0 to 1; 0 when they have none.
    pub coverage: f64,
}

/// Steck's α, which keeps the divergence finite where the list misses a tag.
const ALPHA: f64 = 0.01;

/// Measures the list of these `rows`. A row that is no candidate is left out.
#[must_use]
pub fn measure(candidates: &Candidates, profile: &Profile, rows: &[usize]) -> Measured {
    let list = List::of(candidates, rows);
    let shown = list.votes.iter().filter(|votes| **votes > 0.0).count();
    Measured {
        ild: intra_list_distance(candidates, rows),
        calibration: (!profile.is_empty()).then(|| list.divergence(candidates, profile)),
        coverage: share(shown, candidates.tags().len()),
    }
}

fn intra_list_distance(candidates: &Candidates, rows: &[usize]) -> f64 {
    let rows: Vec<_> = rows.iter().filter_map(|row| candidates.row(*row)).collect();
    let (mut sum, mut pairs) = (0.0, 0_u32);
    let mut rest = rows.as_slice();
    while let Some((one, others)) = rest.split_first() {
        for other in others {
            sum += one.distance(*other);
            pairs += 1;
        }
        rest = others;
    }
    if pairs == 0 { 0.0 } else { sum / f64::from(pairs) }
}

/// The tags of a list: each row spreads one vote evenly over its tags.
struct List {
    votes: Vec<f64>,
    total: f64,
}

impl List {
    fn of(candidates: &Candidates, rows: &[usize]) -> Self {
        let mut votes = vec![0.0; candidates.tags().len()];
        let mut total = 0.0;
        for row in rows.iter().filter_map(|row| candidates.row(*row)).filter(|row| row.size > 0) {
            let vote = 1.0 / f64::from(row.size);
            for tag in row.tags() {
                if let Some(votes) = votes.get_mut(tag) {
                    *votes += vote;
                }
            }
            total += 1.0;
        }
        Self { votes, total }
    }

    fn divergence(&self, candidates: &Candidates, profile: &Profile) -> f64 {
        let of_tag = |(tag, p): (&str, f64)| {
            let q = match candidates.tags().find(tag).and_then(|tag| self.votes.get(tag)) {
                _ if self.total <= 0.0 => self.even_share(candidates, profile),
                Some(votes) => votes / self.total,
                None => 0.0,
            };
            p * (p / ((1.0 - ALPHA) * q + ALPHA * p)).ln()
        };
        // Rounding can leave a list that agrees a hair below zero.
        profile.shares().map(of_tag).sum::<f64>().max(0.0)
    }

    /// A list without any tag says nothing, so it counts as even over all tags that are known.
    fn even_share(&self, candidates: &Candidates, profile: &Profile) -> f64 {
        let foreign = profile.shares().filter(|(tag, _)| candidates.tags().find(tag).is_none());
        share(1, self.votes.len() + foreign.count())
    }
}

fn share(part: usize, whole: usize) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { count(part) / count(whole) }
}
