//! What a person may ask of whoever holds data about them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A right that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See what is held (GDPR article 15, PIPA article 35).
    Access,
    /// Take it along (GDPR article 20, PIPA article 35-2).
    Portability,
    /// Have it erased (GDPR article 17, PIPA article 36).
    Erasure,
    /// Have it corrected (GDPR article 16, PIPA article 36).
    Rectification,
    /// Have it kept and not used (GDPR article 18, PIPA article 37).
    Restriction,
    /// Object to its use (GDPR article 21, PIPA article 37).
    Objection,
    /// Have automated decisions explained (PIPA article 37-2).
    Explanation,
    /// Refuse automated decisions (GDPR article 22, PIPA article 37-2).
    AutomatedDecisionRefusal,
}

/// There is no such right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such right")]
pub struct NoSuchRight;

impl Right {
    /// All rights.
    pub const ALL: [Self; 8] = [
        Self::Access,
        Self::Portability,
        Self::Erasure,
        Self::Rectification,
        Self::Restriction,
        Self::Objection,
        Self::Explanation,
        Self::AutomatedDecisionRefusal,
    ];

    /// The word in JSON, in the log and in the files of laws.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Portability => "portability",
            Self::Erasure => "erasure",
            Self::Rectification => "rectification",
            Self::Restriction => "restriction",
            Self::Objection => "objection",
            Self::Explanation => "explanation",
            Self::AutomatedDecisionRefusal => "automated_decision_refusal",
        }
    }
}

impl FromStr for Right {
    type Err = NoSuchRight;

    fn from_str(word: &str) -> Result<Self, NoSuchRight> {
        Self::ALL.into_iter().find(|right| right.as_str() == word).ok_or(NoSuchRight)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
