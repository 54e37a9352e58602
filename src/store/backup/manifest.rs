//! What a backup says of itself, and whether its files are what it says.

use std::path::Path;

use ring::digest;
use serde::{Deserialize, Serialize};

use super::super::{
    error::{StoreError, doing},
    folder,
};
use crate::{
    ambient::{File, Fs, OpenMode},
    domain::hex,
};

/// The form of a backup that this program writes.
pub(super) const FORMAT: u16 = 1;
pub(super) const NAME: &str = "manifest.json";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the backup.
    pub format: u16,
    /// The form of the store's folder in it.
    pub store_format: u16,
    /// The version of the program that made it.
    pub program: String,
    /// The log's name.
    pub origin: String,
    /// When it was begun, as RFC 3339.
    pub taken_at: String,
    /// The last group of the journal in it.
    pub group: u64,
    /// Rows of the log at that group.
    pub rows: u64,
    /// Every other file in it, by path.
    pub files: Vec<Kept>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Where it stands, from the backup's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// The part of a manifest that every form has.
#[derive(Deserialize)]
struct Form {
    format: u16,
    program: Option<String>,
}

impl Manifest {
    /// Reads the manifest of the backup in `dir`.
    ///
    /// # Errors
    /// When it is missing, damaged or of a newer program.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let missing = |what| StoreError::Missing { path: path.clone(), what };
        let bytes = fs.open(&path, OpenMode::Read).and_then(|file| file.read_to(64 << 20));
        let bytes = bytes.map_err(|_| missing("there is no backup here"))?;
        let form: Form =
            serde_json::from_slice(&bytes).map_err(|_| missing("it is no backup's manifest"))?;
        if form.format > FORMAT {
            let program = form.program.unwrap_or_default();
            return Err(StoreError::newer(path.clone(), form.format, FORMAT, &program));
        }
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|_| missing("it is no backup's manifest"))?;
        if manifest.store_format > folder::FORMAT {
            let (found, known) = (manifest.store_format, folder::FORMAT);
            return Err(StoreError::newer(path, found, known, &manifest.program));
        }
        if manifest.files.iter().any(|file| !is_inside(&file.path)) {
            return Err(missing("it names a file outside the backup"));
        }
        Ok(manifest)
    }

    /// Reads every file of the backup in `dir`; `each` is told the bytes read so far and in all.
    ///
    /// # Errors
    /// At the first file that is missing or not what the manifest says.
    pub fn check(
        &self,
        fs: &dyn Fs,
        dir: &Path,
        each: &mut dyn FnMut(u64, u64),
    ) -> Result<(), StoreError> {
        let all = self.files.iter().map(|file| file.bytes).sum();
        let mut done = 0;
        for kept in &self.files {
            let path = dir.join(&kept.path);
            let wrong = |what| StoreError::Missing { path: path.clone(), what };
            let file = fs.open(&path, OpenMode::Read).map_err(|_| wrong("it is not there"))?;
            if file.size().map_err(doing("reading a backup"))? != kept.bytes {
                return Err(wrong("its size is not the manifest's"));
            }
            let mut hash = Hash::new();
            read(&*file, kept.bytes, |part| {
                hash.update(part);
                done += part.len() as u64;
                each(done, all);
                Ok(())
            })?;
            if hash.finish() != kept.sha256 {
                return Err(wrong("its SHA-256 is not the manifest's"));
            }
        }
        Ok(())
    }
}

/// Whether `path` stays inside the folder it is joined to.
fn is_inside(path: &str) -> bool {
    let plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(plain)
}

/// A SHA-256 under way.
pub(super) struct Hash(digest::Context);

impl Hash {
    pub(super) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

/// Hands the first `bytes` of a file on, in parts.
pub(super) fn read(
    file: &dyn File,
    bytes: u64,
    mut each: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut part = vec![0; 1 << 20];
    let mut at = 0;
    while at < bytes {
        let count = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(part.len());
        let Some(part) = part.get_mut(..count) else { break };
        file.read_exact_at(part, at).map_err(doing("reading a file to copy"))?;
        each(part)?;
        at += count as u64;
    }
    Ok(())
}
