//! `kabari test`: do the rule file's own tests hold?

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::explain::wachat_request;
use super::input::{RuleFile, unknown_source};
use super::output;
use crate::clock;
use crate::config::TestCase;
use crate::model::{Headers, Message, Reason};
use crate::pipeline::Pipeline;

/// Run the rule file's own tests
#[derive(Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    rules: RuleFile,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = match self.rules.load_lenient() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let mut failed = 0;
        for case in &loaded.tests {
            let misses = misses(&loaded.pipeline, case)?;
            if misses.is_empty() {
                anstream::println!("{} {}", "ok  ".green(), case.name);
                continue;
            }
            failed += 1;
            anstream::println!("{} {}   {}", "FAIL".red(), case.name.bold(), case.place.dimmed());
            for miss in misses {
                anstream::println!("       {miss}");
            }
        }
        anstream::println!("\n{} passed, {failed} failed", loaded.tests.len() - failed);
        Ok(ExitCode::from(if failed > 0 { output::NO } else { 0 }))
    }
}

/// What is not as the test expects.
fn misses(pipeline: &Pipeline, case: &TestCase) -> anyhow::Result<Vec<String>> {
    let source =
        pipeline.source(&case.source).with_context(|| unknown_source(pipeline, &case.source))?;
    let now = clock::now();
    let id = clock::event_id(now, &mut clock::dice());
    let body = Bytes::from(case.body.clone());
    let read = source.read_body(id, now, case.kind.as_deref(), Headers::default(), body);
    let json = read.json.map_err(|why| anyhow::anyhow!("{}: {why}", case.name))?;
    let made = pipeline.messages(&read.event, json, now);
    let mut misses = Vec::new();
    if made.len() != case.expect.len() {
        let rules: Vec<&str> = made.iter().map(|message| message.origin.rule.as_str()).collect();
        misses.push(format!(
            "expected {} message(s), made {}: {}",
            case.expect.len(),
            made.len(),
            rules.join(", ")
        ));
    }
    for (message, expected) in made.iter().zip(&case.expect) {
        misses.extend(differences(message, expected));
    }
    Ok(misses)
}

/// Each field of `expected` that the message does not have so.
fn differences(message: &Message, expected: &BTreeMap<String, Value>) -> Vec<String> {
    let request = wachat_request(message).map(|(_, request)| request).unwrap_or_default();
    let kind = message.content.as_ref().map(|content| content.kind.as_str());
    let saw = |field: &str| match field {
        "rule" => Value::from(message.origin.rule.as_str()),
        "state" => Value::from(message.state.as_str()),
        "reason" => Value::from(message.reason.map(Reason::as_str)),
        "type" => Value::from(kind),
        field => request.get(field).cloned().unwrap_or(Value::Null),
    };
    let wrong = expected.iter().filter(|(field, wanted)| saw(field) != **wanted);
    wrong.map(|(field, wanted)| format!("{field}: wanted {wanted}, made {}", saw(field))).collect()
}
