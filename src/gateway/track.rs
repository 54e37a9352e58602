//! Events: what people did. What consent lets pass goes on under the pseudonym; the rest is dropped and counted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Gateway, GatewayError,
    disclose::{Decided, Disclosed, Unrecorded},
    popularity::met_key,
    recommend::whom,
};
use crate::{
    consent::{Circumstances, Moment, Person},
    domain::{Detail, ItemId, PurposeId, Tier, Timestamp},
    policy::{Bundle, GateFacts, Ruling, Shaped},
    pseudonym::{Which, pseudonym},
    store::{Batch, Put},
    upstream::{Done, Model, OutboundEvents},
    vault::{Handle, Sealable},
};

/// The most events that leave in one call to a model, so that a row can keep them whole in most cases.
const AT_ONCE: usize = 50;

/// How often a batch whose ground moves under it is told anew.
const TELLINGS: usize = 3;

/// What a person can do with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Looked at it.
    View,
    /// Clicked on it.
    Click,
    /// Put it into the cart.
    Cart,
    /// Bought it.
    Purchase,
    /// Rated it.
    Rating,
    /// Liked it.
    Like,
    /// Disliked it.
    Dislike,
    /// Passed over it.
    Skip,
}

impl Kind {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Click => "click",
            Self::Cart => "cart",
            Self::Purchase => "purchase",
            Self::Rating => "rating",
            Self::Like => "like",
            Self::Dislike => "dislike",
            Self::Skip => "skip",
        }
    }

    /// How much it says of a taste; nothing where it says of a distaste.
    fn weight(self, value: Option<f64>) -> f64 {
        match self {
            Self::View | Self::Click => 1.0,
            Self::Cart | Self::Like => 3.0,
            Self::Purchase => 5.0,
            Self::Rating => {
                value.filter(|value| value.is_finite()).map_or(0.0, |value| value.clamp(0.0, 5.0))
            }
            Self::Dislike | Self::Skip => 0.0,
        }
    }
}

/// One event, read and checked.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Whose.
    pub subject: Handle,
    /// What was done.
    pub kind: Kind,
    /// To which item.
    pub item: ItemId,
    /// The rating, where there is one.
    pub value: Option<f64>,
    /// When; `None` for now.
    pub at: Option<Timestamp>,
}

/// An event that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its place in the call.
    pub index: usize,
    /// Why: a reason code of the policy, or a fault.
    pub reason: &'static str,
}

/// What came of a call's events.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    /// How many were used for at least one purpose.
    pub accepted: usize,
    /// How many went on to a model.
    pub forwarded: usize,
    /// The others.
    pub dropped: Vec<Dropped>,
}

/// What is kept for the popular list: which items a person met in one call, and when. Sealed under their key, under
/// the purpose it is kept for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Met {
    pub(super) at: Timestamp,
    pub(super) items: Vec<ItemId>,
}

impl Sealable for Met {
    const SCHEMA: u8 = 1;
}

/// What came of a few events of one person.
enum Use {
    Used { forwarded: bool },
    Dropped(&'static str),
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
        let mut people: Vec<(Handle, Vec<(usize, Happening)>)> = Vec::new();
        for (index, happening) in happenings.into_iter().enumerate() {
            match people.iter_mut().find(|(handle, _)| *handle == happening.subject) {
                Some((_, theirs)) => theirs.push((index, happening)),
                None => people.push((happening.subject, vec![(index, happening)])),
            }
        }
        let mut tracked = Tracked::default();
        for (handle, theirs) in people {
            for some in theirs.chunks(AT_ONCE) {
                let events: Vec<&Happening> = some.iter().map(|(_, event)| event).collect();
                match self.track_one(handle, &events, &registered, signal).await? {
                    Use::Used { forwarded } => {
                        tracked.accepted += some.len();
                        tracked.forwarded += if forwarded { some.len() } else { 0 };
                    }
                    Use::Dropped(reason) => {
                        let dropped =
                            some.iter().map(|(index, _)| Dropped { index: *index, reason });
                        tracked.dropped.extend(dropped);
                    }
                }
            }
        }
        tracked.dropped.sort_by_key(|dropped| dropped.index);
        self.counts.tracked(&tracked);
        Ok(tracked)
    }

    async fn track_one(
        &self,
        handle: Handle,
        events: &[&Happening],
        registered: &impl Fn(&PurposeId) -> bool,
        signal: bool,
    ) -> Result<Use, GatewayError> {
        let mut kept = false;
        for _ in 0..TELLINGS {
            let Some(mut person) = self.ledger.person(handle).await? else {
                return Ok(Use::Dropped("not_consented"));
            };
            if signal {
                person = self.ledger.object(person).await?;
            }
            if self.ledger.gates().is_shut(person.key.sid()) {
                return Ok(Use::Dropped("consent_changed"));
            }
            if let Some(used) = self.tell_events(&person, events, registered, &mut kept).await? {
                return Ok(used);
            }
        }
        Ok(if kept { Use::Used { forwarded: false } } else { Use::Dropped("consent_changed") })
    }

    /// One telling; `None` when the standing changed meanwhile. `kept` says whether an earlier telling has kept the
    /// events for the popular list.
    async fn tell_events(
        &self,
        person: &Person,
        events: &[&Happening],
        registered: &impl Fn(&PurposeId) -> bool,
        kept: &mut bool,
    ) -> Result<Option<Use>, GatewayError> {
        let bundle = self.policies.snapshot();
        let mut reason = "not_consented";
        if let Some(purpose) = self.settings.popularity.as_ref().filter(|_| !*kept)
            && let Some((ruling, ..)) =
                self.rule_events(&bundle, person, purpose, registered(purpose), None)
        {
            if !self.allows(&ruling) {
                reason = refusal(&ruling, self);
            } else if self.keep_for_popularity(person, purpose, &ruling, events).await? {
                *kept = true;
            } else {
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
                    reason = refusal(&ruling, self);
                    continue;
                }
                let kept_here = serving.kept_here;
                let forward =
                    Forward { person, purpose, model, kept_here, ruling, valid_until, now };
                return Ok(match self.forward(forward, events).await? {
                    Some(Ok(())) => Some(Use::Used { forwarded: true }),
                    Some(Err(_)) if *kept => Some(Use::Used { forwarded: false }),
                    Some(Err(fault)) => Some(Use::Dropped(fault)),
                    None => None,
                });
            }
        }
        Ok(Some(if *kept { Use::Used { forwarded: false } } else { Use::Dropped(reason) }))
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
        let facts: GateFacts = moment.gate(&call, &night);
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
    ) -> Result<bool, GatewayError> {
        let now = self.clock.now();
        let liked = events.iter().filter(|event| event.kind.weight(event.value) > 0.0);
        let mut items: Vec<ItemId> = liked.map(|event| event.item.clone()).collect();
        items.sort_unstable();
        items.dedup();
        // The latest meeting stands for all of the call: the window of the popular list is a month.
        let at = events.iter().filter_map(|event| event.at).max().unwrap_or(now).min(now);
        let sid = person.key.sid();
        let draw: [u8; 8] = self.entropy.draw().map_err(crate::vault::VaultError::from)?;
        let key = met_key(sid, purpose, at, draw);
        let put = person.key.seal(&self.entropy, key, None, &Met { at, items })?;
        let decided = Decided {
            ruling,
            shaped: &Shaped::default(),
            person: Some(person),
            purpose,
            model: None,
            outbound: None,
            now,
        };
        match self.record(decided, Batch { put: vec![put], ..Batch::default() }).await {
            Ok(_) => Ok(true),
            Err(Unrecorded::Changed) => Ok(false),
            Err(Unrecorded::Fault(_)) => Err(GatewayError::Unavailable),
        }
    }

    /// Sends events on. `None` when the standing changed meanwhile, `Err` with the model's fault when it took none.
    async fn forward(
        &self,
        forward: Forward<'_>,
        events: &[&Happening],
    ) -> Result<Option<Result<(), &'static str>>, GatewayError> {
        let Forward { person, purpose, model, kept_here, ruling, valid_until, now } = forward;
        let permit = ruling.permit(whom(Some(person), model, valid_until));
        let recipient = model.recipient();
        let generation = person.standing.generation(&recipient.id, &recipient.domain);
        let which = Which { domain: &recipient.domain, generation };
        let name = pseudonym(&permit, &person.key, which);
        let Some(query) = OutboundEvents::new(permit, name, self.activity()) else {
            return Ok(Some(Err("not_consented")));
        };
        let done: Vec<Done> = events.iter().map(|event| event.done()).collect();
        let outbound = query.encode(model.wire(), &done);
        let outbound =
            outbound.with_request_id(self.entropy.draw().map_err(crate::vault::VaultError::from)?);
        let taste = self.taste_put(person, purpose, events).await?;
        let changes_taste = taste.is_some();
        let shaped = Shaped { used: vec![self.activity().clone()], ..Shaped::default() };
        let decided = Decided {
            ruling: query.permit().ruling(),
            shaped: &shaped,
            person: Some(person),
            purpose,
            model: Some(model),
            outbound: Some(&outbound),
            now,
        };
        let told = kept_here.then(|| self.keep_telling(person, purpose, &outbound)).transpose()?;
        let also = Batch { put: taste.into_iter().chain(told).collect(), ..Batch::default() };
        let recorded = match self.record(decided, also).await {
            Ok(recorded) => recorded,
            Err(Unrecorded::Changed) => return Ok(None),
            Err(Unrecorded::Fault(_)) => return Err(GatewayError::Unavailable),
        };
        if changes_taste {
            self.taste_changed(person.key.sid(), purpose);
        }
        match self.disclose(model, query.permit(), outbound, &recorded).await {
            Disclosed::Answer(_) => Ok(Some(Ok(()))),
            Disclosed::Changed => Ok(None),
            Disclosed::Fault(fault) => Ok(Some(Err(fault.0))),
        }
    }

    async fn taste_put(
        &self,
        person: &Person,
        purpose: &PurposeId,
        events: &[&Happening],
    ) -> Result<Option<Put>, GatewayError> {
        let weighed =
            events.iter().map(|event| (event.item.clone(), event.kind.weight(event.value)));
        let weighed: Arc<[(ItemId, f64)]> = weighed.filter(|(_, weight)| *weight > 0.0).collect();
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
    ruling: Ruling,
    valid_until: Timestamp,
    now: Timestamp,
}

impl Happening {
    fn done(&self) -> Done {
        Done { item: self.item.clone(), kind: self.kind.as_str(), value: self.value, at: self.at }
    }
}

fn refusal(ruling: &Ruling, gateway: &Gateway) -> &'static str {
    match ruling.tier() {
        Tier::Individual => ruling.category(gateway.activity()).reasons().main().as_str(),
        Tier::None | Tier::Cohort => ruling.reasons().main().as_str(),
    }
}
