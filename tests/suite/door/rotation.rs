//! Is one warned before a secret ends, at a clock that is handed in?

use std::path::PathBuf;

use kabari::config::{LoadOptions, load_text_at};

const FILE: &str = "
wachat: { token: \"${TOKEN}\", instance: jakarta }
sources:
  github:
    secrets:
      - { secret: \"${NEW}\", from: 2026-12-01 }
      - { secret: \"${OLD}\", until: 2026-12-08 }
rules: []
";

/// What `check` warns of on this day: place, code and path.
fn warned(text: &str, day: &str) -> Vec<String> {
    let variable = |_: &str| Some("a-secret-of-many-characters".to_owned());
    let options = LoadOptions { lenient: true, variable: &variable };
    let now = format!("{day}T12:00:00Z").parse().expect("a time");
    let path = PathBuf::from("rules.yaml");
    let loaded = load_text_at(path, text.to_owned(), &options, now).expect("it loads");
    let problems = loaded.warnings;
    assert!(problems.problems().iter().all(|it| it.help.is_some()));
    let told = |it: &kabari::config::Problem| {
        format!("{}:{} {} {}: {}", it.line, it.column, it.code, it.path, it.message)
    };
    problems.problems().iter().map(told).collect()
}

#[test]
fn check_warns_two_weeks_before_a_secret_ends_and_after_it_has() {
    assert_eq!(warned(FILE, "2026-11-20"), [""; 0]);
    let at = "7:9 secret-ends sources.github.secrets[1]: this secret counts";
    let soon = format!("{at} until 2026-12-08T00:00:00Z, 7 days from now");
    assert_eq!(warned(FILE, "2026-11-30"), [soon]);
    assert_eq!(warned(FILE, "2027-01-01"), [format!("{at} no more since 2026-12-08T00:00:00Z")]);
}

#[test]
fn check_warns_of_a_source_of_which_no_secret_counts_now() {
    let only_new = FILE.replace("      - { secret: \"${OLD}\", until: 2026-12-08 }\n", "");
    let none = "5:5 no-secret-now sources.github.secrets: none of the secrets counts before \
                2026-12-01T00:00:00Z: all is refused";
    assert_eq!(warned(&only_new, "2026-11-30"), [none]);
    assert_eq!(warned(&only_new, "2026-12-01"), [""; 0]);
}
