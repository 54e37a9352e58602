//! `[backup]`: backups without being asked for.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `[backup]`. Without it, backups are taken by `consentry store backup` alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSettings {
    /// The folder that holds them. It must lie apart from the key folder, and had better lie on another disk.
    pub dir: PathBuf,
    /// How many hours after one backup the next is taken.
    #[serde(default = "every_hours")]
    pub every_hours: u32,
    /// How many are kept; the oldest beyond are removed.
    #[serde(default = "keep")]
    pub keep: usize,
}

impl BackupSettings {
    pub(super) fn in_folder(&mut self, folder: &Path) {
        self.dir = folder.join(&self.dir);
    }
}

fn every_hours() -> u32 {
    24
}

fn keep() -> usize {
    7
}
