//! The connections of clients: accepts them, and closes the ones that cost too much.
//!
//! Engines keep connections alive and use them again at any time. A request that meets a connection
//! that the driver is closing is lost, and the engine sends it again with an empty body. So an idle
//! connection is closed only under pressure: when there are as many as the limit of open files
//! allows, the one that has been idle the longest goes. Clients that send the head of a request too
//! slowly are cut off.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;

use super::call::Dispatcher;
use super::server::handle;

/// The most connections at once, however many files may be open.
const MAX_CONNECTIONS: u64 = 2048;
/// The part of the limit of open files that calls have for themselves: one of four.
const PART_OF_CALLS: u64 = 4;
/// How long to wait when there is no descriptor for a new connection.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest time between two looks for slow clients.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Raises the limit of open files to what this process may have.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Returns how many connections the limit of open files allows.
fn max_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((files - files / PART_OF_CALLS).clamp(1, MAX_CONNECTIONS)).unwrap_or(usize::MAX)
}

/// Accepts connections and answers their requests, until `closing` is ready and the last request
/// has its answer. Cuts off clients that take longer than `head_timeout` for the head of a request.
pub(super) async fn serve(
    listener: UnixListener,
    dispatcher: Dispatcher,
    head_timeout: Duration,
    closing: oneshot::Receiver<()>,
) -> io::Result<()> {
    let table = Arc::new(Table::new());
    let most = max_connections();
    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut closing = pin!(closing);
    let mut look = tokio::time::interval((head_timeout / 2).min(LONGEST_LOOK));
    let mut is_short = false;
    loop {
        tokio::select! {
            _ = &mut closing => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    is_short = false;
                    table.make_room(most);
                    tasks.spawn(answer(stream, Arc::clone(&table), dispatcher.clone(), stopping.clone()));
                }
                Err(error) if is_shortage(&error) => {
                    if !std::mem::replace(&mut is_short, true) {
                        tracing::warn!(%error, "cannot accept a connection now");
                    }
                    table.make_room(0);
                    tokio::time::sleep(PAUSE).await;
                }
                // The client has gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            },
            _ = look.tick() => table.cut_off_slow(head_timeout),
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    let _ = stop.send(true);
    while tasks.join_next().await.is_some() {}
    Ok(())
}

fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| short.contains(&error))
}

/// Answers the requests of one connection.
async fn answer(
    stream: UnixStream,
    table: Arc<Table>,
    dispatcher: Dispatcher,
    mut stopping: watch::Receiver<bool>,
) {
    let entry = Entry::new(&table);
    let connection = Arc::clone(&entry.connection);
    let service = service_fn(|request| {
        let (dispatcher, running) = (dispatcher.clone(), Running::begin(&connection));
        async move {
            let answer = handle(dispatcher, request).await;
            drop(running);
            Ok::<_, Infallible>(answer)
        }
    });
    let stream = Watched { stream, connection: Arc::clone(&connection) };
    let mut serving = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let mut is_closing = false;
    loop {
        tokio::select! {
            // An error is the client's: it has gone, or speaks something else.
            _ = serving.as_mut() => return,
            () = connection.cut.notified() => return,
            () = connection.close.notified(), if !is_closing => {}
            _ = stopping.wait_for(|stopping| *stopping), if !is_closing => {}
        }
        // A request that has arrived meanwhile still gets its answer.
        is_closing = true;
        serving.as_mut().graceful_shutdown();
    }
}

/// What a connection does.
#[derive(Debug)]
struct Connection {
    clock: Arc<Clock>,
    /// How many of its requests wait for their answer.
    running: AtomicUsize,
    /// When the first byte of the next request arrived; 0 if none has.
    head_since: AtomicU64,
    /// The number of its last use.
    last_use: AtomicU64,
    /// Whether it was asked to close.
    is_leaving: AtomicBool,
    close: Notify,
    cut: Notify,
}

impl Connection {
    fn new(clock: &Arc<Clock>) -> Self {
        Connection {
            clock: Arc::clone(clock),
            running: AtomicUsize::new(0),
            head_since: AtomicU64::new(0),
            last_use: AtomicU64::new(clock.next_use()),
            is_leaving: AtomicBool::new(false),
            close: Notify::new(),
            cut: Notify::new(),
        }
    }

    fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0
            && self.head_since.load(Ordering::Relaxed) == 0
            && !self.is_leaving.load(Ordering::Relaxed)
    }

    /// Notes that bytes have arrived: of a body if a request runs, else of the next head.
    fn received(&self) {
        if self.running.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.clock.now(), Ordering::Relaxed);
        }
    }
}

/// What all connections measure by.
#[derive(Debug)]
struct Clock {
    begun: Instant,
    uses: AtomicU64,
}

impl Clock {
    /// Returns the time in milliseconds, never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Numbers a use of a connection.
    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

/// A request whose head is there and whose answer is not.
struct Running(Arc<Connection>);

impl Running {
    fn begin(connection: &Arc<Connection>) -> Self {
        connection.running.fetch_add(1, Ordering::Relaxed);
        connection.head_since.store(0, Ordering::Relaxed);
        Running(Arc::clone(connection))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.last_use.store(self.0.clock.next_use(), Ordering::Relaxed);
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that notes when something arrives.
struct Watched {
    stream: UnixStream,
    connection: Arc<Connection>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.connection.received();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The connections that are open.
#[derive(Debug)]
struct Table {
    clock: Arc<Clock>,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
}

impl Table {
    fn new() -> Self {
        let clock = Arc::new(Clock { begun: Instant::now(), uses: AtomicU64::new(0) });
        Table { clock, next: AtomicU64::new(0), open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection that has been idle the longest, if there are `most` or more.
    fn make_room(&self, most: usize) {
        let open = self.open();
        if open.len() < most {
            return;
        }
        let idle = open.values().filter(|connection| connection.is_idle());
        if let Some(oldest) = idle.min_by_key(|connection| connection.last_use.load(Ordering::Relaxed)) {
            oldest.is_leaving.store(true, Ordering::Relaxed);
            oldest.close.notify_one();
        }
    }

    /// Cuts off the clients that have been sending the head of a request for longer than `limit`.
    fn cut_off_slow(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let now = self.clock.now();
        for connection in self.open().values() {
            let since = connection.head_since.load(Ordering::Relaxed);
            if since > 0 && now.saturating_sub(since) > limit {
                connection.cut.notify_one();
            }
        }
    }
}

/// A place in the table, free again when it is dropped.
struct Entry<'t> {
    table: &'t Table,
    number: u64,
    connection: Arc<Connection>,
}

impl<'t> Entry<'t> {
    fn new(table: &'t Table) -> Self {
        let number = table.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(&table.clock));
        table.open().insert(number, Arc::clone(&connection));
        Entry { table, number, connection }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.table.open().remove(&self.number);
    }
}
