//! What does an expression consist of? The parser's expressions as our own.

use std::ops::Range;

use minijinja::machinery::ast;

use super::compile::{Convert, DEPTH_MAX};
use super::decimal::{Decimal, Reckoning};
use super::facts::Root;
use super::nearest::nearest;
use super::tree::{Compare, Expr, What};
use crate::model::Fault;

impl Convert<'_> {
    pub(super) fn boxed(&mut self, expr: &ast::Expr<'_>) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    pub(super) fn expr(&mut self, expr: &ast::Expr<'_>) -> Expr {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
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
        let span = self.whole_span(span, &what);
        Expr { span, what }
    }

    /// The parser gives what has a left side a span that begins after it. Brackets around the left
    /// side belong to it too.
    fn whole_span(&self, span: Range<usize>, what: &What) -> Range<usize> {
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
            | What::Lookup(inner, ..)
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
                    let fault = Fault::error("", "unsupported", "a slice has no third part here")
                        .help("to turn a list around write `| reverse`");
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
        if let Some(what) = self.of_rule(name, span) {
            return what;
        }
        let known = Root::ALL.iter().map(|(name, _)| *name);
        let known = known.chain(self.locals.iter().map(|local| &**local));
        let known = known.chain(self.scope.lets.iter().map(|it| &*it.name));
        let element = self.scope.element.as_ref().filter(|_| self.scope.in_element);
        let guess = match element {
            // Whoever names his element may still think of its usual name.
            Some(element) if name == "item" => Some(&*element.name),
            element => nearest(name, known.chain(element.map(|it| &*it.name))),
        };
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

    /// A name that the rule gives: by `let:` or `each:`.
    fn of_rule(&mut self, name: &str, span: &Range<usize>) -> Option<What> {
        if let Some(bound) = self.scope.lets.iter().find(|it| *it.name == *name).cloned() {
            self.is_free = false;
            self.deepest = self.deepest.max(self.depth + bound.depth);
            self.uses_element |= bound.uses_element;
            if bound.uses_element && !self.scope.in_element {
                let message = format!(
                    "`{name}` is made of an element of `each`, and this is for the whole event"
                );
                let fault = Fault::error("", "too-early", message);
                self.fault(
                    fault.help("put the condition into `each`: `… in … if …`"),
                    span.clone(),
                );
                return Some(What::None);
            }
            if self.deepest > DEPTH_MAX {
                let fault = Fault::error("", "too-deep", "names of names are nested too deeply");
                self.fault(fault.help("use fewer steps"), span.clone());
            }
            return Some(What::Let(bound));
        }
        let element = self.scope.element.clone()?;
        self.is_free = false;
        if *element.name != *name && name != "loop" {
            return None;
        }
        if !self.scope.in_element {
            let message =
                format!("`{name}` is an element of `each`, and this is for the whole event");
            let fault = Fault::error("", "too-early", message);
            self.fault(fault.help("put the condition into `each`: `… in … if …`"), span.clone());
            return Some(What::None);
        }
        self.uses_element = true;
        Some(if name == "loop" { What::Loop } else { What::Element(element) })
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
                let fault = Fault::error("", "unsupported", "`**` is not known here")
                    .help("write the product out: `a * a`");
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
