//! Receipts: what a person gets for each act on a consent, signed.
//!
//! The form is that of a consent receipt of ISO/IEC TS 27560:2023 with the terms of the W3C Data Privacy Vocabulary; the
//! field names are the standard's. Beside them stand the act's place in the log and its number (`log`,
//! `consent_epoch`), and what the standard has no name for: the hash of the text shown, how finely a category may be
//! disclosed, what was done (`act`).
//!
//! Promises: whoever has the gateway's public key can tell that it is whole; it holds no id of an app's, and the same act
//! is always worded the same, to the byte.
//!
//! What a receipt says of the processing is in [`Terms`](super::terms::Terms).

use serde::{Deserialize, Serialize};

use super::{Act, Action};
use crate::{
    audit::{Event, NOTHING, Row},
    domain::{Epoch, Method, Timestamp},
    jose::{JoseError, PublicKey, Signer, verify_with},
};

/// The type of a consent receipt token.
const RECEIPT: &str = "consentry-receipt+jwt";
/// The standard that the fields are of.
pub(super) const SCHEMA: &str = "ISO/IEC TS 27560:2023";
/// The profile of the Data Privacy Vocabulary: a receipt that gives a copy of the record.
pub(super) const PROFILE: &str = "https://w3id.org/dpv/schema/dpv-27560#receipt-record";
/// All personal data: what an act on several purposes at once is about.
pub(super) const ALL_DATA: &str = "https://w3id.org/dpv#PersonalData";
const GIVEN: &str = "https://w3id.org/dpv#ConsentGiven";
const REFUSED: &str = "https://w3id.org/dpv#ConsentRefused";
const WITHDRAWN: &str = "https://w3id.org/dpv#ConsentWithdrawn";
const EXPIRED: &str = "https://w3id.org/dpv#ConsentExpired";
/// Ended by somebody other than the person.
const REVOKED: &str = "https://w3id.org/dpv#ConsentRevoked";
/// Somebody said it, and it was not implied.
const EXPRESSED: &str = "https://w3id.org/dpv#ExpressedConsent";
/// Until something else happens.
const OPEN_END: &str = "https://w3id.org/dpv#UntilEventDuration";
/// The party that answers for the processing, among those of a receipt.
pub(super) const CONTROLLER: &str = "controller";

/// What a person gets for an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The standard.
    pub schema_version: String,
    /// The profile.
    #[serde(rename = "conformsTo")]
    pub conforms_to: String,
    /// The receipt's own name (UUID).
    pub receipt_id: String,
    /// The name of the record that the act belongs to: one a person and purpose (UUID).
    pub record_id: String,
    /// Who acted: a value that only the person and the gateway can know, the same in all receipts of theirs.
    pub pii_principal_id: String,
    /// What it is about.
    pub pii_processing: Processing,
    /// Who takes part.
    pub party_identification: Vec<Party>,
    /// What happened: one event.
    pub events: Vec<Happened>,
    /// Which act of the person it was.
    pub consent_epoch: Epoch,
    /// Where it stands in the log; absent while it is not durable.
    pub log: Option<LogPlace>,
}

/// What a consent is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processing {
    /// The text that was shown, or that was in force where the act needs none.
    pub privacy_notice: NoticeHash,
    /// The language of it.
    pub language: String,
    /// For what.
    pub purposes: Vec<PurposeTerms>,
}

/// A notice by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeHash {
    /// The version that its author gave it.
    pub version: String,
    /// SHA-256 in hex of purpose, language, version, title and text, each with its length before it as eight bytes.
    pub sha256: String,
    /// Whether the person was shown it for this act.
    pub shown: bool,
}

/// What is done for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurposeTerms {
    /// Its IRI in the Data Privacy Vocabulary.
    pub purpose: String,
    /// Its name in calls and in the log.
    pub purpose_id: String,
    /// The IRI of the legal basis.
    pub lawful_basis: String,
    /// With which data.
    pub pii_information: Vec<Pii>,
    /// The parties that answer for it.
    pub pii_controllers: Vec<String>,
    /// How the act reached the gateway.
    pub collection_method: String,
    /// Where data are kept, as countries (ISO 3166-1).
    pub storage_locations: Vec<String>,
    /// For how long, as an ISO 8601 duration.
    pub retention_period: String,
    /// Where else data are processed for the controller, as countries.
    pub processing_locations: Vec<String>,
    /// Whose law it is, as a country.
    pub jurisdiction: String,
    /// Who else receives data, under a pseudonym.
    pub recipient_third_parties: Vec<Recipient>,
    /// How consent is taken back.
    pub withdrawal_method: String,
    /// What the person may ask for.
    pub privacy_rights: Vec<String>,
}

/// A category of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pii {
    /// Its name in the catalogue.
    pub pii_type: String,
    /// Whether it is sensitive (PIPA article 23).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive_pii_category: bool,
    /// How finely it may be disclosed after the act: `none`, `coarse` or `fine`.
    pub detail: String,
}

/// A recipient other than the controller's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Its name in the log.
    pub party_id: String,
    /// The country it is in; empty where none is configured.
    pub country: String,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The name that other fields use.
    pub party_id: String,
    /// The name that people use.
    pub party_name: String,
    /// The postal address.
    pub party_address: String,
    /// How people reach it about their data.
    pub party_contact: String,
    /// The IRI of what it is.
    pub party_type: String,
    /// Where people manage their data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_url: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When, as RFC 3339.
    pub event_time: String,
    /// For how long it holds: an ISO 8601 interval, or the IRI of a duration until something else happens.
    pub validity_duration: String,
    /// Who did it: the person, `guardian` or `controller`.
    pub entity_id: String,
    /// The IRI of how consent was said.
    pub event_type: String,
    /// The IRI of what the consent became.
    pub event_state: String,
    /// What was done: `give`, `refuse`, `withdraw`, `expire`, `object` or `carry`.
    pub act: String,
}

/// A place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// Which log.
    pub origin: String,
    /// The row, from 0.
    pub index: u64,
}

/// What is wrong with a receipt, or between it and a row of the log.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFlaw {
    /// It is no token, its key is not known, or a bit was changed.
    #[error(transparent)]
    Token(#[from] JoseError),
    /// A field has a value that no receipt has.
    #[error("`{0}` is not as in a receipt")]
    Field(&'static str),
    /// The row is no row.
    #[error("the entry is no row of a log")]
    Row,
    /// The row says something else.
    #[error("the row says {field} {row:?}, the receipt {receipt:?}")]
    Disagrees {
        /// What of.
        field: &'static str,
        /// The row's word.
        row: String,
        /// The receipt's.
        receipt: String,
    },
}

impl Happened {
    pub(super) fn of(act: &Act, principal: &str) -> Self {
        let state = match act.action {
            Action::Give | Action::Carry => GIVEN,
            Action::Withdraw if act.method == Method::Policy => REVOKED,
            Action::Withdraw => WITHDRAWN,
            Action::Expire => EXPIRED,
            _ => REFUSED,
        };
        let by_itself = act.action == Action::Expire || act.method == Method::Policy;
        let who = match (act.by_guardian, by_itself) {
            (true, _) => "guardian",
            (_, true) => CONTROLLER,
            _ => principal,
        };
        let begin = act.at.rfc3339();
        Self {
            validity_duration: match act.expires_at {
                Some(end) => format!("{begin}/{}", end.rfc3339()),
                None => OPEN_END.to_owned(),
            },
            event_time: begin,
            entity_id: who.to_owned(),
            event_type: EXPRESSED.to_owned(),
            event_state: state.to_owned(),
            act: act.action.as_str().to_owned(),
        }
    }

    fn is_whole(&self) -> Result<(), ReceiptFlaw> {
        let states: &[&str] = match self.act.as_str() {
            "give" | "carry" => &[GIVEN],
            "refuse" | "object" => &[REFUSED],
            "withdraw" => &[WITHDRAWN, REVOKED],
            "expire" => &[EXPIRED],
            _ => return Err(ReceiptFlaw::Field("act")),
        };
        if !states.contains(&self.event_state.as_str()) {
            return Err(ReceiptFlaw::Field("event_state"));
        }
        let time = Timestamp::parse(&self.event_time);
        time.map(|_| ()).map_err(|_| ReceiptFlaw::Field("event_time"))
    }
}

impl Receipt {
    /// The receipt as a signed token.
    ///
    /// # Errors
    /// When the signing key cannot be used.
    pub fn sign(&self, signer: &Signer) -> Result<String, JoseError> {
        signer.sign(RECEIPT, self)
    }

    /// The receipt in a token that one of `keys` signed.
    ///
    /// # Errors
    /// When it is none, was changed, is signed by another key, or is not of the form of a receipt.
    pub fn verify(keys: &[PublicKey], token: &str) -> Result<Self, ReceiptFlaw> {
        let receipt: Self = verify_with(keys, RECEIPT, token)?;
        if receipt.schema_version != SCHEMA {
            return Err(ReceiptFlaw::Field("schema_version"));
        }
        if receipt.conforms_to != PROFILE {
            return Err(ReceiptFlaw::Field("conformsTo"));
        }
        for (field, id) in [("receipt_id", &receipt.receipt_id), ("record_id", &receipt.record_id)]
        {
            uuid::Uuid::parse_str(id).map_err(|_| ReceiptFlaw::Field(field))?;
        }
        if receipt.pii_processing.purposes.is_empty() {
            return Err(ReceiptFlaw::Field("purposes"));
        }
        receipt.event()?.is_whole()?;
        Ok(receipt)
    }

    /// The one event that a receipt tells of.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn event(&self) -> Result<&Happened, ReceiptFlaw> {
        match self.events.as_slice() {
            [event] => Ok(event),
            _ => Err(ReceiptFlaw::Field("events")),
        }
    }

    /// The one purpose that it is about; nothing where it is about several.
    #[must_use]
    pub fn purpose(&self) -> Option<&PurposeTerms> {
        let several =
            matches!(self.events.first(), Some(e) if e.act == "object" || e.act == "carry");
        self.pii_processing.purposes.first().filter(|_| !several)
    }

    /// Checks that the row at the receipt's place is the one that tells of its act: event, purpose and time agree.
    ///
    /// # Errors
    /// What they do not agree in.
    pub fn agrees(&self, entry: &[u8]) -> Result<(), ReceiptFlaw> {
        let row = Row::parse(entry).map_err(|_| ReceiptFlaw::Row)?;
        let event = self.event()?;
        let told = match event.act.as_str() {
            "give" => Event::ConsentGiven,
            "refuse" | "object" => Event::ConsentRefused,
            "withdraw" => Event::ConsentWithdrawn,
            "expire" => Event::ConsentExpired,
            _ => Event::ConsentCarried,
        };
        same("the event", row.event, told.as_str())?;
        let purpose = self.purpose().map_or(NOTHING, |purpose| &purpose.purpose_id);
        same("the purpose", row.purpose, purpose)?;
        let methods = self.pii_processing.purposes.iter().map(|purpose| &purpose.collection_method);
        for method in methods {
            same("the method", row.reason, method)?;
        }
        let time = Timestamp::parse(&event.event_time);
        let time = time.map_err(|_| ReceiptFlaw::Field("event_time"))?;
        // What was brought over was done before it came here, and its row tells when it came.
        let imported = row.reason == Method::Import.as_str() && row.minute >= time.minute();
        if row.minute != time.minute() && !imported {
            let minute = Timestamp::from_millis(time.minute().saturating_mul(1000));
            return same("the minute", &row.at().rfc3339(), &minute.rfc3339());
        }
        Ok(())
    }
}

fn same(field: &'static str, row: &str, receipt: &str) -> Result<(), ReceiptFlaw> {
    if row == receipt {
        return Ok(());
    }
    let (row, receipt) = (row.to_owned(), receipt.to_owned());
    Err(ReceiptFlaw::Disagrees { field, row, receipt })
}
