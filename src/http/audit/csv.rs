//! CSV (RFC 4180) of objects that JSON answers hold, so that both tell the same.
//!
//! A cell that a spreadsheet would take for a formula gets an apostrophe before it: one that begins with `=`, `+`, `-`,
//! `@`, a tab or a carriage return. Numbers are numbers; null is an empty cell; a list is its words with spaces between; an
//! object is its JSON.

use std::borrow::Cow;

use serde_json::Value;

/// The first line.
pub(super) fn head(columns: &[&str]) -> Vec<u8> {
    line(columns.iter().map(|column| Cow::Borrowed(*column)))
}

/// The members of `object` that are `columns`, as a line.
pub(super) fn row(columns: &[&str], object: &Value) -> Vec<u8> {
    line(columns.iter().map(|column| cell(object.get(*column).unwrap_or(&Value::Null))))
}

fn cell(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => guarded(Cow::Borrowed(text)),
        Value::Array(list) => {
            let words = list
                .iter()
                .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned));
            guarded(Cow::Owned(words.collect::<Vec<_>>().join(" ")))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Cow::Owned(value.to_string()),
    }
}

fn guarded(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(Vec::with_capacity(256));
    // Writing to memory cannot fail, and a writer of one line sees no two lengths.
    let _ = writer.write_record(cells.map(Cow::into_owned));
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_what_json_says_and_never_a_formula() {
        let object = json!({
            "a": "=1+1", "b": "-x", "c": "@y", "d": "+z", "e": "plain, \"quoted\"", "f": null, "g": -5, "h": ["b", "c"],
            "i": {"k": 1}, "j": true, "l": "\tx", "m": ["=b"]
        });
        let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "l", "m", "none"];
        let line = String::from_utf8(row(&columns, &object)).unwrap();
        let expected = "'=1+1,'-x,'@y,'+z,\"plain, \"\"quoted\"\"\",,-5,b c,\"{\"\"k\"\":1}\",true,'\tx,'=b,\r\n";
        assert_eq!(line, expected);
        assert_eq!(head(&["a", "b"]), b"a,b\r\n");
    }
}
