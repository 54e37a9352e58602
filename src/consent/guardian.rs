//! Who acts for a child: a guardian whose relation the app has verified (PIPA 22-2, Enforcement Decree 17-2).
//!
//! A guardian is recorded with the child, for as long as the child is under 14. What they agree to ends on the day on which the
//! child turns 14: then the child is asked anew, and the guardian's word counts no more.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Action, ConsentError, Ledger, acts::TRIES};
use crate::{
    domain::{Method, Timestamp},
    store::CommitError,
    vault::Handle,
};

/// How it was verified that a guardian agreed (Enforcement Decree of PIPA, article 17-2(1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardianCheck {
    /// Agreed on a page, and confirmed by a text message to the guardian's telephone.
    TextMessage,
    /// Agreed on a page, with the details of a card of the guardian's.
    Card,
    /// Agreed on a page, with the guardian's identity verified by their telephone.
    PhoneIdentity,
    /// A signed sheet, handed over, sent by post or by fax.
    SignedSheet,
    /// An e-mail that was answered.
    Email,
    /// A call, or a call back after the page was shown.
    Call,
    /// Another way that shows as much.
    Other,
}

impl GuardianCheck {
    /// The word in JSON and in the log's bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextMessage => "text_message",
            Self::Card => "card",
            Self::PhoneIdentity => "phone_identity",
            Self::SignedSheet => "signed_sheet",
            Self::Email => "email",
            Self::Call => "call",
            Self::Other => "other",
        }
    }
}

/// Who acts for a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardian {
    /// The guardian.
    pub handle: Handle,
    /// How their agreement was verified.
    pub check: GuardianCheck,
    /// When it was verified.
    pub verified_at: Timestamp,
}

impl Ledger {
    /// Records who acts for the child under `handle`, until the child is 14; the child comes to be known by it if nobody is yet.
    ///
    /// # Errors
    /// When it is not known until when the child is under 14, or the child is not any more, when the guardian is the child or
    /// under 14 as well, or the journal does not take it.
    pub async fn guard(
        &self,
        handle: Handle,
        guardian: Guardian,
        under_14_until: Option<Timestamp>,
    ) -> Result<Timestamp, ConsentError> {
        let _acting = self.acting().await;
        let act = self.plain(Action::Guard, Method::App);
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            let mut change = self.begin(handle, &bundle).await?;
            let until = under_14_until.max(change.standing.under_14_until);
            let until = until.filter(|until| act.at < *until).ok_or(ConsentError::NoChild)?;
            let known = self.person(guardian.handle).await?;
            let is_the_child = guardian.handle == handle
                || known.as_ref().is_some_and(|known| known.key.sid() == change.key.sid());
            if is_the_child {
                return Err(ConsentError::UnfitGuardian("Nobody is their own guardian"));
            }
            if known.is_some_and(|known| known.standing.under_14_until > Some(act.at)) {
                return Err(ConsentError::UnfitGuardian("The guardian is known to be under 14"));
            }
            change.standing.under_14_until = Some(until);
            change.standing.guardian = Some(guardian.clone());
            change.details.insert("check".to_owned(), json!(guardian.check.as_str()));
            let verified_at = guardian.verified_at.millis();
            change.details.insert("verified_at_ms".to_owned(), json!(verified_at));
            match self.commit(&bundle, change, &act).await {
                Ok(_) => return Ok(until),
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ConsentError::Contended)
    }

    /// From now on nobody acts for the person under `handle`. What was agreed to for them stays until it is withdrawn or ends.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub async fn unguard(&self, handle: Handle) -> Result<(), ConsentError> {
        let _acting = self.acting().await;
        let act = self.plain(Action::Unguard, Method::App);
        for _ in 0..TRIES {
            let bundle = self.policies.snapshot();
            let known = self.person(handle).await?;
            if known.is_none_or(|person| person.standing.guardian.is_none()) {
                return Ok(());
            }
            let mut change = self.begin(handle, &bundle).await?;
            change.standing.guardian = None;
            match self.commit(&bundle, change, &act).await {
                Ok(_) => return Ok(()),
                Err(ConsentError::Commit(CommitError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ConsentError::Contended)
    }

    /// Whether `guardian` acts for the person under `child` at this moment.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn guards(&self, guardian: Handle, child: Handle) -> Result<bool, ConsentError> {
        let Some(person) = self.person(child).await? else { return Ok(false) };
        let standing = &person.standing;
        let is_child = standing.under_14_until.is_some_and(|until| self.clock.now() < until);
        let known = standing.guardian.as_ref();
        Ok(is_child && known.is_some_and(|known| known.handle == guardian))
    }
}
