//! The way to an engine: a name on the network, a socket that this user may not open.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};
use std::thread;

use rustix::process::geteuid;

use crate::harness::Pool;

fn dvol_at(pool: &Pool, endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(support::dvol());
    command.args(arguments).env("DVOL_POOL", pool.root()).env("DOCKER_HOST", endpoint).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A static program dies where these load modules of another C library (`/etc/nsswitch.conf`).
#[test]
fn the_program_asks_the_c_library_for_no_host_and_no_user_by_name() {
    let listed = Command::new("nm").args(["-D", "--undefined-only"]).arg(support::dvol()).output();
    let listed = text(&listed.expect("nm is installed, as the linker is").stdout);
    let symbols = || listed.split(' ').map(|word| word.split('@').next().unwrap_or(word));
    assert!(symbols().any(|symbol| symbol == "write"), "nm shows no symbol: {listed}");
    let lookups = ["getaddrinfo", "getnameinfo", "gethostby", "getpwnam", "getgrnam", "getservby", "dlopen"];
    let found: Vec<_> =
        symbols().filter(|symbol| lookups.iter().any(|name| symbol.starts_with(name))).collect();
    assert_eq!(found, Vec::<&str>::new());
    // The library for completions would look up the home directory, by getpwuid_r, if HOME is
    // unset.
    let mut complete = Command::new(support::dvol());
    complete.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2").env_remove("HOME");
    let output = complete.args(["--", "dvol", "--pool", "~/"]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn an_engine_is_found_by_its_name_and_one_that_has_none_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let engine = thread::spawn(move || {
        let answer = |answer: &[u8]| {
            let (mut stream, _) = listener.accept().unwrap();
            let head: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
            stream.write_all(answer).unwrap();
            head
        };
        // First it is asked which versions it knows.
        answer(b"HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Length: 2\r\n\r\nOK");
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    });
    let pool = Pool::with_volume();
    let output = dvol_at(&pool, &format!("tcp://localhost:{port}"), &["list"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let head = engine.join().unwrap();
    assert!(head[0].starts_with("GET /v1.44/") && head[0].contains("containers/json"), "{head:?}");
    assert!(head.iter().any(|line| line.to_lowercase() == format!("host: localhost:{port}")), "{head:?}");

    let output = dvol_at(&pool, "tcp://nosuch.invalid:2375", &["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("cannot find the address of nosuch.invalid"), "{said}");
}

#[test]
fn a_user_who_may_not_open_the_socket_hears_of_sudo_and_the_docker_group() {
    let pool = Pool::with_volume();
    let socket = pool.dir().join("engine.sock");
    let _engine = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, Permissions::from_mode(0o000)).unwrap();
    // As a user whom the mode binds.
    let bound = "-dac_override,-dac_read_search";
    let run = |verb: &[&str]| {
        let mut command = Command::new(support::dvol());
        if geteuid().is_root() {
            command = Command::new("setpriv");
            command.args(["--bounding-set", bound, "--inh-caps", bound]).arg(support::dvol());
        }
        command.args(verb).env("DVOL_POOL", pool.root());
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().unwrap()
    };
    let output = run(&["commit", "-m", "one", "db"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (commit, doctor) = (text(&output.stderr), text(&run(&["doctor"]).stdout));
    for said in [commit, doctor] {
        assert!(said.contains("Permission denied") && said.contains("join the docker group"), "{said}");
        assert!(!said.contains("start the engine"), "{said}");
    }
}
