//! Against a small engine of our own, over a socket as a real one.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::containers::Health;

type Answers = Vec<(&'static str, u16, Value)>;

/// An engine that answers each kind of request with the next answer prepared for it; the last one
/// of a kind stays. It refuses requests in versions of the API that it does not have.
struct FakeEngine {
    directory: TempDir,
    /// The requests, without their version.
    asked: Arc<Mutex<Vec<String>>>,
    /// The versions that it has.
    versions: Arc<Mutex<RangeInclusive<u32>>>,
    /// The version of each request: `1.N`.
    asked_in: Arc<Mutex<Vec<u32>>>,
    _runtime: Runtime,
}

struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        self.0.take().unwrap().shutdown_background();
    }
}

impl FakeEngine {
    fn new(answers: Answers) -> Self {
        let directory = TempDir::new().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _inside = runtime.enter();
        let listener = tokio::net::UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let (log, answers) = (Arc::clone(&asked), Arc::new(Mutex::new(VecDeque::from(answers))));
        let versions = Arc::new(Mutex::new(12..=41));
        let (has, asked_in) = (Arc::clone(&versions), Arc::new(Mutex::new(Vec::new())));
        let log_versions = Arc::clone(&asked_in);
        let app = Router::new().fallback(move |request: Request| {
            let has = has.lock().unwrap().clone();
            let path = request.uri().to_string();
            let versioned = path.strip_prefix("/v1.").and_then(|rest| rest.split_once('/'));
            let answer = match versioned {
                None if path == "/_ping" => {
                    ([("api-version", format!("1.{}", has.end()))], "OK").into_response()
                }
                None => (StatusCode::BAD_REQUEST, "no version").into_response(),
                Some((version, path)) => {
                    let version: u32 = version.parse().unwrap();
                    log_versions.lock().unwrap().push(version);
                    if has.contains(&version) {
                        let asked = format!("{} /{path}", request.method());
                        let answer = next_answer(&answers, &asked);
                        log.lock().unwrap().push(asked);
                        answer
                    } else {
                        let message = format!("client version 1.{version} is not one of {has:?}");
                        (StatusCode::BAD_REQUEST, json!({ "message": message }).to_string()).into_response()
                    }
                }
            };
            async move { answer }
        });
        runtime.spawn(async move { axum::serve(listener, app).await });
        FakeEngine { directory, asked, versions, asked_in, _runtime: Runtime(Some(runtime)) }
    }

    /// Gives it other versions of the API: `1.N`.
    fn set_versions(&self, versions: RangeInclusive<u32>) {
        *self.versions.lock().unwrap() = versions;
    }

    fn docker(&self) -> Docker {
        Docker::new(Some(&format!("unix://{}", self.directory.path().join("engine.sock").display())))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn next_answer(answers: &Mutex<VecDeque<(&'static str, u16, Value)>>, asked: &str) -> Response {
    let mut answers = answers.lock().unwrap();
    let matching: Vec<usize> =
        answers.iter().enumerate().filter(|(_, a)| asked.contains(a.0)).map(|(at, _)| at).collect();
    let (_, status, body) = match matching.as_slice() {
        [] => ("", 500, json!({"message": format!("unexpected {asked}")})),
        [last] => answers[*last].clone(),
        [first, ..] => answers.remove(*first).unwrap(),
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn mount(typ: &str, name: &str, driver: &str) -> Value {
    json!({"Type": typ, "Name": name, "Driver": driver, "Source": "", "Destination": "/d", "Mode": "z", "RW": true, "Propagation": ""})
}

fn container(digit: char, state: &str, status: &str, mounts: &[Value]) -> Value {
    json!({"Id": id(digit), "Names": [format!("/other/alias{digit}"), format!("/name-{digit}")], "Created": 1_700_000_000 + i64::from(digit as u32),
        "State": state, "Status": status, "Mounts": mounts, "HostConfig": {"NetworkMode": "default"}, "Image": "busybox"})
}

fn ours(digit: char, state: &str, status: &str) -> Value {
    container(digit, state, status, &[mount("volume", "db", "dvol")])
}

#[test]
fn the_group_that_root_is_mapped_to_is_in_the_name_of_the_engines_directory() {
    let security = |options: &[&str]| options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
    let mapped = security(&["name=seccomp,profile=default", "name=userns"]);
    assert_eq!(remapped_group(&mapped, "/var/lib/docker/300000.300001"), Some(300_001));
    assert_eq!(remapped_group(&mapped, "/var/lib/docker"), None);
    assert_eq!(remapped_group(&security(&["name=rootless"]), "/home/me/1000.1000"), None);
}

#[test]
fn a_container_that_mounts_a_volume_twice_is_one_container_with_two_mounts() {
    let (db, other) = (mount("volume", "db", "dvol"), mount("volume", "other", "dvol"));
    let listed = json!([container('1', "running", "Up 2 seconds", &[db.clone(), other, db])]);
    let engine = FakeEngine::new(vec![("GET /containers/json", 200, listed)]);
    let mounts = |volume: &str| -> Vec<usize> {
        let users = engine.docker().users_of(&volume.parse().unwrap()).unwrap();
        users.iter().map(|user| user.mounts).collect()
    };
    assert_eq!((mounts("db"), mounts("other")), (vec![2], vec![1]));
}

#[test]
fn only_volumes_of_the_driver_count_and_the_oldest_is_first() {
    let engine = FakeEngine::new(vec![(
        "GET /containers/json",
        200,
        json!([
            container(
                '3',
                "paused",
                "",
                &[mount("volume", "db", "dvol:latest"), mount("volume", "db", "dvol")]
            ),
            container(
                '2',
                "restarting",
                "",
                &[mount("volume", "db", "dvol"), mount("volume", "other", "dvol")]
            ),
            container('1', "exited", "", &[mount("volume", "db", "local")]),
            container('4', "running", "", &[mount("bind", "db", "dvol"), mount("volume", "db2", "dvol")]),
            container('0', "exited", "", &[mount("volume", "db", "dvol")]),
        ]),
    )]);
    let docker = engine.docker();
    let users = docker.users_of(&"db".parse().unwrap()).unwrap();
    let seen: Vec<_> = users.iter().map(|c| (c.name.as_str(), c.state)).collect();
    assert_eq!(seen, [("name-0", State::Stopped), ("name-2", State::Running), ("name-3", State::Paused)]);
    assert_eq!(docker.users_of(&"d".parse().unwrap()).unwrap(), []);
    let all = docker.users().unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), ["db", "db2", "other"]);
    assert_eq!(all["db"].len(), 3);
    let asked = engine.asked();
    assert_eq!(asked.len(), 3, "one call each: {asked:?}");
    assert!(
        asked[0].contains("all=true") && asked[0].contains("%7B%22volume%22%3A%5B%22db%22%5D%7D"),
        "{asked:?}"
    );
}

#[test]
fn what_was_made_within_one_second_keeps_the_engines_order() {
    let mut list: Vec<_> = ['2', '3', '1'].map(|digit| ours(digit, "running", "Up")).into();
    for container in &mut list {
        container["Created"] = json!(7);
    }
    let engine = FakeEngine::new(vec![("GET /containers/json", 200, Value::Array(list))]);
    let users = engine.docker().users_of(&"db".parse().unwrap()).unwrap();
    let names: Vec<_> = users.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["name-1", "name-3", "name-2"], "engines list the newest first");
}

#[test]
fn every_call_is_made_in_the_newest_version_that_both_know() {
    // Docker 20.10, one like Docker 29, and one that is newer than this client.
    for (versions, asked_in) in [(12..=41, 41), (44..=52, 52), (44..=90, 53)] {
        let engine = FakeEngine::new(vec![("GET /containers/json", 200, json!([]))]);
        engine.set_versions(versions);
        let docker = engine.docker();
        assert!(docker.users().unwrap().is_empty() && docker.users().unwrap().is_empty());
        assert_eq!(*engine.asked_in.lock().unwrap(), [asked_in; 2]);
    }
    let newer = FakeEngine::new(vec![]);
    newer.set_versions(60..=70);
    let error = newer.docker().users().unwrap_err().to_string();
    assert!(
        error.ends_with("the container engine answered: client version 1.53 is not one of 60..=70"),
        "{error}"
    );
}

#[test]
fn an_engine_of_another_version_in_the_same_place_is_found_at_the_next_call() {
    let engine = FakeEngine::new(vec![("GET /containers/json", 200, json!([]))]);
    let docker = engine.docker();
    docker.users().unwrap();
    engine.set_versions(44..=52);
    docker.users().unwrap_err();
    docker.users().unwrap();
    assert_eq!(*engine.asked_in.lock().unwrap(), [41, 41, 52]);
}

#[test]
fn an_engine_that_is_not_there_is_named_at_once() {
    let begun = Instant::now();
    let directory = TempDir::new().unwrap();
    let missing = directory.path().join("none.sock");
    let stale = directory.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    for (endpoint, reason) in [
        (format!("unix://{}", missing.display()), "No such file"),
        (missing.display().to_string(), "No such file"),
        (format!("unix://{}", stale.display()), "refused"),
        ("tcp://127.0.0.1:1".to_owned(), "refused"),
        ("docker.sock".to_owned(), "starts with unix://"),
        ("ssh://host".to_owned(), "TLS and ssh are not supported"),
        ("https://host:2376".to_owned(), "TLS and ssh are not supported"),
    ] {
        let error = Docker::new(Some(&endpoint)).users().unwrap_err();
        assert!(matches!(error, ContainerError::Unreachable { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&endpoint) && text.contains(reason), "{text}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn podman_is_told_by_its_version() {
    for (component, is_podman) in [("Engine", false), ("Podman Engine", true)] {
        let version = json!({"Components": [{"Name": component, "Version": "4.3.1"}]});
        let info = json!({"ServerVersion": "4.3.1", "Plugins": {"Volume": ["local"]}});
        let plugins = json!({"message": "not found"});
        let engine = FakeEngine::new(vec![
            ("GET /version", 200, version),
            ("GET /info", 200, info),
            ("GET /plugins", 404, plugins),
        ]);
        assert_eq!(engine.docker().restart_mounts_anew().unwrap(), !is_podman);
        let about = engine.docker().about().unwrap();
        assert_eq!((about.finds_drivers, about.version.starts_with("podman 4.3.1")), (!is_podman, is_podman));
    }
}

#[test]
fn an_engine_that_comes_up_later_is_found() {
    let engine = FakeEngine::new(vec![("GET /containers/json", 200, json!([]))]);
    let (real, hidden) =
        (engine.directory.path().join("engine.sock"), engine.directory.path().join("hidden"));
    rustix::fs::rename(&real, &hidden).unwrap();
    let docker = engine.docker();
    assert!(docker.users().is_err());
    rustix::fs::rename(&hidden, &real).unwrap();
    assert!(docker.users().unwrap().is_empty());
}

#[test]
fn a_refused_or_garbled_list_says_so() {
    let engine = FakeEngine::new(vec![
        ("GET /containers/json", 500, json!({"message": "driver trouble"})),
        ("GET /containers/json", 200, json!({"not": "a list"})),
    ]);
    let error = engine.docker().users().unwrap_err();
    assert_eq!(error.to_string(), "cannot list containers: the container engine answered: driver trouble");
    assert!(matches!(engine.docker().users().unwrap_err(), ContainerError::Engine { .. }));
}

#[test]
fn stop_passes_on_the_timeout_and_tells_a_kill_from_an_end() {
    for (timeout, status, outcome, query) in [
        (None, "Exited (0) 1 second ago", StopOutcome::Ended, "/stop?"),
        (None, "Exited (137) Less than a second ago", StopOutcome::Killed, "/stop?"),
        (Some(Duration::from_millis(2500)), "Exited (143) 1 second ago", StopOutcome::Ended, "/stop?t=3"),
    ] {
        let engine = FakeEngine::new(vec![
            ("GET /containers/json", 200, json!([ours('1', "running", "Up 2 hours")])),
            ("GET /containers/json", 200, json!([ours('1', "exited", status)])),
            ("POST", 204, Value::Null),
            ("/json", 200, json!({"Id": id('1'), "Config": {"StopTimeout": 3}, "State": {"Running": true}})),
        ]);
        assert_eq!(engine.docker().stop(&id('1'), timeout, &Patience::ENDLESS).unwrap(), outcome);
        let asked = engine.asked();
        let stop = asked.iter().find(|a| a.starts_with("POST")).unwrap();
        assert!(stop.ends_with(query), "{stop}");
    }
}

#[test]
fn what_is_stopped_already_is_left_alone() {
    let engine = FakeEngine::new(vec![(
        "GET /containers/json",
        200,
        json!([ours('1', "exited", "Exited (137) 3 days ago")]),
    )]);
    assert_eq!(engine.docker().stop(&id('1'), None, &Patience::ENDLESS).unwrap(), StopOutcome::Ended);
    assert_eq!(engine.asked().len(), 1);
}

#[test]
fn a_list_that_lags_behind_a_stop_is_looked_at_again() {
    let listed = |state: &str, status: &str| ("GET /containers/json", 200, json!([ours('1', state, status)]));
    let engine = FakeEngine::new(vec![
        listed("running", "Up 2 hours"),
        listed("running", "Up 2 hours"),
        listed("exited", "Exited (0) 1 second ago"),
        ("POST", 204, Value::Null),
    ]);
    let timeout = Some(Duration::from_secs(1));
    assert_eq!(engine.docker().stop(&id('1'), timeout, &Patience::ENDLESS).unwrap(), StopOutcome::Ended);
}

#[test]
fn a_container_that_does_not_stop_is_named() {
    let running = || ("GET /containers/json", 200, json!([ours('1', "running", "Up 2 hours")]));
    let timeout = Some(Duration::from_secs(1));
    let engine = FakeEngine::new(vec![running(), ("POST", 204, Value::Null)]);
    let error = engine.docker().stop(&id('1'), timeout, &Patience::ENDLESS).unwrap_err();
    assert_eq!(error.to_string(), "cannot stop container name-1: it is still running");
    let engine = FakeEngine::new(vec![running(), ("POST", 500, json!({"message": "permission denied"}))]);
    let error = engine.docker().stop(&id('1'), timeout, &Patience::ENDLESS).unwrap_err();
    assert_eq!(error.to_string(), "cannot stop container name-1: permission denied");
}

#[test]
fn a_container_that_deletes_itself_may_be_gone_after_its_stop_but_not_before() {
    let engine = FakeEngine::new(vec![
        ("GET /containers/json", 200, json!([ours('1', "running", "Up 2 hours")])),
        ("GET /containers/json", 200, json!([])),
        ("POST", 204, Value::Null),
    ]);
    let docker = engine.docker();
    assert_eq!(
        docker.stop(&id('1'), Some(Duration::from_secs(1)), &Patience::ENDLESS).unwrap(),
        StopOutcome::Ended
    );
    let error = docker.stop(&id('1'), None, &Patience::ENDLESS).unwrap_err();
    assert_eq!(error.to_string(), "container name-1 does not exist any more");
}

#[test]
fn a_runtime_that_gives_up_freezing_is_asked_again() {
    let running = ("GET /containers/json", 200, json!([ours('1', "running", "Up")]));
    let message = "Cannot pause container 1: OCI runtime pause failed: unable to freeze: unknown";
    let gave_up = || ("/pause", 500, json!({ "message": message }));
    let engine = FakeEngine::new(vec![running.clone(), gave_up(), gave_up(), ("/pause", 204, Value::Null)]);
    engine.docker().pause(&id('1')).unwrap();
    assert_eq!(engine.asked().iter().filter(|asked| asked.contains("/pause")).count(), 3);

    let engine = FakeEngine::new(vec![running.clone(), gave_up()]);
    let error = engine.docker().pause(&id('1')).unwrap_err().to_string();
    assert!(error.contains("unable to freeze"), "{error}");
    let engine = FakeEngine::new(vec![running, ("/pause", 500, json!({"message": "no freezer here"}))]);
    engine.docker().pause(&id('1')).unwrap_err();
    assert_eq!(engine.asked().iter().filter(|asked| asked.contains("/pause")).count(), 1);
}

#[test]
fn what_is_so_already_is_no_error() {
    let engine = FakeEngine::new(vec![("/start", 304, Value::Null), ("/stop", 304, Value::Null)]);
    engine.docker().start(&id('1')).unwrap();

    let paused = ("GET /containers/json", 200, json!([ours('1', "paused", "Up (Paused)")]));
    let already = ("/pause", 409, json!({"message": "Container 1 is already paused"}));
    FakeEngine::new(vec![paused.clone(), already]).docker().pause(&id('1')).unwrap();

    let running = ("GET /containers/json", 200, json!([ours('1', "running", "Up")]));
    let not_paused = || ("/unpause", 409, json!({"message": "Container 1 is not paused"}));
    FakeEngine::new(vec![running, not_paused()]).docker().unpause(&id('1')).unwrap();

    let stopped = ("GET /containers/json", 200, json!([ours('1', "exited", "Exited (0)")]));
    let error = FakeEngine::new(vec![stopped, not_paused()]).docker().unpause(&id('1')).unwrap_err();
    assert_eq!(error.to_string(), "cannot unpause container name-1: Container 1 is not paused");
}

#[test]
fn a_404_means_gone_only_when_the_container_is_what_is_missing() {
    let list = || ("GET /containers/json", 200, json!([]));
    let gone = ("/start", 404, json!({"message": format!("No such container: {}", id('1'))}));
    let error = FakeEngine::new(vec![list(), gone]).docker().start(&id('1')).unwrap_err();
    assert!(matches!(&error, ContainerError::Gone { name } if name == "111111111111"), "{error:?}");
    let network = ("/start", 404, json!({"message": "network abc not found"}));
    let error = FakeEngine::new(vec![list(), network]).docker().start(&id('1')).unwrap_err();
    assert_eq!(error.to_string(), "cannot start container 111111111111: network abc not found");
}

#[test]
fn details_tell_whether_it_runs_and_deletes_itself() {
    for (state, running) in [
        (json!({"Running": true, "Paused": false, "Restarting": false}), true),
        (json!({"Running": true, "Paused": true, "Restarting": false}), false),
        (json!({"Running": true, "Restarting": true}), false),
        (json!({"Running": false}), false),
    ] {
        let engine = FakeEngine::new(vec![(
            "/json",
            200,
            json!({"Id": id('1'), "State": state.clone(), "HostConfig": {"AutoRemove": true}}),
        )]);
        let details = engine.docker().details(&id('1')).unwrap();
        assert_eq!(
            details,
            Details {
                auto_remove: true,
                running,
                restarting: state["Restarting"] == true,
                health: None,
                check: None,
                retries: 3,
            }
        );
    }
    let engine =
        FakeEngine::new(vec![("/json", 404, json!({"message": format!("No such container: {}", id('1'))}))]);
    assert!(matches!(engine.docker().details(&id('1')).unwrap_err(), ContainerError::Gone { .. }));
}

#[test]
fn health_comes_from_the_list_where_that_has_it() {
    let inspected = json!({"Id": id('1'), "State": {"Running": true, "Health": {"Status": "starting"}},
        "Config": {"Healthcheck": {"Test": ["CMD", "x"]}}});
    for (health, inspects) in [(json!({"Status": "healthy", "FailingStreak": 0}), 1), (Value::Null, 2)] {
        let mut listed = ours('1', "running", "Up 1 second (health: starting)");
        listed["Health"] = health;
        let engine = FakeEngine::new(vec![
            ("GET /containers/json", 200, json!([listed])),
            ("1111/json", 200, inspected.clone()),
        ]);
        let docker = engine.docker();
        let known = docker.details(&id('1')).unwrap();
        let now = docker.details_now(&id('1'), &known).unwrap();
        assert_eq!(now.health == Some(Health::Healthy), inspects == 1);
        assert_eq!((now.check, now.running), (known.check, true));
        let asked = engine.asked().iter().filter(|asked| asked.contains("1111/json")).count();
        assert_eq!(asked, inspects);
    }
    let gone = json!({"message": format!("No such container: {}", id('1'))});
    let engine = FakeEngine::new(vec![
        ("GET /containers/json", 200, json!([])),
        ("1111/json", 200, inspected),
        ("1111/json", 404, gone),
    ]);
    let known = engine.docker().details(&id('1')).unwrap();
    let error = engine.docker().details_now(&id('1'), &known).unwrap_err();
    assert!(matches!(error, ContainerError::Gone { .. }), "{error:?}");
}

#[test]
fn calls_may_come_from_many_threads_and_from_inside_a_runtime() {
    let engine = FakeEngine::new(vec![("GET /containers/json", 200, json!([ours('1', "running", "Up")]))]);
    let docker = Arc::new(engine.docker());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(docker.users().unwrap().len(), 1));
        }
    });
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(async move {
        assert_eq!(docker.users().unwrap().len(), 1);
        drop(docker);
    });
}

#[test]
fn a_socket_that_may_not_be_opened_says_why() {
    let engine = FakeEngine::new(vec![("GET /containers/json", 200, json!([]))]);
    let socket = engine.directory.path().join("engine.sock");
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    match engine.docker().users() {
        // Root may open it all the same.
        Ok(_) => assert!(rustix::process::geteuid().is_root()),
        Err(error) => assert!(error.to_string().contains("Permission denied"), "{error}"),
    }
}

#[test]
fn a_call_that_is_not_answered_ends_when_its_time_is_up() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("mute.sock");
    let _mute = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let connection = Connection::new(socket.to_str().unwrap());
    let begun = Instant::now();
    let answer = connection.call(Duration::from_millis(200), |client| async move {
        client.list_containers(None::<ListContainersOptions>).await
    });
    assert!(matches!(answer, Err(CallError::TimedOut)), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_containers_mounts_are_told_by_their_paths_on_the_host() {
    let inspected = json!({"Mounts": [
        {"Type": "volume", "Name": "x", "Source": "/volumes/x/_data", "Destination": "/var/lib/dvol"},
        {"Type": "volume", "Name": "db", "Driver": "dvol", "Source": "", "Destination": "/data"},
        {"Type": "bind", "Source": "/run/docker/plugins", "Destination": "/run/docker/plugins"},
    ]});
    let missing = json!({"message": format!("No such container: {}", id('b'))});
    let engine = FakeEngine::new(vec![("aaaa/json", 200, inspected), ("bbbb/json", 404, missing)]);
    let mount = |source: &str, destination: &str| HostMount {
        source: source.into(),
        destination: destination.into(),
    };
    let expected =
        [mount("/volumes/x/_data", "/var/lib/dvol"), mount("/run/docker/plugins", "/run/docker/plugins")];
    assert_eq!(engine.docker().mounts_of(&id('a')).unwrap().unwrap(), expected);
    assert_eq!(engine.docker().mounts_of(&id('b')).unwrap(), None);
    let nowhere = Docker::new(Some("unix:///nosuch.sock"));
    assert!(matches!(nowhere.mounts_of(&id('a')), Err(ContainerError::Unreachable { .. })));
}
