//! The highwater mark as it is written: by the gateway that follows its state, and by erasures.
//!
//! Promises: what was destroyed stays in it, whoever writes next; it is durable when a write returns.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Highwater, KeeperError};
use crate::store::Position;

/// The mark of one gateway. A clone is one more reference.
#[derive(Clone)]
pub struct Mark(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    origin: String,
    /// As it was last written.
    written: Mutex<Option<Highwater>>,
}

impl Mark {
    /// The mark in the keeper's folder, of the log `origin`.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(folder: &Path, origin: &str) -> Result<Self, KeeperError> {
        let written = Mutex::new(Highwater::read(folder)?);
        let (folder, origin) = (folder.to_owned(), origin.to_owned());
        Ok(Self(Arc::new(Inner { folder, origin, written })))
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
    pub fn erase(&self, commitment: [u8; 32]) -> Result<(), KeeperError> {
        self.change(|mark| {
            mark.erased.insert(commitment);
        })
    }

    fn change(&self, change: impl FnOnce(&mut Highwater)) -> Result<(), KeeperError> {
        let mut written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mark = written.clone().unwrap_or_else(|| Highwater {
            origin: String::new(),
            position: Position { group: 0, rows: 0 },
            closed: false,
            erased: std::collections::BTreeSet::new(),
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
