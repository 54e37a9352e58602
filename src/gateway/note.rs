//! What was answered, as the log's row about it says: the items with their reasons, for the person who asks later why
//! they saw something.
//!
//! The row of the decision must be durable before the disclosure, so it cannot hold the answer; this row follows it.

use serde::Serialize;
use uuid::Uuid;

use super::Answered;
use crate::domain::{CategoryId, ItemId, Tag, Tier};

#[derive(Serialize)]
struct Note<'a> {
    /// The index of the decision's row.
    of: u64,
    recommendation: Uuid,
    tier: Tier,
    fault: Option<&'static str>,
    used: &'a [CategoryId],
    /// Item, source, tags.
    items: Vec<(&'a ItemId, &'static str, &'a [Tag])>,
    moved: Option<usize>,
}

/// The body of the row about the answer to the decision at `index`.
pub(super) fn body(answered: &Answered, index: u64) -> Vec<u8> {
    let items = answered.items.iter();
    let note = Note {
        of: index,
        recommendation: answered.recommendation_id,
        tier: answered.tier,
        fault: answered.decision.fault.map(|fault| fault.0),
        used: &answered.decision.used,
        items: items.map(|item| (&item.id, item.source.as_str(), item.tags.as_slice())).collect(),
        moved: answered.effect.map(|effect| effect.moved),
    };
    // Words, numbers and texts: there is nothing in it that JSON could not say.
    serde_json::to_vec(&note).unwrap_or_default()
}
