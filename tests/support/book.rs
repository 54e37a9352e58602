//! A look behind the door: the rows of the log, and what is in those that a person's keys open.

use consentry::{
    audit::RowKeys,
    consent,
    domain::{IdType, Sid, SubjectRef, TenantId, UserId},
    store::Batch,
    vault::Handle,
};
use serde_json::Value;

use super::Stage;

/// A row of the log.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) leaf: Value,
}

impl Row {
    pub(crate) fn event(&self) -> &str {
        self.leaf["e"].as_str().unwrap()
    }
}

impl Stage {
    /// All rows, those that nothing waits for too: what was committed before is written before.
    pub(crate) async fn log(&self) -> Vec<Row> {
        let store = &self.behind().store;
        // Refused on a full disk, but even then only after everything before it.
        let _ = store.commit(Batch::default()).await;
        let rows = store.leaves(0, usize::MAX).unwrap();
        let row = |(index, bytes): (u64, Vec<u8>)| Row {
            index,
            leaf: serde_json::from_slice(&bytes).unwrap(),
            bytes,
        };
        (0..).zip(rows).map(row).collect()
    }

    /// The rows from `from` on.
    pub(crate) async fn log_since(&self, from: usize) -> Vec<Row> {
        self.log().await.split_off(from)
    }

    pub(crate) fn handle(&self, id: &str) -> Handle {
        let subject = SubjectRef::new(IdType::user_id(), UserId::parse(id).unwrap());
        self.behind().gateway.handle(&TenantId::standard(), subject).unwrap()
    }

    /// The person known by `id`, if the gateway knows one.
    /// Under which `sid` this very id is kept.
    pub(crate) fn sid_under(&self, id: &str) -> Sid {
        self.behind().ledger.find_as(self.handle(id)).unwrap().unwrap().key.sid()
    }

    pub(crate) fn find(&self, id: &str) -> Option<consent::Person> {
        self.behind().ledger.find(self.handle(id)).unwrap()
    }

    /// The body of a row, if it is one of the person's.
    pub(crate) fn opens(&self, id: &str, index: u64) -> Option<Value> {
        self.open(&self.find(id)?.row_keys(), index)
    }

    /// The body of a row about nobody.
    pub(crate) fn opens_nobodys(&self, index: u64) -> Option<Value> {
        self.open(&RowKeys::of(&self.behind().audit.nobody(), 0), index)
    }

    fn open(&self, keys: &RowKeys, index: u64) -> Option<Value> {
        let (nonce, sealed) = self.behind().store.body(index).unwrap()?;
        let body = keys.open_body(&nonce, sealed).ok()?;
        Some(serde_json::from_slice(&body).unwrap())
    }

    /// How many records stand in the store, apart from the popular list, which comes to be by itself.
    pub(crate) fn records(&self) -> usize {
        let records = self.behind().store.scan(b"").map(Result::unwrap);
        records.filter(|(key, _)| !key.as_bytes().starts_with(b"p/")).count()
    }
}

/// The events of `rows` that are in `wanted`, in their order.
pub(crate) fn events<'a>(rows: &'a [Row], wanted: &[&str]) -> Vec<&'a str> {
    rows.iter().map(Row::event).filter(|event| wanted.contains(event)).collect()
}
