//! Reads the log as an auditor asks: by time and by the words of its rows, from any place, up or down.
//!
//! Promises: what is told of a row is what stands in it; a walk takes memory for one block of rows, however many there
//! are; rows that are written meanwhile move no row that was there.
//!
//! It opens no body and knows no person; who may ask is not decided here. Everything waits for the disk: not for an async
//! worker.
//!
//! Start with [`LogReader`].

mod cursor;
mod filter;
mod index;

use std::{
    collections::BTreeMap,
    fmt,
    ops::ControlFlow,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

pub use cursor::Cursors;
pub use filter::{Filter, Order, Span};
pub use index::RowWords;
use index::{BLOCK, Index};

use super::{AuditError, row::NotARow};
use crate::store::Store;

/// How many rows the index takes in at a time; readers go on between two times.
const AT_ONCE: u64 = 16 * BLOCK;

/// Reads the log's rows. A clone is one more reference.
#[derive(Clone)]
pub struct LogReader {
    store: Store,
    index: Arc<RwLock<Index>>,
}

impl LogReader {
    /// A reader of the log in `store`. Reads nothing yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, index: Arc::default() }
    }

    /// How many rows there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.store.log_size()
    }

    /// The words of rows that stand in the log so far.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn words(&self) -> Result<Vec<RowWords>, AuditError> {
        let upto = self.size();
        self.catch_up(upto)?;
        Ok(self.index().words().to_vec())
    }

    /// Hands the rows below `upto` that `filter` admits to `each`, in `order`, from `start` on: the first row's index
    /// upwards, the last one's downwards. `each` may end it.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn walk(
        &self,
        filter: &Filter,
        order: Order,
        start: Option<u64>,
        upto: u64,
        mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), AuditError> {
        self.catch_up(upto)?;
        let (from, upto) = match (order, start) {
            (Order::Ascending, start) => (start.unwrap_or(0), upto),
            (Order::Descending, start) => {
                (0, start.map_or(upto, |last| upto.min(last.saturating_add(1))))
            }
        };
        let blocks = self.index().blocks(filter, from..upto);
        let mut upwards = blocks.iter();
        let mut downwards = blocks.iter().rev();
        while let Some(block) = match order {
            Order::Ascending => upwards.next(),
            Order::Descending => downwards.next(),
        } {
            let (first, end) = (from.max(block * BLOCK), upto.min((block + 1) * BLOCK));
            let run = self.store.leaf_run(first, end.saturating_sub(first))?;
            let mut admit = |(index, row): (u64, &[u8])| -> Result<ControlFlow<()>, AuditError> {
                let said = index::said(row).map_err(|source| AuditError::Row { index, source })?;
                Ok(if filter.admits(&said) { each(index, row) } else { ControlFlow::Continue(()) })
            };
            let ended = match order {
                Order::Ascending => until_break(run.rows(), &mut admit)?,
                Order::Descending => until_break(run.rows().rev(), &mut admit)?,
            };
            if ended.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// How many rows below `upto` that lie in `span` have which words.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn count(&self, span: Span, upto: u64) -> Result<BTreeMap<RowWords, u64>, AuditError> {
        self.catch_up(upto)?;
        let (mut counts, partial) = self.index().counts(span, upto);
        for block in partial {
            let first = block * BLOCK;
            let run = self.store.leaf_run(first, upto.min(first + BLOCK).saturating_sub(first))?;
            for (index, row) in run.rows() {
                let said = index::said(row).map_err(|source| AuditError::Row { index, source })?;
                if span.holds(said.minute) {
                    *counts.entry(RowWords::of(&said)).or_default() += 1;
                }
            }
        }
        Ok(counts)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        // A panic while rows were taken in leaves those before it: an index that lacks rows only reads them later.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was written up to `upto`.
    fn catch_up(&self, upto: u64) -> Result<(), AuditError> {
        while self.index().rows() < upto {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            let first = index.rows();
            let run = self.store.leaf_run(first, upto.saturating_sub(first).min(AT_ONCE))?;
            if run.is_empty() {
                break;
            }
            index.take_in(&run)?;
        }
        Ok(())
    }
}

fn until_break<'a>(
    rows: impl Iterator<Item = (u64, &'a [u8])>,
    admit: &mut impl FnMut((u64, &'a [u8])) -> Result<ControlFlow<()>, AuditError>,
) -> Result<ControlFlow<()>, AuditError> {
    for row in rows {
        if admit(row)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogReader(…)")
    }
}

/// What a filter looks at in a row.
#[derive(serde::Deserialize)]
struct Said<'a> {
    #[serde(rename = "e")]
    event: &'a str,
    #[serde(rename = "o")]
    outcome: &'a str,
    #[serde(rename = "p")]
    purpose: &'a str,
    #[serde(rename = "r")]
    reason: &'a str,
    #[serde(rename = "s")]
    ruleset: &'a str,
    #[serde(rename = "t")]
    minute: i64,
    #[serde(rename = "u")]
    recipient: &'a str,
}

impl<'a> Said<'a> {
    fn of(row: &'a [u8]) -> Result<Self, NotARow> {
        serde_json::from_slice(row).map_err(|_| NotARow::Json)
    }
}

#[cfg(test)]
mod tests;
