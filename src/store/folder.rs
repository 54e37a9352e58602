//! The version of the whole folder: what a program must know to use it, and how an older folder becomes a newer one.
//!
//! Promises: a folder of a newer program is refused with the version that is needed, before anything in it is read or
//! changed; an older one is copied whole before it is changed, and a crash at any point leaves it as it was or lets
//! the next start go on.
//!
//! ```text
//! FORMAT              "consentry-store <n>\nwritten by consentry <version>\n"; a folder without it is of format 1
//! before-format-<n>/  the folder as it was before it became format n; remove it when the new program has proved itself
//! ```

use std::path::Path;

use super::error::{StoreError, doing};
use crate::ambient::{Fs, OpenMode};

/// The newest format, which is the one that is written.
pub(super) const FORMAT: u16 = 2;
pub(super) const NAME: &str = "FORMAT";

/// One step from a format to the next.
struct Step {
    to: u16,
    /// Changes what has to be changed. It may be done again after a crash.
    change: fn(&dyn Fs, &Path) -> Result<(), StoreError>,
}

/// Format 2: groups of the journal may delete by the beginning of keys. Nothing is rewritten, since groups of format 1
/// are still read; but a program of format 1 stops at the first group of format 2, so there is no way back but the copy.
const STEPS: &[Step] = &[Step { to: 2, change: |_, _| Ok(()) }];

/// What the file says in a folder of this program.
pub(super) fn text() -> String {
    format!("consentry-store {FORMAT}\nwritten by consentry {}\n", env!("CARGO_PKG_VERSION"))
}

/// Makes sure that the folder is of the format that this program writes. Returns the format it was of before, if it was
/// an older one.
pub(super) fn bring_up_to_date(fs: &dyn Fs, dir: &Path) -> Result<Option<u16>, StoreError> {
    let found = read(fs, dir)?;
    let outdated = found.filter(|found| *found < FORMAT);
    if let Some(found) = outdated {
        migrate(fs, dir, found, STEPS)?;
    }
    if found != Some(FORMAT) {
        write(fs, dir)?;
    }
    Ok(outdated)
}

/// The format of the folder; `None` for a new one. Changes nothing.
pub(super) fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<u16>, StoreError> {
    let path = dir.join(NAME);
    let Ok(file) = fs.open(&path, OpenMode::Read) else {
        let list = |part| fs.list(&dir.join(part)).map_err(doing("looking at the data folder"));
        let is_new = list("journal")?.is_empty() && list("snap")?.is_empty();
        return Ok((!is_new).then_some(1));
    };
    let bytes = file.read_to(4096).map_err(doing("reading the folder's format"))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let number = lines.next().and_then(|line| line.strip_prefix("consentry-store ")?.parse().ok());
    let Some(found) = number else {
        return Err(StoreError::Missing { path, what: "it names no format" });
    };
    if found > FORMAT {
        let program = lines.next().and_then(|line| line.strip_prefix("written by consentry "));
        return Err(StoreError::newer(path, found, FORMAT, program.unwrap_or_default()));
    }
    Ok(Some(found))
}

fn write(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let temporary = dir.join("FORMAT.tmp");
    let written = fs.open(&temporary, OpenMode::Truncate).and_then(|file| {
        file.write_all_at(text().as_bytes(), 0)?;
        file.sync_data()?;
        fs.rename(&temporary, &dir.join(NAME))?;
        fs.sync_dir(dir)
    });
    written.map_err(doing("writing the folder's format"))
}

/// Takes each step from `found` on, after copying the folder.
fn migrate(fs: &dyn Fs, dir: &Path, found: u16, steps: &[Step]) -> Result<(), StoreError> {
    let Some(last) = steps.last() else { return Ok(()) };
    let copy = dir.join(format!("before-format-{}", last.to));
    if fs.list(&copy).map_err(doing("looking for a copy of the folder"))?.is_empty() {
        tracing::warn!(store.format = found, store.copy = %copy.display(), "the store's folder is of an older format and is copied before it is changed");
        copy_folder(fs, dir, &copy)?;
    }
    for step in steps.iter().filter(|step| step.to > found) {
        (step.change)(fs, dir)?;
    }
    Ok(())
}

/// Removes the copies that were made before the format changed.
pub(super) fn remove_copies(fs: &dyn Fs, dir: &Path) -> std::io::Result<()> {
    for name in fs.list(dir)?.into_iter().filter(|name| name.starts_with("before-format-")) {
        fs.remove_dir_all(&dir.join(name))?;
    }
    Ok(())
}

/// Copies what the state is in; views are made anew from it.
fn copy_folder(fs: &dyn Fs, dir: &Path, copy: &Path) -> Result<(), StoreError> {
    let copying = || doing("copying the folder before its format changes");
    let making = copy.with_extension("tmp");
    fs.remove_dir_all(&making).map_err(copying())?;
    for part in ["", "journal", "snap", "log", "bodies"] {
        let (from, to) = (dir.join(part), making.join(part));
        fs.create_dir_all(&to).map_err(copying())?;
        for name in fs.list(&from).map_err(copying())? {
            let is_state = !part.is_empty() || name == "file.key" || name == NAME;
            if !is_state {
                continue;
            }
            let copied = fs.open(&from.join(&name), OpenMode::Read).and_then(|file| {
                let to = fs.open(&to.join(&name), OpenMode::Truncate)?;
                let (size, mut at) = (file.size()?, 0);
                let mut bytes = vec![0; 1 << 20];
                while at < size {
                    let count = usize::try_from(size - at).unwrap_or(usize::MAX).min(bytes.len());
                    let part = bytes.get_mut(..count).unwrap_or_default();
                    file.read_exact_at(part, at)?;
                    to.write_all_at(part, at)?;
                    at += count as u64;
                }
                to.sync_data()
            });
            copied.map_err(copying())?;
        }
        fs.sync_dir(&to).map_err(copying())?;
    }
    fs.rename(&making, copy).and_then(|()| fs.sync_dir(dir)).map_err(copying())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::{Fault, FaultFs};

    const DIR: &str = "/data";

    fn put(fs: &FaultFs, name: &str, bytes: &[u8]) {
        let file = fs.open(&Path::new(DIR).join(name), OpenMode::Truncate).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.sync_data().unwrap();
        fs.sync_dir(Path::new(DIR)).unwrap();
    }

    fn bytes(fs: &FaultFs, name: &str) -> Option<Vec<u8>> {
        fs.bytes(&Path::new(DIR).join(name))
    }

    /// A step as one may come: it replaces what a file says.
    const TO_UPPER: Step = Step {
        to: 2,
        change: |fs, dir| {
            let path = dir.join("snap/a");
            let upper = fs.open(&path, OpenMode::Write).and_then(|file| {
                file.write_all_at(&file.read_to(9)?.to_ascii_uppercase(), 0)?;
                file.sync_data()
            });
            upper.map_err(doing("trying a step"))
        },
    };

    #[test]
    fn a_step_is_taken_after_a_whole_copy_and_a_fault_at_any_call_leaves_the_copy_or_nothing() {
        for after in 0.. {
            let fs = FaultFs::new();
            put(&fs, "snap/a", b"old");
            fs.arm(Some(Fault { after, ..Fault::default() }));
            let done = migrate(&fs, Path::new(DIR), 1, &[TO_UPPER]);
            fs.arm(None);
            let changed = bytes(&fs, "snap/a").unwrap() != b"old";
            let copy = bytes(&fs, "before-format-2/snap/a");
            assert!(!changed || copy.as_deref() == Some(b"old"), "changed without a copy");
            migrate(&fs, Path::new(DIR), 1, &[TO_UPPER]).unwrap();
            assert_eq!(bytes(&fs, "snap/a").unwrap(), b"OLD");
            assert_eq!(bytes(&fs, "before-format-2/snap/a").unwrap(), b"old");
            if done.is_ok() {
                assert!(after > 4, "the fault never struck");
                return;
            }
        }
    }

    #[test]
    fn a_folder_of_a_newer_program_is_refused_with_the_version_that_is_needed() {
        let fs = FaultFs::new();
        put(&fs, NAME, b"consentry-store 9\nwritten by consentry 4.2.0\n");
        let refused = bring_up_to_date(&fs, Path::new(DIR)).unwrap_err().to_string();
        assert!(refused.contains("format 9") && refused.contains("consentry 4.2.0"), "{refused}");
        assert!(bytes(&fs, NAME).unwrap().starts_with(b"consentry-store 9"));
    }

    #[test]
    fn a_new_folder_is_of_the_newest_format_and_one_without_a_word_of_the_first() {
        let fs = FaultFs::new();
        assert_eq!(bring_up_to_date(&fs, Path::new(DIR)).unwrap(), None);
        assert_eq!(read(&fs, Path::new(DIR)).unwrap(), Some(FORMAT));
        let fs = FaultFs::new();
        put(&fs, "journal/1.seg", b"x");
        assert_eq!(bring_up_to_date(&fs, Path::new(DIR)).unwrap(), Some(1));
        assert_eq!(bring_up_to_date(&fs, Path::new(DIR)).unwrap(), None, "once is enough");
    }
}
