//! Searches bytes for an id in any encoding it could hide in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use consentry::domain::hex;

/// An id, and each way to write it down.
pub(crate) struct Needles(Vec<Vec<u8>>);

impl Needles {
    pub(crate) fn of(id: &str) -> Self {
        let hex = hex(id.as_bytes());
        let url = |keep: &str| -> String {
            let keeps = |b: u8| b.is_ascii_alphanumeric() || keep.as_bytes().contains(&b);
            id.bytes()
                .map(|b| if keeps(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
                .collect()
        };
        let wide: Vec<u8> = id.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut all = vec![id.into(), hex.to_uppercase().into(), hex.into(), wide];
        for url in [url("-_.~"), url("-_.~@"), url("")] {
            all.push(url.to_lowercase().into());
            all.push(url.into());
        }
        all.extend((0..3).flat_map(|before| base64(id, before)));
        Self(all)
    }

    /// Whether the id stands somewhere in `hay`, in any encoding.
    pub(crate) fn are_in(&self, hay: impl AsRef<[u8]>) -> bool {
        let hay = hay.as_ref();
        let stands = |needle: &Vec<u8>| hay.windows(needle.len()).any(|window| window == needle);
        self.0.iter().any(stands)
    }

    /// The files under `folder` with the id in them.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            self.are_in(path.to_string_lossy().as_bytes()) || self.are_in(fs::read(path).unwrap())
        };
        files(folder).into_iter().filter(holds).collect()
    }
}

/// What stays the same of base64 whatever stands before and after, with `before` bytes before.
fn base64(id: &str, before: usize) -> [Vec<u8>; 2] {
    let bytes = [&vec![0; before], id.as_bytes()].concat();
    let whole = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]
        .map(|text| text[whole.clone()].into())
}

/// All files under `folder`.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // Sockets hold nothing.
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.filter(|path| path.is_dir() || path.is_file()).flat_map(below).collect()
}
