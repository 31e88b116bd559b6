//! Is what was sent compared with a secret, a token or a signature by the one function that takes
//! the same time whatever differs? In every file, the new ones as well.

use super::source::File;

/// Names of what must not be compared in the open: a name that has one of these words in it.
const HIDDEN: [&str; 13] = [
    "signature",
    "signatures",
    "mac",
    "macs",
    "hmac",
    "digest",
    "secret",
    "secrets",
    "token",
    "tokens",
    "password",
    "expose",
    "computed",
];
/// What ends an operand that only counts.
const COUNTED: [&str; 4] = ["len()", "count()", "is_empty()", "is_some()"];
const OPERATORS: [&str; 2] = ["==", "!="];
const METHODS: [&str; 8] = [
    ".eq(",
    ".ne(",
    ".cmp(",
    ".partial_cmp(",
    ".contains(",
    ".starts_with(",
    ".ends_with(",
    ".eq_ignore_ascii_case(",
];
/// Where comparing in constant time is done, and nowhere else: the rest asks `secret::same`.
const CONSTANT_TIME: [&str; 5] =
    ["subtle", "ct_eq", "verify_slice", "verify_truncated_left", "verify_truncated_right"];
const THE_ONE: &str = "secret.rs";

pub(super) fn in_the_open(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (at, what, side) in compared(&file.code) {
            let line = file.line(at);
            complaints.push(format!(
                "{}:{line}: `{side}` is compared by `{what}`, not by secret::same",
                file.path
            ));
        }
        for word in CONSTANT_TIME.iter().filter(|_| file.path != THE_ONE) {
            for line in file.lines_with_word(word) {
                complaints.push(format!("{}:{line}: only {THE_ONE} knows `{word}`", file.path));
            }
        }
    }
    let secret = files.iter().find(|file| file.path == THE_ONE);
    if secret.is_some_and(|file| file.code.contains("PartialEq") || file.code.contains("Hash")) {
        complaints.push(format!("{THE_ONE}: a secret is compared by `equals` alone"));
    }
    complaints
}

/// Each comparison with one of the hidden in it: where, by what, and which side.
fn compared(code: &str) -> Vec<(usize, &'static str, &str)> {
    let mut found = Vec::new();
    for what in OPERATORS.into_iter().chain(METHODS) {
        for (at, _) in code.match_indices(what) {
            let before = code[..at].trim_end();
            let start = before.rfind(|c| !is_operand(c)).map_or(0, |at| at + 1);
            let after = code[at + what.len()..].trim_start();
            // One character or a literal text is nobody's secret.
            let is_literal = after.starts_with(['\'', '"']) || after.starts_with("b'");
            let end = after.find(|c| !is_operand(c)).unwrap_or(after.len());
            let is_method = what.starts_with('.');
            let sides = [&before[start..], &after[..end]];
            if is_literal && is_method {
                continue;
            }
            if let Some(side) = sides.into_iter().find(|side| is_hidden(side)) {
                found.push((at, what, side));
            }
        }
    }
    found
}

fn is_operand(c: char) -> bool {
    c.is_alphanumeric() || "_.:()[]&*".contains(c)
}

fn is_hidden(operand: &str) -> bool {
    let counts =
        COUNTED.iter().any(|end| operand.trim_end_matches(')').ends_with(&end[..end.len() - 1]));
    let last = operand.rsplit("::").next().unwrap_or(operand);
    // A variant of a closed list (`Of::Secret`) and a constant are no secrets.
    let is_constant = last.starts_with(|c: char| c.is_ascii_uppercase());
    let mut words = operand.split(|c: char| !c.is_alphanumeric());
    !counts && !is_constant && words.any(|word| HIDDEN.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, code: &str) -> Vec<String> {
        in_the_open(&[File::new(path, code)])
    }

    #[test]
    fn a_comparison_in_the_open_is_found_wherever_it_stands() {
        for path in
            ["verify/new.rs", "receive/new.rs", "admin/new.rs", "sources/new.rs", "media/new.rs"]
        {
            for code in [
                "if self.mac(body) == given_signature {",
                "a != &signature[..]",
                "if token == self.admin_token {",
                "given.eq(secret.expose())",
                "secret.expose().as_bytes() == given",
                "password.eq_ignore_ascii_case(given)",
                "given.starts_with(token)",
                "tokens.contains(&given)",
                "computed\n    == given",
                "use subtle::ConstantTimeEq;",
                "mac.verify_slice(given)",
            ] {
                assert_eq!(
                    complaints(path, code).len(),
                    1,
                    "{path}: {code}: {:?}",
                    complaints(path, code)
                );
            }
        }
    }

    #[test]
    fn what_is_no_comparison_of_secrets_is_let_be() {
        for code in [
            "if signature.len() != 64 || name == \"signature\" {",
            "same(&mac, &signature)",
            "secret.expose().contains(':')",
            "hole.of == Of::Secret",
            "source.secret_count() == 0",
            "secrets.iter().count() == 2",
            "#[cfg(test)]\nmod tests { assert!(a == signature) }",
        ] {
            let code = format!("\n{code}");
            assert!(
                complaints("verify/mac.rs", &code).is_empty(),
                "{code}: {:?}",
                complaints("verify/mac.rs", &code)
            );
        }
        assert!(complaints("secret.rs", "expected.ct_eq(given)").is_empty());
        assert_eq!(complaints("secret.rs", "#[derive(PartialEq)]").len(), 1);
    }
}
