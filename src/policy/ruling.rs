//! What the rules say of a case, and the permit that makes it count for one call.

use std::sync::Arc;

use super::{
    Category, CategoryFacts, GateFacts, GpcEffect, MAX_CATEGORIES, Purpose, ReasonCode, Reasons,
    bundle::ruleset,
    rules::Outcome,
    table::Book,
    term::{Passage, Term},
};
use crate::domain::{CategoryId, Detail, Epoch, PurposeId, RecipientId, Sid, Tier, Timestamp};

/// What the rules say of one case. It is about no one; two people in the same case share its answers.
#[derive(Clone, Debug)]
pub struct Ruling {
    book: Arc<Book>,
    purpose: PurposeId,
    place: usize,
    tier: Tier,
    gate: GateFacts,
    facts: [CategoryFacts; MAX_CATEGORIES],
}

impl Ruling {
    pub(super) fn new(
        book: &Arc<Book>,
        purpose: &Purpose,
        gate: GateFacts,
        facts: [CategoryFacts; MAX_CATEGORIES],
    ) -> Option<Self> {
        let Purpose { place, id, .. } = purpose;
        let tier = book.gate(*place, gate)?.level;
        let (book, purpose) = (Arc::clone(book), id.clone());
        Some(Self { book, purpose, place: *place, tier, gate, facts })
    }

    /// The highest tier at which the call may be answered.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Why the tier is what it is.
    #[must_use]
    pub fn reasons(&self) -> Reasons {
        match self.book.gate(self.place, self.gate) {
            Some(gate) if gate.level == self.tier => gate.reasons,
            _ => Reasons::only(ReasonCode::TierNone),
        }
    }

    /// The ids of the policies that decided the tier.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        let gate = self.book.gate(self.place, self.gate);
        self.book.names(gate.map_or(&[], |gate| &gate.policies))
    }

    /// Whether an objection by signal stands, as the facts had it.
    #[must_use]
    pub fn is_objected(&self) -> bool {
        self.gate.gpc
    }

    /// Whether an objection by signal stands that the purpose heeds.
    #[must_use]
    pub fn honours_signal(&self) -> bool {
        let purpose = self.book.catalogue.purposes().get(self.place);
        self.gate.gpc && purpose.is_some_and(|purpose| purpose.gpc != GpcEffect::Ignored)
    }

    /// The purpose that was ruled on.
    #[must_use]
    pub fn purpose(&self) -> &PurposeId {
        &self.purpose
    }

    /// The version of the bundle it was made under.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.book.version
    }

    /// The first 8 bytes of the version, in hex.
    #[must_use]
    pub fn ruleset(&self) -> &str {
        ruleset(&self.book.version)
    }

    /// What one category comes to.
    #[must_use]
    pub fn category(&self, id: &CategoryId) -> CategoryRuling<'_> {
        let category = self.book.catalogue.category(id);
        category.map_or(CategoryRuling(None), |category| self.ruled(category))
    }

    /// What each category of the purpose comes to, in the order of the catalogue.
    pub fn categories(&self) -> impl Iterator<Item = (&CategoryId, CategoryRuling<'_>)> {
        let purpose = self.book.catalogue.purposes().get(self.place);
        let categories = purpose.map(|purpose| self.book.catalogue.categories_of(purpose));
        categories.into_iter().flatten().map(|category| (&category.id, self.ruled(category)))
    }

    /// Makes the ruling count for one person, one recipient and a short time. There is no other way to a permit.
    /// Where no person is named, nothing personal leaves: the permit then is of tier `none`.
    #[must_use]
    pub fn permit(mut self, whom: Whom) -> Permit {
        if whom.sid.is_none() {
            self.tier = Tier::None;
        }
        Permit { ruling: self, whom }
    }

    pub(super) fn ruled(&self, category: &Category) -> CategoryRuling<'_> {
        let facts = self.facts.get(category.place).copied().unwrap_or(CategoryFacts::NOTHING);
        let outcome = self.book.category(self.place, category.place, facts, self.tier);
        CategoryRuling(outcome.map(|outcome| (&*self.book, outcome)))
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }
}

/// What one category comes to; one that the catalogue does not know is in no purpose.
#[derive(Clone, Copy, Debug)]
pub struct CategoryRuling<'a>(Option<(&'a Book, &'a Outcome<Detail>)>);

impl<'a> CategoryRuling<'a> {
    /// How finely it may be disclosed.
    #[must_use]
    pub fn detail(&self) -> Detail {
        self.0.map_or(Detail::None, |(_, outcome)| outcome.level)
    }

    /// Why.
    #[must_use]
    pub fn reasons(&self) -> Reasons {
        self.0.map_or(Reasons::only(ReasonCode::NotInPurpose), |(_, outcome)| outcome.reasons)
    }

    /// The ids of the policies that decided.
    pub fn policies(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.into_iter().flat_map(|(book, outcome)| book.names(&outcome.policies))
    }
}

/// Whom a permit is for.
#[derive(Clone, Debug)]
pub struct Whom {
    /// The person; absent for callers who name none and for people the gateway does not know.
    pub sid: Option<Sid>,
    /// Who receives the disclosure.
    pub recipient: RecipientId,
    /// The person's epoch when the facts were read.
    pub epoch: Epoch,
    /// The next moment at which any of the facts flips.
    pub valid_until: Timestamp,
}

/// The right to one disclosure: a ruling, for this person, to this recipient, until its facts may have changed.
/// Only [`Ruling::permit`] makes one, and its fields are private, so nobody can widen it.
#[derive(Clone, Debug)]
pub struct Permit {
    ruling: Ruling,
    whom: Whom,
}

impl Permit {
    /// The tier of the disclosure.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.ruling.tier
    }

    /// The person, only where a pseudonym may leave; below tier `individual` there is nobody to name.
    #[must_use]
    pub fn sid(&self) -> Option<Sid> {
        match self.ruling.tier {
            Tier::Individual => self.whom.sid,
            Tier::None | Tier::Cohort => None,
        }
    }

    /// Who receives it.
    #[must_use]
    pub fn recipient(&self) -> &RecipientId {
        &self.whom.recipient
    }

    /// The person's epoch when the facts were read.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.whom.epoch
    }

    /// The purpose it serves.
    #[must_use]
    pub fn purpose(&self) -> &PurposeId {
        self.ruling.purpose()
    }

    /// The first moment at which it no longer holds.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.whom.valid_until
    }

    /// Whether it still holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.whom.valid_until
    }

    /// Lets a disclosure begin, unless the bundle that ruled on it is no longer in force. To be held until the last
    /// byte is written: a switch of policies is acknowledged only when all passages under the old one are gone.
    #[must_use]
    pub fn pass(&self) -> Option<Passage> {
        Term::enter(&self.ruling.book.term)
    }

    /// How finely the category may be disclosed.
    #[must_use]
    pub fn may_use(&self, category: &CategoryId) -> Detail {
        self.ruling.category(category).detail()
    }

    /// The ruling it rests on.
    #[must_use]
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }
}
