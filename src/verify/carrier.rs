//! Where does a request carry signatures, which are of the right shape, and which time stands among
//! them?

use std::borrow::Cow;
use std::fmt;

use super::look::Look;
use super::mac::Encoding;
use super::maker::Maker;
use super::place::{OneOrMore, Place};
use super::signature_settings::SignatureSettings;
use super::view::{View, malformed};
use super::{Denied, Outgoing};
use crate::model::Fault;

/// Where signatures stand, and how each is written.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    /// At least one: the first is where a signature is written, any may be where it is read.
    places: Vec<Place>,
    /// At least one: what may stand before a signature.
    prefixes: Vec<String>,
    separator: Option<Separator>,
    pub(super) encoding: Encoding,
}

/// What separates several signatures.
#[derive(Clone, Debug)]
struct Separator {
    mark: String,
    /// Whether spaces around what it separates count for nothing.
    is_spaced: bool,
}

/// What a request carries: signatures, and the time if it stands among them.
pub(super) struct Found<'s> {
    pub(super) candidates: Vec<&'s str>,
    pub(super) time: Option<&'s str>,
}

/// As in `X-Signature: sha256=`.
impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.prefix())
    }
}

impl Carrier {
    /// `shape` is the key under `verify:` at which the settings stand.
    pub(super) fn build(
        shape: &'static str,
        settings: &SignatureSettings,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let named = |field| (settings.header.as_ref(), settings.query.as_deref(), field);
        let fields = settings.field.as_ref().map_or(&[][..], OneOrMore::all);
        let mut places =
            vec![Place::build(shape, named(fields.first().map(String::as_str)), faults)?];
        for field in fields.iter().skip(1) {
            places.push(Place::build(shape, (None, None, Some(field)), faults)?);
        }
        let prefixes = settings.prefix.as_ref().map_or(&[][..], OneOrMore::all).to_vec();
        Some(Self {
            places,
            prefixes: if prefixes.is_empty() { vec![String::new()] } else { prefixes },
            separator: settings.separator.as_deref().and_then(Separator::new),
            encoding: settings.encoding.unwrap_or_default(),
        })
    }

    /// Where a signature is expected, for people.
    pub(super) fn place(&self) -> String {
        self.places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }

    fn prefix(&self) -> &str {
        self.prefixes.first().map_or("", String::as_str)
    }

    /// Whether several signatures may stand in one text.
    pub(super) fn is_list(&self) -> bool {
        self.separator.is_some()
    }

    /// The field of a batch's element in which its signature stands.
    pub(super) fn field(&self) -> Option<&[String]> {
        if let Some(Place::Field(path)) = self.places.first() { Some(path) } else { None }
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn headers(&self) -> Vec<String> {
        self.places.iter().flat_map(Place::headers).collect()
    }

    /// The texts in which signatures stand; where they are lists, each line of a header is one.
    pub(super) fn read<'v>(&'v self, view: &'v View<'_>) -> Result<Vec<Cow<'v, str>>, Denied> {
        let mut sent = Vec::new();
        let mut missing = None;
        for place in &self.places {
            if let (Place::Header(names), true) = (place, self.is_list()) {
                let lines = names.iter().flat_map(|name| view.request.header_lines(name));
                sent.extend(lines.map(Cow::Borrowed));
                let header = || names.first().cloned().unwrap_or_default();
                missing.get_or_insert_with(|| Denied::MissingHeader { header: header() });
                continue;
            }
            match place.read(view) {
                Ok(text) => sent.push(text),
                Err(denied) => drop(missing.get_or_insert(denied)),
            }
        }
        match missing {
            Some(missing) if sent.is_empty() => Err(missing),
            _ => Ok(sent),
        }
    }

    /// The signatures in `sent` that are of the right shape, and the time among them if it stands
    /// there after `time_prefix`.
    pub(super) fn found<'s>(
        &'s self,
        maker: &Maker,
        sent: &'s [Cow<'_, str>],
        time_prefix: Option<&str>,
    ) -> Result<Found<'s>, Denied> {
        let wrong = |why: String| malformed(&self.place(), why);
        let mut items: Vec<&str> = match &self.separator {
            Some(separator) => sent.iter().flat_map(|line| separator.split(line)).collect(),
            None => sent.iter().map(AsRef::as_ref).collect(),
        };
        let time = match time_prefix {
            Some(prefix) => {
                Some(take_time(&mut items, prefix).map_err(|why| wrong(why.to_owned()))?)
            }
            None => None,
        };
        let given: Vec<&str> = items.iter().filter_map(|item| self.without_prefix(item)).collect();
        let shaped = |given: &&&str| maker.is_shaped(self.encoding, given);
        let candidates: Vec<&str> = given.iter().filter(shaped).copied().collect();
        match given.first() {
            None => Err(wrong(self.no_prefix(&items))),
            Some(first) if candidates.is_empty() => {
                Err(wrong(maker.misshapen(self.encoding, first).unwrap_or_default()))
            }
            Some(_) => Ok(Found { candidates, time }),
        }
    }

    fn without_prefix<'s>(&self, item: &'s str) -> Option<&'s str> {
        self.prefixes.iter().find_map(|prefix| item.strip_prefix(prefix.as_str()))
    }

    fn no_prefix(&self, items: &[&str]) -> String {
        let prefix = self.prefix();
        if self.separator.is_none() {
            let look = Look::of(items.first().copied().unwrap_or_default());
            return format!("`{prefix}` expected in front, got {look}");
        }
        let spaced = items.iter().any(|item| self.without_prefix(item.trim()).is_some());
        let hint =
            if spaced { ", but for spaces: with one in `separator` they do not count" } else { "" };
        format!("no part of it begins with `{prefix}`{hint}")
    }

    /// Writes a signature, as bytes, where it is looked for; `time` beside it, with what is before it.
    pub(super) fn put(&self, outgoing: &mut Outgoing, made: &str, time: Option<(&str, &str)>) {
        let written = match (&self.separator, time) {
            (Some(Separator { mark, .. }), Some((prefix, time))) => {
                format!("{prefix}{time}{mark}{made}")
            }
            _ => made.to_owned(),
        };
        if let Some(place) = self.places.first() {
            place.put(outgoing, &written);
        }
    }

    /// A signature as it is written, with what stands before it.
    pub(super) fn write(&self, made: &[u8]) -> String {
        format!("{}{}", self.prefix(), self.encoding.write(made))
    }
}

impl Separator {
    fn new(text: &str) -> Option<Self> {
        let bare = text.trim();
        let is_spaced = !bare.is_empty() && bare.len() < text.len();
        let mark = if is_spaced { bare } else { text };
        (!mark.is_empty()).then(|| Self { mark: mark.to_owned(), is_spaced })
    }

    fn split<'s>(&'s self, line: &'s str) -> impl Iterator<Item = &'s str> {
        line.split(self.mark.as_str()).map(|item| if self.is_spaced { item.trim() } else { item })
    }
}

/// Takes the time out of the list: the item with its prefix, or the first if it has none.
fn take_time<'s>(items: &mut Vec<&'s str>, prefix: &str) -> Result<&'s str, &'static str> {
    if prefix.is_empty() {
        return Ok(items.remove(0));
    }
    let mut times: Vec<&str> = items.iter().filter_map(|item| item.strip_prefix(prefix)).collect();
    items.retain(|item| !item.starts_with(prefix));
    let time = times.pop().ok_or("there is no time in it")?;
    if times.iter().any(|other| *other != time) {
        return Err("there are two different times in it");
    }
    Ok(time)
}
