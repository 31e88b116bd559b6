//! Does every filter do what its documentation says?

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use kabari::expr::{Escape, Facts, Json, Surroundings, Template, filter_table};
use kabari::model::{Event, EventId};
use serde_json::json;
use uuid::Uuid;

/// An event that came on 22 November 2026 at 07:05 UTC.
fn facts() -> Facts {
    let event = Event {
        provider_id: Some("evt_1".into()),
        ..Event::new(
            EventId(Uuid::from_u128(1)),
            "shop",
            "order",
            Timestamp::from_second(1_795_331_100).unwrap(),
            "{}",
        )
    };
    let around = Surroundings {
        vars: json!({}),
        amounts: None,
        timezone: jiff::tz::TimeZone::UTC,
        country: None,
    };
    Facts::new(&event, Json::parse(event.body.clone()).unwrap(), Arc::new(around))
}

#[test]
fn every_example_of_the_table_of_filters_prints_what_it_says() {
    for filter in filter_table() {
        assert!(!filter.examples.is_empty(), "{} has no example", filter.name);
        for (template, printed) in filter.examples {
            let compiled = Template::compile(template, Escape::Message)
                .unwrap_or_else(|faults| panic!("{}: {template}: {faults:?}", filter.name));
            let rendered = compiled.render(&facts());
            assert_eq!(rendered.as_deref(), Ok(*printed), "{}: {template}", filter.name);
            let uses = std::iter::once(&filter.name).chain(filter.aliases);
            assert!(uses.into_iter().any(|name| template.contains(*name)), "{template}");
        }
    }
}

#[test]
fn every_filter_has_one_name_and_a_sentence() {
    let mut names = BTreeSet::new();
    for filter in filter_table() {
        for name in std::iter::once(&filter.name).chain(filter.aliases) {
            assert!(names.insert(*name), "{name} stands twice");
        }
        assert!(filter.does.ends_with('.'), "{}: {}", filter.name, filter.does);
        let required = filter.parameters.iter().map(|parameter| parameter.required);
        assert!(required.is_sorted_by(|one, other| one >= other), "{}", filter.name);
    }
    assert!(filter_table().is_sorted_by_key(|filter| filter.topic));
}
