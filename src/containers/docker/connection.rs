//! Connects to an engine: a client and a small runtime, both created at the first call.
//!
//! Calls block their thread and may come from any thread: several at once, from a blocking thread
//! of another runtime, or from inside a runtime. Therefore the future runs on a thread of our own
//! runtime and the caller waits on a channel, which works everywhere.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bollard::errors::Error as BollardError;
use hyper::http::uri::Authority;
use tokio::runtime::{Builder, Handle, Runtime};

use super::transport::{self, Address};
use crate::containers::Patience;

/// How often a wait looks whether it was given up.
const POLL: Duration = Duration::from_millis(50);
/// The wait after which the caller hears that it is long.
const NOTICE_AFTER: Duration = Duration::from_secs(1);

/// Why a call failed, without what it was for.
#[derive(Debug)]
pub(super) enum CallError {
    /// The engine did not answer, or the connection broke.
    Unreachable(String),
    /// The engine did not answer in time.
    TimedOut,
    /// The caller gave up the wait.
    GivenUp,
    /// The engine refused.
    Answer { status: u16, message: String },
    /// The engine's answer cannot be parsed.
    Other(String),
}

impl CallError {
    /// Returns whether the engine does not know the container. A 404 alone is not enough: an engine
    /// also answers a start with it when a network of the container is missing.
    pub(super) fn is_no_such_container(&self) -> bool {
        match self {
            CallError::Answer { status: 404, message } => {
                let message = message.to_lowercase();
                message.contains("no such container") || message.contains("no container with")
            }
            _ => false,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Unreachable(reason) | CallError::Other(reason) => f.write_str(reason),
            CallError::TimedOut => f.write_str("the container engine did not answer in time"),
            CallError::GivenUp => f.write_str("interrupted"),
            CallError::Answer { status, message } if message.is_empty() => {
                write!(f, "the container engine answered with status {status}")
            }
            CallError::Answer { message, .. } => f.write_str(message.trim_end()),
        }
    }
}

/// An engine's address, with a client once a call was made.
#[derive(Debug)]
pub(super) struct Connection {
    endpoint: String,
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    runtime: Option<Runtime>,
    client: Option<bollard::Docker>,
}

impl Connection {
    pub(super) fn new(endpoint: &str) -> Self {
        Connection { endpoint: endpoint.to_owned(), made: Mutex::default() }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns whether this user may not open the engine's socket.
    pub(super) fn is_denied(&self) -> bool {
        let tried = socket_path(&self.endpoint).map(UnixStream::connect);
        tried.is_some_and(|tried| tried.is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied))
    }

    /// Makes one call and waits at most `limit` for its answer.
    pub(super) fn call<T, F, Fut>(&self, limit: Duration, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce(bollard::Docker) -> Fut,
        Fut: Future<Output = Result<T, BollardError>> + Send + 'static,
    {
        self.call_patiently(limit, &Patience::ENDLESS, call)
    }

    /// Makes one call that waits for a container, at most `limit`.
    pub(super) fn call_patiently<T, F, Fut>(
        &self,
        limit: Duration,
        patience: &Patience<'_>,
        call: F,
    ) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: FnOnce(bollard::Docker) -> Fut,
        Fut: Future<Output = Result<T, BollardError>> + Send + 'static,
    {
        let (handle, client) = self.client()?;
        // The client's own timeout covers only the head of an answer; ours covers all of it.
        let answer = call(client.with_timeout(limit.saturating_add(Duration::from_secs(1))));
        let (sender, receiver) = mpsc::sync_channel(1);
        let task = handle.spawn(async move {
            let _ = sender.send(tokio::time::timeout(limit, answer).await);
        });
        let (start, mut is_told) = (Instant::now(), false);
        let received = loop {
            match receiver.recv_timeout(POLL) {
                Err(RecvTimeoutError::Timeout) if patience.is_over() => {
                    task.abort();
                    return Err(CallError::GivenUp);
                }
                Err(RecvTimeoutError::Timeout) if !is_told && start.elapsed() >= NOTICE_AFTER => {
                    is_told = true;
                    (patience.slow)();
                }
                Err(RecvTimeoutError::Timeout) => {}
                other => break other,
            }
        };
        match received {
            Ok(Ok(answer)) => answer.map_err(classify),
            Ok(Err(_elapsed)) => Err(CallError::TimedOut),
            Err(_gone) => Err(CallError::Other("the call to the container engine panicked".to_owned())),
        }
    }

    /// Returns the client. Tries again after a failure, since the engine may come up later.
    fn client(&self) -> Result<(Handle, bollard::Docker), CallError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match &made.runtime {
            Some(runtime) => runtime.handle().clone(),
            None => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("dvol-engine")
                    .enable_all()
                    .build()
                    .map_err(|error| CallError::Other(format!("cannot start a thread: {error}")))?;
                made.runtime.insert(runtime).handle().clone()
            }
        };
        let client = match &made.client {
            Some(client) => client.clone(),
            None => made.client.insert(connect(&self.endpoint)?).clone(),
        };
        Ok((handle, client))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let made = self.made.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A plain drop would wait, and panic inside another runtime.
        if let Some(runtime) = made.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Creates a client for `endpoint`.
fn connect(endpoint: &str) -> Result<bollard::Docker, CallError> {
    // Each call sets its own timeout.
    let seconds = 60;
    let tcp = endpoint.strip_prefix("tcp://").or(endpoint.strip_prefix("http://"));
    let address = if let Some(path) = socket_path(endpoint) {
        Address::Socket(path.to_owned())
    } else if let Some(address) = tcp {
        let authority = address.trim_end_matches('/').parse::<Authority>();
        Address::Tcp(authority.map_err(|error| CallError::Unreachable(error.to_string()))?)
    } else if endpoint.starts_with("https://") || endpoint.starts_with("ssh://") {
        return Err(CallError::Unreachable("TLS and ssh are not supported".to_owned()));
    } else {
        let reason = "an address starts with unix://, tcp:// or http://".to_owned();
        return Err(CallError::Unreachable(reason));
    };
    transport::client(&address, seconds).map_err(classify)
}

fn socket_path(endpoint: &str) -> Option<&str> {
    endpoint.strip_prefix("unix://").or(endpoint.starts_with('/').then_some(endpoint))
}

fn classify(error: BollardError) -> CallError {
    match error {
        BollardError::DockerResponseServerError { status_code, message } => {
            CallError::Answer { status: status_code, message }
        }
        BollardError::RequestTimeoutError => CallError::TimedOut,
        BollardError::IOError { err } => CallError::Unreachable(err.to_string()),
        error @ BollardError::HyperResponseError { .. } => CallError::Unreachable(root_cause(&error)),
        error => CallError::Other(error.to_string()),
    }
}

/// Returns the innermost reason, since "client error (Connect)" does not help.
fn root_cause(error: &BollardError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    match cause.downcast_ref::<io::Error>() {
        Some(error) => error.to_string(),
        None => format!("the connection broke: {cause}"),
    }
}
