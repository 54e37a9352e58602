//! How values are spread, in buckets that are fixed when the program is built.
//!
//! `prometheus-client` has a histogram too, with a lock for each value: `docs/decisions/0086-counts-without-locks.md`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper ends of buckets in nanoseconds: 50 µs to 10 s, fine where a call is spent.
const SECONDS: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Upper ends of buckets of plain numbers.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const NANOS: f64 = 1e9;

/// The most buckets, with the one behind the last end.
const MOST: usize = SECONDS.len() + 1;

/// Counts values by the bucket they fall into.
#[derive(Debug)]
pub struct Histogram {
    ends: &'static [u64],
    /// How many of the unit of `ends` make one of the unit that is shown.
    unit: f64,
    counts: [AtomicU64; MOST],
    sum: AtomicU64,
}

/// What a [`Histogram`] held when it was read; of several, their sum.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// The upper end of each bucket in the unit that is shown, and how many values fell into it; the last end is
    /// infinite.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values.
    pub sum: f64,
}

impl Histogram {
    /// For durations, 50 µs to 10 s.
    #[must_use]
    pub fn seconds() -> Self {
        Self::new(SECONDS, NANOS)
    }

    /// For numbers of things, 1 to 1024.
    #[must_use]
    pub fn sizes() -> Self {
        Self::new(SIZES, 1.0)
    }

    fn new(ends: &'static [u64], unit: f64) -> Self {
        Self { ends, unit, counts: Default::default(), sum: AtomicU64::new(0) }
    }

    /// Counts a duration.
    pub fn observe(&self, took: Duration) {
        self.put(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a number of things.
    pub fn count(&self, things: usize) {
        self.put(things as u64);
    }

    fn put(&self, value: u64) {
        let bucket = self.ends.partition_point(|end| *end < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What it holds now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a sum that long need not be exact")]
    pub fn read(&self) -> Distribution {
        let ends = self.ends.iter().map(|end| *end as f64 / self.unit).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Distribution {
            buckets: ends.zip(counts).collect(),
            sum: self.sum.load(Ordering::Relaxed) as f64 / self.unit,
        }
    }
}

impl Distribution {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Adds the values of another histogram with the same buckets.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_ends_no_lower() {
        let histogram = Histogram::sizes();
        for value in [1, 2, 3, 1024, 5000] {
            histogram.count(value);
        }
        let read = histogram.read();
        let filled: Vec<(f64, u64)> =
            read.buckets.iter().copied().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(1.0, 1), (2.0, 1), (4.0, 1), (1024.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((read.count(), read.sum), (5, 6030.0));
    }

    #[test]
    fn durations_are_shown_in_seconds_and_shards_add_up() {
        let (one, other) = (Histogram::seconds(), Histogram::seconds());
        one.observe(Duration::from_millis(1));
        other.observe(Duration::from_secs(60));
        let mut sum = one.read();
        sum.add(&other.read());
        assert_eq!((sum.count(), sum.sum), (2, 60.001));
        assert!(sum.buckets.contains(&(0.001, 1)) && sum.buckets.contains(&(f64::INFINITY, 1)));
    }
}
