//! What people are told, per language.

use std::fmt::Write;

use ring::digest::{Context, SHA256};

/// One text per language, the fallback first.
#[derive(Debug)]
pub struct Texts<T>(pub(super) Vec<(String, T)>);

impl<T> Texts<T> {
    /// The text whose language is that of the tag `language` (`ko` for `ko-KR`), else the first one. A catalogue
    /// has at least one language, and each of its texts is there in all of them.
    pub(super) fn in_language(&self, language: &str) -> (&str, &T) {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        let found = self.0.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(primary));
        #[expect(clippy::expect_used, reason = "the catalogue is refused without a language")]
        let (tag, text) =
            found.or_else(|| self.0.first()).expect("a catalogue has at least one language");
        (tag, text)
    }

    /// All texts with their languages.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(language, text)| (language.as_str(), text))
    }
}

/// What a person is told before they decide, in one language.
#[derive(Debug)]
pub struct Notice {
    pub(super) version: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) digest: String,
}

impl Notice {
    /// The version that its author gave it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its heading.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 in hex of purpose, language, version, title and text: what was shown, to the letter.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The digest of a notice with this text: of `[purpose, language, version, title, text]`, each with its length before
    /// it as eight bytes, most significant first.
    #[must_use]
    pub fn digest_of(parts: [&str; 5]) -> String {
        sha256(parts)
    }
}

/// SHA-256 in hex over `parts`, each with its length before it, so that no two lists of parts hash alike.
pub(in crate::policy) fn sha256<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
