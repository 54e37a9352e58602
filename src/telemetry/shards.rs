//! The same counts once for each thread, so that no two threads write to one line of the processor's cache.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts of all threads. A clone is the same.
#[derive(Debug)]
pub struct Shards<T>(Arc<Mutex<Vec<Arc<T>>>>);

impl<T: Default> Shards<T> {
    /// Counts for one more thread. They are kept when the thread ends: what happened has happened.
    #[must_use]
    pub fn fresh(&self) -> Arc<T> {
        let shard = Arc::new(T::default());
        self.lock().push(Arc::clone(&shard));
        shard
    }

    /// The counts of each thread.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<T>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Shards<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Shards<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
