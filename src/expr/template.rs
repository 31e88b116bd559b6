//! Text with holes: `{{ … }}` filled from an event.

use std::ops::Range;

use super::compile;
use super::eval::{Eval, TEXT_MAX};
use super::kept::Kept;
use super::neutral;
use super::tree::{Expr, For, Part, What};
use super::value::Val;
use super::view::{View, loop_facts};
use super::{EvalError, Scope};
use crate::model::Fault;

/// How foreign text is put into a template's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is: numbers, URLs, keys.
    None,
    /// Neutralised for a WhatsApp message: the `text` filter on whatever is not marked as safe.
    Message,
    /// Made fit for a file name.
    FileName,
}

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    compiled: Kept<Vec<Part>>,
    escape: Escape,
}

/// One path that a template or condition reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// As it is written: `event.data.object.id`.
    pub path: String,
    /// Where it stands in the text.
    pub range: Range<usize>,
    /// Whether it is a mistake if nothing is there.
    pub needed: bool,
}

/// What an expression gives where one or several values are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// One text.
    One(String),
    /// One for each element of a list; `None` for an element that is missing.
    Many(Vec<Option<String>>),
    /// Nothing: undefined, null, "" or an empty list.
    Nothing,
}

impl Template {
    /// Compiles `text`; every mistake in it is told, with its range.
    pub fn compile(text: &str, escape: Escape) -> Result<Self, Vec<Fault>> {
        Self::compile_in(text, escape, &Scope::default())
    }

    /// The same with the names and tables of a rule.
    pub fn compile_in(text: &str, escape: Escape, scope: &Scope<'_>) -> Result<Self, Vec<Fault>> {
        Ok(Self { compiled: compile::template(text, scope)?.into(), escape })
    }

    /// Forgets what was read in its text until it is used, where the text alone says it: among very
    /// many templates that saves most of their memory.
    pub fn put_off(&mut self) {
        self.compiled.put_off();
    }

    /// Fills it. White space at its ends goes.
    ///
    /// # Errors
    /// When a value is missing or a filter refuses; the error names the path.
    pub fn render<'a>(&'a self, view: impl Into<View<'a>>) -> Result<String, EvalError> {
        let eval = Eval::new(view.into(), &self.compiled.source, self.escape);
        let mut out = String::with_capacity(self.compiled.source.len());
        fill(&eval, self.compiled.tree(), &mut out)?;
        Ok(self.finish(out))
    }

    /// Fills it where a list is welcome: a template that is one `{{ expression }}` keeps its list.
    pub fn values<'a>(&'a self, view: impl Into<View<'a>>) -> Result<Values, EvalError> {
        let view = view.into();
        let Some(expr) = self.only_expression() else {
            let text = self.render(view)?;
            return Ok(if text.is_empty() { Values::Nothing } else { Values::One(text) });
        };
        let eval = Eval::new(view, &self.compiled.source, self.escape);
        let value = eval.value(expr)?;
        if value.is_blank() && expr.is_lookup() {
            return Err(eval.missing(expr));
        }
        if value.is_blank() {
            return Ok(Values::Nothing);
        }
        if value.elements_len().is_none() {
            return Ok(self.text(&eval, &value)?.map_or(Values::Nothing, Values::One));
        }
        let elements = eval.elements_of(&value)?;
        if elements.is_empty() {
            return Ok(Values::Nothing);
        }
        let texts = elements.iter().map(|element| self.text(&eval, element));
        Ok(Values::Many(texts.collect::<Result<_, _>>()?))
    }

    /// The paths that it reads, as `event.data.object.id`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut found = |path: &Expr| {
            let text = self.compiled.source.get(path.span.clone()).unwrap_or_default();
            if path.starts_at_root() && !paths.iter().any(|known| known == text) {
                paths.push(text.to_owned());
            }
        };
        each_expression(self.compiled.tree(), &mut |expr| expr.each_path(&mut found));
        paths
    }

    /// Every place where it reads a path.
    pub fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        let source = &self.compiled.source;
        each_expression_read(self.compiled.tree(), &mut |expr, needed| {
            expr.each_read(needed, &mut |path, needed| reads.extend(read(source, path, needed)));
        });
        reads
    }

    /// The text as it was written, if it has no holes.
    pub fn literal(&self) -> Option<&str> {
        match self.compiled.tree().as_slice() {
            [] => Some(""),
            [Part::Words(words)] => Some(words.trim()),
            _ => None,
        }
    }

    /// What a value prints; `None` if that is nothing.
    fn text<'a>(&self, eval: &Eval<'a>, value: &Val<'a>) -> Result<Option<String>, EvalError> {
        eval.step()?;
        let text = eval.fit(value)?.map(|text| self.finish(text.into_owned()));
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn only_expression(&self) -> Option<&Expr> {
        let blank = |part: &&Part| matches!(part, Part::Words(words) if words.trim().is_empty());
        let mut parts = self.compiled.tree().iter().filter(|part| !blank(part));
        match (parts.next(), parts.next()) {
            (Some(Part::Print(expr)), None) => Some(expr),
            _ => None,
        }
    }

    fn finish(&self, text: String) -> String {
        match self.escape {
            Escape::FileName => neutral::file_name(&text),
            Escape::None | Escape::Message => {
                let trimmed = text.trim();
                if trimmed.len() == text.len() { text } else { trimmed.to_owned() }
            }
        }
    }
}

/// Writes `parts`; names that they set are forgotten at their end.
fn fill<'a>(eval: &Eval<'a>, parts: &'a [Part], out: &mut String) -> Result<(), EvalError> {
    let known = eval.locals.borrow().len();
    let result = parts.iter().try_for_each(|part| fill_part(eval, part, out));
    eval.locals.borrow_mut().truncate(known);
    result
}

fn fill_part<'a>(eval: &Eval<'a>, part: &'a Part, out: &mut String) -> Result<(), EvalError> {
    eval.step()?;
    match part {
        Part::Words(words) => out.push_str(words),
        Part::Print(expr) => out.push_str(&eval.shown(expr)?),
        // What is set inside of a branch holds after it, as in Jinja.
        Part::If(test, yes, no) => {
            let branch = if eval.truth(test)? { yes } else { no };
            branch.iter().try_for_each(|part| fill_part(eval, part, out))?;
        }
        Part::For(looped) => fill_loop(eval, looped, out)?,
        Part::Set(name, expr) => {
            let value = eval.lenient(expr)?;
            eval.locals.borrow_mut().push((name, value));
        }
        Part::With(names, body) => {
            let known = eval.locals.borrow().len();
            for (name, expr) in names {
                let value = eval.lenient(expr)?;
                eval.locals.borrow_mut().push((name, value));
            }
            let result = fill(eval, body, out);
            eval.locals.borrow_mut().truncate(known);
            result?;
        }
    }
    if out.len() > TEXT_MAX {
        return Err(EvalError::Other(format!("the text becomes longer than {TEXT_MAX} bytes")));
    }
    Ok(())
}

fn fill_loop<'a>(eval: &Eval<'a>, looped: &'a For, out: &mut String) -> Result<(), EvalError> {
    let over = eval.lenient(&looped.over)?;
    let mut items = match (over.type_name(), &over) {
        ("list" | "missing", _) => eval.elements_of(&over)?,
        ("object", _) => {
            eval.spend(over.len().unwrap_or(0))?;
            over.keys().into_iter().map(Val::foreign).collect()
        }
        _ => {
            let written = eval.written(&looped.over);
            let described = over.described();
            return Err(EvalError::Other(format!("for: {written} is no list but {described}")));
        }
    };
    let known = eval.locals.borrow().len();
    let bind = |item: &Val<'a>| {
        let mut locals = eval.locals.borrow_mut();
        locals.truncate(known);
        match &looped.names[..] {
            [name] => locals.push((name, item.clone())),
            names => {
                for (place, name) in (0..).zip(names) {
                    locals.push((name, item.at(place)));
                }
            }
        }
    };
    let result = (|| {
        if let Some(test) = &looped.only_if {
            let mut kept = Vec::new();
            for item in items {
                bind(&item);
                if eval.truth(test)? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        for (place, item) in items.iter().enumerate() {
            eval.step()?;
            bind(item);
            eval.locals.borrow_mut().push(("loop", loop_facts(place, items.len())?));
            fill(eval, &looped.body, out)?;
        }
        eval.locals.borrow_mut().truncate(known);
        if items.is_empty() { fill(eval, &looped.otherwise, out) } else { Ok(()) }
    })();
    eval.locals.borrow_mut().truncate(known);
    result
}

fn each_expression<'t>(parts: &'t [Part], found: &mut dyn FnMut(&'t Expr)) {
    for part in parts {
        match part {
            Part::Words(_) => {}
            Part::Print(expr) | Part::Set(_, expr) => found(expr),
            Part::If(test, yes, no) => {
                found(test);
                each_expression(yes, found);
                each_expression(no, found);
            }
            Part::For(looped) => {
                found(&looped.over);
                looped.only_if.iter().for_each(&mut *found);
                each_expression(&looped.body, found);
                each_expression(&looped.otherwise, found);
            }
            Part::With(names, body) => {
                for (_, expr) in names {
                    found(expr);
                }
                each_expression(body, found);
            }
        }
    }
}

/// A path that starts at a name which the template did not set, and its place. Names of the rule are
/// written out: `line.sku` is `event.lines[0].sku`.
pub(super) fn read(source: &str, path: &Expr, needed: bool) -> Option<Read> {
    let text = written_out(source, path)?;
    Some(Read { path: text, range: path.span.clone(), needed })
}

fn written_out(source: &str, path: &Expr) -> Option<String> {
    match &path.what {
        What::Root(_) => source.get(path.span.clone()).map(str::to_owned),
        What::Let(bound) => written_out(&bound.source, &bound.expr),
        What::Element(element) => element.list.get().map(|list| format!("{list}[0]")),
        What::Attr(inner, _) | What::Item(inner, _) => {
            let rest = source.get(inner.span.end..path.span.end)?;
            written_out(source, inner).map(|start| start + rest)
        }
        _ => None,
    }
}

/// All expressions, each with whether what is missing in it is a mistake. What stands in a branch
/// is there only when it is wanted.
fn each_expression_read<'t>(parts: &'t [Part], found: &mut dyn FnMut(&'t Expr, bool)) {
    for part in parts {
        match part {
            Part::Print(expr) => found(expr, true),
            other => each_expression(std::slice::from_ref(other), &mut |expr| found(expr, false)),
        }
    }
}
