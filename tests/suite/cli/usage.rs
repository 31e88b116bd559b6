//! How are the commands asked, and how do they answer a person, a pipe and a wrong word?

use std::io::Write;
use std::process::{Command, Stdio};

use clap::CommandFactory;
use kabari::cli::Cli;

use super::{ROW, Said, furnish, home_alone, run};

/// Every command with those below it, as it is typed.
fn commands() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, path: &[String], all: &mut Vec<Vec<String>>) {
        all.push(path.to_vec());
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let path = [path, &[command.get_name().to_owned()]].concat();
            below(command, &path, all);
        }
    }
    let mut all = Vec::new();
    below(&Cli::command(), &[], &mut all);
    all
}

#[test]
fn every_command_explains_itself() {
    let home = home_alone();
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let said = Said::from(home.say(&words, "")).is(0);
        assert!(said.out.contains("Usage: kabari") && said.err.is_empty(), "{said:#?}");
        let first = said.out.lines().next().unwrap();
        let is_sentence = first.starts_with(char::is_uppercase) && !first.ends_with('.');
        assert!(is_sentence, "{command:?}: `{first}`");
        assert!(!said.out.contains("[default: [default"), "{said:#?}");
    }
}

#[test]
fn a_wrong_word_is_exit_2_with_the_right_ones() {
    let home = home_alone();
    for (words, remedy) in [
        (&["mesages"][..], "messages"),
        (&[][..], "Usage: kabari"),
        (&["messages"][..], "mark-sent"),
        (&["messages", "list", "--limit", "many"][..], "--limit"),
        (&["messages", "retry"][..], "--all"),
        (&["trigger", "github"][..], "<KIND>"),
        (&["send", "--message", "hello"][..], "--number"),
        (&["explain", "body.json", "--sample", "push"][..], "--sample"),
        (&["serve", "--listen", "here"][..], "--listen"),
        (&["completions", "tcsh"][..], "fish"),
    ] {
        Said::from(home.say(words, "")).is(2).says(&[remedy]);
    }
}

#[test]
fn each_shell_gets_a_script_that_knows_every_command() {
    let home = home_alone();
    for shell in ["bash", "zsh", "fish"] {
        let said = Said::from(home.say(&["completions", shell], "")).is(0);
        for word in ["serve", "messages", "mark-sent", "completions", "--public-url"] {
            let word = if shell == "fish" { word.trim_start_matches("--") } else { word };
            assert!(said.out.contains(word), "{shell}: {word}");
        }
        let Ok(mut child) = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn() else {
            continue;
        };
        child.stdin.take().unwrap().write_all(said.out.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{shell} cannot read it");
    }
}

#[tokio::test]
async fn the_rule_file_and_the_store_are_named_by_a_flag_a_variable_or_the_file() {
    let home = home_alone();
    furnish(&home, &[ROW]).await;
    let listed = |home: &crate::support::kabari::Home, words: &[&str]| {
        Said::from(home.say(&[&["messages", "list"], words].concat(), "")).is(0).out
    };
    let line = listed(&home, &["--rules", "rules.yaml"]);
    assert!(line.contains(&ROW.id()), "the store stands beside the rule file: {line}");
    assert_eq!(listed(&home, &[]), line, "rules.yaml of this folder");
    let (rules, store) = (home.path("rules.yaml"), home.store());
    let away = home_alone();
    std::fs::remove_file(away.path("rules.yaml")).unwrap();
    let rules = rules.to_str().unwrap();
    assert_eq!(listed(&away, &["--rules", rules]), line);
    assert_eq!(listed(&away, &["--store", &store]), line, "the store alone needs no rule file");
    let before = ["messages", "--store", store.as_str(), "list"];
    assert_eq!(Said::from(away.say(&before, "")).is(0).out, line);
    let away = away.variable("KABARI_STORE", &store);
    assert_eq!(listed(&away, &[]), line);
    let other = home_alone().variable("KABARI_RULES", rules);
    assert_eq!(listed(&other, &[]), line);
    let nowhere = home_alone().variable("KABARI_STORE", "sqlite://none.db");
    let said = Said::from(nowhere.say(&["messages", "list"], "")).is(1);
    said.says(&["no store at none.db"]);
}

#[tokio::test]
async fn a_terminal_gets_a_header_and_colour_unless_nobody_wants_it() {
    let home = home_alone();
    furnish(&home, &[ROW]).await;
    let show = format!("messages show {}", ROW.id());
    let Some(shown) = home.on_terminal(&show) else { return };
    assert!(shown.contains('\u{1b}'), "colour on a terminal: {shown:?}");
    let listed = home.on_terminal("messages list").unwrap();
    assert!(listed.contains("phone") && listed.contains("state"), "a header: {listed:?}");
    let plain = home.variable("NO_COLOR", "1");
    let shown = plain.on_terminal(&show).unwrap();
    assert!(shown.contains("sent") && !shown.contains('\u{1b}'), "NO_COLOR: {shown:?}");
    let piped = run(&plain, &["messages", "list"]).is(0);
    assert!(!piped.out.contains("phone"), "no header to a pipe: {piped:#?}");
}

#[tokio::test]
async fn whoever_has_read_enough_of_a_list_may_go() {
    let home = home_alone();
    // More than the 64 KiB that a pipe holds.
    let rows: Vec<_> = (1..=400).map(|n| super::Row { n, ..ROW }).collect();
    furnish(&home, &rows).await;
    let line = "\"$KABARI\" messages list --json | head -c 1; echo \" ${PIPESTATUS[0]}\"";
    let output = Command::new("bash")
        .args(["-c", line])
        .env("KABARI", env!("CARGO_BIN_EXE_kabari"))
        .current_dir(home.path(""))
        .output();
    let said = Said::from(output.unwrap()).is(0);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("[ 0\n", ""));
}
