//! What a refused request by right is told.

use super::super::{
    Fault, Problem, ProblemKind,
    refuse::{internal, unknown_purpose},
};
use crate::rights::{clock::ClockError, requests::RequestError};

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let conflict = |detail| Self::new(ProblemKind::RequestConflict, detail);
        match error {
            RequestError::Unknown => {
                Self::new(ProblemKind::NotFound, "There is no such request of yours.")
            }
            RequestError::State(state) => {
                let detail = format!("The request is {}.", state.as_str());
                Self::new(ProblemKind::RequestConflict, detail).with("state", state.as_str())
            }
            RequestError::OtherPerson => {
                let detail = "`subject` names somebody else than the request is about.";
                Self::new(ProblemKind::NotYours, detail)
            }
            RequestError::Stale => {
                let rule = "must lie within the last 30 days, and not in the future";
                Self::invalid(&[Fault::at("/identity/verified_at", rule)])
            }
            RequestError::UnknownPurpose => unknown_purpose(),
            RequestError::Clock(ClockError::UnknownLaw { known }) => {
                let rule = format!("must be one of {}", known.join(", "));
                Self::invalid(&[Fault { allowed: known, ..Fault::at("/regulation", rule) }])
            }
            RequestError::Clock(ClockError::NoDuty) => {
                let rule = "names a law that gives no time for such a request";
                Self::invalid(&[Fault::at("/regulation", rule)])
            }
            RequestError::Clock(ClockError::NoExtension) => {
                conflict("The law gives no such extension, or not any more.")
            }
            RequestError::Erasing => {
                conflict("The erasure is being carried out, and ends the request by itself.")
            }
            RequestError::NotLater => {
                Self::invalid(&[Fault::at("/until", "must be after the present deadline")])
            }
            RequestError::DayMissing => {
                let rule = "`until` is missing: the law names no length for this extension";
                Self::invalid(&[Fault::at("", rule)])
            }
            RequestError::Damaged
            | RequestError::Clock(ClockError::File { .. } | ClockError::Range) => internal(&error),
        }
    }
}
