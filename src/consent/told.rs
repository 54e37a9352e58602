//! What is told of an act: its receipt. A retry is told the same, worded anew from what was kept with the act.

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{Act, Acted, Action, ConsentError, Ledger, Receipt, ledger::off_the_worker};
use crate::{
    domain::{ConsentState, Epoch, Refusal, Timestamp},
    retry::{Claim, RetryError},
    store::Batch,
    vault::SubjectKey,
};

/// How many rows are looked through at once for an act's own.
const PAGE: usize = 256;

/// What is kept of an act for its retries, in the act's own batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) epoch: Epoch,
    pub(super) act: Act,
    pub(super) receipt_id: String,
    pub(super) last_use: Option<Timestamp>,
    row: Row,
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
        let purpose = act.purpose.as_ref();
        let told = Told {
            epoch,
            act: act.clone(),
            receipt_id: self.receipt_id()?,
            last_use: purpose.and_then(|purpose| self.gates.last_use(key.sid(), purpose)),
            row: self.first_row(batch),
        };
        batch.put.push(claim.put(&self.entropy, key, &told)?);
        Ok(told)
    }

    /// What the act of an earlier call came to.
    pub(super) async fn acted_before(&self, told: Told) -> Result<Acted, ConsentError> {
        let index = self.index_of(told.row).await?;
        self.acted(&told.act, told.epoch, Some(index), (told.receipt_id, told.last_use))
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

    /// A new receipt's name.
    pub(super) fn receipt_id(&self) -> Result<String, ConsentError> {
        Ok(uuid::Builder::from_random_bytes(self.entropy.draw()?).into_uuid().to_string())
    }

    /// What an act is told as, with its receipt's name and the last use.
    pub(super) fn acted(
        &self,
        act: &Act,
        epoch: Epoch,
        index: Option<u64>,
        (receipt_id, last_use): (String, Option<Timestamp>),
    ) -> Result<Acted, ConsentError> {
        let purpose = act.purpose.as_ref().ok_or(Refusal::NothingGiven)?;
        let place = index.map(|index| self.audit.place(index));
        let state = match act.action {
            Action::Give => ConsentState::Given,
            Action::Withdraw => ConsentState::Withdrawn,
            _ => ConsentState::Refused,
        };
        let receipt = Receipt {
            receipt_id,
            purpose: purpose.clone(),
            event_state: state.as_str().to_owned(),
            event_time: act.at.rfc3339(),
            pii_information: act.words(),
            validity_until: act.expires_at.map(Timestamp::rfc3339),
            collection_method: act.method.as_str().to_owned(),
            privacy_notice: act.notice.clone(),
            consent_epoch: epoch,
            log_origin: place.as_ref().map(|place| place.origin.to_string()),
            log_index: place.as_ref().map(|place| place.index),
        };
        Ok(Acted { epoch, receipt: receipt.sign(&self.signer)?, place, last_use })
    }
}

fn hash(leaf: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, leaf).as_ref()) {
        *to = *from;
    }
    out
}
