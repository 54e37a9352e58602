//! A page of decisions, newest first.
//!
//! What came of a decision stands behind it in the log, so on the way back it is read first and kept until the decision is
//! met. A page that ends between the two begins again above the later row; `Spot` holds both places.

use std::{collections::HashMap, ops::ControlFlow};

use super::{
    super::{Rights, RightsError},
    PAGE_ROWS,
    decision::{Came, Decision, is, is_of_a_decision},
    walk::{Keys, Theirs, walk_back},
};
use crate::{
    audit::{Event, Span},
    consent::Person,
    domain::{PurposeId, RecipientId},
};

/// Which decisions are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// For this purpose.
    pub purpose: Option<PurposeId>,
    /// In which this recipient was asked or told.
    pub recipient: Option<RecipientId>,
    /// Within this time.
    pub span: Span,
    /// Only those after which bytes left, or may have.
    pub disclosed: bool,
}

impl Wanted {
    fn holds(&self, decision: &Decision) -> bool {
        let purpose = self.purpose.as_ref();
        let recipient = self.recipient.as_ref();
        let until = self.span.until.is_none_or(|until| decision.at < until);
        purpose.is_none_or(|purpose| decision.purpose == purpose.as_str())
            && recipient.is_none_or(|id| decision.recipient.as_deref() == Some(id.as_str()))
            && self.span.from.is_none_or(|from| decision.at >= from)
            && until
            && (!self.disclosed || decision.disclosed())
    }
}

/// Where a page goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The rows before this one are looked at.
    pub from: u64,
    /// The decisions from this row on were told.
    pub told: u64,
    /// The audit epoch at `from`.
    pub epoch: u32,
}

/// How much of a page there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many decisions.
    pub decisions: usize,
    /// How many rows of the log are passed over, whoever's they are.
    pub rows: u64,
}

impl Bounds {
    /// Up to `decisions` decisions, from as many rows as one call may pass over.
    #[must_use]
    pub fn of(decisions: usize) -> Self {
        Self { decisions, rows: PAGE_ROWS }
    }
}

/// A page of decisions.
#[derive(Clone, Debug, Default)]
pub struct DecisionPage {
    /// The decisions, newest first. There can be fewer than wanted, or none, and more on the next page.
    pub decisions: Vec<Decision>,
    /// Where the next page begins; nothing once all rows were looked at.
    pub next: Option<Spot>,
    /// How many rows were passed over.
    pub looked: u64,
}

/// A page that is being filled.
struct Filling<'a> {
    rights: &'a Rights,
    wanted: &'a Wanted,
    limit: usize,
    told: u64,
    decisions: Vec<Decision>,
    /// What came of decisions that are still to be met, with the row that tells it and the epoch there.
    waiting: HashMap<u64, (u64, u32, Came)>,
}

impl Rights {
    /// Waits for the disk.
    pub(super) fn page(
        &self,
        ids: &[Person],
        wanted: &Wanted,
        spot: Option<Spot>,
        Bounds { decisions: limit, rows }: Bounds,
    ) -> Result<DecisionPage, RightsError> {
        let newest = Spot { from: self.store.log_size(), told: u64::MAX, epoch: u32::MAX };
        let spot = spot.unwrap_or(newest);
        let Some(mut keys) = Keys::of_all(ids, spot.epoch) else {
            return Ok(DecisionPage::default());
        };
        let mut filling = Filling {
            rights: self,
            wanted,
            limit,
            told: spot.told,
            decisions: Vec::new(),
            waiting: HashMap::new(),
        };
        let mut failed = None;
        let walked = walk_back(
            &self.store,
            &mut keys,
            (spot.from, rows, None),
            is_of_a_decision,
            |theirs| {
                filling.take(theirs).unwrap_or_else(|error| {
                    failed = Some(error);
                    ControlFlow::Break(())
                })
            },
        )?;
        if let Some(error) = failed {
            return Err(error);
        }
        let Filling { decisions, waiting, .. } = filling;
        let next = (walked.at > 0).then(|| {
            let above = waiting.into_values().map(|(row, epoch, _)| (row + 1, epoch)).max();
            // A call whose end stands far behind it must not keep pages from going on: it is then told without.
            let above = above.filter(|(from, _)| from - walked.at <= rows / 2);
            let (from, epoch) = above.unwrap_or((walked.at, keys.epoch()));
            Spot { from, told: walked.at.min(spot.told), epoch }
        });
        Ok(DecisionPage { decisions, next, looked: walked.looked })
    }
}

impl Filling<'_> {
    fn take(&mut self, theirs: &Theirs<'_>) -> Result<ControlFlow<()>, RightsError> {
        if !is(theirs.entry, Event::Decision) {
            if let Some(follow_up) = self.rights.read_follow_up(theirs)? {
                let found = (theirs.row, theirs.epoch, follow_up.came);
                self.waiting.insert(follow_up.of, found);
            }
            return Ok(ControlFlow::Continue(()));
        }
        let came = self.waiting.remove(&theirs.row).map_or(Came::Nothing, |(.., came)| came);
        if theirs.row >= self.told {
            return Ok(ControlFlow::Continue(()));
        }
        let decision = self.rights.read_decision(theirs, came)?;
        if self.wanted.holds(&decision) {
            self.decisions.push(decision);
        }
        let is_full = self.decisions.len() >= self.limit;
        Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}
