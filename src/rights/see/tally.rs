//! What the log tells of a person, counted.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
};

use super::{
    super::{Rights, RightsError},
    decision::{Came, is, is_of_a_decision},
    walk::{Keys, Theirs, walk_back},
};
use crate::{
    audit::{Event, NOTHING, Row},
    consent::Person,
    domain::Timestamp,
};

/// What the log tells of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whether all rows of the time were looked at; else there can be more than is counted.
    pub complete: bool,
    /// How many rows were looked at, other people's too.
    pub looked: u64,
    /// Decisions, by purpose.
    pub decisions: BTreeMap<String, u64>,
    /// How many of them were taken back before anything left.
    pub not_sent: u64,
    /// What went to each recipient, and what it said to deletions.
    pub recipients: BTreeMap<String, RecipientTally>,
}

/// What went to a recipient, and what it said to deletions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientTally {
    /// Calls whose bytes left for it, or may have.
    pub disclosures: u64,
    /// How many of them named the person by a pseudonym.
    pub personal: u64,
    /// The minute of the last.
    pub last_at: Option<Timestamp>,
    /// Deletions that it confirmed.
    pub confirmed: u64,
    /// The minute of the last.
    pub confirmed_at: Option<Timestamp>,
    /// Deletions that it did not answer for as long as it was asked.
    pub unanswered: u64,
    /// Deletions that it has no way to do.
    pub unsupported: u64,
}

impl Rights {
    /// Looks at `rows` rows at most. Waits for the disk.
    pub(super) fn count(
        &self,
        ids: &[Person],
        since: Timestamp,
        rows: u64,
    ) -> Result<Tally, RightsError> {
        let Some(mut keys) = Keys::of_all(ids, u32::MAX) else { return Ok(Tally::default()) };
        let (mut tally, mut not_sent, mut failed) = (Tally::default(), HashSet::new(), None);
        let wanted = |entry: &[u8]| is_of_a_decision(entry) || is(entry, Event::ErasureRecipient);
        let bounds = (self.store.log_size(), rows, Some(since.seconds()));
        let walked = walk_back(&self.store, &mut keys, bounds, wanted, |theirs| {
            match self.add(theirs, since, &mut tally, &mut not_sent) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        (tally.complete, tally.looked) = (walked.at == 0, walked.looked);
        Ok(tally)
    }

    fn add(
        &self,
        theirs: &Theirs<'_>,
        since: Timestamp,
        tally: &mut Tally,
        not_sent: &mut HashSet<u64>,
    ) -> Result<(), RightsError> {
        if is(theirs.entry, Event::DecisionVoid) {
            if let Some(told) = self.read_follow_up(theirs)?
                && let Came::Void { body, .. } = told.came
                && body.may_have_left() == Some(false)
            {
                not_sent.insert(told.of);
            }
            return Ok(());
        }
        let leaf = Row::parse(theirs.entry).map_err(|_| RightsError::Row(theirs.row))?;
        if is(theirs.entry, Event::DecisionAnswered) || leaf.minute < since.minute() {
            return Ok(());
        }
        if is(theirs.entry, Event::Decision) {
            *tally.decisions.entry(leaf.purpose.to_owned()).or_default() += 1;
            if not_sent.remove(&theirs.row) {
                tally.not_sent += 1;
                return Ok(());
            }
        }
        if leaf.recipient != NOTHING {
            tally.recipients.entry(leaf.recipient.to_owned()).or_default().add(&leaf);
        }
        Ok(())
    }
}

impl RecipientTally {
    /// Rows come newest first.
    fn add(&mut self, leaf: &Row<'_>) {
        match leaf.outcome {
            "confirmed" => {
                self.confirmed += 1;
                self.confirmed_at.get_or_insert(leaf.at());
            }
            "unanswered" => self.unanswered += 1,
            "unsupported" => self.unsupported += 1,
            "asked" => {}
            tier => {
                self.disclosures += 1;
                self.personal += u64::from(tier == "individual");
                self.last_at.get_or_insert(leaf.at());
            }
        }
    }
}
