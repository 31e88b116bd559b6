//! What does a real browser make of a page?

use std::process::Command;

use super::skip;

/// The page as the browser has built it when it is loaded, or the virtual time is over; `None`
/// where there is no browser, which is said. It gets a minute.
pub(crate) async fn dom(url: String, virtual_time_ms: Option<u32>) -> Option<String> {
    let look = tokio::task::spawn_blocking(move || {
        let profile = tempfile::tempdir().expect("a directory");
        let mut browser = Command::new("timeout");
        browser.args(["-k", "5", "60", "chromium", "--headless", "--no-sandbox", "--disable-gpu"]);
        browser.args(["--disable-quic", "--no-first-run", "--disable-background-networking"]);
        browser.args(["--disable-component-update", "--disable-sync", "--hide-scrollbars"]);
        browser.arg(format!("--user-data-dir={}", profile.path().display()));
        browser.args(virtual_time_ms.map(|ms| format!("--virtual-time-budget={ms}")));
        browser.args(["--dump-dom", &url]).output()
    });
    // 127 is `timeout` saying that there is no such program.
    match look.await.expect("a look") {
        Ok(output) if output.status.code() != Some(127) => {
            assert!(output.status.success(), "{output:?}");
            Some(String::from_utf8(output.stdout).expect("text"))
        }
        _ => {
            skip("no browser looked at the pages: chromium is missing");
            None
        }
    }
}
