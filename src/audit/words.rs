//! The closed words of rows that do not depend on policy or configuration.
//!
//! A row whose outcome or reason stands in neither list is a fault of the program: debug builds stop at it, so every test
//! that writes a row holds these lists to what the rooms above say.

use super::{Event, Vocabulary};

/// How what happened ended: all that a leaf's `o` may say.
pub(super) const OUTCOMES: &[&str] = &[
    // Tiers of decisions.
    "none",
    "cohort",
    "individual",
    "void",
    // Consents and rules.
    "given",
    "refused",
    "withdrawn",
    "expired",
    "objected",
    "carried",
    "set",
    "created",
    "exported",
    "linked",
    "unlinked",
    "guarded",
    "unguarded",
    "reset",
    "undone",
    "forgotten",
    // Requests of people.
    "received",
    "in_progress",
    "completed",
    "cancelled",
    "extended",
    "erased",
    // Deletions at recipients.
    "asked",
    "confirmed",
    "unsupported",
    "unanswered",
    // Operators.
    "on",
    "off",
    "token",
    "before",
    "reloaded",
    "fits",
    "differs",
    "taken",
    "begun",
    "ended",
    // Auditors.
    "read",
    // The log and the state.
    "in_force",
    "opened",
    "closed",
    "dropped",
    "gap",
    "rebuilt",
    "whole",
    "in_doubt",
    // Keys.
    "rotated",
    "destroyed",
];

/// Why: all that a leaf's `r` may say.
pub(super) const REASONS: &[&str] = &[
    // Reasons of rulings.
    "consented",
    "required_purpose",
    "not_personal",
    "coarse_only",
    "policy_error",
    "purpose_not_registered",
    "not_in_purpose",
    "under_14",
    "withdrawn",
    "refused",
    "expired",
    "notice_outdated",
    "not_consented",
    "sensitive_not_consented",
    "gpc",
    "paused",
    "capped",
    "category_off",
    "night",
    "no_coarse_form",
    "tier_none",
    "operator_rule",
    "no_policy",
    "not_taken",
    // How an act on a consent came.
    "web_form",
    "app",
    "api",
    "paper",
    "phone",
    "signal",
    "import",
    "policy",
    // What people ask for by right.
    "access",
    "portability",
    "erasure",
    "rectification",
    "restriction",
    "objection",
    "explanation",
    "automated_decision_refusal",
    // Why a recipient is asked to delete, where no act on a consent is behind it.
    "erased",
    // Operators.
    "operator",
    "apply",
    "backup",
    "restore",
    "consents",
    "items",
    // Why an operator opened rows.
    "court_order",
    "supervisory_authority",
    "subject_request",
    "incident",
    // What auditors read.
    "entries",
    "policies",
    "decision_table",
    "requests",
    "records_of_processing",
    // The log and the state.
    "start",
    "period",
    "restored",
    "forked",
    "renamed",
    "retention",
    "journal_unavailable",
    "schedule",
];

/// The vocabulary of `ruleset` with the words that every gateway may say.
pub(super) fn closed(ruleset: &str) -> Vocabulary {
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    Vocabulary {
        events: Event::ALL.iter().map(|event| event.as_str().to_owned()).collect(),
        outcomes: owned(OUTCOMES),
        reasons: owned(REASONS),
        ..Vocabulary::new(ruleset)
    }
}

/// Whether a row may say so.
pub(super) fn are_closed(outcome: &str, reason: &str) -> bool {
    OUTCOMES.contains(&outcome) && REASONS.contains(&reason)
}
