//! What is held of a person, at one glance.

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        Edge, Problem, caller::Oneself, consents::standing::ConsentStanding, openapi::Refusals,
        reply,
    },
    held::{OwnHeld, OwnPurpose},
    language::{self, InLanguage},
    recipients::OwnRecipient,
    rules::OwnRules,
};
use crate::{
    consent::{Act, Deletion, Person, Standing},
    domain::{Controller, Epoch, PurposeId, Timestamp},
    gateway::Held,
    rights::Tally,
};

/// What is held of you.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnView<'a> {
    /// Whether anything is held of you. Asking changes nothing of that.
    known: bool,
    /// The language of titles.
    language: &'a str,
    /// Who answers to you.
    #[schema(inline)]
    controller: OwnController<'a>,
    /// How many acts of yours there were.
    #[schema(value_type = u32)]
    epoch: Epoch,
    /// Every purpose of the catalogue in force, with where you stand and what is held for it.
    purposes: Vec<OwnPurpose<'a>>,
    /// Everybody who receives data, or may have, whatever you agreed to.
    recipients: Vec<OwnRecipient<'a>>,
    /// Your acts on consents and rules; they are the proof of them and kept as long as you are known.
    #[schema(inline)]
    acts: OwnActs,
    /// The rules you set.
    #[schema(inline = false)]
    rules: OwnRules<'a>,
    /// What the log tells of decisions about you.
    #[schema(inline)]
    decisions: OwnCounts,
    /// Where everything else is.
    #[schema(inline)]
    links: Links,
}

/// Who answers for the processing.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnController<'a> {
    name: &'a str,
    address: &'a str,
    contact: &'a str,
    #[schema(required)]
    url: Option<&'a str>,
    /// ISO 3166-1 alpha-2.
    #[schema(required)]
    country: Option<&'static str>,
}

/// Acts, counted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnActs {
    /// How many.
    count: usize,
    /// When the first was.
    #[schema(required, format = DateTime)]
    first_at: Option<String>,
    /// When the last was.
    #[schema(required, format = DateTime)]
    last_at: Option<String>,
}

/// Decisions, counted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnCounts {
    /// Since when they are counted: for how long their details are kept.
    #[schema(format = DateTime)]
    since: String,
    /// For how many days details are kept at least; then they are deleted by whole months.
    details_kept_days: u32,
    /// How many.
    count: u64,
    /// How many of them were taken back before anything left.
    not_sent: u64,
    /// Whether all rows of the time were looked at. A large log is not: then there can be more.
    complete: bool,
}

/// Paths of everything else about you.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Links {
    consents: &'static str,
    decisions: &'static str,
    explain: &'static str,
    export: &'static str,
    export_schema: &'static str,
    other_ids: &'static str,
    requests: &'static str,
    purposes: &'static str,
    receipts: &'static str,
    rules: &'static str,
}

const LINKS: Links = Links {
    consents: "/v1/me/consents",
    decisions: "/v1/me/decisions",
    explain: "/v1/me/decisions/explain",
    export: "/v1/me/export",
    export_schema: "/v1/me/export/schema",
    other_ids: "/v1/me/links",
    requests: "/v1/me/requests",
    purposes: "/v1/purposes",
    receipts: "/v1/me/receipts",
    rules: "/v1/me/rules",
};

/// See what is held of you
///
/// By purpose and data category: where you stand, what is held and until when, who receives it and what they were last
/// sent, which deletions they owe, your rules, and where everything else is. Of somebody unknown it says so, and asking
/// makes nobody known.
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "read_own_view",
    tag = "Oneself",
    params(language::Wanted),
    responses((status = 200, description = "What is held of you", body = OwnView), Refusals),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn mine(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    headers: HeaderMap,
    wanted: InLanguage,
) -> Result<Response, Problem> {
    let wanted = language::wanted(wanted)?;
    let person = edge.ledger.at_sight(handle).await?;
    let bundle = edge.policies.snapshot();
    let language = language::choose(bundle.catalogue(), wanted.as_deref(), &headers);
    let found = Found::of(&edge, person.as_ref()).await?;
    let undurable = person.as_ref().map(|person| edge.ledger.undurable(person.key.sid()));
    let undurable = undurable.unwrap_or_default();
    let standing = ConsentStanding::of(&bundle, person.as_ref(), &undurable, edge.now());
    let nobody = Standing::default();
    let stands = person.as_ref().map_or(&nobody, |person| &person.standing);
    let rules = &stands.rules;
    let met = match &person {
        Some(person) => edge.gateway.mutes_met(person).await?,
        None => None,
    };
    let organisation = edge.inspector.organisation();
    let recipients = OwnRecipient::all(&organisation.recipients, &found, &standing);
    let catalogue = bundle.catalogue();
    let held =
        |id: &PurposeId| found.held.iter().find(|(known, _)| known == id).map(|(_, held)| held);
    let purposes = catalogue.purposes().iter().zip(standing.purposes).map(|(purpose, stands)| {
        let receives = organisation.recipients.iter().filter(|r| r.purposes.contains(purpose.id()));
        let receives = receives.map(|recipient| recipient.id.as_str()).collect();
        let held = OwnHeld::of(held(purpose.id()));
        OwnPurpose::of(catalogue, (purpose, language), stands, (rules, receives, held))
    });
    let view = OwnView {
        known: person.is_some(),
        language,
        controller: OwnController::of(&edge.rights.controller),
        epoch: standing.epoch,
        purposes: purposes.collect(),
        recipients,
        acts: OwnActs::of(&found.acts),
        rules: OwnRules::of(rules, met, stands.undo_until(edge.now())),
        decisions: OwnCounts {
            since: found.since.rfc3339(),
            details_kept_days: organisation.bodies_kept_days,
            count: found.tally.decisions.values().sum(),
            not_sent: found.tally.not_sent,
            complete: found.tally.complete,
        },
        links: LINKS,
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// What the rooms hold of a person.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) held: Vec<(PurposeId, Held)>,
    pub(super) acts: Vec<Act>,
    pub(super) owed: Vec<Deletion>,
    pub(super) tally: Tally,
    since: Timestamp,
}

impl Found {
    async fn of(edge: &Edge, person: Option<&Person>) -> Result<Self, Problem> {
        const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
        let days = edge.inspector.organisation().bodies_kept_days;
        let since = edge.now().before(DAY.saturating_mul(days));
        let Some(person) = person else {
            let tally = Tally { complete: true, ..Tally::default() };
            return Ok(Self { held: Vec::new(), acts: Vec::new(), owed: Vec::new(), tally, since });
        };
        // Of purposes that the catalogue no longer has, too: what is held does not go with a name.
        let known = person.standing.purposes.iter().map(|known| known.purpose.clone());
        let known: Vec<PurposeId> = known.collect();
        let held = edge.gateway.held(person.clone(), known.clone()).await?;
        let (acts, owed) = edge.ledger.told_of(person).await?;
        let tally = edge.rights.tally(person, since).await?;
        Ok(Self { held: known.into_iter().zip(held).collect(), acts, owed, tally, since })
    }
}

impl<'a> OwnController<'a> {
    pub(super) fn of(controller: &'a Controller) -> Self {
        let Controller { name, address, contact, url, country, .. } = controller;
        let country = country.map(crate::domain::Country::as_str);
        Self { name, address, contact, url: url.as_deref(), country }
    }
}

impl OwnActs {
    fn of(acts: &[Act]) -> Self {
        let at = |act: Option<&Act>| act.map(|act| act.at.rfc3339());
        Self { count: acts.len(), first_at: at(acts.first()), last_at: at(acts.last()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_read_of_ones_own_is_linked_and_every_link_leads_somewhere() {
        let document = serde_json::to_value(crate::http::openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let links = serde_json::to_value(LINKS).unwrap();
        let links: BTreeSet<&str> =
            links.as_object().unwrap().values().map(|path| path.as_str().unwrap()).collect();
        for link in &links {
            assert!(paths.contains_key(*link), "{link} leads nowhere");
        }
        let reads = paths.iter().filter(|(path, methods)| {
            path.starts_with("/v1/me/") && !path.contains('{') && methods["get"].is_object()
        });
        for (path, _) in reads {
            assert!(links.contains(path.as_str()), "{path} is not linked from /v1/me");
        }
    }
}
