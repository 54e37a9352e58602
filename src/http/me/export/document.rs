//! An export as one document. What is in its lists is read while it is written.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{rules::OwnRules, view::OwnController},
    each::{Broken, Each, Late, Take},
    items::{
        ExportedAct, ExportedConsent, ExportedDecision, ExportedDeletion, ExportedGuardian,
        ExportedId, ExportedMeeting, ExportedMutesMet, ExportedPseudonym, ExportedReset,
        ExportedTaste, ExportedTold,
    },
    log::ExportedLog,
    sections::{NOT_TOLD, NotTold, SECTIONS, Section},
};
use crate::{
    consent::{Person, Rules, Standing},
    domain::{Epoch, Timestamp},
    gateway::{Piece, What},
    http::{Edge, me::decision, requests::wire::OwnRequest},
    policy::Catalogue,
    rights::OwnExport,
};

/// The name of this form. A release that takes something away gives it another one; one that adds members does not.
const FORMAT: &str = "consentry.export/1";

/// All that the gateway holds of you.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Export<'a> {
    /// `consentry.export/1`: members may be added to it, and none goes.
    #[schema(example = "consentry.export/1")]
    format: &'static str,
    /// Where its JSON Schema is.
    #[schema(example = "/v1/me/export/schema")]
    schema: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    at: String,
    /// Whether anything is held of you. Asking makes nobody known.
    known: bool,
    /// Which act of yours it was: what is told is of the standing that it left.
    #[schema(value_type = u32)]
    epoch: Epoch,
    /// Who answers to you.
    #[schema(inline)]
    controller: OwnController<'a>,
    /// For how many days details of decisions are kept at least; then they are deleted by whole months.
    details_kept_days: u32,
    /// What each list is, and how long it is kept.
    #[schema(value_type = Vec<Section>)]
    sections: &'static [Section],
    /// The records about you that are not in it, and why.
    #[schema(value_type = Vec<NotTold>)]
    not_told: &'static [NotTold],
    /// What you gave, or an app on your behalf.
    #[schema(inline = false)]
    pub(super) provided: ExportedProvided<'a>,
    /// What was recorded of what you did and of what was done for you.
    #[schema(inline = false)]
    pub(super) observed: ExportedObserved<'a>,
    /// What was made of that.
    #[schema(inline = false)]
    pub(super) derived: ExportedDerived<'a>,
    /// What the log says of you. `consentry audit mine` checks it against the log's public key.
    #[schema(inline = false)]
    log: ExportedLog<'a>,
    /// Whether an act of yours came while it was written: then a list may lack what that act deleted.
    #[schema(value_type = bool)]
    changed_meanwhile: Late<'a>,
    /// Always true, and always the last member: an export without it broke off.
    complete: bool,
}

/// What the person gave, or an app on their behalf.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedProvided<'a> {
    /// The ids that you are known by.
    ids: Vec<ExportedId>,
    /// Where you stand for each purpose that you were ever asked about.
    #[schema(value_type = Vec<ExportedConsent>)]
    pub(super) consents: Each<'a, ExportedConsent>,
    /// Your acts, oldest first, id by id.
    #[schema(value_type = Vec<ExportedAct>)]
    pub(super) acts: Each<'a, ExportedAct>,
    /// The rules that you set; of a linked id, those that were set by it before it was linked.
    rules: Vec<ExportedRules<'a>>,
    /// What you asked for by right, oldest first, id by id.
    #[schema(value_type = Vec<OwnRequest>)]
    requests: Each<'a, OwnRequest>,
    /// Until when you are under 14, if the app said so.
    #[schema(required, format = DateTime)]
    under_14_until: Option<String>,
    /// Who acts for you, if somebody does.
    #[schema(required)]
    guardian: Option<ExportedGuardian>,
}

/// Rules that were set by an id.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedRules<'a> {
    id: u32,
    #[serde(flatten)]
    rules: OwnRules<'a>,
}

/// What was recorded of behaviour.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedObserved<'a> {
    /// Items that you met.
    #[schema(value_type = Vec<ExportedMeeting>)]
    pub(super) meetings: Each<'a, ExportedMeeting>,
    /// What a model inside the gateway was told.
    #[schema(value_type = Vec<ExportedTold>)]
    pub(super) told: Each<'a, ExportedTold>,
    /// Decisions on calls about you, newest first.
    #[schema(value_type = Vec<ExportedDecision>)]
    pub(super) decisions: Each<'a, ExportedDecision>,
}

/// What was made of what was given and recorded.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ExportedDerived<'a> {
    /// Your tastes, purpose by purpose.
    #[schema(value_type = Vec<ExportedTaste>)]
    pub(super) tastes: Each<'a, ExportedTaste>,
    /// What was proposed against your mutes.
    #[schema(value_type = Vec<ExportedMutesMet>)]
    mutes_met: Each<'a, ExportedMutesMet>,
    /// Since when the mutes are those of now.
    #[schema(required, format = DateTime)]
    muted_since: Option<String>,
    /// What recipients may know you by.
    pub(super) pseudonyms: Vec<ExportedPseudonym>,
    /// Resets that can still be undone.
    resets: Vec<ExportedReset>,
    /// When the last window of a reset closed.
    #[schema(required, format = DateTime)]
    reset_closed_at: Option<String>,
    /// Deletions that recipients owe.
    #[schema(value_type = Vec<ExportedDeletion>)]
    deletions_owed: Each<'a, ExportedDeletion>,
}

/// What an export is made of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) edge: &'a Edge,
    /// Nothing for somebody unknown.
    pub(super) own: Option<&'a OwnExport>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) language: &'a str,
    pub(super) now: Timestamp,
}

impl<'a> Export<'a> {
    pub(super) fn of(source: Source<'a>) -> Self {
        let Source { edge, own, now, .. } = source;
        let person = own.and_then(|own| own.ids().first());
        Self {
            format: FORMAT,
            schema: super::SCHEMA,
            at: now.rfc3339(),
            known: person.is_some(),
            epoch: person.map(|person| person.standing.epoch).unwrap_or_default(),
            controller: OwnController::of(&edge.rights.controller),
            details_kept_days: edge.inspector.organisation().bodies_kept_days,
            sections: SECTIONS,
            not_told: NOT_TOLD,
            provided: ExportedProvided::of(source),
            observed: ExportedObserved::of(source),
            derived: ExportedDerived::of(source),
            log: ExportedLog::of(own),
            changed_meanwhile: Late(Box::new(move || own.is_some_and(|own| !own.stands()))),
            complete: true,
        }
    }
}

impl<'a> ExportedProvided<'a> {
    fn of(source: Source<'a>) -> Self {
        let first = source.ids().next().map(|(_, person)| &*person.standing);
        if let Some(standing) = first {
            every_member_has_a_place(standing);
        }
        let links = first.map_or(&[] as &[_], |standing| &standing.links);
        let of_links =
            (1..).zip(links).map(|(id, link)| ExportedId::of(id, Some((link.method, link.at))));
        let ids = first.map(|_| ExportedId::of(0, None)).into_iter().chain(of_links);
        let guardian = first.and_then(|standing| standing.guardian.as_ref());
        Self {
            ids: ids.collect(),
            consents: Each::of(move |take| source.consents(take)),
            acts: Each::of(move |take| source.acts(take)),
            rules: source
                .ids()
                .map(|(id, person)| ExportedRules::of(id, person, source.now))
                .collect(),
            requests: Each::of(move |take| source.requests(take)),
            under_14_until: first.and_then(|it| it.under_14_until).map(Timestamp::rfc3339),
            guardian: guardian.map(|guardian| ExportedGuardian {
                check: guardian.check.as_str(),
                verified_at: guardian.verified_at.rfc3339(),
            }),
        }
    }
}

impl<'a> ExportedRules<'a> {
    fn of(id: u32, person: &'a Person, now: Timestamp) -> Self {
        let standing = &*person.standing;
        let rules = standing.alias.as_ref().map_or(&standing.rules, |alias| &alias.rules);
        Self { id, rules: OwnRules::of(rules, None, standing.undo_until(now)) }
    }
}

impl<'a> ExportedObserved<'a> {
    fn of(source: Source<'a>) -> Self {
        Self {
            meetings: Each::of(move |take| source.meetings(take)),
            told: Each::of(move |take| source.told(take)),
            decisions: Each::of(move |take| source.decisions(take)),
        }
    }
}

impl<'a> ExportedDerived<'a> {
    fn of(source: Source<'a>) -> Self {
        let first = source.ids().next().map(|(_, person)| &*person.standing);
        let names = source.own.map(OwnExport::names).unwrap_or_default();
        let resets = source.ids().flat_map(|(id, person)| {
            person.standing.resets.iter().map(move |reset| ExportedReset::of(id, reset))
        });
        Self {
            tastes: Each::of(move |take| source.tastes(take)),
            mutes_met: Each::of(move |take| source.mutes_met(take)),
            muted_since: first.and_then(|it| it.muted_since).map(Timestamp::rfc3339),
            pseudonyms: names.into_iter().map(ExportedPseudonym::of).collect(),
            resets: resets.collect(),
            reset_closed_at: first.and_then(|it| it.reset_closed_at).map(Timestamp::rfc3339),
            deletions_owed: Each::of(move |take| source.deletions_owed(take)),
        }
    }
}

/// Does nothing: a member that is added to a standing or to the rules does not compile here before an export tells it.
fn every_member_has_a_place(standing: &Standing) {
    let Standing {
        epoch: _,
        audit_epoch: _,
        purposes: _,
        under_14_until: _,
        rules,
        generations: _,
        links: _,
        alias: _,
        guardian: _,
        // Told by what is held in each: `in_use`.
        lives: _,
        resets: _,
        reset_closed_at: _,
        muted_since: _,
    } = standing;
    let Rules {
        cap: _,
        categories_off: _,
        muted_tags: _,
        muted_items: _,
        dial: _,
        pause_until: _,
        boosted_tags: _,
        forget_after_days: _,
        private_until: _,
    } = rules;
}

impl<'a> Source<'a> {
    /// The ids of the person with their numbers.
    pub(super) fn ids(self) -> impl Iterator<Item = (u32, &'a Person)> {
        (0..).zip(self.own.map_or(&[] as &[_], OwnExport::ids))
    }

    fn consents(self, take: Take<'_, ExportedConsent>) -> Result<(), Broken> {
        for (id, person) in self.ids() {
            let standing = &*person.standing;
            let alone = standing.alias.as_ref().map_or(&[] as &[_], |alias| &alias.purposes);
            for known in standing.purposes.iter().chain(alone) {
                take(ExportedConsent::of(id, known, self.now))?;
            }
        }
        Ok(())
    }

    fn acts(self, take: Take<'_, ExportedAct>) -> Result<(), Broken> {
        for (id, person) in self.ids() {
            for epoch in 1..=person.standing.epoch.0 {
                if let Some(act) = self.edge.ledger.act_at(person, Epoch(epoch))? {
                    take(ExportedAct::of(id, act))?;
                }
            }
        }
        Ok(())
    }

    fn requests(self, take: Take<'_, OwnRequest>) -> Result<(), Broken> {
        for (_, person) in self.ids() {
            for told in self.edge.rights.requests_under(&person.key)? {
                take(OwnRequest::of(told, self.now))?;
            }
        }
        Ok(())
    }

    fn decisions(self, take: Take<'_, ExportedDecision>) -> Result<(), Broken> {
        let Some(own) = self.own else { return Ok(()) };
        own.each_decision::<Broken>(|id, decided| {
            let decision = decision::OwnDecision::of(&decided, self.catalogue, self.language);
            take(ExportedDecision { id, decision })
        })
    }

    fn held(self, take: Take<'_, (u32, Piece)>) -> Result<(), Broken> {
        for (id, person) in self.ids() {
            self.edge.gateway.each_held::<Broken>(person, |piece| take((id, piece)))?;
        }
        Ok(())
    }

    fn category(self) -> String {
        self.edge.gateway.activity().as_str().to_owned()
    }

    fn meetings(self, take: Take<'_, ExportedMeeting>) -> Result<(), Broken> {
        self.held(&mut |(id, Piece { purpose, in_use, what })| {
            let What::Met { at, items, kept_until } = what else { return Ok(()) };
            take(ExportedMeeting {
                id,
                purpose,
                category: self.category(),
                at: at.rfc3339(),
                items: items.iter().map(|item| item.as_str().to_owned()).collect(),
                in_use,
                kept_until: kept_until.rfc3339(),
            })
        })
    }

    fn told(self, take: Take<'_, ExportedTold>) -> Result<(), Broken> {
        self.held(&mut |(id, Piece { purpose, in_use, what })| {
            let What::Told { at, body } = what else { return Ok(()) };
            let body = String::from_utf8_lossy(&body).into_owned();
            let (category, at) = (self.category(), at.rfc3339());
            take(ExportedTold { id, purpose, category, at, body, in_use })
        })
    }

    fn tastes(self, take: Take<'_, ExportedTaste>) -> Result<(), Broken> {
        self.held(&mut |(id, Piece { purpose, in_use, what })| {
            let What::Taste(taste) = what else { return Ok(()) };
            take(ExportedTaste::of(id, (purpose, &self.category()), taste, in_use))
        })
    }

    fn mutes_met(self, take: Take<'_, ExportedMutesMet>) -> Result<(), Broken> {
        for (id, person) in self.ids() {
            if let Some(met) = self.edge.gateway.meter_held(person)? {
                take(ExportedMutesMet::of(id, met))?;
            }
        }
        Ok(())
    }

    fn deletions_owed(self, take: Take<'_, ExportedDeletion>) -> Result<(), Broken> {
        for (id, person) in self.ids() {
            for owed in self.edge.ledger.deletions_owed_to(person)? {
                take(ExportedDeletion::of(id, owed))?;
            }
        }
        Ok(())
    }
}
