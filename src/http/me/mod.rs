//! What a person sees and sets with their own token.

pub(super) mod export;
pub(super) mod forget;
pub(super) mod reset;
pub(super) mod rules;
