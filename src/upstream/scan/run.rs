//! Finds where the plain part of a string ends.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the first quote, backslash or control character at or after `at` stands, and whether all before it is
/// printable ASCII. It looks at eight bytes a step.
#[inline]
pub(super) fn run(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut odd = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = specials(word);
        let marks = (word | word.wrapping_add(ONES)) & HIGH;
        if found != 0 {
            let before = (found & found.wrapping_neg()) - 1;
            return (at + (found.trailing_zeros() / 8) as usize, (odd | marks & before) == 0);
        }
        odd |= marks;
        at += 8;
    }
    run_out(bytes, at, odd == 0)
}

/// The same for the last few bytes.
#[cold]
fn run_out(bytes: &[u8], at: usize, plain: bool) -> (usize, bool) {
    let rest = bytes.get(at..).unwrap_or_default();
    let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    let length = rest.iter().position(special).unwrap_or(rest.len());
    (at + length, plain && rest.iter().take(length).all(|byte| *byte < 0x7f))
}

/// The high bit of each byte that is a quote, a backslash or below 0x20. A borrow can mark bytes after the first
/// such byte wrongly, so only the lowest mark counts.
#[inline]
fn specials(word: u64) -> u64 {
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (below(word, b' ') | quote | backslash) & HIGH
}
