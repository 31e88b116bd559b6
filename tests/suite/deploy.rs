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
fn the_image_is_built_with_every_file_that_the_program_contains() {
    let image = read("deploy/Dockerfile");
    let build = &image[..image.rfind("\nFROM ").unwrap()];
    let copied: Vec<&str> = build
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .flat_map(str::split_whitespace)
        .collect();
    let mut outside = 0;
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for (at, start) in
                text.match_indices("include_str!(\"").chain(text.match_indices("include_bytes!(\""))
            {
                let name = text[at + start.len()..].split('"').next().unwrap();
                let file = folder.join(name).canonicalize().unwrap();
                let inside = file.strip_prefix(root().canonicalize().unwrap()).unwrap();
                if !inside.starts_with("src") {
                    outside += 1;
                    let name = inside.to_str().unwrap();
                    assert!(copied.contains(&name), "{} contains {name}", path.display());
                }
            }
        }
    }
    assert!(outside > 0, "the demo contains rules.yaml");
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
