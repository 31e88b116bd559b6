//! Nothing was found: is there such a rule, source or session at all, or is its name misspelled?

use std::collections::BTreeSet;

use anyhow::bail;

use super::input::RuleFile;
use crate::config::nearest;
use crate::store::{MessageFilter, SharedStore, StoreError};

/// Whether the filter names what neither the store nor the rule file knows.
///
/// # Errors
/// It does; with the name that was probably meant.
pub(super) async fn all_of(
    store: &SharedStore,
    rules: &RuleFile,
    filter: &MessageFilter,
) -> anyhow::Result<()> {
    if let Some(rule) = &filter.rule {
        let asked = MessageFilter { rule: Some(rule.clone()), ..MessageFilter::default() };
        if !has(store, asked).await? {
            let names =
                rules.load_quietly().map(|it| it.places.names().map(str::to_owned).collect());
            is_known("rule", rule, &names.unwrap_or_default())?;
        }
    }
    if let Some(name) = &filter.source {
        source(store, rules, name).await?;
    }
    if let Some(instance) = &filter.instance {
        let asked = MessageFilter { instance: Some(instance.clone()), ..MessageFilter::default() };
        if !has(store, asked).await? {
            is_known("session", instance, &rules.reach_quietly().instances)?;
        }
    }
    Ok(())
}

/// Whether there is this source.
///
/// # Errors
/// There is not.
pub(super) async fn source(
    store: &SharedStore,
    rules: &RuleFile,
    name: &str,
) -> anyhow::Result<()> {
    let mut names: BTreeSet<_> = store.sources().await?.into_iter().map(|it| it.source).collect();
    if !names.contains(name) {
        let loaded = rules.load_quietly();
        let written = loaded.iter().flat_map(|loaded| loaded.pipeline.sources());
        names.extend(written.map(|source| source.name().to_owned()));
    }
    is_known("source", name, &names)
}

async fn has(store: &SharedStore, asked: MessageFilter) -> Result<bool, StoreError> {
    let found = store.messages(MessageFilter { limit: Some(1), ..asked }).await?;
    Ok(!found.rows.is_empty() || 0 < found.unreadable.count)
}

fn is_known(noun: &str, name: &str, names: &BTreeSet<String>) -> anyhow::Result<()> {
    if names.contains(name) {
        return Ok(());
    }
    let meant = nearest(name, names.iter().map(String::as_str));
    let meant = meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default();
    bail!("neither the store nor the rule file has a {noun} `{name}`{meant}")
}
