//! Events: what people did. What consent lets pass goes on under the pseudonym; the rest is dropped and counted.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Gateway, GatewayError, Happening, Tracked,
    course::Course,
    disclose::{Decided, Disclosed, Unrecorded},
    happening::Use,
    recommend::whom,
    taste::{Day, day_of},
};
use crate::{
    audit::CallKind,
    consent::{Circumstances, Moment, Person, Shelf},
    domain::{Detail, ItemId, PurposeId, Tier, Timestamp},
    policy::{Bundle, GateFacts, ReasonCode, Ruling, Shaped},
    pseudonym::{Which, pseudonym},
    retry::Attempt,
    store::{Batch, Put},
    upstream::{Done, Model, OutboundEvents},
    vault::{Handle, Sealable},
};

/// The most events that leave in one call to a model, so that a row can keep them whole in most cases.
const AT_ONCE: usize = 50;

/// How often a batch whose ground moves under it is told anew.
const TELLINGS: usize = 3;

/// What is kept for the popular list: which items a person met in one call and on one day, and when. Sealed under their key, under
/// the purpose it is kept for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Met {
    pub(super) at: Timestamp,
    pub(super) items: Vec<ItemId>,
}

impl Sealable for Met {
    const SCHEMA: u8 = 1;
}

impl Gateway {
    /// Takes in events. `registered` says for which purposes the app may bring them.
    ///
    /// # Errors
    /// When the journal takes no records. What was used before that stays used.
    pub async fn track(
        &self,
        happenings: Vec<Happening>,
        registered: impl Fn(&PurposeId) -> bool,
        signal: bool,
    ) -> Result<Tracked, GatewayError> {
        self.track_once(happenings, registered, signal, None).await
    }

    /// Like [`Gateway::track`], for a call that may be a retry: what was recorded under the same attempt is not recorded
    /// again, and a call that was cut off goes on where it was.
    ///
    /// # Errors
    /// As [`Gateway::track`], and when the attempt's key is in use or was used for another call.
    pub async fn track_once(
        &self,
        happenings: Vec<Happening>,
        registered: impl Fn(&PurposeId) -> bool,
        signal: bool,
        attempt: Option<Attempt>,
    ) -> Result<Tracked, GatewayError> {
        let mut people: Vec<(Handle, Vec<(usize, Happening)>)> = Vec::new();
        for (index, happening) in happenings.into_iter().enumerate() {
            match people.iter_mut().find(|(handle, _)| *handle == happening.subject) {
                Some((_, theirs)) => theirs.push((index, happening)),
                None => people.push((happening.subject, vec![(index, happening)])),
            }
        }
        let models = self.models.iter().map(|serving| serving.model.wire().events_at_once());
        let at_once = models.min().unwrap_or(AT_ONCE).clamp(1, AT_ONCE);
        let alone = people.len() == 1;
        let mut course = Course::begin(self, attempt, alone).await?;
        let each = people.iter().flat_map(|(of, theirs)| theirs.iter().map(move |one| (*of, one)));
        let rest: Vec<(Handle, &(usize, Happening))> = each.skip(course.done()).collect();
        let by_person = rest.chunk_by(|(one, _), (next, _)| one == next);
        for some in by_person.flat_map(|theirs| theirs.chunks(at_once)) {
            let Some((handle, _)) = some.first() else { continue };
            let events: Vec<&Happening> = some.iter().map(|(_, (_, event))| event).collect();
            course.turn_to(events.len());
            let used = self.track_one(*handle, &events, &registered, signal, &mut course).await?;
            course.came_to(some.iter().map(|(_, (index, _))| *index), &used);
        }
        course.end(self).await
    }

    async fn track_one(
        &self,
        handle: Handle,
        events: &[&Happening],
        registered: &impl Fn(&PurposeId) -> bool,
        signal: bool,
        course: &mut Course,
    ) -> Result<Use, GatewayError> {
        for _ in 0..TELLINGS {
            let Some(mut person) = self.ledger.at_sight(handle).await? else {
                return Ok(Use::Dropped("not_consented"));
            };
            course.about(&person);
            if signal {
                person = self.ledger.object(person).await?;
            }
            if self.ledger.gates().is_shut(person.key.sid()) {
                return Ok(Use::Dropped("consent_changed"));
            }
            if person.standing.rules.is_private(self.clock.now()) {
                // What was kept of this call before the session began stays: it was no part of it.
                let kept = Use::Used { forwarded: false };
                return Ok(if course.kept() { kept } else { Use::Dropped("private_session") });
            }
            if let Some(used) =
                self.tell_events(&person, events, registered, signal, course).await?
            {
                return Ok(used);
            }
        }
        Ok(if course.kept() {
            Use::Used { forwarded: false }
        } else {
            Use::Dropped("consent_changed")
        })
    }

    /// One telling; `None` when the standing changed meanwhile. `course` knows whether an earlier telling has kept the
    /// events for the popular list.
    async fn tell_events(
        &self,
        person: &Person,
        events: &[&Happening],
        registered: &impl Fn(&PurposeId) -> bool,
        signal: bool,
        course: &mut Course,
    ) -> Result<Option<Use>, GatewayError> {
        let bundle = self.policies.snapshot();
        let mut reason = NOT_CONSENTED;
        if let Some(purpose) = self.settings.popularity.as_ref().filter(|_| !course.kept())
            && let Some((ruling, ..)) =
                self.rule_events(&bundle, person, purpose, registered(purpose), None)
        {
            if !self.allows(&ruling) {
                tell(&mut reason, refusal(&ruling, self));
            } else if !self.keep_for_popularity(person, purpose, &ruling, events, course).await? {
                return Ok(None);
            }
        }
        for serving in self.models.iter() {
            for purpose in &serving.purposes {
                let model = &serving.model;
                let ruled =
                    self.rule_events(&bundle, person, purpose, registered(purpose), Some(model));
                let Some((ruling, valid_until, now)) = ruled else { continue };
                if !self.allows(&ruling) {
                    tell(&mut reason, refusal(&ruling, self));
                    continue;
                }
                if model.switch().is_off() {
                    // As if it had been asked and had taken none, but with nothing learnt from what it was not told.
                    let fault = super::Fault::RECIPIENT_OFF.0;
                    let used = Use::Used { forwarded: false };
                    return Ok(Some(if course.kept() { used } else { Use::Dropped(fault) }));
                }
                let kept_here = serving.kept_here;
                let forward =
                    Forward { person, purpose, model, kept_here, signal, ruling, valid_until, now };
                return Ok(match self.forward(forward, events, course).await? {
                    Some(Ok(())) => Some(Use::Used { forwarded: true }),
                    Some(Err(_)) if course.kept() => Some(Use::Used { forwarded: false }),
                    Some(Err(fault)) => Some(Use::Dropped(fault)),
                    None => None,
                });
            }
        }
        Ok(Some(if course.kept() { Use::Used { forwarded: false } } else { Use::Dropped(reason) }))
    }

    /// Whether a ruling lets what people did be used.
    pub(super) fn allows(&self, ruling: &Ruling) -> bool {
        ruling.tier() == Tier::Individual
            && ruling.category(self.activity()).detail() == Detail::Fine
    }

    /// Rules whether what `person` did may be used for `purpose`, with the moments of its end and of the ruling.
    pub(super) fn rule_events(
        &self,
        bundle: &Bundle,
        person: &Person,
        purpose: &PurposeId,
        registered: bool,
        model: Option<&Model>,
    ) -> Option<(Ruling, Timestamp, Timestamp)> {
        let (now, night) = (self.clock.now(), bundle.catalogue().night());
        let known = bundle.catalogue().purpose(purpose)?;
        let moment = Moment { standing: &person.standing, purpose: known, now };
        let call = Circumstances {
            registered,
            signal: false,
            birth_year: None,
            third_party: model.is_some_and(|model| model.recipient().third_party),
        };
        let mut facts: GateFacts = moment.gate(&call, &night);
        if self.ledger.is_in_doubt() {
            facts.cap = Tier::None;
        }
        let ruling = bundle.rule(purpose, facts, |category| moment.category(category.id()))?;
        Some((ruling, moment.valid_until(&night), now))
    }

    /// Keeps which items the person met, with a row in the log. `false` when the standing changed meanwhile.
    async fn keep_for_popularity(
        &self,
        person: &Person,
        purpose: &PurposeId,
        ruling: &Ruling,
        events: &[&Happening],
        course: &mut Course,
    ) -> Result<bool, GatewayError> {
        let now = self.clock.now();
        let mut days: BTreeMap<Day, Met> = BTreeMap::new();
        for event in events.iter().filter(|event| event.kind.weight(event.value) > 0.0) {
            let at = event.at.unwrap_or(now).min(now);
            let met = days.entry(day_of(at)).or_insert_with(|| Met { at, items: Vec::new() });
            // The latest meeting stands for all of a call and day: the window of the popular list is a month.
            met.at = met.at.max(at);
            met.items.push(event.item.clone());
        }
        let place = (person.key.sid(), purpose, person.standing.life(purpose));
        let mut puts = Vec::new();
        for mut met in days.into_values() {
            met.items.sort_unstable();
            met.items.dedup();
            let draw: [u8; 8] = self.entropy.draw().map_err(crate::vault::VaultError::from)?;
            let key = Shelf::Met.at(place, met.at, draw);
            puts.push(person.key.seal(&self.entropy, key, None, &met)?);
        }
        let decided = Decided {
            kind: CallKind::Events,
            ruling,
            shaped: &Shaped::default(),
            person: Some(person),
            purpose,
            model: None,
            outbound: None,
            now,
        };
        let told = course.keeping(self)?;
        let also = Batch { put: puts.into_iter().chain(told).collect(), ..Batch::default() };
        match self.record(decided, also).await {
            Ok(_) => {
                course.recorded(true);
                Ok(true)
            }
            Err(Unrecorded::Changed) => Ok(false),
            Err(Unrecorded::Fault(_)) => Err(GatewayError::Unavailable),
        }
    }

    /// Sends events on. `None` when the standing changed meanwhile, `Err` with the model's fault when it took none.
    async fn forward(
        &self,
        forward: Forward<'_>,
        events: &[&Happening],
        course: &mut Course,
    ) -> Result<Option<Result<(), &'static str>>, GatewayError> {
        let Forward { person, purpose, model, kept_here, signal, ruling, valid_until, now } =
            forward;
        let objected = signal || ruling.is_objected();
        let permit = ruling.permit(whom(Some(person), model, valid_until));
        let recipient = model.recipient();
        let generation = person.standing.generation(&recipient.id, &recipient.domain);
        let which = Which { domain: &recipient.domain, generation };
        let name = pseudonym(&permit, &person.key, which);
        let Some(query) = OutboundEvents::new(permit, name, self.activity()) else {
            return Ok(Some(Err("not_consented")));
        };
        let done: Vec<Done> = events.iter().map(|event| event.done()).collect();
        let Some(outbound) = query.encode(model.wire(), &done, now) else {
            return Ok(Some(Err(ReasonCode::NotTaken.as_str())));
        };
        let id = self.entropy.draw().map_err(crate::vault::VaultError::from)?;
        let outbound = outbound.with_request_id(id).with_gpc(objected);
        let taste = self.taste_put(person, purpose, events).await?;
        let changes_taste = taste.is_some();
        let shaped = Shaped { used: vec![self.activity().clone()], ..Shaped::default() };
        let decided = Decided {
            kind: CallKind::Events,
            ruling: query.permit().ruling(),
            shaped: &shaped,
            person: Some(person),
            purpose,
            model: Some(model),
            outbound: Some(&outbound),
            now,
        };
        let told = kept_here.then(|| self.keep_telling(person, purpose, &outbound)).transpose()?;
        let puts = taste.into_iter().chain(told).chain(course.forwarding(self)?);
        let also = Batch { put: puts.collect(), ..Batch::default() };
        let recorded = match self.record(decided, also).await {
            Ok(recorded) => recorded,
            Err(Unrecorded::Changed) => return Ok(None),
            Err(Unrecorded::Fault(_)) => return Err(GatewayError::Unavailable),
        };
        course.recorded(false);
        if changes_taste {
            self.taste_changed(person.key.sid(), purpose);
        }
        let within = model.patience().1;
        match self.disclose(model, query.permit(), outbound, &recorded, within).await {
            Disclosed::Answer(_) => Ok(Some(Ok(()))),
            Disclosed::Changed => Ok(None),
            Disclosed::Fault(fault) => Ok(Some(Err(fault.code()))),
        }
    }

    async fn taste_put(
        &self,
        person: &Person,
        purpose: &PurposeId,
        events: &[&Happening],
    ) -> Result<Option<Put>, GatewayError> {
        let now = self.clock.now();
        let weighed = events.iter().map(|event| {
            let day = day_of(event.at.unwrap_or(now).min(now));
            (event.item.clone(), event.kind.weight(event.value), day)
        });
        let weighed: Arc<[(ItemId, f64, Day)]> =
            weighed.filter(|(_, weight, _)| *weight > 0.0).collect();
        let (gateway, person, purpose) = (self.clone(), person.clone(), purpose.clone());
        let read =
            tokio::task::spawn_blocking(move || gateway.taste_after(&person, &purpose, &weighed));
        read.await.unwrap_or(Ok(None))
    }
}

struct Forward<'a> {
    person: &'a Person,
    purpose: &'a PurposeId,
    model: &'a Model,
    kept_here: bool,
    /// Whether the call carried an objection by signal.
    signal: bool,
    ruling: Ruling,
    valid_until: Timestamp,
    now: Timestamp,
}

/// What is said where nothing was agreed to that an event could be used for.
const NOT_CONSENTED: &str = "not_consented";

/// Of the reasons for which no purpose takes an event, the first tells that is more than that nobody agreed.
fn tell(reason: &mut &'static str, next: &'static str) {
    if *reason == NOT_CONSENTED {
        *reason = next;
    }
}

fn refusal(ruling: &Ruling, gateway: &Gateway) -> &'static str {
    match ruling.tier() {
        Tier::Individual => ruling.category(gateway.activity()).reasons().main().as_str(),
        Tier::None | Tier::Cohort => ruling.reasons().main().as_str(),
    }
}
