//! What a person sees and sets with their own token.

pub(super) mod erasure;
pub(super) mod export;
pub(super) mod requests;
pub(super) mod rules;
