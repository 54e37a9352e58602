//! What models are told of items, and what models inside this process are told again when it starts.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::{Gateway, GatewayError, Serving};
use crate::{
    catalog::Item,
    consent::{Person, held_prefix},
    domain::{PurposeId, Sid},
    store::{Key, Put},
    upstream::{Clearance, Expects, Outbound, OutboundItem},
    vault::Sealable,
};

/// How many items go to a model in one call.
const ITEMS_AT_ONCE: usize = 500;

/// The events of one call, as a model inside this process was told them.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct ToldEvents(Vec<u8>);

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
        let now = self.clock.now().millis().to_be_bytes();
        let draw: [u8; 8] = self.entropy.draw().map_err(crate::vault::VaultError::from)?;
        let prefix = told_prefix(person.key.sid(), purpose);
        let key = Key::new(&[prefix.as_slice(), &now, &draw].concat());
        Ok(person.key.seal(&self.entropy, key, None, &ToldEvents(outbound.body.to_vec()))?)
    }

    /// Tells the models inside this process all items, and everything that is kept for them of people whose consent
    /// is in force, in the order of people and times, so that they know what they knew when the process ended. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn retell(&self) -> Result<(), GatewayError> {
        let items = self.catalog.all();
        for serving in self.models.iter().filter(|serving| serving.kept_here) {
            self.tell_items(serving, &items).await;
            for found in self.store.scan(b"d/") {
                let (key, record) = found?;
                let Some((sid, purpose)) = told(&key, serving) else { continue };
                let Some(person) = self.ledger.by_sid(sid)? else { continue };
                let known = person.standing.purpose(purpose);
                if known.is_none_or(|known| known.consent.in_force(self.clock.now()).is_none()) {
                    continue;
                }
                let ToldEvents(body) = person.key.open(&key, &record)?;
                let outbound = Outbound::post("/events", body, Expects::Receipt);
                // It takes every body that it took before: these were kept with the rows of the log that sent them.
                let _ = serving.model.send(outbound, AboutNoOne).await;
            }
        }
        Ok(())
    }
}

pub(super) fn told_prefix(sid: Sid, purpose: &PurposeId) -> Vec<u8> {
    [held_prefix(sid, purpose), b"told/".to_vec()].concat()
}

/// Whom a kept telling is about and what it was told for, if `key` is one for a purpose of this model.
fn told<'a>(key: &Key, serving: &'a Serving) -> Option<(Sid, &'a PurposeId)> {
    let sid = key.as_bytes().strip_prefix(b"d/")?.first_chunk::<16>().map(|sid| Sid(*sid))?;
    let told = |purpose: &&PurposeId| key.as_bytes().starts_with(&told_prefix(sid, purpose));
    serving.purposes.iter().find(told).map(|purpose| (sid, purpose))
}
