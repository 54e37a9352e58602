//! The file system, as a trait, so that a test can make it fail at any call.
//!
//! Promises: nothing here hides a failure or a missing sync; what a method does not say is durable is not. Reads and
//! writes name their offset, so no call depends on one before it.

use std::{
    fmt, fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it must be there.
    Read,
    /// For reading and writing, as it is; made empty if it is not there.
    Write,
    /// For reading and writing, emptied first.
    Truncate,
}

/// Room on the disk that holds a path, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this process may still use.
    pub free: u64,
    /// What the disk holds in all.
    pub total: u64,
}

/// A file system.
pub trait Fs: Send + Sync + fmt::Debug {
    /// Opens a file. A new file's name is durable only after [`Fs::sync_dir`].
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>>;
    /// Makes a folder and those above it, if they are not there.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, sorted; none if it is not there.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Renames a file or folder, replacing a file of the new name. Durable after [`Fs::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; both are the same bytes from then on. Durable after [`Fs::sync_dir`].
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after [`Fs::sync_dir`].
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and all in it, if it is there.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// The room on the disk under `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads what is at `offset`, up to the size of `into`; 0 at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`. After a failure any part may be written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// How many bytes it holds.
    fn size(&self) -> io::Result<u64>;
    /// Cuts it, or fills it up with zeros.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes contents and size durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;
    /// Locks it for this process alone, without waiting; false if another holds it. Closing unlocks.
    fn try_lock(&self) -> io::Result<bool>;

    /// Fills `into` from `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends before.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut at = offset;
        let mut rest = into;
        while !rest.is_empty() {
            let read = self.read_at(rest, at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at = at.saturating_add(read as u64);
            rest = std::mem::take(&mut rest).get_mut(read..).unwrap_or_default();
        }
        Ok(())
    }

    /// All of it, up to `most` bytes.
    fn read_to(&self, most: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.size()?.min(most)).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

impl Fs for RealFs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let mut how = fs::OpenOptions::new();
        how.read(true);
        match mode {
            OpenMode::Read => &mut how,
            OpenMode::Write => how.write(true).create(true).truncate(false),
            OpenMode::Truncate => how.write(true).create(true).truncate(true),
        };
        Ok(Box::new(RealFile(how.open(path)?)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let disk = rustix::fs::statvfs(path)?;
        Ok(Space {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }
}

#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(into, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whether one of two folders is the other or lies in it, whatever they are called.
#[must_use]
pub fn overlap(one: &Path, other: &Path) -> bool {
    let (one, other) = (real_path(one), real_path(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// `path` as the disk names it: absolute, and with links followed as far as it is there.
fn real_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = path
        .ancestors()
        .find_map(|known| Some(known.canonicalize().ok()?.join(path.strip_prefix(known).ok()?)));
    real.unwrap_or(path)
}
