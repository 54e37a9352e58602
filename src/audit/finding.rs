//! Finds a person's rows among all rows, with a tag key: for whoever reads a whole log.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::hmac;

/// The nonce and the tag of a row: what a person's rows are found by.
pub type Marks = ([u8; 16], [u8; 16]);

/// How many letters 16 bytes are in base64url.
const LETTERS: usize = 22;

/// How many bytes stand before the end of a row's commitment, which comes first.
const COMMITMENT: usize = r#"{"c":""#.len() + 43;

/// Nonce and tag of a row's bytes, without reading the rest of them: a row has one form, in which the tag comes last and
/// no word holds a quotation mark. Nothing of what is no row; of what is, [`Row::parse`](super::Row::parse) says the same.
#[must_use]
pub fn marks(entry: &[u8]) -> Option<Marks> {
    const NONCE: &[u8] = b",\"n\":\"";
    const TAG: &[u8] = b",\"y\":\"";
    let tag = entry.strip_suffix(b"\"}")?;
    let (before, tag) = tag.split_at_checked(tag.len().checked_sub(LETTERS)?)?;
    let before = before.strip_suffix(TAG)?;
    let rest = before.get(COMMITMENT..)?;
    let at = rest.windows(NONCE.len()).position(|window| window == NONCE)?;
    let nonce = rest.get(at + NONCE.len()..)?.get(..LETTERS)?;
    Some((bytes(nonce)?, bytes(tag)?))
}

/// What happened, of a row's bytes, without reading the rest of them; as [`marks`] reads.
#[must_use]
pub fn event(entry: &[u8]) -> Option<&str> {
    const EVENT: &[u8] = b"\",\"e\":\"";
    let (_, rest) = entry.split_at_checked(COMMITMENT)?;
    let rest = rest.strip_prefix(EVENT)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

fn bytes(letters: &[u8]) -> Option<[u8; 16]> {
    // The decoder asks for room by the letters' number and not by what they are.
    let mut room = [0; 18];
    let length = BASE64.decode_slice(letters, &mut room).ok()?;
    room.get(..length)?.try_into().ok()
}

/// The tag of the row with nonce `n`.
pub(super) fn tag_with(key: &hmac::Key, n: &[u8; 16]) -> [u8; 16] {
    let whole = hmac::sign(key, n);
    whole.as_ref().first_chunk().copied().unwrap_or_default()
}

/// A tag key that was handed out, such as with a person's export. It finds rows and opens none.
#[derive(Clone, Debug)]
pub struct Finder(hmac::Key);

impl Finder {
    /// The finder of the rows whose tags were made with `tag_key`.
    #[must_use]
    pub fn new(tag_key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, tag_key))
    }

    /// Whether a row with these marks is one of them.
    #[must_use]
    pub fn finds(&self, (n, y): &Marks) -> bool {
        tag_with(&self.0, n) == *y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{NOTHING, Row, RowKeys};
    use crate::vault::vectors;

    #[test]
    fn the_marks_of_a_row_are_those_that_it_is_read_with() {
        for n in 0..=255 {
            let row = Row {
                commitment: [n ^ 7; 32],
                event: "decision",
                gateway: "gw-1",
                key: (n % 2 == 0).then_some([n; 32]),
                nonce: [n; 16],
                outcome: "n",
                purpose: NOTHING,
                previous: None,
                reason: "y",
                rows: (n % 3 == 0).then_some(7),
                ruleset: "9f86d081884c7d65",
                minute: 0,
                recipient: NOTHING,
                vocabulary: None,
                tag: [n ^ 255; 16],
            };
            let text = row.to_string();
            assert_eq!(marks(text.as_bytes()), Some((row.nonce, row.tag)));
            assert_eq!(event(text.as_bytes()), Some("decision"));
        }
        for no_row in ["", "{}", r#"{"n":"AAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAA"}"#] {
            assert_eq!(marks(no_row.as_bytes()), None, "{no_row}");
            assert_eq!(event(no_row.as_bytes()), None, "{no_row}");
        }
    }

    #[test]
    fn a_tag_key_finds_the_rows_of_its_epoch_and_of_no_other() {
        let keys = RowKeys::of(&vectors::key(), 0);
        let (of_epoch, later) = (Finder::new(&keys.tag_key()), RowKeys::of(&vectors::key(), 1));
        let n = [9; 16];
        assert!(of_epoch.finds(&(n, keys.tag(&n))));
        assert!(!of_epoch.finds(&(n, later.tag(&n))));
        assert!(!of_epoch.finds(&([8; 16], keys.tag(&n))));
    }
}
