//! What a change of policy comes to, for the operator who makes it.

use serde::Serialize;

use crate::{
    consent::Survey,
    domain::PurposeId,
    policy::{Bundle, Change, CheckReport, changes},
};

/// What a change of policy came to, or would.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version that was proposed.
    pub version: String,
    /// The version that was in force.
    pub before: String,
    /// Whether the proposed version is in force now.
    pub in_force: bool,
    /// How the two differ.
    pub difference: Comparison,
    /// What running the cases came to.
    pub check: CheckReport,
    /// What becomes of people's consents.
    pub people: Survey,
    /// What became of those that are withdrawn or carried over.
    pub migration: Option<Migrated>,
    /// What the operator should look at.
    pub warnings: Vec<String>,
    /// The row of the log that tells of the change.
    pub log_index: Option<u64>,
}

/// How far standings were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// How many acts that took.
    pub acts: u64,
    /// Whether everyone is done. If not, the rest goes on by itself, across restarts too.
    pub done: bool,
}

/// How two bundles differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// How many cases there are in the later one.
    pub cases: usize,
    /// In how many the two differ.
    pub changed: usize,
    /// The same by purpose, in words.
    pub changes: Vec<Change>,
    /// Purposes to which people agreed to something else than they would be asked for now.
    pub asked_anew: Vec<PurposeId>,
}

impl Comparison {
    /// How `after` differs from `before`. Asks the rules for every case of both.
    #[must_use]
    pub fn of(before: &Bundle, after: &Bundle) -> Self {
        let changes = changes(before, after);
        let differs = |purpose: &&crate::policy::Purpose| {
            let earlier = before.catalogue().purpose(purpose.id());
            earlier.is_some_and(|earlier| earlier.material() != purpose.material())
        };
        let anew = after.catalogue().purposes().iter().filter(|purpose| !purpose.required());
        Self {
            cases: after.table().count(),
            changed: changes.iter().map(|change| change.cases).sum(),
            asked_anew: anew.filter(differs).map(|purpose| purpose.id().clone()).collect(),
            changes,
        }
    }
}
