//! `kabari sources presets`: which senders are known by name?

use std::process::ExitCode;

use serde_json::{Value, json};

use super::input::sample_names;
use super::output;
use crate::sources::{SourceSettings, Unsigned, presets};
use crate::verify::Scheme;

/// Prints all presets, as a table or as JSON.
pub(super) fn list(as_json: bool) -> anyhow::Result<ExitCode> {
    let known = presets().map_err(|fault| anyhow::anyhow!(fault.message))?;
    if as_json {
        let rows = known.iter().map(|(name, row)| shown(name, row));
        output::json(&rows.collect::<Vec<Value>>().into())?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = known.iter().map(|(name, row)| {
        vec![(*name).to_owned(), sample_names(name), unsigned(row).join(", "), signs(row)]
    });
    output::table(&["preset", "samples", "not signed", "signs"], lines.collect())?;
    Ok(ExitCode::SUCCESS)
}

fn shown(name: &str, row: &SourceSettings) -> Value {
    let samples = sample_names(name);
    let samples: Vec<&str> = samples.split(", ").filter(|kind| !kind.is_empty()).collect();
    json!({
        "name": name,
        "signs": signs(row),
        "unsigned": unsigned(row),
        "samples": samples,
        "docs": row.docs,
        "secret_at": row.secret_at,
    })
}

fn signs(row: &SourceSettings) -> String {
    let scheme = row.verify.as_ref().and_then(|verify| Scheme::build(verify).ok());
    scheme.map_or_else(
        || "with a key that its rule file entry names".to_owned(),
        |(scheme, _)| scheme.to_string(),
    )
}

fn unsigned(row: &SourceSettings) -> Vec<String> {
    row.unsigned.iter().flatten().map(Unsigned::to_string).collect()
}
