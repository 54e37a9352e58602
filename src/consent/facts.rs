//! From a standing to the facts that the policy rules on, at one moment.

use super::Standing;
use crate::{
    domain::{CategoryId, ConsentState, Detail, Timestamp},
    policy::{Age, CategoryFacts, Channel, ConsentFact, GateFacts, Night, Purpose},
};

/// One moment of one call: what is true of a person then, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The standing; that of nobody is the empty one.
    pub standing: &'a Standing,
    /// The purpose of the call.
    pub purpose: &'a Purpose,
    /// When.
    pub now: Timestamp,
}

/// What the call itself adds to the facts.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Whether the app is registered for the purpose.
    pub registered: bool,
    /// Whether the call carries an objection by signal.
    pub signal: bool,
    /// The year of birth that the call states.
    pub birth_year: Option<i32>,
    /// Whether the recipient is a third party.
    pub third_party: bool,
}

impl Moment<'_> {
    /// The facts of the gate.
    #[must_use]
    pub fn gate(&self, call: &Circumstances, night: &Night) -> GateFacts {
        let (standing, now) = (self.standing, self.now);
        let known = standing.purpose(self.purpose.id());
        let state = known.map(|known| known.consent.state_at(now)).unwrap_or_default();
        let given = known.and_then(|known| known.consent.in_force(now));
        let current = given.is_some_and(|given| given.material == self.purpose.material());
        let guarded = given.is_some_and(|given| given.by_guardian);
        // A guardian's word counts as long as the person is known to be a child; then they are asked anew.
        let outgrown = guarded && standing.under_14_until.is_none_or(|until| until <= now);
        let state = if outgrown { ConsentState::Expired } else { state };
        let signal = match known {
            Some(known) if known.objected_at.is_some() => known.objects(now),
            _ => call.signal,
        };
        GateFacts {
            registered: call.registered,
            consent: ConsentFact::of(state, current),
            age: self.age(call.birth_year, guarded),
            gpc: signal,
            paused: standing.rules.pause_until.is_some_and(|until| now < until),
            // No channel is named by a call, so the purpose's own say whether the night matters.
            night: night.covers(now) && self.purpose.channels().iter().any(Channel::night_rule),
            third_party: call.third_party,
            cap: standing.rules.cap,
        }
    }

    /// What the person said about `category` for this purpose.
    #[must_use]
    pub fn category(&self, category: &CategoryId) -> CategoryFacts {
        let given = self
            .standing
            .purpose(self.purpose.id())
            .and_then(|known| known.consent.in_force(self.now))
            .and_then(|given| given.categories.iter().find(|(known, _)| known == category))
            .map_or(Detail::None, |(_, detail)| *detail);
        CategoryFacts { given, switched_off: self.standing.rules.categories_off.contains(category) }
    }

    /// The next instant at which one of the facts turns by itself: no permit outlives it.
    #[must_use]
    pub fn valid_until(&self, night: &Night) -> Timestamp {
        let standing = self.standing;
        let ends = [
            standing.purpose(self.purpose.id()).and_then(|known| known.consent.expires_at()),
            standing.rules.pause_until,
            standing.under_14_until,
            Some(night.next_change(self.now)),
        ];
        ends.into_iter().flatten().filter(|end| *end > self.now).min().unwrap_or(Timestamp::NEVER)
    }

    fn age(&self, birth_year: Option<i32>, guarded: bool) -> Age {
        if self.standing.under_14_until.is_some_and(|until| self.now < until) {
            return if guarded { Age::ChildGuarded } else { Age::Child };
        }
        Age::of(birth_year, self.now.year(), guarded)
    }
}
