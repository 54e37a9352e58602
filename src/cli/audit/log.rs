//! The logs and keys that a check is given.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::source::Source;
use crate::{
    app::AppError,
    tlog::{Checkpoint, Files, Kind, Tile, VerifierKey, WIDTH, entries, read_tile},
};

/// Most bytes of a signed checkpoint.
const LONGEST_NOTE: usize = 1 << 20;

/// A log.
pub(super) struct Log {
    source: Source,
    /// Whose it is: the key that signed its checkpoint.
    pub(super) key: VerifierKey,
    /// What it says of itself.
    pub(super) checkpoint: Checkpoint,
}

impl Files for Log {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.source.read(path)
    }

    fn read_within(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        self.source.read_within(path, most)
    }
}

impl Log {
    /// The log at `log`, a folder or an address, which one of `keys` must have signed.
    pub(super) fn open(log: &str, keys: &[VerifierKey]) -> Result<Self, AppError> {
        let source = Source::at(log).map_err(AppError::Wrong)?;
        let reading =
            |source| AppError::Read { path: PathBuf::from(log).join("checkpoint"), source };
        let note = source.read_within("checkpoint", LONGEST_NOTE).map_err(reading)?;
        let note = note.ok_or_else(|| reading(io::ErrorKind::NotFound.into()))?;
        let mut wrong = None;
        for key in keys {
            match Checkpoint::open(&note, key) {
                Ok(checkpoint) => {
                    return Ok(Self { source, key: key.clone(), checkpoint });
                }
                Err(error) => wrong = Some(error),
            }
        }
        let wrong = wrong.map_or_else(|| "no key was given".to_owned(), |wrong| wrong.to_string());
        Err(AppError::Wrong(format!("the checkpoint of {log}: {wrong}")))
    }

    /// The row at `index`, as its bundle has it: to be believed only with a proof.
    pub(super) fn row(&self, index: u64) -> Result<Option<Vec<u8>>, AppError> {
        let bundle = Tile::of(Kind::Entries, index / WIDTH, self.checkpoint.size);
        let Some(bundle) = bundle.filter(|_| index < self.checkpoint.size) else { return Ok(None) };
        let reading = |source| AppError::Read { path: bundle.to_string().into(), source };
        let Some((_, bytes)) = read_tile(self, bundle).map_err(reading)? else { return Ok(None) };
        let place = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        let rows = entries(&bytes).unwrap_or_default();
        Ok(rows.get(place).map(|row| row.to_vec()))
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
