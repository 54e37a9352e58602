//! Opening rows for somebody who may see them: a court, an authority, the person.
//!
//! Promises: who opened what and why is durable in the log before anything is given out; of each row comes what opens it
//! and nothing that opens another; whose row it is, is not said.

use std::{str::FromStr, sync::Arc};

use serde_json::json;

use super::{Controls, OperateError, Operator, record::Said};
use crate::{
    audit::{Event, Marks, OpenedRow, Proving, RowKeys, marks},
    consent::Ledger,
    rights::opened,
    store::{Batch, Store},
    vault::{SubjectKey, Vault},
};

/// The most rows that are opened at once.
pub const ROWS_AT_ONCE: usize = 100;

/// Why rows are opened: a word of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenReason {
    /// A court asked.
    CourtOrder,
    /// A supervisory authority asked.
    SupervisoryAuthority,
    /// The person asked.
    SubjectRequest,
    /// Something went wrong and is looked into.
    Incident,
}

impl OpenReason {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::CourtOrder, Self::SupervisoryAuthority, Self::SubjectRequest, Self::Incident];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CourtOrder => "court_order",
            Self::SupervisoryAuthority => "supervisory_authority",
            Self::SubjectRequest => "subject_request",
            Self::Incident => "incident",
        }
    }
}

/// What is no reason to open a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be court_order, supervisory_authority, subject_request or incident")]
pub struct NoReason;

impl FromStr for OpenReason {
    type Err = NoReason;

    fn from_str(word: &str) -> Result<Self, NoReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or(NoReason)
    }
}

/// What came of a row that was to be opened.
#[derive(Clone, Debug)]
pub enum Opening {
    /// It is open.
    Open(Box<OpenedRow>),
    /// No living key opens it: the person was erased.
    NoKey {
        /// Its log.
        origin: String,
        /// Its index there.
        index: u64,
    },
}

impl Controls {
    /// Opens the rows at `indices` of the log `origin`, or of the one that is being written if none is named.
    ///
    /// # Errors
    /// When there is no such row, or the journal does not take the row that says who opened what; then nothing was opened.
    /// When the store does not read.
    pub async fn open_rows(
        &self,
        by: Operator,
        reason: OpenReason,
        origin: Option<&str>,
        indices: &[u64],
    ) -> Result<Vec<Opening>, OperateError> {
        let proving = self.0.proving.clone();
        let size = self.0.store.log_size();
        let row = |index: &u64| {
            let row = proving.row(origin, *index).filter(|row| *row < size);
            row.filter(|row| proving.place(*row).index == *index)
        };
        let rows: Option<Vec<u64>> = indices.iter().map(row).collect();
        let rows = rows.ok_or(OperateError::NoSuchRow)?;
        let places: Vec<_> = rows.iter().map(|row| proving.place(*row)).collect();
        let places: Vec<_> =
            places.iter().map(|at| json!({ "origin": *at.origin, "index": at.index })).collect();
        let said = Said {
            event: Event::OperatorOpened,
            outcome: "opened",
            reason: reason.as_str(),
            recipient: None,
            body: json!({ "rows": places }),
        };
        self.write(by, said, Batch::default()).await?;
        let search = Search {
            store: self.0.store.clone(),
            vault: self.0.vault.clone(),
            ledger: self.0.ledger.clone(),
            proving,
        };
        let opened = tokio::task::spawn_blocking(move || search.open(&rows));
        opened.await.unwrap_or(Err(OperateError::Stopping))
    }
}

/// Finds the keys of rows.
struct Search {
    store: Store,
    vault: Vault,
    ledger: Ledger,
    proving: Arc<dyn Proving>,
}

/// A row whose key is looked for.
struct Sought {
    row: u64,
    entry: Vec<u8>,
    its: Marks,
    keys: Option<Arc<RowKeys>>,
}

impl Search {
    fn open(&self, rows: &[u64]) -> Result<Vec<Opening>, OperateError> {
        let mut sought = Vec::with_capacity(rows.len());
        for row in rows {
            let entry = self.store.leaf(*row)?.ok_or(OperateError::NoSuchRow)?;
            let its = marks(&entry).ok_or(OperateError::NoSuchRow)?;
            sought.push(Sought { row: *row, entry, its, keys: None });
        }
        // Most people never had an export, and their epoch need not be looked up.
        self.try_everyone(&mut sought, |key| Ok(vec![RowKeys::of(key, 0)]))?;
        self.try_everyone(&mut sought, |key| {
            let last = self.ledger.audit_epoch(key)?;
            Ok((1..=last).map(|epoch| RowKeys::of(key, epoch)).collect())
        })?;
        let proofs = self.proving.prove(rows).map_err(OperateError::Proofs)?;
        let told = sought.into_iter().zip(proofs).map(|(sought, proof)| {
            let Sought { row, entry, keys, .. } = sought;
            let Some(keys) = keys else {
                let place = self.proving.place(row);
                let origin = place.origin.as_ref().to_owned();
                return Ok(Opening::NoKey { origin, index: place.index });
            };
            let mut opened = opened(&self.store, &*self.proving, row, &entry, &keys)?;
            opened.proof = proof.map(|proof| proof.to_string());
            Ok(Opening::Open(Box::new(opened)))
        });
        told.collect()
    }

    /// Tries the keys that `keys_of` makes of every living key, until each row has its own.
    fn try_everyone(
        &self,
        sought: &mut [Sought],
        keys_of: impl Fn(&SubjectKey) -> Result<Vec<RowKeys>, OperateError>,
    ) -> Result<(), OperateError> {
        let mut left = sought.iter().filter(|sought| sought.keys.is_none()).count();
        let mut living = self.vault.living()?;
        while left > 0
            && let Some(found) = living.next()
        {
            let (key, _) = found?;
            for keys in keys_of(&key)?.into_iter().map(Arc::new) {
                let unknown = sought.iter_mut().filter(|sought| sought.keys.is_none());
                for theirs in unknown.filter(|sought| keys.finds(&sought.its)) {
                    theirs.keys = Some(keys.clone());
                    left -= 1;
                }
            }
        }
        Ok(())
    }
}
