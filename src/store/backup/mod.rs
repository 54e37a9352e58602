//! Backups: the whole store at one group, in a folder that says what it holds.
//!
//! Promises: a backup has its name only when it is whole and on the disk; every file in it has its size and SHA-256 in
//! the manifest, and restoring reads them all before anything is touched; no key-encryption key is in it.
//!
//! ```text
//! consentry-<moment>-<group>/
//!   manifest.json                   format, origin, moment, group, rows; path, size and SHA-256 of each file
//!   FORMAT  file.key                as in the store's folder; the file key is wrapped by the KEK, which is elsewhere
//!   snap/snap-<group>               the state at an earlier group
//!   journal/<number>.seg            every group from there to the backup's own
//!   log/  bodies/                   rows and their sealed bodies up to the snapshot; later ones stand in the journal
//! ```

mod manifest;
mod restore;
mod take;

pub use manifest::{Kept, Manifest};
pub use restore::{RestoreRequest, Restored, RestoredMark, restore};
pub use take::{Backup, BackupRequest, backups_in};
