//! Which providers are known by name?

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use super::SourceSettings;
use crate::model::Fault;

/// One row a provider.
const PRESETS: &str = include_str!("presets.yaml");
/// The key `kinds` of the rows where that is long.
const KINDS: &str = include_str!("kinds.yaml");

/// How like a name another must be to be offered in its stead.
const ALIKE: f64 = 0.75;

/// A row as it stands in the table, and read once it is asked for: most users know one or two of
/// the senders, and reading all of them takes milliseconds and a megabyte.
struct Row {
    text: &'static str,
    kinds: &'static str,
    settings: OnceLock<Result<SourceSettings, String>>,
}

static ROWS: LazyLock<BTreeMap<&'static str, Row>> = LazyLock::new(|| {
    let kinds: BTreeMap<_, _> = entries(KINDS).collect();
    let row = |(name, text): (&'static str, &'static str)| {
        let kinds = kinds.get(name).copied().unwrap_or_default();
        (name, Row { text, kinds, settings: OnceLock::new() })
    };
    entries(PRESETS).map(row).collect()
});

/// The entries of a mapping that begins in the first column, each under its key: from the line of
/// the key to that of the next.
fn entries(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let begins = |line: &str| line.starts_with(|first: char| first.is_ascii_alphanumeric());
    let mut starts = Vec::new();
    let mut at = 0;
    for line in table.split_inclusive('\n') {
        if begins(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([table.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| {
        let entry = &table[start..end];
        Some((entry.split_once(':')?.0, entry))
    })
}

impl Row {
    fn settings(&self) -> Result<&SourceSettings, Fault> {
        let read = || self.read().map_err(|error| error.to_string());
        self.settings.get_or_init(read).as_ref().map_err(|error| {
            let wrong = format!("the built-in presets cannot be read: {error}");
            Fault::error("", "broken-presets", wrong)
        })
    }

    fn read(&self) -> Result<SourceSettings, serde_yaml::Error> {
        let mut rows: BTreeMap<String, SourceSettings> = serde_yaml::from_str(self.text)?;
        let mut settings = rows.pop_first().map(|(_, row)| row).unwrap_or_default();
        if !self.kinds.is_empty() {
            let mut kinds: BTreeMap<String, Vec<String>> = serde_yaml::from_str(self.kinds)?;
            settings.kinds = kinds.pop_first().map(|(_, kinds)| kinds);
        }
        Ok(settings)
    }
}

/// The preset of this name; `None` if there is none.
///
/// # Errors
/// When the program was built with a broken table.
pub fn preset(name: &str) -> Result<Option<&'static SourceSettings>, Fault> {
    ROWS.get(name).map(Row::settings).transpose()
}

/// All presets by name.
///
/// # Errors
/// When the program was built with a broken table.
pub fn presets() -> Result<BTreeMap<&'static str, &'static SourceSettings>, Fault> {
    ROWS.iter().map(|(name, row)| Ok((*name, row.settings()?))).collect()
}

/// The names of all presets.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.keys().copied()
}

/// The preset that `wrong` was probably meant to be.
pub(super) fn nearest(wrong: &str) -> Option<&'static str> {
    let alike = |name: &str| strsim::jaro_winkler(name, &wrong.to_lowercase());
    let nearest = names().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(nearest) >= ALIKE).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::glob::meet;

    #[test]
    fn the_tables_are_cut_into_all_their_rows() {
        let whole: BTreeMap<String, SourceSettings> = serde_yaml::from_str(PRESETS).unwrap();
        assert!(whole.keys().map(String::as_str).eq(names()));
        let kinds: BTreeMap<String, Vec<String>> = serde_yaml::from_str(KINDS).unwrap();
        for (name, kinds) in kinds {
            assert_eq!(preset(&name).unwrap().unwrap().kinds, Some(kinds), "{name}");
        }
    }

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
