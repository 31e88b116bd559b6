//! Text with holes: `{{ … }}` filled from an event.

use std::ops::Range;
use std::rc::Rc;

use super::compile;
use super::eval::{Eval, TEXT_MAX};
use super::neutral;
use super::tree::{Compiled, Expr, For, Part};
use super::value::Val;
use super::{EvalError, Facts};
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
    compiled: Compiled<Vec<Part>>,
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
        Ok(Self { compiled: compile::template(text)?, escape })
    }

    /// Fills it. White space at its ends goes.
    ///
    /// # Errors
    /// When a value is missing or a filter refuses; the error names the path.
    pub fn render(&self, facts: &Facts) -> Result<String, EvalError> {
        let eval = Eval::new(facts, &self.compiled.source, self.escape);
        let mut out = String::with_capacity(self.compiled.source.len());
        fill(&eval, &self.compiled.tree, &mut out)?;
        Ok(self.finish(out))
    }

    /// Fills it where a list is welcome: a template that is one `{{ expression }}` keeps its list.
    pub fn values(&self, facts: &Facts) -> Result<Values, EvalError> {
        let Some(expr) = self.only_expression() else {
            let text = self.render(facts)?;
            return Ok(if text.is_empty() { Values::Nothing } else { Values::One(text) });
        };
        let eval = Eval::new(facts, &self.compiled.source, self.escape);
        let value = eval.value(expr)?;
        if value.is_blank() {
            return Ok(Values::Nothing);
        }
        match value.elements() {
            Some(elements) if elements.is_empty() => Ok(Values::Nothing),
            Some(elements) => {
                let texts = elements.iter().map(|element| self.text(&eval, element));
                Ok(Values::Many(texts.collect()))
            }
            None => Ok(self.text(&eval, &value).map_or(Values::Nothing, Values::One)),
        }
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
        each_expression(&self.compiled.tree, &mut |expr| expr.each_path(&mut found));
        paths
    }

    /// Every place where it reads a path.
    pub fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        let source = &self.compiled.source;
        each_expression_read(&self.compiled.tree, &mut |expr, needed| {
            expr.each_read(needed, &mut |path, needed| reads.extend(read(source, path, needed)));
        });
        reads
    }

    /// The text as it was written, if it has no holes.
    pub fn literal(&self) -> Option<&str> {
        match &self.compiled.tree[..] {
            [] => Some(""),
            [Part::Words(words)] => Some(words.trim()),
            _ => None,
        }
    }

    /// What a value prints; `None` if that is nothing.
    fn text<'a>(&self, eval: &Eval<'a>, value: &Val<'a>) -> Option<String> {
        let text = self.finish(eval.fit(value)?.into_owned());
        (!text.is_empty()).then_some(text)
    }

    fn only_expression(&self) -> Option<&Expr> {
        let blank = |part: &&Part| matches!(part, Part::Words(words) if words.trim().is_empty());
        let mut parts = self.compiled.tree.iter().filter(|part| !blank(part));
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
    let mut items = match (over.elements(), &over) {
        (Some(items), _) => items,
        (None, Val::Missing) => Vec::new(),
        (None, Val::Node(_) | Val::Own(_) | Val::Headers(_) | Val::Map(_)) => {
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
            eval.locals.borrow_mut().push(("loop", loop_facts(place, items.len())));
            fill(eval, &looped.body, out)?;
        }
        eval.locals.borrow_mut().truncate(known);
        if items.is_empty() { fill(eval, &looped.otherwise, out) } else { Ok(()) }
    })();
    eval.locals.borrow_mut().truncate(known);
    result
}

/// `loop.index`, `loop.first` and so on.
fn loop_facts<'a>(place: usize, count: usize) -> Val<'a> {
    let number = |number: usize| Val::Number(number.to_string().into());
    Val::Map(Rc::new(vec![
        ("index".into(), number(place + 1)),
        ("index0".into(), number(place)),
        ("first".into(), Val::Bool(place == 0)),
        ("last".into(), Val::Bool(place + 1 == count)),
        ("length".into(), number(count)),
        ("revindex".into(), number(count - place)),
        ("revindex0".into(), number(count - place - 1)),
    ]))
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

/// A path that starts at a name which every expression sees, and its place.
pub(super) fn read(source: &str, path: &Expr, needed: bool) -> Option<Read> {
    let text = source.get(path.span.clone()).filter(|_| path.starts_at_root())?;
    Some(Read { path: text.to_owned(), range: path.span.clone(), needed })
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
