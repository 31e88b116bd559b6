//! Does any text at all make the language panic, or print markup that acts?

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use kabari::expr::{Condition, Escape, Facts, Json, Surroundings, Template};
use kabari::model::{Event, EventId};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::facts;

proptest! {
    #[test]
    fn no_text_panics_as_a_template(text in "(\\{\\{|\\}\\}|\\{%|%\\}|event|vars|loop|[a-z.|()\\[\\]'\"0-9*~+=<> -]|for|in|if|endif|endfor|set|é|\u{202e}){0,40}") {
        for escape in [Escape::None, Escape::Message, Escape::FileName] {
            if let Ok(template) = Template::compile(&text, escape) {
                let _ = template.render(&facts());
                let _ = template.values(&facts());
                let _ = template.paths();
            }
        }
        if let Ok(condition) = Condition::compile(&text) {
            let _ = condition.holds(&facts());
            let _ = condition.steps(&facts());
        }
    }

    #[test]
    fn whatever_is_printed_has_no_active_markup(text in "[*_~`> .a1é\n\r\u{202e}\u{200b}\u{200d}-]{0,30}") {
        let body = json!({ "x": text }).to_string();
        let event = Event::new(EventId(Uuid::from_u128(1)), "s", "k", Timestamp::UNIX_EPOCH, body.clone());
        let around = Surroundings { vars: json!({}), amounts: None, timezone: jiff::tz::TimeZone::UTC, country: None };
        let facts = Facts::new(&event, Json::parse(Bytes::from(body)).unwrap(), Arc::new(around));
        let Ok(printed) = Template::compile("{{ event.x }}", Escape::Message).unwrap().render(&facts) else {
            return Ok(());
        };
        let chars: Vec<char> = printed.chars().collect();
        for (place, c) in chars.iter().enumerate() {
            prop_assert!(!matches!(c, '\n' | '\r' | '\u{202e}' | '\u{200b}' | '`'), "{:?}", printed);
            if matches!(c, '*' | '_' | '~') {
                let before = place.checked_sub(1).map(|p| chars[p]);
                let after = chars.get(place + 1).copied();
                let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                let spaced = before == Some(' ') && after == Some(' ');
                prop_assert!(word(before) && word(after) || spaced, "{:?}", printed);
            }
        }
        prop_assert!(!printed.starts_with("> ") && !printed.starts_with("- "), "{:?}", printed);
        prop_assert!(!printed.starts_with("1. "), "{:?}", printed);
    }
}
