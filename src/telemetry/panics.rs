//! How is a bug seen that made kabari panic? As one log line that says where, not what.
//!
//! The text of a panic may quote what was sent, so only a text that stands in the program as it is
//! gets into the log.

use std::panic::{self, Location, PanicHookInfo};

/// What stands in the log instead of a text that was put together.
const NOT_SHOWN: &str = "(its text is not shown: it may quote a message)";

/// From now on a panic is one log line instead of lines on standard error.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(tell));
}

fn tell(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = info.location().map(Location::to_string).unwrap_or_default();
    let what = info.payload().downcast_ref::<&'static str>().unwrap_or(&NOT_SHOWN);
    tracing::error!(
        target: "kabari::panic", thread, place, what,
        "kabari panicked at {place}: this is a bug, please report it"
    );
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::telemetry::{Format, init};

    /// Tells the test's own process, started again, that it is to panic.
    const PANICS: &str = "KABARI_TEST_PANICS";

    #[test]
    fn a_panic_is_one_line_with_its_place_and_no_foreign_text() {
        if std::env::var_os(PANICS).is_some() {
            let _logging = init(Format::Json, None).unwrap();
            let foreign = std::env::var(PANICS).unwrap();
            let first = std::thread::Builder::new().name("first".into());
            let _ = first.spawn(move || panic!("no {foreign}")).unwrap().join();
            let _ = std::thread::spawn(|| panic!("a plain text")).join();
            return;
        }
        let name =
            "telemetry::panics::tests::a_panic_is_one_line_with_its_place_and_no_foreign_text";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(PANICS, "customer's words")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<serde_json::Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines[0]["place"].as_str().unwrap().contains("panics.rs:"), "{said}");
        assert_eq!((&lines[0]["thread"], &lines[0]["level"]), (&"first".into(), &"ERROR".into()));
        assert_eq!(lines[1]["what"], "a plain text");
        assert!(!said.contains("customer's words"), "{said}");
    }
}
