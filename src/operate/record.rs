//! The operator's records, and the one batch in which a record and its row are written.
//!
//! ```text
//! o/switch/app/<name>  o/switch/recipient/<name>     switched off, since when; none for what is on
//! o/denied/<16 bytes of SHA-256 of a jti>            refused until the token ends by itself
//! o/before/<kid>                                     tokens of this key issued before then are refused
//! ```
//!
//! The value of each is `u8 schema = 1 ‖ i64be milliseconds`. None is about a person.

use serde_json::{Value, json};

use super::{Controls, OperateError, Operator};
use crate::{
    audit::{Draft, Event},
    domain::{RecipientId, Timestamp},
    store::{Batch, Key, Put, Store},
};

const SCHEMA: u8 = 1;

/// A moment that stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The part of the key behind the prefix.
    pub(super) name: Vec<u8>,
    /// The moment.
    pub(super) at: Timestamp,
}

/// What is to be said in the log of an act.
pub(super) struct Said {
    pub(super) event: Event,
    pub(super) outcome: &'static str,
    /// Why, where an operator has to say; else `operator`.
    pub(super) reason: &'static str,
    pub(super) recipient: Option<RecipientId>,
    /// The body, besides the time and who acted.
    pub(super) body: Value,
}

/// All moments under `prefix`, by key.
pub(super) fn moments(store: &Store, prefix: &[u8]) -> Result<Vec<Moment>, OperateError> {
    let mut moments = Vec::new();
    for found in store.scan(prefix) {
        let (key, record) = found?;
        let name = key.as_bytes().strip_prefix(prefix).unwrap_or_default().to_vec();
        moments.push(Moment { name, at: moment(&record.value)? });
    }
    Ok(moments)
}

/// The moment under `key`; `None` if there is none.
pub(super) fn at(store: &Store, key: &Key) -> Result<Option<Timestamp>, OperateError> {
    store.read(key)?.map(|known| moment(&known.value)).transpose()
}

/// What is put to have `at` under `key`. Reads the store.
pub(super) fn put(store: &Store, key: Key, at: Timestamp) -> Result<Put, OperateError> {
    let before = store.read(&key)?.map_or(0, |known| known.version);
    let value = [&[SCHEMA][..], &at.millis().to_be_bytes()].concat();
    Ok(Put { key, version: before + 1, value })
}

fn moment(value: &[u8]) -> Result<Timestamp, OperateError> {
    let Some((&SCHEMA, millis)) = value.split_first() else { return Err(OperateError::Newer) };
    let millis = millis.try_into().map_err(|_| OperateError::Newer)?;
    Ok(Timestamp::from_millis(i64::from_be_bytes(millis)))
}

impl Controls {
    /// Writes records and the row that tells of them, both or neither, and waits until they are durable.
    pub(super) async fn write(
        &self,
        by: Operator,
        said: Said,
        records: Batch,
    ) -> Result<(), OperateError> {
        let now = self.now();
        let mut body = json!({ "t_ms": now.millis(), "by": by.named() });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), said.body) {
            body.extend(more);
        }
        let draft = Draft {
            event: said.event,
            outcome: said.outcome,
            reason: said.reason,
            purpose: None,
            recipient: said.recipient,
            ruleset: self.0.policies.current().ruleset().to_owned(),
            at: now,
            rows: None,
            body: body.to_string().into_bytes(),
        };
        let audit = &self.0.audit;
        let leaf = audit.seal_nobody(draft)?;
        let mut batch = records;
        batch.leaves.push(leaf);
        audit.record(batch).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_form_is_not_read_as_something_else() {
        let value = [&[SCHEMA][..], &7i64.to_be_bytes()].concat();
        assert_eq!(moment(&value).unwrap(), Timestamp::from_millis(7));
        for other in [&[][..], &[2, 0, 0, 0, 0, 0, 0, 0, 7], &[SCHEMA, 7]] {
            assert!(matches!(moment(other), Err(OperateError::Newer)), "{other:?}");
        }
    }
}
