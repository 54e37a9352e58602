//! The register of what people asked for and who owes it: no row of it names anybody.
//!
//! Two kinds are registered: what people asked for by right, with its deadline, and deletions that recipients owe.

use std::collections::BTreeMap;

use super::{Begun, InspectError, Inspector, off_the_worker};
use crate::{
    audit::{Event, Span},
    domain::Timestamp,
    rights::{
        GIVE_UP_AFTER, OVERDUE_AFTER,
        requests::{Docket, requests_within},
    },
};

/// What one recipient was asked for and owes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestsOwed {
    /// The recipient.
    pub recipient: String,
    /// Whether the configuration still names it: one that it does not cannot be asked.
    pub configured: bool,
    /// How many deletions it owes.
    pub owed: u64,
    /// How many of them have been owed for more than a day.
    pub overdue: u64,
    /// When the oldest of them was queued.
    pub oldest_at: Option<Timestamp>,
    /// From when on the oldest counts as overdue.
    pub overdue_at: Option<Timestamp>,
    /// When the oldest is given up, as unanswered.
    pub given_up_at: Option<Timestamp>,
    /// When it is asked again; nothing where it owes nothing, was not asked yet, or is switched off.
    pub next_try_at: Option<Timestamp>,
    /// How many times it was asked, by the log.
    pub asked: u64,
    /// How many deletions it confirmed.
    pub confirmed: u64,
    /// How many were given up because it has no way to delete.
    pub unsupported: u64,
    /// How many were given up because it never answered.
    pub unanswered: u64,
}

impl Inspector {
    /// What recipients were asked for within `span`, and what they owe now, by recipient.
    ///
    /// # Errors
    /// When the log or the queue cannot be read.
    pub async fn requests(
        &self,
        begun: Begun,
        span: Span,
    ) -> Result<Vec<RequestsOwed>, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || inspector.requests_now(begun, span)).await
    }

    /// What people asked for by right: all that is open, and what came within `span`, by when it came.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub async fn people_requests(
        &self,
        begun: Begun,
        span: Span,
    ) -> Result<Vec<Docket>, InspectError> {
        let (inspector, _on_record) = (self.clone(), begun);
        let read = move || Ok(requests_within(&inspector.ground.store, span.from, span.until)?);
        off_the_worker(read).await
    }

    fn requests_now(&self, begun: Begun, span: Span) -> Result<Vec<RequestsOwed>, InspectError> {
        let now = self.now();
        let mut register: BTreeMap<String, RequestsOwed> = BTreeMap::new();
        for recipient in &self.ground.organisation.recipients {
            of(&mut register, recipient.id.as_str()).configured = true;
        }
        for (_, _, _, deletion) in self.ground.ledger.deletions_owed()? {
            let owed = of(&mut register, deletion.recipient.as_str());
            owed.owed += 1;
            owed.overdue += u64::from(now >= deletion.queued_at.after(OVERDUE_AFTER));
            let oldest = owed.oldest_at.map_or(deletion.queued_at, |at| at.min(deletion.queued_at));
            owed.oldest_at = Some(oldest);
            owed.overdue_at = Some(oldest.after(OVERDUE_AFTER));
            owed.given_up_at = Some(oldest.after(GIVE_UP_AFTER));
            owed.next_try_at = self.tries.of(&deletion.recipient);
        }
        for (words, count) in self.ground.reader.count(span, begun.upto)? {
            if words.event != Event::ErasureRecipient.as_str() {
                continue;
            }
            let owed = of(&mut register, &words.recipient);
            match words.outcome.as_str() {
                "asked" => owed.asked += count,
                "confirmed" => owed.confirmed += count,
                "unsupported" => owed.unsupported += count,
                "unanswered" => owed.unanswered += count,
                _ => {}
            }
        }
        Ok(register.into_values().collect())
    }
}

fn of<'a>(
    register: &'a mut BTreeMap<String, RequestsOwed>,
    recipient: &str,
) -> &'a mut RequestsOwed {
    let none = || RequestsOwed { recipient: recipient.to_owned(), ..RequestsOwed::default() };
    register.entry(recipient.to_owned()).or_insert_with(none)
}
