//! Is this text one JSON document, and where does each of its values stand?
//!
//! One pass, without recursion: a document may be nested as deep as it likes. What is deeper than
//! [`DEPTH_MAX`] is checked like the rest, but not noted.

use super::DEPTH_MAX;
use super::tape::{Name, Open, Tape};
use super::text::{end_of_string, unescape};

/// Bytes of text for each value, about, in what services send.
const BYTES_A_VALUE: usize = 40;

/// The places of all values; `None` if this is no JSON document. The text is shorter than 4 GiB.
pub(super) fn scan(text: &str) -> Option<Tape> {
    let tape = Tape::with_capacity(text.len() / BYTES_A_VALUE + 1);
    let mut scan = Scan { text, at: 0, tape, around: Vec::new(), noted: Vec::new() };
    scan.document()?;
    Some(scan.tape)
}

struct Scan<'t> {
    text: &'t str,
    /// The next byte to look at.
    at: usize,
    tape: Tape,
    /// The lists and objects around this place, outermost first.
    around: Vec<Kind>,
    /// Those of them that are noted, which are the first ones.
    noted: Vec<Open>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Object,
}

/// What a value turned out to be.
#[derive(PartialEq, Eq)]
enum Passed {
    /// One that ends here.
    Whole,
    /// A list or object, of which only the bracket was passed.
    Bracket,
}

impl Scan<'_> {
    fn document(&mut self) -> Option<()> {
        let mut passed = self.value(Name::default())?;
        while let Some(kind) = self.around.last().copied() {
            let next = self.next()?;
            passed = match (next, kind) {
                (b'}', Kind::Object) | (b']', Kind::List) => self.close(),
                (b',', _) if passed == Passed::Whole => self.child(kind)?,
                _ if passed == Passed::Bracket => {
                    self.at -= 1;
                    self.child(kind)?
                }
                _ => return None,
            };
        }
        self.peek().is_none().then_some(())
    }

    /// The next byte that is no space; it is not passed.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// The same, and passes it.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Passes an element, or a member with its name.
    #[inline]
    fn child(&mut self, kind: Kind) -> Option<Passed> {
        if kind == Kind::List {
            return self.value(Name::default());
        }
        if self.next()? != b'"' {
            return None;
        }
        let start = self.at;
        let (end, escaped) = end_of_string(self.text.as_bytes(), start)?;
        self.at = end + 1;
        let name = if escaped { self.escaped_name(start, end) } else { Name::new(start, end) };
        if self.next()? != b':' {
            return None;
        }
        self.value(name)
    }

    fn escaped_name(&mut self, start: usize, end: usize) -> Name {
        let is_noted = self.is_noted();
        let name = is_noted.then(|| self.text.get(start - 1..=end)).flatten().map(unescape);
        name.map_or_else(Name::default, |name| self.tape.escaped_name(name.into()))
    }

    /// Passes a value; of a list or object, only its bracket.
    #[inline]
    fn value(&mut self, name: Name) -> Option<Passed> {
        let first = self.next()?;
        let start = self.at - 1;
        match first {
            b'"' => self.at = end_of_string(self.text.as_bytes(), self.at)?.0 + 1,
            b'{' => return Some(self.open(Kind::Object, name)),
            b'[' => return Some(self.open(Kind::List, name)),
            b't' => self.word("rue")?,
            b'f' => self.word("alse")?,
            b'n' => self.word("ull")?,
            b'-' => {
                let first = *self.text.as_bytes().get(self.at)?;
                self.at += 1;
                self.number(first)?;
            }
            first => self.number(first)?,
        }
        if self.is_noted() {
            self.tape.add(self.noted.last_mut(), name, start, self.at);
        }
        Some(Passed::Whole)
    }

    /// Passes the rest of a number whose first digit was passed.
    #[inline]
    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.passes(b".") {
            self.some_digits()?;
        }
        if self.passes(b"eE") {
            self.passes(b"+-");
            self.some_digits()?;
        }
        Some(())
    }

    #[inline]
    fn passes(&mut self, any: &[u8]) -> bool {
        let there = self.text.as_bytes().get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(there);
        there
    }

    #[inline]
    fn digits(&mut self) {
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Option<()> {
        let start = self.at;
        self.digits();
        (self.at > start).then_some(())
    }

    #[inline]
    fn word(&mut self, rest: &str) -> Option<()> {
        let there = self.text.as_bytes().get(self.at..)?.starts_with(rest.as_bytes());
        self.at += rest.len();
        there.then_some(())
    }

    fn open(&mut self, kind: Kind, name: Name) -> Passed {
        if self.is_noted() {
            let open = self.tape.open(self.noted.last_mut(), name, self.at - 1);
            self.noted.push(open);
        }
        self.around.push(kind);
        Passed::Bracket
    }

    fn close(&mut self) -> Passed {
        self.around.pop();
        if self.is_noted()
            && let Some(open) = self.noted.pop()
        {
            self.tape.close(open, self.at);
        }
        Passed::Whole
    }

    /// Whether a value at this place is noted.
    #[inline]
    fn is_noted(&self) -> bool {
        self.around.len() <= DEPTH_MAX
    }
}
