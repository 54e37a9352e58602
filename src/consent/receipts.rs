//! Words receipts: at once for who acts, and again later from what is kept with the act.

use super::{
    Act, Action, ConsentError, Ledger, Person, Receipt,
    history::{Kept, RowMark, act_key},
    receipt::{Happened, LogPlace, NoticeHash, PROFILE, Processing, SCHEMA},
    terms::Terms,
};
use crate::{
    audit::{Place, marks},
    domain::{CategoryId, Detail, Epoch, PurposeId},
    vault::{SubjectKey, mac},
};

/// How many rows are looked through at once for an act's own.
const PAGE: usize = 256;

/// How many acts one page of receipts looks at, at most: acts on no consent have none.
const LOOK_AT: u32 = 1_000;

/// An act on a consent, with its receipt.
#[derive(Clone, Debug)]
pub struct Receipted {
    /// The act.
    pub act: Act,
    /// Which act of the person it was.
    pub epoch: Epoch,
    /// Which row of the store tells of it; `None` for acts of a program that did not note it.
    pub row: Option<u64>,
    /// Where that stands.
    pub place: Option<Place>,
    /// The signed receipt; `None` for acts of a program that did not keep what it is worded from.
    pub receipt: Option<String>,
}

/// A page of receipts, newest first.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    /// The acts.
    pub acts: Vec<Receipted>,
    /// The act before which the next page begins; `None` at the end.
    pub next: Option<Epoch>,
}

impl Ledger {
    /// The receipts of a person's acts on consents, newest first: at most `most` of those before the act `before`, or the
    /// newest. Reads the disk: a record an act, and the rows that were written while the act was.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn receipts(
        &self,
        person: &Person,
        before: Option<Epoch>,
        most: usize,
    ) -> Result<Receipts, ConsentError> {
        let last = person.standing.epoch.0;
        let from = before.map_or(last, |before| before.0.saturating_sub(1).min(last));
        let mut acts = Vec::new();
        for (looked, number) in (0..).zip((1..=from).rev()) {
            if acts.len() == most || looked == LOOK_AT {
                return Ok(Receipts { acts, next: Some(Epoch(number + 1)) });
            }
            let Some(kept) = self.kept(&person.key, Epoch(number))? else { continue };
            if kept.act.action.is_on_consent() {
                acts.push(self.receipted(&person.key, Epoch(number), kept)?);
            }
        }
        Ok(Receipts { acts, next: None })
    }

    /// The act that made the epoch `epoch` of `person`, with its receipt if it was on a consent; `None` where there is none.
    /// Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn act_at(&self, person: &Person, epoch: Epoch) -> Result<Option<Receipted>, ConsentError> {
        let kept = self.kept(&person.key, epoch)?;
        kept.map(|kept| self.receipted(&person.key, epoch, kept)).transpose()
    }

    /// What is kept of an act.
    pub(super) fn kept(
        &self,
        key: &SubjectKey,
        epoch: Epoch,
    ) -> Result<Option<Kept>, ConsentError> {
        let at = act_key(key.sid(), epoch);
        let record = self.store.read(&at)?;
        Ok(record.map(|record| key.open(&at, &record)).transpose()?)
    }

    /// An act that is on record, with its receipt. Reads the disk.
    pub(super) fn receipted(
        &self,
        key: &SubjectKey,
        epoch: Epoch,
        kept: Kept,
    ) -> Result<Receipted, ConsentError> {
        let row = kept.row.map(|row| self.row_of(&row)).transpose()?.flatten();
        let place = row.map(|row| self.audit.place(row));
        let terms = kept.terms.map(|terms| Terms::read(&self.store, &terms)).transpose()?.flatten();
        let worded = terms.map(|terms| self.word(key, (&kept.act, epoch), terms, place.as_ref()));
        let receipt = worded.transpose()?;
        Ok(Receipted { act: kept.act, epoch, row, place, receipt })
    }

    /// The row that was sealed with an act: it is among the first behind those that were there then.
    fn row_of(&self, mark: &RowMark) -> Result<Option<u64>, ConsentError> {
        let mut from = mark.after;
        loop {
            let page = self.store.leaves(from, PAGE)?;
            let is_it = |entry: &[u8]| marks(entry).is_some_and(|(n, _)| n == mark.nonce);
            if let Some((row, _)) = (from..).zip(&page).find(|(_, entry)| is_it(entry)) {
                return Ok(Some(row));
            }
            match u64::try_from(page.len()) {
                Ok(read @ 1..) => from += read,
                _ => return Ok(None),
            }
        }
    }

    /// The receipt of an act, signed. The same act and place give the same bytes.
    pub(super) fn word(
        &self,
        key: &SubjectKey,
        (act, epoch): (&Act, Epoch),
        terms: Terms,
        place: Option<&Place>,
    ) -> Result<String, ConsentError> {
        let principal = principal(key);
        let Terms { mut purposes, parties, mut notice, mut language } = terms;
        if let Some(shown) = &act.notice {
            let (version, sha256) = (shown.version.clone(), shown.digest.clone());
            (notice, language) =
                (NoticeHash { version, sha256, shown: true }, shown.language.clone());
        }
        for purpose in &mut purposes {
            act.method.as_str().clone_into(&mut purpose.collection_method);
            for pii in &mut purpose.pii_information {
                detail(act, &pii.pii_type).clone_into(&mut pii.detail);
            }
        }
        let receipt = Receipt {
            schema_version: SCHEMA.to_owned(),
            conforms_to: PROFILE.to_owned(),
            receipt_id: named(key, &[b"receipt", &epoch.0.to_be_bytes()]),
            record_id: named(key, &[b"record", about(act.purpose.as_ref())]),
            events: vec![Happened::of(act, &principal)],
            pii_principal_id: principal,
            pii_processing: Processing { privacy_notice: notice, language, purposes },
            party_identification: parties,
            consent_epoch: epoch,
            log: place
                .map(|place| LogPlace { origin: place.origin.to_string(), index: place.index }),
        };
        Ok(receipt.sign(&self.signer)?)
    }
}

impl Action {
    /// Whether it is about consents, and so has a receipt.
    #[must_use]
    pub fn is_on_consent(self) -> bool {
        match self {
            Self::Give
            | Self::Refuse
            | Self::Withdraw
            | Self::Expire
            | Self::Object
            | Self::Carry => true,
            Self::SetRules
            | Self::Correct
            | Self::Reset
            | Self::UndoReset
            | Self::CloseReset
            | Self::Forget
            | Self::Export
            | Self::Link
            | Self::Unlink
            | Self::Guard
            | Self::Unguard => false,
        }
    }
}

/// Who acts, in receipts: known to the person, who has them, and to who holds the person's key.
fn principal(key: &SubjectKey) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let whole = mac(&*key.derive(&[b"consentry/receipt/v1"]), &[b"principal"]);
    BASE64.encode(whole.first_chunk::<16>().copied().unwrap_or_default())
}

/// A name that follows from the person's key and `parts`, in the form of a UUID of version 4.
fn named(key: &SubjectKey, parts: &[&[u8]]) -> String {
    let whole = mac(&*key.derive(&[b"consentry/receipt/v1"]), parts);
    let bytes = whole.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn about(purpose: Option<&PurposeId>) -> &[u8] {
    purpose.map_or(b"", |purpose| purpose.as_str().as_bytes())
}

/// How finely a category may be disclosed once the act is done: what is not given is not disclosed.
fn detail(act: &Act, category: &str) -> &'static str {
    let is = |known: &&(CategoryId, Detail)| known.0.as_str() == category;
    match (act.action, act.categories.iter().find(is)) {
        // It keeps what was given before, whatever that was.
        (Action::Carry, _) => "kept",
        (_, Some((_, Detail::Fine))) => "fine",
        (_, Some((_, Detail::Coarse))) => "coarse",
        _ => "none",
    }
}
