//! What a model recommends, in its order, as sets of tags.

use std::fmt;

use super::tags::Tags;

/// The rows that a list is chosen from, in the model's order, each with its tags and, if the model gives one to
/// every row, its score. A request tells 1,024 tags apart and takes the first 64 of a row; further ones do not count,
/// which bounds the work that a broken or hostile answer can cause.
///
/// Many rows of a request carry the same tags, and all that a choice computes of a row but its relevance follows from
/// them; so they are kept once, and what holds for a set of tags holds for each row that carries it.
#[derive(Clone)]
pub struct Candidates {
    tags: Tags,
    sets: Sets,
    /// Which set each row carries.
    carried: Vec<usize>,
    scores: Option<Vec<f64>>,
}

/// Sets of tags.
#[derive(Clone)]
struct Sets {
    /// 64-bit words a set.
    width: usize,
    bits: Vec<u64>,
    /// Distinct tags of each.
    sizes: Vec<u32>,
}

impl Candidates {
    /// Starts with no rows.
    #[must_use]
    pub fn builder() -> CandidatesBuilder {
        CandidatesBuilder {
            tags: Tags::new(),
            sets: Sets {
                width: 1,
                bits: Vec::with_capacity(ROWS),
                sizes: Vec::with_capacity(ROWS),
            },
            known: [0; KNOWN],
            carried: Vec::with_capacity(ROWS),
            scores: Vec::with_capacity(ROWS),
            scored: true,
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.carried.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.carried.is_empty()
    }

    pub(super) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// One score a row, each finite; nothing when any row lacks one.
    pub(super) fn scores(&self) -> Option<&[f64]> {
        self.scores.as_deref()
    }

    pub(super) fn row(&self, row: usize) -> Option<Row<'_>> {
        self.sets.get(self.set_of(row)?)
    }

    /// Which of the [`Candidates::sets`] a row carries. Two sets may hold the same tags.
    pub(super) fn set_of(&self, row: usize) -> Option<usize> {
        self.carried.get(row).copied()
    }

    /// The sets of tags, in the order in which rows first carry them.
    pub(super) fn sets(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        let words = self.sets.bits.chunks_exact(self.sets.width);
        words.zip(&self.sets.sizes).map(|(words, size)| Row { words, size: *size })
    }

    /// Adds to each of `sums`, one a set, the distance of that set to set `to`.
    pub(super) fn add_distances_to(&self, to: usize, sums: &mut [f64]) {
        let Some(to) = self.sets.get(to) else { return };
        if let [word] = to.words {
            // Nearly every request has at most 64 tags, and this loop has no branch.
            let Sets { bits, sizes, .. } = &self.sets;
            for ((sum, bits), size) in sums.iter_mut().zip(bits).zip(sizes) {
                *sum += distance((bits & word).count_ones(), *size, to.size);
            }
        } else {
            for (sum, set) in sums.iter_mut().zip(self.sets()) {
                *sum += set.distance(to);
            }
        }
    }

    /// Subtracts `amount` from each of `sums`, one a set, whose set holds `tag`.
    pub(super) fn subtract_where_tagged(&self, tag: usize, amount: f64, sums: &mut [f64]) {
        let take = |sum: &mut f64, word: u64| {
            // All ones where tagged, so that the amount is taken without a branch.
            let mask = (word >> (tag % 64) & 1).wrapping_neg();
            *sum -= f64::from_bits(amount.to_bits() & mask);
        };
        let Sets { width, bits, .. } = &self.sets;
        if *width == 1 {
            sums.iter_mut().zip(bits).for_each(|(sum, word)| take(sum, *word));
        } else {
            let words = bits.iter().skip(tag / 64).step_by(*width);
            sums.iter_mut().zip(words).for_each(|(sum, word)| take(sum, *word));
        }
    }
}

impl Sets {
    fn get(&self, set: usize) -> Option<Row<'_>> {
        let start = set.checked_mul(self.width)?;
        let words = self.bits.get(start..start.checked_add(self.width)?)?;
        Some(Row { words, size: *self.sizes.get(set)? })
    }

    /// Adds a set of tags below number 64; returns its number.
    fn add(&mut self, first: u64) -> usize {
        self.bits.push(first);
        self.bits.resize(self.bits.len() + self.width - 1, 0);
        self.sizes.push(first.count_ones());
        self.sizes.len() - 1
    }

    /// Marks tag `number` in the set that was added last, making all sets wider if needed.
    fn mark(&mut self, number: usize) {
        let (word, bit) = (number / 64, number % 64);
        if word >= self.width {
            let width = word + 1;
            let mut bits = Vec::with_capacity(self.sizes.len() * width);
            for set in self.bits.chunks_exact(self.width) {
                bits.extend_from_slice(set);
                bits.resize(bits.len() + width - self.width, 0);
            }
            (self.bits, self.width) = (bits, width);
        }
        let at = self.bits.len() - self.width + word;
        if let (Some(word), Some(size)) = (self.bits.get_mut(at), self.sizes.last_mut()) {
            *size += u32::from(*word >> bit & 1 == 0);
            *word |= 1 << bit;
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

/// How many sets of tags are looked for when a row comes.
const KNOWN: usize = 256;

/// Takes in candidates, one after another.
#[derive(Clone)]
pub struct CandidatesBuilder {
    tags: Tags,
    sets: Sets,
    /// By what their words hash to, the number plus one of the set that was seen last; 0 for none. Where two sets share
    /// a place, one of them is only kept more than once.
    known: [u16; KNOWN],
    carried: Vec<usize>,
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
        let mut first = 0;
        let mut beyond = Vec::new();
        for tag in tags.into_iter().take(MOST_TAGS_A_ROW) {
            match self.tags.intern(tag) {
                Some(number @ 0..64) => first |= 1 << number,
                Some(number) => beyond.push(number),
                None => {}
            }
        }
        let set = if beyond.is_empty() {
            self.known_or_added(first)
        } else {
            let set = self.sets.add(first);
            for number in beyond {
                self.sets.mark(number);
            }
            set
        };
        self.carried.push(set);
    }

    /// The number of the set of tags below number 64.
    fn known_or_added(&mut self, first: u64) -> usize {
        // Fibonacci hashing: the upper bits of a product with 2^64 over the golden ratio.
        let place = first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - KNOWN.ilog2());
        let Self { sets, known, .. } = self;
        let known = usize::try_from(place).ok().and_then(|place| known.get_mut(place));
        let seen = known.as_ref().and_then(|known| usize::from(**known).checked_sub(1));
        // INVARIANT: what is known here has no tag beyond the first word.
        let holds_the_same =
            |set: &usize| sets.get(*set).is_some_and(|row| row.words.first() == Some(&first));
        if let Some(set) = seen.filter(holds_the_same) {
            return set;
        }
        let set = sets.add(first);
        if let (Some(known), Ok(number)) = (known, u16::try_from(set + 1)) {
            *known = number;
        }
        set
    }

    /// The candidates taken in.
    #[must_use]
    pub fn build(self) -> Candidates {
        let Self { tags, sets, carried, scores, scored, .. } = self;
        Candidates { tags, sets, carried, scores: scored.then_some(scores) }
    }
}

/// The tags of a candidate.
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
        write!(f, "CandidatesBuilder({} rows, {} tags)", self.carried.len(), self.tags.len())
    }
}
