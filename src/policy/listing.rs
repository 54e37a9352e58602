//! The decision table as an auditor reads it, and the cases in which two bundles differ.

use serde::Serialize;

use super::{Bundle, CategoryCase, CategoryFacts, GateFacts, Reasons, rules::Outcome};
use crate::domain::{CategoryId, Detail, PurposeId, Tier};

/// One case and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRow<'a> {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// What it comes to: a tier for a gate, a detail for a category.
    #[serde(flatten)]
    pub level: Level,
    /// Why, in the order of precedence.
    pub reasons: Reasons,
    /// The ids of the policies that decided.
    pub policies: Vec<&'a str>,
}

/// One case of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Case {
    /// May the purpose address the recipient with a pseudonym?
    Gate {
        /// The purpose.
        purpose: PurposeId,
        /// The facts.
        facts: GateFacts,
    },
    /// May the purpose disclose the category?
    Category {
        /// The purpose.
        purpose: PurposeId,
        /// The category.
        category: CategoryId,
        /// The facts.
        facts: CategoryCase,
    },
}

/// What a case comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The highest tier.
    Tier(Tier),
    /// The finest detail.
    Detail(Detail),
}

/// A case in which two bundles differ; `None` where a bundle does not know the purpose or the category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference<'a> {
    /// What this bundle says.
    pub before: Option<TableRow<'a>>,
    /// What the other one says.
    pub after: Option<TableRow<'a>>,
}

impl Bundle {
    /// Every case with what it comes to. Asking fills the table, so the first pass asks the rules for each case.
    pub fn table(&self) -> impl Iterator<Item = TableRow<'_>> {
        self.cases().filter_map(|case| self.row(case))
    }

    /// The cases in which `after` differs from this bundle in what they come to or why, policies' names aside.
    #[must_use]
    pub fn diff<'a>(&'a self, after: &'a Self) -> Vec<Difference<'a>> {
        let changed = self.table().filter_map(|before| {
            let after = after.row(before.case.clone());
            let same = after
                .as_ref()
                .is_some_and(|row| (row.level, row.reasons) == (before.level, before.reasons));
            (!same).then_some(Difference { before: Some(before), after })
        });
        let added = after.table().filter_map(|row| {
            let known = self.row(row.case.clone()).is_some();
            (!known).then_some(Difference { before: None, after: Some(row) })
        });
        changed.chain(added).collect()
    }

    /// What one case comes to; nothing where the catalogue does not know its purpose or its category.
    #[must_use]
    pub fn row(&self, case: Case) -> Option<TableRow<'_>> {
        let book = &self.book;
        match &case {
            Case::Gate { purpose, facts } => {
                let place = self.catalogue().purpose(purpose)?.place;
                let outcome = book.gate(place, *facts)?;
                let level = Level::Tier(outcome.level);
                Some(self.told(case, level, outcome))
            }
            Case::Category { purpose, category, facts } => {
                let purpose = self.catalogue().purpose(purpose)?.place;
                let category = self.catalogue().category(category)?.place;
                let CategoryCase { given, switched_off, tier } = *facts;
                let said = CategoryFacts { given, switched_off };
                let outcome = book.category(purpose, category, said, tier)?;
                let level = Level::Detail(outcome.level);
                Some(self.told(case, level, outcome))
            }
        }
    }

    fn told<'a, L>(&'a self, case: Case, level: Level, outcome: &'a Outcome<L>) -> TableRow<'a> {
        let policies = self.book.names(&outcome.policies).collect();
        TableRow { case, level, reasons: outcome.reasons, policies }
    }

    fn cases(&self) -> impl Iterator<Item = Case> + '_ {
        let purposes = || self.catalogue().purposes().iter().map(super::Purpose::id);
        let gates = purposes().flat_map(|purpose| {
            GateFacts::all().map(|facts| Case::Gate { purpose: purpose.clone(), facts })
        });
        let categories = purposes().flat_map(|purpose| {
            self.catalogue().categories().iter().flat_map(|category| {
                CategoryCase::all().map(|facts| Case::Category {
                    purpose: purpose.clone(),
                    category: category.id.clone(),
                    facts,
                })
            })
        });
        gates.chain(categories)
    }
}
