//! `[backup]`: backups without being asked for.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// `[backup]`. Without it, backups are taken by `consentry store backup` alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSettings {
    /// The folder that holds them. It must lie apart from the key folder, and had better lie on another disk.
    pub dir: PathBuf,
    /// How many hours after one backup the next is taken.
    #[serde(default = "every_hours")]
    pub every_hours: NonZero<u32>,
    /// How many are kept; the oldest beyond are removed.
    #[serde(default = "keep")]
    pub keep: NonZero<usize>,
}

impl BackupSettings {
    pub(super) fn in_folder(&mut self, folder: &Path) {
        self.dir = folder.join(&self.dir);
    }
}

fn every_hours() -> NonZero<u32> {
    NonZero::<u32>::MIN.saturating_add(23)
}

fn keep() -> NonZero<usize> {
    NonZero::<usize>::MIN.saturating_add(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_taken_now_and_then_and_one_is_kept() {
        let read = |text: &str| toml::from_str::<BackupSettings>(text);
        let standard = read("dir = \"d\"").unwrap();
        assert_eq!((standard.every_hours.get(), standard.keep.get()), (24, 7));
        for never in ["every_hours = 0", "keep = 0"] {
            let refused = read(&format!("dir = \"d\"\n{never}")).unwrap_err().to_string();
            assert!(refused.contains(never) && refused.contains("nonzero"), "{refused}");
        }
    }
}
