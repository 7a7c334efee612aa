//! The server: runtime, connections, signals, background work.
//!
//! A stop takes these steps: remove the socket's path, so that no new client connects (a socket
//! that systemd owns stays, and new clients wait for the next driver); accept the clients that wait
//! already; give running calls [`Options::grace`] to end, then answer the rest that the driver is
//! stopping; close the connections.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::Incoming;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};

use super::call::{Dispatcher, what_failed};
use super::connections;
use super::protocol::{Answer, CONTENT_TYPE, REQUEST_TYPE};
use super::service::VolumeService;
use super::socket::{self, Place, SocketError};

/// How many calls may block at once.
const MAX_BLOCKING_THREADS: usize = 512;
/// How many of those may be waiting Mounts; the rest serve other calls.
const MAX_WAITING_MOUNTS: usize = MAX_BLOCKING_THREADS * 3 / 4;
/// The longest request body, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The longest body to read to its end, in bytes, so that its sender can read why it was refused.
const MAX_DRAINED_BYTES: usize = 64 << 20;
/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to keep accepting waiting clients after the socket's path is removed.
const LAST_ACCEPT_TIME: Duration = Duration::from_millis(100);
/// How long to wait for the last answers to be sent.
const LAST_ANSWER_TIME: Duration = Duration::from_millis(500);
/// How many sweep intervals lie between two runs of idle work.
const IDLE_INTERVAL_SWEEPS: u32 = 3;

/// Why the driver cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be used.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Threads or signal handlers cannot be created.
    #[error("cannot start the driver: {0}")]
    Start(#[source] io::Error),
    /// The listener failed.
    #[error("cannot accept connections: {0}")]
    Listener(#[source] io::Error),
    /// A second signal came while calls were still running.
    #[error("stopped by a second signal while calls were still running")]
    Interrupted,
}

/// Options of the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long running calls may take once the driver has to stop.
    pub grace: Duration,
    /// The time between two sweeps.
    pub sweep_every: Duration,
    /// How long a client may take to send the head of a request.
    pub head_timeout: Duration,
    /// Called when the driver reaches a phase; must not block.
    pub phase: fn(Phase),
}

/// A phase in the driver's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Recovery is done, and calls are answered.
    Serving,
    /// The driver has to stop, or cannot go on.
    Stopping,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            grace: Duration::from_secs(5),
            sweep_every: Duration::from_secs(2),
            head_timeout: Duration::from_secs(30),
            phase: |_| {},
        }
    }
}

/// Serves `service` at `place` until SIGTERM or SIGINT. Must not be called inside a runtime.
///
/// # Errors
/// When it cannot start, or a second signal arrives before running calls end.
pub fn serve(
    place: impl Into<Place>,
    service: Arc<dyn VolumeService>,
    options: &Options,
) -> Result<(), ServeError> {
    connections::raise_limit();
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
    // Calls that still block have had their answer; do not wait for their threads.
    runtime.shutdown_background();
    served
}

/// Serves `service` at `place` until `shutdown` is ready, inside the caller's runtime.
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
    // Listen first, so that clients wait during the recovery instead of finding no driver.
    let (listener, claim) = socket::listen_at(place.into()).await?;
    let recovered = tokio::select! {
        () = guarded(Arc::clone(&service), "recovery", VolumeService::recover) => true,
        () = &mut shutdown => false,
    };

    // A driver that has to stop during the recovery still answers the clients that wait.
    let (leave, leaving) = watch::channel(!recovered);
    let (close, closing) = oneshot::channel::<()>();
    let dispatcher = Dispatcher::new(Arc::clone(&service), MAX_WAITING_MOUNTS, leaving);
    let mut connections =
        tokio::spawn(connections::serve(listener, dispatcher, options.head_timeout, closing));
    let mut served = Ok(());
    if recovered {
        let every = options.sweep_every;
        let background = [
            repeat(&service, every, "recovery", VolumeService::sweep),
            repeat(&service, every, "reconciling mounts", VolumeService::reconcile),
            repeat(&service, every * IDLE_INTERVAL_SWEEPS, "idle work", VolumeService::idle),
        ];
        tracing::info!(socket = %claim.path().display(), "serving");
        (options.phase)(Phase::Serving);
        tokio::select! {
            ended = &mut connections => served = joined(ended),
            () = &mut shutdown => tracing::info!("stopping"),
        }
        background.iter().for_each(JoinHandle::abort);
    }
    (options.phase)(Phase::Stopping);
    claim.release();
    guarded(Arc::clone(&service), "leaving", VolumeService::leave).await;
    if served.is_ok() {
        tokio::time::sleep(LAST_ACCEPT_TIME).await;
        let _ = close.send(());
        if tokio::time::timeout(options.grace, &mut connections).await.is_err() {
            tracing::warn!("calls are still running; stopping without them");
            let _ = leave.send(true);
            let _ = tokio::time::timeout(LAST_ANSWER_TIME, &mut connections).await;
            connections.abort();
        }
    }
    tracing::info!("stopped");
    served
}

/// Returns why the accept loop ended, which it does by itself only on a failure.
fn joined(ended: Result<io::Result<()>, JoinError>) -> Result<(), ServeError> {
    let failed = ended.map_err(io::Error::other).flatten();
    Err(ServeError::Listener(failed.err().unwrap_or_else(|| io::Error::other("the socket was closed"))))
}

/// Answers one request on a task of its own, which runs to its end even if the client disconnects.
/// Turns a panic into an answer.
pub(super) async fn handle(dispatcher: Dispatcher, request: Request<Incoming>) -> Response {
    // Podman, which names the type of its requests, takes status 200 for success, whatever `Err`
    // says. Docker names none, and shows an error of status 200 as it is.
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_podman = kind.is_some_and(|kind| kind.as_bytes().starts_with(REQUEST_TYPE));
    let failure = if is_podman { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    let answer = tokio::spawn(async move {
        let path = request.uri().path().to_owned();
        let body = tokio::time::timeout(BODY_TIMEOUT, read_body(request.into_body())).await;
        let body = body.unwrap_or_else(|_| Err("the request did not arrive in time".to_owned()));
        dispatcher.answer(&path, body).await.ok_or(path)
    });
    let (status, answer) = match answer.await {
        Ok(Ok(answer)) => (if answer.err().is_some() { failure } else { StatusCode::OK }, answer),
        Ok(Err(path)) => {
            tracing::warn!(path, "unknown call");
            (StatusCode::NOT_FOUND, Answer::refused(format!("unknown call {path}")))
        }
        Err(failed) => (failure, Answer::refused(what_failed(failed))),
    };
    let body = serde_json::to_vec(&answer).expect("an answer consists of strings and maps");
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

/// Reads a whole body. Also reads (and discards) one that is too long: a sender that is cut off
/// would see a broken connection instead of the reason.
async fn read_body(mut body: Incoming) -> Result<Vec<u8>, String> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| format!("cannot read the request: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&data);
        } else if length > MAX_DRAINED_BYTES {
            break;
        }
    }
    if length > MAX_BODY_BYTES {
        return Err(format!("the request is too long: more than {MAX_BODY_BYTES} bytes"));
    }
    Ok(bytes)
}

/// Does background work at intervals, never twice at once.
fn repeat(
    service: &Arc<dyn VolumeService>,
    every: Duration,
    what: &'static str,
    work: fn(&dyn VolumeService),
) -> JoinHandle<()> {
    let service = Arc::clone(service);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            guarded(Arc::clone(&service), what, work).await;
        }
    })
}

/// Runs background work on a thread that may block; logs a panic and goes on.
async fn guarded(service: Arc<dyn VolumeService>, what: &'static str, work: fn(&dyn VolumeService)) {
    if let Err(failed) = tokio::task::spawn_blocking(move || work(service.as_ref())).await {
        tracing::error!("{what}: {}", what_failed(failed));
    }
}
