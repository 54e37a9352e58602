//! Which log a row stands in, and where: the journal numbers rows for ever, a log of half a year begins at 0.
//!
//! ```text
//! o/log/shards      JSON [{"name":"2026h2","origin":"gw-1.example/2026h2","first":0}, …], oldest first
//! ```
//!
//! A shard begins with the row that opens it; the first one with the first row there is. Whoever has recorded a row is
//! told its place only when every shard that began before it is known ([`Shards::known`]).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{
    domain::Timestamp,
    store::{Batch, CommitError, Key, Put, Store, StoreError},
};

const RECORD: &[u8] = b"o/log/shards";

/// One log of a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Its name among the gateway's logs: the half year it began in.
    pub name: String,
    /// The name that its checkpoints are signed under.
    pub origin: Arc<str>,
    /// The journal's number of its first row.
    pub first: u64,
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub origin: Arc<str>,
    /// The row's index in it.
    pub index: u64,
}

/// All logs of one gateway.
#[derive(Debug)]
pub(super) struct Shards {
    table: ArcSwap<Vec<Shard>>,
    /// Whether the row that opens a shard is being written, so that a row may stand behind it unknown to the table.
    turning: AtomicBool,
    turned: Notify,
}

impl Shards {
    /// The logs that the store knows; a store without any gets the first, under `origin`.
    pub(super) fn open(store: &Store, origin: &str, now: Timestamp) -> Result<Self, ShardsError> {
        let known = match store.read(&Key::new(RECORD))? {
            Some(record) => {
                serde_json::from_slice(&record.value).map_err(|_| ShardsError::Record)?
            }
            None => vec![Shard::new(origin, half_year(now), 0)],
        };
        let shards = Self {
            table: ArcSwap::from_pointee(known),
            turning: AtomicBool::new(false),
            turned: Notify::new(),
        };
        shards.keep(store)?;
        Ok(shards)
    }

    /// All of them, oldest first. There is always one.
    pub(super) fn all(&self) -> Arc<Vec<Shard>> {
        self.table.load_full()
    }

    /// Waits until the place of every row that is recorded by now can be told.
    pub(super) async fn known(&self) {
        while self.turning.load(Ordering::Acquire) {
            let turned = self.turned.notified();
            if self.turning.load(Ordering::Acquire) {
                turned.await;
            }
        }
    }

    /// Where the row with the journal's number `row` stands.
    pub(super) fn place(&self, row: u64) -> Place {
        let table = self.table.load();
        let shard = table.iter().rev().find(|shard| shard.first <= row).or(table.first());
        // INVARIANT: there is always a shard, and the first begins at row 0.
        shard.map_or_else(
            || Place { origin: Arc::from(""), index: row },
            |shard| Place { origin: Arc::clone(&shard.origin), index: row - shard.first },
        )
    }

    /// Opens a shard with the row that `write` writes; it returns the row's number.
    pub(super) fn turn<E>(
        &self,
        store: &Store,
        (origin, name): (&str, String),
        write: impl FnOnce() -> Result<u64, E>,
    ) -> Result<(), E>
    where
        E: From<ShardsError>,
    {
        self.turning.store(true, Ordering::Release);
        let written = write();
        if let Ok(first) = &written {
            self.add(Shard::new(origin, name, *first));
        }
        self.turning.store(false, Ordering::Release);
        self.turned.notify_waiters();
        written?;
        Ok(self.keep(store)?)
    }

    /// Takes up a shard whose opening row was found in the journal.
    pub(super) fn add(&self, shard: Shard) {
        let mut table = Vec::clone(&self.table.load());
        if table.iter().all(|known| known.first != shard.first) {
            table.push(shard);
            table.sort_by_key(|shard| shard.first);
            self.table.store(Arc::new(table));
        }
    }

    /// Writes the table, if it is another than the one written.
    pub(super) fn keep(&self, store: &Store) -> Result<(), ShardsError> {
        let key = Key::new(RECORD);
        let value = serde_json::to_vec(&**self.table.load()).unwrap_or_default();
        let known = store.read(&key)?;
        if known.as_ref().is_some_and(|known| known.value == value) {
            return Ok(());
        }
        let version = known.map_or(0, |known| known.version) + 1;
        let put = vec![Put { key, version, value }];
        store.commit_blocking(Batch { put, ..Batch::default() })?;
        Ok(())
    }
}

/// Why the table of logs cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ShardsError {
    /// The store failed.
    #[error("using the table of the log's shards")]
    Store(#[from] StoreError),
    /// The journal did not take it.
    #[error("writing the table of the log's shards")]
    Commit(#[from] CommitError),
    /// It was written by a newer version, or is damaged.
    #[error("the table of the log's shards is of a newer version, or damaged")]
    Record,
}

impl Shard {
    /// Whether it is one of the logs under `origin`.
    pub(super) fn is_under(&self, origin: &str) -> bool {
        self.origin.strip_prefix(origin).and_then(|rest| rest.strip_prefix('/')) == Some(&self.name)
    }

    /// Whether its half year has ended at `now`.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        half_year(now).as_str() > order(&self.name).0
    }

    /// The shard `name` of the logs under `origin`.
    pub(super) fn new(origin: &str, name: String, first: u64) -> Self {
        Self { origin: format!("{origin}/{name}").into(), name, first }
    }
}

/// The half year of a moment, in UTC: `2026h2`.
fn half_year(at: Timestamp) -> String {
    let period = crate::store::Period::of(at);
    let half = if period.month() <= 6 { 1 } else { 2 };
    format!("{:04}h{half}", period.year())
}

/// The name of a shard that begins at `at` behind the shard `last`: a new half year, or the next within the one of
/// `last`. Names never go back, as clocks may.
pub(super) fn next_name(last: &str, at: Timestamp) -> String {
    let (now, (half, number)) = (half_year(at), order(last));
    if now.as_str() > half {
        return now;
    }
    format!("{half}.{}", number.saturating_add(1))
}

/// Where a shard's name stands in time: half year, then number.
pub(super) fn order(name: &str) -> (&str, u32) {
    let (half, number) = name.split_once('.').unwrap_or((name, "1"));
    (half, number.parse().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_named_by_half_years_and_never_twice() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(half_year(at("2026-06-30T23:59:59Z")), "2026h1");
        assert_eq!(half_year(at("2026-07-01T00:00:00Z")), "2026h2");
        assert_eq!(next_name("2026h2", at("2027-01-01T00:00:00Z")), "2027h1");
        assert_eq!(next_name("2026h2", at("2026-12-01T00:00:00Z")), "2026h2.2");
        assert_eq!(next_name("2026h2.9", at("2026-01-01T00:00:00Z")), "2026h2.10");
        assert_eq!(next_name("2026h2.9", at("2027-01-01T00:00:00Z")), "2027h1");
    }
}
