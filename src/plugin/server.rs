//! The server: runtime, connections, signals, the sweep.
//!
//! It ends in this order: the socket's name goes, so that nobody new comes (unless the name is
//! systemd's, which keeps new ones waiting for the next driver); who waits at the socket is let in; running calls have [`Options::grace`] to end, and those that have not are
//! told that the driver stops; then the connections close.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};

use super::call::{Dispatcher, what_failed};
use super::protocol::{Answer, CONTENT_TYPE};
use super::service::VolumeService;
use super::socket::{self, Place, SocketError};

/// How many calls may block at once.
const MAX_BLOCKING_THREADS: usize = 512;
/// How many of those may be Mounts that wait at a gate; the rest are for other calls.
const MAX_WAITING_MOUNTS: usize = MAX_BLOCKING_THREADS * 3 / 4;
/// The longest body that is a request, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The longest body that is read to its end, so that its sender can hear why it was refused.
const MAX_DRAINED: usize = 64 << 20;
/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long those who wait at the socket have to be let in, once its name is gone.
const LET_IN: Duration = Duration::from_millis(100);
/// How long the last answers have to be sent.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why the driver does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Threads or signal handlers cannot be had.
    #[error("cannot start the driver: {0}")]
    Start(#[source] io::Error),
    /// The listener failed.
    #[error("the driver's socket failed: {0}")]
    Listener(#[source] io::Error),
    /// A second signal came while calls were still running.
    #[error("stopped by a second signal while calls were still running")]
    Interrupted,
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long running calls may take once the driver was told to stop.
    pub grace: Duration,
    /// The time between two sweeps.
    pub sweep_every: Duration,
    /// Told when the driver has come so far; must not block.
    pub phase: fn(Phase),
}

/// How far the driver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// What had died is cleared up, and calls are answered.
    Serving,
    /// It was told to stop, or cannot go on.
    Stopping,
}

impl Default for Options {
    fn default() -> Self {
        Options { grace: Duration::from_secs(5), sweep_every: Duration::from_secs(2), phase: |_| {} }
    }
}

/// Serves `service` at `place` until SIGTERM or SIGINT. Must not be called inside a runtime.
///
/// # Errors
/// When it cannot start, or a second signal came before running calls had ended.
pub fn serve(
    place: impl Into<Place>,
    service: Arc<dyn VolumeService>,
    options: &Options,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("dvol-driver")
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
        .map_err(ServeError::Start)?;
    let served = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Start)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let mut serving = pin!(serve_until(place, service, options, async {
            let _ = stopped.await;
        }));
        let mut stop = Some(stop);
        loop {
            tokio::select! {
                served = &mut serving => return served,
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            match stop.take() {
                Some(stop) => drop(stop.send(())),
                None => return Err(ServeError::Interrupted),
            }
        }
    });
    // Who still blocks was told that the driver stops; nobody waits for its thread.
    runtime.shutdown_background();
    served
}

/// Serves `service` at `place` until `shutdown` is ready, inside a runtime of the caller's.
///
/// # Errors
/// When it cannot start.
pub async fn serve_until(
    place: impl Into<Place>,
    service: Arc<dyn VolumeService>,
    options: &Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let mut shutdown = pin!(shutdown);
    // Had first: who calls during the recovery waits, instead of finding nobody.
    let (listener, claim) = socket::listen_at(place.into()).await?;
    let recovered = tokio::select! {
        () = guarded(Arc::clone(&service), "recovery", VolumeService::recover) => true,
        () = &mut shutdown => false,
    };

    // Told to stop so early, it has only one answer, but it has that for all who called.
    let (leave, leaving) = watch::channel(!recovered);
    let (close, closing) = oneshot::channel::<()>();
    let dispatcher = Dispatcher::new(Arc::clone(&service), MAX_WAITING_MOUNTS, leaving);
    let mut connections = spawn_server(listener, dispatcher, closing);
    let mut served = Ok(());
    if recovered {
        let sweeper = tokio::spawn(sweep_forever(Arc::clone(&service), options.sweep_every));
        let aligner = tokio::spawn(align_forever(Arc::clone(&service), options.sweep_every));
        let behind = tokio::spawn(work_behind(service, options.sweep_every * SPARE));
        tracing::info!(socket = %claim.path().display(), "serving");
        (options.phase)(Phase::Serving);
        tokio::select! {
            ended = &mut connections => served = joined(ended),
            () = &mut shutdown => tracing::info!("stopping"),
        }
        sweeper.abort();
        aligner.abort();
        behind.abort();
    }
    (options.phase)(Phase::Stopping);
    claim.release();
    if served.is_ok() {
        tokio::time::sleep(LET_IN).await;
        let _ = close.send(());
        if tokio::time::timeout(options.grace, &mut connections).await.is_err() {
            tracing::warn!("calls are still running; leaving without them");
            let _ = leave.send(true);
            let _ = tokio::time::timeout(LAST_WORDS, &mut connections).await;
            connections.abort();
        }
    }
    tracing::info!("stopped");
    served
}

/// The accept loop ends by itself only when it fails.
fn joined(ended: Result<io::Result<()>, JoinError>) -> Result<(), ServeError> {
    let failed = ended.map_err(io::Error::other).flatten();
    Err(ServeError::Listener(failed.err().unwrap_or_else(|| io::Error::other("it was closed"))))
}

fn spawn_server(
    listener: UnixListener,
    dispatcher: Dispatcher,
    closing: oneshot::Receiver<()>,
) -> JoinHandle<io::Result<()>> {
    let app = Router::new().fallback(move |request: Request| handle(dispatcher.clone(), request));
    tokio::spawn(async move {
        let closed = async {
            let _ = closing.await;
        };
        axum::serve(listener, app).with_graceful_shutdown(closed).await
    })
}

/// Answers one request on a task of its own: what it began it ends, whether or not somebody still
/// listens, and its panic is an answer.
async fn handle(dispatcher: Dispatcher, request: Request) -> Response {
    let answer = tokio::spawn(async move {
        let path = request.uri().path().to_owned();
        let body = tokio::time::timeout(BODY_TIME, read_body(request.into_body())).await;
        let body = body.unwrap_or_else(|_| Err("the request did not end in time".to_owned()));
        dispatcher.answer(&path, body).await.ok_or(path)
    });
    let (status, answer) = match answer.await {
        Ok(Ok(answer)) => (StatusCode::OK, answer),
        Ok(Err(path)) => {
            tracing::warn!(path, "no such call");
            (StatusCode::NOT_FOUND, Answer::refused(format!("the dvol driver knows no call {path}")))
        }
        Err(failed) => (StatusCode::OK, Answer::refused(what_failed(failed))),
    };
    let body = serde_json::to_vec(&answer).expect("an answer consists of texts and maps of texts");
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

/// Reads a whole body. One that is too long is still read (and forgotten): a sender that is cut
/// off would see a broken connection, not the reason.
async fn read_body(mut body: Body) -> Result<Vec<u8>, String> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| format!("the request broke off: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAX_BODY {
            bytes.extend_from_slice(&data);
        } else if length > MAX_DRAINED {
            break;
        }
    }
    if length > MAX_BODY {
        return Err(format!("the request is too long: {MAX_BODY} bytes are the most"));
    }
    Ok(bytes)
}

/// So many sweeps come before what can wait.
const SPARE: u32 = 3;

async fn sweep_forever(service: Arc<dyn VolumeService>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        guarded(Arc::clone(&service), "sweep", VolumeService::sweep).await;
    }
}

async fn align_forever(service: Arc<dyn VolumeService>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        guarded(Arc::clone(&service), "alignment", VolumeService::align).await;
    }
}

async fn work_behind(service: Arc<dyn VolumeService>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        guarded(Arc::clone(&service), "spare time", VolumeService::idle).await;
    }
}

/// Runs background work on a thread that may block; its panic ends nothing.
async fn guarded(service: Arc<dyn VolumeService>, what: &'static str, work: fn(&dyn VolumeService)) {
    if let Err(failed) = tokio::task::spawn_blocking(move || work(service.as_ref())).await {
        tracing::error!("{what}: {}", what_failed(failed));
    }
}
