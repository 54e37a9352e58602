//! The decision table of a version, and how two versions differ, case by case.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::{Begun, InspectError, Inspector, off_the_worker};
use crate::policy::{Bundle, Case, Level, ReasonCode, TableRow, detail_str, version_of};

/// How many bundles are kept read: asking one for its whole table a first time takes far longer than reading it again.
const KEPT: usize = 4;

/// Which part of which table is wanted.
#[derive(Clone, Debug)]
pub struct TableQuery {
    /// The version: `current`, or the beginning of its hash.
    pub policy: String,
    /// The version to hold it against; then only cases in which the two differ are told.
    pub against: Option<String>,
    /// Only these purposes; all if there is none.
    pub purposes: Vec<String>,
    /// The first case that is told, from 0.
    pub start: u64,
    /// How many cases are told; all if absent.
    pub limit: Option<usize>,
}

/// Cases of a table.
#[derive(Clone, Debug)]
pub struct TablePage {
    /// The whole name of the version.
    pub version: String,
    /// The whole name of the version it was held against.
    pub against: Option<String>,
    /// How many cases there are in all.
    pub total: u64,
    /// The cases.
    pub cases: Vec<CaseRow>,
    /// The first case of the next page, if there is one.
    pub next: Option<u64>,
}

/// A case of the closed input.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// `gate` or `category`.
    pub kind: &'static str,
    /// The purpose.
    pub purpose: String,
    /// The category, where the case is about one.
    pub category: Option<String>,
    /// The facts, by name.
    pub facts: Value,
    /// What it comes to; nothing where the version does not know the purpose or the category.
    pub outcome: Option<CaseOutcome>,
    /// What it comes to in the version that it was held against.
    pub against: Option<CaseOutcome>,
}

/// What a case comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseOutcome {
    /// A tier for a gate, a detail for a category.
    pub level: &'static str,
    /// Why, the gravest first.
    pub reasons: Vec<&'static str>,
    /// The ids of the policies that decide.
    pub policies: Vec<String>,
}

impl Inspector {
    /// The cases that `query` asks for.
    ///
    /// # Errors
    /// When there is no such version, or one cannot be read.
    pub async fn table(&self, _: Begun, query: TableQuery) -> Result<TablePage, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || inspector.table_now(&query)).await
    }

    /// The whole name of the one version that `name` means.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub async fn version(&self, name: String) -> Result<String, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || Ok(inspector.bundle(&name)?.version().to_owned())).await
    }

    /// The version that `name` means. It says nothing of anybody, so that it is told to whom it decided about.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub async fn policy_version(&self, name: String) -> Result<Arc<Bundle>, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || inspector.bundle(&name)).await
    }

    fn table_now(&self, query: &TableQuery) -> Result<TablePage, InspectError> {
        let bundle = self.bundle(&query.policy)?;
        let against = query.against.as_ref().map(|name| self.bundle(name)).transpose()?;
        let wanted =
            |case: &Case| query.purposes.is_empty() || query.purposes.contains(&purpose_of(case));
        let (mut total, mut cases) = (0, Vec::new());
        let end = query.limit.map_or(u64::MAX, |limit| query.start.saturating_add(limit as u64));
        let mut tell = |row: Option<TableRow<'_>>, other: Option<TableRow<'_>>| {
            let Some(case) = row.as_ref().or(other.as_ref()).map(|row| row.case.clone()) else {
                return;
            };
            if !wanted(&case) {
                return;
            }
            if (query.start..end).contains(&total) {
                cases.push(CaseRow::of(&case, row.as_ref(), other.as_ref()));
            }
            total += 1;
        };
        match &against {
            None => bundle.table().for_each(|row| tell(Some(row), None)),
            Some(against) => against
                .diff(&bundle)
                .into_iter()
                .for_each(|difference| tell(difference.after, difference.before)),
        }
        Ok(TablePage {
            version: bundle.version().to_owned(),
            against: against.map(|against| against.version().to_owned()),
            total,
            cases,
            next: (end < total).then_some(end),
        })
    }

    /// The bundle that `name` means: the one in force, or one read anew from the store.
    fn bundle(&self, name: &str) -> Result<Arc<Bundle>, InspectError> {
        let current = self.bundle_in_force();
        if name == "current" || name == current.version() {
            return Ok(current);
        }
        let files = self.ground.policies.files(name)?;
        let version = version_of(&files);
        if version == current.version() {
            return Ok(current);
        }
        let mut bundles = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = bundles.iter().find(|known| known.version() == version) {
            return Ok(known.clone());
        }
        let bundle = Arc::new(Bundle::parse(files)?);
        bundles.truncate(KEPT - 1);
        bundles.insert(0, bundle.clone());
        Ok(bundle)
    }
}

impl CaseRow {
    fn of(case: &Case, row: Option<&TableRow<'_>>, against: Option<&TableRow<'_>>) -> Self {
        let (kind, category, facts) = match case {
            Case::Gate { facts, .. } => ("gate", None, json!(facts)),
            Case::Category { category, facts, .. } => {
                ("category", Some(category.as_str().to_owned()), json!(facts))
            }
        };
        Self {
            kind,
            purpose: purpose_of(case),
            category,
            facts,
            outcome: row.map(CaseOutcome::of),
            against: against.map(CaseOutcome::of),
        }
    }
}

impl CaseOutcome {
    fn of(row: &TableRow<'_>) -> Self {
        let level = match row.level {
            Level::Tier(tier) => tier.as_str(),
            Level::Detail(detail) => detail_str(detail),
        };
        let reasons = row.reasons.iter().map(ReasonCode::as_str).collect();
        let policies = row.policies.iter().map(|id| (*id).to_owned()).collect();
        Self { level, reasons, policies }
    }
}

fn purpose_of(case: &Case) -> String {
    match case {
        Case::Gate { purpose, .. } | Case::Category { purpose, .. } => purpose.as_str().to_owned(),
    }
}
