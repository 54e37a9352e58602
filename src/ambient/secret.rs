//! Small files that hold secrets: readable by their owner alone, and on the disk before anyone relies on them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use zeroize::Zeroizing;

/// Makes a folder that its owner alone may enter, with its parents. A folder that is there stays as it is.
///
/// # Errors
/// When the folder cannot be made.
pub fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Reads a secret file, `None` when there is none.
///
/// # Errors
/// When it is there and cannot be read, or is larger than 64 KiB.
pub fn read_secret(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(65_537).read_to_end(&mut bytes)?;
    if bytes.len() > 65_536 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a secret file is at most 64 KiB"));
    }
    Ok(Some(bytes))
}

/// Reads a file that its owner alone may read, however long it is; `None` when there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_private(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Writes `bytes` behind the first `length` bytes of a file that its owner alone may read, which is made if need be, and waits
/// until they are on the disk. What stood behind goes.
///
/// # Errors
/// What the machine said; some of `bytes` may then stand there.
pub fn append_private(path: &Path, length: u64, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) if length == 0 => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Writes a new secret file with mode 0400 and waits until it and its folder are on the disk. An existing file is
/// left alone.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when the file is there; else what the machine said.
pub fn create_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a secret file with mode 0400 in the place of the one that is there, and waits until it is on the disk. A crash
/// leaves the old file or the new one.
///
/// # Errors
/// What the machine said.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Overwrites a secret file and removes it, and waits until both are on the disk. One that is not there is no failure.
///
/// A disk that writes elsewhere what is written again (most do: SSDs, copy-on-write file systems) may keep the bytes.
///
/// # Errors
/// What the machine said; the file may then be overwritten and still be there.
pub fn destroy_secret(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    overwrite(path)?;
    fs::remove_file(path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Overwrites all files of a folder and removes it, if it is there; with the same caveat as [`destroy_secret`].
///
/// # Errors
/// What the machine said; some of it may then be left.
pub fn wipe_dir(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            wipe_dir(&entry.path())?;
        } else {
            overwrite(&entry.path())?;
        }
    }
    fs::remove_dir_all(path)
}

fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let size = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(size), &mut io::BufWriter::with_capacity(1 << 20, &mut file))?;
    file.sync_all()
}
