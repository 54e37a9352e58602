//! What a model recommends, in its order, as sets of tags.

use std::fmt;

use super::tags::Tags;

/// The rows that a list is chosen from, in the model's order, each with its tags and, if the model gives one to
/// every row, its score. A request tells 1,024 tags apart and takes the first 64 of a row; further ones do not count,
/// which bounds the work that a broken or hostile answer can cause.
#[derive(Clone)]
pub struct Candidates {
    tags: Tags,
    /// 64-bit words a row.
    width: usize,
    bits: Vec<u64>,
    /// Distinct tags of each row.
    sizes: Vec<u32>,
    scores: Option<Vec<f64>>,
}

impl Candidates {
    /// Starts with no rows.
    #[must_use]
    pub fn builder() -> CandidatesBuilder {
        CandidatesBuilder {
            tags: Tags::new(),
            width: 1,
            bits: Vec::with_capacity(ROWS),
            sizes: Vec::with_capacity(ROWS),
            scores: Vec::with_capacity(ROWS),
            scored: true,
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    pub(super) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// One score a row, each finite; nothing when any row lacks one.
    pub(super) fn scores(&self) -> Option<&[f64]> {
        self.scores.as_deref()
    }

    pub(super) fn row(&self, row: usize) -> Option<Row<'_>> {
        let start = row.checked_mul(self.width)?;
        let words = self.bits.get(start..start.checked_add(self.width)?)?;
        Some(Row { words, size: *self.sizes.get(row)? })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.bits
            .chunks_exact(self.width)
            .zip(&self.sizes)
            .map(|(words, size)| Row { words, size: *size })
    }

    /// Adds to each of `sums`, one a row, the distance of that row to row `to`.
    pub(super) fn add_distances_to(&self, to: usize, sums: &mut [f64]) {
        let Some(to) = self.row(to) else { return };
        if let [word] = to.words {
            // Nearly every request has at most 64 tags, and this loop has no branch.
            for ((sum, bits), size) in sums.iter_mut().zip(&self.bits).zip(&self.sizes) {
                *sum += distance((bits & word).count_ones(), *size, to.size);
            }
        } else {
            for (sum, row) in sums.iter_mut().zip(self.rows()) {
                *sum += row.distance(to);
            }
        }
    }

    /// Subtracts `amount` from each of `sums`, one a row, whose row carries `tag`.
    pub(super) fn subtract_where_tagged(&self, tag: usize, amount: f64, sums: &mut [f64]) {
        let take = |sum: &mut f64, word: u64| {
            // All ones where tagged, so that the amount is taken without a branch.
            let mask = (word >> (tag % 64) & 1).wrapping_neg();
            *sum -= f64::from_bits(amount.to_bits() & mask);
        };
        if self.width == 1 {
            sums.iter_mut().zip(&self.bits).for_each(|(sum, word)| take(sum, *word));
        } else {
            let words = self.bits.iter().skip(tag / 64).step_by(self.width);
            sums.iter_mut().zip(words).for_each(|(sum, word)| take(sum, *word));
        }
    }
}

/// Jaccard distance of two sets of tags: one less the share of common tags in all tags of the two, so from 0 (the
/// same tags) to 1 (none in common). Two empty sets are at distance 0.
fn distance(shared: u32, one: u32, two: u32) -> f64 {
    let either = one + two - shared;
    // Two empty sets count as one common tag of one.
    let (shared, either) = (shared + u32::from(either == 0), either.max(1));
    1.0 - f64::from(shared) / f64::from(either)
}

/// Tags of one row that count.
const MOST_TAGS_A_ROW: usize = 64;

/// Rows that most requests hold.
const ROWS: usize = 128;

/// Takes in candidates, one after another.
#[derive(Clone)]
pub struct CandidatesBuilder {
    tags: Tags,
    width: usize,
    bits: Vec<u64>,
    sizes: Vec<u32>,
    scores: Vec<f64>,
    scored: bool,
}

impl CandidatesBuilder {
    /// Adds the next row of the model's order. A score that is no finite number counts as none; a tag named twice
    /// counts once.
    pub fn push<'t>(&mut self, score: Option<f64>, tags: impl IntoIterator<Item = &'t str>) {
        match score {
            Some(score) if score.is_finite() => self.scores.push(score),
            _ => self.scored = false,
        }
        let start = self.bits.len();
        self.bits.resize(start + self.width, 0);
        let mut first = 0;
        for tag in tags.into_iter().take(MOST_TAGS_A_ROW) {
            match self.tags.intern(tag) {
                Some(number @ 0..64) => first |= 1 << number,
                Some(number) => self.mark_beyond_first_word(number),
                None => {}
            }
        }
        let start = self.bits.len() - self.width;
        let row = self.bits.get_mut(start..).unwrap_or_default();
        if let Some(word) = row.first_mut() {
            *word = first;
        }
        self.sizes.push(row.iter().map(|word| word.count_ones()).sum());
    }

    /// The candidates taken in.
    #[must_use]
    pub fn build(self) -> Candidates {
        let Self { tags, width, bits, sizes, scores, scored } = self;
        Candidates { tags, width, bits, sizes, scores: scored.then_some(scores) }
    }

    /// Marks tag `number` in the last row, making all rows wider if needed.
    fn mark_beyond_first_word(&mut self, number: usize) {
        let (word, bit) = (number / 64, number % 64);
        if word >= self.width {
            let width = word + 1;
            let mut bits = Vec::with_capacity(self.bits.len() / self.width * width);
            for row in self.bits.chunks_exact(self.width) {
                bits.extend_from_slice(row);
                bits.resize(bits.len() + width - self.width, 0);
            }
            (self.bits, self.width) = (bits, width);
        }
        let at = self.bits.len() - self.width + word;
        if let Some(word) = self.bits.get_mut(at) {
            *word |= 1 << bit;
        }
    }
}

/// The tags of one candidate.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    words: &'a [u64],
    /// The number of its tags.
    pub(super) size: u32,
}

impl<'a> Row<'a> {
    /// Jaccard distance of the tags of the two, 0 to 1.
    pub(super) fn distance(self, other: Row<'_>) -> f64 {
        let common = |(one, two): (&u64, &u64)| (one & two).count_ones();
        distance(self.words.iter().zip(other.words).map(common).sum(), self.size, other.size)
    }

    /// The numbers of its tags, rising.
    pub(super) fn tags(self) -> impl Iterator<Item = usize> + 'a {
        self.words.iter().zip((0_usize..).step_by(64)).flat_map(|(word, base)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let lowest = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(base + lowest)
            })
        })
    }
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidates({} rows, {} tags)", self.len(), self.tags.len())
    }
}

impl fmt::Debug for CandidatesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CandidatesBuilder({} rows, {} tags)", self.sizes.len(), self.tags.len())
    }
}
