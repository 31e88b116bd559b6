//! Is what the user wrote an expression or template that can be worked out? Every mistake is told.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::machinery::ast::{self, CallArg, CallType, Stmt};
use minijinja::machinery::{self, Token};
use minijinja::syntax::SyntaxConfig;

use super::borrowed::detail;
use super::decimal::{Decimal, Reckoning};
use super::facts::Root;
use super::filters::{BORROWED, FILTERS, Filter};
use super::tree::{Compare, Compiled, Expr, For, Part, Test, What};
use crate::model::Fault;

/// The longest template, in bytes.
const SOURCE_MAX: usize = 64 * 1024;
/// The most words and signs in one `{{ … }}`, `{% … %}` or condition; it bounds the depth of what
/// the parser builds.
const TOKENS_MAX: usize = 1_000;
/// How deep expressions and blocks may be nested.
const DEPTH_MAX: usize = 60;

/// Lines that hold only a block leave nothing behind.
static SYNTAX: LazyLock<SyntaxConfig> = LazyLock::new(|| {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder.build().unwrap_or_default()
});

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

/// The word among `candidates` that was probably meant.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, candidate)| {
            *score > 0.86 || strsim::damerau_levenshtein(word, candidate) == 1
        })
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// A condition from its text.
pub(super) fn condition(source: &str) -> Result<Compiled<Expr>, Vec<Fault>> {
    check_size(source, true)?;
    if let Some(place) = source.find("{{") {
        return Err(vec![
            Fault::error("", "syntax", "a condition is an expression already")
                .at(place..place + 2)
                .help("write it without `{{` and `}}`"),
        ]);
    }
    let parsed = machinery::parse_expr(source).map_err(|error| vec![syntax(source, &error)])?;
    let mut convert = Convert::new(source);
    let tree = convert.expr(&parsed);
    convert.done(tree)
}

/// A template from its text.
pub(super) fn template(source: &str) -> Result<Compiled<Vec<Part>>, Vec<Fault>> {
    check_size(source, false)?;
    let parsed = machinery::parse(source, "template", SYNTAX.clone())
        .map_err(|error| vec![syntax(source, &error)])?;
    let mut convert = Convert::new(source);
    let tree = match &parsed {
        Stmt::Template(template) => convert.parts(&template.children),
        other => convert.parts(std::slice::from_ref(other)),
    };
    convert.done(tree)
}

fn check_size(source: &str, is_expression: bool) -> Result<(), Vec<Fault>> {
    let too_long = |message: String| Err(vec![Fault::error("", "too-long", message)]);
    if source.len() > SOURCE_MAX {
        return too_long(format!("longer than {SOURCE_MAX} bytes"));
    }
    if is_expression && source.trim().is_empty() {
        return Err(vec![
            Fault::error("", "syntax", "the condition is empty").help("leave `when` out"),
        ]);
    }
    let mut count = 0;
    for token in machinery::tokenize(source, is_expression, SYNTAX.clone()) {
        match token {
            Ok((Token::VariableStart | Token::BlockStart, _)) => count = 0,
            Ok(_) => count += 1,
            // The parser finds it again, and says where.
            Err(_) => return Ok(()),
        }
        if count > TOKENS_MAX {
            return too_long(format!("an expression of more than {TOKENS_MAX} words and signs"));
        }
    }
    Ok(())
}

/// A mistake that the parser found.
fn syntax(source: &str, error: &minijinja::Error) -> Fault {
    let message = detail(error);
    let range = error.range().unwrap_or(0..source.len());
    let help = syntax_help(source, &message);
    let mut fault = Fault::error("", "syntax", message).at(within(source, range));
    fault.help = help.map(str::to_owned);
    fault
}

fn syntax_help(source: &str, message: &str) -> Option<&'static str> {
    const SIGNS: &[(&str, &str)] = &[
        ("&&", "write `and` for `&&`"),
        ("||", "write `or` for `||`"),
        ("===", "write `==`"),
        ("??", "write `| default(\"…\")`"),
        (" ? ", "write `yes if condition else no`"),
    ];
    if let Some((_, help)) = SIGNS.iter().find(|(sign, _)| source.contains(sign)) {
        return Some(help);
    }
    let padded = format!(" {source} ");
    let single = padded.as_bytes().windows(3).any(|three| match three {
        [before, b'=', after] => !b"=!<>".contains(before) && *after != b'=',
        _ => false,
    });
    if single && !source.contains("{%") {
        return Some("compare with `==`");
    }
    if message.contains("end of input") || message.contains("end of") {
        return Some("something is not closed: `}}`, `%}`, `)`, a quote or `{% endif %}`");
    }
    if source.contains('!') && !source.contains("!=") {
        return Some("write `not` for `!`");
    }
    None
}

/// The range, inside the text and at whole characters.
fn within(source: &str, range: Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(range.start.min(source.len()));
    let end = source.ceil_char_boundary(range.end.clamp(start, source.len()));
    start..end
}

struct Convert<'s> {
    source: &'s str,
    /// The names that the template set so far.
    locals: Vec<Box<str>>,
    faults: Vec<Fault>,
    depth: usize,
}

impl<'s> Convert<'s> {
    fn new(source: &'s str) -> Self {
        Self { source, locals: Vec::new(), faults: Vec::new(), depth: 0 }
    }

    fn done<T>(self, tree: T) -> Result<Compiled<T>, Vec<Fault>> {
        if self.faults.is_empty() {
            Ok(Compiled { source: Arc::from(self.source), tree: Arc::new(tree) })
        } else {
            Err(self.faults)
        }
    }

    fn range(&self, span: machinery::Span) -> Range<usize> {
        within(self.source, span.start_offset as usize..span.end_offset as usize)
    }

    fn fault(&mut self, fault: Fault, range: Range<usize>) {
        self.faults.push(fault.at(range));
    }

    /// Where `name` stands in `range`, from its end.
    fn name_range(&self, name: &str, range: Range<usize>, from: usize) -> Range<usize> {
        let from = from.clamp(range.start, range.end);
        match self.source.get(from..range.end).and_then(|text| text.find(name)) {
            Some(place) => from + place..from + place + name.len(),
            None => range,
        }
    }

    fn parts(&mut self, statements: &[Stmt<'_>]) -> Vec<Part> {
        self.depth += 1;
        let mut parts = Vec::with_capacity(statements.len());
        if self.depth > DEPTH_MAX {
            let fault = Fault::error("", "too-deep", "blocks are nested too deeply");
            self.fault(fault, 0..self.source.len());
        } else {
            for statement in statements {
                parts.extend(self.part(statement));
            }
        }
        self.depth -= 1;
        parts
    }

    fn part(&mut self, statement: &Stmt<'_>) -> Option<Part> {
        match statement {
            Stmt::EmitRaw(raw) => Some(Part::Words(raw.raw.into())),
            Stmt::EmitExpr(emit) => Some(Part::Print(self.expr(&emit.expr))),
            Stmt::IfCond(branch) => {
                let test = self.expr(&branch.expr);
                let yes = self.parts(&branch.true_body);
                Some(Part::If(test, yes, self.parts(&branch.false_body)))
            }
            Stmt::ForLoop(looped) => self.for_loop(looped),
            Stmt::Set(set) => {
                let expr = self.expr(&set.expr);
                let name = self.target(&set.target)?;
                self.locals.push(name.clone());
                Some(Part::Set(name, expr))
            }
            Stmt::WithBlock(with) => {
                let known = self.locals.len();
                let mut names = Vec::new();
                for (target, expr) in &with.assignments {
                    let expr = self.expr(expr);
                    if let Some(name) = self.target(target) {
                        self.locals.push(name.clone());
                        names.push((name, expr));
                    }
                }
                let body = self.parts(&with.body);
                self.locals.truncate(known);
                Some(Part::With(names, body))
            }
            Stmt::Template(template) => {
                Some(Part::With(Vec::new(), self.parts(&template.children)))
            }
            Stmt::SetBlock(block) => self.unsupported("a `set` block", self.range(block.span())),
            Stmt::AutoEscape(block) => self.unsupported("`autoescape`", self.range(block.span())),
            Stmt::FilterBlock(block) => {
                self.unsupported("a `filter` block", self.range(block.span()))
            }
            Stmt::Macro(block) => self.unsupported("`macro`", self.range(block.span())),
            Stmt::CallBlock(block) => self.unsupported("`call`", self.range(block.span())),
            Stmt::Do(block) => self.unsupported("`do`", self.range(block.span())),
        }
    }

    fn unsupported(&mut self, what: &str, range: Range<usize>) -> Option<Part> {
        let fault = Fault::error("", "unknown-block", format!("{what} is not known here"))
            .help("templates know `if`, `for`, `set` and `with`");
        self.fault(fault, range);
        None
    }

    fn for_loop(&mut self, looped: &ast::ForLoop<'_>) -> Option<Part> {
        let over = self.expr(&looped.iter);
        let names: Vec<Box<str>> = match &looped.target {
            ast::Expr::List(list) => {
                list.items.iter().filter_map(|item| self.target(item)).collect()
            }
            ast::Expr::Tuple(tuple) => {
                tuple.items.iter().filter_map(|item| self.target(item)).collect()
            }
            other => self.target(other).into_iter().collect(),
        };
        if looped.recursive {
            return self.unsupported("a recursive loop", over.span);
        }
        let known = self.locals.len();
        self.locals.extend(names.iter().cloned());
        let only_if = looped.filter_expr.as_ref().map(|test| self.expr(test));
        self.locals.push("loop".into());
        let body = self.parts(&looped.body);
        self.locals.truncate(known);
        let otherwise = self.parts(&looped.else_body);
        Some(Part::For(For { names, over, only_if, body, otherwise }))
    }

    /// The name that is set.
    fn target(&mut self, target: &ast::Expr<'_>) -> Option<Box<str>> {
        let range = self.range(target.span());
        match target {
            ast::Expr::Var(var) if Root::named(var.id).is_none() => Some(var.id.into()),
            ast::Expr::Var(var) => {
                let message = format!("`{}` is taken: every template sees it", var.id);
                self.fault(
                    Fault::error("", "name-taken", message).help("choose another name"),
                    range,
                );
                None
            }
            _ => {
                let fault = Fault::error("", "unsupported", "only a plain name can be set");
                self.fault(fault, range);
                None
            }
        }
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) -> Expr {
        self.depth += 1;
        let span = self.range(expr.span());
        let what = if self.depth > DEPTH_MAX {
            let fault = Fault::error("", "too-deep", "the expression is nested too deeply")
                .help("split it with `{% set %}`");
            self.fault(fault, span.clone());
            What::None
        } else {
            self.what(expr, &span)
        };
        self.depth -= 1;
        let span = self.from_its_start(span, &what);
        Expr { span, what }
    }

    /// The parser gives what has a left side a span that begins after it. Brackets around the left
    /// side belong to it too.
    fn from_its_start(&self, span: Range<usize>, what: &What) -> Range<usize> {
        let first = match what {
            What::If(_, yes, _) => yes,
            What::Attr(inner, _)
            | What::Item(inner, _)
            | What::Slice(inner, _)
            | What::And(inner, _)
            | What::Or(inner, _)
            | What::Reckon(_, inner, _)
            | What::Join(inner, _)
            | What::Compare(inner, _)
            | What::Filter(_, inner, _)
            | What::Borrowed(_, inner, _)
            | What::Test(_, inner, _) => inner,
            _ => return span,
        };
        let mut start = first.span.start;
        let open = |start: usize| {
            let text = self.source.get(start..span.end).unwrap_or_default();
            text.matches(')').count() > text.matches('(').count()
        };
        while open(start) {
            match self.source.get(..start).and_then(|before| before.rfind('(')) {
                Some(bracket) => start = bracket,
                None => break,
            }
        }
        start..span.end.max(start)
    }

    fn what(&mut self, expr: &ast::Expr<'_>, span: &Range<usize>) -> What {
        match expr {
            ast::Expr::Var(var) => self.name(var.id, span),
            ast::Expr::Const(constant) => self.constant(&constant.value, span),
            ast::Expr::GetAttr(attr) => What::Attr(self.boxed(&attr.expr), attr.name.into()),
            ast::Expr::GetItem(item) => {
                let inner = self.boxed(&item.expr);
                match &item.subscript_expr {
                    ast::Expr::Const(key) if key.value.as_str().is_some() => {
                        What::Attr(inner, key.value.as_str().unwrap_or_default().into())
                    }
                    key => What::Item(inner, self.boxed(key)),
                }
            }
            ast::Expr::Slice(slice) => {
                if slice.step.is_some() {
                    let fault = Fault::error("", "unsupported", "a slice has no third part here");
                    self.fault(fault, span.clone());
                }
                let inner = self.boxed(&slice.expr);
                let start = slice.start.as_ref().map(|start| self.boxed(start));
                let stop = slice.stop.as_ref().map(|stop| self.boxed(stop));
                What::Slice(inner, [start, stop])
            }
            ast::Expr::UnaryOp(unary) => {
                let inner = self.boxed(&unary.expr);
                match unary.op {
                    ast::UnaryOpKind::Not => self.negated(inner),
                    ast::UnaryOpKind::Neg => What::Minus(inner),
                }
            }
            ast::Expr::BinOp(binary) => self.binary(binary, span),
            ast::Expr::Compare(chain) => {
                let first = Box::new(self.side(&chain.expr));
                let others = chain
                    .ops
                    .iter()
                    .map(|other| (comparison(other.op), self.side(&other.expr)))
                    .collect();
                What::Compare(first, others)
            }
            ast::Expr::IfExpr(choice) => {
                let test = self.boxed(&choice.test_expr);
                let yes = self.boxed(&choice.true_expr);
                What::If(test, yes, choice.false_expr.as_ref().map(|no| self.boxed(no)))
            }
            ast::Expr::Filter(filter) => self.filter(filter, span),
            ast::Expr::Test(test) => self.test(test, span),
            ast::Expr::Call(call) => self.call(call, span),
            ast::Expr::List(list) => What::List(list.items.iter().map(|i| self.expr(i)).collect()),
            ast::Expr::Tuple(list) => What::List(list.items.iter().map(|i| self.expr(i)).collect()),
            ast::Expr::Map(map) => {
                let entries = map.keys.iter().zip(&map.values);
                What::Map(entries.map(|(key, value)| (self.expr(key), self.expr(value))).collect())
            }
        }
    }

    /// `not x`. The parser reads `a not in b` as `not (a in b)`, which differs where `a` is missing.
    fn negated(&self, inner: Box<Expr>) -> What {
        if let What::Compare(left, others) = &inner.what
            && let [(Compare::In, right)] = &others[..]
            && self
                .source
                .get(left.span.end..right.span.start)
                .is_some_and(|between| between.contains("not"))
            && let What::Compare(left, mut others) = inner.what
        {
            if let Some((operator, _)) = others.first_mut() {
                *operator = Compare::NotIn;
            }
            return What::Compare(left, others);
        }
        What::Not(inner)
    }

    fn name(&mut self, name: &str, span: &Range<usize>) -> What {
        if self.locals.iter().any(|known| **known == *name) {
            return What::Local(name.into());
        }
        if let Some(root) = Root::named(name) {
            return What::Root(root);
        }
        let known = Root::ALL.iter().map(|(name, _)| *name);
        let guess = nearest(name, known.chain(self.locals.iter().map(|local| &**local)));
        let help = match guess {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "known are event, source, kind, id, headers, received_at and vars; the body's \
                     fields are under `event`, texts stand in quotes"
                .to_owned(),
        };
        let fault = Fault::error("", "unknown-name", format!("`{name}` is not known"));
        self.fault(fault.help(help), span.clone());
        What::None
    }

    fn constant(&mut self, value: &minijinja::Value, span: &Range<usize>) -> What {
        use minijinja::value::ValueKind;
        match value.kind() {
            ValueKind::Bool => What::Bool(value.is_true()),
            ValueKind::Number => {
                let written = self.source.get(span.clone()).unwrap_or_default();
                let exact = Decimal::parse(written).is_some();
                let text = if exact { written.to_owned() } else { value.to_string() };
                What::Number(text.into())
            }
            ValueKind::String => What::Text(value.as_str().unwrap_or_default().into()),
            _ => What::None,
        }
    }

    /// One side of a comparison: nothing equals nothing, so `none` cannot be one.
    fn side(&mut self, expr: &ast::Expr<'_>) -> Expr {
        let side = self.expr(expr);
        if matches!(expr, ast::Expr::Const(constant) if constant.value.is_none()) {
            let fault = Fault::error("", "compares-none", "a comparison with none never holds")
                .help("write `is none` or `is defined`");
            self.fault(fault, side.span.clone());
        }
        if matches!(&side.what, What::Text(text) if text.is_empty()) {
            let fault = Fault::error(
                "",
                "compares-none",
                "\"\" counts as missing: a comparison with it never holds",
            )
            .help("write `is none` or `is defined`");
            self.fault(fault, side.span.clone());
        }
        side
    }

    fn binary(&mut self, binary: &ast::BinOp<'_>, span: &Range<usize>) -> What {
        use ast::BinOpKind as Kind;
        let compare = match binary.op {
            Kind::Eq => Some(Compare::Equal),
            Kind::Ne => Some(Compare::Unequal),
            Kind::Lt => Some(Compare::Less),
            Kind::Lte => Some(Compare::LessOrEqual),
            Kind::Gt => Some(Compare::Greater),
            Kind::Gte => Some(Compare::GreaterOrEqual),
            Kind::In => Some(Compare::In),
            _ => None,
        };
        if let Some(compare) = compare {
            let left = Box::new(self.side(&binary.left));
            return What::Compare(left, vec![(compare, self.side(&binary.right))]);
        }
        let (left, right) = (self.boxed(&binary.left), self.boxed(&binary.right));
        match binary.op {
            Kind::ScAnd => What::And(left, right),
            Kind::ScOr => What::Or(left, right),
            Kind::Concat => What::Join(left, right),
            Kind::Add => What::Reckon(Reckoning::Plus, left, right),
            Kind::Sub => What::Reckon(Reckoning::Minus, left, right),
            Kind::Mul => What::Reckon(Reckoning::Times, left, right),
            Kind::Div => What::Reckon(Reckoning::Over, left, right),
            Kind::FloorDiv => What::Reckon(Reckoning::WholeOver, left, right),
            Kind::Rem => What::Reckon(Reckoning::Rest, left, right),
            _ => {
                let fault = Fault::error("", "unsupported", "`**` is not known here");
                self.fault(fault, span.clone());
                What::None
            }
        }
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, span: &Range<usize>) -> What {
        let input = match &filter.expr {
            Some(input) => self.boxed(input),
            None => Box::new(Expr { span: span.clone(), what: What::None }),
        };
        let range = self.name_range(filter.name, span.clone(), input.span.end);
        if let Some(ours) = FILTERS.iter().find(|ours| ours.name == filter.name) {
            let arguments = self.arguments(ours, &filter.args, &range);
            return What::Filter(ours, input, arguments);
        }
        let arguments = filter.args.iter().filter_map(|argument| match argument {
            CallArg::Pos(value) => Some((None, self.expr(value))),
            CallArg::Kwarg(name, value) => Some((Some(Box::from(*name)), self.expr(value))),
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => None,
        });
        let arguments = arguments.collect();
        if let Some(name) = BORROWED.iter().find(|name| **name == filter.name) {
            return What::Borrowed(name, input, arguments);
        }
        let known = FILTERS.iter().map(|ours| ours.name).chain(BORROWED.iter().copied());
        let help = match (filter.name, nearest(filter.name, known)) {
            ("title_case" | "titlecase", _) => "did you mean `title`?".to_owned(),
            ("upcase" | "uppercase", _) => "did you mean `upper`?".to_owned(),
            ("downcase" | "lowercase", _) => "did you mean `lower`?".to_owned(),
            ("escape" | "e", _) => "foreign text is made harmless by itself".to_owned(),
            (_, Some(guess)) => format!("did you mean `{guess}`?"),
            (_, None) => format!(
                "known are {}, {}",
                FILTERS.iter().map(|ours| ours.name).collect::<Vec<_>>().join(", "),
                BORROWED.join(", ")
            ),
        };
        let fault =
            Fault::error("", "unknown-filter", format!("there is no filter `{}`", filter.name));
        self.fault(fault.help(help), range);
        What::None
    }

    /// The arguments in the order of the filter's parameters.
    fn arguments(
        &mut self,
        filter: &Filter,
        given: &[CallArg<'_>],
        range: &Range<usize>,
    ) -> Vec<Option<Expr>> {
        let mut arguments: Vec<Option<Expr>> = filter.parameters.iter().map(|_| None).collect();
        for (place, argument) in given.iter().enumerate() {
            let (place, value) = match argument {
                CallArg::Pos(value) => (Some(place), value),
                CallArg::Kwarg(name, value) => {
                    (filter.parameters.iter().position(|parameter| parameter == name), value)
                }
                CallArg::PosSplat(value) | CallArg::KwargSplat(value) => (None, value),
            };
            let value = self.expr(value);
            match place.and_then(|place| arguments.get_mut(place)) {
                Some(slot) => *slot = Some(value),
                None => {
                    let takes = match filter.parameters {
                        [] => "takes nothing in parentheses".to_owned(),
                        names => format!("takes {}", names.join(", ")),
                    };
                    let message = format!("`{}` {takes}", filter.name);
                    self.fault(Fault::error("", "wrong-arguments", message), value.span);
                }
            }
        }
        if arguments.iter().take(filter.required).any(Option::is_none) {
            let names = filter.parameters.get(..filter.required).unwrap_or_default().join(", ");
            let message = format!("`{}` needs {names}", filter.name);
            let fault = Fault::error("", "wrong-arguments", message)
                .help(format!("write `{}({names})`", filter.name));
            self.fault(fault, range.clone());
        }
        arguments
    }

    fn test(&mut self, test: &ast::Test<'_>, span: &Range<usize>) -> What {
        let input = self.boxed(&test.expr);
        let argument = match test.args.first() {
            Some(CallArg::Pos(value)) => Some(self.boxed(value)),
            _ => None,
        };
        let range = self.name_range(test.name, span.clone(), input.span.end);
        let Some((_, known)) = Test::ALL.iter().find(|(name, _)| *name == test.name) else {
            let names = Test::ALL.iter().map(|(name, _)| *name);
            let help = match nearest(test.name, names.clone()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("known are {}", names.collect::<Vec<_>>().join(", ")),
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

    fn call(&mut self, call: &ast::Call<'_>, span: &Range<usize>) -> What {
        match call.identify_call() {
            CallType::Function("range") if (1..=2).contains(&call.args.len()) => {
                let bounds = call.args.iter().filter_map(|argument| match argument {
                    CallArg::Pos(value) => Some(self.expr(value)),
                    _ => None,
                });
                What::Range(bounds.collect())
            }
            CallType::Function(name) => {
                let filters = FILTERS.iter().map(|ours| ours.name).chain(BORROWED.iter().copied());
                let fault =
                    Fault::error("", "unknown-function", format!("there is no function `{name}`"));
                let fault = match nearest(name, filters) {
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

fn comparison(operator: ast::CompareOpKind) -> Compare {
    match operator {
        ast::CompareOpKind::Eq => Compare::Equal,
        ast::CompareOpKind::Ne => Compare::Unequal,
        ast::CompareOpKind::Lt => Compare::Less,
        ast::CompareOpKind::Lte => Compare::LessOrEqual,
        ast::CompareOpKind::Gt => Compare::Greater,
        ast::CompareOpKind::Gte => Compare::GreaterOrEqual,
        ast::CompareOpKind::In => Compare::In,
        ast::CompareOpKind::NotIn => Compare::NotIn,
    }
}
