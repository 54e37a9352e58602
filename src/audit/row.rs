//! A row of the log as anyone may read it: the leaf's JSON, in the one form in which it is written.
//!
//! ```text
//! {"c":commitment,"e":event,"g":gateway,"kc"?:key commitment,"n":nonce,"o":outcome,"p":purpose,
//!  "prev"?:{"origin","root","size"},"r":reason,"rows"?:count,"s":ruleset,"t":minute,"u":recipient,"v":1,
//!  "voc"?:vocabulary,"y":tag}
//! ```
//! Sorted keys, no white space, plain ASCII words, integers; binary fields in base64url without padding. A question mark
//! marks what only some rows have.

use std::fmt::{self, Write as _};

use base64::{
    Engine as _,
    display::Base64Display,
    engine::{GeneralPurpose, general_purpose::URL_SAFE_NO_PAD as BASE64},
};
use serde::Deserialize;

use crate::domain::Timestamp;

/// What a row says where nothing applies.
pub const NOTHING: &str = "-";

/// The form of rows.
const VERSION: u8 = 1;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Commits to the body: `c`.
    pub commitment: [u8; 32],
    /// What happened: `e`.
    pub event: &'a str,
    /// Which gateway says so: `g`.
    pub gateway: &'a str,
    /// Commits to the key of the person who came to be known or was erased: `kc`.
    pub key: Option<[u8; 32]>,
    /// The row's own number, drawn at random: `n`.
    pub nonce: [u8; 16],
    /// How it ended: `o`.
    pub outcome: &'a str,
    /// For which purpose: `p`.
    pub purpose: &'a str,
    /// The log that this one goes on from: `prev`, in the first row of a shard that is not the first.
    pub previous: Option<Previous<'a>>,
    /// Why: `r`.
    pub reason: &'a str,
    /// How many rows it is about, where it counts rows: `rows`.
    pub rows: Option<u64>,
    /// The ruleset in force: `s`, the first 8 bytes of its SHA-256 in hexadecimal.
    pub ruleset: &'a str,
    /// The minute, in Unix seconds: `t`.
    pub minute: i64,
    /// Who received data: `u`.
    pub recipient: &'a str,
    /// The SHA-256 of the vocabulary that goes with the ruleset: `voc`, where one comes into force.
    pub vocabulary: Option<[u8; 32]>,
    /// Finds a person's rows, for who holds their key: `y`.
    pub tag: [u8; 16],
}

/// Where a log stood when the next shard began: what its last checkpoint said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous<'a> {
    /// Its name.
    pub origin: &'a str,
    /// The root of its tree.
    pub root: [u8; 32],
    /// How many rows it had.
    pub size: u64,
}

/// What is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARow {
    /// Not the JSON of one.
    #[error("it is not the JSON of a row")]
    Json,
    /// A binary field is none, or of another length.
    #[error("`{0}` is not base64url of the right length")]
    Binary(&'static str),
    /// A row of a form that is not known here.
    #[error("it is of a version that is not known here")]
    Version,
    /// It says the same, but is not written as rows are.
    #[error("it is not in canonical form")]
    Form,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    c: &'a str,
    e: &'a str,
    g: &'a str,
    kc: Option<&'a str>,
    n: &'a str,
    o: &'a str,
    p: &'a str,
    #[serde(borrow)]
    prev: Option<WrittenPrevious<'a>>,
    r: &'a str,
    rows: Option<u64>,
    s: &'a str,
    t: i64,
    u: &'a str,
    v: u8,
    voc: Option<&'a str>,
    y: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrevious<'a> {
    origin: &'a str,
    root: &'a str,
    size: u64,
}

impl<'a> Row<'a> {
    /// Reads a row.
    ///
    /// # Errors
    /// When it is none, or not written as rows are.
    pub fn parse(entry: &'a [u8]) -> Result<Self, NotARow> {
        let written: Written<'a> = serde_json::from_slice(entry).map_err(|_| NotARow::Json)?;
        if written.v != VERSION {
            return Err(NotARow::Version);
        }
        let previous = written.prev.map(|prev| {
            let root = binary("prev", prev.root)?;
            Ok(Previous { origin: prev.origin, root, size: prev.size })
        });
        let row = Self {
            commitment: binary("c", written.c)?,
            event: written.e,
            gateway: written.g,
            key: written.kc.map(|key| binary("kc", key)).transpose()?,
            nonce: binary("n", written.n)?,
            outcome: written.o,
            purpose: written.p,
            previous: previous.transpose()?,
            reason: written.r,
            rows: written.rows,
            ruleset: written.s,
            minute: written.t,
            recipient: written.u,
            vocabulary: written.voc.map(|voc| binary("voc", voc)).transpose()?,
            tag: binary("y", written.y)?,
        };
        let mut same = Same(entry);
        let is_same = write!(same, "{row}").is_ok() && same.0.is_empty();
        if is_same { Ok(row) } else { Err(NotARow::Form) }
    }
}

impl Row<'_> {
    /// When it was, to the minute.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.minute.saturating_mul(1000))
    }
}

impl fmt::Display for Row<'_> {
    /// Writes the row. Its words are closed and plain ASCII, so nothing is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, gateway, outcome, purpose, reason, ruleset, minute, recipient, .. } =
            self;
        let c = base64(&self.commitment);
        write!(f, r#"{{"c":"{c}","e":"{event}","g":"{gateway}""#)?;
        if let Some(key) = &self.key {
            write!(f, r#","kc":"{}""#, base64(key))?;
        }
        let n = base64(&self.nonce);
        write!(f, r#","n":"{n}","o":"{outcome}","p":"{purpose}""#)?;
        if let Some(Previous { origin, root, size }) = &self.previous {
            let root = base64(root);
            write!(f, r#","prev":{{"origin":"{origin}","root":"{root}","size":{size}}}"#)?;
        }
        write!(f, r#","r":"{reason}""#)?;
        if let Some(rows) = self.rows {
            write!(f, r#","rows":{rows}"#)?;
        }
        write!(f, r#","s":"{ruleset}","t":{minute},"u":"{recipient}","v":{VERSION}"#)?;
        if let Some(vocabulary) = &self.vocabulary {
            write!(f, r#","voc":"{}""#, base64(vocabulary))?;
        }
        write!(f, r#","y":"{}"}}"#, base64(&self.tag))
    }
}

/// The longest binary field has 32 bytes; one that does not fit here is none.
const BINARY: usize = 48;

fn binary<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], NotARow> {
    let mut bytes = [0; BINARY];
    let length = BASE64.decode_slice(text, &mut bytes).ok();
    let bytes = length.and_then(|length| bytes.get(..length)).and_then(|b| b.try_into().ok());
    bytes.ok_or(NotARow::Binary(field))
}

fn base64(bytes: &[u8]) -> Base64Display<'_, '_, GeneralPurpose> {
    Base64Display::new(bytes, &BASE64)
}

/// What is left of a text once what is written was found at its beginning. Millions of rows are compared with their
/// canonical form, so none is put together for it.
struct Same<'a>(&'a [u8]);

impl fmt::Write for Same<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row<'static> {
        Row {
            commitment: [1; 32],
            event: "log.opened",
            gateway: "gw-1",
            key: Some([2; 32]),
            nonce: [3; 16],
            outcome: "opened",
            purpose: NOTHING,
            previous: Some(Previous { origin: "log.test/2026h1", root: [4; 32], size: 9 }),
            reason: "period",
            rows: Some(7),
            ruleset: "9f86d081884c7d65",
            minute: 1_760_000_040,
            recipient: NOTHING,
            vocabulary: Some([5; 32]),
            tag: [6; 16],
        }
    }

    #[test]
    fn a_row_comes_back_as_it_went() {
        let whole = row();
        assert_eq!(Row::parse(whole.to_string().as_bytes()).unwrap(), whole);
        let bare = Row { key: None, previous: None, rows: None, vocabulary: None, ..whole };
        assert_eq!(Row::parse(bare.to_string().as_bytes()).unwrap(), bare);
    }

    #[test]
    fn the_same_in_another_form_is_no_row() {
        let text = row().to_string();
        for (other, why) in [
            (text.replace("{\"c\"", "{ \"c\""), NotARow::Form),
            (text.replace("\"v\":1", "\"v\":2"), NotARow::Version),
            (text.replace("\"v\":1", "\"v\":1,\"x\":1"), NotARow::Json),
            (text.replace("\"c\":\"AQ", "\"c\":\"A"), NotARow::Binary("c")),
            (text.replace("\"rows\":7", "\"rows\":7.0"), NotARow::Json),
            (text.replace("\"rows\":7", "\"rows\":null"), NotARow::Form),
        ] {
            assert_eq!(Row::parse(other.as_bytes()), Err(why), "{other}");
        }
    }
}
