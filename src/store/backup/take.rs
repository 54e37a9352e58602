//! Taking a backup while commits go on.
//!
//! The snapshot is taken first; what was committed while it was written stands in the journal behind it, up to one
//! group that is noted. So snapshot, journal, rows and bodies together are the state at that group, and restoring is
//! what every start does.

use std::path::{Path, PathBuf};

use super::{
    super::{
        error::{StoreError, doing},
        folder, journal, leaves,
        seal::{self, FILE_HEAD, FRAME_HEAD, Kind},
        snapshot,
        state::State,
    },
    manifest::{self, Hash, Kept, Manifest},
};
use crate::ambient::{File, Fs, OpenMode};

/// What a backup is taken with.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// The folder that holds the backups, each in a folder of its own.
    pub dir: PathBuf,
    /// The log's name.
    pub origin: String,
    /// Small files that belong to the store's folder and are not the store's own, such as its wrapped file key.
    pub beside: Vec<(String, Vec<u8>)>,
}

/// A backup that was taken.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Its folder.
    pub dir: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
    /// Bytes that were written for it.
    pub written: u64,
    /// Bytes that it shares with the backup before.
    pub shared: u64,
}

/// How the folder of a finished backup begins. Behind it stand the moment and the group, so names sort by age.
const BEGINS: &str = "consentry-";

/// The finished backups in `dir`, oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn backups_in(fs: &dyn Fs, dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let names = fs.list(dir).map_err(doing("listing the backups"))?;
    let finished = names.into_iter().filter(|name| name.starts_with(BEGINS) && !unfinished(name));
    Ok(finished.map(|name| dir.join(name)).collect())
}

fn unfinished(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "tmp")
}

impl State {
    /// Takes a backup; see [`super::super::Store::backup`].
    pub(in crate::store) fn backup(&self, request: &BackupRequest) -> Result<Backup, StoreError> {
        // Nothing is dropped or taken anew while its files are copied.
        let _one = self.lock_checkpoints();
        let seq = self.checkpoint_locked()?;
        let whole = |what| StoreError::Missing { path: snapshot::folder(&self.env.dir), what };
        let taken = self.snapshots.open(seq)?.ok_or_else(|| whole("the newest is damaged"))?;
        let end = self.cut();
        let fs = &*self.env.fs;
        fs.create_dir_all(&request.dir).map_err(doing("making the backups' folder"))?;
        for name in fs.list(&request.dir).map_err(doing("listing the backups"))? {
            if name.starts_with(BEGINS) && unfinished(&name) {
                let removed = fs.remove_dir_all(&request.dir.join(name));
                removed.map_err(doing("removing an unfinished backup"))?;
            }
        }
        let at = self.env.clock.now();
        let stamp: String = at.rfc3339().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let name = format!("{BEGINS}{stamp}-{:012}", end.seq);
        let mut copying = Copying::begin(fs, &request.dir, &name)?;
        for (path, bytes) in &request.beside {
            copying.bytes(path, bytes)?;
        }
        let file = format!("snap/snap-{seq:020}");
        copying.copy(&self.env.dir.join(&file), &file, None)?;
        for (file, bytes) in leaves::files(fs, &self.env.dir.join("log"), taken.cut.log_size)? {
            let path = format!("log/{file}");
            copying.copy(&self.env.dir.join(&path), &path, Some(bytes))?;
        }
        for (period, extent) in &taken.cut.bodies {
            for (kind, bytes) in [("bodies", extent.bytes), ("index", extent.count * 16)] {
                let path = format!("bodies/{period}.{kind}");
                copying.copy(&self.env.dir.join(&path), &path, Some(bytes))?;
            }
        }
        self.copy_journal(&mut copying, seq, end.seq)?;
        copying.bytes(folder::NAME, folder::text().as_bytes())?;
        let manifest = Manifest {
            format: manifest::FORMAT,
            store_format: folder::FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            origin: request.origin.clone(),
            taken_at: at.rfc3339(),
            group: end.seq,
            rows: end.log_size,
            files: Vec::new(),
        };
        copying.finish(manifest)
    }

    /// The segments that hold groups behind `after`, each up to `last`.
    fn copy_journal(
        &self,
        copying: &mut Copying<'_>,
        after: u64,
        last: u64,
    ) -> Result<(), StoreError> {
        let dir = journal::folder(&self.env.dir);
        let mut found = after;
        for number in self.held.behind(after) {
            let path = journal::path(&dir, number);
            let reading = || doing("reading a segment");
            let file = self.env.fs.open(&path, OpenMode::Read).map_err(reading())?;
            let key = &self.snapshots.key;
            let (_, sealer) = seal::open_file(Kind::Journal, number, &*file, &path, key)?.ok_or(
                StoreError::Damaged { segment: number, offset: 0, what: "its head is bad" },
            )?;
            let size = file.size().map_err(reading())?;
            let mut end = FILE_HEAD as u64;
            while let Some(bytes) = frame_at(&*file, end, size)? {
                let Some(frame) = sealer.find(&bytes).filter(|frame| frame.seq <= last) else {
                    break;
                };
                found = found.max(frame.seq);
                end = journal::sector_after(end + frame.length() as u64);
            }
            copying.copy(&path, &format!("journal/{number:020}.seg"), Some(end.min(size)))?;
        }
        if found < last {
            return Err(StoreError::Missing { path: dir, what: "groups of it do not read back" });
        }
        Ok(())
    }
}

/// The bytes that say to be a frame at `offset` of a segment of `size` bytes.
fn frame_at(file: &dyn File, offset: u64, size: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let left = size.saturating_sub(offset);
    let mut head = [0; FRAME_HEAD];
    if left < FRAME_HEAD as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut head, offset).map_err(doing("reading a segment"))?;
    let length = seal::claimed_length(&head).filter(|length| *length as u64 <= left);
    let Some(length) = length else { return Ok(None) };
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(doing("reading a segment"))?;
    Ok(Some(bytes))
}

/// A backup that is being written, under a name that says so.
struct Copying<'a> {
    fs: &'a dyn Fs,
    within: &'a Path,
    dir: PathBuf,
    name: &'a str,
    /// The backup before, whose equal files are shared.
    before: Option<(PathBuf, Manifest)>,
    files: Vec<Kept>,
    written: u64,
    shared: u64,
}

impl<'a> Copying<'a> {
    fn begin(fs: &'a dyn Fs, within: &'a Path, name: &'a str) -> Result<Self, StoreError> {
        let before = backups_in(fs, within)?.pop();
        let before = before.and_then(|dir| Some((dir.clone(), Manifest::read(fs, &dir).ok()?)));
        let dir = within.join(format!("{name}.tmp"));
        for part in ["snap", "log", "bodies", "journal"] {
            fs.create_dir_all(&dir.join(part)).map_err(doing("making a backup's folder"))?;
        }
        Ok(Self { fs, within, dir, name, before, files: Vec::new(), written: 0, shared: 0 })
    }

    /// Writes `bytes` as the file `path`.
    fn bytes(&mut self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut hash = Hash::new();
        hash.update(bytes);
        let opened = self.fs.open(&self.dir.join(path), OpenMode::Truncate);
        let written = opened.and_then(|file| {
            file.write_all_at(bytes, 0)?;
            file.sync_data()
        });
        written.map_err(doing("writing a backup"))?;
        self.note(path, bytes.len() as u64, hash.finish());
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Copies the first `bytes` of `from`, or all of it, as the file `path`.
    fn copy(&mut self, from: &Path, path: &str, bytes: Option<u64>) -> Result<(), StoreError> {
        let file = self.fs.open(from, OpenMode::Read).map_err(doing("reading a file to copy"))?;
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => file.size().map_err(doing("reading a file to copy"))?,
        };
        if let Some(sha256) = self.share(&*file, path, bytes)? {
            self.note(path, bytes, sha256);
            self.shared += bytes;
            return Ok(());
        }
        let writing = || doing("writing a backup");
        let to = self.fs.open(&self.dir.join(path), OpenMode::Truncate).map_err(writing())?;
        let (mut hash, mut at) = (Hash::new(), 0);
        manifest::read(&*file, bytes, |part| {
            hash.update(part);
            to.write_all_at(part, at).map_err(writing())?;
            at += part.len() as u64;
            Ok(())
        })?;
        to.sync_data().map_err(writing())?;
        self.note(path, bytes, hash.finish());
        self.written += bytes;
        Ok(())
    }

    /// Links to the file of the backup before if it holds the same bytes, which then take no room twice.
    fn share(&self, file: &dyn File, path: &str, bytes: u64) -> Result<Option<String>, StoreError> {
        let Some((dir, manifest)) = &self.before else { return Ok(None) };
        let same = |kept: &&Kept| kept.path == path && kept.bytes == bytes;
        let Some(kept) = manifest.files.iter().find(same) else { return Ok(None) };
        let mut hash = Hash::new();
        manifest::read(file, bytes, |part| {
            hash.update(part);
            Ok(())
        })?;
        let linked = hash.finish() == kept.sha256
            && self.fs.link(&dir.join(path), &self.dir.join(path)).is_ok();
        Ok(linked.then(|| kept.sha256.clone()))
    }

    fn note(&mut self, path: &str, bytes: u64, sha256: String) {
        self.files.push(Kept { path: path.to_owned(), bytes, sha256 });
    }

    /// Makes everything durable, then gives the backup its name.
    fn finish(mut self, manifest: Manifest) -> Result<Backup, StoreError> {
        let manifest = Manifest { files: std::mem::take(&mut self.files), ..manifest };
        let told = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        self.bytes(manifest::NAME, &told)?;
        let to = self.within.join(self.name);
        let finish = || {
            for part in ["snap", "log", "bodies", "journal", ""] {
                self.fs.sync_dir(&self.dir.join(part))?;
            }
            self.fs.rename(&self.dir, &to)?;
            self.fs.sync_dir(self.within)
        };
        finish().map_err(doing("finishing a backup"))?;
        Ok(Backup { dir: to, manifest, written: self.written, shared: self.shared })
    }
}
