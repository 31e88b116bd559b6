//! Is there a pattern and an event that make matching panic, or the index disagree with asking?
#![no_main]

use bytes::Bytes;
use kabari::expr::Json;
use kabari::rules::{Matcher, Pattern, RuleSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (pattern, event) = input;
    let Ok(pattern) = serde_json::from_str::<Pattern>(pattern) else { return };
    let Ok(event) = Json::parse(Bytes::copy_from_slice(event.as_bytes())) else { return };
    let matches = pattern.matches(event.root());
    assert!(!matches || pattern.contradiction().is_none());
    assert_eq!(pattern.steps(event.root()).iter().all(|step| step.holds), matches);
    let matcher = Matcher { source: "s".to_owned(), kinds: Vec::new(), pattern, when: None };
    let found = RuleSet::build(vec![matcher]).matching("s", "k", &event, &|own, kind| own == kind);
    assert_eq!(found.len(), usize::from(matches));
});
