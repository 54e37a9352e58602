//! The records of orders: sealed under the key of rows about nobody, whose `sid` stands before each.
//!
//! An order says which requests it became, and those lead to nobody. It is sealed all the same, since the URLs of callbacks
//! are the controller's words.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{OrderFrom, OrderId, OrderStatus};
use crate::{
    domain::{Sid, Timestamp},
    rights::{
        Rights, RightsError,
        requests::{AskedBy, RequestId},
    },
    store::{Batch, CommitError, Expect, Key, Put, Record},
    vault::{Sealable, VaultError, prefixed},
};

/// The prefix of orders.
const ORDERS: &[u8] = b"od/";

/// The prefix of what their callbacks are still to be told.
pub(super) const CALLBACKS: &[u8] = b"oc/";

/// For how long an order is kept: as long as the dockets of its requests.
const KEPT: Duration = Duration::from_secs(3 * 366 * 24 * 60 * 60);

/// What is kept of an order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    /// A keyed hash of what was sent.
    pub(super) fingerprint: [u8; 32],
    pub(super) received_at: Timestamp,
    /// What it became, one for each identity.
    pub(super) requests: Vec<RequestId>,
    /// How many callbacks were given up.
    pub(super) given_up: u32,
}

impl Sealable for Order {
    const SCHEMA: u8 = 1;
}

/// What the callbacks of an order were told.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) calls: Vec<Call>,
}

/// One callback.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) url: String,
    /// What was told last: at first what whoever sends an order takes for granted.
    pub(super) told: OrderStatus,
}

impl Sealable for Queue {
    const SCHEMA: u8 = 1;
}

/// A record that was found.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) version: u64,
}

impl OrderFrom {
    fn rest(&self) -> Vec<u8> {
        let Self { id, tenant, app } = self;
        [id.0.as_bytes().as_slice(), tenant.as_bytes(), b"/", app.as_bytes()].concat()
    }

    pub(super) fn order(&self) -> Key {
        prefixed(ORDERS, &self.rest())
    }

    pub(super) fn queue(&self) -> Key {
        prefixed(CALLBACKS, &self.rest())
    }

    /// Whose order the record at `key` is of.
    pub(super) fn of(key: &Key) -> Option<Self> {
        let rest =
            key.as_bytes().strip_prefix(CALLBACKS).or(key.as_bytes().strip_prefix(ORDERS))?;
        let (id, from) = rest.split_first_chunk::<16>()?;
        let (tenant, app) = std::str::from_utf8(from).ok()?.split_once('/')?;
        let id = OrderId(Uuid::from_bytes(*id));
        Some(Self { id, tenant: tenant.to_owned(), app: app.to_owned() })
    }

    pub(super) fn by(&self) -> AskedBy {
        AskedBy::App { tenant: self.tenant.clone(), app: self.app.clone() }
    }
}

impl Rights {
    /// What stands at `key`. Reads the disk.
    pub(super) fn sealed<T: Sealable>(&self, key: &Key) -> Result<Option<Found<T>>, RightsError> {
        let record = self.store.read(key)?;
        record.map(|record| self.unsealed(key, &record)).transpose()
    }

    pub(super) fn unsealed<T: Sealable>(
        &self,
        key: &Key,
        record: &Record,
    ) -> Result<Found<T>, RightsError> {
        let version = record.version;
        let (sid, sealed) = record.value.split_first_chunk::<16>().ok_or(VaultError::Sealed)?;
        let seal = self.vault.by_sid(Sid(*sid))?.ok_or(VaultError::Sealed)?;
        let value = seal.open(key, &Record { version, value: sealed.to_vec() })?;
        Ok(Found { value, version })
    }

    /// `value` over the record of version `over`.
    pub(super) fn seal<T: Sealable>(
        &self,
        key: Key,
        over: Option<u64>,
        value: &T,
    ) -> Result<Put, RightsError> {
        let nobody = self.audit.nobody();
        let mut put = nobody.seal(&self.entropy, key, over, value)?;
        put.value.splice(0..0, nobody.sid().0);
        Ok(put)
    }
}

/// Removes orders that are kept no longer. How many there were. Waits for the disk.
///
/// # Errors
/// When the store fails or a record does not open.
pub fn remove_old_orders(rights: &Rights) -> Result<usize, RightsError> {
    let (since, mut removed) = (rights.clock.now().before(KEPT), 0);
    let mut queued = BTreeSet::new();
    for found in rights.store.scan(CALLBACKS) {
        queued.insert(OrderFrom::of(&found?.0).map(|from| from.order()));
    }
    for found in rights.store.scan(ORDERS) {
        let (key, record) = found?;
        let order: Found<Order> = rights.unsealed(&key, &record)?;
        if order.value.received_at >= since || queued.contains(&Some(key.clone())) {
            continue;
        }
        let expect = vec![Expect::Version { key: key.clone(), version: record.version }];
        let batch = Batch { expect, delete: vec![key], ..Batch::default() };
        match rights.store.commit_blocking(batch) {
            Ok(_) => removed += 1,
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(removed)
}
