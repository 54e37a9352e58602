//! The model inside this process: collaborative filtering by `discorec`, behind the bytes of the `json` protocol.
//!
//! Promises: it knows only what its calls' bodies hold, so what it saw is what the log says; the same bodies in the
//! same order give the same lists, whatever the pseudonyms are; [`Builtin::handle`] of `/forget` drops a person's
//! rows and taste before it returns, and [`Builtin::is_stale`] is true until a training without them has ended.
//!
//! It is not meant for millions of items: it lives in memory and scores every item it knows for each call.
//!
//! Start with [`Builtin::handle`]; [`memory`] is what it knows, [`train`](mod@train) how it learns.

mod memory;
mod protocol;
mod train;

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use memory::InvalidSnapshot;
use memory::Memory;

use super::{fault::UpstreamFault, wire::Outbound};

/// A recommender that is trained on the events it was sent.
#[derive(Debug, Default)]
pub struct Builtin {
    memory: RwLock<Memory>,
    training: Mutex<()>,
}

impl Builtin {
    /// A model that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Acts on one call and answers with the bytes that an HTTP model would send.
    ///
    /// # Errors
    /// [`UpstreamFault::Status`]: 404 for a path it does not serve, 400 for a body it cannot read.
    pub fn handle(&self, outbound: &Outbound) -> Result<Vec<u8>, UpstreamFault> {
        let body: &[u8] = &outbound.body;
        match outbound.path.as_ref() {
            "/recommend" => {
                let asked = protocol::read(body)?;
                Ok(protocol::write(&self.read().recommend(&asked)))
            }
            "/events" => {
                let protocol::Events { events } = protocol::read(body)?;
                let mut memory = self.write();
                for event in &events {
                    memory.learn(event);
                }
                Ok(b"{}".to_vec())
            }
            "/items" => {
                let protocol::Items { items } = protocol::read(body)?;
                let mut memory = self.write();
                for item in items {
                    memory.describe(&item.id, item.categories);
                }
                Ok(b"{}".to_vec())
            }
            "/forget" => {
                let protocol::Forget { user } = protocol::read(body)?;
                self.write().forget(&user);
                Ok(b"{}".to_vec())
            }
            _ => Err(UpstreamFault::Status(404)),
        }
    }

    /// Learns from all events so far and answers from that from then on. It takes about a second for a million
    /// events and holds no lock meanwhile: call it on a thread that may block.
    pub fn train(&self) {
        let _one_at_a_time = self.training.lock().unwrap_or_else(PoisonError::into_inner);
        let lesson = self.read().lesson();
        let trained = train::fit(&lesson);
        self.write().adopt(trained, &lesson);
    }

    /// Whether something was learnt or forgotten that the last training did not know of.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.read().is_stale()
    }

    /// All it knows, except what training finds again. The pseudonyms and what each did are in it: seal it.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.read().snapshot()
    }

    /// The model that [`Builtin::snapshot`] saved. It needs [`Builtin::train`] before its answers are personal.
    ///
    /// # Errors
    /// When the bytes are no snapshot or of another version.
    pub fn restore(snapshot: &[u8]) -> Result<Self, InvalidSnapshot> {
        let memory = RwLock::new(Memory::restore(snapshot)?);
        Ok(Self { memory, training: Mutex::default() })
    }

    fn read(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
