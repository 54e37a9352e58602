//! What an app asks, read and checked.

use crate::{
    consent::Person,
    diversity::Dial,
    domain::{AppId, ItemId, PurposeId, Tag, Timestamp},
    policy::{Bundle, Context, GpcEffect},
    vault::Handle,
};

/// A recommendation call, read and checked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whom it is about; `None` for an anonymous call.
    pub subject: Option<Handle>,
    /// Which app asks; `None` when the person's own software does.
    pub app: Option<AppId>,
    /// Whether the app is registered for the purpose.
    pub registered: bool,
    /// What for.
    pub purpose: PurposeId,
    /// Where the list is shown.
    pub scenario: Option<String>,
    /// How many items are wanted, 1 to 500.
    pub count: usize,
    /// The items the person is looking at.
    pub seed_items: Vec<ItemId>,
    /// Items that must not be in the answer. They never leave.
    pub exclude: Vec<ItemId>,
    /// Candidates of the app's own: they are ranked, and no model is called.
    pub candidates: Option<Vec<Proposed>>,
    /// What the app says of the moment and the person.
    pub context: Context,
    /// How diverse the answer is to be.
    pub dial: Option<Dial>,
    /// Whether the call carries Global Privacy Control.
    pub signal: bool,
}

impl Asked {
    /// Whether an objection by signal stands against the purpose, by this call or kept of `person`, and is heeded.
    pub(super) fn objects(&self, bundle: &Bundle, person: Option<&Person>, now: Timestamp) -> bool {
        bundle.catalogue().purpose(&self.purpose).is_some_and(|purpose| {
            let kept = person.and_then(|person| person.standing.purpose(purpose.id()));
            purpose.gpc() != GpcEffect::Ignored
                && (self.signal || kept.is_some_and(|kept| kept.objects(now)))
        })
    }
}

/// A candidate of the app's own.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The item.
    pub id: ItemId,
    /// How well it fits, on the app's own scale.
    pub score: Option<f64>,
    /// What describes it, where the catalogue says nothing.
    pub tags: Vec<Tag>,
}
