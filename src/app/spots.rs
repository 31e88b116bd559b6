//! Where on the disk must be looked, to see that a file changes however it is done?
//!
//! Editors put a new file in the place of the old one, and Kubernetes swaps a symlink somewhere on
//! the way to it. So it is folders that are watched: each that holds the file or a symlink on the
//! way, under its real name, and for what is not there the one in which it would appear.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use glob::Pattern;

use crate::config::{Include, Inputs};

/// How many symlinks one path may lead through, as in Linux.
const LINKS_MAX: usize = 40;
/// How many folders one `include:` may lead into.
const FOLDERS_MAX: usize = 1000;

/// What to watch, and which of what happens there matters.
#[derive(Debug, Default)]
pub(super) struct Spots {
    /// Files and symlinks, there or not, under the real names of their folders.
    names: BTreeSet<PathBuf>,
    /// Folders in which any name matters that matches.
    open: Vec<(PathBuf, Pattern)>,
}

impl Spots {
    /// Follows every path as the system does: blocks.
    pub(super) fn of(inputs: &Inputs) -> Self {
        let mut spots = Self::default();
        for file in &inputs.files {
            spots.follow(file);
        }
        for include in &inputs.includes {
            spots.open(include);
        }
        spots
    }

    /// Every folder that matters, and the files themselves: one that was mounted into a container
    /// changes outside of its folder.
    pub(super) fn targets(&self) -> BTreeSet<PathBuf> {
        let folders = self.names.iter().filter_map(|path| path.parent());
        let folders = folders.chain(self.open.iter().map(|(folder, _)| folder.as_path()));
        let files = self.names.iter().map(PathBuf::as_path).filter(|path| is_plain_file(path));
        folders.chain(files).map(Path::to_owned).collect()
    }

    /// Whether it matters that something happened to this path.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let (folder, name) = (path.parent(), path.file_name().and_then(OsStr::to_str));
        self.names.contains(path)
            || self.names.iter().any(|spot| spot.parent() == Some(path))
            || self.open.iter().any(|(open, pattern)| {
                path == open || (folder == Some(open) && name.is_none_or(|it| pattern.matches(it)))
            })
    }

    /// Notes each symlink on the way, and the end of the way; gives the real path of that, if it
    /// is there.
    fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        let whole = std::path::absolute(path).ok()?;
        let mut ahead = parts(&whole);
        let mut here = PathBuf::new();
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            if Path::new(&part).is_absolute() {
                here = PathBuf::from(part);
                continue;
            }
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            let Ok(about) = std::fs::symlink_metadata(&next) else {
                self.names.insert(next);
                return None;
            };
            if about.is_symlink() {
                self.names.insert(next.clone());
                links += 1;
                let target = std::fs::read_link(&next).ok().filter(|_| links <= LINKS_MAX)?;
                for part in parts(&target).into_iter().rev() {
                    ahead.push_front(part);
                }
                continue;
            }
            if !about.is_dir() {
                self.names.insert(next.clone());
            }
            here = next;
        }
        Some(here)
    }

    /// Opens each folder in which a file could match now.
    fn open(&mut self, include: &Include) {
        let mut ahead = parts(Path::new(&include.pattern));
        let mut start = include.folder.clone();
        while ahead.front().is_some_and(|part| !has_wildcard(part)) && 1 < ahead.len() {
            start.extend(ahead.pop_front());
        }
        let Some(start) = self.follow(&start) else { return };
        let mut folders = vec![start];
        while let Some(part) = ahead.pop_front().and_then(|part| part.into_string().ok()) {
            let Ok(pattern) = Pattern::new(&part) else { return };
            let mut inside = Vec::new();
            for folder in folders {
                if FOLDERS_MAX <= self.open.len() {
                    return;
                }
                if !ahead.is_empty() {
                    let found = folders_in(&folder, &pattern);
                    inside.extend(found.iter().filter_map(|path| self.follow(path)));
                }
                self.open.push((folder, pattern.clone()));
            }
            folders = inside;
        }
    }
}

/// The folders in a folder whose names match.
fn folders_in(folder: &Path, pattern: &Pattern) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.filter_map(Result::ok);
    let matching = entries.filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| pattern.matches(name))
            && entry.path().is_dir()
    });
    matching.map(|entry| entry.path()).collect()
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

fn has_wildcard(part: &OsStr) -> bool {
    part.to_string_lossy().contains(['*', '?', '['])
}

fn is_plain_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|about| about.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new(files: &[&str]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            for file in files {
                std::fs::create_dir_all(place.at(file).parent().unwrap()).unwrap();
                std::fs::write(place.at(file), "").unwrap();
            }
            place
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(path)
        }

        fn spots(&self, file: &str, include: &str) -> Spots {
            let include = Include { folder: self.at(""), pattern: include.to_owned() };
            let includes = if include.pattern.is_empty() { vec![] } else { vec![include] };
            Spots::of(&Inputs { files: vec![self.at(file)], includes })
        }

        #[track_caller]
        fn concerned(&self, spots: &Spots, paths: &[(&str, bool)]) {
            for (path, matters) in paths {
                assert_eq!(spots.concerns(&self.at(path)), *matters, "{path}: {spots:?}");
            }
        }
    }

    #[test]
    fn a_file_is_seen_by_its_name_in_its_folder_and_the_database_beside_it_is_not() {
        let place = Place::new(&["home/rules.yaml", "home/kabari.db"]);
        let spots = place.spots("home/rules.yaml", "");
        let expected = [place.at("home"), place.at("home/rules.yaml")];
        assert_eq!(spots.targets(), BTreeSet::from(expected));
        place.concerned(
            &spots,
            &[("home/rules.yaml", true), ("home/kabari.db-wal", false), ("home", true)],
        );
    }

    #[test]
    fn every_symlink_on_the_way_is_watched_where_it_stands() {
        let place = Place::new(&["etc/..1/rules.yaml"]);
        symlink("..1", place.at("etc/..data")).unwrap();
        symlink("..data/rules.yaml", place.at("etc/rules.yaml")).unwrap();
        symlink(place.at("etc"), place.at("conf")).unwrap();
        let spots = place.spots("conf/rules.yaml", "");
        place.concerned(
            &spots,
            &[
                ("conf", true),
                ("etc/rules.yaml", true),
                ("etc/..data", true),
                ("etc/..1/rules.yaml", true),
                ("etc/other.yaml", false),
            ],
        );
        for folder in ["", "etc", "etc/..1"] {
            let folder = if folder.is_empty() { place.at("x") } else { place.at(folder).join("x") };
            assert!(spots.targets().contains(folder.parent().unwrap()), "{folder:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_awaited_in_the_nearest_folder_that_is() {
        let place = Place::new(&["here/x"]);
        let spots = place.spots("here/not/yet/rules.yaml", "");
        place.concerned(&spots, &[("here/not", true), ("here/x", false)]);
        assert_eq!(spots.targets(), BTreeSet::from([place.at("here")]));
    }

    #[test]
    fn a_symlink_that_leads_to_itself_ends() {
        let place = Place::new(&[]);
        symlink("loop", place.at("loop")).unwrap();
        place.concerned(&place.spots("loop", ""), &[("loop", true)]);
    }

    #[test]
    fn an_include_opens_every_folder_in_which_something_could_match() {
        let place = Place::new(&["rules.yaml", "teams/a/rules.yaml", "teams/b/x/y.yaml"]);
        let one = place.spots("rules.yaml", "rules.d/*.yaml");
        place.concerned(&one, &[("rules.d", true), ("teams", false)]);
        let two = place.spots("rules.yaml", "teams/*/*.yaml");
        place.concerned(
            &two,
            &[
                ("teams/c", true),
                ("teams/a/new.yaml", true),
                ("teams/b/new.txt", false),
                ("teams/b/x/y.yaml", false),
            ],
        );
    }
}
