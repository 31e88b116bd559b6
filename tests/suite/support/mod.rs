//! What tests share: a Wachat world, a running kabari, signing libraries.

pub(crate) mod kabari;
pub(crate) mod signer;
pub(crate) mod world;

/// Says loudly that something could not be tested here, and why; in CI that is a failure.
///
/// The test then returns: `./test` prints what was collected in the file that it names.
pub(crate) fn skip(what: &str) {
    eprintln!("SKIPPED: {what}");
    if let Some(path) = std::env::var_os("KABARI_SKIPPED") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        std::io::Write::write_all(&mut file.unwrap(), format!("{what}\n").as_bytes()).unwrap();
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped in CI: {what}");
}

/// Whether the long figures were asked for: `./test --long`.
pub(crate) fn long() -> bool {
    std::env::var("KABARI_LONG").as_deref() == Ok("1")
}
