//! Does the demo show the main job?

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_demo_needs_nothing_and_shows_both_main_uses_a_duplicate_and_a_forgery() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kabari"))
        .args(["demo", "--once"])
        .current_dir(&empty)
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines = |words: [&str; 2]| {
        let has = |line: &&str| words.iter().all(|word| line.contains(word));
        text.lines().filter(has).count()
    };
    assert_eq!(lines(["in   github", "workflow_run.completed"]), 1, "{text}");
    assert_eq!(lines(["in   stripe", "invoice.paid "]), 3, "{text}");
    assert_eq!(lines(["same event again", "nothing sent"]), 1, "{text}");
    assert_eq!(lines(["one byte changed", "401"]), 1, "{text}");
    assert_eq!(lines(["out  +62812••••7890", "Invoice-"]), 1, "{text}");
    assert!(text.trim_end().lines().last().unwrap().contains(" sent, 1 duplicate, 1 refused."));
    assert!(!text.contains('\u{1b}'), "no colours to a pipe");
    assert!(!text.contains("6281234567890"), "no whole number");
    let left: Vec<_> = std::fs::read_dir(&empty).unwrap().collect();
    assert!(left.is_empty(), "nothing is left in the directory: {left:?}");
}

#[test]
fn the_demo_stays_until_ctrl_c_and_whoever_ends_it_early_is_told_so() {
    let empty = tempfile::tempdir().unwrap();
    for (speed, until, code) in [("40", "Next:", 0), ("1", "in   github", 1)] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_kabari"))
            .args(["demo", "--speed", speed])
            .current_dir(&empty)
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.contains(until)).expect("it gets there");
        let pid = demo.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let rest = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(demo.wait().unwrap().code(), Some(code), "{rest}");
        assert_eq!(rest.contains("stopped before the end"), code == 1, "{rest}");
    }
}
