//! What is told of an act: its receipt. A retry is told the same, worded anew from what was kept with the act.

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{Act, Acted, ConsentError, Ledger, Receipted, ledger::off_the_worker, terms::Terms};
use crate::{
    domain::{Epoch, Refusal, Timestamp},
    retry::{Claim, RetryError},
    store::Batch,
    vault::{Handle, SubjectKey},
};

/// How many rows are looked through at once for an act's own.
const PAGE: usize = 256;

/// What is kept of an act for its retries, in the act's own batch: the act itself is kept anyway.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    epoch: Epoch,
    pub(super) last_use: Option<Timestamp>,
}

/// Where the row of an act stands in the log is known only once it does: so it is found by its hash, which is among the
/// first rows after the log was this long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Row {
    hash: [u8; 32],
    after: u64,
}

impl Ledger {
    /// Has retries of the call told of `act`: adds the record to the act's batch. The person's gate must be shut, so that
    /// the last use is the last one.
    pub(super) fn tell_retries(
        &self,
        claim: &Claim,
        key: &SubjectKey,
        (act, epoch): (&Act, Epoch),
        batch: &mut Batch,
    ) -> Result<Told, ConsentError> {
        let told = Told { epoch, last_use: self.last_use(key, act) };
        batch.put.push(claim.put(&self.entropy, key, &told)?);
        Ok(told)
    }

    /// What the act of an earlier call came to.
    pub(super) async fn acted_before(
        &self,
        handle: Handle,
        told: Told,
    ) -> Result<Acted, ConsentError> {
        let ledger = self.clone();
        off_the_worker(move || {
            let Some(person) = ledger.find(handle)? else {
                return Err(RetryError::Forgotten.into());
            };
            // INVARIANT: act, record and row are one batch, so where the record is, the act and its row are.
            let kept = ledger.kept(&person.key, told.epoch)?.ok_or(RetryError::Forgotten)?;
            let Receipted { place, receipt, .. } =
                ledger.receipted(&person.key, told.epoch, kept)?;
            let receipt = receipt.ok_or(RetryError::Forgotten)?;
            Ok(Acted { epoch: told.epoch, receipt, place, last_use: told.last_use })
        })
        .await
    }

    /// The first row of a batch that is about to be committed.
    pub(super) fn first_row(&self, batch: &Batch) -> Row {
        let hash = batch.leaves.first().map(|leaf| hash(&leaf.entry)).unwrap_or_default();
        Row { hash, after: self.store.log_size() }
    }

    /// Where a row stands that was committed together with what its retries are told.
    pub(super) async fn index_of(&self, row: Row) -> Result<u64, ConsentError> {
        let (store, Row { hash: wanted, after }) = (self.store.clone(), row);
        let found = off_the_worker(move || {
            let mut from = after;
            loop {
                let page = store.leaves(from, PAGE)?;
                if let Some(at) = (from..).zip(&page).find(|(_, leaf)| hash(leaf) == wanted) {
                    return Ok(Some(at.0));
                }
                match u64::try_from(page.len()) {
                    Ok(read @ 1..) => from += read,
                    _ => return Ok(None),
                }
            }
        });
        // INVARIANT: act, record and row are one batch, so where the record is, the row is.
        Ok(found.await?.ok_or(RetryError::Forgotten)?)
    }

    /// What an act is told as; `index` is its row, once it has one.
    pub(super) fn acted(
        &self,
        key: &SubjectKey,
        (act, epoch): (&Act, Epoch),
        terms: Option<Terms>,
        (index, last_use): (Option<u64>, Option<Timestamp>),
    ) -> Result<Acted, ConsentError> {
        let terms = terms.ok_or(Refusal::NothingGiven)?;
        let place = index.map(|index| self.audit.place(index));
        let receipt = self.word(key, (act, epoch), terms, place.as_ref())?;
        Ok(Acted { epoch, receipt, place, last_use })
    }

    /// When data of the person last left for what `act` is about.
    pub(super) fn last_use(&self, key: &SubjectKey, act: &Act) -> Option<Timestamp> {
        let purpose = act.purpose.as_ref()?;
        self.gates.last_use(key.sid(), purpose)
    }
}

fn hash(leaf: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, leaf).as_ref()) {
        *to = *from;
    }
    out
}
