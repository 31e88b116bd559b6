//! What does a source file say, its comments and texts aside?

/// A file, of `src` or another folder.
#[derive(Clone)]
pub(super) struct File {
    /// Its path below that folder, with `/`.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
    /// Without comments, with empty texts, and without the unit tests at its end.
    pub(super) code: String,
    /// The texts in the code.
    pub(super) literals: Vec<String>,
}

impl File {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (code, literals) = scrub(without_tests(text));
        Self { path: path.to_owned(), text: text.to_owned(), code, literals }
    }

    /// The top-level module that it belongs to: `verify` for `verify/hmac.rs`.
    pub(super) fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or(&self.path);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super::` lead from its top level to the crate's: 1 for `verify/mod.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("mod.rs") { parts - 1 } else { parts }
    }

    /// The top-level modules that its code names, each with its line.
    pub(super) fn imports(&self, rooms: &[&str]) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for root in ["crate", "kabari"] {
            for (at, after) in paths_from(&self.code, root) {
                found.extend(first_names(after).into_iter().map(|name| (at, name)));
            }
        }
        let climb = "super::".repeat(self.depth());
        for (at, after) in paths_from(&self.code, climb.trim_end_matches(':')) {
            let names = first_names(after).into_iter().filter(|name| rooms.contains(&&**name));
            found.extend(names.map(|name| (at, name)));
        }
        found.retain(|(_, name)| name != self.room() && rooms.contains(&&**name));
        found.into_iter().map(|(at, name)| (self.line(at), name)).collect()
    }

    /// The lines on which a word stands in the code.
    pub(super) fn lines_with_word(&self, word: &str) -> Vec<usize> {
        words_at(&self.code, word).map(|at| self.line(at)).collect()
    }

    /// The line, from 1, of an offset in the code.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// The text before the unit tests.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..=at])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands by itself.
fn words_at<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !code[..at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word)
    })
}

/// Each `root::` that starts a path, with what follows it.
fn paths_from<'a>(code: &'a str, root: &'a str) -> impl Iterator<Item = (usize, &'a str)> + 'a {
    words_at(code, root).filter_map(move |at| {
        let starts = !code[..at].ends_with("::");
        let after = code[at + root.len()..].strip_prefix("::")?;
        starts.then_some((at, after))
    })
}

/// The first name of a path, or, for `{a::b, c}`, the first names of all of them.
fn first_names(after: &str) -> Vec<String> {
    let Some(group) = after.trim_start().strip_prefix('{') else {
        return vec![after.chars().take_while(|&c| is_word(c)).collect()];
    };
    let mut names = Vec::new();
    let (mut depth, mut fresh) = (0_usize, true);
    let mut rest = group.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if is_word(c) && fresh && depth == 0 => {
                let mut name = String::from(c);
                while let Some(c) = rest.next_if(|&c| is_word(c)) {
                    name.push(c);
                }
                names.push(name);
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

/// The code with blanks for comments and empty texts, line by line as it was; and the texts.
fn scrub(text: &str) -> (String, Vec<String>) {
    let mut code = String::with_capacity(text.len());
    let mut literals = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((length, inner)) = literal(rest, code.ends_with(is_word)) {
            code.push_str("\"\"");
            literals.push(inner.to_owned());
            length
        } else if let Some(length) = character(rest) {
            code.push_str("' '");
            length
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.extend(rest[..taken].chars().filter(|&c| c == '\n'));
        rest = &rest[taken..];
    }
    (code, literals)
}

/// The length of the comment, nested ones included, that `rest` starts with.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length and content of the text that `rest` starts with: `"…"`, `r#"…"#`, with `b` or `c`.
fn literal(rest: &str, inside_word: bool) -> Option<(usize, &str)> {
    let bare = if inside_word { rest } else { rest.trim_start_matches(['b', 'c']) };
    if rest.len() - bare.len() > 1 {
        return None;
    }
    let head = rest.len() - bare.len();
    if let Some(raw) = bare.strip_prefix('r').filter(|_| !inside_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = inner.find(&close).unwrap_or(inner.len());
        let length = head + 1 + hashes + 1 + end + close.len();
        return Some((length.min(rest.len()), &inner[..end]));
    }
    let inner = bare.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((head + 1 + at + 1, &inner[..at])),
            _ => {}
        }
    }
    Some((rest.len(), inner))
}

/// The length of the character literal that `rest` starts with; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    if first == '\\' {
        let end = inner[2..].find('\'')?;
        return Some(1 + 2 + end + 1);
    }
    inner[first.len_utf8()..].starts_with('\'').then_some(2 + first.len_utf8())
}

#[test]
fn comments_and_texts_are_no_code() {
    let text =
        "a // crate::x\n/* /* \" */ */ b r#\"c \"q\" \"# '\"' 'x' &'a str b\"\\\"\" e\n\"f\ng\" h";
    let file = File::new("x.rs", text);
    assert_eq!(file.code, "a \n b \"\" ' ' ' ' &'a str \"\" e\n\"\"\n h");
    assert_eq!(file.literals, ["c \"q\" ", "\\\"", "f\ng"]);
}

#[test]
fn imports_are_found_in_groups_in_paths_and_by_climbing() {
    let rooms = ["model", "store", "wachat", "rules", "expr"];
    let text = "use crate::{model::{Event, id::wachat}, store};\nfn f() { crate::rules::x() }\n\
        use super::expr::y; use super::super::wachat; // crate::wachat\n\
        #[cfg(test)]\nmod tests { use crate::wachat::z; }\n";
    let names = |path: &str| -> Vec<(usize, String)> { File::new(path, text).imports(&rooms) };
    let plain = [(1, "model".into()), (1, "store".into()), (2, "rules".into())];
    assert_eq!(names("verify/mod.rs"), [&plain[..], &[(3, "expr".into())]].concat());
    assert_eq!(names("verify/hmac.rs"), [&plain[..], &[(3, "wachat".into())]].concat());
    assert_eq!(File::new("main.rs", "kabari::store::open()").imports(&rooms)[0].1, "store");
}
