//! Handles one call: from a request's path and body to its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinError;

use super::protocol::{Answer, Request};
use super::service::{VolumeInfo, VolumeService};
use crate::model::VolumeName;

/// How long to retry a failing read. Engines wait 60 s for the answer.
const READ_RETRY_LIMIT: Duration = Duration::from_secs(10);
/// The first pause between two tries; each further one doubles, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The calls of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Activate,
    Capabilities,
    Create,
    Remove,
    List,
    Get,
    Path,
    Mount,
    Unmount,
}

impl Call {
    fn from_path(path: &str) -> Option<Self> {
        Some(match path.strip_prefix('/')? {
            "Plugin.Activate" => Call::Activate,
            "VolumeDriver.Capabilities" => Call::Capabilities,
            "VolumeDriver.Create" => Call::Create,
            "VolumeDriver.Remove" => Call::Remove,
            "VolumeDriver.List" => Call::List,
            "VolumeDriver.Get" => Call::Get,
            "VolumeDriver.Path" => Call::Path,
            "VolumeDriver.Mount" => Call::Mount,
            "VolumeDriver.Unmount" => Call::Unmount,
            _ => return None,
        })
    }
}

/// Answers calls by asking a service.
#[derive(Clone)]
pub(super) struct Dispatcher {
    service: Arc<dyn VolumeService>,
    mounts: Arc<Semaphore>,
    /// Becomes true when the driver no longer waits for running calls.
    leaving: watch::Receiver<bool>,
}

impl Dispatcher {
    /// Creates a dispatcher to `service`; at most `max_mounts` Mounts wait at once.
    pub(super) fn new(
        service: Arc<dyn VolumeService>,
        max_mounts: usize,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        Dispatcher { service, mounts: Arc::new(Semaphore::new(max_mounts)), leaving }
    }

    /// Answers a request; returns `None` if the protocol has no such call. `body` is the reason if
    /// it could not be read.
    pub(super) async fn answer(&self, path: &str, body: Result<Vec<u8>, String>) -> Option<Answer> {
        let call = Call::from_path(path)?;
        let begun = Instant::now();
        let (name, answer) = match self.parse(call, body) {
            Ok(request) => {
                let name = request.name.clone().unwrap_or_default();
                (name, self.unless_leaving(self.dispatch(call, request)).await)
            }
            Err(answer) => (String::new(), answer),
        };
        log(call, &name, begun.elapsed(), &answer);
        Some(answer)
    }

    fn parse(&self, call: Call, body: Result<Vec<u8>, String>) -> Result<Request, Answer> {
        if matches!(call, Call::Activate | Call::Capabilities | Call::List) {
            return Ok(Request::default());
        }
        let refuse = |reason: String| Answer::refused(format!("VolumeDriver.{call:?}: {reason}"));
        let request = Request::parse(&body.map_err(refuse)?).map_err(|error| refuse(error.to_string()))?;
        match request.name.as_deref() {
            None | Some("") => Err(refuse("the name of the volume is missing".to_owned())),
            Some(_) => Ok(request),
        }
    }

    async fn dispatch(&self, call: Call, request: Request) -> Answer {
        match call {
            Call::Activate => {
                self.service.on_activate();
                return Answer::ACTIVATE;
            }
            Call::Capabilities => return Answer::CAPABILITIES,
            Call::List => {
                let listed = self.read(VolumeService::list).await;
                return listed.map_or_else(Answer::refused, Answer::volumes);
            }
            _ => {}
        }
        let name: VolumeName = match request.name.unwrap_or_default().parse() {
            Ok(name) => name,
            Err(error) => return Answer::refused(error.to_string()),
        };
        let id = request.id.unwrap_or_default();
        let done = |result: Result<(), String>| result.map_or_else(Answer::refused, |()| Answer::done());
        let mounted = |result: Result<PathBuf, String>| {
            result.map_or_else(Answer::refused, |path| Answer::mountpoint(&path))
        };
        match call {
            Call::Activate | Call::Capabilities | Call::List => unreachable!("answered above"),
            Call::Create => {
                let options = request.opts.unwrap_or_default();
                done(self.ask(move |service| service.create(&name, options)).await)
            }
            Call::Remove => done(self.ask(move |service| service.remove(&name)).await),
            Call::Get => self.get(name).await,
            Call::Path => mounted(self.ask(move |service| service.path(&name)).await),
            Call::Mount => {
                let _turn = self.mounts.acquire().await;
                mounted(self.ask(move |service| service.mount(&name, &id)).await)
            }
            Call::Unmount => done(self.ask(move |service| service.unmount(&name, &id)).await),
        }
    }

    async fn get(&self, name: VolumeName) -> Answer {
        let wanted = name.clone();
        let found: Result<Option<VolumeInfo>, String> = self.read(move |service| service.get(&wanted)).await;
        match found {
            Ok(Some(info)) => Answer::volume(info),
            Ok(None) => Answer::refused(format!("volume {name} does not exist")),
            Err(error) => Answer::refused(error),
        }
    }

    /// Asks the service on a thread that may block; turns a panic into an error.
    async fn ask<T, F>(&self, question: F) -> Result<T, String>
    where
        T: Send + 'static,
        F: FnOnce(&dyn VolumeService) -> Result<T, String> + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        let asked = tokio::task::spawn_blocking(move || question(service.as_ref())).await;
        asked.unwrap_or_else(|failed| Err(what_failed(failed)))
    }

    /// Asks the service for something that changes nothing, and retries errors for a while.
    async fn read<T, F>(&self, question: F) -> Result<T, String>
    where
        T: Send + 'static,
        F: Fn(&dyn VolumeService) -> Result<T, String> + Clone + Send + 'static,
    {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.ask(question.clone()).await {
                Err(error) if begun.elapsed() + pause < READ_RETRY_LIMIT => {
                    tracing::warn!(%error, "cannot read the volumes, trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                told => return told,
            }
        }
    }

    /// Answers a call that still waits when the driver has to stop. An engine that sees its
    /// connection close without an answer sends the request again, with an empty body.
    async fn unless_leaving(&self, answer: impl Future<Output = Answer>) -> Answer {
        let stopping = || Answer::refused("the dvol driver is stopping");
        let mut leaving = self.leaving.clone();
        if *leaving.borrow() {
            return stopping();
        }
        tokio::select! {
            biased;
            answer = answer => answer,
            Ok(_) = leaving.wait_for(|leaving| *leaving) => stopping(),
        }
    }
}

/// Words a panic for the engine's user; its location and backtrace are in the log.
pub(super) fn what_failed(failed: JoinError) -> String {
    match failed.try_into_panic() {
        Ok(panic) => {
            let words = panic.downcast_ref::<&str>().copied();
            let words = words.or(panic.downcast_ref::<String>().map(String::as_str));
            format!("bug in the dvol driver: {}", words.unwrap_or("panic without a message"))
        }
        Err(cancelled) => cancelled.to_string(),
    }
}

fn log(call: Call, name: &str, took: Duration, answer: &Answer) {
    let err = answer.err();
    let result = err.unwrap_or("ok");
    match (call, err) {
        // Engines call Get before each Create, so "does not exist" is normal.
        (Call::Get | Call::List, _) => tracing::debug!(?call, name, ?took, result),
        (_, None) => tracing::info!(?call, name, ?took, result),
        (_, Some(_)) => tracing::warn!(?call, name, ?took, result),
    }
}
