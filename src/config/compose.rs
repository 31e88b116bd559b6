//! What does each send of a rule come to, with what it takes from `defaults.send`?

use super::book::{Book, TreeId};
use crate::expr::{FindTable, Scope};
use crate::model::Fault;
use crate::render::{Send, SendSettings};

/// Where `defaults.send` stands.
const DEFAULTS: &str = "defaults.send";

/// A rule's place: its file, and its path in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) id: TreeId,
    pub(super) path: &'a str,
}

/// What all rules share.
pub(super) struct Common<'a> {
    /// The main file.
    pub(super) main: TreeId,
    pub(super) send: &'a SendSettings,
    /// The tables of the main file, which its own texts look into.
    pub(super) tables: FindTable<'a>,
}

impl Common<'_> {
    /// Compiles what a rule sends; fields that it took from the main file look into the tables there.
    pub(super) fn compile(
        &self,
        settings: &SendSettings,
        inherited: &[&'static str],
        scope: &Scope<'_>,
    ) -> Result<Send, Vec<Fault>> {
        let outer = scope.looking_into(self.tables);
        Send::compile_each(settings, &|field| {
            let name = field.split('[').next().unwrap_or(field);
            if inherited.contains(&name) { &outer } else { scope }
        })
    }
}

/// One send, complete.
#[derive(Debug)]
pub(super) struct Composed {
    /// Its path below the rule: `send`, or `send[1]`.
    pub(super) at: String,
    pub(super) settings: SendSettings,
    pub(super) send: Send,
    inherited: Vec<&'static str>,
    main: TreeId,
}

impl Composed {
    /// Completes and compiles one entry of `send:`; `None` if something is wrong with it.
    pub(super) fn of(
        book: &mut Book,
        rule: Place<'_>,
        index: &str,
        mut settings: SendSettings,
        common: &Common<'_>,
        scope: &Scope<'_>,
    ) -> Option<Self> {
        let at = format!("send{index}");
        let inherited = settings.inherit(common.send);
        match common.compile(&settings, &inherited, scope) {
            Ok(send) => Some(Self { at, settings, send, inherited, main: common.main }),
            Err(faults) => {
                for fault in faults {
                    let (id, path) = place(rule, &at, &inherited, common.main, &fault.path);
                    book.fault(id, Fault { path, ..fault });
                }
                None
            }
        }
    }

    /// The same fault at the field where it is written: here, or under `defaults.send`.
    pub(super) fn tell(&self, book: &mut Book, rule: Place<'_>, fault: Fault) {
        let (id, path) = place(rule, &self.at, &self.inherited, self.main, &fault.path);
        book.fault(id, Fault { path, ..fault });
    }
}

/// Tells what is wrong with `defaults.send` itself, whether a rule takes it or not.
pub(super) fn defaults(book: &mut Book, common: &Common<'_>, scope: &Scope<'_>) {
    for fault in Send::mistakes(common.send, scope) {
        book.fault(common.main, fault.under(DEFAULTS));
    }
}

fn place(
    rule: Place<'_>,
    at: &str,
    inherited: &[&'static str],
    main: TreeId,
    field: &str,
) -> (TreeId, String) {
    let name = field.split(['.', '[']).next().unwrap_or(field);
    let (id, holder) = if inherited.contains(&name) {
        (main, DEFAULTS.to_owned())
    } else {
        (rule.id, format!("{}.{at}", rule.path))
    };
    (id, Fault::error(field, "", "").under(&holder).path)
}
