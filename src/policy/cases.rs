//! Cases beside the rules: an input, what it must come to, and why. They are the rules' tests, written by whoever
//! writes the rules.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{
    Breach, Bundle, CategoryCase, GateFacts, PolicyError, ReasonCode, Reasons,
    error::Found,
    listing::{Case, Level, TableRow},
};
use crate::domain::{CategoryId, Detail, PurposeId, Tier};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    gate: Vec<GateForm>,
    #[serde(default)]
    category: Vec<CategoryForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateForm {
    name: Spanned<String>,
    purpose: PurposeId,
    #[serde(default = "GateFacts::unrestricted")]
    facts: GateFacts,
    tier: Tier,
    reasons: Vec<String>,
    policies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryForm {
    name: Spanned<String>,
    purpose: PurposeId,
    category: CategoryId,
    facts: CategoryCase,
    detail: Detail,
    reasons: Vec<String>,
    policies: Vec<String>,
}

/// What running the cases of a bundle came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// How many cases came to what they must.
    pub passed: usize,
    /// The cases that did not.
    pub failed: Vec<FailedCase>,
    /// The ids of policies that decide none of the cases, so that nothing would notice if they broke.
    pub untried: Vec<String>,
    /// The promises that the bundle breaks, whatever its cases say.
    pub breaches: Vec<Breach>,
}

impl CheckReport {
    /// Whether the bundle may be put in force: all cases passed, and no promise is broken.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed.is_empty() && self.breaches.is_empty()
    }
}

/// A case that came to something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedCase {
    /// The file it stands in.
    pub file: String,
    /// The line of its name, counted from 1.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// What it must come to.
    pub expected: String,
    /// What it came to.
    pub got: String,
}

impl Bundle {
    /// Runs the cases that stand beside the rules, and holds the bundle against the promises in every case.
    ///
    /// # Errors
    /// With all that is wrong, when a file of cases cannot be read, names an unknown key, reason, purpose or category.
    pub fn check(&self) -> Result<CheckReport, PolicyError> {
        let mut run = Run { bundle: self, report: CheckReport::default(), tried: Vec::new() };
        let mut found = Found::default();
        for (file, text) in self.files().iter().filter(|(file, _)| file.ends_with(".cases.toml")) {
            let form: Result<Form, _> =
                toml::from_str(text).map_err(|error| PolicyError::toml(file, text, &error));
            let Some(form) = found.keep(form) else { continue };
            let gates = form.gate.into_iter().map(Expected::from);
            for expected in gates.chain(form.category.into_iter().map(Expected::from)) {
                found.keep(run.case(file, text, expected));
            }
        }
        found.finish()?;
        let Run { mut report, tried, .. } = run;
        let ids = self.rules().iter().map(|rule| &rule.id);
        report.untried = ids.filter(|id| !tried.contains(&id.as_str())).cloned().collect();
        report.breaches = self.breaches();
        Ok(report)
    }
}

struct Expected {
    name: Spanned<String>,
    case: Case,
    level: Level,
    reasons: Vec<String>,
    policies: Vec<String>,
}

impl From<GateForm> for Expected {
    fn from(form: GateForm) -> Self {
        let GateForm { name, purpose, facts, tier, reasons, policies } = form;
        let case = Case::Gate { purpose, facts };
        Self { name, case, level: Level::Tier(tier), reasons, policies }
    }
}

impl From<CategoryForm> for Expected {
    fn from(form: CategoryForm) -> Self {
        let CategoryForm { name, purpose, category, facts, detail, reasons, policies } = form;
        let case = Case::Category { purpose, category, facts };
        Self { name, case, level: Level::Detail(detail), reasons, policies }
    }
}

struct Run<'a> {
    bundle: &'a Bundle,
    report: CheckReport,
    tried: Vec<&'a str>,
}

impl Run<'_> {
    fn case(&mut self, file: &str, text: &str, expected: Expected) -> Result<(), PolicyError> {
        let at = expected.name.span().start;
        let wrong = |reason: String| PolicyError::at(file, text, at, reason);
        let reasons = expected
            .reasons
            .iter()
            .map(|code| code.parse().map_err(|_| wrong(format!("{code} is no reason"))))
            .collect::<Result<Vec<ReasonCode>, _>>()?;
        let row = self
            .bundle
            .row(expected.case)
            .ok_or_else(|| wrong("the catalogue has no such purpose or category".to_owned()))?;
        self.tried.extend(&row.policies);
        let reasons: Reasons = reasons.into_iter().collect();
        let mut named: Vec<&str> = expected.policies.iter().map(String::as_str).collect();
        named.sort_unstable();
        let TableRow { level, reasons: because, policies: mut by, .. } = row;
        by.sort_unstable();
        let (wanted, got) = (told(expected.level, reasons, &named), told(level, because, &by));
        if wanted == got {
            self.report.passed += 1;
        } else {
            self.report.failed.push(FailedCase {
                file: file.to_owned(),
                line: super::error::line_of(text, at),
                name: expected.name.into_inner(),
                expected: wanted,
                got,
            });
        }
        Ok(())
    }
}

fn told(level: Level, reasons: Reasons, policies: &[&str]) -> String {
    let level = match level {
        Level::Tier(tier) => tier.as_str(),
        Level::Detail(detail) => super::facts::detail_str(detail),
    };
    let reasons: Vec<_> = reasons.iter().map(ReasonCode::as_str).collect();
    format!("{level} because {} by {}", reasons.join(", "), policies.join(", "))
}
