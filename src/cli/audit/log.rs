//! The logs and keys that a check is given.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    app::AppError,
    tlog::{Checkpoint, Files, Kind, Tile, VerifierKey, WIDTH, entries, read_tile},
};

/// A log in a folder.
pub(super) struct Log {
    dir: PathBuf,
    /// Whose it is: the key that signed its checkpoint.
    pub(super) key: VerifierKey,
    /// What it says of itself.
    pub(super) checkpoint: Checkpoint,
}

impl Files for Log {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.dir, path)
    }
}

impl Log {
    /// The log in `dir`, which one of `keys` must have signed.
    pub(super) fn open(dir: &Path, keys: &[VerifierKey]) -> Result<Self, AppError> {
        let path = dir.join("checkpoint");
        let reading = |source| AppError::Read { path: path.clone(), source };
        let note = read(dir, "checkpoint").map_err(reading)?;
        let note = note.ok_or_else(|| reading(io::ErrorKind::NotFound.into()))?;
        let mut wrong = None;
        for key in keys {
            match Checkpoint::open(&note, key) {
                Ok(checkpoint) => {
                    return Ok(Self { dir: dir.to_owned(), key: key.clone(), checkpoint });
                }
                Err(error) => wrong = Some(error),
            }
        }
        let wrong = wrong.map_or_else(|| "no key was given".to_owned(), |wrong| wrong.to_string());
        Err(AppError::Wrong(format!("the checkpoint of {}: {wrong}", dir.display())))
    }

    /// The row at `index`, as its bundle has it: to be believed only with a proof.
    pub(super) fn row(&self, index: u64) -> Result<Option<Vec<u8>>, AppError> {
        let bundle = Tile::of(Kind::Entries, index / WIDTH, self.checkpoint.size);
        let Some(bundle) = bundle.filter(|_| index < self.checkpoint.size) else { return Ok(None) };
        let reading = |source| AppError::Read { path: self.dir.join(bundle.to_string()), source };
        let Some((_, bytes)) = read_tile(self, bundle).map_err(reading)? else { return Ok(None) };
        let place = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        let rows = entries(&bytes).unwrap_or_default();
        Ok(rows.get(place).map(|row| row.to_vec()))
    }
}

fn read(dir: &Path, path: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(dir.join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The public keys of logs.
pub(super) fn keys(texts: &[String]) -> Result<Vec<VerifierKey>, AppError> {
    let wrong = |error| AppError::Wrong(format!("--key: {error}"));
    texts.iter().map(|text| VerifierKey::parse(text).map_err(wrong)).collect()
}

/// The JSON in a file.
pub(super) fn json(path: &Path) -> Result<Value, AppError> {
    let bytes =
        fs::read(path).map_err(|source| AppError::Read { path: path.to_owned(), source })?;
    let none = |error| AppError::Wrong(format!("{} is not JSON: {error}", path.display()));
    serde_json::from_slice(&bytes).map_err(none)
}
