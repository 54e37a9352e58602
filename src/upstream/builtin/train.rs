//! How the model learns: implicit feedback by matrix factorization, taken out of `discorec` as plain vectors.
//!
//! The vectors are used instead of `discorec`'s own queries because those sort with a panic on NaN, cannot be shared
//! between threads, and would keep the taste of a person who is to be forgotten.

use std::fmt;

use discorec::RecommenderBuilder;

/// How many numbers describe a person's taste or an item, at most; more did not help on MovieLens-100K.
const MOST_FACTORS: usize = 16;
/// How much more a seen item counts than an unseen one, for each unit of weight.
pub(super) const ALPHA: f32 = 1.0;
/// Any constant: the same events give the same model.
pub(super) const SEED: u64 = 1;

/// What is learnt from: who (by slot), what (by index), how strongly; and how much was known when it was taken.
#[derive(Debug)]
pub(super) struct Lesson {
    pub(super) rows: Vec<(u32, u32, f32)>,
    pub(super) items: usize,
    pub(super) version: u64,
}

impl Lesson {
    /// Fewer factors for few people or items, which would otherwise be learnt by heart instead of compared.
    pub(super) fn factors(&self) -> u32 {
        let people = self.rows.chunk_by(|a, b| a.0 == b.0).count();
        let factors = people.min(self.items).isqrt().clamp(2, MOST_FACTORS);
        u32::try_from(factors).unwrap_or(2)
    }
}

/// What was learnt.
pub(super) struct Trained {
    /// Taste by slot; only finite ones.
    pub(super) tastes: Vec<(u32, Box<[f32]>)>,
    /// The items.
    pub(super) items: ItemFactors,
}

/// A vector for each item, by index; without one for an item that nobody chose.
#[derive(Default)]
pub(super) struct ItemFactors {
    rows: Vec<Option<Box<[f32]>>>,
}

/// Learns.
pub(super) fn fit(lesson: &Lesson) -> Trained {
    let mut rows = vec![None; lesson.items];
    if lesson.rows.is_empty() {
        return Trained { tastes: Vec::new(), items: ItemFactors { rows } };
    }
    let model = RecommenderBuilder::new()
        .factors(lesson.factors())
        .alpha(ALPHA)
        .seed(SEED)
        .fit_implicit(lesson.rows.iter());
    for id in model.item_ids() {
        if let Some(row) = rows.get_mut(*id as usize) {
            *row = model.item_factors(id).and_then(finite);
        }
    }
    let taste = |id: &u32| Some((*id, model.user_factors(id).and_then(finite)?));
    let tastes = model.user_ids().iter().filter_map(taste).collect();
    Trained { tastes, items: ItemFactors { rows } }
}

/// The solver divides by a residue that can be zero for a handful of events; such a vector says nothing.
fn finite(row: &[f32]) -> Option<Box<[f32]>> {
    row.iter().all(|number| number.is_finite()).then(|| row.into())
}

impl ItemFactors {
    /// The vector of an item.
    pub(super) fn row(&self, item: u32) -> Option<&[f32]> {
        self.rows.get(item as usize)?.as_deref()
    }
}

/// How alike two vectors point, weighted by their lengths.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// How alike two vectors point, from -1 to 1.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::EPSILON)
}

impl fmt::Debug for ItemFactors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemFactors").field("items", &self.rows.len()).finish_non_exhaustive()
    }
}
