//! What is legal in a rule and surely not what was meant?
//!
//! Only what can be said for certain: a warning that is wrong teaches people not to read them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::book::{Book, TreeId};
use super::compose::{Composed, Place};
use super::read::nearest;
use crate::model::{Fault, Kind};
use crate::render::{Country, recipient};
use crate::rules::Matcher;
use crate::sources::Source;

/// Fields of events that are web pages and no files: the preset, the field, and what to write.
const PAGES: [(&str, &str, &str); 4] = [
    ("stripe", "hosted_invoice_url", "the PDF is at `invoice_pdf`; put the page into `message`"),
    ("stripe", "receipt_url", "put the address into `message`"),
    ("stripe", "hosted_verification_url", "put the address into `message`"),
    ("github", "html_url", "put the address into `message`"),
];
/// Names of one media type, the usual one first.
const SAME_TYPE: [(&str, &str); 4] =
    [("jpeg", "jpg"), ("jpeg", "pjpeg"), ("mpeg", "mp3"), ("wav", "wave")];

/// What is known of the file as a whole.
pub(super) struct Doubts<'a> {
    main: TreeId,
    vars: &'a Value,
    country: Option<Country>,
    /// Of sources whose test events are sent: the paths that tell these from live ones.
    tests_go_out: HashMap<String, Vec<String>>,
    /// The kinds that sources are known to send: there may be very many rules for each.
    sent: RefCell<HashMap<String, HashSet<String>>>,
}

impl<'a> Doubts<'a> {
    pub(super) fn new(
        main: TreeId,
        vars: &'a Value,
        country: Option<Country>,
        tests_go_out: HashMap<String, Vec<String>>,
    ) -> Self {
        Self { main, vars, country, tests_go_out, sent: RefCell::default() }
    }

    /// `vars:` of the file.
    pub(super) fn vars(&self) -> &'a Value {
        self.vars
    }

    /// Warns of what is surely wrong with one rule.
    pub(super) fn rule(
        &self,
        book: &mut Book,
        at: Place<'_>,
        source: &Source,
        matcher: &Matcher,
        sends: &[Composed],
    ) {
        self.kinds(book, at, source, matcher);
        if let Some(why) = matcher.contradiction().or_else(|| kinds_exclude(source, matcher)) {
            let path = format!("{}.match", at.path);
            let help = "this rule never matches: allow what should be";
            book.fault(at.id, Fault::warning(path, "never-matches", why).help(help));
        }
        self.test_mode(book, at, matcher);
        for composed in sends {
            let mut faults = vec![file_name(composed), extension(composed), caption(composed)];
            faults.push(page(composed, source));
            for fault in faults.into_iter().flatten() {
                composed.tell(book, at, fault);
            }
            self.numbers(book, at, composed);
        }
    }

    /// Kinds that their sender does not send.
    fn kinds(&self, book: &mut Book, at: Place<'_>, source: &Source, matcher: &Matcher) {
        for (place, kind) in matcher.kinds.iter().enumerate() {
            let known = self.sent.borrow().get(source.name()).is_some_and(|it| it.contains(kind));
            if known {
                continue;
            }
            if source.may_send(kind) {
                let mut sent = self.sent.borrow_mut();
                sent.entry(source.name().to_owned()).or_default().insert(kind.clone());
            } else {
                unsent(book, at, source, (place, kind));
            }
        }
    }

    /// Test events are sent like any other, and the rule does not ask which they are.
    fn test_mode(&self, book: &mut Book, at: Place<'_>, matcher: &Matcher) {
        let Some(paths) = self.tests_go_out.get(&matcher.source) else { return };
        let read = matcher.when.iter().flat_map(crate::expr::Condition::paths);
        let wanted = matcher.pattern.paths().map(|path| format!("event.{path}"));
        let asks = read.chain(wanted).any(|path| paths.contains(&path));
        let Some(first) = paths.first().filter(|_| !asks) else { return };
        let path = first.strip_prefix("event.").unwrap_or(first);
        let message = format!(
            "`{path}` is not asked, and `{}` lets test events reach people",
            matcher.source
        );
        let help = format!("add `{path}: true` to `match`, or drop `test_events: send`");
        book.fault(at.id, Fault::warning(at.path, "test-events", message).help(help));
    }

    /// Numbers that are written out, here or in `vars`, and can never be one.
    fn numbers(&self, book: &mut Book, at: Place<'_>, composed: &Composed) {
        let Some(number) = &composed.settings.number else { return };
        let texts = number.texts();
        for (place, text) in texts.iter().enumerate() {
            let listed = matches!(number, crate::render::OneOrMany::Many(_));
            let field = if listed { format!("number[{place}]") } else { "number".to_owned() };
            if !text.contains('{') {
                if let Some(fault) = self.number(text) {
                    composed.tell(book, at, fault.under(&field));
                }
            } else if let Some(path) = path_in_vars(text) {
                self.in_vars(book, path);
            }
        }
    }

    fn in_vars(&self, book: &mut Book, path: &str) {
        let mut value = self.vars;
        for name in path.split('.') {
            let Some(next) = value.get(name) else { return };
            value = next;
        }
        let places = match value {
            Value::Array(list) => {
                list.iter().enumerate().map(|(n, it)| (format!("vars.{path}[{n}]"), it)).collect()
            }
            value => vec![(format!("vars.{path}"), value)],
        };
        for (place, value) in places {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            if let Some(fault) = self.number(&text) {
                book.fault(self.main, fault.under(&place));
            }
        }
    }

    fn number(&self, text: &str) -> Option<Fault> {
        let why = recipient(text, self.country).err()?.to_string();
        let (wrong, help) = match why.split_once(": write ") {
            Some((wrong, help)) => (wrong, format!("write {help}")),
            None => (&*why, "write it as in \"6281234567890\"; a group ends in @g.us".to_owned()),
        };
        Some(Fault::warning("", "number", wrong).help(help))
    }
}

/// Why no event of the rule's kinds can fit its pattern: the body says the kind too.
fn kinds_exclude(source: &Source, matcher: &Matcher) -> Option<String> {
    let why = |kind: &String| {
        let (path, text) = source.said_by_kind(kind)?;
        let wanted = matcher.pattern.instead_of(&path, text)?;
        Some(format!(
            "where the kind is `{kind}`, `{path}` is {text:?}, and `match` wants {wanted}"
        ))
    };
    let all: Option<Vec<String>> = matcher.kinds.iter().map(why).collect();
    all?.into_iter().next()
}

/// A kind that its sender does not send.
fn unsent(book: &mut Book, at: Place<'_>, source: &Source, (place, kind): (usize, &str)) {
    let listed = book.node(at.id, &format!("{}.kind[0]", at.path)).is_some();
    let index = if listed { format!("[{place}]") } else { String::new() };
    let bare = source.kinds().iter().filter_map(|kind| Some(kind.split_once('.')?.0));
    let known = source.kinds().iter().map(String::as_str).chain(bare);
    let preset = source.preset().unwrap_or(source.name());
    let message = format!("{preset} sends no `{kind}`: this rule never matches");
    let help = match nearest(kind, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => match source.docs() {
            Some(docs) => format!("its kinds are listed at {docs}"),
            None => "see `kinds:` of the source".to_owned(),
        },
    };
    let path = format!("{}.kind{index}", at.path);
    book.fault(at.id, Fault::warning(path, "unknown-kind", message).help(help));
}

/// A document that the phone shows without a name.
fn file_name(composed: &Composed) -> Option<Fault> {
    let settings = &composed.settings;
    let is_document = match composed.send.kind() {
        Some(kind) => kind == Kind::Document,
        None => settings.mimetype.is_none(),
    };
    let nameless = is_document && settings.file_name.is_none();
    nameless.then(|| {
        Fault::warning("fileName", "no-file-name", "a document without `fileName` has no name")
            .help("add `fileName:`, as in `\"Invoice.pdf\"`")
    })
}

/// A file name whose ending says something else than `mimetype`.
fn extension(composed: &Composed) -> Option<Fault> {
    let written = composed.settings.mimetype.as_deref()?;
    let name = composed.settings.file_name.as_deref()?;
    let subtype = plain_subtype(written)?;
    let guessed = mime_guess::from_path(name);
    let agrees = |guess: mime_guess::Mime| plain_subtype(guess.essence_str()) == Some(subtype);
    if written.contains('{') || subtype == "octet-stream" || guessed.iter().any(agrees) {
        return None;
    }
    let first = guessed.first()?;
    let ending = name.rsplit('.').next().unwrap_or(name);
    let message = format!("`.{ending}` is no `{}`", written.trim());
    Some(
        Fault::warning("mimetype", "file-type", message)
            .help(format!("write `{first}`, drop `mimetype`, or end `fileName` otherwise")),
    )
}

/// `jpeg` of `image/jpg; q=1`.
fn plain_subtype(mimetype: &str) -> Option<&str> {
    let subtype = mimetype.split_once('/')?.1;
    let subtype = subtype.split(';').next().unwrap_or(subtype).trim();
    let subtype = subtype.strip_prefix("x-").unwrap_or(subtype);
    let usual = SAME_TYPE.iter().find(|(_, other)| *other == subtype);
    Some(usual.map_or(subtype, |(usual, _)| usual))
}

/// A caption that nobody will see.
fn caption(composed: &Composed) -> Option<Fault> {
    let unseen = composed.send.kind() == Some(Kind::Audio) && composed.settings.message.is_some();
    unseen.then(|| {
        Fault::warning("message", "audio-caption", "WhatsApp shows no caption with sound")
            .help("send the words as an entry of `send` of their own")
    })
}

/// The address of a web page where a file is needed.
fn page(composed: &Composed, source: &Source) -> Option<Fault> {
    let written = composed.settings.media_url.as_deref()?.trim();
    let inside = written.strip_prefix("{{")?.split(['|', '}']).next()?.trim();
    let end = written.rfind("}}")?;
    // Of a page there is a picture.
    let is_picture = written.split('|').skip(1).any(|it| it.trim().starts_with("opengraph"));
    let whole = end + 2 == written.len() && written.matches("{{").count() == 1 && !is_picture;
    let field = inside.rsplit('.').next()?;
    let (.., help) = PAGES
        .iter()
        .find(|(preset, name, _)| whole && source.preset() == Some(preset) && *name == field)?;
    let start = composed.settings.media_url.as_deref()?.find(inside)?;
    let message = format!("`{field}` is a web page, not a file");
    let fault = Fault::warning("mediaUrl", "page-as-media", message).help(*help);
    Some(fault.at(start..start + inside.len()))
}

/// `a.b` of `{{ vars.a.b }}`.
fn path_in_vars(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let path = inside.strip_prefix("vars.")?;
    let is_path = path.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
    is_path.then_some(path)
}
