//! Does a report ever show a secret?

use super::{lenient, strict};

#[test]
fn neither_a_secret_nor_a_variable_is_ever_in_a_report() {
    let text = "wachat: { token: [hunter2], instance: phone }\n\
                server: { listen: \"${LISTEN}\", admin_token: 0123hunter2 }\n\
                sources:\n  stripe: { secret: hunter2 }\n  a: { secrets: [+12hunter2, yes] }\n";
    for report in [strict(text).unwrap_err(), lenient(text).unwrap_err()] {
        let shown = format!("{}{}{}", report.render(false), report.render(true), report.json());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains("hidden-value"), "{shown}");
        assert!(report.has_errors());
    }
}

/// Files with mistakes in and around secrets, whose text is HUNTER wherever it is one.
const AROUND_SECRETS: [&str; 19] = [
    "wachat: { token: [HUNTER1, HUNTER2], instance: no }\n",
    "wachat:\n  token:\n    - HUNTER1\n    - +12HUNTER2\n  instance: x\n",
    "wachat:\n  token: |\n    HUNTER1\n    HUNTER2\n  instanc: x\n",
    "sources:\n  stripe:\n    secrets:\n    - HUNTER1\n    - HUNTER2: HUNTER3\n    - yes\n",
    "sources:\n  a: { preset: stripe, secret:\n        HUNTER1, b: \"${X}\" }\n",
    "sources:\n  a: { secret: HUNTER1, b: \"${X}\", secrets: [HUNTER2,\n    HUNTER3 ] }\n",
    "vars: { x: &s HUNTER1 }\nsources:\n  stripe: { secret: *s }\n",
    "server: { admin_token: 012345HUNTER1, admin_tokn: HUNTER2 }\n",
    "server:\n  admin_token: a\n  admin_token: HUNTER1\n",
    "store: postgres://user:HUNTER1@host/db\n",
    "wachat: { token: x, instance: y, base_url: \"http://me:HUNTER1@example.com\" }\n",
    "sources:\n  stripe:\n    secrets:\n      - HUNTER1\n      - @HUNTER2\n",
    "wachat:\n  token: \"HUNTER1\n  instance: phone\n",
    "wachat:\n  token: HUNTER1: HUNTER2\n",
    "wachat:\n  token: *HUNTER1\n  instance: phone\n",
    "wachat:\n  token: !HUNTER1 HUNTER2\n  instance: phone\n",
    "wachat:\n  token: HUNTER1 #HUNTER2\n  instance: ~\n",
    "{ \"wachat\": { \"token\": \"HUNTER1\", \"instance\": \"phone\" }, \"x\": 1 }",
    "wachat: { token: HUNTER1, instance: {{ x }}y }\n",
];

#[test]
fn no_secret_is_in_any_excerpt_message_or_help() {
    for text in AROUND_SECRETS {
        for report in [strict(text).unwrap_err(), lenient(text).unwrap_err()] {
            let shown = format!("{}{}{report:?}", report.render(false), report.json());
            assert!(!shown.contains("HUNTER"), "{text}\n{shown}");
        }
    }
}
