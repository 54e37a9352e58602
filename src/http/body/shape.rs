//! Says what is wrong with a body's shape without repeating what stood in it.
//!
//! serde's messages hold values of the body: ``invalid type: string "ada@example.com", expected u64``. Of such a message
//! only the parts that stem from our own types are used: its kind, the name of a field of ours, and the text after
//! the last `, expected `, which each visitor writes as a constant and which stands behind the value. Everything
//! else is dropped, and a message of no known kind is dropped whole.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_path_to_error::Segment;

use crate::http::{Fault, Problem, ProblemKind};

/// The problem behind `error`, which reading `text` into `T` gave; `text` begins on the line `first`, from 1.
pub(super) fn problem<'a, T: Deserialize<'a>>(
    text: &'a str,
    error: &serde_json::Error,
    first: usize,
) -> Problem {
    let (line, column) = (error.line() + first - 1, error.column());
    match error.classify() {
        Category::Data => {
            Problem::invalid(&[Fault { line: Some(line), ..fault::<T>(text, error) }])
        }
        Category::Eof if text.trim().is_empty() => {
            not_json("There is nothing to read.".to_owned(), first, 1)
        }
        Category::Eof => not_json(
            format!("The body ends in the middle of a value (line {line}, column {column})."),
            line,
            column,
        ),
        // A word that is read into one of several is refused so where another kind of value stands.
        Category::Syntax if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            let fault = fault::<T>(text, error);
            let detail = if error.to_string().starts_with("number out of range") {
                "must be a number that a double can hold"
            } else {
                "must be one of the words that this call takes"
            };
            Problem::invalid(&[Fault { line: Some(line), detail: detail.to_owned(), ..fault }])
        }
        Category::Syntax | Category::Io => not_json(
            format!("What stands at line {line}, column {column} is not JSON."),
            line,
            column,
        ),
    }
}

fn not_json(detail: String, line: usize, column: usize) -> Problem {
    Problem::new(ProblemKind::NotJson, detail).with("line", line).with("column", column)
}

fn fault<'a, T: Deserialize<'a>>(text: &'a str, error: &serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let (mut detail, allowed) = reword(message);
    // Only now, when the call has failed already, is the body read again to learn the path.
    let deserializer = &mut serde_json::Deserializer::from_str(text);
    let (mut pointer, last) = match serde_path_to_error::deserialize::<_, T>(deserializer) {
        Err(tracked) => pointer(tracked.path()),
        Ok(_) => (String::new(), None),
    };
    if message.starts_with("unknown field") {
        // The name is the caller's own word, and the object it stands in is the place.
        if let Some(name) = last {
            detail = format!("has no field `{name}`");
            let parent = pointer.len().saturating_sub(name.len() + 1);
            pointer.truncate(parent);
        }
    }
    // serde_json counts what it has read, which for a body of another kind is nothing.
    let column = Some(column.max(1));
    Fault { pointer, detail, line: Some(line), column, allowed }
}

/// The path as a JSON pointer, and its last name. It ends before the first name that does not look like one of a
/// field: where keys are free, one may be somebody's id.
fn pointer(path: &serde_path_to_error::Path) -> (String, Option<String>) {
    let (mut pointer, mut last) = (String::new(), None);
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                last = None;
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } if plain(key) => {
                last = Some(key.clone());
                pointer.push('/');
                pointer.push_str(key);
            }
            Segment::Map { .. } => return (pointer, None),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    (pointer, last)
}

/// Whether a key looks like a field's name: letters and underscores. Ids have digits, signs or spaces.
fn plain(key: &str) -> bool {
    (1..=32).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// What the message says would be right, and the words that are allowed.
fn reword(message: &str) -> (String, Vec<String>) {
    let expected = || message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let words =
        || -> Vec<String> { expected().split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let detail = if message.starts_with("unknown field ") {
        return ("has a field that is not known here".to_owned(), words());
    } else if message.starts_with("unknown variant ") {
        let allowed = words();
        return (format!("must be one of {}", allowed.join(", ")), allowed);
    } else if let Some(name) = message.strip_prefix("missing field ") {
        format!("{name} is missing")
    } else if let Some(name) = message.strip_prefix("duplicate field ") {
        format!("{name} stands there twice")
    } else if let Some(found) = message.strip_prefix("invalid type: ") {
        format!("must be {}, not {}", readable(expected()), noun(found))
    } else if message.starts_with("invalid value: ") || message.starts_with("invalid length ") {
        format!("must be {}", readable(expected()))
    } else if message.starts_with("data did not match any variant") {
        "has none of the forms that are allowed here".to_owned()
    } else if constant(message) {
        message.to_owned()
    } else {
        "is not valid".to_owned()
    };
    (detail, Vec::new())
}

/// Whether a message is a refusal of `domain`: "a KIND must be RULE" or "a KIND is one of WORDS", which hold no input.
fn constant(message: &str) -> bool {
    let kind = message.split_once(" must be ").or_else(|| message.split_once(" is one of "));
    kind.is_some_and(|(kind, rule)| {
        (kind.starts_with("a ") || kind.starts_with("an "))
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')
            && rule.bytes().all(|b| b.is_ascii_alphanumeric() || b" .,:'+-_".contains(&b))
    })
}

/// What serde found, as JSON calls it. Its value is behind the word and is not read.
fn noun(found: &str) -> &'static str {
    const NOUNS: [(&str, &str); 9] = [
        ("string", "a string"),
        ("integer", "a whole number"),
        ("floating point", "a number with a fraction"),
        ("boolean", "true or false"),
        ("null", "null"),
        ("unit", "null"),
        ("map", "an object"),
        ("sequence", "an array"),
        ("newtype", "an object"),
    ];
    NOUNS
        .iter()
        .find(|(prefix, _)| found.starts_with(prefix))
        .map_or("what was sent", |(_, noun)| *noun)
}

/// What serde expected, as JSON calls it.
fn readable(expected: &str) -> Cow<'_, str> {
    if let Some(length) = expected.strip_prefix("a tuple of size ") {
        return Cow::Owned(format!("an array of {length} values"));
    }
    Cow::Borrowed(match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "string" | "a borrowed string" => "a string",
        "bool" | "a boolean" => "true or false",
        "a map" => "an object",
        "a sequence" => "an array",
        "string or map" => "a string or an object",
        "" => "of another form",
        own if own.starts_with("struct ") || own.contains("enum ") => "an object",
        own if own.starts_with("tuple ") => "an array",
        own => own,
    })
}
