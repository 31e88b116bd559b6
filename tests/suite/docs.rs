//! Is what users copy true?

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use kabari::cli::Cli;
use kabari::config::{LoadOptions, load_text};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of one language, without their indentation.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match &mut open {
            Some((_, block)) if line.trim() == "```" => {
                blocks.push(std::mem::take(block));
                open = None;
            }
            Some((indent, block)) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
            None if line.trim() == format!("```{language}") => open = Some((indent, String::new())),
            None => {}
        }
    }
    blocks
}

#[test]
fn every_kabari_command_in_the_readme_is_one() {
    let mut seen = 0;
    for line in blocks(&readme(), "sh").iter().flat_map(|block| block.lines()) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("kabari ") else { continue };
        let words = shell_words(rest);
        let result = Cli::try_parse_from(std::iter::once("kabari".to_owned()).chain(words));
        assert!(result.is_ok(), "`{line}`: {}", result.unwrap_err());
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} commands found: has the README's form changed?");
}

#[test]
fn every_subcommand_that_the_readme_names_in_a_sentence_is_one() {
    let text = readme();
    for (start, _) in text.match_indices("`kabari ") {
        let command = text[start + 1..].split('`').next().unwrap();
        let word = command.split_whitespace().nth(1).unwrap();
        let result = Cli::try_parse_from(["kabari", word, "--help"]);
        let kind = result.unwrap_err().kind();
        assert_eq!(kind, clap::error::ErrorKind::DisplayHelp, "`{command}`");
    }
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let text = readme();
    let links = text.match_indices("](").map(|(at, _)| text[at + 2..].split(')').next().unwrap());
    let quoted = text.split('`').skip(1).step_by(2).filter(|word| {
        let first = word.split('/').next().unwrap_or_default();
        ["src", "tests", "deploy", "benches"].contains(&first) || *word == "rules.yaml"
    });
    let mut seen = 0;
    for path in links.filter(|link| !link.starts_with("http")).chain(quoted) {
        assert!(root().join(path).exists(), "the README names {path}");
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} files found: has the README's form changed?");
}

#[test]
fn every_piece_of_a_rule_file_in_the_readme_loads() {
    let pieces = blocks(&readme(), "yaml");
    assert!(pieces.len() >= 2);
    for piece in pieces {
        let mut file = "wachat: { token: t, instance: i }\n".to_owned();
        if piece.starts_with("rules:") {
            file += "sources: { stripe: { secret: 0123456789abcdef0123456789abcdef } }\n";
        } else {
            file += "rules: []\n";
        }
        file += &piece;
        let variable = |_: &str| Some("0123456789abcdef0123456789abcdef".to_owned());
        let options = LoadOptions { lenient: false, variable: &variable };
        if let Err(report) = load_text(root().join("readme.yaml"), file, &options) {
            panic!("{}", report.render(false));
        }
    }
}

#[test]
fn the_shipped_rule_file_loads_without_a_warning_and_its_own_tests_pass() {
    let output = kabari(&["test", "--rules", "rules.yaml"], &root());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(" passed, 0 failed") && !text.contains("\n0 passed"), "{text}");
    let check = Command::new(env!("CARGO_BIN_EXE_kabari"))
        .args(["check", "--rules", "rules.yaml", "--format", "json"])
        .envs([("WACHAT_TOKEN", "t"), ("GITHUB_WEBHOOK_SECRET", "0123456789abcdef0123")])
        .env("STRIPE_WEBHOOK_SECRET", "whsec_0123456789abcdef")
        .current_dir(root())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&check.stdout).trim(), "[]");
}

fn kabari(args: &[&str], place: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_kabari")).args(args).current_dir(place).output().unwrap()
}

/// Words as a shell splits them, as far as the README needs it: double quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
