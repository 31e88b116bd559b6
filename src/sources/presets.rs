//! Which providers are known by name?

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::SourceSettings;
use crate::model::Fault;

/// One row a provider.
const PRESETS: &str = include_str!("presets.yaml");

/// How like a name another must be to be offered in its stead.
const ALIKE: f64 = 0.75;

type Presets = BTreeMap<String, SourceSettings>;

static READ: LazyLock<Result<Presets, String>> =
    LazyLock::new(|| serde_yaml::from_str(PRESETS).map_err(|error| error.to_string()));

/// All presets by name.
///
/// # Errors
/// When the program was built with a broken table.
pub fn presets() -> Result<&'static BTreeMap<String, SourceSettings>, Fault> {
    READ.as_ref().map_err(|error| {
        Fault::error("", "broken-presets", format!("the built-in presets cannot be read: {error}"))
    })
}

/// The preset that `wrong` was probably meant to be.
pub(super) fn nearest(presets: &'static Presets, wrong: &str) -> Option<&'static str> {
    let alike = |name: &str| strsim::jaro_winkler(name, &wrong.to_lowercase());
    let nearest = presets.keys().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(nearest) >= ALIKE).then_some(nearest.as_str())
}
