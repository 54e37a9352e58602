//! The proof that a call may leave: a query that only a permit makes.

use super::{Outbound, OutboundEvent, Query, TakenContext, Wire};
use crate::{
    domain::{CategoryId, Detail, ItemId, Timestamp},
    policy::{Permit, Shaped},
    pseudonym::Pseudonym,
};

/// What may leave on one recommendation call. It consumes the permit, so a permit serves one call.
#[derive(Debug)]
pub struct OutboundQuery {
    permit: Permit,
    pseudonym: Option<Pseudonym>,
    shown_as: Option<&'static str>,
    shaped: Shaped,
    seed_items: Vec<ItemId>,
}

impl OutboundQuery {
    /// A query for the person that `permit` is about, in the format `wire`. What the permit does not allow is
    /// not in `shaped`; seed items that it does not allow, and what the format has no place for, are left out here.
    #[must_use]
    pub fn new(
        permit: Permit,
        pseudonym: Option<Pseudonym>,
        mut shaped: Shaped,
        (seed_items, seeds): (&[ItemId], &CategoryId),
        wire: &dyn Wire,
    ) -> Self {
        let takes = wire.takes(pseudonym.is_some());
        if let TakenContext::Parts(parts) = &takes.context {
            shaped.keep(|category, attribute| {
                parts.iter().any(|(taken, only)| {
                    **taken == *category.as_str()
                        && only.as_deref().is_none_or(|only| only == attribute)
                })
            });
        }
        let mut allowed = false;
        if !seed_items.is_empty() {
            if takes.seed_items {
                allowed = shaped.present(&permit, seeds);
            } else {
                shaped.omit(seeds);
            }
        }
        let seed_items = if allowed { seed_items.to_vec() } else { Vec::new() };
        Self { permit, pseudonym, shown_as: None, shaped, seed_items }
    }

    /// The permit it rests on.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// What leaves and what does not.
    #[must_use]
    pub fn shaped(&self) -> &Shaped {
        &self.shaped
    }

    /// The pseudonym that leaves, if one does.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.pseudonym.as_ref().map(Pseudonym::expose)
    }

    /// Shows `placeholder` where a pseudonym would stand, for a preview that an app may see.
    pub fn hide_pseudonym(&mut self, placeholder: &'static str) {
        self.shown_as = self.pseudonym.take().map(|_| placeholder);
    }

    /// The exact bytes, in the model's format; `None` where nobody is named and the format cannot do without.
    #[must_use]
    pub fn encode(
        &self,
        wire: &dyn Wire,
        count: usize,
        scenario: Option<&str>,
    ) -> Option<Outbound> {
        let context = if self.shaped.fields.is_empty() {
            Vec::new()
        } else {
            // Names and plain values always encode; if one did not, nothing of the context would leave.
            serde_json::to_vec(&self.shaped.fields).unwrap_or_default()
        };
        wire.recommend(&Query {
            user: self.user().or(self.shown_as),
            count,
            scenario,
            context: &context,
            seed_items: &self.seed_items,
        })
    }
}

/// What a person did, on its way to a model: only a permit that covers it makes one.
#[derive(Debug)]
pub struct OutboundEvents {
    permit: Permit,
    pseudonym: Pseudonym,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// To which item.
    pub item: ItemId,
    /// The word for it.
    pub kind: &'static str,
    /// The rating, where there is one.
    pub value: Option<f64>,
    /// When, if the app said so.
    pub at: Option<Timestamp>,
}

impl OutboundEvents {
    /// Leave to tell what the person did, if `permit` allows `activity` as it is.
    #[must_use]
    pub fn new(
        permit: Permit,
        pseudonym: Option<Pseudonym>,
        activity: &CategoryId,
    ) -> Option<Self> {
        let allowed = permit.may_use(activity) == Detail::Fine;
        pseudonym.filter(|_| allowed).map(|pseudonym| Self { permit, pseudonym })
    }

    /// The permit it rests on.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The exact bytes, in the model's format; `None` where it has no word for events. `now` stands for a time that the
    /// app did not say, where the format must have one.
    #[must_use]
    pub fn encode(&self, wire: &dyn Wire, done: &[Done], now: Timestamp) -> Option<Outbound> {
        let undated = wire.dates_events().then_some(now);
        let events: Vec<OutboundEvent<'_>> = done
            .iter()
            .map(|done| OutboundEvent {
                user: self.pseudonym.expose(),
                item: &done.item,
                kind: done.kind,
                value: done.value,
                at: done.at.or(undated),
            })
            .collect();
        wire.events(&events)
    }
}
