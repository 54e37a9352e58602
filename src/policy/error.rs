//! What can be wrong with a bundle, told so that its author can mend it: all of it at once, as far as one fault does
//! not hide another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong, and where. The text quotes the bundle, which holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaw {
    /// The file, relative to the bundle's folder.
    pub file: String,
    /// The line, counted from 1; absent where the whole file is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong and, where it helps, what is allowed.
    pub reason: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for place in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{place}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why a bundle of policies cannot be used: at least one flaw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", one_line(flaws))]
pub struct PolicyError {
    flaws: Vec<Flaw>,
}

impl PolicyError {
    /// Everything that is wrong, in the order in which it was found.
    #[must_use]
    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// An error at the byte `offset` of `text`, which is the content of `file`.
    pub(super) fn at(file: &str, text: &str, offset: usize, reason: impl Into<String>) -> Self {
        let (line, column) = place_of(text, offset);
        let (line, column) = (Some(line), Some(column));
        Flaw { file: file.to_owned(), line, column, reason: reason.into() }.into()
    }

    /// An error about a file as a whole.
    pub(super) fn of_file(file: &str, reason: impl Into<String>) -> Self {
        Flaw { file: file.to_owned(), line: None, column: None, reason: reason.into() }.into()
    }

    /// An error that toml found in `file`.
    pub(super) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(file, text, offset, error.message())
    }
}

impl From<Flaw> for PolicyError {
    fn from(flaw: Flaw) -> Self {
        Self { flaws: vec![flaw] }
    }
}

/// Collects what is wrong while reading goes on.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<Flaw>);

impl Found {
    /// Notes what is wrong, if `result` is an error.
    pub(super) fn keep<T>(&mut self, result: Result<T, PolicyError>) -> Option<T> {
        result.map_err(|error| self.0.extend(error.flaws)).ok()
    }

    /// `Ok` if nothing was found.
    pub(super) fn finish(self) -> Result<(), PolicyError> {
        if self.0.is_empty() { Ok(()) } else { Err(PolicyError { flaws: self.0 }) }
    }
}

fn one_line(flaws: &[Flaw]) -> String {
    flaws.iter().map(Flaw::to_string).collect::<Vec<_>>().join("; ")
}

/// The line and the column, counted from 1, of the byte `offset`.
pub(super) fn place_of(text: &str, offset: usize) -> (usize, usize) {
    // An offset inside a character counts as that character's.
    let end = (0..=offset.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let before = text.get(..end.unwrap_or_default()).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

/// The line, counted from 1, in which the byte `offset` lies.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    place_of(text, offset).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters() {
        let text = "a = 1\n맞춤 = 2\n";
        assert_eq!(place_of(text, 0), (1, 1));
        assert_eq!(place_of(text, 4), (1, 5));
        assert_eq!(place_of(text, 6), (2, 1));
        assert_eq!(place_of(text, 13), (2, 4));
        assert_eq!(place_of(text, 10_000), (3, 1));
    }

    #[test]
    fn every_flaw_is_told() {
        let mut found = Found::default();
        assert_eq!(found.keep(Ok(1)), Some(1));
        assert_eq!(found.keep::<()>(Err(PolicyError::at("a.toml", "x\ny", 2, "is none"))), None);
        found.keep::<()>(Err(PolicyError::of_file("b.cedar", "is not there")));
        let error = found.finish().unwrap_err();
        assert_eq!(error.to_string(), "a.toml:2:1: is none; b.cedar: is not there");
        assert!(Found::default().finish().is_ok());
    }
}
