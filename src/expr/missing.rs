//! What is missing, and how far does its path exist?

use std::borrow::Cow;

use super::EvalError;
use super::eval::Eval;
use super::nearest::nearest;
use super::tree::{Expr, What};
use super::value::Val;

/// How many keys an error names.
const KEYS_SHOWN: usize = 8;

impl<'a> Eval<'a> {
    /// The error of a value that should be there: which path, and how far it exists.
    pub(super) fn missing(&self, expr: &'a Expr) -> EvalError {
        if !expr.is_path() {
            let children: Vec<&Expr> = match &expr.what {
                What::Reckon(_, left, right) | What::Join(left, right) => vec![left, right],
                What::Minus(inner) | What::Slice(inner, _) => vec![inner],
                What::Lookup(input, ..) => return self.not_in_table(expr, input),
                What::Filter(filter, input, _) if filter.is_lookup() => {
                    return self.not_in_table(expr, input);
                }
                _ => Vec::new(),
            };
            let culprit =
                children.into_iter().find(|child| matches!(self.value(child), Ok(Val::Missing)));
            return match culprit {
                Some(child) => self.missing(child),
                None => EvalError::Missing { path: self.written(expr).to_owned(), known: None },
            };
        }
        EvalError::Missing { path: self.written(expr).to_owned(), known: self.known(expr) }
    }

    fn not_in_table(&self, expr: &'a Expr, input: &'a Expr) -> EvalError {
        let known = self.value(input).ok().map(|key| format!("the table has no {}", key.show()));
        EvalError::Missing { path: self.written(expr).to_owned(), known }
    }

    /// The longest part of a path that exists, and what is there.
    fn known(&self, path: &'a Expr) -> Option<String> {
        let (inner, key) = match &path.what {
            What::Attr(inner, name) => (inner, Cow::Borrowed(&**name)),
            What::Item(inner, key) => match self.lenient(key).ok()?.shown() {
                Some(key) => (inner, key),
                None => return Some(format!("{} is missing", self.written(key))),
            },
            What::Let(bound) => {
                return self.inside(bound, || match self.missing(&bound.expr) {
                    EvalError::Missing { path, known: Some(known) } => {
                        Some(format!("it is `{path}`; {known}"))
                    }
                    EvalError::Missing { path, known: None } => Some(format!("it is `{path}`")),
                    _ => None,
                });
            }
            _ => return None,
        };
        let holder = self.value(inner).ok()?;
        if matches!(holder, Val::Missing) {
            return self.known(inner);
        }
        let name = self.written(inner);
        let keys = holder.keys();
        if keys.contains(&key) {
            let what = match &holder {
                Val::Node(node) => node.get(&key).map_or("null", |node| node.source()),
                _ => "empty",
            };
            return Some(format!("it is {what}"));
        }
        if keys.is_empty() {
            return Some(match holder.len() {
                Some(count) if holder.elements().is_some() => {
                    format!("{name} is a list of {count}")
                }
                _ => format!("{name} is {}", holder.described()),
            });
        }
        let guess = nearest(&key, keys.iter().map(AsRef::as_ref));
        let more = if keys.len() > KEYS_SHOWN { ", …" } else { "" };
        let shown: Vec<&str> = keys.iter().take(KEYS_SHOWN).map(AsRef::as_ref).collect();
        let mut known = format!("{name} has {}{more}", shown.join(", "));
        if let Some(guess) = guess {
            known.push_str("; did you mean ");
            known.push_str(guess);
            known.push('?');
        }
        Some(known)
    }
}
