//! What lies in the data folder, as the disk tells it.

use std::{fs, path::Path, time::UNIX_EPOCH};

/// The parts of the data folder and their folders in it.
const PARTS: [(&str, &str); 5] = [
    ("journal", "journal"),
    ("snapshots", "snap"),
    ("log", "log"),
    ("bodies", "bodies"),
    ("view", "view"),
];

/// Each part of the data folder with the bytes its files hold. What cannot be read counts for nothing.
pub(super) fn sizes(dir: &Path) -> impl Iterator<Item = (&'static str, u64)> {
    PARTS.into_iter().map(move |(part, folder)| (part, size(&dir.join(folder))))
}

/// When the newest snapshot was written, in milliseconds since 1970.
pub(super) fn newest_snapshot(dir: &Path) -> Option<i64> {
    let entries = fs::read_dir(dir.join("snap")).ok()?.filter_map(Result::ok);
    let snapshots = entries.filter(|entry| {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("snap-"));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    let written = snapshots.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    let since = written.max()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

fn size(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let entries = entries.filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.metadata().ok().map(|known| (entry, known)))
        .map(|(entry, known)| if known.is_dir() { size(&entry.path()) } else { known.len() })
        .sum()
}
