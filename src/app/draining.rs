//! Whether the gateway is on its way out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Says that no new calls should be sent here. A clone is the same flag.
///
/// It is raised before the listeners close, so that whoever asks whether the gateway is ready is told no while calls
/// are still answered. It is never lowered.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// Begins the end.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
