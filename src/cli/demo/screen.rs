//! What does the demo show in the terminal?

use std::collections::HashMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use owo_colors::OwoColorize;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use unicode_width::UnicodeWidthStr as _;

use super::play::Tally;
use crate::bubble;
use crate::clock;
use crate::sandbox::{Change, Dispatched, Outbox, Request, RequestState};

/// How wide a line may be where nobody says how wide the screen is.
const WIDTH: usize = 100;
/// A screen narrower than this gets fewer words.
const NARROW: usize = 96;
/// Columns for the name of who gets a message: a masked number has 14.
const WHO_WIDTH: usize = 14;
/// Columns for the longest kind of the built-in events.
const KIND_WIDTH: usize = 29;
/// Columns of a message's line for all but its text.
const AROUND_TEXT: usize = 56;
/// Columns for the text of a message: at least, at most.
const TEXT_WIDTH: (usize, usize) = (16, 60);

/// Says what this is and where to look.
pub(super) fn opening(phone: SocketAddr, dashboard: SocketAddr) {
    let phone = format!("{:<23}", format!("http://{phone}"));
    let dashboard = format!("{:<23}", format!("http://{dashboard}"));
    anstream::println!(
        "{} no account, no network; nothing leaves this machine",
        "kabari demo:".bold()
    );
    anstream::println!("  phone      {} what people would see", phone.cyan());
    anstream::println!("  dashboard  {} what kabari is doing", dashboard.cyan());
    anstream::println!(
        "\n{}\n",
        "in = a signed webhook came in, and which rule took it; out = a message went out".dimmed()
    );
}

/// What became of a webhook.
pub(super) enum Verdict {
    /// The rules that made messages of it; none if no rule wants it.
    Believed(Vec<String>),
    /// It was here before.
    Duplicate,
    /// Its signature does not fit its body.
    Forged,
}

/// A webhook came in.
pub(super) fn line_in(source: &str, kind: &str, verdict: &Verdict) {
    let narrow = width() < NARROW;
    let ok = if narrow { "" } else { "signature ok " };
    let what = match verdict {
        Verdict::Believed(rules) if rules.is_empty() => {
            format!("{ok}{}", "→ no rule wants it".dimmed())
        }
        Verdict::Believed(rules) => format!("{ok}→ {}", rules.join(", ")),
        Verdict::Duplicate if narrow => "same event: not sent".yellow().to_string(),
        Verdict::Duplicate => "same event again → nothing sent".yellow().to_string(),
        Verdict::Forged if narrow => "one byte changed: 401".yellow().to_string(),
        Verdict::Forged => "one byte changed → 401, nothing stored".yellow().to_string(),
    };
    let time = clock_time(clock::now());
    anstream::println!("{}  in   {source}  {kind:<KIND_WIDTH$}  {what}", time.dimmed());
}

/// Counts, and what to do next. With `once`, the summary is the last line.
pub(super) fn closing(tally: &Tally, once: bool) {
    if tally.stopped {
        anstream::println!("\n{}", "stopped before the end".yellow());
    }
    let missing = tally.made - tally.sent.min(tally.made);
    if missing > 0 && !tally.stopped {
        anstream::println!("\n{}", format!("{missing} did not arrive").red());
    }
    let summary =
        format!("{} sent, {} duplicate, {} refused.", tally.sent, tally.duplicates, tally.refused);
    anstream::println!("\n{} \"sent\" = accepted by the make-believe Wachat.", summary.bold());
    if !once && !tally.stopped {
        anstream::println!("Next:  open the phone page; Ctrl-C ends the demo");
        anstream::println!("       kabari demo --print-rules > rules.yaml   and make it yours");
    }
}

/// Prints each message when it arrives at the sandbox.
pub(super) struct Printer {
    task: JoinHandle<()>,
    stop: CancellationToken,
    outbox: Outbox,
}

impl Printer {
    /// Prints from now on; `names` are those of numbers and groups.
    pub(super) fn start(outbox: Outbox, names: HashMap<String, String>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(print_arrivals(outbox.clone(), names, stop.clone()));
        Self { task, stop, outbox }
    }

    /// Ends once all that was sent has been printed.
    pub(super) async fn finish(self, tally: &Tally) {
        let enough = u64::try_from(tally.sent).unwrap_or(u64::MAX);
        debug_assert!(self.outbox.counters().dispatched >= enough, "sent without being dispatched");
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn print_arrivals(outbox: Outbox, names: HashMap<String, String>, stop: CancellationToken) {
    let mut changes = outbox.subscribe();
    let mut began: HashMap<u64, Timestamp> = HashMap::new();
    loop {
        // Whatever has happened is printed before the end is looked at.
        let change = tokio::select! {
            biased;
            change = changes.recv() => change,
            () = stop.cancelled() => return,
        };
        match change {
            Ok(Change::Request(request)) => {
                began.insert(request.id, request.at);
                if let Some(line) = failure(&request) {
                    anstream::println!("{line}");
                }
            }
            Ok(Change::Dispatched(message)) => {
                let name = names.get(message.number.expose()).unwrap_or(&message.to.name);
                let began = began.get(&message.request).copied();
                anstream::println!("{}", arrival(&message, name, began));
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn arrival(message: &Dispatched, name: &str, began: Option<Timestamp>) -> String {
    let seconds = began.map_or(0.0, |began| message.at.duration_since(began).as_secs_f64());
    let mut what = message.file_name.clone().unwrap_or_default();
    if let (false, Some(media)) = (what.is_empty(), &message.media) {
        what = format!("{what}  {} KB", media.size.div_ceil(1000));
    }
    if what.is_empty() {
        let words = bubble::terminal(message.message.as_deref().unwrap_or_default(), false);
        words.lines().next().unwrap_or_default().clone_into(&mut what);
    }
    let room = width().saturating_sub(AROUND_TEXT).clamp(TEXT_WIDTH.0, TEXT_WIDTH.1);
    format!(
        "{}  out  {}  {:<8}  {}  {}",
        clock_time(message.at).dimmed(),
        fitted(name, WHO_WIDTH),
        message.kind.as_str(),
        fitted(&what, room),
        format!("sent {seconds:>4.1} s").green()
    )
}

fn failure(request: &Request) -> Option<String> {
    let failed = request.state != RequestState::Waiting && request.dispatched == 0;
    let why = request.reason.clone().unwrap_or_default();
    failed.then(|| format!("{}  out  {} {why}", clock_time(request.at).dimmed(), "failed".red()))
}

/// The text in exactly so many columns: cut with an ellipsis, or filled up with spaces. An emoji
/// takes two columns, a mark that changes the one before it none.
fn fitted(text: &str, columns: usize) -> String {
    let mut fitted = text.to_owned();
    if fitted.width() > columns {
        let mut short = String::new();
        for c in text.chars() {
            // Together with the one before, a character may be narrower or wider than alone.
            let longer = format!("{short}{c}");
            if longer.width() + 1 > columns {
                break;
            }
            short = longer;
        }
        fitted = format!("{}…", short.trim_end());
    }
    let spaces = columns.saturating_sub(fitted.width());
    fitted + &" ".repeat(spaces)
}

/// The screen's width in columns.
fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0))
}

fn clock_time(time: Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::fitted;

    #[test]
    fn every_text_takes_exactly_its_columns() {
        for text in
            ["", "short", "❌ kopi: CI failed on main", "⬆️ up", "日本語のとても長い題名です"]
        {
            for columns in [4, 11, 12, 13, 40] {
                assert_eq!(fitted(text, columns).width(), columns, "{text} in {columns}");
            }
        }
        assert_eq!(fitted("CI failed on main", 10), "CI failed…");
    }
}
