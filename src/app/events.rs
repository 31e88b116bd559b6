//! What does the system tell of a folder? On Linux by inotify(7); elsewhere nothing.
//!
//! Asked for is what ends a change: a file that is closed, comes, goes or changes its owner. Every
//! single write is not: the database stands in the same folder and makes thousands a second.

#[cfg(target_os = "linux")]
pub(super) use linux::Events;
#[cfg(not(target_os = "linux"))]
pub(super) use nothing::Events;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::io;
    use std::path::{Path, PathBuf};

    use futures_util::StreamExt;
    use inotify::{EventMask, EventStream, Inotify, WatchDescriptor, WatchMask, Watches};

    /// Room for some of them at once, in bytes; each takes 16 and its name.
    const BUFFER: usize = 4096;

    /// What happens to some folders and files.
    pub(crate) struct Events {
        watches: Watches,
        stream: EventStream<Vec<u8>>,
        watched: HashMap<WatchDescriptor, PathBuf>,
    }

    impl Events {
        /// Of nothing yet. Must be called in a Tokio runtime.
        pub(crate) fn new() -> io::Result<Self> {
            let inotify = Inotify::init()?;
            let watches = inotify.watches();
            let stream = inotify.into_event_stream(vec![0; BUFFER])?;
            Ok(Self { watches, stream, watched: HashMap::new() })
        }

        /// From now on also of what is at this path.
        pub(crate) fn watch(&mut self, path: &Path) -> io::Result<()> {
            let mask = WatchMask::CREATE
                | WatchMask::DELETE
                | WatchMask::MOVE
                | WatchMask::CLOSE_WRITE
                | WatchMask::ATTRIB
                | WatchMask::DELETE_SELF
                | WatchMask::MOVE_SELF;
            let watch = self.watches.add(path, mask)?;
            self.watched.insert(watch, path.to_owned());
            Ok(())
        }

        /// No longer of what was at this path.
        pub(crate) fn unwatch(&mut self, path: &Path) {
            let watches: Vec<_> = self.watched.extract_if(|_, at| at == path).collect();
            for (watch, _) in watches {
                // It is gone already if what it watched is gone.
                let _ = self.watches.remove(watch);
            }
        }

        /// Where the next thing happens; `None` if so much did that some was lost. What was not
        /// waited for is not lost.
        pub(crate) async fn next(&mut self) -> Option<PathBuf> {
            loop {
                let Some(Ok(event)) = self.stream.next().await else {
                    // There is no end, and an error of reading does not mend.
                    return std::future::pending().await;
                };
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    return None;
                }
                // What is heard of a watch that has ended says nothing.
                let Some(at) = self.watched.get(&event.wd) else { continue };
                if !event.mask.contains(EventMask::IGNORED) {
                    return Some(event.name.map_or_else(|| at.clone(), |name| at.join(name)));
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nothing {
    use std::io;
    use std::path::{Path, PathBuf};

    /// Nothing.
    pub(crate) struct Events;

    impl Events {
        pub(crate) fn new() -> io::Result<Self> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        pub(crate) fn watch(&mut self, _: &Path) -> io::Result<()> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        pub(crate) fn unwatch(&mut self, _: &Path) {}

        pub(crate) async fn next(&mut self) -> Option<PathBuf> {
            std::future::pending().await
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::Events;

    /// What this does, by the names of the files that are told.
    #[expect(clippy::unwrap_used, reason = "a test's own helper")]
    async fn told(events: &mut Events, folder: &Path, what: impl FnOnce()) -> BTreeSet<String> {
        what();
        // Things are told in the order in which they happen, so this one is the last.
        let end = tempfile::Builder::new().prefix("end-").tempfile_in(folder).unwrap();
        let mut names = BTreeSet::new();
        loop {
            let path = events.next().await.unwrap();
            if path == end.path() {
                return names;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            if !name.starts_with("end-") {
                names.insert(name.to_owned());
            }
        }
    }

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[tokio::test]
    async fn whatever_ends_a_change_is_told_and_a_single_write_is_not() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("watched");
        let (file, elsewhere) = (folder.join("rules.yaml"), home.path().join("elsewhere"));
        fs::create_dir(&folder).unwrap();
        let mut events = Events::new().unwrap();
        events.watch(&folder).unwrap();
        let mut open = None;
        let it = names(["rules.yaml"]);
        let come = told(&mut events, &folder, || open = File::create(&file).ok()).await;
        assert_eq!(come, it, "a new file");
        let mut open = open.unwrap();
        let written = told(&mut events, &folder, || open.write_all(b"x").unwrap()).await;
        assert_eq!(written, names([]), "a single write");
        let closed = told(&mut events, &folder, || drop(open)).await;
        assert_eq!(closed, it, "a file that is closed");
        let gone = told(&mut events, &folder, || fs::rename(&file, &elsewhere).unwrap()).await;
        assert_eq!(gone, it, "a file that is moved away");
        let put = told(&mut events, &folder, || fs::rename(&elsewhere, &file).unwrap()).await;
        assert_eq!(put, it, "a file that is put there");
        let closed_off = fs::Permissions::from_mode(0o600);
        let closed =
            told(&mut events, &folder, || fs::set_permissions(&file, closed_off).unwrap()).await;
        assert_eq!(closed, it, "who may read it");
        let removed = told(&mut events, &folder, || fs::remove_file(&file).unwrap()).await;
        assert_eq!(removed, it, "a file that is removed");
    }

    #[tokio::test]
    async fn a_watched_file_is_told_by_its_own_path_until_it_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let inside = home.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let file = inside.join("rules.yaml");
        fs::write(&file, "").unwrap();
        let mut events = Events::new().unwrap();
        events.watch(home.path()).unwrap();
        events.watch(&file).unwrap();
        let it = names(["inside/rules.yaml"]);
        let written = told(&mut events, home.path(), || fs::write(&file, "x").unwrap()).await;
        assert_eq!(written, it);
        let other = inside.join("other");
        let moved = told(&mut events, home.path(), || fs::rename(&file, &other).unwrap()).await;
        assert_eq!(moved, it);
        let removed = told(&mut events, home.path(), || fs::remove_file(&other).unwrap()).await;
        assert_eq!(removed, it);
        let again = told(&mut events, home.path(), || fs::write(&other, "x").unwrap()).await;
        assert_eq!(again, names([]), "another file of that name");
    }

    #[tokio::test]
    async fn what_is_no_longer_watched_is_not_told() {
        let home = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| home.path().join(name));
        let mut events = Events::new().unwrap();
        for folder in [&one, &other] {
            fs::create_dir(folder).unwrap();
            events.watch(folder).unwrap();
        }
        events.unwatch(&one);
        let told = told(&mut events, &other, || fs::write(one.join("x"), "").unwrap()).await;
        assert_eq!(told, names([]));
    }

    #[tokio::test]
    async fn that_something_was_lost_is_told_too() {
        let home = tempfile::tempdir().unwrap();
        let files = ["one", "other"].map(|name| home.path().join(name));
        for file in &files {
            fs::write(file, "").unwrap();
        }
        let mut events = Events::new().unwrap();
        events.watch(home.path()).unwrap();
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: usize = most.trim().parse().unwrap();
        // Two of the same, one after the other, would be told as one.
        for file in files.iter().cycle().take(most + 2) {
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        for _ in 0..most {
            assert!(events.next().await.is_some());
        }
        assert_eq!(events.next().await, None);
    }
}
