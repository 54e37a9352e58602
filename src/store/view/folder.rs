//! Which of two folders the view on disk is in, so that a new one can be made beside it and take its place at once.
//!
//! ```text
//! view.in    the name of the folder, `view` or `view.b`; `view` if there is no such file
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::ambient::{Fs as _, OpenMode, RealFs, wipe_dir};

const NAMES: [&str; 2] = ["view", "view.b"];
const POINTER: &str = "view.in";

/// The folder that the view of the store in `dir` is in.
pub(in crate::store) fn folder(dir: &Path) -> PathBuf {
    dir.join(name(dir))
}

/// The one of the two folders that is not `this`.
pub(in crate::store) fn other(dir: &Path, this: &Path) -> PathBuf {
    let [first, second] = NAMES.map(|name| dir.join(name));
    if first == this { second } else { first }
}

/// Durably says that the view is in `folder`, one of the two.
pub(in crate::store) fn point_to(dir: &Path, folder: &Path) -> io::Result<()> {
    let name = NAMES.into_iter().find(|name| dir.join(name) == folder);
    let name = name.ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = dir.join("view.in.tmp");
    let file = RealFs.open(&temporary, OpenMode::Truncate)?;
    file.write_all_at(name.as_bytes(), 0)?;
    file.sync_data()?;
    RealFs.rename(&temporary, &dir.join(POINTER))?;
    RealFs.sync_dir(dir)
}

/// Overwrites and removes what is in the folder that is not `this`.
pub(in crate::store) fn remove_other(dir: &Path, this: &Path) -> io::Result<()> {
    wipe_dir(&other(dir, this))
}

fn name(dir: &Path) -> &'static str {
    let found = RealFs.open(&dir.join(POINTER), OpenMode::Read).and_then(|file| file.read_to(16));
    let found = found.unwrap_or_default();
    NAMES.into_iter().find(|name| name.as_bytes() == found).unwrap_or(NAMES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_is_where_it_was_last_said_to_be() {
        let dir = std::env::temp_dir().join(format!("consentry-view-{}", std::process::id()));
        RealFs.remove_dir_all(&dir).unwrap();
        RealFs.create_dir_all(&dir).unwrap();
        assert_eq!(folder(&dir), dir.join("view"));
        assert_eq!(other(&dir, &dir.join("view")), dir.join("view.b"));
        point_to(&dir, &dir.join("view.b")).unwrap();
        assert_eq!(folder(&dir), dir.join("view.b"));
        assert_eq!(other(&dir, &dir.join("view.b")), dir.join("view"));
        assert!(point_to(&dir, &dir.join("snap")).is_err());
        RealFs.create_dir_all(&dir.join("view/blobs")).unwrap();
        std::fs::write(dir.join("view/db"), b"a handle").unwrap();
        remove_other(&dir, &dir.join("view.b")).unwrap();
        remove_other(&dir, &dir.join("view.b")).unwrap();
        assert!(!dir.join("view").exists());
        RealFs.remove_dir_all(&dir).unwrap();
    }
}
