//! One decision about a person, with what came of it.

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{super::RightsError, walk::Theirs};
use crate::{
    audit::{AnswerBody, CallKind, DecisionBody, Event, NOTHING, Place, Row, VoidBody, event},
    domain::Timestamp,
    rights::Rights,
};

/// A decision about a person.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The journal's number of its row.
    pub row: u64,
    /// Where its row stands in the published log.
    pub place: Place,
    /// The name of its answer, made of the row's nonce; a call of events has it too, and nobody was told it.
    pub name: Uuid,
    /// When: to the millisecond while its body is kept, else to the minute.
    pub at: Timestamp,
    /// For which purpose.
    pub purpose: String,
    /// Who was asked or told; nothing where nobody was.
    pub recipient: Option<String>,
    /// How much of the person could leave.
    pub tier: String,
    /// The main reason.
    pub reason: String,
    /// The first 8 bytes, in hex, of the version of the policy that decided.
    pub ruleset: String,
    /// What left and what did not; nothing once it was dropped after its retention.
    pub body: Option<DecisionBody<'static>>,
    /// What came of it.
    pub came: Came,
}

/// What came of a decision, as a later row tells.
#[derive(Clone, Debug)]
pub enum Came {
    /// It was answered.
    Answered {
        /// Where the row stands that says so.
        place: Place,
        /// With what.
        body: Box<AnswerBody<'static>>,
    },
    /// It was taken back.
    Void {
        /// Where the row stands that says so.
        place: Place,
        /// Why.
        body: VoidBody<'static>,
    },
    /// No later row tells of it.
    Nothing,
}

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The app was answered.
    Answered,
    /// What the person did was told to the recipient.
    Told,
    /// What the person did was kept here; nobody was told.
    Kept,
    /// It was taken back before anything left.
    NotSent,
    /// It was taken back after something may have left: what came back was not used.
    ThrownAway,
    /// What the row held was dropped after its retention.
    Dropped,
    /// No later row tells of it, as after a loss of power.
    Unknown,
}

impl Outcome {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Told => "told",
            Self::Kept => "kept",
            Self::NotSent => "not_sent",
            Self::ThrownAway => "thrown_away",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
        }
    }
}

impl Decision {
    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let kind = self.body.as_ref().map(|body| body.kind);
        match (&self.came, kind) {
            (Came::Answered { .. }, _) => Outcome::Answered,
            (Came::Void { body, .. }, _) => match body.may_have_left() {
                Some(false) => Outcome::NotSent,
                _ => Outcome::ThrownAway,
            },
            (Came::Nothing, None) => Outcome::Dropped,
            (Came::Nothing, Some(Some(CallKind::Events))) => match self.recipient {
                Some(_) => Outcome::Told,
                None => Outcome::Kept,
            },
            (Came::Nothing, Some(_)) => Outcome::Unknown,
        }
    }

    /// Whether bytes left for a recipient, or may have.
    #[must_use]
    pub fn disclosed(&self) -> bool {
        self.recipient.is_some() && self.outcome() != Outcome::NotSent
    }
}

/// A row that tells what came of a decision.
pub(in crate::rights) struct FollowUp {
    /// The journal's number of the decision's row.
    pub(in crate::rights) of: u64,
    pub(in crate::rights) came: Came,
}

/// Whether a row is a decision, or tells what came of one.
pub(in crate::rights) fn is_of_a_decision(entry: &[u8]) -> bool {
    is(entry, Event::Decision)
        || is(entry, Event::DecisionAnswered)
        || is(entry, Event::DecisionVoid)
}

pub(super) fn is(entry: &[u8], one: Event) -> bool {
    event(entry) == Some(one.as_str())
}

impl Rights {
    /// The decision that a row is, with what came of it.
    pub(in crate::rights) fn read_decision(
        &self,
        theirs: &Theirs<'_>,
        came: Came,
    ) -> Result<Decision, RightsError> {
        let leaf = Row::parse(theirs.entry).map_err(|_| RightsError::Row(theirs.row))?;
        let body: Option<DecisionBody<'static>> = self.read_body(theirs)?;
        let word = |word: &str| (word != NOTHING).then(|| word.to_owned());
        Ok(Decision {
            row: theirs.row,
            place: self.proving.place(theirs.row),
            name: name_of(&leaf.nonce),
            at: body.as_ref().map_or_else(|| leaf.at(), |body| Timestamp::from_millis(body.t_ms)),
            purpose: leaf.purpose.to_owned(),
            recipient: word(leaf.recipient),
            tier: leaf.outcome.to_owned(),
            reason: leaf.reason.to_owned(),
            ruleset: leaf.ruleset.to_owned(),
            body,
            came,
        })
    }

    /// What a row tells of an earlier one; nothing once its body was dropped, since only that names the other.
    pub(in crate::rights) fn read_follow_up(
        &self,
        theirs: &Theirs<'_>,
    ) -> Result<Option<FollowUp>, RightsError> {
        let place = self.proving.place(theirs.row);
        if is(theirs.entry, Event::DecisionVoid) {
            let body: Option<VoidBody<'static>> = self.read_body(theirs)?;
            return Ok(body.map(|body| FollowUp { of: body.of, came: Came::Void { place, body } }));
        }
        let body: Option<Box<AnswerBody<'static>>> = self.read_body(theirs)?;
        Ok(body.map(|body| FollowUp { of: body.of, came: Came::Answered { place, body } }))
    }

    fn read_body<T: DeserializeOwned>(
        &self,
        theirs: &Theirs<'_>,
    ) -> Result<Option<T>, RightsError> {
        let Some((nonce, sealed)) = self.store.body(theirs.row)? else { return Ok(None) };
        let body = theirs.keys.open_body(&nonce, sealed)?;
        serde_json::from_slice(&body).map(Some).map_err(|_| RightsError::Row(theirs.row))
    }
}

/// How the answer to the decision of the row with this nonce is named.
pub(super) fn name_of(nonce: &[u8; 16]) -> Uuid {
    uuid::Builder::from_random_bytes(*nonce).into_uuid()
}
