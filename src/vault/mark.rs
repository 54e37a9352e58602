//! What the keeper's folder knows of the state: the highwater mark, which follows it, and which keys were destroyed.
//!
//! Promises: what was destroyed stays there, whoever writes next; it is durable when a write returns.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Highwater, KeeperError,
    destroyed::{Commitment, Destroyed},
};
use crate::store::Position;

/// The mark of one gateway. A clone is one more reference.
#[derive(Clone)]
pub struct Mark(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    origin: String,
    /// As it was last written.
    written: Mutex<Option<Highwater>>,
    destroyed: Mutex<Destroyed>,
}

impl Mark {
    /// The mark in the keeper's folder, of the log `origin`.
    ///
    /// # Errors
    /// When it cannot be read or is damaged, or what an older one holds cannot be kept.
    pub fn read(folder: &Path, origin: &str) -> Result<Self, KeeperError> {
        let (written, held) = Highwater::read_with_destroyed(folder)?.unzip();
        let (mut destroyed, known) = Destroyed::read(folder)?;
        for commitment in held.iter().flatten().filter(|held| !known.contains(*held)) {
            destroyed.add(commitment)?;
        }
        Ok(Self(Arc::new(Inner {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            written: Mutex::new(written),
            destroyed: Mutex::new(destroyed),
        })))
    }

    /// How it stands; `None` if there is none yet.
    #[must_use]
    pub fn now(&self) -> Option<Highwater> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves it to `position`. Waits for the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn move_to(&self, position: Position, closed: bool) -> Result<(), KeeperError> {
        self.change(|mark| (mark.position, mark.closed) = (position, closed))
    }

    /// Notes that the key with this commitment ([`KeyEvent::Erased`](super::KeyEvent::Erased)) is destroyed, so that no
    /// backup brings it back. Waits for the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn erase(&self, commitment: Commitment) -> Result<(), KeeperError> {
        self.0.destroyed.lock().unwrap_or_else(PoisonError::into_inner).add(&commitment)
    }

    /// The commitments of the keys that were destroyed. Reads the disk.
    ///
    /// # Errors
    /// When they cannot be read or are damaged.
    pub fn destroyed(&self) -> Result<BTreeSet<Commitment>, KeeperError> {
        let _nobody_adds = self.0.destroyed.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Destroyed::read(&self.0.folder)?.1)
    }

    fn change(&self, change: impl FnOnce(&mut Highwater)) -> Result<(), KeeperError> {
        let mut written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mark = written.clone().unwrap_or_else(|| Highwater {
            origin: String::new(),
            position: Position { group: 0, rows: 0 },
            closed: false,
        });
        self.0.origin.clone_into(&mut mark.origin);
        change(&mut mark);
        if written.as_ref() != Some(&mark) {
            mark.write(&self.0.folder)?;
            *written = Some(mark);
        }
        Ok(())
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark(…)")
    }
}
