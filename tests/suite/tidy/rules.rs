//! What does the house ask of a file? Each question gives the list of those that do not answer it.

use super::source::File;

/// Who may import whom. One row a room, in reading order; a room may always import itself.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("secret", &[]),
    ("bubble", &[]),
    ("clock", WORDS),
    ("telemetry", WORDS),
    ("http", WORDS),
    ("verify", WORDS),
    ("expr", &["model", "secret", "bubble", "verify"]),
    ("sources", &["model", "secret", "bubble", "verify", "expr"]),
    ("rules", &["model", "secret", "bubble", "verify", "expr", "sources"]),
    ("render", &["model", "secret", "bubble", "verify", "expr", "sources", "rules"]),
    ("pipeline", &["model", "secret", "bubble", "verify", "expr", "sources", "rules", "render"]),
    ("store", WORDS_AND_SENSES),
    ("wachat", WORDS_AND_SENSES),
    ("media", WORDS_AND_SENSES),
    ("alerts", WORDS_AND_SENSES),
    ("receive", THINKING_AND_STORE),
    ("gather", THINKING_AND_STORE),
    ("reconcile", THINKING_AND_STORE),
    (
        "dispatch",
        &["model", "secret", "bubble", "clock", "telemetry", "http", "store", "wachat", "media"],
    ),
    ("sandbox", &["model", "secret", "bubble", "clock", "telemetry", "http", "wachat", "media"]),
    (
        "admin",
        &[
            "model",
            "secret",
            "bubble",
            "clock",
            "telemetry",
            "http",
            "verify",
            "expr",
            "sources",
            "rules",
            "render",
            "pipeline",
            "store",
            "media",
        ],
    ),
    ("config", BELOW_CONFIG),
    ("app", ALL_BUT_DOORS),
    ("cli", EVERYTHING),
    ("main", EVERYTHING),
];

/// Every room but `main`, in reading order.
const ROOMS: &[&str] = &[
    "model",
    "secret",
    "bubble",
    "clock",
    "telemetry",
    "http",
    "verify",
    "expr",
    "sources",
    "rules",
    "render",
    "pipeline",
    "store",
    "wachat",
    "media",
    "alerts",
    "receive",
    "gather",
    "reconcile",
    "dispatch",
    "sandbox",
    "admin",
    "config",
    "app",
    "cli",
];
const WORDS: &[&str] = up_to("bubble");
const WORDS_AND_SENSES: &[&str] = up_to("http");
const THINKING_AND_STORE: &[&str] = up_to("store");
const BELOW_CONFIG: &[&str] = up_to("admin");
const ALL_BUT_DOORS: &[&str] = up_to("config");
const EVERYTHING: &[&str] = ROOMS;

/// The rooms from the first to this one. A name that is none does not compile.
const fn up_to(last: &str) -> &'static [&'static str] {
    let mut rooms = 1;
    while !are_same(ROOMS[rooms - 1].as_bytes(), last.as_bytes()) {
        rooms += 1;
    }
    ROOMS.split_at(rooms).0
}

const fn are_same(a: &[u8], b: &[u8]) -> bool {
    let mut place = 0;
    while place < a.len() && place < b.len() && a[place] == b[place] {
        place += 1;
    }
    place == a.len() && place == b.len()
}

/// The rooms that only think.
const THINKING: &[&str] = &["verify", "expr", "sources", "rules", "render", "pipeline"];

/// Words of code that only some rooms may know.
const BUSINESS: &[(&[&str], &[&str])] = &[
    (&["axum"], &["http", "receive", "admin", "sandbox", "telemetry", "media"]),
    (&["rusqlite"], &["store"]),
    (&["println!", "eprintln!", "print!", "eprint!"], &["cli"]),
];

/// What a room that only thinks has no use for.
const NOT_THINKING: &[&str] =
    &["tokio", "reqwest", "std::fs", "std::net", "std::env", "std::process", "std::thread"];

/// How SQL begins, in a text.
const SQL: &[&str] = &["SELECT ", "INSERT ", "DELETE FROM", "CREATE TABLE", "PRAGMA ", "UPDATE "];

/// Lines that a file may have, its unit tests included.
const LINES_MAX: usize = 400;

/// Names that tell nothing.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "misc", "shared", "types", "base"];

pub(super) fn opens_with_docs(files: &[File]) -> Vec<String> {
    let silent = files.iter().filter(|file| {
        let first = file.text.lines().next().unwrap_or("");
        first.strip_prefix("//! ").is_none_or(|rest| rest.trim().is_empty())
    });
    silent
        .map(|file| format!("{}: does not open with `//! ` and its question", file.path))
        .collect()
}

pub(super) fn imports(files: &[File]) -> Vec<String> {
    let rooms: Vec<&str> = TABLE.iter().map(|(room, _)| *room).collect();
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.room() != "lib") {
        let Some((room, allowed)) = TABLE.iter().find(|(room, _)| *room == file.room()) else {
            complaints.push(format!("{}: `{}` is in no row of the table", file.path, file.room()));
            continue;
        };
        for (line, name) in file.imports(&rooms) {
            if !allowed.contains(&&*name) {
                complaints.push(format!("{}:{line}: {room} may not import {name}", file.path));
            }
        }
    }
    complaints
}

pub(super) fn reading_order(files: &[File]) -> Vec<String> {
    let order = declarations(files);
    let rooms: Vec<&str> = order.iter().map(String::as_str).collect();
    let place = |room: &str| rooms.iter().position(|other| *other == room);
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.room() != "lib") {
        let Some(own) = place(file.room()) else { continue };
        for (line, name) in file.imports(&rooms) {
            if place(&name) > Some(own) {
                complaints.push(format!(
                    "{}:{line}: {} comes before {name} in lib.rs and imports it",
                    file.path,
                    file.room()
                ));
            }
        }
    }
    complaints
}

pub(super) fn declared(files: &[File]) -> Vec<String> {
    let declared = declarations(files);
    let mut rooms: Vec<&str> = files.iter().map(File::room).collect();
    rooms.dedup();
    rooms.retain(|room| !["lib", "main"].contains(room) && !declared.iter().any(|d| d == room));
    rooms.iter().map(|room| format!("lib.rs: does not declare `pub mod {room};`")).collect()
}

/// The modules in lib.rs, in its order.
fn declarations(files: &[File]) -> Vec<String> {
    let Some(lib) = files.iter().find(|file| file.path == "lib.rs") else { return Vec::new() };
    let lines = lib.code.lines().filter_map(|line| line.trim().strip_prefix("pub mod "));
    lines.filter_map(|line| line.strip_suffix(';')).map(str::to_owned).collect()
}

pub(super) fn business(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (words, rooms) in BUSINESS.iter().filter(|(_, rooms)| !rooms.contains(&file.room())) {
            for word in *words {
                for line in file.lines_with_word(word) {
                    complaints.push(format!("{}:{line}: only {rooms:?} know `{word}`", file.path));
                }
            }
        }
        if THINKING.contains(&file.room()) {
            for word in NOT_THINKING {
                for line in file.lines_with_word(word) {
                    let room = file.room();
                    complaints.push(format!("{}:{line}: {room} only thinks: {word}", file.path));
                }
            }
        }
        let sql = file.literals.iter().find(|text| {
            SQL.iter().any(|verb| text.trim_start().starts_with(verb)) && text.len() > 10
        });
        if let Some(sql) = sql.filter(|_| file.room() != "store") {
            complaints.push(format!("{}: only store contains SQL: {sql:?}", file.path));
        }
    }
    complaints
}

pub(super) fn leftovers(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            for word in ["TODO", "FIXME", "XXX", "dbg!(", "todo!(", "unimplemented!("] {
                if line.contains(word) {
                    complaints.push(format!("{}:{}: {word}", file.path, number + 1));
                }
            }
        }
    }
    complaints
}

pub(super) fn sizes_and_names(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            complaints.push(format!("{}: {lines} lines, at most {LINES_MAX}", file.path));
        }
        for name in file.path.split('/').map(|part| part.trim_end_matches(".rs")) {
            if EMPTY_NAMES.contains(&name) {
                complaints.push(format!("{}: `{name}` tells nothing", file.path));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File::new(path, text)
    }

    #[track_caller]
    fn complains(complaints: &[String], part: &str) {
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains(part), "{complaints:?}");
    }

    #[test]
    fn a_file_without_a_question_is_found() {
        let files = [file("a.rs", "//! Why?"), file("b.rs", "use x;"), file("c.rs", "//! ")];
        assert_eq!(opens_with_docs(&files).len(), 2);
    }

    #[test]
    fn a_story_that_imports_another_is_found() {
        let fine = file("dispatch/mod.rs", "use crate::{model::Event, store::Store, wachat};");
        assert!(imports(&[fine]).is_empty());
        let wrong = "use crate::model;\nuse crate::{clock,\n  receive::x};";
        complains(&imports(&[file("dispatch/lane.rs", wrong)]), "dispatch/lane.rs:2: dispatch may");
        complains(&imports(&[file("verify/a.rs", "fn f() { crate::clock::now() }")]), "clock");
        complains(&imports(&[file("rules/mod.rs", "use super::store;")]), "store");
        complains(&imports(&[file("attic/mod.rs", "")]), "no row");
    }

    #[test]
    fn an_import_down_the_list_is_found() {
        let lib = || file("lib.rs", "pub mod model;\npub mod store;\npub mod app;");
        assert!(reading_order(&[lib(), file("app.rs", "use crate::store;")]).is_empty());
        complains(&reading_order(&[lib(), file("store/mod.rs", "use crate::app;")]), "before app");
        complains(&declared(&[lib(), file("cli/mod.rs", "")]), "pub mod cli;");
    }

    #[test]
    fn what_is_not_a_rooms_business_is_found() {
        complains(&business(&[file("rules/a.rs", "use axum::Router;")]), "`axum`");
        complains(&business(&[file("app.rs", "println!(\"\")")]), "`println!`");
        complains(&business(&[file("admin/a.rs", "f(\"SELECT id FROM x\")")]), "SQL");
        complains(&business(&[file("render/a.rs", "std::fs::read(x)")]), "only thinks");
        let fine = "//! SELECT x FROM y, println!\nuse axum_server; /// axum\nfn f() {}";
        assert!(business(&[file("app.rs", fine)]).is_empty());
    }

    #[test]
    fn leftovers_long_files_and_empty_names_are_found() {
        complains(&leftovers(&[file("a.rs", "//! a\n// TODO: b")]), "a.rs:2");
        complains(&sizes_and_names(&[file("a.rs", &"x\n".repeat(401))]), "401 lines");
        let tested = "x\n".repeat(300) + "#[cfg(test)]\nmod tests {\n" + &"x\n".repeat(99);
        complains(&sizes_and_names(&[file("a.rs", &tested)]), "401 lines");
        assert!(sizes_and_names(&[file("a.rs", &"x\n".repeat(400))]).is_empty());
        complains(&sizes_and_names(&[file("store/utils.rs", "")]), "utils");
    }
}
