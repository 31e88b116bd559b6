//! How do many callers share one commit?
//!
//! One thread owns the connection that writes. It takes what is queued, applies all of it in one
//! transaction, commits, and only then answers each caller. Nobody waits for a batch to fill:
//! while one commit is on its way to the disk the next batch gathers by itself.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::keys::Keys;
use crate::store::sqlite::presence::Presence;
use crate::store::sqlite::{schema, vault};
use crate::store::{Arrivals, StoreError};

/// Operations waiting for the writer; callers beyond that wait for a place.
const QUEUE_MAX: usize = 1024;

/// Operations in one commit at most.
const BATCH_MAX: usize = 256;

/// Something to be written: a plain value that can be applied more than once, each time as if for
/// the first time, since a transaction that fails is rolled back and tried in parts.
pub(super) trait Operation: Send + 'static {
    /// What the caller learns.
    type Output: Send + 'static;

    /// Does it, inside the transaction that is open.
    fn apply(&self, desk: &Desk) -> rusqlite::Result<Self::Output>;

    /// Whether something may have become due by it.
    fn wakes(output: &Self::Output) -> bool;
}

/// What operations are applied to: the connection that writes, and what its thread remembers.
pub(super) struct Desk {
    connection: Connection,
    keys: RefCell<Keys>,
    presence: RefCell<Presence>,
    seal: Seal,
    /// Whose lanes are to look again after the commit.
    called: RefCell<BTreeSet<String>>,
}

impl Desk {
    fn new(connection: Connection, path: &Path, seal: Seal) -> Self {
        let presence = RefCell::new(Presence::of(path));
        let (keys, called) = (RefCell::default(), RefCell::default());
        Self { connection, keys, presence, seal, called }
    }

    /// A message of this instance may have become due, or later be: after the commit its lane is to
    /// look.
    pub(super) fn calls(&self, instance: &str) {
        let mut called = self.called.borrow_mut();
        if !called.contains(instance) {
            called.insert(instance.to_owned());
        }
    }

    /// What seals its values.
    pub(super) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Whether what is committed is where the next process will look for it.
    fn is_there(&self) -> Result<(), StoreError> {
        self.presence.borrow_mut().check()
    }

    /// Whether what is written is sealed as all else that is there.
    fn is_same(&self) -> Result<(), StoreError> {
        vault::refuse_other(self, self.presence.borrow().path(), &self.seal)
    }

    /// The same, or a desk for the store that somebody has put into its place.
    fn or_replaced(self) -> Self {
        let path = self.presence.borrow().path().to_owned();
        if !self.presence.borrow().is_replaced() {
            return self;
        }
        let opened = schema::open_writer(&path, false);
        match opened.map(|connection| Self::new(connection, &path, self.seal.clone())) {
            // What is queued was sealed with the keys of this one.
            Ok(other) if other.is_same().is_ok() => {
                tracing::warn!(path = %path.display(), "another store lies where the one was that was open: it is used from now on");
                other
            }
            _ => self,
        }
    }

    /// The identities of the newest events.
    pub(super) fn keys(&self) -> RefMut<'_, Keys> {
        self.keys.borrow_mut()
    }
}

impl Deref for Desk {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// The writer's thread, seen from its callers.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Queued>>>,
    thread: Option<JoinHandle<()>>,
    arrivals: watch::Receiver<Arrivals>,
}

impl Writer {
    /// Gives the connection a thread of its own.
    pub(super) fn start(
        connection: Connection,
        path: &Path,
        seal: Seal,
    ) -> Result<Self, StoreError> {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let (arrived, arrivals) = watch::channel(Arrivals::default());
        let desk = Desk::new(connection, path, seal);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || drain(desk, queued, &arrived))
            .map_err(|error| StoreError::Unavailable(format!("no thread to write: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), arrivals })
    }

    /// Applies one operation and returns after its commit. Once it is queued it goes on, whether
    /// or not the caller still waits.
    pub(super) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        let stopped = || StoreError::Unavailable("the store is closed".to_owned());
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Job { operation, output: None, answer });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Changes after each commit by which something may have become due.
    pub(super) fn arrivals(&self) -> watch::Receiver<Arrivals> {
        self.arrivals.clone()
    }
}

/// Lets the thread finish what is queued and close the file.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had died");
        }
    }
}

/// An operation with its caller, whatever its kind.
trait Queued: Send {
    fn apply(&mut self, desk: &Desk) -> rusqlite::Result<()>;
    /// Whether something may have become due by what was applied.
    fn wakes(&self) -> bool;
    /// After the commit: hands over the output.
    fn answer(self: Box<Self>);
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Job<O: Operation> {
    operation: O,
    output: Option<O::Output>,
    answer: oneshot::Sender<Result<O::Output, StoreError>>,
}

// A caller that is gone is no error: what it asked for is done all the same.
impl<O: Operation> Queued for Job<O> {
    fn apply(&mut self, desk: &Desk) -> rusqlite::Result<()> {
        self.output = Some(self.operation.apply(desk)?);
        Ok(())
    }

    fn wakes(&self) -> bool {
        self.output.as_ref().is_some_and(O::wakes)
    }

    fn answer(self: Box<Self>) {
        if let Some(output) = self.output {
            drop(self.answer.send(Ok(output)));
        }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.answer.send(Err(error)));
    }
}

fn drain(
    mut desk: Desk,
    mut queued: mpsc::Receiver<Box<dyn Queued>>,
    arrived: &watch::Sender<Arrivals>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queued.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        desk = desk.or_replaced();
        write(&desk, &mut batch, arrived);
    }
}

/// Writes a batch, in one transaction if that can be, and answers everyone in it.
fn write(desk: &Desk, batch: &mut Vec<Box<dyn Queued>>, arrived: &watch::Sender<Arrivals>) {
    if let Err(gone) = desk.is_there() {
        return refuse(batch, &gone);
    }
    let Err(error) = commit(desk, batch) else { return answer(desk, batch, arrived) };
    // With a lock of another program each of them would wait as long in vain.
    if batch.len() == 1 || is_locked(&error) {
        return refuse(batch, &StoreError::from(&error));
    }
    // One bad operation must not fail its neighbours: each gets a transaction of its own.
    tracing::warn!(operations = batch.len(), %error, "a commit failed; trying one by one");
    let mut one = Vec::with_capacity(1);
    for job in batch.drain(..) {
        one.push(job);
        match commit(desk, &mut one) {
            Ok(()) => answer(desk, &mut one, arrived),
            Err(error) => refuse(&mut one, &StoreError::from(&error)),
        }
    }
}

fn refuse(batch: &mut Vec<Box<dyn Queued>>, error: &StoreError) {
    batch.drain(..).for_each(|job| job.refuse(error.clone()));
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// After the commit: wakes those who watch, then tells the callers, so that whoever is answered
/// finds the watch changed.
fn answer(desk: &Desk, batch: &mut Vec<Box<dyn Queued>>, arrived: &watch::Sender<Arrivals>) {
    // The file may have gone while it was being written.
    if let Err(gone) = desk.is_there() {
        return refuse(batch, &gone);
    }
    let called = desk.called.take();
    if !called.is_empty() || batch.iter().any(|job| job.wakes()) {
        arrived.send_modify(|all| all.add(called.iter().map(String::as_str)));
    }
    batch.drain(..).for_each(Queued::answer);
}

/// One transaction over these; whatever fails, nothing of it stays.
fn commit(desk: &Desk, jobs: &mut [Box<dyn Queued>]) -> rusqlite::Result<()> {
    let done = run(desk, "BEGIN IMMEDIATE")
        .and_then(|()| desk.is_same().map_err(within))
        .and_then(|()| desk.keys().begin(desk))
        .and_then(|()| jobs.iter_mut().try_for_each(|job| job.apply(desk)))
        .and_then(|()| run(desk, "COMMIT"));
    if done.is_ok() {
        desk.keys().committed();
        return done;
    }
    desk.keys().rolled_back();
    desk.called.take();
    // Some failures have rolled it back already.
    if !desk.is_autocommit() {
        run(desk, "ROLLBACK")?;
    }
    done
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
