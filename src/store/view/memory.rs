//! Records in a map in memory.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{PoisonError, RwLock},
};

use super::{Key, Record, View, ViewError, Write};

/// A sorted map. Nothing of it is on the disk.
#[derive(Default)]
pub(in crate::store) struct MemoryView(RwLock<(BTreeMap<Key, Record>, u64)>);

impl std::fmt::Debug for MemoryView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryView({})", self.applied())
    }
}

impl View for MemoryView {
    fn read(&self, key: &[u8]) -> Result<Option<Record>, ViewError> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).0.get(key).cloned())
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<(Key, Record)>, ViewError> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let page = map.0.range::<[u8], _>((from, Bound::Unbounded)).take(most);
        Ok(page
            .take_while(|(key, _)| key.as_bytes().starts_with(prefix))
            .map(|(key, record)| (key.clone(), record.clone()))
            .collect())
    }

    fn apply(&self, writes: &[Write<'_>], seq: u64) -> Result<(), ViewError> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            match *write {
                Write::Put(key, version, value) => {
                    map.0.insert(key.clone(), Record { version, value: value.to_vec() });
                }
                Write::Delete(key) => {
                    map.0.remove(key);
                }
                Write::DeletePrefix(prefix) => {
                    let from = (Bound::Included(prefix.as_bytes()), Bound::Unbounded);
                    let begins = |key: &&Key| key.as_bytes().starts_with(prefix.as_bytes());
                    let gone: Vec<Key> = map
                        .0
                        .range::<[u8], _>(from)
                        .map(|(key, _)| key)
                        .take_while(begins)
                        .cloned()
                        .collect();
                    for key in gone {
                        map.0.remove(&key);
                    }
                }
            }
        }
        map.1 = seq;
        Ok(())
    }

    fn applied(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1
    }

    fn make_durable(&self) -> Result<(), ViewError> {
        Ok(())
    }

    fn is_on_disk(&self) -> bool {
        false
    }
}
