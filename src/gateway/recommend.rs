//! The story of a recommendation call.

use std::{borrow::Cow, sync::Arc, time::Instant};

use super::{
    Answered, Asked, Decision, Fault, Gateway, Spent,
    disclose::{Decided, Disclosed, Recorded, Unrecorded},
    note,
    rank::{Listed, Pool, Wishes},
    retry::Question,
};
use crate::{
    audit::{CallKind, Draft, Event},
    consent::{Circumstances, Moment, Person, Rules, Standing},
    diversity::Profile,
    domain::{Detail, Epoch, Tier, Timestamp},
    policy::{Bundle, CategoryFacts, Permit, Ruling, Shaped, Whom},
    pseudonym::{Which, pseudonym},
    store::Batch,
    upstream::{Model, OutboundQuery},
};

/// How often a call whose ground moves under it is told anew before it is answered without anything personal.
const TELLINGS: usize = 3;

/// The most candidates a model is asked for.
const FETCH_AT_MOST: usize = 1_000;

/// One telling of a call.
enum Telling {
    Done(Box<Answered>),
    /// The standing changed meanwhile: once more from the start.
    Again,
}

impl Telling {
    fn done(answered: Answered) -> Self {
        Self::Done(Box::new(answered))
    }
}

/// A ruled call, before anything leaves.
pub(super) struct Ruled {
    pub(super) ruling: Ruling,
    pub(super) valid_until: Timestamp,
    pub(super) now: Timestamp,
}

impl Gateway {
    /// Answers a recommendation call. There is always an answer; where it could not be personal or could not be the
    /// model's, [`Decision`] says why.
    pub async fn recommend(&self, asked: Asked) -> Answered {
        let begun = Instant::now();
        let answered = self.answer_call(&asked).await;
        self.counts.answered(&asked.purpose, &answered, begun);
        answered
    }

    async fn answer_call(&self, asked: &Asked) -> Answered {
        let mut bundle = self.policies.snapshot();
        let person = match self.who(asked).await {
            Ok(person) => person,
            Err(fault) => return self.plain(asked, &bundle, None, fault),
        };
        let mut person = person;
        for _ in 0..TELLINGS {
            match self.tell(asked, &bundle, person.as_ref()).await {
                Telling::Done(answered) => return *answered,
                Telling::Again => {
                    // Another policy may be why: each telling is told under one, from its first line to its last.
                    bundle = self.policies.snapshot();
                    match self.who(asked).await {
                        Ok(fresh) => person = fresh,
                        Err(fault) => return self.plain(asked, &bundle, None, fault),
                    }
                }
            }
        }
        self.plain(asked, &bundle, person.as_ref(), Fault::CHANGED)
    }

    async fn tell(&self, asked: &Asked, bundle: &Bundle, person: Option<&Person>) -> Telling {
        if person.is_some_and(|person| self.ledger.gates().is_shut(person.key.sid())) {
            self.missed();
            return Telling::done(self.plain(asked, bundle, person, Fault::CHANGED));
        }
        let model = self.serving(&asked.purpose).filter(|_| asked.candidates.is_none());
        // Rule.
        let Some(ruled) = self.rule(asked, bundle, person, model) else {
            return Telling::done(self.plain(asked, bundle, person, Fault::NO_MODEL));
        };
        let off = model.is_some_and(|model| model.switch().is_off());
        let Some(model) = model.filter(|_| !off) else {
            let why = if off { Fault::RECIPIENT_OFF } else { Fault::NO_MODEL };
            return self.tell_without_model(asked, bundle, person, ruled, Some(why)).await;
        };
        if model.is_left_alone() {
            return self.tell_without_model(asked, bundle, person, ruled, Some(Fault::OPEN)).await;
        }
        let Ruled { ruling, valid_until, now } = ruled;
        let permit = ruling.permit(whom(person, model, valid_until));
        // Shape and pseudonymize what leaves.
        let query = self.query(asked, permit, person, model, now);
        let question = Question { asked, query: &query, person, model };
        let Some(outbound) = question.encode(self) else {
            // The call may name nobody, and this model can be asked about somebody only.
            let ruled = Ruled { ruling: query.permit().ruling().clone(), valid_until, now };
            return self.tell_without_model(asked, bundle, person, ruled, None).await;
        };
        // Log before disclose, pass the gate, disclose.
        let (recorded, disclosed) = match self.put(question, outbound, now).await {
            Ok(put) => put,
            Err(why) => return self.unrecorded(why, asked, bundle, person),
        };
        // Rank and answer.
        let (permit, shaped) = (query.permit(), query.shaped());
        let ruling = permit.ruling();
        let told = Told { asked, ruling, shaped, person, recorded: &recorded };
        let (pool, fault) = match &disclosed {
            Disclosed::Changed => return Telling::Again,
            Disclosed::Fault(fault) => (Pool::Nothing, Some(Fault(fault.code()))),
            Disclosed::Answer(bytes) => match model.wire().answer(bytes) {
                Ok(found) if !found.is_of_no_use() => (Pool::Model(found, query.user()), None),
                _ => (Pool::Nothing, Some(Fault("model_nonsense"))),
            },
        };
        let answered = self.answer(&told, &pool, fault).await;
        self.conclude(answered, &told, permit.valid_until())
    }

    /// The call's own candidates are ranked, or there is nobody to ask, as `why` says: no model hears of it, but it is
    /// a decision.
    async fn tell_without_model(
        &self,
        asked: &Asked,
        bundle: &Bundle,
        person: Option<&Person>,
        ruled: Ruled,
        why: Option<Fault>,
    ) -> Telling {
        let Ruled { ruling, valid_until, now } = ruled;
        let shaped = Shaped::default();
        let decided = Decided {
            kind: CallKind::Recommendation,
            ruling: &ruling,
            shaped: &shaped,
            person,
            purpose: &asked.purpose,
            model: None,
            outbound: None,
            now,
        };
        let recorded = match self.record(decided, Batch::default()).await {
            Ok(recorded) => recorded,
            Err(why) => return self.unrecorded(why, asked, bundle, person),
        };
        let told = Told { asked, ruling: &ruling, shaped: &shaped, person, recorded: &recorded };
        let (pool, fault) = match &asked.candidates {
            Some(candidates) => (Pool::App(candidates), None),
            None => (Pool::Nothing, why),
        };
        let answered = self.answer(&told, &pool, fault).await;
        self.conclude(answered, &told, valid_until)
    }

    /// A decision without a row discloses nothing: it is taken anew, or answered from what is popular.
    fn unrecorded(
        &self,
        why: Unrecorded,
        asked: &Asked,
        bundle: &Bundle,
        person: Option<&Person>,
    ) -> Telling {
        match why {
            Unrecorded::Changed => Telling::Again,
            Unrecorded::Fault(fault) => {
                self.missed();
                Telling::done(self.plain(asked, bundle, person, fault))
            }
        }
    }

    /// Epoch again, with nothing to wait for between this look and the answer: one that was made from a consent that
    /// is gone meanwhile is thrown away.
    fn conclude(&self, answered: Answered, told: &Told<'_>, valid_until: Timestamp) -> Telling {
        if !self.still_stands(told.person, valid_until) {
            let sent = told.recorded.asked.get().is_some();
            self.void(told.recorded, told.ruling, "consent_changed", sent);
            return Telling::Again;
        }
        self.meter(told.person, &answered);
        // A void row is all that is said of a call that was not sent.
        if !told.recorded.is_void() {
            self.remember(&answered, told);
        }
        Telling::done(answered)
    }

    /// Whom the call is about, as they stand now; a signal that the call carries is kept first.
    async fn who(&self, asked: &Asked) -> Result<Option<Person>, Fault> {
        let Some(handle) = asked.subject else { return Ok(None) };
        // An expiry is written before the call goes on, since its own rows would conflict with it.
        let person = self.ledger.at_sight(handle).await.map_err(|_| Fault::STATE)?;
        let Some(person) = person else { return Ok(None) };
        if asked.signal {
            // What could not be kept still counts for this call: the facts are read from the call as well.
            let kept = self.ledger.object(person.clone()).await;
            return Ok(Some(kept.unwrap_or(person)));
        }
        Ok(Some(person))
    }

    /// Rules the call on the facts of this moment. `None` when the policy no longer knows the purpose.
    pub(super) fn rule(
        &self,
        asked: &Asked,
        bundle: &Bundle,
        person: Option<&Person>,
        model: Option<&Model>,
    ) -> Option<Ruled> {
        let nobody = Standing::default();
        let standing = person.map_or(&nobody, |person| &person.standing);
        let purpose = bundle.catalogue().purpose(&asked.purpose)?;
        let (now, night) = (self.clock.now(), bundle.catalogue().night());
        let moment = Moment { standing, purpose, now };
        let call = Circumstances {
            registered: asked.registered,
            signal: asked.signal,
            birth_year: asked.context.birth_year(),
            third_party: model.is_some_and(|model| model.recipient().third_party),
        };
        let mut facts = moment.gate(&call, &night);
        if person.is_none() && purpose.required() {
            // Nobody to speak of: a purpose that needs no consent still has nothing personal to use.
            facts.cap = Tier::None;
        }
        if self.ledger.is_in_doubt() {
            // A withdrawal may be missing from what is on record.
            facts.cap = Tier::None;
        }
        let said = |category: &crate::policy::Category| match person {
            Some(_) => moment.category(category.id()),
            None => CategoryFacts::NOTHING,
        };
        let ruling = bundle.rule(&asked.purpose, facts, said)?;
        Some(Ruled { ruling, valid_until: moment.valid_until(&night), now })
    }

    /// What may leave, and nothing else.
    pub(super) fn query(
        &self,
        asked: &Asked,
        permit: Permit,
        person: Option<&Person>,
        model: &Model,
        now: Timestamp,
    ) -> OutboundQuery {
        let shaped = permit.shape(&asked.context, now.year());
        let recipient = model.recipient();
        let pseudonym = person.and_then(|person| {
            let generation = person.standing.generation(&recipient.id, &recipient.domain);
            pseudonym(&permit, &person.key, Which { domain: &recipient.domain, generation })
        });
        let seeds = (asked.seed_items.as_slice(), self.seeds());
        OutboundQuery::new(permit, pseudonym, shaped, seeds, model.wire())
    }

    pub(super) fn fetch(&self, asked: &Asked) -> usize {
        let wanted = asked.count.saturating_mul(4).saturating_add(asked.exclude.len());
        wanted.max(self.settings.fetch_at_least).min(FETCH_AT_MOST)
    }

    async fn answer(&self, told: &Told<'_>, pool: &Pool<'_>, fault: Option<Fault>) -> Answered {
        let begun = Instant::now();
        let Told { asked, ruling, shaped, person, recorded } = *told;
        let in_doubt = person.is_some() && self.ledger.is_in_doubt();
        let fault = fault.or(in_doubt.then_some(Fault::RESTORED));
        let permitted = ruling.tier() == Tier::Individual
            && ruling.category(self.activity()).detail() == Detail::Fine;
        let profile = match person.filter(|_| permitted) {
            Some(person) => self.profile(person, &asked.purpose).await,
            None => Arc::new(Profile::default()),
        };
        let rules = person
            .map_or_else(|| Cow::Owned(Rules::default()), |p| Cow::Borrowed(&p.standing.rules));
        // A boost makes a list personal, so it counts only where one may be.
        let personal = fault.is_none() && ruling.tier() == Tier::Individual;
        let boosts = if personal { rules.boosted_tags.as_slice() } else { &[] };
        let wishes = Wishes { asked, rules: &rules, boosts, profile: &profile };
        let Listed { items, effect, muted } = self.list(pool, &wishes);
        let rank = (begun, begun.elapsed());
        self.counts.rank.observe(rank.1);
        let tier = if fault.is_some() { Tier::None } else { ruling.tier() };
        let mut used = shaped.used.clone();
        if tier == Tier::Individual && permitted && asked.candidates.is_none() {
            used.push(self.activity().clone());
        }
        Answered {
            // The row's nonce is random and names no one, so it can name the answer (RFC 9562 version 4).
            recommendation_id: uuid::Builder::from_random_bytes(recorded.nonce).into_uuid(),
            tier,
            items,
            muted,
            effect,
            decision: Decision {
                policies: ruling.policies().map(str::to_owned).collect(),
                reasons: ruling.reasons().iter().collect(),
                used: if fault.is_some() { Vec::new() } else { used },
                withheld: shaped.withheld.clone(),
                policy: ruling.version().to_owned(),
                consent_epoch: person.map(|person| person.standing.epoch),
                gpc: ruling.honours_signal(),
                fault,
            },
            log: Some(self.audit.place(recorded.logged.index())),
            spent: Some(Spent {
                record: recorded.waited,
                model: recorded.asked.get().copied(),
                rank,
            }),
        }
    }

    /// The answer when nothing could be recorded: from what is popular, with no model asked and nothing disclosed.
    fn plain(
        &self,
        asked: &Asked,
        bundle: &Bundle,
        person: Option<&Person>,
        fault: Fault,
    ) -> Answered {
        let rules = person
            .map_or_else(|| Cow::Owned(Rules::default()), |p| Cow::Borrowed(&p.standing.rules));
        let wishes = Wishes { asked, rules: &rules, boosts: &[], profile: &Profile::default() };
        let pool = asked.candidates.as_deref().map_or(Pool::Nothing, Pool::App);
        let Listed { items, effect, muted } = self.list(&pool, &wishes);
        Answered {
            recommendation_id: uuid::Builder::from_random_bytes(
                self.entropy.draw().unwrap_or_default(),
            )
            .into_uuid(),
            tier: Tier::None,
            items,
            muted,
            effect,
            decision: Decision {
                policies: Vec::new(),
                reasons: Vec::new(),
                used: Vec::new(),
                withheld: Vec::new(),
                policy: bundle.version().to_owned(),
                consent_epoch: person.map(|person| person.standing.epoch),
                gpc: asked.objects(bundle, person, self.clock.now()),
                fault: Some(fault),
            },
            log: None,
            spent: None,
        }
    }

    /// Says in the log what was answered. Nothing waits for it: the row of the decision is durable already.
    fn remember(&self, answered: &Answered, told: &Told<'_>) {
        let draft = Draft {
            event: Event::DecisionAnswered,
            outcome: answered.tier.as_str(),
            reason: told.ruling.reasons().main().as_str(),
            purpose: Some(told.asked.purpose.clone()),
            recipient: None,
            ruleset: told.ruling.ruleset().to_owned(),
            at: told.recorded.at,
            rows: None,
            body: note::body(answered, told.recorded.logged.index()),
        };
        // Without randomness there is no row, and the answer stands: it discloses nothing to anyone else.
        let Ok(leaf) = self.audit.seal(draft, &told.recorded.keys, None) else { return };
        // Of a person who was erased meanwhile no more is written.
        let expect = told.recorded.known().into_iter().collect();
        drop(self.store.commit_soon(Batch { expect, leaves: vec![leaf], ..Batch::default() }));
    }
}

/// What has happened on a call by the time it is answered.
#[derive(Clone, Copy)]
struct Told<'a> {
    asked: &'a Asked,
    ruling: &'a Ruling,
    shaped: &'a Shaped,
    person: Option<&'a Person>,
    recorded: &'a Recorded,
}

pub(super) fn whom(person: Option<&Person>, model: &Model, valid_until: Timestamp) -> Whom {
    Whom {
        sid: person.map(|person| person.key.sid()),
        recipient: model.recipient().id.clone(),
        epoch: person.map_or(Epoch(0), |person| person.standing.epoch),
        valid_until,
    }
}
