//! Does the disk still hold what was read? Compared by content: a touch changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::Inputs;

/// What some files contain, and which files there are to be included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// `None` for what cannot be read.
    contents: BTreeMap<PathBuf, Option<[u8; 32]>>,
    included: Vec<Vec<PathBuf>>,
}

impl Snapshot {
    /// Reads them all: blocks.
    pub(super) fn of(inputs: &Inputs) -> Self {
        let contents = inputs.files.iter().map(|path| (path.clone(), digest(path))).collect();
        let included = inputs.includes.iter().map(|it| it.files().unwrap_or_default()).collect();
        Self { contents, included }
    }
}

/// What is no file is not opened: a pipe would never end.
fn digest(path: &Path) -> Option<[u8; 32]> {
    let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    let bytes = is_file.then(|| std::fs::read(path))?.ok()?;
    Some(Sha256::digest(&bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Include;

    #[test]
    fn only_what_files_contain_and_which_there_are_makes_a_difference() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.yaml");
        let include = Include { folder: place.path().to_owned(), pattern: "*.yaml".to_owned() };
        let inputs = Inputs { files: vec![file.clone()], includes: vec![include] };
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        let missing = Snapshot::of(&inputs);
        write("one");
        let one = Snapshot::of(&inputs);
        assert_ne!(missing, one);
        write("two");
        assert_ne!(one, Snapshot::of(&inputs));
        write("one");
        assert_eq!(one, Snapshot::of(&inputs));
        std::fs::write(place.path().join("b.txt"), "").unwrap();
        assert_eq!(one, Snapshot::of(&inputs));
        std::fs::write(place.path().join("b.yaml"), "").unwrap();
        assert_ne!(one, Snapshot::of(&inputs));
    }
}
