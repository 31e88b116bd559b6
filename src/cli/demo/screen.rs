//! What does the demo show in the terminal?

use std::collections::HashMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use owo_colors::OwoColorize;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::play::Tally;
use crate::clock;
use crate::sandbox::{Change, Dispatched, Outbox, Request, RequestState};

/// How many characters of a text are shown.
const TEXT_WIDTH: usize = 48;

/// Says what this is and where to look.
pub(super) fn opening(phone: SocketAddr, dashboard: SocketAddr) {
    anstream::println!(
        "{} no account, no network; nothing leaves this machine",
        "kabari demo:".bold()
    );
    anstream::println!("  phone      {}   what people would see", format!("http://{phone}").cyan());
    let dashboard = format!("http://{dashboard}");
    anstream::println!("  dashboard  {}   what kabari is doing\n", dashboard.cyan());
}

/// A webhook came in.
pub(super) fn line_in(source: &str, kind: &str, what: &str) {
    anstream::println!("{}  in   {source:<7} {kind:<31} {what}", clock_time(clock::now()).dimmed());
}

/// Counts, and what to do next. With `once`, the summary is the last line.
pub(super) fn closing(tally: &Tally, once: bool) {
    let summary =
        format!("{} sent, {} duplicate, {} refused.", tally.sent, tally.duplicates, tally.refused);
    let explained = "\"sent\" = accepted by the make-believe Wachat.";
    let missing = tally.made - tally.sent.min(tally.made);
    if missing > 0 {
        anstream::println!("\n{}", format!("{missing} did not arrive").red());
    }
    anstream::println!("\n{} {explained}", summary.bold());
    if !once {
        anstream::println!(
            "Next:  open the phone page · copy rules.yaml and make it yours · Ctrl-C ends the demo"
        );
    }
}

/// Prints each message when it arrives at the sandbox.
pub(super) struct Printer {
    task: JoinHandle<()>,
    stop: CancellationToken,
    outbox: Outbox,
}

impl Printer {
    /// Prints from now on.
    pub(super) fn start(outbox: Outbox) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(print_arrivals(outbox.clone(), stop.clone()));
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

async fn print_arrivals(outbox: Outbox, stop: CancellationToken) {
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
                anstream::println!("{}", arrival(&message, began.get(&message.request).copied()));
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn arrival(message: &Dispatched, began: Option<Timestamp>) -> String {
    let seconds = began.map_or(0.0, |began| message.at.duration_since(began).as_secs_f64());
    let mut what = message.file_name.clone().unwrap_or_default();
    if let (false, Some(media)) = (what.is_empty(), &message.media) {
        what = format!("{what}  {} KB", media.size.div_ceil(1024));
    }
    if what.is_empty() {
        what = first_line(message.message.as_deref().unwrap_or_default());
    }
    format!(
        "{}  out  {:<18} {:<9} {what:<TEXT_WIDTH$} {}",
        clock_time(message.at).dimmed(),
        message.to.name,
        message.kind.as_str(),
        format!("sent  {seconds:.1} s").green()
    )
}

fn failure(request: &Request) -> Option<String> {
    let failed = request.state != RequestState::Waiting && request.dispatched == 0;
    let why = request.reason.clone().unwrap_or_default();
    failed.then(|| format!("{}  out  {} {why}", clock_time(request.at).dimmed(), "failed".red()))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= TEXT_WIDTH {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(TEXT_WIDTH - 1).collect();
    short.push('…');
    short
}

fn clock_time(time: Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}
