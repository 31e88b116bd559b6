//! What tests share: a Wachat world, a running kabari, a browser, signing libraries.

mod answer;
pub(crate) mod browser;
pub(crate) mod cost;
pub(crate) mod kabari;
mod log;
pub(crate) mod port;
pub(crate) mod signer;
pub(crate) mod world;

/// Says loudly that something could not be tested here, and why; in CI that is a failure.
///
/// The test then returns: `./test` prints what was collected in the file that it names.
pub(crate) fn skip(what: &str) {
    eprintln!("SKIPPED: {what}");
    tell("KABARI_SKIPPED", what);
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped in CI: {what}");
}

/// Says a figure that a test measured, also when it passes: `./test` prints them at its end.
pub(crate) fn figure(what: &str) {
    println!("{what}");
    tell("KABARI_FIGURES", what);
}

/// Adds a line to the file that `./test` names.
fn tell(variable: &str, line: &str) {
    if let Some(path) = std::env::var_os(variable) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        std::io::Write::write_all(&mut file.unwrap(), format!("{line}\n").as_bytes()).unwrap();
    }
}

/// A time zone in which it is between noon and one o'clock now: a test that begins now does not see
/// midnight there, after which all caps are fresh.
pub(crate) fn zone_at_noon() -> String {
    let hour = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    // The sign of these names is the other one: `Etc/GMT-7` is seven hours ahead.
    format!("Etc/GMT{:+}", hour - 12)
}

/// Lets somebody listen to the log all the time. With one listener alone, whoever comes first to a
/// place that logs decides whether it is listened to, and that may be a test without one.
pub(crate) fn listen() {
    static LISTENS: std::sync::LazyLock<tracing::Dispatch> =
        std::sync::LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));
    std::sync::LazyLock::force(&LISTENS);
}

/// Whether the long figures were asked for: `./test --long`.
pub(crate) fn long() -> bool {
    std::env::var("KABARI_LONG").as_deref() == Ok("1")
}
