//! Which blocks does a template have? The parser's statements as our own parts.

use std::ops::Range;

use minijinja::machinery::ast::{self, Stmt};

use super::compile::{Convert, DEPTH_MAX};
use super::facts::Root;
use super::tree::{For, Part};
use crate::model::Fault;

impl Convert<'_> {
    pub(super) fn parts(&mut self, statements: &[Stmt<'_>]) -> Vec<Part> {
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
        parts.shrink_to_fit();
        parts
    }

    fn part(&mut self, statement: &Stmt<'_>) -> Option<Part> {
        match statement {
            Stmt::EmitRaw(raw) => Some(Part::Words(raw.raw.into())),
            Stmt::EmitExpr(emit) => Some(Part::Print(self.expr(&emit.expr))),
            Stmt::IfCond(branch) => {
                let test = self.expr(&branch.expr);
                let yes = self.parts(&branch.true_body);
                Some(Part::If(Box::new(test), yes, self.parts(&branch.false_body)))
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
            Stmt::SetBlock(block) => {
                // The name is known all the same: what uses it is no mistake of its own.
                let name = self.target(&block.target);
                self.locals.extend(name);
                self.unsupported("a `set` block", self.range(block.span()))
            }
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
        Some(Part::For(Box::new(For { names, over, only_if, body, otherwise })))
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
                let fault = Fault::error("", "unsupported", "only a plain name can be set")
                    .help("write one `set` for each name");
                self.fault(fault, range);
                None
            }
        }
    }
}
