//! How do settings become a pipeline? Each room compiles its own; mistakes get their places here.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::book::{Book, TreeId};
use super::compose::{self, Common, Composed, Place};
use super::doubts::Doubts;
use super::examine::Known;
use super::file::{DefaultSettings, RuleFile, RuleSettings};
use super::placed::Placed;
use super::rehearse::Stages;
use super::repeats::Repeats;
use super::tables::Tables;
use super::{delivery, examine, rehearse, scalar, vars};
use crate::expr::{Condition, Each, Scope, Surroundings};
use crate::model::{Fault, OnUncertain, Policy};
use crate::pipeline::{Defaults, Delivery, Pipeline, Rule};
use crate::render::{Country, Send};
use crate::rules::Matcher;
use crate::sources::{Source, SourceSettings, TestEvents, preset};

/// How many sources there may be.
const SOURCES_MAX: usize = 1000;
/// Of more rules than these, what is read in their texts is forgotten until they are used.
const RULES_MANY: usize = 10_000;
/// How many values `vars:` may hold, times the sources: each has a copy.
const VARS_MAX: usize = 1_000_000;

/// `vars:` as JSON, in which numbers keep the look that they have in the file.
pub(super) fn vars(book: &Book, id: TreeId) -> Value {
    book.node(id, "vars")
        .filter(|node| !node.is_blank())
        .map_or_else(|| Value::Object(serde_json::Map::new()), scalar::as_json)
}

/// Of each source that sends its test events to people: the paths that tell them from live ones.
pub(super) fn tests_go_out(
    settings: &BTreeMap<String, Placed<SourceSettings>>,
) -> HashMap<String, Vec<String>> {
    let told_by = |name: &String, settings: &SourceSettings| {
        let row = preset(settings.preset.as_ref().unwrap_or(name)).ok()?;
        let own = settings.test_when.as_ref();
        let when = own.or_else(|| row.and_then(|row| row.test_when.as_ref()))?;
        Some(Condition::compile(when).ok()?.paths())
    };
    settings
        .iter()
        .filter(|(_, it)| it.value.test_events == Some(TestEvents::Send))
        .filter_map(|(name, it)| Some((name.clone(), told_by(name, &it.value)?)))
        .collect()
}

/// Gives each source that does not say its own address the one that follows from
/// `server.public_url`.
pub(super) fn addresses(
    settings: &mut BTreeMap<String, Placed<SourceSettings>>,
    public_url: Option<&str>,
) {
    let Some(base) = public_url else { return };
    for (name, source) in settings.iter_mut().filter(|(_, it)| it.value.url.is_none()) {
        source.value.url = Some(format!("{base}/hooks/{name}"));
    }
}

/// What all sources have in common.
pub(super) struct Around<'a> {
    pub(super) vars: &'a Value,
    pub(super) timezone: &'a jiff::tz::TimeZone,
    pub(super) country: Option<Country>,
    /// `server.body_limit`, in bytes.
    pub(super) body_limit: u64,
}

/// Builds every source that can be built.
pub(super) fn sources(
    book: &mut Book,
    id: TreeId,
    settings: BTreeMap<String, Placed<SourceSettings>>,
    common: &Around<'_>,
) -> Vec<(Source, Surroundings)> {
    let mut built = Vec::new();
    if too_many(book, id, settings.len()) {
        return built;
    }
    for (name, Placed { path, value: mut settings }) in settings {
        examine::secrets(book, id, &path, &mut settings);
        if book.has_error_below(id, &path) {
            continue;
        }
        match Source::build(&name, &settings) {
            Ok((source, mut warnings)) => {
                // Told already, with the place in the list as it is written.
                warnings.retain(|fault| fault.code != "short-secret");
                report(book, id, &path, warnings);
                let amounts = source.amounts();
                let around = Surroundings {
                    vars: common.vars.clone(),
                    amounts,
                    timezone: common.timezone.clone(),
                    country: common.country,
                };
                built.push((source.unpacking_to(common.body_limit), around));
            }
            Err(faults) => report(book, id, &path, faults),
        }
    }
    built
}

/// Whether there are more sources, or more copies of `vars` for them, than memory is meant for.
fn too_many(book: &mut Book, id: TreeId, sources: usize) -> bool {
    let values = book.node(id, "vars").map_or(0, |vars| vars.measure().nodes);
    let (path, message, help) = if sources > SOURCES_MAX {
        ("sources", format!("more than {SOURCES_MAX} sources"), "let senders share a source")
    } else if values.saturating_mul(sources) > VARS_MAX {
        let message = format!("{values} values, each for {sources} sources, are too many");
        ("vars", message, "keep data in a CSV or JSON file beside this one, for `lookup`")
    } else {
        return false;
    };
    book.fault(id, Fault::error(path, "too-many", message).help(help));
    true
}

/// What rules are compiled against.
pub(super) struct Ground<'a> {
    pub(super) common: Common<'a>,
    pub(super) defaults: &'a DefaultSettings,
    pub(super) sources: &'a [(Source, Surroundings)],
    pub(super) doubts: Doubts<'a>,
    pub(super) tables: &'a Tables,
    pub(super) stages: Stages<'a>,
    /// What rules say of delivery that say nothing themselves.
    pub(super) plain: OnceCell<Arc<Delivery>>,
}

impl<'a> Ground<'a> {
    fn source(&self, name: &str) -> Option<&'a Source> {
        // They stand in the order of their names.
        let place = self.sources.binary_search_by(|(source, _)| source.name().cmp(name)).ok()?;
        self.sources.get(place).map(|(source, _)| source)
    }
}

/// Compiles every rule that can be compiled.
pub(super) fn rules(
    book: &mut Book,
    written: &[(TreeId, usize)],
    ground: &Ground<'_>,
    known: &mut Known<'_>,
) -> (Vec<Matcher>, Vec<Rule>) {
    let (mut matchers, mut rules) = (Vec::new(), Vec::new());
    matchers.reserve_exact(written.len());
    rules.reserve_exact(written.len());
    let are_many = written.len() > RULES_MANY;
    let mut repeats = Repeats::default();
    compose::defaults(book, &ground.common, &Scope::with_tables(ground.common.tables));
    for (id, index) in written.iter().copied() {
        if book.is_over(id) {
            continue;
        }
        let Some(settings) = book.read_rule(id, index) else { continue };
        book.report.rules += 1;
        known.examine(book, (id, index), &settings);
        let Placed { path, value } = settings;
        let at = Place { id, path: &path };
        if let Some((mut matcher, sends, rule)) = rule(book, at, value, ground) {
            repeats.note(book, at, rules.len(), &matcher.source, &sends);
            let mut sends: Vec<Send> = sends.into_iter().map(|composed| composed.send).collect();
            sends.shrink_to_fit();
            if are_many {
                sends.iter_mut().for_each(Send::put_off);
                matcher.when.iter_mut().for_each(Condition::put_off);
            }
            matchers.push(matcher);
            rules.push(Rule { sends, ..rule });
        }
        book.forget_rule(id, index);
    }
    repeats.tell(book, &matchers);
    ground.tables.watch(book);
    (matchers, rules)
}

/// Whether a message would never be tried.
fn no_try(
    book: &mut Book,
    Place { id, path }: Place<'_>,
    settings: &RuleSettings,
    (attempts, age): (u32, Option<u64>),
) {
    if attempts == 0 {
        let at = if settings.attempts.is_some() { path } else { "defaults" };
        let fault = Fault::error(format!("{at}.attempts"), "value", "0 attempts send nothing");
        book.fault(id, fault.help("write 1 or more"));
    }
    if age == Some(0) {
        let at = if settings.max_age.is_some() { path } else { "defaults" };
        let message = "a message that may be tried for so short a time is never sent";
        let fault = Fault::error(format!("{at}.max_age"), "value", message);
        book.fault(id, fault.help("write 1s or more, as `6h`"));
    }
}

fn rule(
    book: &mut Book,
    at: Place<'_>,
    mut settings: RuleSettings,
    ground: &Ground<'_>,
) -> Option<(Matcher, Vec<Composed>, Rule)> {
    let Place { id, path } = at;
    let folder = book.folder(id);
    let find = |name: &str| ground.tables.find(&folder, name);
    let mut scope = Scope::with_tables(&find);
    let each = names(book, at, &settings, &mut scope);
    let when = settings.when.as_deref().map(|when| Condition::compile_in(when, &scope));
    let when = match when.transpose() {
        Ok(when) => Some(when),
        Err(faults) => {
            report(book, id, &format!("{path}.when"), faults);
            None
        }
    };
    let scope = scope.seen_in_element();
    let written = settings.send.take().map(|send| send.0).unwrap_or_default();
    let count = written.len();
    let sends: Vec<Composed> = written
        .into_iter()
        .filter_map(|(index, send)| Composed::of(book, at, &index, send, &ground.common, &scope))
        .collect();
    let delivery = delivery::of(book, at, &mut settings, &sends, ground, &scope);
    let policy = Policy::default();
    let defaults = ground.defaults;
    let age = settings.max_age.or(defaults.max_age).map(|span| span.0.as_secs());
    let attempts = settings.attempts.or(defaults.attempts).unwrap_or(policy.attempts_max);
    no_try(book, at, &settings, (attempts, age));
    let on_uncertain: Option<OnUncertain> = settings.on_uncertain.or(defaults.on_uncertain);
    let is_read = when.is_some();
    let matcher = Matcher {
        source: settings.source,
        kinds: settings.kind.0,
        pattern: settings.pattern,
        when: when.flatten(),
    };
    let all_sends = sends.len() == count;
    // Of a rule with a mistake in one place the others are tried all the same.
    if let Some(source) = ground.source(&matcher.source).filter(|_| !book.is_full()) {
        let each = each.as_ref().ok().and_then(Option::as_ref);
        let said = rehearse::Said { matcher: &matcher, each, sends: &sends };
        if let Some(stage) = ground.stages.of(source, &matcher) {
            rehearse::rule(book, at, &stage, &said);
            rehearse::names(book, at, &stage, &scope);
        }
        vars::rule(book, at, ground.doubts.vars(), &said, &scope);
        // Of what was only partly read, nothing is certain.
        let is_whole = !book.has_error_below(id, &format!("{path}.send"));
        let sure = if is_whole { sends.as_slice() } else { &[] };
        ground.doubts.rule(book, at, source, &matcher, sure);
    }
    if !(is_read && all_sends) {
        return None;
    }
    let rule = Rule {
        names: scope.names(),
        each: each.ok()?,
        name: settings.name,
        sends: Vec::new(),
        attempts_max: attempts,
        age_max_s: age.unwrap_or(policy.age_max_s),
        on_uncertain,
        delivery: delivery?,
    };
    Some((matcher, sends, rule))
}

/// Something is wrong, and was told.
struct Told;

/// Adds the names of `let:` and `each:` to the scope.
fn names(
    book: &mut Book,
    at: Place<'_>,
    settings: &RuleSettings,
    scope: &mut Scope<'_>,
) -> Result<Option<Each>, Told> {
    let Place { id, path } = at;
    if let Some(text) = &settings.each {
        Each::announce(text, scope);
    }
    let mut fine = true;
    for (name, text) in &settings.names.0 {
        if let Err(faults) = scope.add_let(name, text) {
            report(book, id, &format!("{path}.let.{name}"), faults);
            fine = false;
        }
    }
    let each = settings.each.as_deref().map(|text| Each::compile(text, scope));
    match each.transpose() {
        Ok(each) if fine => Ok(each),
        Ok(_) => Err(Told),
        Err(faults) => {
            report(book, id, &format!("{path}.each"), faults);
            Err(Told)
        }
    }
}

/// Puts the parts together.
pub(super) fn pipeline(
    sources: Vec<(Source, Surroundings)>,
    (matchers, rules): (Vec<Matcher>, Vec<Rule>),
    instance: String,
    file: &RuleFile,
) -> Pipeline {
    let instance = file.defaults.instance.clone().unwrap_or(instance);
    Pipeline::with_matchers(
        sources,
        matchers,
        rules,
        Defaults { instance, country: file.defaults.country, shadow: file.defaults.is_shadow() },
    )
}

pub(super) fn report(book: &mut Book, id: TreeId, path: &str, faults: Vec<Fault>) {
    for fault in faults {
        book.fault(id, fault.under(path));
    }
}
