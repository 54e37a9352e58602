//! What a person was shown, and what they get in return: signed tokens for both.
//!
//! A notice goes out with a signed snapshot of what it says. Giving hands the snapshot back, so the ledger knows
//! which text in which language the person agreed to, and nobody can claim another. A snapshot of an older text counts
//! as long as nothing that the consent depends on has changed ([`Snapshot::material`]).

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Epoch, PurposeId},
    jose::{JoseError, Signer},
    policy::Purpose,
};

/// The type of a notice's snapshot token.
const NOTICE: &str = "consentry-notice+jwt";
/// The type of a consent receipt token.
const RECEIPT: &str = "consentry-receipt+jwt";

/// What a person was shown, signed when it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The purpose that the notice is about.
    pub purpose: PurposeId,
    /// The version of its text.
    pub version: String,
    /// The language of its text.
    pub language: String,
    /// The hash of its title and text.
    pub digest: String,
    /// The fingerprint of the fields that the consent depends on.
    pub material: String,
}

impl Snapshot {
    /// The snapshot of `purpose`'s notice in the language nearest to `language`.
    #[must_use]
    pub fn of(purpose: &Purpose, language: &str) -> Self {
        let (language, notice) = purpose.notice(language);
        Self {
            purpose: purpose.id().clone(),
            version: notice.version().to_owned(),
            language: language.to_owned(),
            digest: notice.digest().to_owned(),
            material: purpose.material().to_owned(),
        }
    }

    /// The snapshot as a token for who shows the notice.
    ///
    /// # Errors
    /// When the signing key cannot be used.
    pub fn sign(&self, signer: &Signer) -> Result<String, JoseError> {
        signer.sign(NOTICE, self)
    }

    /// The snapshot in a token that this gateway signed.
    ///
    /// # Errors
    /// When it is none, or was changed.
    pub fn verify(signer: &Signer, token: &str) -> Result<Self, JoseError> {
        signer.verify(NOTICE, token)
    }
}

/// What a person gets for an act: what was recorded, and where in the log it stands. The field names are those of
/// ISO/IEC TS 27560:2023 where it has one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The receipt's own id: the act's place in the log, under the log's origin.
    pub receipt_id: String,
    /// For which purpose.
    pub purpose: PurposeId,
    /// What the consent became: `given`, `refused`, `withdrawn`.
    pub event_state: String,
    /// When, as RFC 3339.
    pub event_time: String,
    /// The categories agreed to and how finely each.
    pub pii_information: Vec<(String, String)>,
    /// When it ends by itself, as RFC 3339.
    pub validity_until: Option<String>,
    /// How the act reached the gateway.
    pub collection_method: String,
    /// What was shown, if a notice was.
    pub privacy_notice: Option<Snapshot>,
    /// Which act of the person it was.
    pub consent_epoch: Epoch,
    /// The log that holds it; absent while none does.
    pub log_origin: Option<String>,
    /// Its place there; absent while the log has not taken it.
    pub log_index: Option<u64>,
}

impl Receipt {
    /// The receipt as a signed token.
    ///
    /// # Errors
    /// When the signing key cannot be used.
    pub fn sign(&self, signer: &Signer) -> Result<String, JoseError> {
        signer.sign(RECEIPT, self)
    }

    /// The receipt in a token that this gateway signed.
    ///
    /// # Errors
    /// When it is none, or was changed.
    pub fn verify(signer: &Signer, token: &str) -> Result<Self, JoseError> {
        signer.verify(RECEIPT, token)
    }
}
