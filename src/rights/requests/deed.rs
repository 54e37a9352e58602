//! What the gateway does by itself about a request, and what it leaves to its operator.

use super::{Age, Filed, Note};
use crate::{
    consent::Demand,
    domain::{PurposeId, Timestamp},
    policy::{Catalogue, Purpose},
    rights::Right,
};

/// The word for an age that was written down.
const CORRECTED: &str = "corrected";

/// What becomes of a request that speaks for the person.
pub(super) struct Deed {
    /// What of their standing changes.
    pub(super) demand: Demand,
    /// Whether that is all: else the operator answers.
    pub(super) completes: bool,
    /// What was done, in a closed word.
    pub(super) done: Option<&'static str>,
    /// Where the person finds what they asked for.
    pub(super) see: &'static [&'static str],
}

impl Deed {
    fn left(see: &'static [&'static str]) -> Self {
        Self { demand: Demand::Nothing, completes: false, done: None, see }
    }

    fn told(see: &'static [&'static str]) -> Self {
        Self { completes: true, ..Self::left(see) }
    }

    fn done(demand: Demand, done: &'static str, see: &'static [&'static str]) -> Self {
        Self { demand, completes: true, done: Some(done), see }
    }

    /// The note of it, if there is something to tell.
    pub(super) fn note(&self, at: Timestamp) -> Note {
        Note {
            at,
            what: if self.completes { "completed" } else { "in_progress" }.to_owned(),
            reason: None,
            text: None,
            done: self.done.map(str::to_owned),
            see: self.see.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What the gateway does about `right`, as `filed` puts it, of somebody who is marked as under 14 until `marked`.
pub(super) fn deed(
    right: Right,
    filed: &Filed,
    catalogue: &Catalogue,
    marked: Option<Timestamp>,
) -> Deed {
    match right {
        Right::Access => Deed::told(&["/v1/me", "/v1/me/decisions", "/v1/me/export"]),
        Right::Portability => Deed::told(&["/v1/me/export"]),
        Right::Restriction => Deed::done(Demand::Restrict, "paused", &["/v1/me/rules"]),
        Right::AutomatedDecisionRefusal => {
            Deed::done(Demand::RefuseAutomated, "tier_none", &["/v1/me/rules"])
        }
        Right::Objection => objection(&filed.wanted.purposes, catalogue),
        Right::Explanation => Deed::left(&["/v1/me/decisions"]),
        Right::Rectification => rectification(filed, marked),
        // Carried out once the request stands, and completed by the erasure's own batch.
        Right::Erasure => Deed::left(&[]),
    }
}

/// Purposes that rest on consent end at once. One that rests on a contract or a law is for the controller to weigh (GDPR
/// article 21(1)).
fn objection(named: &[PurposeId], catalogue: &Catalogue) -> Deed {
    let all = || {
        let purposes = catalogue.purposes().iter().filter(|purpose| !purpose.required());
        purposes.map(|purpose| purpose.id().clone()).collect()
    };
    let purposes = if named.is_empty() { all() } else { named.to_vec() };
    let required = |id: &PurposeId| catalogue.purpose(id).is_none_or(Purpose::required);
    let left = purposes.iter().any(required);
    let demand = Demand::Object(purposes);
    Deed { completes: !left, ..Deed::done(demand, "objected", &["/v1/me/consents"]) }
}

/// A mark that protects a child is set on anybody's word, and lifted or shortened by the operator alone: a child may say that
/// they are none.
fn rectification(filed: &Filed, marked: Option<Timestamp>) -> Deed {
    let wanted = &filed.wanted;
    let alone = wanted.item.is_none() && wanted.statement.is_none();
    match wanted.age {
        Some(Age::ChildUntil(until)) if Some(until) >= marked => {
            let demand = Demand::Child(until);
            Deed { completes: alone, ..Deed::done(demand, CORRECTED, &["/v1/me"]) }
        }
        _ => Deed::left(&["/v1/me"]),
    }
}

/// What the operator's completion changes of a standing: what waited for them to check it.
pub(super) fn on_completion(right: Right, filed: &Filed) -> Demand {
    let is_done = filed.notes.iter().any(|note| note.done.as_deref() == Some(CORRECTED));
    match (right, filed.wanted.age) {
        (Right::Rectification, Some(Age::Grown)) => Demand::Age(None),
        (Right::Rectification, Some(Age::ChildUntil(until))) if !is_done => {
            Demand::Age(Some(until))
        }
        _ => Demand::Nothing,
    }
}
