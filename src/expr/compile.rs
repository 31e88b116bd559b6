//! Is what the user wrote an expression or template that can be worked out? Every mistake is told.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::machinery::ast::Stmt;
use minijinja::machinery::{self, Token};
use minijinja::syntax::SyntaxConfig;

use super::Scope;
use super::each::Looped;
use super::tree::{Compiled, Expr, Part};
use crate::model::Fault;

/// The longest template, in bytes.
const SOURCE_MAX: usize = 64 * 1024;
/// The most words and signs in one `{{ … }}`, `{% … %}` or condition; it bounds the depth of what
/// the parser builds.
const TOKENS_MAX: usize = 1_000;
/// How deep expressions and blocks may be nested.
pub(super) const DEPTH_MAX: usize = 60;

/// Lines that hold only a block leave nothing behind.
static SYNTAX: LazyLock<SyntaxConfig> = LazyLock::new(|| {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder.build().unwrap_or_default()
});

/// A condition from its text.
pub(super) fn condition(source: &str, scope: &Scope<'_>) -> Result<Compiled<Expr>, Vec<Fault>> {
    check_size(source, true)?;
    expression(source)?;
    let parsed = machinery::parse_expr(source).map_err(|error| vec![syntax(source, &error)])?;
    let mut convert = Convert::new(source, scope);
    let tree = convert.expr(&parsed);
    convert.done(tree)
}

/// What a name of `let:` stands for.
pub(super) struct Named {
    pub(super) source: Arc<str>,
    pub(super) expr: Expr,
    pub(super) depth: usize,
    pub(super) uses_element: bool,
}

/// The expression of a name of `let:` from its text.
pub(super) fn named(source: &str, scope: &Scope<'_>) -> Result<Named, Vec<Fault>> {
    check_size(source, true)?;
    expression(source)?;
    let parsed = machinery::parse_expr(source).map_err(|error| vec![syntax(source, &error)])?;
    let mut convert = Convert::new(source, scope);
    let expr = convert.expr(&parsed);
    if !convert.faults.is_empty() {
        return Err(convert.faults);
    }
    let (depth, uses_element) = (convert.deepest, convert.uses_element);
    Ok(Named { source: Arc::from(source), expr, depth, uses_element })
}

/// `each:` from its text, in which the list begins at `start`: read as the head of a loop.
pub(super) fn each(
    text: &str,
    list: &str,
    start: usize,
    scope: &Scope<'_>,
) -> Result<Compiled<Looped>, Vec<Fault>> {
    const OPEN: &str = "{% for item in ";
    check_size(text, true)?;
    expression(text)?;
    let source = format!("{OPEN}{list} %}}{{% endfor %}}");
    let in_text = |mut fault: Fault| {
        let place = |at: usize| (at.saturating_sub(OPEN.len()) + start).min(text.len());
        fault.range = fault.range.map(|range| place(range.start)..place(range.end));
        fault
    };
    let told = |faults: Vec<Fault>| faults.into_iter().map(in_text).collect::<Vec<_>>();
    let parsed = machinery::parse(&source, "each", SYNTAX.clone())
        .map_err(|error| told(vec![syntax(&source, &error)]))?;
    let looped = match &parsed {
        Stmt::Template(template) => match &template.children[..] {
            [Stmt::ForLoop(looped)] if !looped.recursive => Some(looped),
            _ => None,
        },
        _ => None,
    };
    let Some(looped) = looped else {
        let fault = Fault::error("", "syntax", "this is no list to go through");
        return Err(vec![fault.help("write it as `line in event.lines if line.qty > 0`")]);
    };
    let mut convert = Convert::new(&source, scope);
    let over = convert.expr(&looped.iter);
    convert.scope.in_element = true;
    let only_if = looped.filter_expr.as_ref().map(|test| convert.expr(test));
    convert.done(Looped { over, only_if }).map_err(told)
}

/// An expression stands without braces.
fn expression(source: &str) -> Result<(), Vec<Fault>> {
    if let Some(place) = source.find("{{") {
        return Err(vec![
            Fault::error("", "syntax", "this is an expression already")
                .at(place..place + 2)
                .help("write it without `{{` and `}}`"),
        ]);
    }
    Ok(())
}

/// A template from its text.
pub(super) fn template(source: &str, scope: &Scope<'_>) -> Result<Compiled<Vec<Part>>, Vec<Fault>> {
    check_size(source, false)?;
    let parsed = machinery::parse(source, "template", SYNTAX.clone())
        .map_err(|error| vec![syntax(source, &error)])?;
    let mut convert = Convert::new(source, scope);
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
            Fault::error("", "syntax", "the expression is empty").help("leave the key out"),
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
    let mut start = range.start.min(source.len());
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.clamp(start, source.len());
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// An error of the parser in one line.
fn detail(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// What is read so far of one text.
pub(super) struct Convert<'s> {
    pub(super) source: &'s str,
    pub(super) scope: Scope<'s>,
    /// The names that the template set so far.
    pub(super) locals: Vec<Box<str>>,
    pub(super) faults: Vec<Fault>,
    pub(super) depth: usize,
    /// How deep it got, with the names of `let:` in it.
    pub(super) deepest: usize,
    pub(super) uses_element: bool,
    /// Whether nothing of the scope is in it.
    pub(super) is_free: bool,
}

impl<'s> Convert<'s> {
    pub(super) fn new(source: &'s str, scope: &Scope<'s>) -> Self {
        Self {
            source,
            scope: scope.clone(),
            locals: Vec::new(),
            faults: Vec::new(),
            depth: 0,
            deepest: 0,
            uses_element: false,
            is_free: true,
        }
    }

    pub(super) fn done<T>(self, tree: T) -> Result<Compiled<T>, Vec<Fault>> {
        if self.faults.is_empty() {
            let is_free = self.is_free;
            Ok(Compiled { source: Arc::from(self.source), tree: Arc::new(tree), is_free })
        } else {
            Err(self.faults)
        }
    }

    pub(super) fn range(&self, span: machinery::Span) -> Range<usize> {
        within(self.source, span.start_offset as usize..span.end_offset as usize)
    }

    pub(super) fn fault(&mut self, fault: Fault, range: Range<usize>) {
        self.faults.push(fault.at(range));
    }

    /// Where `name` stands in `range`, from its end.
    pub(super) fn name_range(&self, name: &str, range: Range<usize>, from: usize) -> Range<usize> {
        let from = from.clamp(range.start, range.end);
        match self.source.get(from..range.end).and_then(|text| text.find(name)) {
            Some(place) => from + place..from + place + name.len(),
            None => range,
        }
    }
}
