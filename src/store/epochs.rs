//! The epoch of every person, in memory: what a call checks before it discloses, in some 50 ns.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{PoisonError, RwLock},
};

use crate::domain::{Epoch, Sid};

const SHARDS: usize = 64;

type Shard = RwLock<HashMap<Sid, Epoch, BuildHasherDefault<SidHasher>>>;

/// Epochs by person.
#[derive(Debug)]
pub(super) struct Epochs(Vec<Shard>);

impl Epochs {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Shard::default()).collect())
    }

    fn shard(&self, sid: Sid) -> Option<&Shard> {
        self.0.get(usize::try_from(fold(&sid.0) >> 56).unwrap_or(0) % SHARDS)
    }

    pub(super) fn of(&self, sid: Sid) -> Option<Epoch> {
        self.shard(sid)?.read().unwrap_or_else(PoisonError::into_inner).get(&sid).copied()
    }

    pub(super) fn set(&self, sid: Sid, epoch: Option<Epoch>) {
        let Some(shard) = self.shard(sid) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        match epoch {
            Some(epoch) => shard.insert(sid, epoch),
            None => shard.remove(&sid),
        };
    }

    /// All of them, shard by shard; each shard as it stands at one moment.
    pub(super) fn all(&self) -> impl Iterator<Item = Vec<(Sid, Epoch)>> + '_ {
        self.0.iter().map(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.iter().map(|(sid, epoch)| (*sid, *epoch)).collect()
        })
    }
}

fn fold(bytes: &[u8; 16]) -> u64 {
    let both = u128::from_ne_bytes(*bytes);
    // Fibonacci hashing, so that ids that are not random, as in tests, spread too.
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let folded = (both as u64) ^ ((both >> 64) as u64);
    folded.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Sids are random bytes that nobody outside chooses, so they are their own hash.
#[derive(Default)]
pub(super) struct SidHasher(u64);

impl Hasher for SidHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Ok(sid) = bytes.try_into() {
            self.0 = fold(sid);
        }
    }

    // The length that slices put before their bytes says nothing here.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
