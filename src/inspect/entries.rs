//! Rows of the log: a page of them, or all, one after another.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{Begun, InspectError, Inspector, off_the_worker};
use crate::audit::{AuditError, Filter, Order, Vocabulary};

/// A page of rows.
#[derive(Clone, Debug)]
pub struct EntryPage {
    /// The rows with their indices.
    pub rows: Vec<(u64, Vec<u8>)>,
    /// The first row of the next page, if there is one now.
    pub next: Option<u64>,
}

/// The words that a filter can name: those of the vocabulary in force, and all that stand in the log.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Events.
    pub events: BTreeSet<String>,
    /// Outcomes.
    pub outcomes: BTreeSet<String>,
    /// Purposes.
    pub purposes: BTreeSet<String>,
    /// Recipients.
    pub recipients: BTreeSet<String>,
    /// Reasons.
    pub reasons: BTreeSet<String>,
    /// Rulesets.
    pub rulesets: BTreeSet<String>,
}

impl Known {
    /// The words by the names of their filters.
    #[must_use]
    pub fn lists(&self) -> [(&'static str, &BTreeSet<String>); 6] {
        [
            ("event", &self.events),
            ("outcome", &self.outcomes),
            ("purpose", &self.purposes),
            ("recipient", &self.recipients),
            ("reason", &self.reasons),
            ("policy", &self.rulesets),
        ]
    }
}

impl Inspector {
    /// The words that a filter can name.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn known(&self) -> Result<Known, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || inspector.known_now()).await
    }

    fn known_now(&self) -> Result<Known, InspectError> {
        let vocabulary = Vocabulary::clone(&self.audit.vocabulary());
        let mut known = Known {
            events: vocabulary.events,
            outcomes: vocabulary.outcomes,
            purposes: vocabulary.purposes,
            recipients: vocabulary.recipients,
            reasons: vocabulary.reasons,
            rulesets: self.ground.policies.history()?.iter().map(ruleset_of).collect(),
        };
        for words in self.ground.reader.words()? {
            known.events.insert(words.event);
            known.outcomes.insert(words.outcome);
            known.purposes.insert(words.purpose);
            known.recipients.insert(words.recipient);
            known.reasons.insert(words.reason);
            known.rulesets.insert(words.ruleset);
        }
        Ok(known)
    }

    /// Up to `limit` rows that `filter` admits, from `start` on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn page(
        &self,
        begun: Begun,
        filter: Filter,
        order: Order,
        start: Option<u64>,
        limit: usize,
    ) -> Result<EntryPage, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || {
            let mut page = EntryPage { rows: Vec::new(), next: None };
            inspector.walk(begun, &filter, order, start, |index, row| {
                if page.rows.len() == limit {
                    page.next = Some(index);
                    return ControlFlow::Break(());
                }
                page.rows.push((index, row.to_vec()));
                ControlFlow::Continue(())
            })?;
            Ok(page)
        })
        .await
    }

    /// Hands every row that `filter` admits to `each`, from `start` on. Waits for the disk.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn walk(
        &self,
        begun: Begun,
        filter: &Filter,
        order: Order,
        start: Option<u64>,
        each: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), AuditError> {
        self.ground.reader.walk(filter, order, start, begun.upto, each)
    }
}

/// How leaves of the log name a version: the first 8 bytes of its hash.
pub(super) fn ruleset_of(applied: &crate::operate::Applied) -> String {
    let hash = applied.version.strip_prefix("sha256:").unwrap_or(&applied.version);
    hash.chars().take(16).collect()
}
