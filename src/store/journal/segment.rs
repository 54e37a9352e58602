//! One file of the journal, and how it is made.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::ambient::{Entropy, File, Fs, OpenMode};

use super::super::{
    error::{StoreError, doing},
    options::FileKey,
    seal::{self, Kind, Sealer},
};

/// One file of the journal, open for writing.
#[derive(Debug)]
pub(in crate::store) struct Segment {
    pub(super) number: u64,
    pub(super) file: Box<dyn File>,
    pub(super) sealer: Sealer,
    /// In bytes, its head with it.
    pub(super) size: u64,
}

impl Segment {
    pub(in crate::store) fn number(&self) -> u64 {
        self.number
    }
}

/// The name of a segment's file.
pub(in crate::store) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.seg"))
}

/// Makes segments.
#[derive(Clone, Debug)]
pub(in crate::store) struct Maker {
    pub(in crate::store) fs: Arc<dyn Fs>,
    pub(in crate::store) dir: PathBuf,
    pub(in crate::store) size: u64,
    pub(in crate::store) key: FileKey,
    pub(in crate::store) entropy: Entropy,
}

impl Maker {
    /// Makes a zeroed segment. It gets its name only when all of it is on the disk.
    pub(in crate::store) fn make(&self, number: u64) -> Result<Segment, StoreError> {
        let temporary = self.dir.join(format!("{number:020}.tmp"));
        let (head, sealer) =
            seal::new_file(Kind::Journal, number, self.size, &self.key, &self.entropy)?;
        let made = self.fill(&temporary, &head).and_then(|file| {
            self.fs.rename(&temporary, &path(&self.dir, number))?;
            self.fs.sync_dir(&self.dir)?;
            Ok(file)
        });
        if made.is_err() {
            // Room is short when this fails; what was filled so far is of no use to anyone.
            let _ = self.fs.remove_file(&temporary);
        }
        let file = made.map_err(doing("making a segment of the journal"))?;
        Ok(Segment { number, file, sealer, size: self.size })
    }

    fn fill(&self, path: &Path, head: &[u8]) -> std::io::Result<Box<dyn File>> {
        let file = self.fs.open(path, OpenMode::Truncate)?;
        zero(&*file, 0, self.size)?;
        file.write_all_at(head, 0)?;
        file.sync_data()?;
        Ok(file)
    }
}

/// Writes zeros from `from` to `to`.
pub(super) fn zero(file: &dyn File, from: u64, to: u64) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut at = from;
    while at < to {
        let count = usize::try_from(to - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(zeros.get(..count).unwrap_or_default(), at)?;
        at += count as u64;
    }
    Ok(())
}
