//! What is kept of a text that was understood?
//!
//! What was read in it takes some ten times its memory. Where there are very many texts it is
//! forgotten, and read again by those that are used.

use std::sync::{Arc, OnceLock};

use super::Scope;
use super::compile;
use super::tree::{Compiled, Expr, Part, What};

/// A text and, once it is needed, what is to be read in it. Cheap to clone.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub(super) source: Arc<str>,
    tree: OnceLock<Arc<T>>,
    is_free: bool,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        let is_free = self.is_free;
        Self { source: Arc::clone(&self.source), tree: self.tree.clone(), is_free }
    }
}

/// What can be read from a text alone.
pub(super) trait FromText: Sized {
    /// The same as was read before; where that cannot be, what gives an error or does not hold.
    fn again(source: &str) -> Arc<Self>;
}

impl FromText for Expr {
    fn again(source: &str) -> Arc<Self> {
        let read = compile::condition(source, &Scope::default());
        read.map_or_else(|_| Arc::new(nothing()), |compiled| compiled.tree)
    }
}

impl FromText for Vec<Part> {
    fn again(source: &str) -> Arc<Self> {
        let read = compile::template(source, &Scope::default());
        read.map_or_else(|_| Arc::new(vec![Part::Print(nothing())]), |compiled| compiled.tree)
    }
}

/// What no text may print, and what no condition holds with.
fn nothing() -> Expr {
    Expr { span: 0..0, what: What::None }
}

impl<T: FromText> Kept<T> {
    pub(super) fn tree(&self) -> &T {
        self.tree.get_or_init(|| T::again(&self.source))
    }

    /// Forgets what was read, where the text alone says it.
    pub(super) fn put_off(&mut self) {
        if self.is_free {
            self.tree.take();
        }
    }
}

impl<T> From<Compiled<T>> for Kept<T> {
    fn from(compiled: Compiled<T>) -> Self {
        let Compiled { source, tree, is_free } = compiled;
        Self { source, tree: OnceLock::from(tree), is_free }
    }
}
