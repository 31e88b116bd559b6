//! Is there a rule file that makes the loader or its error report panic?
#![no_main]

use std::path::PathBuf;

use kabari::config::{LoadOptions, load_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let variable = |name: &str| (name != "UNSET").then(|| "value".to_owned());
    for lenient in [false, true] {
        let options = LoadOptions { lenient, variable: &variable };
        // A path whose folder is not there: `include:` and `${file:}` find nothing to read.
        let path = PathBuf::from("/nonexistent/rules.yaml");
        match load_text(path, text.to_owned(), &options) {
            Ok(loaded) => drop(loaded.warnings.json()),
            Err(report) => {
                assert!(!report.is_empty());
                drop((report.render(true), report.json()));
            }
        }
    }
});
