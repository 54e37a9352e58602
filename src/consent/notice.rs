//! What a person was shown: a signed token.
//!
//! A notice goes out with a signed snapshot of what it says. Giving hands the snapshot back, so the ledger knows
//! which text in which language the person agreed to, and nobody can claim another. A snapshot of an older text counts
//! as long as nothing that the consent depends on has changed ([`Snapshot::material`]).

use serde::{Deserialize, Serialize};

use crate::{
    domain::PurposeId,
    jose::{JoseError, Signer},
    policy::Purpose,
};

/// The type of a notice's snapshot token.
const NOTICE: &str = "consentry-notice+jwt";

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
