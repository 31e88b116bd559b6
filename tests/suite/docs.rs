//! Is what users copy true?

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
        // Without its remark, and without the file that its output goes to.
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.split(" >").next().unwrap_or_default().trim();
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

#[test]
fn who_has_no_rule_file_is_told_how_to_get_one() {
    let place = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| {
        let output = kabari(args, place.path());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
    };
    for args in [&["check"][..], &["serve"], &["test"], &["send", "--number", "1"]] {
        let said = said(args);
        assert!(said.contains("`kabari demo --print-rules > rules.yaml`"), "{args:?}: {said}");
    }
    let printed = kabari(&["demo", "--print-rules"], place.path());
    assert_eq!(printed.stdout, std::fs::read(root().join("rules.yaml")).unwrap());
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A place where the README is followed, with the sandbox instead of Wachat.
struct Reader {
    place: tempfile::TempDir,
    variables: Vec<(String, String)>,
    _sandbox: Running,
}

impl Reader {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With more words for the sandbox.
    fn with(words: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut sandbox = Command::new(env!("CARGO_BIN_EXE_kabari"));
        sandbox.args(["sandbox", "--listen", "127.0.0.1:0", "--speed", "50"]).args(words);
        let mut sandbox = Running(sandbox.stdout(Stdio::piped()).spawn().unwrap());
        let printed = BufReader::new(sandbox.0.stdout.take().unwrap());
        // What it prints for the rule file is put there as it is.
        let lines = printed.lines().map(Result::unwrap).skip_while(|line| line != "wachat:");
        let base: Vec<_> = lines.take_while(|line| !line.contains("Ctrl-C")).collect();
        let base = base.join("\n");
        let server = format!(
            "server: {{ listen: 127.0.0.1:{}, admin: 127.0.0.1:{} }}\n",
            free_port(),
            free_port()
        );
        let rules = std::fs::read_to_string(root().join("rules.yaml")).unwrap();
        let rules = rules.replacen("wachat:\n", &(server + &base), 1);
        std::fs::write(place.path().join("rules.yaml"), rules).unwrap();
        Self { place, variables: Vec::new(), _sandbox: sandbox }
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kabari"));
        command.args(words).current_dir(&self.place).env_clear();
        command.envs(self.variables.iter().cloned());
        command
    }

    fn run(&self, line: &str) -> (Option<i32>, String) {
        let output = self.command(&shell_words(line)).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    }
}

/// The variables of the file that this script of the README writes.
fn variables_of(script: &str, place: &Path) -> Vec<(String, String)> {
    // Where there is no openssl, its part is played by a word.
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    let word = "echo 0123456789abcdef0123456789abcdef";
    let script =
        if has_openssl { script.to_owned() } else { script.replace("openssl rand -hex 32", word) };
    let mut shell = Command::new("sh");
    shell.args(["-euc", &script]).current_dir(place).env("WACHAT_TOKEN", "0123456789abcdef");
    assert!(shell.status().unwrap().success(), "{script}");
    let file = place.join("kabari.env");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(file).unwrap();
    let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    text.lines().filter_map(pair).collect()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_first_message_of_the_readme_needs_the_token_alone() {
    let mut reader = Reader::new();
    let readme = readme();
    let line = readme.lines().find_map(|line| line.trim().strip_prefix("kabari send ")).unwrap();
    let line = format!("send {line}");
    let (code, said) = reader.run(&line);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Not set here: WACHAT_TOKEN."), "{said}");
    assert!(!said.contains("STRIPE_WEBHOOK_SECRET` is not set"), "{said}");
    reader.variables = vec![("WACHAT_TOKEN".to_owned(), "0123456789abcdef".to_owned())];
    let (code, said) = reader.run(&line);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("sent to 62812••••7890"), "{said}");
}

#[test]
fn a_message_that_is_refused_says_what_to_do() {
    for (fault, remedy) in [
        ("unknown-instance", "wachat.instance"),
        ("disconnect", "Connect the session at Wachat"),
        ("unknown-number", "Is the number on WhatsApp"),
        ("dispatch-then-504", "look at the phone before you retry"),
    ] {
        let mut reader = Reader::with(&["--fail", fault]);
        reader.variables = vec![("WACHAT_TOKEN".to_owned(), "0123456789abcdef".to_owned())];
        let (code, said) = reader.run("send --number 081234567890 --message Hello");
        assert_eq!(code, Some(1), "{fault}: {said}");
        assert!(said.contains(remedy), "{fault}: {said}");
    }
}

#[test]
fn who_follows_the_readme_to_the_letter_gets_there() {
    let mut reader = Reader::new();
    let readme = readme();
    let steps = readme.split("## Your first real message").nth(1).unwrap();
    let steps = steps.split("\n## ").next().unwrap();
    let scripts = blocks(steps, "sh");
    let secrets = scripts.iter().find(|script| script.contains("kabari.env")).unwrap();
    reader.variables = variables_of(secrets, reader.place.path());
    assert_eq!(reader.variables.len(), 3);
    let mut serve = None;
    let mut seen = Vec::new();
    for line in scripts.iter().flat_map(|block| block.lines()) {
        let Some(line) = line.strip_prefix("kabari ") else { continue };
        seen.push(line.split(' ').next().unwrap().to_owned());
        if line == "serve" {
            let mut serving = reader.command(&shell_words("serve --log json"));
            let mut running = Running(serving.stderr(Stdio::piped()).spawn().unwrap());
            let log = BufReader::new(running.0.stderr.take().unwrap());
            let mut log = log.lines().map(Result::unwrap);
            log.find(|line| line.contains("kabari is ready")).expect("it starts");
            serve = Some((running, log));
            continue;
        }
        let (code, said) = reader.run(line);
        assert_eq!(code, Some(0), "kabari {line}: {said}");
    }
    assert_eq!(seen, ["send", "check", "test", "explain", "serve", "trigger", "messages"]);
    let (_running, mut log) = serve.unwrap();
    let sent = |line: &String| line.contains("ci-failed") && line.contains(r#""state":"sent""#);
    log.find(sent).expect("the message is sent");
}

#[test]
fn who_writes_rules_by_the_readme_gets_what_it_says() {
    let reader = Reader::new();
    let readme = readme();
    let part = readme.split("### For who writes rules").nth(1).unwrap();
    let scripts = blocks(part.split("\n## ").next().unwrap(), "sh");
    let program = Path::new(env!("CARGO_BIN_EXE_kabari"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let said: Vec<String> = scripts
        .iter()
        .map(|script| {
            let mut shell = Command::new("sh");
            shell.args(["-euc", script]).current_dir(&reader.place).env_clear();
            let output = shell.env("PATH", &path).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{script}{said}{complaint}");
            said
        })
        .collect();
    assert_eq!(said.len(), 5);
    assert!(said[0].contains("midtrans"), "{}", said[0]);
    assert!(said[1].contains("would be sent"), "{}", said[1]);
    assert!(said[2].contains("rules reached"), "{}", said[2]);
    assert!(said[3].contains("+0 −0 ~0"), "{}", said[3]);
    assert!(reader.place.path().join("rules.schema.json").is_file());
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
