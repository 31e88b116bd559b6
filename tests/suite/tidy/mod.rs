//! Is the house in order? The import table, the doc lines, the sizes, who may know what.

mod source;
mod rules;
mod codes;
mod comparisons;

use std::fs;
use std::path::{Path, PathBuf};

use source::File;

/// All of `src`, by path below it.
fn house() -> Vec<File> {
    files_below("src")
}

/// What is not part of the program but read like it: tests, benches, fuzz targets.
fn yard() -> Vec<File> {
    ["tests/suite", "benches", "fuzz/fuzz_targets"].into_iter().flat_map(files_below).collect()
}

/// The Rust files of a folder, by path below it.
fn files_below(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File::new(&below, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "{}", root.display());
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn nothing_wrong(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_kind_of_mistake_is_in_the_table_of_codes() {
    nothing_wrong(&codes::untold(&house()));
}

#[test]
fn every_file_opens_with_its_question() {
    nothing_wrong(&rules::opens_with_docs(&[house(), yard()].concat()));
}

#[test]
fn imports_keep_to_the_table() {
    nothing_wrong(&rules::imports(&house()));
}

#[test]
fn imports_go_up_the_list_in_lib_rs_so_there_are_no_cycles() {
    nothing_wrong(&rules::reading_order(&house()));
}

#[test]
fn lib_rs_declares_every_room() {
    nothing_wrong(&rules::declared(&house()));
}

#[test]
fn a_room_knows_only_what_is_its_business() {
    nothing_wrong(&rules::business(&house()));
}

#[test]
fn nothing_is_left_to_do() {
    nothing_wrong(&rules::leftovers(&house()));
}

#[test]
fn files_fit_in_a_head_and_their_names_tell() {
    nothing_wrong(&rules::sizes_and_names(&[house(), yard()].concat()));
}

#[test]
fn secrets_and_signatures_are_compared_in_constant_time_by_one_function() {
    nothing_wrong(&comparisons::in_the_open(&house()));
}
