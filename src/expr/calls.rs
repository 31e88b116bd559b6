//! Is there a filter, test or function of that name, and does it take these arguments?

use std::ops::Range;

use minijinja::machinery::ast::{self, CallArg, CallType};

use super::compile::Convert;
use super::filters::{self, FilterDoc};
use super::nearest::{few_nearest, nearest};
use super::tree::{Expr, Test, What};
use crate::model::Fault;

/// What Python and Jinja users reach for, and what it is here.
const METHODS: &[(&str, &str)] = &[
    ("split", "write `| split(\",\")`"),
    ("startswith", "write `is startingwith(\"…\")`"),
    ("startsWith", "write `is startingwith(\"…\")`"),
    ("endswith", "write `is endingwith(\"…\")`"),
    ("endsWith", "write `is endingwith(\"…\")`"),
    ("contains", "write `\"…\" in text`"),
    ("includes", "write `\"…\" in text`"),
    ("lower", "write `| lower`"),
    ("toLowerCase", "write `| lower`"),
    ("upper", "write `| upper`"),
    ("toUpperCase", "write `| upper`"),
    ("strip", "write `| trim`"),
    ("trim", "write `| trim`"),
    ("replace", "write `| replace(\"old\", \"new\")`"),
    ("join", "write `list | join(\", \")`"),
    ("get", "write `object[\"key\"] | default(\"…\")`"),
    ("title", "write `| title`"),
    ("items", "write `| items`"),
    ("keys", "loop over the object itself"),
    ("format", "write `\"…\" ~ value`"),
    ("strftime", "write `| date(\"%d %b %Y\")`"),
];

/// Jinja's tests that are comparisons here.
const SIGNS: &[(&str, &str)] = &[
    ("eq", "a == b"),
    ("equalto", "a == b"),
    ("sameas", "a == b"),
    ("ne", "a != b"),
    ("lt", "a < b"),
    ("le", "a <= b"),
    ("gt", "a > b"),
    ("ge", "a >= b"),
    ("in", "a in b"),
];

impl Convert<'_> {
    pub(super) fn filter(&mut self, filter: &ast::Filter<'_>, span: &Range<usize>) -> What {
        let input = match &filter.expr {
            Some(input) => self.boxed(input),
            None => Box::new(Expr { span: span.clone(), what: What::None }),
        };
        let range = self.name_range(filter.name, span.clone(), input.span.end);
        if let Some(ours) = filters::find(filter.name) {
            let arguments = self.arguments(ours, &filter.args, &range);
            self.check_names(ours, &arguments);
            if ours.is_lookup() {
                return self.lookup(ours, input, arguments);
            }
            return What::Filter(ours, input, arguments);
        }
        for argument in &filter.args {
            if let CallArg::Pos(value) | CallArg::Kwarg(_, value) = argument {
                self.expr(value);
            }
        }
        let help = match (filter.name, nearest(filter.name, filters::names())) {
            ("title_case" | "titlecase", _) => "did you mean `title`?".to_owned(),
            ("upcase" | "uppercase", _) => "did you mean `upper`?".to_owned(),
            ("downcase" | "lowercase", _) => "did you mean `lower`?".to_owned(),
            ("format", _) => "join texts by `~`: `\"a \" ~ event.b`".to_owned(),
            ("escape" | "e", _) => "foreign text is made harmless by itself".to_owned(),
            ("rupiah" | "idr" | "currency", _) => "write `money(\"IDR\")`".to_owned(),
            (_, Some(guess)) => format!("did you mean `{guess}`?"),
            (_, None) => {
                let some = few_nearest(filter.name, filters::names()).join("`, `");
                format!("near to it are `{some}`; `kabari schema --reference` lists all filters")
            }
        };
        let fault =
            Fault::error("", "unknown-filter", format!("there is no filter `{}`", filter.name));
        self.fault(fault.help(help), range);
        What::None
    }

    /// The arguments in the order of the filter's parameters.
    fn arguments(
        &mut self,
        filter: &FilterDoc,
        given: &[CallArg<'_>],
        range: &Range<usize>,
    ) -> Vec<Option<Expr>> {
        let mut arguments: Vec<Option<Expr>> = filter.parameters.iter().map(|_| None).collect();
        for (place, argument) in given.iter().enumerate() {
            let (place, value) = match argument {
                CallArg::Pos(value) => (Some(place), value),
                CallArg::Kwarg(name, value) => {
                    (filter.parameters.iter().position(|parameter| parameter.name == *name), value)
                }
                CallArg::PosSplat(value) | CallArg::KwargSplat(value) => (None, value),
            };
            let value = self.expr(value);
            if let Some(slot) = place.and_then(|place| arguments.get_mut(place)) {
                *slot = Some(value);
                continue;
            }
            let names: Vec<&str> = filter.parameters.iter().map(|it| it.name).collect();
            let takes = match &names[..] {
                [] => "nothing in parentheses".to_owned(),
                names => names.join(", "),
            };
            let message = format!("`{}` takes {takes}", filter.name);
            self.fault(Fault::error("", "wrong-arguments", message), value.span);
        }
        let needed = || filter.parameters.iter().filter(|parameter| parameter.required);
        if needed().zip(&arguments).any(|(_, given)| given.is_none()) {
            let names = needed().map(|it| it.name).collect::<Vec<_>>().join(", ");
            let message = format!("`{}` needs {names}", filter.name);
            let fault = Fault::error("", "wrong-arguments", message)
                .help(format!("write `{}({names})`", filter.name));
            self.fault(fault, range.clone());
        }
        arguments
    }

    /// A filter or test that is named in a text is known at load, too.
    fn check_names(&mut self, filter: &FilterDoc, arguments: &[Option<Expr>]) {
        let (place, code, known): (_, _, fn(&str) -> bool) = match filter.name {
            "map" => (0, "unknown-filter", |name| filters::find(name).is_some()),
            "select" | "reject" => (0, "unknown-test", filters::is_test),
            "selectattr" | "rejectattr" => (1, "unknown-test", filters::is_test),
            _ => return,
        };
        let Some(Some(Expr { what: What::Text(name), span })) = arguments.get(place) else {
            return;
        };
        if !known(name) {
            let names: Vec<&str> = match code {
                "unknown-filter" => filters::names().collect(),
                _ => Test::ALL.iter().map(|(name, _)| *name).collect(),
            };
            let help = match nearest(name, names.iter().copied()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("known are {}", names.join(", ")),
            };
            let word = code.trim_start_matches("unknown-");
            let fault = Fault::error("", code, format!("there is no {word} `{name}`"));
            self.fault(fault.help(help), span.clone());
        }
    }

    /// A file that is named is found now: an event cannot choose one.
    fn lookup(
        &mut self,
        filter: &'static FilterDoc,
        input: Box<Expr>,
        arguments: Vec<Option<Expr>>,
    ) -> What {
        let Some(Some(Expr { what: What::Text(file), span })) = arguments.first() else {
            return What::Filter(filter, input, arguments);
        };
        let mut named = [None, None];
        for (slot, argument) in named.iter_mut().zip(arguments.iter().skip(1)) {
            match argument {
                Some(Expr { what: What::Text(name), .. }) => *slot = Some(&**name),
                Some(other) => {
                    let fault =
                        Fault::error("", "wrong-arguments", "the name of a column is a text");
                    self.fault(fault.help("write it in quotes"), other.span.clone());
                }
                None => {}
            }
        }
        let [key, value] = named;
        self.is_free = false;
        let found = match self.scope.tables {
            Some(find) => find(file),
            None => Err("no file can be looked into here".to_owned()),
        };
        let found = found.and_then(|table| {
            table
                .columns(key, value)
                .map(|columns| (table, columns))
                .map_err(|why| format!("`{file}`: {why}"))
        });
        match found {
            Ok((table, columns)) => What::Lookup(input, table, columns),
            Err(why) => {
                self.fault(Fault::error("", "lookup", why), span.clone());
                What::None
            }
        }
    }

    pub(super) fn test(&mut self, test: &ast::Test<'_>, span: &Range<usize>) -> What {
        let input = self.boxed(&test.expr);
        let argument = match test.args.first() {
            Some(CallArg::Pos(value)) => Some(self.boxed(value)),
            _ => None,
        };
        let range = self.name_range(test.name, span.clone(), input.span.end);
        let Some((_, known)) = Test::ALL.iter().find(|(name, _)| *name == test.name) else {
            let names = Test::ALL.iter().map(|(name, _)| *name);
            let sign = SIGNS.iter().find(|(name, _)| *name == test.name);
            let help = match nearest(test.name, names.clone()) {
                _ if sign.is_some() => format!("write `{}`", sign.map_or("", |(_, sign)| sign)),
                Some(guess) => format!("did you mean `{guess}`?"),
                None => {
                    let some = few_nearest(test.name, names).join("`, `");
                    format!("near to it are `{some}`; `kabari schema --reference` lists all tests")
                }
            };
            let message = format!("there is no test `{}`", test.name);
            self.fault(Fault::error("", "unknown-test", message).help(help), range);
            return What::None;
        };
        if known.wants_argument() != argument.is_some() || test.args.len() > 1 {
            let wants = if known.wants_argument() { "needs one value" } else { "takes no value" };
            let message = format!("`{}` {wants} in parentheses", test.name);
            self.fault(Fault::error("", "wrong-arguments", message), range);
        }
        What::Test(*known, input, argument)
    }

    pub(super) fn call(&mut self, call: &ast::Call<'_>, span: &Range<usize>) -> What {
        match call.identify_call() {
            CallType::Function("range") if (1..=3).contains(&call.args.len()) => {
                let bounds = call.args.iter().filter_map(|argument| match argument {
                    CallArg::Pos(value) => Some(self.expr(value)),
                    _ => None,
                });
                What::Range(bounds.collect())
            }
            CallType::Function(name) => {
                let fault =
                    Fault::error("", "unknown-function", format!("there is no function `{name}`"));
                let fault = match nearest(name, filters::names()) {
                    Some(filter) => fault.help(format!("as a filter: `value | {filter}`")),
                    None => fault.help("there are filters: `value | name`, and `range()`"),
                };
                let range = self.name_range(name, span.clone(), span.start);
                self.fault(fault, range);
                What::None
            }
            CallType::Method(of, name) => {
                let of = self.expr(of);
                let range = self.name_range(name, span.clone(), of.span.end);
                let message = format!("values have no methods: `.{name}()`");
                let help =
                    METHODS.iter().find(|(method, _)| *method == name).map(|(_, help)| *help);
                let help = help.unwrap_or("there are filters: `value | name`");
                self.fault(Fault::error("", "unknown-method", message).help(help), range);
                What::None
            }
            CallType::Object(_) => {
                let fault = Fault::error("", "unknown-function", "this cannot be called");
                self.fault(fault, span.clone());
                What::None
            }
        }
    }
}
