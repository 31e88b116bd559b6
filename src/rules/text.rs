//! What can be asked of a text: does it begin so, end so, look so?

use std::borrow::Cow;

/// The longest text that an operator takes, in bytes.
pub(super) const OPERAND_MAX: usize = 64 * 1024;
/// The longest regular expression, in bytes.
pub(super) const REGEX_MAX: usize = 2 * 1024;
/// How much memory one compiled regular expression may take, in bytes.
const REGEX_MEMORY_MAX: usize = 1024 * 1024;
/// How deep the groups of a regular expression may be nested.
const REGEX_NESTING_MAX: u32 = 64;

/// A beginning or an end, or a whole text whose case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Affix {
    pub(super) written: Box<str>,
    /// In one case, where case does not matter.
    pub(super) folded: Option<Box<str>>,
}

impl Affix {
    /// Compared as it is.
    pub(super) fn exact(written: &str) -> Self {
        Self { written: written.into(), folded: None }
    }

    /// Compared in any case.
    pub(super) fn any_case(written: &str) -> Self {
        Self { written: written.into(), folded: Some(fold(written).into()) }
    }

    /// What is looked for.
    pub(super) fn sought(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.written)
    }

    /// The text in which it is looked for.
    pub(super) fn seen<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.folded.is_some() { fold(text) } else { Cow::Borrowed(text) }
    }

    pub(super) fn begins(&self, text: &str) -> bool {
        self.seen(text).starts_with(self.sought())
    }

    pub(super) fn ends(&self, text: &str) -> bool {
        self.seen(text).ends_with(self.sought())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        *self.seen(text) == *self.sought()
    }
}

/// A text in one case, character by character: `Straße`, `STRASSE` and `strasse` are the same.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    // By way of the upper case: σ and ς have only that in common.
    Cow::Owned(text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect())
}

/// A text with `*` for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    pub(super) written: Box<str>,
    /// What stands between the stars, where that is not simply what is written between them.
    unescaped: Option<Box<[Box<str>]>>,
}

impl Wildcard {
    /// Reads `a*b`, where `\*` is a star and `\\` a backslash.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let (mut parts, mut part) = (Vec::new(), String::new());
        let mut characters = written.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '*' if characters.peek() == Some(&'*') => {
                    return Err(
                        "`**` says no more than `*`; for a star in the text write `\\*`".to_owned()
                    );
                }
                '*' => parts.push(std::mem::take(&mut part).into()),
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => part.push(escaped),
                    _ => {
                        return Err("`\\` stands before `*` or `\\` only; for a backslash in the \
                                    text write `\\\\`"
                            .to_owned());
                    }
                },
                other => part.push(other),
            }
        }
        parts.push(part.into());
        let unescaped = written.contains('\\').then(|| parts.into());
        Ok(Self { written: written.into(), unescaped })
    }

    /// The same without escapes, as Quamina's `shellstyle` reads it.
    pub(super) fn plain(written: &str) -> Self {
        Self { written: written.into(), unescaped: None }
    }

    /// What stands between the stars; without a star, one part.
    pub(super) fn parts(&self) -> Vec<&str> {
        match &self.unescaped {
            Some(parts) => parts.iter().map(|part| &**part).collect(),
            None => self.written.split('*').collect(),
        }
    }

    /// Whether the whole text looks so, in time that grows with its length and no faster.
    pub(super) fn fits(&self, text: &str) -> bool {
        match &self.unescaped {
            Some(parts) => looks_like(parts.iter().map(|part| &**part), text),
            None => looks_like(self.written.split('*'), text),
        }
    }
}

/// Whether a text consists of these parts and anything between them: each is taken where it first
/// comes, since a later place leaves less for the others.
fn looks_like<'p>(mut parts: impl DoubleEndedIterator<Item = &'p str>, text: &str) -> bool {
    let Some(first) = parts.next() else { return text.is_empty() };
    let Some(last) = parts.next_back() else { return first == text };
    let Some(rest) = text.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    parts.all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

/// A regular expression, looked for anywhere in a text.
#[derive(Clone, Debug)]
pub(super) struct Expression(regex::Regex);

impl Expression {
    /// Compiles it within the limits; otherwise the reason and what to do.
    pub(super) fn compile(written: &str) -> Result<Self, String> {
        if written.len() > REGEX_MAX {
            return Err(format!("a regular expression has {REGEX_MAX} bytes at most"));
        }
        regex::RegexBuilder::new(written)
            .size_limit(REGEX_MEMORY_MAX)
            .dfa_size_limit(REGEX_MEMORY_MAX)
            .nest_limit(REGEX_NESTING_MAX)
            .build()
            .map(Self)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    "the regular expression needs too much memory: repeat less, as `{1,50}` \
                     instead of `{1,5000}`"
                        .to_owned()
                }
                other => explained(&other.to_string()),
            })
    }

    /// As it is written.
    pub(super) fn written(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.written() == other.written()
    }
}

/// The parser draws the place over several lines; the last one says what is wrong.
fn explained(error: &str) -> String {
    let last = error.lines().last().unwrap_or(error);
    let reason = last.strip_prefix("error: ").unwrap_or(last);
    format!("this is no regular expression: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_nothing() {
        for (wanted, text, expected) in [
            ("*", "", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*bb*c", "abc", false),
            ("ab", "ab", true),
            ("ab", "abc", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\*", r"a\x", true),
            ("*é*", "café!", true),
        ] {
            assert_eq!(Wildcard::parse(wanted).unwrap().fits(text), expected, "{wanted} {text}");
        }
        for wrong in ["a**b", r"a\b", "\\"] {
            assert!(Wildcard::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn case_is_folded_in_every_script() {
        for (one, other) in [("FoO", "foo"), ("STRASSE", "straße"), ("ΣΑΣ", "σας"), ("ÇA", "ça")]
        {
            assert!(Affix::any_case(one).is(other), "{one} {other}");
        }
        assert!(Affix::any_case("ERT").ends("AlbeRt") && !Affix::exact("ERT").ends("AlbeRt"));
    }
}
