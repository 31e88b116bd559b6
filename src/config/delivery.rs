//! What does a rule say of its messages beside what they are?

use std::sync::Arc;

use super::assemble::{Ground, report};
use super::book::{Book, TreeId};
use super::compose::{Composed, Place};
use super::file::RuleSettings;
use super::lists::{self, List};
use crate::expr::Scope;
use crate::model::{Fault, Priority, Rest};
use crate::pipeline::Delivery;
use crate::render::{HoursSettings, Terms, TermsSettings, WrittenSend};

/// Reads the file that `hours:` name, and names it by its path.
pub(super) fn holidays(book: &mut Book, id: TreeId, path: &str, hours: &mut HoursSettings) {
    let Some(file) = &mut hours.holidays else { return };
    if let Some((found, days)) = lists::holidays(book, List { id, path, written: file }) {
        file.clone_from(&found);
        book.holidays.insert(found, days);
    }
}

/// Reads and compiles it; `None` if something is wrong, which is told.
pub(super) fn of(
    book: &mut Book,
    Place { id, path }: Place<'_>,
    settings: &mut RuleSettings,
    sends: &[Composed],
    ground: &Ground<'_>,
    scope: &Scope<'_>,
) -> Option<Arc<Delivery>> {
    let defaults = ground.defaults;
    let is_plain = is_plain(settings);
    if let Some(plain) = ground.plain.get().filter(|_| is_plain) {
        return Some(Arc::clone(plain));
    }
    if let Some(hours) = &mut settings.hours {
        holidays(book, id, &format!("{path}.hours.holidays"), hours);
    }
    let terms = TermsSettings {
        dedupe: settings.dedupe.take(),
        throttle: settings.throttle.take(),
        group: settings.group.take(),
        hours: settings.hours.take().or_else(|| defaults.hours.clone()),
        expires: settings.expires.or(defaults.expires),
        priority: settings.priority,
        delay_until: settings.delay_until.take(),
    };
    let rest = terms.throttle.as_ref().map(|throttle| throttle.rest);
    let gathers = terms.group.is_some() || rest == Some(Rest::Group);
    if gathers && (settings.each.is_some() || !settings.names.0.is_empty()) {
        let message = "what gathers many events cannot use `let` or `each`";
        let fault = Fault::error("group", "value", message);
        report(book, id, path, vec![fault.help("write the whole paths, as `one.event.id`")]);
    }
    let mut instead = settings.or.take();
    let or = instead.as_mut().map(|or| {
        let inherited = or.inherit(ground.common.send);
        ground.common.compile(or, &inherited, scope)
    });
    let or = or.transpose().map_err(|faults| report(book, id, &format!("{path}.or"), faults));
    let mut written = Vec::new();
    for send in sends.iter().filter(|_| gathers) {
        let kept = WrittenSend { send: send.settings.clone(), or: instead.clone() };
        match serde_json::to_string(&kept) {
            Ok(json) => written.push(json),
            Err(error) => {
                let fault = Fault::error(send.at.as_str(), "value", error.to_string());
                report(book, id, path, vec![fault]);
            }
        }
    }
    let zone = defaults.timezone.as_deref().unwrap_or("UTC");
    let terms = Terms::compile(&terms, zone, scope);
    let terms = terms.map_err(|faults| report(book, id, path, faults));
    let all = if defaults.is_shadow() { defaults.mode } else { settings.mode };
    let mode = all.unwrap_or_default();
    let delivery = Arc::new(Delivery { terms: terms.ok()?, mode, or: or.ok()?, written });
    if is_plain {
        let _ = ground.plain.set(Arc::clone(&delivery));
    }
    Some(delivery)
}

/// Whether a rule says nothing of all this itself: then it says what all such rules say.
fn is_plain(settings: &RuleSettings) -> bool {
    let RuleSettings { dedupe, throttle, group, hours, expires, delay_until, or, .. } = settings;
    dedupe.is_none()
        && throttle.is_none()
        && group.is_none()
        && hours.is_none()
        && expires.is_none()
        && delay_until.is_none()
        && or.is_none()
        && settings.mode.is_none()
        && settings.priority == Priority::default()
}
