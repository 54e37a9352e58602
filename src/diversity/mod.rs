//! Re-ranks what a model recommends so that a list is broader and closer to all of a person's tastes, and measures it.
//!
//! Promises: the same input gives the same list, ties go to the row the model had higher; a list holds distinct rows
//! of its input and stands in the model's order; dial 0 is the model's own list, row for row; what is measured is
//! measured on the list itself, with published formulas.
//!
//! It fetches nothing, remembers nobody and mutes nothing: rows that a person does not want are left out before they
//! come here, and where the profile comes from, and whether it may be used, is decided elsewhere. It claims no cure
//! of filter bubbles, only the exposure it measures.
//!
//! Start with [`rerank`]; [`Dial`] says how strongly, [`measure`] what came of it.

mod boost;

mod dial;

mod tags;

mod candidates;

mod profile;

mod rerank;

mod measure;

pub use boost::{Lifted, lift};
pub use candidates::{Candidates, CandidatesBuilder};
pub use dial::{Dial, InvalidDial, InvalidPreset, Preset};
pub use measure::{Measured, measure};
pub use profile::Profile;
pub use rerank::{Reranked, Source, rerank};

#[cfg(test)]
mod tests;
