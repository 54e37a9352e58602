//! Reads everything in a store's folder and says what it read and what is wrong with it. Changes nothing.
//!
//! Snapshots and journal are read frame by frame: checksum, seal, order. From them it works out what every record must
//! be, and holds the view against that; rows and bodies are read one by one.

mod journal;
mod views;

use std::{path::PathBuf, sync::Arc};

use super::{
    error::{StoreError, doing},
    folder,
    options::{Engine, FileKey},
    recover,
    snapshot::{self, Snapshots},
};
use crate::ambient::{Entropy, Fs};

/// What is verified.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The store's folder, which no process may hold.
    pub dir: PathBuf,
    /// Where it is.
    pub fs: Arc<dyn Fs>,
    /// Whether there is a view on the disk.
    pub engine: Engine,
    /// What journal and snapshots are sealed under.
    pub file_key: FileKey,
}

/// What was read, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// The format of the folder; 0 for an empty one.
    pub format: u16,
    /// Snapshots, and the group of the newest good one.
    pub snapshots: u64,
    /// The group of the newest good snapshot; 0 without one.
    pub snapshot: u64,
    /// Segments of the journal.
    pub segments: u64,
    /// Groups in them.
    pub groups: u64,
    /// The last group.
    pub last_group: u64,
    /// Records that snapshot and journal give.
    pub records: u64,
    /// Records of the view that were held against them.
    pub viewed: u64,
    /// Rows of the log that were read.
    pub rows: u64,
    /// Bodies that were read.
    pub bodies: u64,
    /// Bytes that were read of snapshots and journal.
    pub bytes: u64,
    /// What is no damage and worth knowing.
    pub notes: Vec<String>,
    /// What is wrong, the first of each part; empty if nothing is.
    pub wrong: Vec<Wrong>,
}

/// A thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Wrong {
    /// The file, from the store's folder, and the place in it.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

/// What is being read, for who shows progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The snapshots.
    Snapshots,
    /// The journal, in bytes.
    Journal,
    /// The rows of the log.
    Rows,
    /// The bodies.
    Bodies,
    /// The view of the records.
    View,
}

impl Part {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshots => "snapshots",
            Self::Journal => "journal",
            Self::Rows => "rows",
            Self::Bodies => "bodies",
            Self::View => "view",
        }
    }
}

/// Told how much of a part was read, and how much there is.
type Told<'a> = &'a mut dyn FnMut(Part, u64, u64);

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }

    fn wrong(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.wrong.push(Wrong { place: place.into(), what: what.into() });
    }
}

/// Reads everything in a store's folder.
///
/// # Errors
/// When the folder is in use or of a newer program, the key is another one, or the machine fails. Damage is no error
/// but what is reported.
pub fn verify(
    request: &VerifyRequest,
    told: &mut dyn FnMut(Part, u64, u64),
) -> Result<Verified, StoreError> {
    let VerifyRequest { dir, fs, file_key, .. } = request;
    let _lock = recover::lock(&**fs, dir)?;
    let mut verified =
        Verified { format: folder::read(&**fs, dir)?.unwrap_or(0), ..Verified::default() };
    let base = read_snapshots(request, &mut verified, told)?;
    let walk = journal::Walk { fs: &**fs, dir, key: file_key };
    let expected = walk.read(base, &mut verified, told)?;
    verified.records = expected.records.len() as u64;
    views::rows(&**fs, dir, &expected, &mut verified, told);
    views::bodies(&**fs, dir, &expected, &mut verified, told);
    if request.engine == Engine::Sled {
        views::records(dir, &expected, &mut verified, told)?;
    }
    Ok(verified)
}

/// Reads every snapshot; the state of the newest good one.
fn read_snapshots(
    request: &VerifyRequest,
    verified: &mut Verified,
    told: Told<'_>,
) -> Result<journal::Expected, StoreError> {
    let snapshots = Snapshots {
        fs: request.fs.clone(),
        dir: snapshot::folder(&request.dir),
        key: request.file_key.clone(),
        entropy: Entropy::seeded(0),
    };
    let found = snapshots.list()?;
    let mut newest = journal::Expected::default();
    for (done, seq) in (1..).zip(&found) {
        let place = format!("snap/snap-{seq:020}");
        let mut expected = journal::Expected::default();
        let whole = match snapshots.open(*seq)? {
            Some(snapshot) => {
                let epochs = &mut |_| Ok(());
                let records = &mut |read: Vec<_>| {
                    expected.put_all(read);
                    Ok(())
                };
                let whole = snapshot.read(epochs, Some(records))?;
                (expected.cut, expected.through) = (snapshot.cut.clone(), snapshot.through);
                whole
            }
            None => false,
        };
        verified.snapshots += 1;
        verified.bytes += size(request, &place)?;
        if whole {
            verified.snapshot = *seq;
            newest = expected;
        } else {
            verified.wrong(place, "the snapshot is damaged");
        }
        told(Part::Snapshots, done, found.len() as u64);
    }
    Ok(newest)
}

fn size(request: &VerifyRequest, place: &str) -> Result<u64, StoreError> {
    let file = request.fs.open(&request.dir.join(place), crate::ambient::OpenMode::Read);
    file.and_then(|file| file.size()).map_err(doing("reading a snapshot"))
}
