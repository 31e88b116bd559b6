//! What did a process say, on both of its streams?

use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

/// The lines that a process wrote, as they come.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// How many there are; the end of a stream counts too.
    news: Arc<watch::Sender<usize>>,
    open: Arc<Mutex<usize>>,
    /// Whether to stop reading at the next line.
    deaf: Arc<AtomicBool>,
}

impl Default for Log {
    fn default() -> Self {
        let (news, _) = watch::channel(0);
        let (lines, open, deaf) = (Arc::default(), Arc::default(), Arc::default());
        Self { lines, news: Arc::new(news), open, deaf }
    }
}

impl Log {
    pub(super) fn follow(&self, stream: impl Read + Send + 'static) {
        *self.open.lock().unwrap() += 1;
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                log.lines.lock().unwrap().push(line);
                log.news.send_modify(|news| *news += 1);
                if log.deaf.load(Ordering::Relaxed) {
                    break;
                }
            }
            *log.open.lock().unwrap() -= 1;
            log.news.send_modify(|news| *news += 1);
        });
    }

    /// As when nobody listens any more.
    pub(super) fn stop_listening(&self) {
        self.deaf.store(true, Ordering::Relaxed);
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Waits until all is read that there is.
    pub(super) async fn ended(&self) {
        self.wait(|_| None::<()>).await;
    }

    /// Waits until the lines hold something; `None` when they ended without it.
    pub(super) async fn wait<T>(&self, look: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let mut news = self.news.subscribe();
        loop {
            let ended = *self.open.lock().unwrap() == 0;
            let found = look(&self.lines.lock().unwrap());
            if found.is_some() || ended {
                return found;
            }
            news.changed().await.ok()?;
        }
    }
}
