//! A container engine in memory, on a socket as a real one: it remembers which containers run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Status {
    Running,
    Paused,
    Stopped,
}

/// How a container was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ended {
    Stopped,
    Killed,
}

/// A container as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The names of the volumes that it mounts, with spaces between them.
    pub volume: &'static str,
    /// Whether it runs.
    pub status: Status,
    /// The engine deletes it when it stops.
    pub auto_remove: bool,
}

/// The version of the API that it has: that of Docker 20.10.
const NEWEST: &str = "1.41";

/// A volume of another driver.
pub const FOREIGN: &str = "foreign";

/// What the name of a container begins with that is removed at the call that its name ends with.
pub const LEAVES_AT: &str = "leaves_at_";

/// What the name of a container begins with that has a health check, which fails as many times
/// after each start and thaw as its name ends with. The engine itself never runs the check.
pub const READY_AFTER: &str = "ready_after_";
/// What the name of a container begins with that compose starts after another one is healthy: the
/// one whose name follows.
pub const NEEDS: &str = "needs_";
/// A container with a health check whose program it does not have, but which the engine finds
/// healthy in the end.
pub const WITHOUT_PROGRAM: &str = "without_program";
/// A container with a health check that ends as soon as it is started.
pub const SHORT_LIVED: &str = "short_lived";
/// The health check of all of them.
pub const CHECK: &str = "check";

/// Containers by name.
pub type Containers = BTreeMap<String, Container>;

/// What a command that comes before a commit begins with.
pub const BEFORE: &str = "before";
/// What a command that comes after a commit begins with.
pub const AFTER: &str = "after";

/// What stands for a start of a container among the commands that were run.
pub const START: &str = "start";

/// What happened inside containers.
#[derive(Default)]
struct Inside {
    /// The commands that were run, each with its container. None does anything; those that end in
    /// `fails` fail. The starts are among them.
    commands: Vec<(String, String)>,
    /// How often each container was looked at or its health was checked since its processes began
    /// to run; none for one that the engine calls healthy.
    looks: BTreeMap<String, usize>,
    /// The containers that were frozen, and not checked since.
    thawed: BTreeSet<String>,
    /// How each container was ended, in order.
    ended: Vec<(String, Ended)>,
    /// The files that a container writes when it starts.
    written_at_start: Vec<PathBuf>,
    /// The version that the image of all containers says.
    database: String,
    /// Records each call, by its method and path.
    calls: Vec<String>,
}

/// A container engine that serves its socket until it is dropped.
pub struct FakeEngine {
    directory: TempDir,
    containers: Arc<Mutex<Containers>>,
    inside: Arc<Mutex<Inside>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl FakeEngine {
    /// Lets every container append a byte to these files when it starts, as databases do.
    pub fn write_at_start(&self, files: &[PathBuf]) {
        self.inside.lock().unwrap().written_at_start = files.to_vec();
    }

    /// Changes the version that the image of all containers says.
    pub fn set_database(&self, version: &str) {
        self.inside.lock().unwrap().database = version.to_owned();
    }

    /// Starts an engine without containers.
    #[expect(clippy::new_without_default, reason = "it starts something")]
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _inside = runtime.enter();
        let listener = tokio::net::UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let containers = Arc::new(Mutex::new(Containers::new()));
        let inside = Arc::new(Mutex::new(Inside::default()));
        let (shared, within) = (Arc::clone(&containers), Arc::clone(&inside));
        // What every volume of another driver holds.
        let foreign = directory.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("file"), "from elsewhere").unwrap();
        let app = Router::new().fallback(move |request: Request| {
            let (shared, within, foreign) = (Arc::clone(&shared), Arc::clone(&within), foreign.clone());
            async move {
                let (mut head, body) = request.into_parts();
                let (version, path) = split_version(&head.uri.to_string());
                let newest = [("api-version", NEWEST)];
                if path == "/_ping" {
                    return (StatusCode::OK, newest).into_response();
                }
                if version.as_deref() != Some(NEWEST) {
                    let message = format!("asked in version {version:?}, not {NEWEST}");
                    return (StatusCode::BAD_REQUEST, json!({ "message": message }).to_string())
                        .into_response();
                }
                head.uri = path.parse().unwrap();
                let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
                let (containers, path) = (&mut shared.lock().unwrap(), head.uri.path());
                let inside = &mut within.lock().unwrap();
                inside.calls.push(format!("{} {path}", head.method));
                let (status, answer) = match execute(containers, inside, path, &body) {
                    Some(answer) => answer,
                    None => {
                        let kills = head.uri.query().is_some_and(|query| query.contains("signal=SIGKILL"));
                        answer(containers, inside, &foreign, (&head.method, path), kills)
                    }
                };
                let upgrade = [(header::CONNECTION, "Upgrade"), (header::UPGRADE, "tcp")];
                let upgrade = (status == 101).then_some(upgrade).into_iter().flatten();
                let body = if status == 101 { String::new() } else { answer.to_string() };
                (StatusCode::from_u16(status).unwrap(), AppendHeaders(upgrade), body).into_response()
            }
        });
        runtime.spawn(async move { axum::serve(listener, app).await });
        drop(_inside);
        FakeEngine { directory, containers, inside, runtime: Some(runtime) }
    }

    /// Returns the path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// Replaces its containers, and forgets the commands that were run.
    pub fn set(&self, containers: &Containers) {
        self.containers.lock().unwrap().clone_from(containers);
        *self.inside.lock().unwrap() = Inside::default();
    }

    /// Takes out the calls that were recorded, and forgets them: each is a method and a path.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.inside.lock().unwrap().calls)
    }

    /// Lists how containers were ended since the last call, sorted by name.
    pub fn ended(&self) -> Vec<(String, Ended)> {
        let mut ended = std::mem::take(&mut self.inside.lock().unwrap().ended);
        ended.sort_by(|one, other| one.0.cmp(&other.0));
        ended
    }

    /// Counts how often a command was run in a container.
    pub fn ran(&self, container: &str, command: &str) -> usize {
        let inside = self.inside.lock().unwrap();
        inside.commands.iter().filter(|(own, run)| own == container && run == command).count()
    }

    /// Lists the commands that were run and the starts, each with its container, in order.
    pub fn history(&self) -> Vec<(String, String)> {
        self.inside.lock().unwrap().commands.clone()
    }

    /// Lists the containers in which a command before a commit was run and none after it.
    pub fn owed(&self) -> Vec<String> {
        let commands = &self.inside.lock().unwrap().commands;
        let last = |container: &str, kind: &str| {
            commands.iter().rposition(|(own, command)| own == container && command.starts_with(kind))
        };
        let mut owed: Vec<String> = commands.iter().map(|(container, _)| container.clone()).collect();
        owed.retain(|container| last(container, BEFORE) > last(container, AFTER));
        owed
    }

    /// Returns its containers as they are now.
    pub fn now(&self) -> Containers {
        self.containers.lock().unwrap().clone()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Takes the version of the API from the front of a path.
fn split_version(path: &str) -> (Option<String>, String) {
    match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) => (Some(version.to_owned()), format!("/{rest}")),
        None => (None, path.to_owned()),
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

fn leaves_at(name: &str, verb: &str) -> bool {
    name.strip_prefix(LEAVES_AT) == Some(verb)
}

/// Answers what has to do with commands inside containers.
fn execute(containers: &Containers, inside: &mut Inside, path: &str, body: &[u8]) -> Option<(u16, Value)> {
    let words: Vec<&str> = path.split('/').collect();
    match words[..] {
        [.., "containers", id, "exec"] => {
            let (name, container) = containers.iter().find(|(name, _)| id_of(name) == id)?;
            if leaves_at(name, "exec") {
                return None;
            }
            if container.status != Status::Running {
                return Some((409, json!({"message": format!("container is {:?}", container.status)})));
            }
            let asked: Value = serde_json::from_slice(body).unwrap();
            let words = asked["Cmd"].as_array().unwrap();
            inside.commands.push((name.clone(), words.last().unwrap().as_str().unwrap().to_owned()));
            Some((201, json!({"Id": (inside.commands.len() - 1).to_string()})))
        }
        // It writes nothing, and ends at once.
        [.., "exec", _, "start"] => Some((101, Value::Null)),
        [.., "exec", id, "json"] => {
            let (name, command) = &inside.commands[id.parse::<usize>().unwrap()];
            let code = if command == CHECK {
                let runs = inside.looks.entry(name.clone()).or_default();
                *runs += 1;
                inside.thawed.remove(name);
                match name.strip_prefix(READY_AFTER) {
                    Some(failures) => i32::from(*runs <= failures.parse().unwrap()),
                    None => 127,
                }
            } else {
                i32::from(command.ends_with("fails"))
            };
            Some((200, json!({"ID": id, "Running": false, "ExitCode": code})))
        }
        _ => None,
    }
}

/// What the engine says of a container's health.
fn health(inside: &mut Inside, name: &str, status: Status) -> &'static str {
    if status == Status::Paused || inside.thawed.contains(name) {
        return "unhealthy";
    }
    match inside.looks.get_mut(name) {
        None => "healthy",
        Some(_) if name.starts_with(READY_AFTER) => "starting",
        Some(looks) => {
            *looks += 1;
            if *looks > 3 { "healthy" } else { "starting" }
        }
    }
}

fn answer(
    containers: &mut Containers,
    inside: &mut Inside,
    foreign: &Path,
    (method, path): (&Method, &str),
    kills: bool,
) -> (u16, Value) {
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
    if let Some((_, name)) = path.split_once("/images/") {
        // It has one image.
        let config = json!({"Env": ["PATH=/bin", format!("PG_VERSION={}", inside.database)]});
        return match name.trim_end_matches("/json") {
            "postgres:15" => (200, json!({"Id": "postgres:15", "Config": config})),
            _ => (404, json!({"message": "No such image"})),
        };
    }
    if path.ends_with("/volumes") {
        return (200, json!({"Volumes": []}));
    }
    let [id, verb] = words[..] else { return (500, json!({"message": format!("unexpected {path}")})) };
    containers.retain(|name, _| id_of(name) != id || !leaves_at(name, verb));
    let Some(name) = containers.keys().find(|name| id_of(name) == id).cloned() else {
        return (404, json!({"message": "No such container"}));
    };
    let container = containers.get_mut(&name).unwrap();
    let conflict = |what: &str| (409, json!({"message": format!("container is {what}")}));
    let (status, answer) = match (method, verb, container.status) {
        (&Method::GET, "json", status) => {
            let mut state = json!({"Running": status != Status::Stopped, "Paused": status == Status::Paused});
            let mut config = json!({});
            if [READY_AFTER, WITHOUT_PROGRAM, SHORT_LIVED].iter().any(|prefix| name.starts_with(prefix)) {
                // Nothing has failed: freezing alone makes an engine say "unhealthy".
                state["Health"] = json!({"Status": health(inside, &name, status), "FailingStreak": 0});
                config = json!({"Healthcheck": {"Test": ["CMD", CHECK]}});
            }
            let host = json!({"AutoRemove": container.auto_remove});
            return (200, json!({"Id": id, "State": state, "Config": config, "HostConfig": host}));
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
    if matches!(verb, "start" | "restart") {
        for file in &inside.written_at_start {
            let before = std::fs::read(file).unwrap_or_default();
            std::fs::write(file, [&before[..], b"+"].concat()).unwrap();
        }
    }
    if verb == "stop" {
        inside.ended.push((name.clone(), if kills { Ended::Killed } else { Ended::Stopped }));
    }
    if status == Status::Running {
        inside.looks.insert(name.clone(), 0);
        if verb == START {
            inside.commands.push((name.clone(), START.to_owned()));
        }
        if verb == "unpause" {
            inside.thawed.insert(name.clone());
        }
        if name == SHORT_LIVED {
            container.status = Status::Stopped;
        }
    }
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
        let driver = if volume == FOREIGN { "local" } else { "dvol" };
        json!({"Type": "volume", "Name": volume, "Driver": driver, "Source": "",
        "Destination": format!("/{volume}"), "Mode": "z", "RW": true, "Propagation": ""})
    };
    let mounts: Vec<Value> = container.volume.split(' ').map(mount).collect();
    let needed = name.strip_prefix(NEEDS).map(|needed| format!("{needed}:service_healthy:false"));
    let labels = json!({"com.docker.compose.project": "app", "com.docker.compose.service": name,
        "com.docker.compose.depends_on": needed.clone().unwrap_or_default()});
    let labels = if needed.is_some() || name.starts_with(READY_AFTER) { labels } else { json!({}) };
    json!({"Id": id_of(name), "Names": [format!("/{name}")], "Created": 1_700_000_000, "State": state,
        "Status": status, "Labels": labels, "Mounts": mounts, "HostConfig": {"NetworkMode": "default"}, "Image": "postgres:15"})
}
