//! What is noted of a document: where each of its values stands, in the order written.
//!
//! A list or object is followed by what is in it, and knows what follows behind that. So whoever
//! looks for one member goes past the others without looking into them.

use std::ops::Range;

/// The places of a document's values.
#[derive(Default)]
pub(super) struct Tape {
    /// The first is the outermost one.
    values: Vec<Place>,
    /// The names that have escapes, resolved.
    names: Vec<Box<str>>,
}

/// Where one value stands.
pub(super) struct Place {
    /// Its first byte.
    start: u32,
    /// The first byte behind it.
    end: u32,
    /// How many elements or members it has.
    count: u32,
    name: Name,
    /// Which value follows behind this one and all in it.
    next: u32,
    /// Which one of the same list or object is before it; before the first one is the last.
    before: u32,
}

/// A member's name.
#[derive(Clone, Copy, Default)]
pub(super) struct Name {
    /// Its first byte, behind the quote; or its place among those with escapes.
    start: u32,
    /// In bytes.
    len: u32,
}

/// What a number stands for that nothing has.
const NOWHERE: Place =
    Place { start: 0, end: 0, count: 0, name: Name { start: 0, len: 0 }, next: 0, before: 0 };

impl Place {
    /// Where it stands in the text.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many elements or members it has.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }
}

impl Name {
    /// A name that stands in the text from `start` to `end`.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: narrow(start), len: narrow(end - start) }
    }
}

/// The length of a name that has escapes: no name in the text is as long.
const ESCAPED: u32 = u32::MAX;

/// A list or object that is being gone through.
#[derive(Clone, Copy)]
pub(super) struct Open {
    at: u32,
    count: u32,
    /// Which of its children came last.
    last: u32,
}

impl Tape {
    pub(super) fn with_capacity(values: usize) -> Self {
        Self { values: Vec::with_capacity(values), names: Vec::new() }
    }

    /// Notes a name that has escapes.
    pub(super) fn escaped_name(&mut self, name: Box<str>) -> Name {
        self.names.push(name);
        Name { start: narrow(self.names.len() - 1), len: ESCAPED }
    }

    /// Notes a value that has no others in it.
    #[inline]
    pub(super) fn add(&mut self, parent: Option<&mut Open>, name: Name, start: usize, end: usize) {
        let at = narrow(self.values.len());
        let before = parent.map_or(0, |parent| parent.adopt(at));
        let (start, end) = (narrow(start), narrow(end));
        self.values.push(Place { start, end, count: 0, name, next: at + 1, before });
    }

    /// Notes a list or object that begins.
    #[inline]
    pub(super) fn open(&mut self, parent: Option<&mut Open>, name: Name, start: usize) -> Open {
        let at = narrow(self.values.len());
        self.add(parent, name, start, start);
        Open { at, count: 0, last: 0 }
    }

    /// Notes its end.
    #[inline]
    pub(super) fn close(&mut self, open: Open, end: usize) {
        let next = narrow(self.values.len());
        if let Some(place) = self.values.get_mut(open.at as usize) {
            place.end = narrow(end);
            place.count = open.count;
            place.next = next;
        }
        if open.count > 0
            && let Some(first) = self.values.get_mut(open.at as usize + 1)
        {
            first.before = open.last;
        }
    }

    /// Where the value with this number stands; 0 is the outermost.
    #[inline]
    pub(super) fn get(&self, number: u32) -> &Place {
        self.values.get(number as usize).unwrap_or(&NOWHERE)
    }

    /// The name of a member.
    #[inline]
    pub(super) fn name_of<'t>(&'t self, place: &Place, text: &'t str) -> &'t str {
        let Name { start, len } = place.name;
        let start = start as usize;
        if len == ESCAPED {
            return self.names.get(start).map_or("", |name| name);
        }
        text.get(start..start + len as usize).unwrap_or_default()
    }

    /// The numbers of what is in a list or object.
    #[inline]
    pub(super) fn children(&self, number: u32) -> Children<'_> {
        let left = self.get(number).count;
        let front = number.saturating_add(1);
        Children { tape: self, left, front, back: self.get(front).before }
    }

    /// The one at this place among what is in a list.
    pub(super) fn child(&self, number: u32, index: usize) -> Option<u32> {
        let parent = self.get(number);
        let index = u32::try_from(index).ok().filter(|index| *index < parent.count)?;
        // Where nothing is in any of them, they stand side by side.
        if parent.next - number - 1 == parent.count {
            return Some(number + 1 + index);
        }
        let mut children = self.children(number);
        if index < parent.count / 2 {
            children.nth(index as usize)
        } else {
            children.nth_back((parent.count - 1 - index) as usize)
        }
    }
}

impl Open {
    /// Takes in another child and tells which one was before it.
    #[inline]
    fn adopt(&mut self, child: u32) -> u32 {
        self.count += 1;
        std::mem::replace(&mut self.last, child)
    }
}

/// The numbers of what is in a list or object, in the order written.
#[derive(Clone)]
pub(super) struct Children<'t> {
    tape: &'t Tape,
    left: u32,
    front: u32,
    back: u32,
}

impl Iterator for Children<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let next = self.tape.get(self.front).next;
        Some(std::mem::replace(&mut self.front, next))
    }
}

impl DoubleEndedIterator for Children<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let before = self.tape.get(self.back).before;
        Some(std::mem::replace(&mut self.back, before))
    }
}

/// No document is longer than what fits.
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
