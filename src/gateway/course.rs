//! How far a call's events have come, kept with what they led to, so that a retry goes on from there.
//!
//! A call's events are told in chunks, each with batches of its own. Each batch carries how far the call has come, with
//! the chunk taken for used: its row says so too. Where a model then takes nothing, the end of the call puts that right.
//! So after a crash a retry records nothing twice, and is told of a chunk whose model had not answered yet that it went
//! on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Dropped, Gateway, GatewayError, Tracked, happening::Use};
use crate::{
    consent::Person,
    retry::{Attempt, Begun, Claim},
    store::{Batch, Put},
    vault::SubjectKey,
};

/// What is kept of a call's events for its retries. Events are counted person by person, in the order of the call, and
/// not by chunks: after a restart, other models may take other numbers at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// How many events are done.
    done: usize,
    /// How many are kept for the popular list, or were done without.
    kept: usize,
    accepted: usize,
    forwarded: usize,
    dropped: Vec<(usize, Cow<'static, str>)>,
}

/// How far a call has come.
pub(super) struct Course {
    told: Told,
    /// How it was when the call began: what was counted by then.
    begun: Told,
    /// What the last durable record says, and what one says that is on its way.
    written: Told,
    under_way: Option<Told>,
    claim: Option<Claim>,
    /// How many events the present chunk has.
    present: usize,
    /// All events are of one person: what is told opens with their key, once they are known.
    alone: bool,
    key: Option<SubjectKey>,
}

impl Course {
    /// The course of a call: from its beginning, or from where an earlier one under `attempt` was.
    pub(super) async fn begin(
        gateway: &Gateway,
        attempt: Option<Attempt>,
        alone: bool,
    ) -> Result<Self, GatewayError> {
        let (mut told, mut claim) = (Told::default(), None);
        if let Some(attempt) = attempt {
            let begun: Begun<Told> = gateway.ledger.retries().begin(attempt).await?;
            (told, claim) = (begun.told.unwrap_or_default(), Some(begun.claim));
        }
        let (begun, written) = (told.clone(), told.clone());
        Ok(Self { told, begun, written, under_way: None, claim, present: 0, alone, key: None })
    }

    /// Turns to the next chunk, of `events` events.
    pub(super) fn turn_to(&mut self, events: usize) {
        self.present = events;
    }

    /// How many events are done.
    pub(super) fn done(&self) -> usize {
        self.told.done
    }

    /// Whether the present chunk is kept for the popular list.
    pub(super) fn kept(&self) -> bool {
        self.told.kept >= self.told.done + self.present
    }

    /// Learns whose events the present chunk is of.
    pub(super) fn about(&mut self, person: &Person) {
        if self.alone && self.claim.is_some() {
            self.key = Some(person.key.clone());
        }
    }

    /// The record to go with keeping the present chunk for the popular list.
    pub(super) fn keeping(&mut self, gateway: &Gateway) -> Result<Option<Put>, GatewayError> {
        if self.claim.is_none() {
            return Ok(None);
        }
        let told = Told { kept: self.told.done + self.present, ..self.told.clone() };
        self.put(gateway, told)
    }

    /// The record to go with forwarding the present chunk.
    pub(super) fn forwarding(&mut self, gateway: &Gateway) -> Result<Option<Put>, GatewayError> {
        if self.claim.is_none() {
            return Ok(None);
        }
        let mut told = self.told.clone();
        told.uses(self.present, true);
        self.put(gateway, told)
    }

    /// Notes that the last record made is durable; `kept` where it went with keeping.
    pub(super) fn recorded(&mut self, kept: bool) {
        if kept {
            self.told.kept = self.told.done + self.present;
        }
        if let (Some(claim), Some(told)) = (&mut self.claim, self.under_way.take()) {
            claim.kept();
            self.written = told;
        }
    }

    /// Notes what the present chunk came to.
    pub(super) fn came_to(&mut self, indices: impl Iterator<Item = usize>, used: &Use) {
        match used {
            Use::Used { forwarded } => self.told.uses(self.present, *forwarded),
            Use::Dropped(reason) => {
                let reason = Cow::Borrowed(*reason);
                self.told.dropped.extend(indices.map(|index| (index, reason.clone())));
                self.told.goes_on(self.present);
            }
        }
    }

    /// What the call came to, after its retries will be told the same.
    pub(super) async fn end(mut self, gateway: &Gateway) -> Result<Tracked, GatewayError> {
        gateway.counts.tracked(&self.told.since(&self.begun));
        if self.claim.is_some() && self.told != self.written {
            let put = self.put(gateway, self.told.clone())?;
            let batch = Batch { put: put.into_iter().collect(), ..Batch::default() };
            gateway.store.commit(batch).await.map_err(|_| GatewayError::Unavailable)?;
        }
        Ok(self.told.tracked())
    }

    fn put(&mut self, gateway: &Gateway, told: Told) -> Result<Option<Put>, GatewayError> {
        let Some(claim) = &self.claim else { return Ok(None) };
        let key = self.key.clone().unwrap_or_else(|| gateway.audit.nobody());
        let put = claim.put(&gateway.entropy, &key, &told)?;
        self.under_way = Some(told);
        Ok(Some(put))
    }
}

impl Told {
    fn uses(&mut self, events: usize, forwarded: bool) {
        self.accepted += events;
        self.forwarded += if forwarded { events } else { 0 };
        self.goes_on(events);
    }

    fn goes_on(&mut self, events: usize) {
        self.done += events;
        self.kept = self.kept.max(self.done);
    }

    /// What is told here and was not told `before`.
    fn since(&self, before: &Self) -> Tracked {
        let dropped = self.dropped.iter().skip(before.dropped.len()).cloned().collect();
        let (accepted, forwarded) =
            (self.accepted - before.accepted, self.forwarded - before.forwarded);
        Self { accepted, forwarded, dropped, ..Self::default() }.tracked()
    }

    fn tracked(self) -> Tracked {
        let drop = |(index, reason)| Dropped { index, reason };
        let mut dropped: Vec<Dropped> = self.dropped.into_iter().map(drop).collect();
        dropped.sort_by_key(|dropped| dropped.index);
        Tracked { accepted: self.accepted, forwarded: self.forwarded, dropped }
    }
}
