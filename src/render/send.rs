//! One send of a rule: event → content and recipients.

use url::Url;

use super::{Country, SendSettings, recipient};
use crate::expr::{Escape, EvalError, Read, Scope, Template, Values, View};
use crate::model::{Content, Fault, Kind, Reason, Recipient, State, mask_number};

/// The most numbers that one send reaches for one event.
const NUMBERS_MAX: usize = 1_000;

/// A compiled send.
#[derive(Clone, Debug)]
pub struct Send {
    numbers: Vec<Template>,
    /// `None` if it follows from a media type that is a template.
    kind: Option<Kind>,
    media_url: Option<Box<Template>>,
    message: Option<Template>,
    file_name: Option<Box<Template>>,
    mimetype: Option<Box<Template>>,
    delay: Option<u64>,
    instance: Option<Box<Template>>,
}

/// One message to be, for one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Whose session sends it; `None` is the default one.
    pub instance: Option<String>,
    /// Who gets it.
    pub recipient: Recipient,
    /// What.
    pub content: Content,
}

/// A message that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmade {
    /// Failed or skipped.
    pub state: State,
    /// Why, from the closed list.
    pub reason: Reason,
    /// The field, the path and the remedy.
    pub detail: String,
    /// What tells it from its siblings: the number as written, masked, or nothing.
    pub about: String,
}

impl Unmade {
    fn render(field: &str, why: &str) -> Self {
        Self {
            state: State::Failed,
            reason: Reason::Render,
            detail: format!("{field}: {why}"),
            about: String::new(),
        }
    }

    fn nobody(why: &str) -> Self {
        Self {
            state: State::Skipped,
            reason: Reason::NoRecipient,
            detail: format!("number: {why}"),
            about: String::new(),
        }
    }
}

impl Send {
    /// Compiles the settings; every mistake is told, with the path of its field.
    pub fn compile(settings: &SendSettings) -> Result<Self, Vec<Fault>> {
        Self::compile_in(settings, &Scope::default())
    }

    /// The same with the names and tables of its rule.
    pub fn compile_in(settings: &SendSettings, scope: &Scope<'_>) -> Result<Self, Vec<Fault>> {
        Self::compile_each(settings, &|_| scope)
    }

    /// The same where fields come from different files, each with tables of its own.
    pub fn compile_each<'s>(
        settings: &SendSettings,
        scope_of: &dyn Fn(&str) -> &'s Scope<'s>,
    ) -> Result<Self, Vec<Fault>> {
        let kind = kind(settings);
        let (send, mut faults) = Self::fields(settings, kind, scope_of);
        faults.extend(impossible(settings, kind));
        if faults.is_empty() { Ok(send) } else { Err(faults) }
    }

    /// What is wrong with the fields one by one, of settings that others complete.
    pub fn mistakes(settings: &SendSettings, scope: &Scope<'_>) -> Vec<Fault> {
        Self::fields(settings, None, &|_| scope).1
    }

    fn fields<'s>(
        settings: &SendSettings,
        kind: Option<Kind>,
        scope_of: &dyn Fn(&str) -> &'s Scope<'s>,
    ) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut field = |path: &str, text: &Option<String>, escape| {
            let compiled = Template::compile_in(text.as_ref()?, escape, scope_of(path));
            compiled
                .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under(path))))
                .ok()
        };
        // Most rules have few of these, and there may be very many rules.
        let media_url = field("mediaUrl", &settings.media_url, Escape::None).map(Box::new);
        let message = field("message", &settings.message, Escape::Message);
        let file_name = field("fileName", &settings.file_name, Escape::FileName).map(Box::new);
        let mimetype = field("mimetype", &settings.mimetype, Escape::None).map(Box::new);
        let instance = field("instanceName", &settings.instance_name, Escape::None).map(Box::new);
        let list = matches!(settings.number, Some(super::OneOrMany::Many(_)));
        let numbers: Vec<_> = (0..)
            .zip(settings.number.iter().flat_map(super::OneOrMany::texts))
            .filter_map(|(place, number)| {
                let path = if list { format!("number[{place}]") } else { "number".to_owned() };
                field(&path, &Some(number.clone()), Escape::None)
            })
            .collect();
        let delay = settings.delay;
        let send = Self { numbers, kind, media_url, message, file_name, mimetype, delay, instance };
        (send, faults)
    }

    /// Forgets what was read in its texts until they are used.
    pub fn put_off(&mut self) {
        let rare =
            [&mut self.media_url, &mut self.file_name, &mut self.mimetype, &mut self.instance];
        let rare = rare.into_iter().flatten().map(Box::as_mut);
        rare.chain(&mut self.message).chain(&mut self.numbers).for_each(Template::put_off);
        self.numbers.shrink_to_fit();
    }

    /// What it is, as far as that is known before any event.
    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The messages for this event, or element of it: one for each recipient, equal ones once; each that cannot be
    /// made says why, and its neighbours go on.
    pub fn make<'a>(
        &'a self,
        view: impl Into<View<'a>>,
        country: Option<Country>,
    ) -> Vec<Result<Made, Unmade>> {
        let view = view.into();
        let recipients = match self.recipients(&view, country) {
            Ok(recipients) => recipients,
            Err(unmade) => return vec![Err(unmade)],
        };
        if recipients.iter().all(Result::is_err) {
            return recipients.into_iter().filter_map(Result::err).map(Err).collect();
        }
        let (instance, content) = match self.content(&view) {
            Ok(made) => made,
            Err(unmade) => return vec![Err(unmade)],
        };
        let made =
            |recipient| Made { instance: instance.clone(), recipient, content: content.clone() };
        recipients.into_iter().map(|recipient| recipient.map(made)).collect()
    }

    /// The paths that its templates read, as `event.data.object.id`, each with the field.
    pub fn paths(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("mediaUrl", self.media_url.as_deref()),
            ("message", self.message.as_ref()),
            ("fileName", self.file_name.as_deref()),
            ("mimetype", self.mimetype.as_deref()),
            ("instanceName", self.instance.as_deref()),
        ];
        let numbers = self.numbers.iter().map(|number| ("number", number));
        numbers
            .chain(fields.into_iter().filter_map(|(name, field)| Some((name, field?))))
            .flat_map(|(name, field)| field.paths().into_iter().map(move |path| (name, path)))
            .collect()
    }

    /// Every place where its templates read a path, each with the field. Only what is needed to
    /// make the message counts as needed: without a number there is no recipient, which is no mistake.
    pub fn reads(&self) -> Vec<(&'static str, Read)> {
        let fields = [
            ("number", self.numbers.first().filter(|_| self.numbers.len() == 1)),
            ("mediaUrl", self.media_url.as_deref()),
            ("message", self.message.as_ref()),
            ("fileName", self.file_name.as_deref()),
            ("mimetype", self.mimetype.as_deref()),
            ("instanceName", self.instance.as_deref()),
        ];
        fields
            .into_iter()
            .filter_map(|(name, field)| Some((name, field?)))
            .flat_map(|(name, field)| field.reads().into_iter().map(move |read| (name, read)))
            .collect()
    }

    fn recipients<'a>(
        &'a self,
        view: &View<'a>,
        country: Option<Country>,
    ) -> Result<Vec<Result<Recipient, Unmade>>, Unmade> {
        let mut recipients: Vec<Result<Recipient, Unmade>> = Vec::new();
        let mut missing = None;
        for number in &self.numbers {
            let written = match number.values(view.clone()) {
                Ok(Values::One(number)) => vec![Some(number)],
                Ok(Values::Many(numbers)) => numbers,
                Ok(Values::Nothing) => continue,
                Err(error @ EvalError::Missing { .. }) => {
                    missing.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(Unmade::render("number", &error.to_string())),
            };
            if recipients.len() + written.len() > NUMBERS_MAX {
                let why = format!("there are more than {NUMBERS_MAX} numbers, which no one meant");
                return Err(Unmade::render("number", &why));
            }
            for written in written.into_iter().flatten() {
                let read = recipient(&written, country).map_err(|error| Unmade {
                    state: State::Failed,
                    reason: Reason::InvalidNumber,
                    detail: format!("number: {error}"),
                    about: mask_number(&written),
                });
                if !recipients.contains(&read) {
                    recipients.push(read);
                }
            }
        }
        if recipients.is_empty() {
            let read: Vec<String> = self.numbers.iter().flat_map(Template::paths).collect();
            return Err(Unmade::nobody(&match missing {
                Some(error) => error.to_string(),
                None if read.is_empty() => "the list is empty".to_owned(),
                None => format!("there is nothing in {}", read.join(", ")),
            }));
        }
        Ok(recipients)
    }

    /// What it says about this view, without recipients, and whose session sends it.
    ///
    /// # Errors
    /// When a field cannot be filled.
    pub fn content<'a>(&'a self, view: &View<'a>) -> Result<(Option<String>, Content), Unmade> {
        let fill = |field: &str, template: Option<&'a Template>| match template {
            None => Ok(None),
            Some(template) => match template.render(view.clone()) {
                Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                Err(error) => Err(Unmade::render(field, &with_remedy(&error))),
            },
        };
        let media_url = fill("mediaUrl", self.media_url.as_deref())?;
        let file_name = fill("fileName", self.file_name.as_deref())?;
        let mimetype = fill("mimetype", self.mimetype.as_deref())?;
        let mimetype = mimetype.or_else(|| guessed(file_name.as_deref()?));
        let kind = match (self.kind, &mimetype) {
            (Some(kind), _) => kind,
            (None, Some(mimetype)) => kind_of(mimetype),
            (None, None) => Kind::Document,
        };
        // WhatsApp shows no caption with sound.
        let message =
            if kind == Kind::Audio { None } else { fill("message", self.message.as_ref())? };
        if kind == Kind::Text && message.is_none() {
            return Err(Unmade::render("message", "there is nothing in it: a text needs words"));
        }
        if kind != Kind::Text {
            check_url(media_url.as_deref())?;
        }
        let instance = fill("instanceName", self.instance.as_deref())?;
        let content = Content { kind, media_url, message, file_name, mimetype, delay: self.delay };
        Ok((instance, content))
    }
}

/// The error with what to do about it.
fn with_remedy(error: &EvalError) -> String {
    match error {
        EvalError::Missing { .. } => {
            format!("{error}; write `| default(\"…\")` where it may be missing")
        }
        other => other.to_string(),
    }
}

/// Whether Wachat could fetch it.
fn check_url(url: Option<&str>) -> Result<(), Unmade> {
    let wrong = |why: &str| Err(Unmade::render("mediaUrl", why));
    let Some(url) = url else {
        return wrong("there is nothing in it: media need an https URL");
    };
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => {
            if parsed.host_str().is_some_and(|host| !host.is_empty()) {
                Ok(())
            } else {
                wrong("the URL names no host")
            }
        }
        Ok(parsed) => {
            wrong(&format!("the URL begins with `{}:`; Wachat fetches https URLs", parsed.scheme()))
        }
        Err(error) => wrong(&format!("this is no URL ({error}); write one as https://…")),
    }
}

/// What it is, as far as that is known before any event: written, or by the media type.
fn kind(settings: &SendSettings) -> Option<Kind> {
    if settings.kind.is_some() {
        return settings.kind;
    }
    if settings.media_url.is_none() {
        return Some(Kind::Text);
    }
    if let Some(mimetype) = &settings.mimetype {
        let known = !mimetype.contains("{{") && !mimetype.contains("{%");
        return known.then(|| kind_of(mimetype));
    }
    guessed(settings.file_name.as_deref()?).map(|mimetype| kind_of(&mimetype))
}

/// The media type of a file name; of a template too, if its extension is written out.
fn guessed(file_name: &str) -> Option<String> {
    mime_guess::from_path(file_name).first().map(|mimetype| mimetype.essence_str().to_owned())
}

fn kind_of(mimetype: &str) -> Kind {
    match mimetype.trim().split('/').next() {
        Some("image") if !mimetype.contains("svg") => Kind::Image,
        Some("video") => Kind::Video,
        Some("audio") => Kind::Audio,
        _ => Kind::Document,
    }
}

/// Fields that cannot go together.
fn impossible(settings: &SendSettings, kind: Option<Kind>) -> Vec<Fault> {
    let mut faults = Vec::new();
    match &settings.number {
        None => {
            let fault = Fault::error("number", "missing-key", "the key `number` is missing");
            faults.push(fault.help("add `number:` here, or under `defaults.send`"));
        }
        Some(number) if number.texts().is_empty() => faults.push(
            Fault::error("number", "missing-field", "the list of numbers is empty")
                .help("write at least one number"),
        ),
        Some(_) => {}
    }
    let empty = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    if kind == Some(Kind::Text) {
        if empty(&settings.message) {
            faults.push(
                Fault::error("message", "missing-field", "a text has no `message`")
                    .help("write `message:`, or `mediaUrl:` to send a file"),
            );
        }
        for (path, present) in [
            ("mediaUrl", settings.media_url.is_some()),
            ("fileName", settings.file_name.is_some()),
            ("mimetype", settings.mimetype.is_some()),
            ("delay", settings.delay.is_some()),
        ] {
            if present {
                let message = format!("a text has no `{path}`");
                let help = if settings.kind.is_some() {
                    "drop it, or write `type: document`"
                } else {
                    "write `mediaUrl:` too, or drop it"
                };
                faults.push(Fault::error(path, "impossible-field", message).help(help));
            }
        }
    } else if empty(&settings.media_url) {
        let word = kind.map_or("media", Kind::as_str);
        faults.push(
            Fault::error("mediaUrl", "missing-field", format!("type {word} needs a `mediaUrl`"))
                .help("write the https URL of the file"),
        );
    }
    faults.extend(settings.odd_delay());
    if let (Some(written), Some(mimetype)) = (settings.kind, &settings.mimetype)
        && !matches!(written, Kind::Document | Kind::Text)
        && !mimetype.contains("{{")
        && kind_of(mimetype) != written
    {
        let message = format!("`{mimetype}` is no {}", written.as_str());
        faults.push(
            Fault::error("mimetype", "impossible-field", message)
                .help(format!("drop `type`, or write `type: {}`", kind_of(mimetype).as_str())),
        );
    }
    faults
}
