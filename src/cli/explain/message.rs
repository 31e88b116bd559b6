//! How is a message shown to people: the request that would be made, and what a phone shows?

use owo_colors::OwoColorize;

use crate::admin::{Numbers, message_json};
use crate::bubble;
use crate::cli::input::shown_time;
use crate::cli::output::{self, printable};
use crate::model::{Content, Kind, Message, State};
use crate::wachat::{MEDIA_PATH, TEXT_PATH};

/// Prints a message: what becomes of it, the exact request, and its bubble.
pub(in crate::cli) fn print_message(message: &Message, numbers: Numbers) {
    let reason = message.reason.map_or("", |reason| reason.as_str());
    let state = match message.state {
        State::Waiting if message.reason.is_none() => "would be sent".green().to_string(),
        State::Waiting => {
            let until = shown_time(message.due_at);
            format!("would wait until {until} UTC: {reason}").yellow().to_string()
        }
        State::Skipped => format!("would be skipped: {reason}").yellow().to_string(),
        state => format!("{}: {reason}", state.as_str()).yellow().to_string(),
    };
    anstream::println!("{}  {state}", printable(&message.origin.rule).bold());
    if let Some(detail) = &message.detail {
        anstream::println!("    {}", printable(detail));
    }
    let request = &message_json(message, numbers)["request"];
    if let (Some(content), Some(number)) = (&message.content, request["number"].as_str()) {
        let path = if content.kind == Kind::Text { TEXT_PATH } else { MEDIA_PATH };
        let text = serde_json::to_string_pretty(request).unwrap_or_default();
        anstream::println!("POST {path}\n{text}");
        for line in bubble(content, number, request["message"].as_str()) {
            anstream::println!("{line}");
        }
    }
    anstream::println!();
}

/// What the phone of `number` shows.
fn bubble(content: &Content, number: &str, caption: Option<&str>) -> Vec<String> {
    let mut lines = vec![format!("  ╭─ {}", printable(number).dimmed())];
    if content.kind != Kind::Text {
        let about = content.file_name.as_ref().or(content.media_url.as_ref());
        let about = printable(about.map_or("", String::as_str));
        lines.push(format!("  │ [{}] {}", content.kind.as_str(), about.underline()));
    }
    if let Some(caption) = caption {
        let text = bubble::terminal(caption, output::colour());
        lines.extend(text.lines().map(|line| format!("  │ {line}")));
    }
    lines.push("  ╰─".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::{Content, Kind, bubble};

    #[test]
    fn a_document_shows_its_name_and_its_caption_as_a_phone_does() {
        let content = Content {
            kind: Kind::Document,
            media_url: Some("https://files.example/1".to_owned()),
            message: None,
            file_name: Some("A-1.pdf".to_owned()),
            mimetype: None,
            delay: None,
        };
        let lines = bubble(&content, "62812••••7890", Some("*Paid*\n- one"));
        let lines: Vec<String> =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        let expected =
            ["  ╭─ 62812••••7890", "  │ [document] A-1.pdf", "  │ Paid", "  │ • one", "  ╰─"];
        assert_eq!(lines, expected);
    }
}
