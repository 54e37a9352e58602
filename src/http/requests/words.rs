//! The closed words of a request by right.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::rights::{Right, requests::IdentityMethod};

/// What can be asked for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum RightWord {
    /// See what is held.
    Access,
    /// Take it along.
    Portability,
    /// Have it erased.
    Erasure,
    /// Have it corrected.
    Rectification,
    /// Have it kept and not used.
    Restriction,
    /// Object to its use.
    Objection,
    /// Have automated decisions explained.
    Explanation,
    /// Refuse automated decisions.
    AutomatedDecisionRefusal,
}

/// How it was confirmed that a request speaks for the person.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum IdentityWord {
    /// A signed-in session with the app.
    Session,
    /// A message to a known address.
    Email,
    /// A message or a call to a known number.
    Phone,
    /// An identity document.
    Document,
    /// A digital certificate.
    Certificate,
    /// In person.
    InPerson,
    /// A mandate of the person's.
    Mandate,
}

impl From<RightWord> for Right {
    fn from(word: RightWord) -> Self {
        match word {
            RightWord::Access => Self::Access,
            RightWord::Portability => Self::Portability,
            RightWord::Erasure => Self::Erasure,
            RightWord::Rectification => Self::Rectification,
            RightWord::Restriction => Self::Restriction,
            RightWord::Objection => Self::Objection,
            RightWord::Explanation => Self::Explanation,
            RightWord::AutomatedDecisionRefusal => Self::AutomatedDecisionRefusal,
        }
    }
}

impl From<IdentityWord> for IdentityMethod {
    fn from(word: IdentityWord) -> Self {
        match word {
            IdentityWord::Session => Self::Session,
            IdentityWord::Email => Self::Email,
            IdentityWord::Phone => Self::Phone,
            IdentityWord::Document => Self::Document,
            IdentityWord::Certificate => Self::Certificate,
            IdentityWord::InPerson => Self::InPerson,
            IdentityWord::Mandate => Self::Mandate,
        }
    }
}
