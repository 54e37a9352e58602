//! The whole decision table of a bundle: a slot for each case, filled by the rules when it is first asked for.
//!
//! The input is closed, so there are as many slots as cases; nothing is evicted, and a hit is one array access.

use std::sync::{Arc, OnceLock};

use super::{
    CategoryCase, CategoryFacts, GateFacts, Rule,
    catalogue::Catalogue,
    rules::{Outcome, Rules},
    term::Term,
};
use crate::domain::{Detail, Tier};

/// A catalogue, its rules, and all that they come to.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) catalogue: Catalogue,
    pub(super) version: String,
    pub(super) term: Arc<Term>,
    rules: Rules,
    gates: Box<[OnceLock<Outcome<Tier>>]>,
    categories: Box<[OnceLock<Outcome<Detail>>]>,
}

impl Book {
    pub(super) fn new(catalogue: Catalogue, rules: Rules, version: String) -> Self {
        let gates = catalogue.purposes().len() * GateFacts::CASES;
        let pairs = catalogue.purposes().len() * catalogue.categories().len();
        Self {
            gates: (0..gates).map(|_| OnceLock::new()).collect(),
            categories: (0..pairs * CategoryCase::CASES).map(|_| OnceLock::new()).collect(),
            catalogue,
            version,
            term: Arc::default(),
            rules,
        }
    }

    pub(super) fn rules(&self) -> &[Rule] {
        self.rules.all()
    }

    /// What the gate of a purpose comes to; nothing where there is no such purpose.
    pub(super) fn gate(&self, purpose: usize, facts: GateFacts) -> Option<&Outcome<Tier>> {
        let slot = self.gates.get(purpose * GateFacts::CASES + facts.index())?;
        Some(slot.get_or_init(|| self.rules.gate(purpose, facts)))
    }

    /// What a category comes to; nothing where there is no such purpose or category.
    pub(super) fn category(
        &self,
        purpose: usize,
        category: usize,
        facts: CategoryFacts,
        tier: Tier,
    ) -> Option<&Outcome<Detail>> {
        let known = self.catalogue.categories().len();
        if category >= known {
            return None;
        }
        let case = CategoryCase::of(facts, tier);
        let place = (purpose * known + category) * CategoryCase::CASES + case.index();
        let slot = self.categories.get(place)?;
        Some(slot.get_or_init(|| self.rules.category(purpose, category, case)))
    }

    /// The answer of the rules themselves, past the table.
    #[cfg(test)]
    pub(super) fn gate_by_rules(&self, purpose: usize, facts: GateFacts) -> Outcome<Tier> {
        self.rules.gate(purpose, facts)
    }

    /// The answer of the rules themselves, past the table.
    #[cfg(test)]
    pub(super) fn category_by_rules(
        &self,
        purpose: usize,
        category: usize,
        case: CategoryCase,
    ) -> Outcome<Detail> {
        self.rules.category(purpose, category, case)
    }

    /// The ids of rules, by their places.
    pub(super) fn names<'a>(&'a self, places: &'a [u16]) -> impl Iterator<Item = &'a str> {
        places
            .iter()
            .filter_map(|place| self.rules().get(*place as usize))
            .map(|rule| rule.id.as_str())
    }
}
