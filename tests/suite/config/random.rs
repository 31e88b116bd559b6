//! Does any text at all make the reader panic?

use std::time::Duration;

use proptest::prelude::*;

use super::{lenient, strict};

/// Pieces of which rule files, right and wrong, are made.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "rules:\n",
        "- ",
        "  ",
        "name: a\n",
        "send:",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ": ",
        "\n",
        "'",
        "\"",
        "|\n",
        ">",
        "&a ",
        "*a",
        "<<: *a\n",
        "!x ",
        "#c",
        " # c",
        "${A}",
        "${NO}",
        "$${",
        "{{ x }}",
        "\t",
        "012",
        "+62",
        "é",
        "\u{a0}",
        "~",
        "- - - ",
        "? ",
        "---\n",
        "%TAG\n",
        "wachat: { token: x, instance: y }\n",
        "vars:\n",
        "sources: { a: { secret: ",
        "tests:\n",
    ];
    prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => ".{0,5}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_file_makes_it_panic_or_take_long(pieces in prop::collection::vec(piece(), 0..60)) {
        let started = kabari::clock::Stopwatch::start();
        let text = pieces.concat();
        for result in [strict(&text), lenient(&text)] {
            if let Err(report) = result {
                prop_assert!(report.has_errors());
                prop_assert!(!report.render(false).is_empty());
                prop_assert!(!report.render(true).is_empty());
            }
        }
        prop_assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = strict(&text).map_err(|report| report.render(false));
        }
    }
}
