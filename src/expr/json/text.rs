//! Where does a string of JSON end, and what does it say?

use std::borrow::Cow;

use serde::de::Deserialize;
use wide::u8x16;

/// Where the string ends whose first character, behind the quote, is at `at`: the place of its
/// closing quote, and whether there are escapes in it. `None` if it is not a valid one.
#[inline]
pub(super) fn end_of_string(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = next_special(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                at = end_of_escape(bytes, at + 1)?;
            }
            _ => return None,
        }
    }
}

/// The place of the next quote, backslash or control character; the end if there is none.
#[inline]
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let block = u8x16::new(*block);
        let special = block.simd_eq(u8x16::splat(b'"'))
            | block.simd_eq(u8x16::splat(b'\\'))
            | block.simd_eq(block.min(u8x16::splat(b' ' - 1)));
        let special = special.to_bitmask();
        if special != 0 {
            return at + special.trailing_zeros() as usize;
        }
        at += 16;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Where the escape ends whose backslash stands before `at`.
fn end_of_escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = bytes.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

/// The text of a JSON string, quotes included. A lone surrogate, which JSON allows and UTF-8 does
/// not, leaves the whole text as it was written.
pub(super) fn unescape(source: &str) -> Cow<'_, str> {
    let inner = source.get(1..source.len().saturating_sub(1)).unwrap_or("");
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    match String::deserialize(&mut serde_json::Deserializer::from_str(source)) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(inner),
    }
}
