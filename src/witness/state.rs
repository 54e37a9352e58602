//! What a witness cosigned last of a log, as a file.
//!
//! ```text
//! consentry witness state 1
//! crc32c <8 hex digits, of all that follows this line>
//! <the checkpoint as it was submitted>
//! ```
//!
//! The checkpoint is kept with the log's own signature, so that the file is evidence by itself.

use std::{
    io,
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};

use super::WitnessError;
use crate::{
    ambient::{Fs, OpenMode},
    domain::hex,
    tlog::{Checkpoint, Hash, Note},
};

const HEAD: &str = "consentry witness state ";
const VERSION: &str = "1";
const ENDING: &str = ".state";

/// The longest file that is read, in bytes: a body's limit and some.
const LONGEST: u64 = 4 << 20;

/// What was cosigned last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) size: u64,
    pub(super) root: Hash,
    /// The signed note.
    pub(super) note: String,
}

/// The folder that the files lie in.
#[derive(Debug)]
pub(super) struct Folder<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) path: &'a Path,
}

impl Folder<'_> {
    /// Everything that was cosigned last, by origin.
    pub(super) fn read(&self) -> Result<Vec<(String, Kept)>, WitnessError> {
        let names = self.fs.list(self.path).map_err(failed(self.path))?;
        let states = names.iter().filter(|name| name.ends_with(ENDING));
        states.map(|name| self.read_one(&self.path.join(name), name)).collect()
    }

    fn read_one(&self, path: &Path, name: &str) -> Result<(String, Kept), WitnessError> {
        let file = self.fs.open(path, OpenMode::Read);
        let bytes = file.and_then(|file| file.read_to(LONGEST)).map_err(failed(path))?;
        let text = String::from_utf8(bytes).map_err(|_| WitnessError::Damaged(path.to_owned()))?;
        match version(&text) {
            None => return Err(WitnessError::Damaged(path.to_owned())),
            Some(VERSION) => {}
            Some(_) => return Err(WitnessError::Newer(path.to_owned())),
        }
        let found = parse(&text).filter(|(origin, _)| file_name(origin, ENDING) == name);
        found.ok_or_else(|| WitnessError::Damaged(path.to_owned()))
    }

    /// Writes what was cosigned last of `origin`, durably. A crash leaves the old file or the new one; after an error,
    /// either may be there.
    pub(super) fn write(&self, origin: &str, note: &str) -> Result<(), WitnessError> {
        let crc = crc32c::crc32c(note.as_bytes());
        let text = format!("{HEAD}{VERSION}\ncrc32c {crc:08x}\n{note}");
        self.put(&file_name(origin, ENDING), &text)
    }

    /// Keeps two checkpoints of one log that cannot both be true, unless such a pair is kept already; the file.
    pub(super) fn keep_fork(
        &self,
        origin: &str,
        kept: &str,
        other: &str,
    ) -> Result<PathBuf, WitnessError> {
        let name = file_name(origin, ".fork");
        let names = self.fs.list(self.path).map_err(failed(self.path))?;
        if !names.contains(&name) {
            let text =
                format!("Two checkpoints of one size, both signed by the log.\n\n{kept}\n{other}");
            self.put(&name, &text)?;
        }
        Ok(self.path.join(name))
    }

    fn put(&self, name: &str, text: &str) -> Result<(), WitnessError> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}.tmp"));
        let written = || -> io::Result<()> {
            let file = self.fs.open(&temporary, OpenMode::Truncate)?;
            file.write_all_at(text.as_bytes(), 0)?;
            file.sync_data()?;
            self.fs.rename(&temporary, &path)?;
            self.fs.sync_dir(self.path)
        };
        written().map_err(failed(&path))
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WitnessError + use<> {
    let path = path.to_owned();
    move |source| WitnessError::Io { path, source }
}

/// An origin may hold any character, and be long.
fn file_name(origin: &str, ending: &str) -> String {
    let hash = digest(&SHA256, origin.as_bytes());
    format!("{}{ending}", hex(hash.as_ref().get(..16).unwrap_or_default()))
}

fn version(text: &str) -> Option<&str> {
    text.strip_prefix(HEAD)?.split('\n').next()
}

fn parse(text: &str) -> Option<(String, Kept)> {
    let (_, rest) = text.split_once('\n')?;
    let (crc, note) = rest.strip_prefix("crc32c ")?.split_once('\n')?;
    if format!("{:08x}", crc32c::crc32c(note.as_bytes())) != crc {
        return None;
    }
    let checkpoint = Checkpoint::of_text(Note::parse(note.as_bytes()).ok()?.text).ok()?;
    let kept = Kept { size: checkpoint.size, root: checkpoint.root, note: note.to_owned() };
    Some((checkpoint.origin, kept))
}
