//! Does the language of the rule file say what people expect?

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on is red")]

mod templates;
mod conditions;
mod sends;
mod random;
mod filters;
mod rules;
mod hostile;
mod jinja;
mod kept;

use std::sync::Arc;

use jiff::Timestamp;
use kabari::expr::{AmountUnit, Condition, Escape, EvalError, Facts, Json, Surroundings, Template};
use kabari::model::{Event, EventId, Headers};
use serde_json::json;
use uuid::Uuid;

/// An event with something of everything.
const BODY: &str = r#"{
  "data": {"object": {
    "id": "in_1", "number": "INV/7", "customer_name": "Siti", "customer_phone": null,
    "customer_email": "", "amount_paid": 18633200, "currency": "idr", "status": "paid",
    "price": 1.50, "big": 12345678901234567890, "paid": false, "created": 1795331100,
    "items": ["a", "*b*", null, "c"], "none": [], "url": "https://x.test/a_b?c=*d*",
    "title": "*evil*\n> quote", "after": "0123456789abcdef", "c.count": 3,
    "lines": [{"name": "Tea", "qty": 2}, {"name": "_Milk_", "qty": 1}]
  }},
  "code": "200", "count": 3, "zero": 0, "yes": true, "branch": "main", "main": "main"
}"#;

fn facts_with(amounts: Option<AmountUnit>) -> Facts {
    let event = Event {
        provider_id: Some("evt_1".into()),
        headers: Headers::from([("x-event-id", "h1")]),
        ..Event::new(
            EventId(Uuid::from_u128(1)),
            "stripe",
            "invoice.paid",
            Timestamp::from_second(1_795_331_100).unwrap(),
            BODY.as_bytes(),
        )
    };
    let surroundings = Surroundings {
        vars: json!({"shop": "*Toko*", "team": {"Siti": "628111"}, "oncall": ["1", "2"], "max": 5}),
        amounts,
        timezone: jiff::tz::TimeZone::fixed(jiff::tz::offset(7)),
        country: kabari::render::Country::of("ID"),
    };
    let json = Json::parse(event.body.clone()).unwrap();
    Facts::new(&event, json, Arc::new(surroundings))
}

fn facts() -> Facts {
    facts_with(Some(AmountUnit::Minor))
}

fn message(text: &str) -> Result<String, EvalError> {
    let template = Template::compile(text, Escape::Message);
    template.unwrap_or_else(|faults| panic!("{text}: {faults:?}")).render(&facts())
}

fn holds(text: &str) -> Result<bool, EvalError> {
    let condition = Condition::compile(text);
    condition.unwrap_or_else(|faults| panic!("{text}: {faults:?}")).holds(&facts())
}
