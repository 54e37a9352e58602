//! Small files that hold secrets: readable by their owner alone, and on the disk before anyone relies on them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
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
