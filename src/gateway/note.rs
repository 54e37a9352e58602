//! What was answered, as the log's row about it says: the items with their reasons, for the person who asks later why
//! they saw something.
//!
//! The row of the decision must be durable before the disclosure, so it cannot hold the answer; this row follows it.

use std::borrow::Cow;

use super::{Answered, Effect};
use crate::audit::{AnswerBody, EffectBody, ItemBody};

/// The body of the row about the answer to the decision at `index`.
pub(super) fn body(answered: &Answered, index: u64) -> Vec<u8> {
    let items = answered.items.iter().map(|item| {
        let source = Cow::Borrowed(item.source.as_str());
        ItemBody(Cow::Borrowed(&item.id), source, Cow::Borrowed(&item.tags), item.score)
    });
    let effect = |effect: Effect| {
        let Effect { strength, ild, calibration, .. } = effect;
        EffectBody { strength, ild, calibration }
    };
    let body = AnswerBody {
        of: index,
        recommendation: answered.recommendation_id,
        tier: answered.tier,
        fault: answered.decision.fault.map(|fault| Cow::Borrowed(fault.0)),
        used: Cow::Borrowed(&answered.decision.used),
        items: items.collect(),
        moved: answered.effect.map(|effect| effect.moved),
        effect: answered.effect.map(effect),
    };
    // Words, numbers and texts: there is nothing in it that JSON could not say.
    serde_json::to_vec(&body).unwrap_or_default()
}
