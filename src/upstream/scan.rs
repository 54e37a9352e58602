//! Reads the answer of a `json` model in one pass, keeping spans of its bytes.
//!
//! Promises: it never panics, refuses what nests deeper than [`DEEPEST`], and accepts every other answer that a strict
//! JSON parser accepts, with the same result; it is laxer in four points. `NaN`, `Infinity` and `-Infinity`, which
//! Python writes, pass as values without worth; so does a number too large for a double; so does a string whose
//! escapes name half a surrogate pair, which then is no id; and a key may stand twice, the first wins.
//!
//! It is not a general parser: it knows `{"items":[{"id","score","categories"}]}` in any order and steps over the
//! rest, checking its form. Strings with escapes go through `serde_json`.

mod run;
mod tree;

use std::borrow::Cow;

use run::run;
pub(super) use tree::{Node, tree};

use super::answer::{Answer, Intake, Nonsense};

/// How deep an answer may nest below one entry; the shape itself needs one level.
const DEEPEST: usize = 32;

/// Reads an answer.
///
/// # Errors
/// [`Nonsense`] when the bytes are not one whole JSON object with an array under `items`.
pub fn scan(bytes: &[u8]) -> Result<Answer<'_>, Nonsense> {
    let text = std::str::from_utf8(bytes).map_err(|_| Nonsense)?;
    let scanner = Scanner { text, bytes, at: 0, plain: true };
    scanner.answer().ok_or(Nonsense)
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Whether the string read last is printable ASCII without escapes. It stands here and not beside the string
    /// because a pair of pointer and length stays in registers, which makes reading twice as fast.
    plain: bool,
}

/// What a key in an entry names.
enum Field {
    Id,
    Score,
    Categories,
    Other,
}

/// Every method steps over what it names and is `None` when the bytes do not hold it.
impl<'a> Scanner<'a> {
    fn answer(mut self) -> Option<Answer<'a>> {
        let mut intake = None;
        self.token(b'{')?;
        let mut more = !self.skip(b'}');
        while more {
            let key = self.key()?;
            if self.text(key).is_some_and(|key| key == "items") && intake.is_none() {
                // An entry of the usual shape takes about a hundred bytes; half of that leaves room.
                let mut fresh = Intake::new(self.bytes.len() / 48 + 1);
                self.items(&mut fresh)?;
                intake = Some(fresh);
            } else {
                self.value(DEEPEST)?;
            }
            more = self.more(b'}')?;
        }
        self.space();
        let whole = self.at == self.bytes.len();
        intake.filter(|_| whole).map(Intake::finish)
    }

    fn items(&mut self, intake: &mut Intake<'a>) -> Option<()> {
        self.token(b'[')?;
        let mut more = !self.skip(b']');
        while more {
            if self.peek()? == b'{' && !intake.is_full() {
                self.item(intake)?;
            } else {
                self.value(DEEPEST)?;
                intake.take(None, false, None);
            }
            more = self.more(b']')?;
        }
        Some(())
    }

    fn item(&mut self, intake: &mut Intake<'a>) -> Option<()> {
        let (mut id, mut score, mut tags) = (None, None, false);
        self.at += 1;
        let mut more = !self.skip(b'}');
        while more {
            match self.field()? {
                Field::Id if id.is_none() => id = Some(self.id()?),
                Field::Score if score.is_none() => score = Some(self.score()?),
                Field::Categories if !tags => {
                    tags = true;
                    self.tags(intake)?;
                }
                _ => self.value(DEEPEST)?,
            }
            more = self.more(b'}')?;
        }
        match id {
            Some((raw, true)) => intake.take(Some(Cow::Borrowed(raw)), true, score),
            Some((raw, false)) => intake.take(decode(raw), false, score),
            None => intake.take(None, false, score),
        }
        Some(())
    }

    #[inline]
    fn field(&mut self) -> Option<Field> {
        // Nearly every model writes its keys like this, so most need no scan.
        self.space();
        let rest = self.bytes.get(self.at..)?;
        for (start, field) in [
            (&b"\"id\":"[..], Field::Id),
            (b"\"score\":", Field::Score),
            (b"\"categories\":", Field::Categories),
        ] {
            if rest.starts_with(start) {
                self.at += start.len();
                return Some(field);
            }
        }
        let key = self.key()?;
        let key = self.text(key);
        Some(match key.as_deref() {
            Some("id") => Field::Id,
            Some("score") => Field::Score,
            Some("categories") => Field::Categories,
            _ => Field::Other,
        })
    }

    /// An id as it stands and whether it is plain; empty, which is none, for what is no text.
    #[inline]
    fn id(&mut self) -> Option<(&'a str, bool)> {
        if self.skip(b'"') {
            return self.string().map(|id| (id, self.plain));
        }
        self.value(DEEPEST).map(|()| ("", true))
    }

    /// A score; not a number for what is no number.
    #[inline]
    fn score(&mut self) -> Option<f64> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.value(DEEPEST).map(|()| f64::NAN),
        }
    }

    #[inline]
    fn tags(&mut self, intake: &mut Intake<'a>) -> Option<()> {
        if !self.skip(b'[') {
            return self.value(DEEPEST);
        }
        let mut more = !self.skip(b']');
        while more {
            if self.skip(b'"') {
                let tag = self.string()?;
                if self.plain {
                    intake.tag(Cow::Borrowed(tag), true);
                } else if let Some(tag) = decode(tag) {
                    intake.tag(tag, false);
                }
            } else {
                self.value(DEEPEST)?;
            }
            more = self.more(b']')?;
        }
        Some(())
    }

    /// Any value; `depth` more levels may open inside it.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string().map(|_| ())
            }
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b'{' => self.members(depth.checked_sub(1)?, b'}'),
            b'[' => self.members(depth.checked_sub(1)?, b']'),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'N' => self.word(b"NaN"),
            b'I' => self.word(b"Infinity"),
            _ => None,
        }
    }

    fn members(&mut self, depth: usize, close: u8) -> Option<()> {
        self.at += 1;
        let mut more = !self.skip(close);
        while more {
            if close == b'}' {
                self.key()?;
            }
            self.value(depth)?;
            more = self.more(close)?;
        }
        Some(())
    }

    /// A key and its colon; the value comes next.
    #[inline]
    fn key(&mut self) -> Option<&'a str> {
        self.token(b'"')?;
        let key = self.string()?;
        self.token(b':')?;
        Some(key)
    }

    /// What the string read last says.
    fn text(&self, raw: &'a str) -> Option<Cow<'a, str>> {
        if self.plain { Some(Cow::Borrowed(raw)) } else { decode(raw) }
    }

    /// Whether another member follows, that is a comma; the end of the list is stepped over too.
    #[inline]
    fn more(&mut self, close: u8) -> Option<bool> {
        let next = self.peek()?;
        self.at += 1;
        if next == b',' { Some(true) } else { (next == close).then_some(false) }
    }

    /// The rest of a string, its opening quote being behind, as it stands between its quotes.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        let (end, plain) = run(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            self.plain = plain;
            return self.text.get(start..end);
        }
        self.escaped_string(start, end)
    }

    /// The same for a string from `start` with something special at `at`.
    #[cold]
    fn escaped_string(&mut self, start: usize, at: usize) -> Option<&'a str> {
        self.plain = false;
        self.at = at;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return self.text.get(start..self.at - 1);
                }
                b'\\' => self.escape()?,
                // RFC 8259 §7: control characters must be escaped.
                _ => return None,
            }
            self.at = run(self.bytes, self.at).0;
        }
    }

    fn escape(&mut self) -> Option<()> {
        let kind = *self.bytes.get(self.at + 1)?;
        self.at += 2;
        if kind != b'u' {
            return br#""\/bfnrt"#.contains(&kind).then_some(());
        }
        let hex = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        hex.iter().all(u8::is_ascii_hexdigit).then_some(())
    }

    /// A number as RFC 8259 §6 writes it, or `-Infinity`. It may be infinite.
    fn number(&mut self) -> Option<f64> {
        let start = self.at;
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        if negative && self.bytes.get(self.at) == Some(&b'I') {
            return self.word(b"Infinity").map(|()| f64::NEG_INFINITY);
        }
        let mut digits = 0_u64;
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let whole = self.digits(&mut digits)?;
        if leading_zero && whole > 1 {
            return None;
        }
        let mut fraction = 0;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            fraction = self.digits(&mut digits)?;
        }
        let exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits(&mut 0)?;
        }
        // Fifteen digits and a power of ten up to 10^15 are exact as doubles, so one division rounds correctly.
        let power = POWERS.get(fraction).filter(|_| !exponent && whole + fraction <= 15);
        let Some(power) = power else { return self.text.get(start..self.at)?.parse().ok() };
        #[expect(clippy::cast_precision_loss, reason = "fifteen digits fit a double exactly")]
        let size = digits as f64 / power;
        Some(if negative { -size } else { size })
    }

    /// One digit or more, added to `value`; how many there were. A value too large wraps.
    #[inline]
    fn digits(&mut self, value: &mut u64) -> Option<usize> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            *value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        (self.at > start).then_some(self.at - start)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.bytes.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    #[inline]
    fn token(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    #[inline]
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let next = *self.bytes.get(self.at)?;
        if next > b' ' {
            return Some(next);
        }
        self.space();
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }
}

/// What a string says, or `None` when its escapes name no text.
#[cold]
fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('\\') {
        return Some(Cow::Borrowed(raw));
    }
    serde_json::from_str(&format!("\"{raw}\"")).ok().map(Cow::Owned)
}

const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[cfg(test)]
mod tests;
