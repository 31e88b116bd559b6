//! Is every kind of mistake that the program can tell in its table of codes?

use kabari::config::CODES;

use super::source::File;

/// What makes a mistake, with the place of its code among the arguments, and whether it warns.
const MAKERS: [(&str, usize, bool); 4] = [
    ("Fault::error(", 1, false),
    ("Fault::warning(", 1, true),
    (".stop(", 1, false),
    ("as_told(", 1, true),
];

/// Codes that are in no table, warnings of what is told to be an error only, and codes that nothing
/// has.
pub(super) fn untold(house: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    let told: Vec<(&File, String, bool)> = house.iter().flat_map(codes).collect();
    for (file, code, warns) in &told {
        match CODES.iter().find(|known| known.name == code) {
            None => complaints.push(format!("{}: `{code}` is not in config/codes.rs", file.path)),
            Some(known) if *warns && !known.warns => {
                complaints.push(format!("{}: `{code}` is a warning here", file.path));
            }
            Some(_) => {}
        }
    }
    for code in CODES {
        let is_said = |file: &File| file.literals.iter().any(|literal| literal == code.name);
        if !house.iter().filter(|file| file.path != "config/codes.rs").any(is_said) {
            complaints.push(format!("config/codes.rs: nothing has `{}`", code.name));
        }
    }
    assert!(told.len() > 100, "{}", told.len());
    complaints
}

fn codes(file: &File) -> Vec<(&File, String, bool)> {
    let mut found = Vec::new();
    for (maker, place, warns) in MAKERS {
        for (at, _) in file.text.match_indices(maker) {
            let code = argument(&file.text[at + maker.len()..], place);
            let literal = code.trim().strip_prefix('"').and_then(|code| code.strip_suffix('"'));
            // An empty one only carries a path.
            found
                .extend(literal.filter(|it| !it.is_empty()).map(|it| (file, it.to_owned(), warns)));
        }
    }
    found
}

/// One of the arguments of a call, as it is written.
fn argument(call: &str, wanted: usize) -> &str {
    let (mut depth, mut place, mut start, mut quoted, mut escaped) = (0, 0, 0, false, false);
    for (at, c) in call.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                return if place == wanted { &call[start..at] } else { "" };
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                if place == wanted {
                    return &call[start..at];
                }
                place += 1;
                start = at + 1;
            }
            _ => {}
        }
    }
    ""
}
