//! Putting a backup in the place of a store's folder.
//!
//! Promises: nothing is touched before every file of the backup was read and found to be what its manifest says; what
//! was there stays beside it; the folder has its name only when all of it is on the disk.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        error::{StoreError, doing},
        journal, recover,
    },
    manifest::{self, Manifest},
};
use crate::{
    ambient::{Fs, OpenMode},
    domain::Timestamp,
};

/// What a restore is asked for.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The backup's folder.
    pub from: PathBuf,
    /// A folder with segments of the journal that were saved elsewhere and go further than the backup.
    pub journal: Option<PathBuf>,
    /// The store's folder.
    pub to: PathBuf,
    /// The present moment, which names what is moved aside.
    pub now: Timestamp,
}

/// A backup that was put in place. The store has yet to be opened.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Where the folder went that was there before.
    pub aside: Option<PathBuf>,
    /// How many segments came from elsewhere.
    pub segments: usize,
}

/// What stands in a restored folder until the gateway has taken note: which backup it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredMark {
    /// The last group of the backup.
    pub group: u64,
    /// Rows of the log at that group.
    pub rows: u64,
    /// When the backup was taken, as RFC 3339.
    pub taken_at: String,
    /// Whether later segments of the journal were laid over it.
    pub replayed: bool,
}

const MARK: &str = "RESTORED";

impl RestoredMark {
    pub(in crate::store) fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(MARK);
        let Ok(file) = fs.open(&path, OpenMode::Read) else { return Ok(None) };
        let bytes = file.read_to(4096).map_err(doing("reading the mark of a restore"))?;
        let damaged = |_| StoreError::Missing { path, what: "it says not what was restored" };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let written = fs.open(&dir.join(MARK), OpenMode::Truncate).and_then(|file| {
            file.write_all_at(&bytes, 0)?;
            file.sync_data()
        });
        written.map_err(doing("writing the mark of a restore"))
    }

    pub(in crate::store) fn remove(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
        let removed = fs.remove_file(&dir.join(MARK)).and_then(|()| fs.sync_dir(dir));
        removed.map_err(doing("removing the mark of a restore"))
    }
}

/// Puts a backup in the place of the store's folder, which no process may hold.
///
/// # Errors
/// When the backup is not what it says to be, the folder is in use, or the machine fails. The folder that was there is
/// then still in its place, unless the error says that it could not be put back.
pub fn restore(
    fs: &dyn Fs,
    request: &RestoreRequest,
    each: &mut dyn FnMut(u64, u64),
) -> Result<Restored, StoreError> {
    let RestoreRequest { from, to, .. } = request;
    let manifest = Manifest::read(fs, from)?;
    manifest.check(fs, from, each)?;
    let is_there = !fs.list(to).map_err(doing("looking at the data folder"))?.is_empty();
    let lock = if is_there { Some(recover::lock(fs, to)?) } else { None };
    let making = with_suffix(to, ".restoring");
    fs.remove_dir_all(&making).map_err(doing("removing an unfinished restore"))?;
    for part in ["", "snap", "log", "bodies", "journal"] {
        fs.create_dir_all(&making.join(part)).map_err(doing("making the data folder"))?;
    }
    for kept in &manifest.files {
        copy(fs, &from.join(&kept.path), &making.join(&kept.path), kept.bytes)?;
    }
    let segments = match &request.journal {
        Some(journal) => replay_later(fs, journal, &making)?,
        None => 0,
    };
    let mark = RestoredMark {
        group: manifest.group,
        rows: manifest.rows,
        taken_at: manifest.taken_at.clone(),
        replayed: segments > 0,
    };
    mark.write(fs, &making)?;
    for part in ["snap", "log", "bodies", "journal", ""] {
        fs.sync_dir(&making.join(part)).map_err(doing("syncing the data folder"))?;
    }
    let stamp: String = request.now.rfc3339().chars().filter(char::is_ascii_digit).collect();
    let aside = is_there.then(|| with_suffix(to, &format!(".before-restore-{stamp}")));
    let placing = || doing("putting the restored folder in place");
    if let Some(aside) = &aside {
        fs.rename(to, aside).map_err(placing())?;
    }
    fs.rename(&making, to).map_err(placing())?;
    // A folder named without another stands in the present one.
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs.sync_dir(parent.unwrap_or(Path::new("."))).map_err(placing())?;
    drop(lock);
    Ok(Restored { manifest, aside, segments })
}

/// Lays segments that were saved elsewhere over those of the backup. They hold the same groups and more; whether they
/// follow on each other is seen when the store opens.
fn replay_later(fs: &dyn Fs, from: &Path, making: &Path) -> Result<usize, StoreError> {
    let number = |name: &String| name.strip_suffix(".seg").and_then(|stem| stem.parse().ok());
    let to = journal::folder(making);
    let own: Vec<u64> =
        fs.list(&to).map_err(doing("listing a backup"))?.iter().filter_map(number).collect();
    let first = own.into_iter().min().unwrap_or(0);
    let mut later: Vec<u64> = fs
        .list(from)
        .map_err(doing("listing the saved journal"))?
        .iter()
        .filter_map(number)
        .collect();
    later.retain(|number| *number >= first);
    if later.is_empty() {
        let what = "it holds no segment that goes further than the backup";
        return Err(StoreError::Missing { path: from.to_owned(), what });
    }
    for number in &later {
        let path = journal::path(from, *number);
        let size = fs.open(&path, OpenMode::Read).and_then(|file| file.size());
        copy(fs, &path, &journal::path(&to, *number), size.map_err(doing("reading a segment"))?)?;
    }
    Ok(later.len())
}

fn copy(fs: &dyn Fs, from: &Path, to: &Path, bytes: u64) -> Result<(), StoreError> {
    let file = fs.open(from, OpenMode::Read).map_err(doing("reading a file to copy"))?;
    let writing = || doing("writing the data folder");
    let written = fs.open(to, OpenMode::Truncate).map_err(writing())?;
    let mut at = 0;
    manifest::read(&*file, bytes, |part| {
        written.write_all_at(part, at).map_err(writing())?;
        at += part.len() as u64;
        Ok(())
    })?;
    written.sync_data().map_err(writing())
}

/// `path` with `suffix` behind its last part.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
