//! Chooses a list: relevant, broad, and close to all of a person's tastes.
//!
//! Greedily, the next pick is the row with the largest
//!
//! ```text
//! (1 - l) · rel(i)  +  l · mean over the picks of d(i, j)  +  c · Σ over tags g of i of p(g) · rem(g)
//! ```
//!
//! where d is the Jaccard distance of tags, p the person's taste, and rem(g) starts at 1 and halves with each pick
//! that carries g. The first two terms are the idea of maximal marginal relevance (Carbonell & Goldstein, "The use of
//! MMR", SIGIR 1998) with the mean for their maximum; the third gives back to tastes that the list forgot, as
//! calibration asks (Steck, "Calibrated recommendations", `RecSys` 2018), at the price of one addition a tag. The
//! chosen rows are put back into the model's order, which costs the set nothing and keeps the best on top.

use std::{cmp::Ordering, sync::LazyLock};

use super::{Candidates, Dial, Profile, candidates::Row, dial::Blend};

/// A chosen list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reranked {
    /// The chosen rows, in the model's order.
    pub order: Vec<usize>,
    /// Why each of them stands in the list, in the same order.
    pub sources: Vec<Source>,
    /// How many of them would not stand in the model's own list of that length.
    pub moved: usize,
}

/// Why a row stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The model's own list of that length holds it too.
    Model,
    /// Re-ranking brought it up.
    Diversity,
    /// Re-ranking brought it up, and more than half of its tags lie outside the smallest set of tags that holds
    /// 80 % of the person's taste.
    Bridge,
}

impl Source {
    /// The word for this source in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Diversity => "diversity",
            Self::Bridge => "bridge",
        }
    }
}

/// Chooses `k` rows, or all if there are fewer. With `dial` off, these are the first `k`.
#[must_use]
pub fn rerank(candidates: &Candidates, profile: &Profile, dial: Dial, k: usize) -> Reranked {
    let k = k.min(candidates.len());
    if dial.is_off() || k == candidates.len() {
        return Reranked { order: (0..k).collect(), sources: vec![Source::Model; k], moved: 0 };
    }
    let mut order = choose(candidates, profile, dial.blend(), k);
    order.sort_unstable();
    let core = Core::of(candidates, profile);
    let source = |row: &usize| match candidates.row(*row) {
        _ if *row < k => Source::Model,
        Some(tags) if core.is_mostly_outside(tags) => Source::Bridge,
        _ => Source::Diversity,
    };
    let sources: Vec<Source> = order.iter().map(source).collect();
    let moved = order.iter().filter(|row| **row >= k).count();
    Reranked { order, sources, moved }
}

/// The picks, in the order picked. Distances and pulls are carried from pick to pick, once for all rows of the same tags.
fn choose(candidates: &Candidates, profile: &Profile, blend: Blend, k: usize) -> Vec<usize> {
    let mut taste = taste(candidates, profile);
    let relevance = relevance(candidates, blend);
    let mut pull: Vec<f64> = candidates.sets().map(|set| pull(set, &taste)).collect();
    let mut distance = vec![0.0; pull.len()];
    let mut eligible = Eligible::of(candidates, &relevance);
    let mut picks: Vec<usize> = Vec::with_capacity(k);
    for count in 0..u32::try_from(k).unwrap_or(u32::MAX) {
        let per_pick = if count == 0 { 0.0 } else { blend.distance / f64::from(count) };
        let value = |Place { row, set }: &Place| {
            let (relevance, distance) = (relevance.get(*row)?, distance.get(*set)?);
            Some(relevance + per_pick * distance + blend.calibration * pull.get(*set)?)
        };
        let Some(Place { row, set }) = eligible.take_best(value) else { break };
        candidates.add_distances_to(set, &mut distance);
        for tag in candidates.row(row).into_iter().flat_map(Row::tags) {
            let Some(left) = taste.get_mut(tag).filter(|left| **left > 0.0) else { continue };
            *left /= 2.0;
            candidates.subtract_where_tagged(tag, *left, &mut pull);
        }
        picks.push(row);
    }
    picks
}

/// A row that may be picked, and the set of tags it carries.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    set: usize,
}

/// The rows that may be the next pick.
///
/// Of rows with the same tags, all but relevance is the same. So where relevance never rises down the model's order, as
/// with nearly every model, only the first of them that is left can be it.
struct Eligible {
    rows: Vec<Place>,
    /// The next row with the same tags, for each row that stands in for others.
    next: Vec<Option<usize>>,
}

impl Eligible {
    fn of(candidates: &Candidates, relevance: &[f64]) -> Self {
        let rows = (0..candidates.len()).filter_map(|row| {
            let set = candidates.set_of(row)?;
            Some(Place { row, set })
        });
        if !relevance.is_sorted_by(|one, other| one >= other) {
            return Self { rows: rows.collect(), next: Vec::new() };
        }
        let mut next = vec![None; candidates.len()];
        let mut first = vec![None; candidates.sets().len()];
        for Place { row, set } in rows.rev() {
            if let (Some(next), Some(first)) = (next.get_mut(row), first.get_mut(set)) {
                *next = first.replace(row);
            }
        }
        let firsts = first.into_iter().enumerate();
        let rows = firsts.filter_map(|(set, row)| Some(Place { row: row?, set }));
        Self { rows: rows.collect(), next }
    }

    /// Takes out the row of the largest value; of equals the model's higher one.
    fn take_best(&mut self, value: impl Fn(&Place) -> Option<f64>) -> Option<Place> {
        let mut best: Option<(f64, usize, Place)> = None;
        for (at, place) in self.rows.iter().enumerate() {
            let Some(value) = value(place) else { continue };
            let wins = best.is_none_or(|(most, _, known)| match value.partial_cmp(&most) {
                Some(Ordering::Equal) => place.row < known.row,
                order => order == Some(Ordering::Greater),
            });
            if wins {
                best = Some((value, at, *place));
            }
        }
        let (_, at, best) = best?;
        match self.next.get(best.row).copied().flatten() {
            Some(next) => {
                if let Some(place) = self.rows.get_mut(at) {
                    place.row = next;
                }
            }
            None => {
                self.rows.swap_remove(at);
            }
        }
        Some(best)
    }
}

/// p(g) · rem(g) for each tag of the request, before any pick.
fn taste(candidates: &Candidates, profile: &Profile) -> Vec<f64> {
    let mut taste = vec![0.0; candidates.tags().len()];
    for (tag, share) in profile.shares() {
        if let Some(of_tag) = candidates.tags().find(tag).and_then(|tag| taste.get_mut(tag)) {
            *of_tag = share;
        }
    }
    taste
}

fn pull(row: Row<'_>, taste: &[f64]) -> f64 {
    row.tags().filter_map(|tag| taste.get(tag)).sum()
}

/// The first term of the sum, for each row.
fn relevance(candidates: &Candidates, blend: Blend) -> Vec<f64> {
    let weight = 1.0 - blend.distance;
    let by_rank = rank_relevances().take(candidates.len());
    match candidates.scores().and_then(|scores| Some((scores, MinMax::of(scores)?))) {
        None => by_rank.map(|by_rank| weight * by_rank).collect(),
        Some((scores, scale)) => {
            let mix = |(by_rank, score): (f64, &f64)| {
                blend.by_rank * by_rank + (1.0 - blend.by_rank) * scale.of_score(*score)
            };
            by_rank.zip(scores).map(|terms| weight * mix(terms)).collect()
        }
    }
}

/// Relevance by rank: 1/log2(rank + 1), ranks from 1, the discount of nDCG.
fn rank_relevances() -> impl Iterator<Item = f64> {
    static FIRST: LazyLock<Vec<f64>> = LazyLock::new(|| (1..=1024).map(of_rank).collect());
    FIRST.iter().copied().chain((1025..).map(of_rank))
}

fn of_rank(rank: u32) -> f64 {
    1.0 / (f64::from(rank) + 1.0).log2()
}

/// Relevance by score: 0 for the request's lowest, 1 for its highest.
#[derive(Clone, Copy)]
struct MinMax {
    lowest: f64,
    range: f64,
}

impl MinMax {
    /// Nothing when the scores say nothing: all the same, or too far apart for their range to be a number.
    fn of(scores: &[f64]) -> Option<Self> {
        let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = highest - lowest;
        (range.is_finite() && range > 0.0).then_some(Self { lowest, range })
    }

    fn of_score(self, score: f64) -> f64 {
        (score - self.lowest) / self.range
    }
}

/// The tags that hold 80 % of a person's taste, as this request numbers them.
struct Core {
    inside: Vec<bool>,
    known: bool,
}

impl Core {
    fn of(candidates: &Candidates, profile: &Profile) -> Self {
        let mut inside = vec![false; candidates.tags().len()];
        for tag in profile.core() {
            if let Some(mark) = candidates.tags().find(tag).and_then(|tag| inside.get_mut(tag)) {
                *mark = true;
            }
        }
        Self { inside, known: !profile.is_empty() }
    }

    /// Without a taste to lie outside of, or without tags, a row is no bridge.
    fn is_mostly_outside(&self, row: Row<'_>) -> bool {
        let outside = row.tags().filter(|tag| self.inside.get(*tag) == Some(&false)).count();
        self.known && 2 * outside > row.size as usize
    }
}
