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
