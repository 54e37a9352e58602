//! The wire form of who receives a person's data.

use serde::Serialize;
use utoipa::ToSchema;

use super::view::Found;
use crate::{
    consent::Deletion,
    domain::{ConsentState, Timestamp},
    http::consents::standing::ConsentStanding,
    inspect::RecipientFacts,
    rights::RecipientTally,
};

/// Somebody who receives data, or may have.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "model", "configured": true, "country": "KR", "third_party": true, "in_process": false,
    "pseudonymisation_domain": "shop", "deletes_on_withdrawal": true, "purposes": ["recommend_products"], "may_hold": true,
    "disclosures": {"count": 3, "with_pseudonym": 2, "last_at": "2026-11-22T03:00:00.000Z"},
    "deletions": {"owed": 0, "owed_since": null, "confirmed": 1, "confirmed_at": "2026-11-20T03:00:00.000Z",
                  "unanswered": 0, "unsupported": 0}
})))]
pub(in crate::http) struct OwnRecipient<'a> {
    /// Its name in consents, decisions and the log.
    id: &'a str,
    /// Whether it still receives data; one that does not is told for what it received before.
    configured: bool,
    /// The country it is in, by ISO 3166-1 alpha-2, if the operator has said so.
    #[schema(required)]
    country: Option<&'static str>,
    /// Whether somebody else runs it.
    #[schema(required)]
    third_party: Option<bool>,
    /// Whether it is inside the gateway, so that nothing leaves.
    #[schema(required)]
    in_process: Option<bool>,
    /// Recipients of one domain know you by one pseudonym; those of two cannot join what they hold.
    #[schema(required)]
    pseudonymisation_domain: Option<&'a str>,
    /// Whether it is asked to delete what it holds when you withdraw.
    #[schema(required)]
    deletes_on_withdrawal: Option<bool>,
    /// For which purposes it is asked.
    purposes: Vec<&'a str>,
    /// Whether it may hold something of you, under a pseudonym: you agreed, or it has not confirmed to have deleted what it
    /// got.
    may_hold: bool,
    /// What it was sent in the time that decisions are counted for.
    #[schema(inline)]
    disclosures: OwnDisclosures,
    /// What it owes and said.
    #[schema(inline)]
    deletions: OwnDeletions,
}

/// Calls to a recipient, counted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnDisclosures {
    /// How many calls about you.
    count: u64,
    /// How many of them named you by a pseudonym; the others told nothing about you.
    with_pseudonym: u64,
    /// The minute of the last.
    #[schema(required, format = DateTime)]
    last_at: Option<String>,
}

/// Deletions at a recipient.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnDeletions {
    /// How many it owes.
    owed: usize,
    /// Since when the oldest of them is owed.
    #[schema(required, format = DateTime)]
    owed_since: Option<String>,
    /// How many it confirmed.
    confirmed: u64,
    /// When the last was, to the minute.
    #[schema(required, format = DateTime)]
    confirmed_at: Option<String>,
    /// How many it did not answer for 30 days.
    unanswered: u64,
    /// How many it has no way to do.
    unsupported: u64,
}

impl<'a> OwnRecipient<'a> {
    /// Those who are configured, and those who were when something was sent.
    pub(super) fn all(
        known: &'a [RecipientFacts],
        found: &'a Found,
        standing: &ConsentStanding<'_>,
    ) -> Vec<Self> {
        let configured = known.iter().map(|facts| {
            let agreed = standing.purposes.iter().any(|purpose| {
                let ended =
                    matches!(purpose.state, ConsentState::Withdrawn | ConsentState::Expired);
                let kept = ended && !facts.deletes_on_withdrawal;
                let given = purpose.state == ConsentState::Given;
                facts.purposes.contains(purpose.id) && (given || kept)
            });
            Self::of(facts.id.as_str(), Some(facts), agreed, found)
        });
        let is_other = |id: &&String| known.iter().all(|facts| facts.id.as_str() != id.as_str());
        let owing = found.owed.iter().map(|owed| owed.recipient.as_str());
        let mut others: Vec<&str> =
            found.tally.recipients.keys().filter(is_other).map(String::as_str).collect();
        others.extend(owing.filter(|id| known.iter().all(|facts| facts.id.as_str() != *id)));
        others.sort_unstable();
        others.dedup();
        let others = others.into_iter().map(|id| Self::of(id, None, false, found));
        configured.chain(others).collect()
    }

    fn of(id: &'a str, facts: Option<&'a RecipientFacts>, agreed: bool, found: &Found) -> Self {
        let none = RecipientTally::default();
        let tally = found.tally.recipients.get(id).unwrap_or(&none);
        let owed: Vec<&Deletion> =
            found.owed.iter().filter(|owed| owed.recipient.as_str() == id).collect();
        let deletions = OwnDeletions::of(&owed, tally);
        let unconfirmed = tally.personal > 0 && tally.confirmed_at < tally.last_at;
        let unsure = tally.unanswered > 0 || tally.unsupported > 0;
        Self {
            id,
            configured: facts.is_some(),
            country: facts.and_then(|facts| facts.country).map(crate::domain::Country::as_str),
            third_party: facts.map(|facts| facts.third_party),
            in_process: facts.map(|facts| facts.in_process),
            pseudonymisation_domain: facts.map(|facts| facts.domain.as_str()),
            deletes_on_withdrawal: facts.map(|facts| facts.deletes_on_withdrawal),
            purposes: facts
                .map_or(&[] as &[_], |facts| &facts.purposes)
                .iter()
                .map(crate::domain::PurposeId::as_str)
                .collect(),
            may_hold: agreed || unconfirmed || unsure || !owed.is_empty(),
            disclosures: OwnDisclosures {
                count: tally.disclosures,
                with_pseudonym: tally.personal,
                last_at: tally.last_at.map(Timestamp::rfc3339),
            },
            deletions,
        }
    }
}

impl OwnDeletions {
    fn of(owed: &[&Deletion], tally: &RecipientTally) -> Self {
        Self {
            owed: owed.len(),
            owed_since: owed.iter().map(|owed| owed.queued_at).min().map(Timestamp::rfc3339),
            confirmed: tally.confirmed,
            confirmed_at: tally.confirmed_at.map(Timestamp::rfc3339),
            unanswered: tally.unanswered,
            unsupported: tally.unsupported,
        }
    }
}
