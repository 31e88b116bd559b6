//! `when:`: the templates' syntax, judged by types.

use super::eval::Eval;
use super::kept::Kept;
use super::tree::{Compare, Expr, What};
use super::value::Val;
use super::{Escape, EvalError, Facts, Read, Scope, View, compile, template};
use crate::model::Fault;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    compiled: Kept<Expr>,
}

/// One comparison of a condition, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As it is written: `head_branch == default_branch`.
    pub wants: String,
    /// With the values it saw: `"main" == "main"`, `missing`.
    pub saw: String,
    /// Whether it held.
    pub holds: bool,
}

impl Condition {
    /// Compiles `text`; every mistake in it is told, with its range.
    pub fn compile(text: &str) -> Result<Self, Vec<Fault>> {
        Self::compile_in(text, &Scope::default())
    }

    /// The same with the names and tables of a rule.
    pub fn compile_in(text: &str, scope: &Scope<'_>) -> Result<Self, Vec<Fault>> {
        Ok(Self { compiled: compile::condition(text, scope)?.into() })
    }

    /// Forgets what was read in its text until it is used, where the text alone says it.
    pub fn put_off(&mut self) {
        self.compiled.put_off();
    }

    /// Whether it holds. A missing value makes it false.
    ///
    /// # Errors
    /// [`EvalError::Types`] when different types are compared.
    pub fn holds<'a>(&'a self, view: impl Into<View<'a>>) -> Result<bool, EvalError> {
        self.eval(view.into()).truth(self.compiled.tree())
    }

    /// Its comparisons, each with the values it saw.
    pub fn steps(&self, facts: &Facts) -> Vec<Step> {
        let eval = self.eval(facts.into());
        let mut steps = Vec::new();
        self.collect(&eval, self.compiled.tree(), &mut steps);
        steps
    }

    /// As it is written.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// The paths that it reads, as `event.data.object.id`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.compiled.tree().each_path(&mut |path| {
            let text = self.compiled.source.get(path.span.clone()).unwrap_or_default();
            if !paths.iter().any(|known| known == text) {
                paths.push(text.to_owned());
            }
        });
        paths
    }

    /// What has to be equal for it to hold, whatever else it asks: paths in the event's body, as
    /// `data.object.status`, each with a text or a truth value.
    pub fn equalities(&self) -> Vec<(String, serde_json::Value)> {
        let mut open = vec![self.compiled.tree()];
        let mut found = Vec::new();
        while let Some(expr) = open.pop() {
            match &expr.what {
                What::And(left, right) => open.extend([&**right, &**left]),
                What::Compare(first, others) => {
                    let [(Compare::Equal, other)] = others.as_slice() else { continue };
                    let sides = [(&**first, other), (other, &**first)];
                    found.extend(sides.into_iter().find_map(|(path, value)| {
                        let value = match &value.what {
                            What::Text(text) => serde_json::Value::from(&**text),
                            What::Bool(truth) => serde_json::Value::from(*truth),
                            _ => return None,
                        };
                        let written = template::read(&self.compiled.source, path, false)?.path;
                        let path = written.strip_prefix("event.")?;
                        let is_plain =
                            path.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
                        is_plain.then(|| (path.to_owned(), value))
                    }));
                }
                _ => {}
            }
        }
        found
    }

    /// Every place where it reads a path. None is needed: what is missing makes it false.
    pub fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        let source = &self.compiled.source;
        self.compiled.tree().each_read(false, &mut |path, needed| {
            reads.extend(template::read(source, path, needed));
        });
        reads
    }

    fn eval<'a>(&'a self, view: View<'a>) -> Eval<'a> {
        Eval::new(view, &self.compiled.source, Escape::None)
    }

    fn collect<'a>(&'a self, eval: &Eval<'a>, expr: &'a Expr, steps: &mut Vec<Step>) {
        if let What::And(left, right) | What::Or(left, right) = &expr.what {
            self.collect(eval, left, steps);
            self.collect(eval, right, steps);
            return;
        }
        if let What::Not(inner) = &expr.what
            && matches!(inner.what, What::And(..) | What::Or(..))
        {
            return self.collect(eval, inner, steps);
        }
        let (saw, holds) = match eval.truth(expr) {
            Ok(holds) => (saw(eval, expr), holds),
            Err(error) => (error.to_string(), false),
        };
        steps.push(Step { wants: self.label(expr), saw, holds });
    }

    /// The text of `expr` with its long paths cut to their last name.
    fn label(&self, expr: &Expr) -> String {
        let source = &self.compiled.source;
        let mut label = String::new();
        let mut written_to = expr.span.start;
        let mut cuts = Vec::new();
        expr.each_path(&mut |path| {
            if let What::Attr(_, name) = &path.what {
                cuts.push((path.span.clone(), name.clone()));
            }
        });
        cuts.sort_by_key(|(span, _)| span.start);
        for (span, name) in cuts {
            if let Some(before) = source.get(written_to..span.start) {
                label.push_str(before);
                label.push_str(&name);
                written_to = span.end;
            }
        }
        label.push_str(source.get(written_to..expr.span.end).unwrap_or_default());
        label.trim().to_owned()
    }
}

/// A leaf with its values in place of its parts.
fn saw<'a>(eval: &Eval<'a>, expr: &'a Expr) -> String {
    let show = |expr: &'a Expr| eval.lenient(expr).as_ref().map_or("error".to_owned(), Val::show);
    match &expr.what {
        What::Compare(first, others) => {
            let mut text = show(first);
            for (operator, other) in others {
                text.push(' ');
                text.push_str(operator.symbol());
                text.push(' ');
                text.push_str(&show(other));
            }
            text
        }
        What::Test(_, input, _) | What::Not(input) => show(input),
        _ => show(expr),
    }
}
