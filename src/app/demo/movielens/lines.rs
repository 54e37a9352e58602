//! Lines of fields, and how to say which of them is wrong.

use std::rc::Rc;

use super::{MovieLensError, Place, Rating};
use crate::domain::Timestamp;

/// A file's text. Files of the nineties are in Latin-1, later ones in UTF-8.
pub(super) struct Text {
    file: Rc<str>,
    text: String,
}

impl Text {
    pub(super) fn new(file: &str, bytes: &[u8]) -> Self {
        let text = match std::str::from_utf8(bytes) {
            // Some editors put a mark of byte order first.
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            // Each byte of Latin-1 is the character of that number.
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        };
        Self { file: file.into(), text }
    }

    /// The lines that are not blank, each split at `separator`.
    pub(super) fn lines(&self, separator: char) -> impl Iterator<Item = Line<'_>> {
        let lines = self.text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty());
        lines.map(move |(text, line)| Line {
            fields: text.trim_end_matches('\r').split(separator).collect(),
            place: Place { file: Rc::clone(&self.file), line },
        })
    }

    /// Where the file begins.
    pub(super) fn start(&self) -> Place {
        Place { file: Rc::clone(&self.file), line: 1 }
    }
}

/// One line.
pub(super) struct Line<'a> {
    pub(super) fields: Vec<&'a str>,
    pub(super) place: Place,
}

impl<'a> Line<'a> {
    pub(super) fn field(
        &self,
        at: usize,
        expected: &'static str,
    ) -> Result<&'a str, MovieLensError> {
        self.fields.get(at).copied().ok_or_else(|| self.place.expected(expected))
    }

    /// An id: some text without control characters, short enough for a gateway's id.
    pub(super) fn id(&self, at: usize, expected: &'static str) -> Result<String, MovieLensError> {
        let id = self.field(at, expected)?;
        if id.is_empty() || id.len() > 256 || id.chars().any(char::is_control) {
            return Err(self.place.expected(expected));
        }
        Ok(id.to_owned())
    }

    /// Whole years.
    pub(super) fn age(&self, at: usize) -> Result<u16, MovieLensError> {
        let expected = "an age in whole years";
        self.field(at, expected)?.parse().map_err(|_| self.place.expected(expected))
    }

    /// A rating whose person, item, stars and seconds since 1970 stand in these columns.
    pub(super) fn rating(&self, columns: [usize; 4]) -> Result<Rating, MovieLensError> {
        let [person, item, stars, at] = columns;
        Ok(Rating {
            person: self.id(person, "a user id")?,
            item: self.id(item, "an item id")?,
            stars: self.number(stars, 0.0, 5.0, "a rating from 0 to 5")?,
            at: self.seconds(at)?,
            place: self.place.clone(),
        })
    }

    fn seconds(&self, at: usize) -> Result<Timestamp, MovieLensError> {
        // To the year 5138, far inside what 64 bits of milliseconds hold.
        let seconds = self.number(at, 0.0, 1e11, "a time in seconds since 1970")?;
        #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
        Ok(Timestamp::from_millis((seconds * 1000.0) as i64))
    }

    fn number(
        &self,
        at: usize,
        least: f64,
        most: f64,
        expected: &'static str,
    ) -> Result<f64, MovieLensError> {
        let number = self.field(at, expected)?.parse().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.place.expected(expected))
    }
}

/// Genres as tags, each once, without the word for none.
pub(super) fn tags<'a>(genres: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for genre in genres.filter(|genre| !genre.is_empty() && *genre != "unknown") {
        if !tags.iter().any(|tag| tag == genre) {
            tags.push(genre.to_owned());
        }
    }
    tags
}
