//! Do the files for running kabari name what is there, and does systemd take the unit?

use std::path::Path;
use std::process::Command;

use crate::support::skip;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("deploy/kabari.service: systemd-analyze is missing");
    }
    // The program is not installed here: the unit is checked with the one that was just built.
    let unit = read("deploy/kabari.service")
        .replace("/usr/local/bin/kabari", env!("CARGO_BIN_EXE_kabari"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kabari.service");
    std::fs::write(&path, unit).unwrap();
    let verify = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&verify.stderr);
    assert!(verify.status.success(), "{said}");
    assert!(!said.contains("kabari.service:"), "{said}");

    let security = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
}

#[test]
fn the_unit_and_the_image_store_on_what_survives() {
    let unit = read("deploy/kabari.service");
    assert!(unit.contains("StateDirectory=kabari\n"));
    assert!(unit.contains("--store sqlite:///var/lib/kabari/"));
    let image = read("deploy/Dockerfile");
    assert!(image.contains("VOLUME /data\n") && image.contains("sqlite:///data/"));
    let user = image.rfind("\nUSER kabari\n").expect("the image has a user");
    assert!(image[user..].contains("ENTRYPOINT"), "the program runs as that user");
    assert!(read("deploy/compose.yaml").contains("- data:/data\n"));
}

#[test]
fn everything_that_the_image_copies_is_there_and_not_ignored() {
    let kept: Vec<String> = read(".dockerignore")
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .map(str::to_owned)
        .collect();
    let image = read("deploy/Dockerfile");
    let copies = image.lines().filter_map(|line| line.strip_prefix("COPY "));
    let mut count = 0;
    for words in copies.filter(|words| !words.starts_with("--from")) {
        let words: Vec<&str> = words.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "COPY {source}: not there");
            assert!(kept.iter().any(|kept| kept == source), ".dockerignore leaves out {source}");
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn what_compose_mounts_from_here_is_there() {
    let compose = read("deploy/compose.yaml");
    let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ../"));
    let sources: Vec<&str> = mounts.filter_map(|mount| mount.split(':').next()).collect();
    assert!(!sources.is_empty());
    for source in sources {
        assert!(root().join(source).exists(), "../{source}: not there");
    }
}
