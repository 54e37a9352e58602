//! What a log no longer has to hold (C2SP tlog-tiles, pruning): one line of JSON beside its checkpoint.
//!
//! ```text
//! {"minimum_index":65536}
//! ```
//! Bundles, and tiles of level 0, that end at or before it may be gone. It is a multiple of 65,536, so the tiles of level 1
//! stand for them and every root and proof above stays.

use std::fmt;

use super::tile::WIDTH;

/// How far a log's rows may be gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    minimum_index: u64,
}

impl Retention {
    /// Where it stands among the files of a log.
    pub const PATH: &'static str = "retention";

    /// A minimum index is a multiple of this.
    pub const STEP: u64 = WIDTH * WIDTH;

    /// Rows before `minimum_index` may be gone; nothing if it is not a multiple of [`Retention::STEP`].
    #[must_use]
    pub fn new(minimum_index: u64) -> Option<Self> {
        minimum_index.is_multiple_of(Self::STEP).then_some(Self { minimum_index })
    }

    /// The first row that the log still has to hold.
    #[must_use]
    pub fn minimum_index(self) -> u64 {
        self.minimum_index
    }

    /// Reads the line as [`Display`](fmt::Display) writes it, and no other way.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let number = text.strip_prefix("{\"minimum_index\":")?.strip_suffix("}\n")?;
        let read = Self::new(number.parse().ok()?)?;
        (read.to_string() == text).then_some(read)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{{\"minimum_index\":{}}}", self.minimum_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_index_has_one_form() {
        let line = "{\"minimum_index\":131072}\n";
        assert_eq!(Retention::parse(line.as_bytes()), Retention::new(131_072));
        for bad in ["131072", "1", "0131072", "+131072", " 131072", "131073", "-65536", ""] {
            let line = line.replacen("131072", bad, 1);
            let is_good = bad == "131072";
            assert_eq!(Retention::parse(line.as_bytes()).is_some(), is_good, "{bad}");
        }
        assert_eq!(Retention::parse(line.trim_end().as_bytes()), None);
    }
}
