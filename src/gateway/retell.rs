//! What models are told of items, and what models inside this process are told again when it starts.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::{Gateway, GatewayError, Serving};
use crate::{
    catalog::Item,
    consent::{Held, Person, Shelf},
    domain::{PurposeId, Timestamp},
    pseudonym::{Which, for_deletion},
    store::{Key, Put},
    upstream::{Clearance, Expects, Outbound, OutboundItem},
    vault::Sealable,
};

/// How many items go to a model in one call.
const ITEMS_AT_ONCE: usize = 500;

/// The events of one call, as a model inside this process was told them.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct ToldEvents(pub(super) Vec<u8>);

impl Sealable for ToldEvents {
    const SCHEMA: u8 = 1;
}

/// Items are about no one: there is no gate to pass.
struct AboutNoOne;

impl Clearance for AboutNoOne {
    fn poll_revoked(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Gateway {
    /// Tells a model of items. Whether it took all of them; one that has no place for items takes none.
    pub(super) async fn tell_items(&self, serving: &Serving, items: &[Arc<Item>]) -> bool {
        let mut taken = true;
        let at_once = serving.model.wire().items_at_once().min(ITEMS_AT_ONCE);
        for some in items.chunks(at_once) {
            let some: Vec<OutboundItem<'_>> =
                some.iter().map(|item| OutboundItem { id: &item.id, tags: &item.tags }).collect();
            let Ok(id) = self.entropy.draw() else { return false };
            let Some(outbound) = serving.model.wire().items(&some) else { return false };
            let outbound = outbound.with_request_id(id);
            taken &= serving.model.send(outbound, AboutNoOne).await.is_ok();
        }
        taken
    }

    /// The record that keeps what a model inside this process is told of a person. It is held for the purpose it is
    /// told for, so it goes when that is withdrawn.
    pub(super) fn keep_telling(
        &self,
        person: &Person,
        purpose: &PurposeId,
        outbound: &Outbound,
    ) -> Result<Put, GatewayError> {
        let draw: [u8; 8] = self.entropy.draw().map_err(crate::vault::VaultError::from)?;
        let place = (person.key.sid(), purpose, person.standing.life(purpose));
        let key = Shelf::Told.at(place, self.clock.now(), draw);
        Ok(person.key.seal(&self.entropy, key, None, &ToldEvents(outbound.body.to_vec()))?)
    }

    /// Tells the models inside this process all items, and everything that is kept for them of people whose consent
    /// is in force, in the order of people and times, so that they know what they knew when the process ended; but for what
    /// is to be forgotten by now. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn retell(&self) -> Result<(), GatewayError> {
        let items = self.catalog.all();
        for serving in self.models.iter().filter(|serving| serving.kept_here) {
            self.tell_items(serving, &items).await;
            self.retell_under(serving, b"d/").await?;
        }
        Ok(())
    }

    /// Has the models inside this process forget `person` and tells them what is kept for them by now.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub(super) async fn refill(&self, person: &Person) -> Result<(), GatewayError> {
        let sid = person.key.sid();
        for serving in self.models.iter().filter(|serving| serving.kept_here) {
            let recipient = serving.model.recipient();
            let (id, domain) = (&recipient.id, &recipient.domain);
            let left = person.standing.resets.iter().flat_map(|reset| &reset.pseudonyms);
            let left = left.filter(|left| left.recipient == *id && left.domain == *domain);
            let in_use = person.standing.generation(id, domain);
            for generation in left.map(|left| left.number).chain([in_use]) {
                let name = for_deletion(&person.key, id, Which { domain, generation });
                if let Some(outbound) = serving.model.wire().forget(name.expose()) {
                    let _ = serving.model.send(outbound, AboutNoOne).await;
                }
            }
            self.retell_under(serving, &[b"d/".as_slice(), &sid.0, b"/"].concat()).await?;
        }
        Ok(())
    }

    /// Tells one model inside this process what is kept for it under this beginning of keys.
    async fn retell_under(&self, serving: &Serving, prefix: &[u8]) -> Result<(), GatewayError> {
        let now = self.clock.now();
        for found in self.store.scan(prefix) {
            let (key, record) = found?;
            let Some((held, purpose)) = told(&key, serving) else { continue };
            let Some(person) = self.ledger.by_sid(held.sid)? else { continue };
            let known = person.standing.purpose(purpose);
            if known.is_none_or(|known| known.consent.in_force(now).is_none()) {
                continue;
            }
            let ToldEvents(body) = person.key.open(&key, &record)?;
            let body = match person.standing.rules.forgets_before(now) {
                Some(before) => thinned(body, held.at, |at| at < before).0,
                None => body,
            };
            if body.is_empty() {
                continue;
            }
            let outbound = Outbound::post("/events", body, Expects::Receipt);
            // It takes every body that it took before: these were kept with the rows of the log that sent them.
            let _ = serving.model.send(outbound, AboutNoOne).await;
        }
        Ok(())
    }
}

/// What a kept telling is, if `key` is one for a purpose of this model.
fn told<'a>(key: &'a Key, serving: &'a Serving) -> Option<(Held<'a>, &'a PurposeId)> {
    let held = Held::read(key).filter(|held| held.shelf == Shelf::Told)?;
    let purpose = serving.purposes.iter().find(|purpose| purpose.as_str() == held.purpose)?;
    Some((held, purpose))
}

/// A telling without the events whose time is `gone`, and how many those are; no body where none is left. An event
/// without a time of its own is of the moment at which it was told. A body that does not read goes as a whole.
pub(super) fn thinned(
    body: Vec<u8>,
    told_at: Timestamp,
    gone: impl Fn(Timestamp) -> bool,
) -> (Vec<u8>, usize) {
    let Ok(mut told) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return (Vec::new(), 1);
    };
    let Some(events) = told.get_mut("events").and_then(serde_json::Value::as_array_mut) else {
        return (Vec::new(), 1);
    };
    let before = events.len();
    events.retain(|event| {
        let own = event.get("at").and_then(serde_json::Value::as_str);
        let own = own.and_then(|own| Timestamp::parse(own).ok());
        !gone(own.unwrap_or(told_at).min(told_at))
    });
    match before - events.len() {
        0 => (body, 0),
        went if events.is_empty() => (Vec::new(), went),
        went => (told.to_string().into_bytes(), went),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telling_is_thinned_by_the_times_of_its_events() {
        let ms = Timestamp::from_millis;
        let body = br#"{"events":[{"item":"a","at":"1970-01-01T00:00:01Z"},{"item":"b"},{"item":"c","at":"2999-01-01T00:00:00Z"}]}"#;
        let of = |gone: &dyn Fn(Timestamp) -> bool| {
            let (left, went) = thinned(body.to_vec(), ms(5000), gone);
            (String::from_utf8(left).unwrap(), went)
        };
        assert_eq!(of(&|_| false), (String::from_utf8(body.to_vec()).unwrap(), 0));
        let (left, went) = of(&|at| at < ms(5000));
        assert!(went == 1 && !left.contains("\"a\"") && left.contains("\"b\""), "{left}");
        assert_eq!(
            of(&|at| at <= ms(5000)),
            (String::new(), 3),
            "no event is later than its telling"
        );
        assert_eq!(thinned(b"[".to_vec(), ms(0), |_| false), (Vec::new(), 1));
    }
}
