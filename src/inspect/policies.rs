//! The versions of the policies: who put which in force and when, and what was decided under each.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use super::{Begun, InspectError, Inspector, entries::ruleset_of, off_the_worker};
use crate::{
    audit::{AuditError, Event, Filter, Order, Row, Span},
    domain::Timestamp,
    operate::Applied,
};

/// The versions, and each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyHistory {
    /// The version in force.
    pub in_force: String,
    /// Each time that one came into force, oldest first.
    pub changes: Vec<PolicyChange>,
    /// Each version with what was decided under it, in the order in which they first came into force.
    pub versions: Vec<VersionDecisions>,
}

/// One time that a version came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// What is on record of it.
    pub applied: Applied,
    /// How the log's rows name the version.
    pub ruleset: String,
    /// The row that tells of it.
    pub index: Option<u64>,
}

/// What was decided under a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionDecisions {
    /// The version; nothing where only its beginning is known, from rows of the log.
    pub version: Option<String>,
    /// How the log's rows name it.
    pub ruleset: String,
    /// How many decisions came to which outcome.
    pub decisions: BTreeMap<String, u64>,
    /// How many decided calls were not sent, or their answers thrown away.
    pub voided: u64,
}

impl Inspector {
    /// The versions, who put them in force, and what was decided under each within `span`.
    ///
    /// # Errors
    /// When the log or the versions cannot be read.
    pub async fn policies(&self, begun: Begun, span: Span) -> Result<PolicyHistory, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || inspector.policies_now(begun, span)).await
    }

    /// Since when the version in force is in force.
    ///
    /// # Errors
    /// When the versions cannot be read.
    pub async fn in_force_since(&self) -> Result<Option<Timestamp>, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || {
            let applied = inspector.ground.policies.history()?;
            Ok(applied.last().map(|applied| Timestamp::from_millis(applied.at_ms)))
        })
        .await
    }

    fn policies_now(&self, begun: Begun, span: Span) -> Result<PolicyHistory, InspectError> {
        let applied = self.ground.policies.history()?;
        let mut rows = self.rows_of_changes(begun)?;
        let mut change = |applied: &Applied| {
            let ruleset = ruleset_of(applied);
            let minute = Timestamp::from_millis(applied.at_ms).minute();
            let place = rows.iter().position(|(_, s, t)| *s == ruleset && *t == minute);
            let index = place.map(|place| rows.remove(place).0);
            PolicyChange { applied: applied.clone(), ruleset, index }
        };
        let changes: Vec<PolicyChange> = applied.iter().map(&mut change).collect();
        Ok(PolicyHistory {
            in_force: self.ground.policies.in_force(),
            versions: self.decisions(begun, span, &changes)?,
            changes,
        })
    }

    /// The rows that tell of changes: index, ruleset and minute, in the order of the log.
    fn rows_of_changes(&self, begun: Begun) -> Result<Vec<(u64, String, i64)>, InspectError> {
        let events = vec![Event::PolicyChanged.as_str().to_owned()];
        let filter = Filter { events, ..Filter::default() };
        let (mut rows, mut wrong) = (Vec::new(), None);
        self.walk(begun, &filter, Order::Ascending, None, |index, row| match Row::parse(row) {
            Ok(row) => {
                rows.push((index, row.ruleset.to_owned(), row.minute));
                ControlFlow::Continue(())
            }
            Err(source) => {
                wrong = Some(AuditError::Row { index, source });
                ControlFlow::Break(())
            }
        })?;
        wrong.map_or(Ok(rows), |wrong| Err(wrong.into()))
    }

    fn decisions(
        &self,
        begun: Begun,
        span: Span,
        changes: &[PolicyChange],
    ) -> Result<Vec<VersionDecisions>, InspectError> {
        let mut versions: Vec<VersionDecisions> = Vec::new();
        let mut known = BTreeSet::new();
        for change in changes.iter().filter(|change| known.insert(&change.applied.version)) {
            let version = Some(change.applied.version.clone());
            versions.push(nothing_decided(version, change.ruleset.clone()));
        }
        for (words, count) in self.ground.reader.count(span, begun.upto)? {
            let is = |event: Event| words.event == event.as_str();
            if !is(Event::Decision) && !is(Event::DecisionVoid) {
                continue;
            }
            let place = versions.iter().position(|known| known.ruleset == words.ruleset);
            let place = place.unwrap_or_else(|| {
                versions.push(nothing_decided(None, words.ruleset.clone()));
                versions.len() - 1
            });
            let Some(version) = versions.get_mut(place) else { continue };
            if is(Event::Decision) {
                *version.decisions.entry(words.outcome).or_default() += count;
            } else {
                version.voided += count;
            }
        }
        Ok(versions)
    }
}

fn nothing_decided(version: Option<String>, ruleset: String) -> VersionDecisions {
    VersionDecisions { version, ruleset, decisions: BTreeMap::new(), voided: 0 }
}
