//! A person's receipts again, each with its row and what proves that the row stands in the log.
//!
//! Promises: a receipt is worded from what was kept with the act, in the act's own batch, so it is the one that was given
//! at first, to the byte; a page reads as many records and proofs as it has acts, however long the log is.

use super::{Rights, RightsError};
use crate::{
    consent::{Person, Receipted},
    domain::Epoch,
};

/// A receipt of a person's, with its row.
#[derive(Clone, Debug)]
pub struct OwnReceipt {
    /// The act and its receipt.
    pub of: Receipted,
    /// The row as the log has it.
    pub entry: Option<String>,
    /// That it stands there, as a C2SP `tlog-proof`; `None` while it stands under no checkpoint.
    pub proof: Option<String>,
}

/// A page of a person's receipts, newest first.
#[derive(Clone, Debug, Default)]
pub struct OwnReceipts {
    /// The acts.
    pub acts: Vec<OwnReceipt>,
    /// Before which act the next page begins; `None` at the end.
    pub next: Option<Epoch>,
}

impl Rights {
    /// The receipts of at most `most` acts of `person`'s on consents, before the act `before` or the newest.
    ///
    /// # Errors
    /// When the store or the published log does not read.
    pub async fn receipts(
        &self,
        person: Person,
        before: Option<Epoch>,
        most: usize,
    ) -> Result<OwnReceipts, RightsError> {
        self.off_the_worker(move |rights| rights.receipts_of(&person, before, most)).await
    }

    /// Like [`Rights::receipts`], for code that may wait for the disk.
    ///
    /// # Errors
    /// When the store or the published log does not read.
    pub fn receipts_of(
        &self,
        person: &Person,
        before: Option<Epoch>,
        most: usize,
    ) -> Result<OwnReceipts, RightsError> {
        let found = self.ledger.receipts(person, before, most)?;
        let rows: Vec<u64> = found.acts.iter().filter_map(|act| act.row).collect();
        let mut proofs = self.proving.prove(&rows).map_err(RightsError::Proofs)?.into_iter();
        let mut acts = Vec::with_capacity(found.acts.len());
        for of in found.acts {
            let (entry, proof) = match of.row {
                Some(row) => (self.entry(row)?, proofs.next().flatten().map(|p| p.to_string())),
                None => (None, None),
            };
            acts.push(OwnReceipt { of, entry, proof });
        }
        Ok(OwnReceipts { acts, next: found.next })
    }

    fn entry(&self, row: u64) -> Result<Option<String>, RightsError> {
        let entry = self.store.leaves(row, 1)?.into_iter().next();
        let text = |entry: Vec<u8>| String::from_utf8(entry).map_err(|_| RightsError::Row(row));
        entry.map(text).transpose()
    }
}
