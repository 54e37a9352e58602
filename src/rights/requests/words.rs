//! The closed words of requests.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word in JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What `word` names, if anything.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }
    };
}

words! {
    /// Why a request is refused: the reasons of the Data Rights Protocol 1.0, section 3.05, under `denied`.
    RefusalReason {
        /// It seems not to come from the person.
        SuspectedFraud = "suspected_fraud",
        /// Who asks could not be confirmed.
        InsufficientVerification = "insufficient_verification",
        /// Nobody is known by what was told.
        NoMatch = "no_match",
        /// The law does not give what is asked for.
        ClaimNotCovered = "claim_not_covered",
        /// The law named does not apply.
        OutsideJurisdiction = "outside_jurisdiction",
        /// The same was asked again and again.
        TooManyRequests = "too_many_requests",
        /// Another reason, which the answer states.
        Other = "other",
    }
}

words! {
    /// How it was confirmed that a request speaks for the person.
    IdentityMethod {
        /// The person's own token.
        Token = "token",
        /// A signed-in session with the app.
        Session = "session",
        /// A message to a known address.
        Email = "email",
        /// A message or a call to a known number.
        Phone = "phone",
        /// An identity document.
        Document = "document",
        /// A digital certificate.
        Certificate = "certificate",
        /// In person.
        InPerson = "in_person",
        /// A mandate of the person's (PIPA article 38).
        Mandate = "mandate",
        /// The controller, before it passed the request on (OpenDSR 2.0 section 3.2).
        Controller = "controller",
    }
}

/// That a request speaks for the person, as somebody confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How.
    pub method: IdentityMethod,
    /// When.
    pub verified_at: Timestamp,
}
