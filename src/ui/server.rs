//! The server: runtime, listener, signals.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::access::{Access, Secrets};
use super::app::{Advise, App};
use super::jobs::{Jobs, Program};
use super::live::{Event, Live};
use super::routes;
use crate::pool::Pool;

/// How many pages may be made at once.
const MAX_BLOCKING_THREADS: usize = 32;

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// Other machines could reach the address.
    #[error("cannot serve the page at {0}: only this machine may reach it")]
    NotLoopback(IpAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// Threads or signal handlers cannot be created.
    #[error("cannot start the server: {0}")]
    Start(#[source] io::Error),
    /// The listener failed.
    #[error("cannot accept connections: {0}")]
    Serve(#[source] io::Error),
}

/// What the page is served with.
pub struct Options {
    /// The address to listen on: one of loopback.
    pub address: IpAddr,
    /// The port; 0 means any that is free.
    pub port: u16,
    /// The secrets of this run.
    pub secrets: Secrets,
    /// How to run commands.
    pub program: Program,
    /// Says what to do about an error.
    pub advise: Advise,
    /// The driver's socket, for its health.
    pub socket: PathBuf,
    /// Called with the first address once the server listens.
    pub ready: Box<dyn FnOnce(&str)>,
    /// Called with how many commands the server waits for once it has to stop.
    pub waiting: fn(usize),
}

/// Serves the page of a pool until SIGTERM or SIGINT; then waits until the commands that run are
/// over. Must not be called inside a runtime.
///
/// # Errors
/// When the address is not one of loopback, or cannot be listened on.
pub fn serve(pool: Pool, options: Options) -> Result<(), UiError> {
    if !options.address.is_loopback() {
        return Err(UiError::NotLoopback(options.address));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name("dvol-ui")
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
        .map_err(UiError::Start)?;
    let app = runtime.block_on(listen(pool, options))?;
    let (app, waiting) = app;
    let running = app.jobs.running();
    if running > 0 {
        waiting(running);
        app.jobs.finish();
    }
    // Pages that are still being made have no reader any more.
    runtime.shutdown_background();
    Ok(())
}

async fn listen(pool: Pool, options: Options) -> Result<(Arc<App>, fn(usize)), UiError> {
    let wanted = SocketAddr::new(options.address, options.port);
    let failed = |source| UiError::Listen { address: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let host = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let access = Access::new(options.secrets, &host, address.port());
    let first = format!("http://{host}:{}/{}", address.port(), access.first_query());
    let live = Live::new();
    let jobs = Jobs::new(options.program, live.clone());
    let layout = pool.layout().clone();
    let app = Arc::new(App::new(pool, access, jobs, live, options.advise, options.socket));
    let changed = Arc::clone(&app);
    app.live.watch(&layout, Arc::new(move || changed.read_trash()));

    let mut terminate = signal(SignalKind::terminate()).map_err(UiError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(UiError::Start)?;
    (options.ready)(&first);
    let stopping = Arc::clone(&app);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.live.tell(Event::Stopping);
    };
    let routes = routes::router(Arc::clone(&app));
    axum::serve(listener, routes).with_graceful_shutdown(stop).await.map_err(UiError::Serve)?;
    Ok((app, options.waiting))
}
