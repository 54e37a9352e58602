//! Reads rows from NDJSON and CSV, and knows on which line each stands.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use clap::ValueEnum;
use csv::{ByteRecord, ReaderBuilder};
use ring::digest::{Context, SHA256};
use serde_json::{Map, Value, json};

use crate::{
    app::AppError,
    domain::TenantId,
    operate::imports::{ImportId, Kind, LONGEST_ROW, Reason},
};

const BUFFER: usize = 256 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The columns of consents.
const CONSENT_COLUMNS: [&str; 12] = [
    "subject",
    "subject_type",
    "purpose",
    "action",
    "categories",
    "at",
    "expires_at",
    "notice_version",
    "notice_language",
    "notice_digest",
    "guardian",
    "under_14_until",
];

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A JSON object a line.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a head.
    Csv,
}

impl Format {
    /// The form that was named, or that of the file's name.
    pub(super) fn of(file: &Path, named: Option<Self>) -> Result<Self, AppError> {
        let extension = file.extension().and_then(|extension| extension.to_str());
        match (named, extension.map(str::to_ascii_lowercase).as_deref()) {
            (Some(named), _) => Ok(named),
            (None, Some("ndjson" | "jsonl")) => Ok(Self::Ndjson),
            (None, Some("csv")) => Ok(Self::Csv),
            _ => Err(AppError::Unreadable(
                "the file's name does not say its form: add --format ndjson or --format csv"
                    .to_owned(),
            )),
        }
    }
}

/// What the file is: the same bytes are the same import, for one kind, form and tenant.
pub(super) fn identify(
    file: &Path,
    kind: Kind,
    format: Format,
    tenant: &TenantId,
) -> io::Result<ImportId> {
    let mut hash = Context::new(&SHA256);
    let form = match format {
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
    };
    for part in ["consentry/import/v1", kind.as_str(), form, tenant.as_str()] {
        hash.update(part.as_bytes());
        hash.update(b"\n");
    }
    let mut file = fs::File::open(file)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let mut id = [0; 32];
    for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    Ok(ImportId(id))
}

/// Some rows, as JSON objects, and on which line of the file each begins.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) objects: Vec<Bytes>,
    pub(super) lines: Vec<u64>,
    /// Whether there are no more.
    pub(super) last: bool,
}

/// A file's rows.
pub(super) struct Source {
    form: Form,
    read: Arc<AtomicU64>,
    ahead: Option<(u64, Bytes)>,
}

enum Form {
    Lines { input: BufReader<Counted>, line: u64 },
    Table(Box<Table>),
}

struct Table {
    input: csv::Reader<Counted>,
    kind: Kind,
    columns: Vec<String>,
    record: ByteRecord,
}

/// Counts what is read of a file.
struct Counted {
    input: Box<dyn Read>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Source {
    pub(super) fn open(input: Box<dyn Read>, kind: Kind, format: Format) -> Result<Self, AppError> {
        let read = Arc::new(AtomicU64::new(0));
        let input = Counted { input, read: read.clone() };
        let form = match format {
            Format::Ndjson => {
                Form::Lines { input: BufReader::with_capacity(BUFFER, input), line: 0 }
            }
            Format::Csv => Form::Table(Box::new(Table::open(input, kind)?)),
        };
        Ok(Self { form, read, ahead: None })
    }

    /// How many bytes were read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Passes over rows that were taken before.
    pub(super) fn skip(&mut self, rows: u64) -> io::Result<()> {
        for _ in 0..rows {
            if self.next()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The next rows: `most` of them, or as many as fill `bytes`.
    pub(super) fn rows(&mut self, most: usize, bytes: usize) -> io::Result<Rows> {
        let (mut rows, mut filled) = (Rows::default(), 0);
        while rows.objects.len() < most && filled < bytes {
            let next = match self.ahead.take() {
                Some(next) => Some(next),
                None => self.next()?,
            };
            let Some((line, row)) = next else {
                rows.last = true;
                return Ok(rows);
            };
            filled += row.len();
            rows.lines.push(line);
            rows.objects.push(row);
        }
        // Whether these were the last is known only by asking for one more.
        self.ahead = self.next()?;
        rows.last = self.ahead.is_none();
        Ok(rows)
    }

    fn next(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        match &mut self.form {
            Form::Lines { input, line } => next_line(input, line),
            Form::Table(table) => table.next(),
        }
    }
}

/// The next line that is not empty.
fn next_line(input: &mut BufReader<Counted>, line: &mut u64) -> io::Result<Option<(u64, Bytes)>> {
    loop {
        *line += 1;
        let mut row = Vec::new();
        let most = LONGEST_ROW as u64 + 2;
        if input.by_ref().take(most).read_until(b'\n', &mut row)? == 0 {
            return Ok(None);
        }
        if row.last() != Some(&b'\n') && row.len() as u64 == most {
            input.skip_until(b'\n')?;
            return Ok(Some((*line, unreadable(Reason::TooLong))));
        }
        let start = if *line == 1 { row.strip_prefix(BYTE_ORDER_MARK) } else { None };
        let text = start.unwrap_or(&row).trim_ascii();
        if !text.is_empty() {
            // A line end inside a row would make two of it on the way.
            return Ok(Some((*line, Bytes::copy_from_slice(text))));
        }
    }
}

fn unreadable(reason: Reason) -> Bytes {
    json!({ "unreadable": reason.as_str() }).to_string().into()
}

impl Table {
    fn open(input: Counted, kind: Kind) -> Result<Self, AppError> {
        let mut input =
            ReaderBuilder::new().flexible(true).buffer_capacity(BUFFER).from_reader(input);
        let refused = |text: String| AppError::Unreadable(text);
        let head =
            input.byte_headers().map_err(|_| refused("the head cannot be read".to_owned()))?;
        let mut columns = Vec::new();
        for (at, name) in head.iter().enumerate() {
            let name =
                if at == 0 { name.strip_prefix(BYTE_ORDER_MARK).unwrap_or(name) } else { name };
            let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
            // What stands there is not repeated: in a file without a head it is a person's.
            let known = kind == Kind::Items || CONSENT_COLUMNS.contains(&name.as_str());
            if !known {
                let known = CONSENT_COLUMNS.join(", ");
                return Err(refused(format!("column {} of the head is none of {known}", at + 1)));
            }
            if columns.contains(&name) {
                return Err(refused(format!("column {} of the head stands twice", at + 1)));
            }
            columns.push(name);
        }
        let must: &[&str] = match kind {
            Kind::Consents => &["subject", "purpose", "action", "at"],
            Kind::Items => &["id"],
        };
        if let Some(missing) = must.iter().find(|name| !columns.iter().any(|known| known == *name))
        {
            return Err(refused(format!("the head has no column {missing}")));
        }
        Ok(Self { input, kind, columns, record: ByteRecord::new() })
    }

    fn next(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        if !self.input.read_byte_record(&mut self.record).map_err(io::Error::other)? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        Ok(Some((line, self.row().unwrap_or_else(unreadable))))
    }

    fn row(&self) -> Result<Bytes, Reason> {
        if self.record.len() != self.columns.len() {
            return Err(Reason::WrongColumns);
        }
        if self.record.as_slice().len() > LONGEST_ROW {
            return Err(Reason::TooLong);
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        for (name, cell) in self.columns.iter().zip(&self.record) {
            let cell = std::str::from_utf8(cell).map_err(|_| Reason::NotText)?;
            if !cell.is_empty() {
                cells.push((name.as_str(), cell));
            }
        }
        let row = match self.kind {
            Kind::Consents => consent(cells),
            Kind::Items => item(cells),
        };
        serde_json::to_vec(&row).map(Bytes::from).map_err(|_| Reason::NotText)
    }
}

fn consent(cells: Vec<(&str, &str)>) -> Map<String, Value> {
    let (mut row, mut subject, mut notice) = (Map::new(), Map::new(), Map::new());
    for (name, cell) in cells {
        let (fields, name, value) = match name {
            "subject" => (&mut subject, "id", cell.into()),
            "subject_type" => (&mut subject, "type", cell.into()),
            "notice_version" => (&mut notice, "version", cell.into()),
            "notice_language" => (&mut notice, "language", cell.into()),
            "notice_digest" => (&mut notice, "digest", cell.into()),
            "categories" => (&mut row, name, list(cell, category)),
            "guardian" => (&mut row, name, cell.parse().map_or(Value::from(cell), Value::Bool)),
            _ => (&mut row, name, cell.into()),
        };
        fields.insert(name.to_owned(), value);
    }
    for (name, fields) in [("subject", subject), ("notice", notice)] {
        if !fields.is_empty() {
            row.insert(name.to_owned(), fields.into());
        }
    }
    row
}

fn item(cells: Vec<(&str, &str)>) -> Map<String, Value> {
    let (mut row, mut attributes) = (Map::new(), Map::new());
    for (name, cell) in cells {
        match name {
            "id" => row.insert(name.to_owned(), cell.into()),
            "tags" => row.insert(name.to_owned(), list(cell, |tag| tag.into())),
            _ => attributes.insert(name.to_owned(), cell.into()),
        };
    }
    row.insert("attributes".to_owned(), attributes.into());
    row
}

/// Values of one cell, with semicolons between.
fn list(cell: &str, value: impl Fn(&str) -> Value) -> Value {
    cell.split(';').map(str::trim).filter(|part| !part.is_empty()).map(value).collect()
}

/// `location`, or `location:coarse`.
fn category(text: &str) -> Value {
    match text.split_once(':') {
        Some((id, detail)) => json!({ "id": id.trim(), "detail": detail.trim() }),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &'static str, kind: Kind, format: Format) -> Vec<(u64, Value)> {
        let mut source = Source::open(Box::new(text.as_bytes()), kind, format).unwrap();
        let rows = source.rows(100, usize::MAX).unwrap();
        assert!(rows.last);
        let json = rows.objects.iter().map(|row| serde_json::from_slice(row).unwrap());
        rows.lines.iter().copied().zip(json).collect()
    }

    #[test]
    fn lines_are_numbered_as_in_the_file() {
        let text = "\u{feff}{\"id\":\"a\"}\r\n\n  \n{\"id\":\"b\"}";
        let told = rows(text, Kind::Items, Format::Ndjson);
        assert_eq!(told, [(1, json!({"id": "a"})), (4, json!({"id": "b"}))]);
    }

    #[test]
    fn a_table_of_consents_is_read_into_rows() {
        let text = "subject,purpose,action,at,categories,notice_version,guardian\n\
            \"a,da\",p,give,2024-05-01T00:00:00Z,activity; location:coarse,1,true\n\
            bob,p,withdraw,2024-05-01T00:00:00Z,,,\n";
        let told = rows(text, Kind::Consents, Format::Csv);
        let ada = json!({"subject": {"id": "a,da"}, "purpose": "p", "action": "give",
            "at": "2024-05-01T00:00:00Z", "notice": {"version": "1"}, "guardian": true,
            "categories": ["activity", {"id": "location", "detail": "coarse"}]});
        assert_eq!(told[0], (2, ada));
        assert_eq!(told[1].1.get("notice"), None);
    }

    #[test]
    fn other_columns_of_items_are_attributes() {
        let text = "id,tags,brand\ntv-1,tv;4k,Aurora\ntv-2,tv\ntv-3,,\"two\nlines\"\ntv-4,,\n";
        let told = rows(text, Kind::Items, Format::Csv);
        let first = json!({"id": "tv-1", "tags": ["tv", "4k"], "attributes": {"brand": "Aurora"}});
        assert_eq!(told[0], (2, first));
        assert_eq!(told[1], (3, json!({"unreadable": "wrong_columns"})));
        assert_eq!((told[2].0, told[3].0), (4, 6));
    }

    #[test]
    fn a_head_that_is_none_is_not_repeated() {
        for (text, told) in [
            ("ada@example.com,p,give,now\n", "column 1 of the head is none of subject"),
            ("subject,purpose,action\n", "the head has no column at"),
            ("subject,subject\n", "column 2 of the head stands twice"),
        ] {
            let opened = Source::open(Box::new(text.as_bytes()), Kind::Consents, Format::Csv);
            let Err(error) = opened else { panic!("{text} was read") };
            assert!(error.to_string().contains(told), "{error}");
            assert!(!error.to_string().contains("ada@"));
        }
    }

    #[test]
    fn a_line_that_is_too_long_harms_no_other() {
        let text = format!("{{\"id\":\"{}\"}}\n{{\"id\":\"b\"}}\n", "x".repeat(LONGEST_ROW));
        let told = rows(text.leak(), Kind::Items, Format::Ndjson);
        assert_eq!(told[0], (1, json!({"unreadable": "too_long"})));
        assert_eq!(told[1], (2, json!({"id": "b"})));
    }

    #[test]
    fn the_last_rows_are_known_as_such() {
        let text = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n";
        let mut source =
            Source::open(Box::new(text.as_bytes()), Kind::Items, Format::Ndjson).unwrap();
        source.skip(1).unwrap();
        let told: Vec<_> = (0..2).map(|_| source.rows(1, usize::MAX).unwrap()).collect();
        assert_eq!((told[0].lines[0], told[0].last), (2, false));
        assert_eq!((told[1].lines[0], told[1].last), (3, true));
    }
}
