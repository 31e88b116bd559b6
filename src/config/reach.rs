//! What is known for certain of a rule file in which something else is wrong?

use std::collections::BTreeSet;

use super::book::{Book, TreeId};
use super::file::RuleFile;
use super::problem::Problem;
use super::read::is_known_at_top;
use super::{Loaded, Settings};
use crate::model::Severity;
use crate::render::Country;
use crate::secret::Secret;
use crate::store::Address;

/// What it takes to reach the store, and the `serve` that runs on it: enough to let a person opt out
/// or to stop a lane while somebody else's mistake stands in the file.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// `store`, as in [`Settings`].
    pub store: Address,
    /// `server.admin_token`.
    pub admin_token: Option<Secret>,
    /// `defaults.country`, for numbers as people write them.
    pub country: Option<Country>,
    /// The sessions that the file names.
    pub instances: BTreeSet<String>,
}

impl Reach {
    /// Of a file in which nothing is wrong.
    pub fn of(loaded: &Loaded) -> Self {
        let Settings { store, admin_token, instances, .. } = &loaded.settings;
        Self {
            store: store.clone(),
            admin_token: admin_token.clone(),
            country: loaded.pipeline.defaults().country,
            instances: instances.keys().cloned().collect(),
        }
    }

    /// Of any other; `None` where it may be another store that is meant.
    pub(super) fn despite(
        book: &Book,
        main: TreeId,
        file: &RuleFile,
        store: &Address,
    ) -> Option<Self> {
        if book.is_full() || may_be_another(book, main) {
            return None;
        }
        let of_account = file.wachat.iter().flat_map(|it| it.instances.keys().chain(&it.instance));
        Some(Self {
            store: store.clone(),
            admin_token: file.server.admin_token.clone(),
            country: file.defaults.country,
            instances: of_account.chain(&file.defaults.instance).cloned().collect(),
        })
    }
}

/// Whether the file may mean another store than was read: what it says of it is wrong, or there is a
/// key at its top that nobody knows.
fn may_be_another(book: &Book, main: TreeId) -> bool {
    let name = book.report.files.first().map(|text| &text.name);
    let is_of_top = |path: &str| !path.contains(['.', '[']) && !is_known_at_top(path);
    let is_doubtful = |problem: &Problem| {
        problem.severity == Severity::Error
            && Some(&problem.file) == name
            && is_of_top(&problem.path)
    };
    book.has_error_below(main, "store") || book.report.problems.iter().any(is_doubtful)
}
