//! What no bundle may break, whoever wrote it. Rules are the operator's to change; these promises are not, so a
//! bundle is held against them case by case before it is put in force.

use serde::Serialize;

use super::{
    Age, Bundle, CategoryCase, ConsentFact, GateFacts,
    catalogue::{Category, Purpose},
    listing::{Case, Level},
};
use crate::domain::{Detail, Tier};

/// A promise that a bundle breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// The promise.
    pub promise: &'static str,
    /// How many cases break it.
    pub cases: usize,
    /// The first of them.
    pub example: Case,
    /// What it comes to.
    #[serde(flatten)]
    pub level: Level,
}

type GatePromise = (&'static str, fn(&Purpose, GateFacts, Tier) -> bool);
type CategoryPromise = (&'static str, fn(&Purpose, &Category, CategoryCase, Detail) -> bool);

/// Promises about a tier above `none`.
const GATE: [GatePromise; 5] = [
    ("an optional purpose needs a consent in force", |purpose, facts, _| {
        purpose.required() || facts.consent == ConsentFact::Given
    }),
    ("a tier never exceeds the person's cap", |_, facts, tier| tier <= facts.cap),
    ("a pause holds", |_, facts, _| !facts.paused),
    ("a child needs a guardian", |_, facts, _| facts.age != Age::Child),
    ("an app uses only purposes it is registered for", |_, facts, _| facts.registered),
];

/// Promises about a category that leaves.
const CATEGORY: [CategoryPromise; 5] = [
    ("nothing leaves finer than agreed to", |purpose, category, case, detail| {
        purpose.required() || !category.personal() || detail <= case.given
    }),
    ("what is sensitive has a consent of its own", |purpose, category, case, _| {
        !category.sensitive() || (case.given == Detail::Fine && !purpose.required())
    }),
    ("nothing personal leaves below the individual tier", |_, category, case, _| {
        !category.personal() || case.tier == Tier::Individual
    }),
    ("what the person switched off stays", |_, _, case, _| !case.switched_off),
    ("a purpose uses its own categories only", |purpose, category, _, _| purpose.uses(category)),
];

impl Bundle {
    /// The promises that this bundle breaks. Every case is asked for, so the first call fills the whole table.
    #[must_use]
    pub fn breaches(&self) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for row in self.table() {
            for promise in self.broken(&row.case, row.level) {
                note(&mut breaches, promise, &row.case, row.level);
            }
        }
        breaches
    }

    /// The promises that one case breaks.
    fn broken(&self, case: &Case, level: Level) -> Vec<&'static str> {
        match (case, level) {
            (Case::Gate { purpose, facts }, Level::Tier(tier)) if tier > Tier::None => {
                let Some(purpose) = self.catalogue().purpose(purpose) else { return Vec::new() };
                let broken = GATE.into_iter().filter(|(_, holds)| !holds(purpose, *facts, tier));
                broken.map(|(promise, _)| promise).collect()
            }
            (Case::Category { purpose, category, facts }, Level::Detail(detail))
                if detail > Detail::None =>
            {
                let purpose = self.catalogue().purpose(purpose);
                let category = self.catalogue().category(category);
                let (Some(purpose), Some(category)) = (purpose, category) else {
                    return Vec::new();
                };
                let holds =
                    |promise: &CategoryPromise| promise.1(purpose, category, *facts, detail);
                let broken = CATEGORY.into_iter().filter(|promise| !holds(promise));
                broken.map(|(promise, _)| promise).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn note(breaches: &mut Vec<Breach>, promise: &'static str, case: &Case, level: Level) {
    match breaches.iter_mut().find(|breach| breach.promise == promise) {
        Some(breach) => breach.cases += 1,
        None => breaches.push(Breach { promise, cases: 1, example: case.clone(), level }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The promises that the shipped bundle breaks after these edits of one of its files.
    fn broken(file: &str, edits: &[(&str, &str)]) -> Vec<&'static str> {
        let mut files = Bundle::shipped().unwrap().files().clone();
        let text = files.get_mut(file).unwrap();
        for (from, to) in edits {
            assert!(text.contains(from), "nothing to replace");
            *text = text.replacen(from, to, 1);
        }
        let breaches = Bundle::parse(files).unwrap().breaches();
        breaches.into_iter().map(|breach| breach.promise).collect()
    }

    #[test]
    fn the_shipped_bundle_keeps_every_promise() {
        assert_eq!(Bundle::shipped().unwrap().breaches(), []);
    }

    #[test]
    fn a_gate_that_breaks_a_promise_is_found_out() {
        let refused = r#"context.consent == Consent::"refused""#;
        let cases: [&[(&str, &str)]; GATE.len()] = [
            &[
                ("when { principal.required }", "when { true || principal.required }"),
                (refused, r#"context.consent == Consent::"refused" && context.gpc"#),
            ],
            &[(r#"context.cap == Tier::"individual""#, r#"context.cap != Tier::"none""#)],
            &[("when { context.paused }", "when { context.paused && context.gpc }")],
            &[(r#"Age::"child" }"#, r#"Age::"child_guarded" }"#)],
            &[("unless { context.registered }", "unless { context.registered || context.gpc }")],
        ];
        for ((promise, _), edits) in GATE.into_iter().zip(cases) {
            assert_eq!(broken("gate.cedar", edits), [promise]);
        }
    }

    #[test]
    fn a_category_rule_that_breaks_a_promise_is_found_out() {
        let fine = r#"when { context.given == Detail::"fine" }"#;
        let below = r#"context.tier != Tier::"individual""#;
        let cases: [&[(&str, &str)]; CATEGORY.len()] = [
            &[(fine, r#"when { context.given != Detail::"none" }"#)],
            &[
                ("resource.sensitive && context.given", "context.switched_off && context.given"),
                (fine, r#"when { context.given == Detail::"fine" || resource.sensitive }"#),
            ],
            &[(below, r#"context.tier == Tier::"none""#)],
            &[(
                "when { context.switched_off }",
                "when { context.switched_off && resource.personal }",
            )],
            &[(
                "unless { resource in principal }",
                "unless { resource in principal || principal.required }",
            )],
        ];
        for ((promise, _), edits) in CATEGORY.into_iter().zip(cases) {
            let found = broken("category.cedar", edits);
            assert!(found.contains(&promise), "{promise}: {found:?}");
        }
    }
}
