//! A container engine in memory, on a socket as a real one: it remembers which containers run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Paused,
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    /// The names of the volumes that it mounts, with spaces between them.
    pub(crate) volume: &'static str,
    pub(crate) status: Status,
    /// The engine deletes it when it stops.
    pub(crate) auto_remove: bool,
}

pub(crate) type Containers = BTreeMap<String, Container>;

pub(crate) struct Engine {
    directory: TempDir,
    containers: Arc<Mutex<Containers>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _inside = runtime.enter();
        let listener = tokio::net::UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let containers = Arc::new(Mutex::new(Containers::new()));
        let shared = Arc::clone(&containers);
        // What every volume of another driver holds.
        let foreign = directory.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("file"), "from elsewhere").unwrap();
        let app = Router::new().fallback(move |request: Request| {
            let answer =
                answer(&mut shared.lock().unwrap(), &foreign, request.method(), request.uri().path());
            async move { (StatusCode::from_u16(answer.0).unwrap(), answer.1.to_string()) }
        });
        runtime.spawn(async move { axum::serve(listener, app).await });
        drop(_inside);
        Engine { directory, containers, runtime: Some(runtime) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    pub(crate) fn set(&self, containers: &Containers) {
        self.containers.lock().unwrap().clone_from(containers);
    }

    pub(crate) fn now(&self) -> Containers {
        self.containers.lock().unwrap().clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A name as an engine has ids: 64 hex digits.
fn id_of(name: &str) -> String {
    name.bytes()
        .map(|b| format!("{b:02x}"))
        .collect::<String>()
        .chars()
        .chain("0".repeat(64).chars())
        .take(64)
        .collect()
}

fn answer(containers: &mut Containers, foreign: &Path, method: &Method, path: &str) -> (u16, Value) {
    if let Some((_, name)) = path.split_once("/volumes/") {
        let volume = json!({"Name": name, "Driver": "local", "Mountpoint": foreign, "Labels": {}, "Options": {},
            "Scope": "local"});
        return (200, volume);
    }
    let words: Vec<&str> = path.split('/').skip_while(|word| *word != "containers").skip(1).collect();
    if words == ["json"] {
        let list = containers.iter().map(|(name, container)| listed(name, container)).collect();
        return (200, Value::Array(list));
    }
    if path.ends_with("/version") {
        return (200, json!({"Version": "20.10.24", "ApiVersion": "1.41"}));
    }
    if path.ends_with("/volumes") {
        return (200, json!({"Volumes": []}));
    }
    let [id, verb] = words[..] else { return (500, json!({"message": format!("unexpected {path}")})) };
    let Some(name) = containers.keys().find(|name| id_of(name) == id).cloned() else {
        return (404, json!({"message": "No such container"}));
    };
    let container = containers.get_mut(&name).unwrap();
    let conflict = |what: &str| (409, json!({"message": format!("container is {what}")}));
    let (status, answer) = match (method, verb, container.status) {
        (&Method::GET, "json", status) => {
            let state = json!({"Running": status != Status::Stopped, "Paused": status == Status::Paused});
            let body = json!({"Id": id, "State": state, "HostConfig": {"AutoRemove": container.auto_remove}});
            return (200, body);
        }
        (_, "stop", Status::Stopped) | (_, "start", Status::Running) => return (304, Value::Null),
        (_, "stop", _) => (Status::Stopped, (204, Value::Null)),
        (_, "start", Status::Stopped) => (Status::Running, (204, Value::Null)),
        (_, "pause", Status::Running) => (Status::Paused, (204, Value::Null)),
        (_, "unpause", Status::Paused) => (Status::Running, (204, Value::Null)),
        (_, "restart", _) => (Status::Running, (204, Value::Null)),
        (_, _, status) => return conflict(&format!("{status:?}")),
    };
    container.status = status;
    if verb == "stop" && container.auto_remove {
        containers.remove(&name);
    }
    answer
}

fn listed(name: &str, container: &Container) -> Value {
    let (state, status) = match container.status {
        Status::Running => ("running", "Up 2 minutes"),
        Status::Paused => ("paused", "Up 2 minutes (Paused)"),
        Status::Stopped => ("exited", "Exited (0) 2 minutes ago"),
    };
    let mount = |volume| {
        let driver = if volume == "foreign" { "local" } else { "dvol" };
        json!({"Type": "volume", "Name": volume, "Driver": driver, "Source": "",
        "Destination": format!("/{volume}"), "Mode": "z", "RW": true, "Propagation": ""})
    };
    let mounts: Vec<Value> = container.volume.split(' ').map(mount).collect();
    json!({"Id": id_of(name), "Names": [format!("/{name}")], "Created": 1_700_000_000, "State": state,
        "Status": status, "Mounts": mounts, "HostConfig": {"NetworkMode": "default"}, "Image": "busybox"})
}
