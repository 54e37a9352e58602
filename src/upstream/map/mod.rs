//! A format that the operator writes down, so that a model of one's own needs no code: calls with placeholders, and
//! pointers into the answer.
//!
//! Promises: a mapping that is accepted at the start makes well-formed calls for all values; it can place what the
//! permit lets through and nothing else, since that is all it is given; a user is a pseudonym wherever it stands, in a
//! URL too; what the mapping has no place for does not leave, and is not said to; what a model cannot do is said and
//! not passed over.
//!
//! It is no language: there are no conditions and no arithmetic. A model that needs them needs a small service in
//! front of it, or a [`Wire`] of its own.
//!
//! Start with [`Map::parse`]; [`template`] is a call, [`slot`] what a placeholder can be, [`read`] an answer.

mod call;
mod error;
mod read;
mod settings;
mod slot;
mod template;

use std::{collections::BTreeMap, time::Duration};

use call::Call;
pub(super) use call::percent;
pub use error::InvalidMap;
pub(super) use read::Places;
use read::{Pointer, pointer};
pub use settings::{AnswerSettings, CallSettings, Form, MapSettings, Operation};
use slot::{Slot, Values};
use template::Body;

use super::{
    answer::{Answer, Nonsense},
    json,
    scan::{Node, tree},
    wire::{Expects, Outbound, OutboundEvent, OutboundItem, Query, TakenContext, Takes, Wire},
};

/// A mapped format.
#[derive(Debug)]
pub struct Map {
    recommend: Call,
    /// How everybody is recommended to: `recommend` without a user, another call, or not at all.
    anonymous: Anonymous,
    events: Option<Listing>,
    items: Option<Listing>,
    forget: Option<Forget>,
    answer: Places,
    /// What the calls about somebody and about nobody have a place for.
    takes: [Takes; 2],
}

#[derive(Debug)]
enum Anonymous {
    SameCall,
    Call(Call),
    Nobody,
}

/// A call that tells of several things, or of one.
#[derive(Debug)]
struct Listing {
    call: Call,
    each: Option<Body>,
    types: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Forget {
    call: Call,
    expects: Expects,
    confirmed: Option<Pointer>,
    cached: Option<Duration>,
}

const ASK: &[&str] = &["user", "count", "scenario", "context", "seed_items"];
const ASK_FOR_ALL: &[&str] = &["count", "scenario", "context", "seed_items"];
const EVENT: &[&str] = &["user", "item", "type", "value", "at", "at_ms"];
const EVENTS: &[&str] = &["user", "events"];
const ITEM: &[&str] = &["item", "categories"];
const ITEMS: &[&str] = &["items"];
const FORGET: &[&str] = &["user"];

impl Map {
    /// Reads a mapping.
    ///
    /// # Errors
    /// [`InvalidMap`], which says what to change.
    pub fn parse(settings: &MapSettings) -> Result<Self, InvalidMap> {
        check_said(settings)?;
        let recommend = Call::parse(&settings.recommend, Operation::Recommend, ASK)?;
        recommend.requires("user", |slot| *slot == Slot::User)?;
        let anonymous = match &settings.anonymous {
            Some(call) => Anonymous::Call(Call::parse(call, Operation::Anonymous, ASK_FOR_ALL)?),
            None if recommend.can_do_without_user() => Anonymous::SameCall,
            None => Anonymous::Nobody,
        };
        let events = settings.events.as_ref();
        let items = settings.items.as_ref();
        let for_all = match &anonymous {
            Anonymous::Call(call) => call.takes(),
            Anonymous::SameCall | Anonymous::Nobody => recommend.takes(),
        };
        Ok(Self {
            takes: [recommend.takes(), for_all],
            recommend,
            anonymous,
            events: events.map(Listing::of_events).transpose()?,
            items: items.map(Listing::of_items).transpose()?,
            forget: settings.forget.as_ref().map(Forget::parse).transpose()?,
            answer: Places::parse(&settings.answer)?,
        })
    }

    /// Whether a pseudonym stands in a URL, and so in the model's access log.
    #[must_use]
    pub fn names_users_in_urls(&self) -> bool {
        let events = self.events.as_ref().map(|events| &events.call);
        let forget = self.forget.as_ref().map(|forget| &forget.call);
        [Some(&self.recommend), events, forget].into_iter().flatten().any(Call::names_user_in_url)
    }

    /// The data categories that it takes apart, for a look at whether the catalogue has them.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        let parts = self.takes.iter().map(|takes| match &takes.context {
            TakenContext::Whole => [].as_slice(),
            TakenContext::Parts(parts) => parts.as_slice(),
        });
        parts.flatten().map(|(category, _)| &**category)
    }

    /// Whether people without a consent get the gateway's own list, because the model can only be asked about somebody.
    #[must_use]
    pub fn asks_only_for_users(&self) -> bool {
        matches!(self.anonymous, Anonymous::Nobody)
    }
}

/// Each operation is mapped or said to be missing, so that nothing is left out by oversight.
fn check_said(settings: &MapSettings) -> Result<(), InvalidMap> {
    for (operation, mapped) in [
        (Operation::Events, settings.events.is_some()),
        (Operation::Items, settings.items.is_some()),
        (Operation::Forget, settings.forget.is_some()),
    ] {
        match (mapped, settings.without.contains(&operation)) {
            (false, false) => return Err(InvalidMap::Unsaid(operation)),
            (true, true) => return Err(InvalidMap::Both(operation)),
            _ => {}
        }
    }
    let needed = [Operation::Recommend, Operation::Anonymous];
    match settings.without.iter().find(|operation| needed.contains(operation)) {
        Some(operation) => Err(InvalidMap::NotOptional(*operation)),
        None => Ok(()),
    }
}

impl Listing {
    fn of_events(settings: &CallSettings) -> Result<Self, InvalidMap> {
        let listing = Self::parse(settings, Operation::Events, EVENTS, EVENT)?;
        listing.requires("user", |slot| *slot == Slot::User)?;
        listing.requires("item", |slot| *slot == Slot::Item)?;
        Ok(listing)
    }

    fn of_items(settings: &CallSettings) -> Result<Self, InvalidMap> {
        let listing = Self::parse(settings, Operation::Items, ITEMS, ITEM)?;
        listing.requires("item", |slot| *slot == Slot::Item)?;
        Ok(listing)
    }

    fn parse(
        settings: &CallSettings,
        operation: Operation,
        outside: &'static [&'static str],
        inside: &'static [&'static str],
    ) -> Result<Self, InvalidMap> {
        let types = settings.types.clone();
        let Some(each) = &settings.each else {
            let call = Call::parse(settings, operation, inside)?;
            return Ok(Self { call, each: None, types });
        };
        let call = Call::parse(settings, operation, outside)?;
        let list = if operation == Operation::Events { "events" } else { "items" };
        call.requires(list, |slot| matches!(slot, Slot::Entries(_)))?;
        let each = call::body(each, operation, "each", inside)?;
        Ok(Self { call, each: Some(each), types })
    }

    fn requires(
        &self,
        placeholder: &'static str,
        is_it: impl Fn(&Slot) -> bool,
    ) -> Result<(), InvalidMap> {
        let mut found = false;
        if let Some(each) = &self.each {
            each.visit(true, &mut |placed, _| found |= is_it(&placed.slot));
        }
        if found { Ok(()) } else { self.call.requires(placeholder, is_it) }
    }

    /// The call that tells of `entries`; `user` is whom all of them are about.
    fn tell<'a>(
        &'a self,
        user: Option<&'a str>,
        entries: impl Iterator<Item = Values<'a>>,
    ) -> Option<Outbound> {
        let Some(each) = &self.each else {
            // How many there are at once is said by `Wire::events_at_once` and `Wire::items_at_once`.
            return self.call.fill(&entries.take(1).next()?, Expects::Receipt);
        };
        let mut list = Vec::new();
        let entries: Vec<Values<'_>> = entries.collect();
        json::list(&mut list, &entries, |list, entry| {
            each.write(entry, list);
        });
        self.call.fill(&Values { user, entries: &list, ..Values::default() }, Expects::Receipt)
    }

    fn at_once(listing: Option<&Self>) -> usize {
        match listing {
            Some(Self { each: None, .. }) => 1,
            _ => usize::MAX,
        }
    }
}

impl Forget {
    fn parse(settings: &CallSettings) -> Result<Self, InvalidMap> {
        let call = Call::parse(settings, Operation::Forget, FORGET)?;
        call.requires("user", |slot| *slot == Slot::User)?;
        let confirmed = settings.confirmed.as_deref();
        Ok(Self {
            call,
            expects: settings.unknown_status.map_or(Expects::Receipt, Expects::ReceiptOr),
            confirmed: confirmed
                .map(|place| pointer(place, "[upstream.map.forget] confirmed"))
                .transpose()?,
            cached: settings.cache_hours.map(|hours| Duration::from_secs(hours * 60 * 60)),
        })
    }
}

impl Wire for Map {
    fn takes(&self, somebody: bool) -> &Takes {
        let [about_somebody, about_nobody] = &self.takes;
        if somebody { about_somebody } else { about_nobody }
    }

    fn events_at_once(&self) -> usize {
        Listing::at_once(self.events.as_ref())
    }

    fn items_at_once(&self) -> usize {
        Listing::at_once(self.items.as_ref())
    }

    fn forgets_within(&self) -> Option<Duration> {
        self.forget.as_ref().and_then(|forget| forget.cached)
    }

    fn recommend(&self, query: &Query<'_>) -> Option<Outbound> {
        let call = match (&self.anonymous, query.user) {
            (_, Some(_)) | (Anonymous::SameCall, None) => &self.recommend,
            (Anonymous::Call(call), None) => call,
            (Anonymous::Nobody, None) => return None,
        };
        let values = Values {
            user: query.user,
            count: Some(query.count.min(call.most)),
            scenario: query.scenario,
            context: query.context,
            seed_items: query.seed_items,
            ..Values::default()
        };
        call.fill(&values, Expects::Answer)
    }

    fn events(&self, events: &[OutboundEvent<'_>]) -> Option<Outbound> {
        let listing = self.events.as_ref()?;
        let user = events.first().map(|event| event.user);
        let entries = events.iter().map(|event| Values {
            user: Some(event.user),
            item: Some(event.item),
            kind: Some(listing.types.get(event.kind).map_or(event.kind, String::as_str)),
            value: event.value,
            at: event.at,
            ..Values::default()
        });
        listing.tell(user, entries)
    }

    fn items(&self, items: &[OutboundItem<'_>]) -> Option<Outbound> {
        let entries = items.iter().map(|item| Values {
            item: Some(item.id),
            categories: Some(item.tags),
            ..Values::default()
        });
        self.items.as_ref()?.tell(None, entries)
    }

    fn forget(&self, user: &str) -> Option<Outbound> {
        let forget = self.forget.as_ref()?;
        forget.call.fill(&Values { user: Some(user), ..Values::default() }, forget.expects)
    }

    fn confirms(&self, answer: &[u8]) -> bool {
        let place = self.forget.as_ref().and_then(|forget| forget.confirmed.as_ref());
        place.is_none_or(|place| {
            let root = tree(answer);
            let found = root.as_ref().and_then(|root| root.at(place));
            found.is_some_and(|found| !matches!(found, Node::Null | Node::Other))
        })
    }

    fn answer<'a>(&self, bytes: &'a [u8]) -> Result<Answer<'a>, Nonsense> {
        self.answer.read(bytes)
    }
}

#[cfg(test)]
mod tests;
