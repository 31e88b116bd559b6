//! Which providers are known by name?

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::SourceSettings;
use crate::model::Fault;

/// One row a provider.
const PRESETS: &str = include_str!("presets.yaml");
/// The key `kinds` of the rows where that is long.
const KINDS: &str = include_str!("kinds.yaml");

/// How like a name another must be to be offered in its stead.
const ALIKE: f64 = 0.75;

type Presets = BTreeMap<String, SourceSettings>;

static READ: LazyLock<Result<Presets, String>> =
    LazyLock::new(|| read().map_err(|error| error.to_string()));

fn read() -> Result<Presets, serde_yaml::Error> {
    let mut presets: Presets = serde_yaml::from_str(PRESETS)?;
    let kinds: BTreeMap<String, Vec<String>> = serde_yaml::from_str(KINDS)?;
    for (name, kinds) in kinds {
        presets.entry(name).or_default().kinds = Some(kinds);
    }
    Ok(presets)
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::glob::meet;

    #[test]
    fn every_row_of_the_table_reads_and_says_how_to_verify_and_to_recognise() {
        let presets = presets().unwrap();
        assert!(presets.contains_key("github") && presets.contains_key("stripe"));
        for (name, row) in presets {
            assert!(row.verify.is_some() && row.kind.is_some() && row.id.is_some(), "{name}");
            assert!(row.docs.is_some() && row.secret_at.is_some(), "{name}");
            assert!(row.preset.is_none() && row.secret.is_none(), "{name}");
        }
    }

    #[test]
    fn every_kind_that_a_row_or_a_sample_names_is_a_known_one() {
        for (name, row) in presets().unwrap() {
            let Some(kinds) = &row.kinds else { continue };
            let samples = crate::sources::samples().iter().filter(|it| it.preset == name);
            let named = row.never_repeats.iter().flatten().map(String::as_str);
            for kind in named.chain(samples.map(|sample| sample.kind)) {
                assert!(kinds.iter().any(|known| meet(known, kind)), "{name}: {kind}");
            }
        }
    }
}
