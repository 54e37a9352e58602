//! What a person sees and sets with their own token.

pub(super) mod decisions;
pub(super) mod erasure;
pub(super) mod explain;
pub(super) mod export;
pub(super) mod forget;
pub(super) mod receipts;
pub(super) mod requests;
pub(super) mod reset;
pub(super) mod rules;
pub(super) mod view;

mod decision;
mod held;
mod language;
mod recipients;
mod texts;
