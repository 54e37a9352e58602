//! Asks a model once more when it was not there for a moment.
//!
//! Promises: each try is a pass of its own through log and gate, with a row and a request id of its own, so none is made
//! once the standing has changed; the row of a try that brought nothing is taken back before the next; all tries
//! together take no longer than one call may.
//!
//! Only recommendations are asked for again: a model may have taken in an event although its receipt was lost.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Asked, Fault, Gateway,
    disclose::{Decided, Disclosed, Recorded, Unrecorded},
};
use crate::{
    audit::CallKind,
    consent::Person,
    domain::Timestamp,
    store::Batch,
    upstream::{Model, Outbound, OutboundQuery, UpstreamFault},
};

/// What a model is asked, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) asked: &'a Asked,
    pub(super) query: &'a OutboundQuery,
    pub(super) person: Option<&'a Person>,
    pub(super) model: &'a Model,
}

impl Question<'_> {
    /// The exact bytes; `None` where nobody may be named and the model can be asked about somebody only.
    pub(super) fn encode(&self, gateway: &Gateway) -> Option<Outbound> {
        let Self { asked, query, model, .. } = *self;
        let fetch = gateway.fetch(asked);
        let outbound = query.encode(model.wire(), fetch, asked.scenario.as_deref())?;
        // Nobody on the way takes an objection away: one that was kept is told as one that came with the call.
        Some(outbound.with_gpc(asked.signal || query.permit().ruling().is_objected()))
    }
}

impl Gateway {
    /// Records and sends `outbound`, and once more what `question` says after a fault that may pass. What came of the
    /// last try, and its row.
    pub(super) async fn put(
        &self,
        question: Question<'_>,
        mut outbound: Outbound,
        mut now: Timestamp,
    ) -> Result<(Recorded, Disclosed), Unrecorded> {
        let Question { asked, query, person, model } = question;
        let permit = query.permit();
        let mut tries = Tries::of(model);
        loop {
            let id = self.entropy.draw().map_err(|_| Unrecorded::Fault(Fault::JOURNAL))?;
            outbound = outbound.with_request_id(id);
            // Log before disclose.
            let decided = Decided {
                kind: CallKind::Recommendation,
                ruling: permit.ruling(),
                shaped: query.shaped(),
                person,
                purpose: &asked.purpose,
                model: Some(model),
                outbound: Some(&outbound),
                now,
            };
            let recorded = self.record(decided, Batch::default()).await?;
            // Pass the gate and disclose.
            let within = tries.begin();
            let disclosed = self.disclose(model, permit, outbound, &recorded, within).await;
            let Disclosed::Fault(fault) = disclosed else { return Ok((recorded, disclosed)) };
            if !tries.again_after(fault) {
                return Ok((recorded, disclosed));
            }
            self.void_tried(&recorded, permit.ruling(), fault);
            // The same bytes: they follow from the query alone.
            match question.encode(self) {
                Some(again) => outbound = again,
                None => return Ok((recorded, disclosed)),
            }
            now = self.clock.now();
        }
    }
}

/// How many tries are left, and how much of their time.
struct Tries {
    left: u8,
    deadline: Duration,
    began: Option<Instant>,
}

impl Tries {
    fn of(model: &Model) -> Self {
        let (left, deadline) = model.patience();
        Self { left, deadline, began: None }
    }

    /// How long the try that begins now may take.
    fn begin(&mut self) -> Duration {
        match self.began {
            Some(began) => self.deadline.saturating_sub(began.elapsed()),
            None => {
                self.began = (self.left > 0).then(Instant::now);
                self.deadline
            }
        }
    }

    /// Takes one more try, if `fault` may pass and there is a try and time for it.
    fn again_after(&mut self, fault: UpstreamFault) -> bool {
        let in_time = self.began.is_some_and(|began| began.elapsed() < self.deadline);
        let again = self.left > 0 && in_time && fault.passes();
        self.left -= u8::from(again);
        again
    }
}
