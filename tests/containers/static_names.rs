//! The static dvol reaches a store by its name where nothing of the system helps it: it must not
//! load the modules that look up names, which are built for another C library and end it, and it
//! brings the roots of TLS.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use support::{has_program, is_root, skip};
use tempfile::TempDir;

use crate::installed::static_dvol;

/// A name that only the name server of the test knows.
const STORE: &str = "store.team.example";
const HTTP_PORT: u16 = 9000;
const TLS_PORT: u16 = 9443;

/// A network of its own, which holds nothing but a loopback device. What this thread and the
/// threads and programs that it starts open from now on is there.
struct Network(Child);

impl Network {
    fn enter() -> Self {
        let line = "ip link set lo up && echo up && exec sleep 600";
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", line]).stdout(Stdio::piped());
        let mut holder = holder.spawn().expect("unshare can be run");
        let mut said = String::new();
        let out = holder.stdout.take().expect("it is a pipe");
        BufReader::new(out).read_line(&mut said).expect("it can be read");
        assert_eq!(said, "up\n", "the loopback device is not up");
        let network = fs::File::open(format!("/proc/{}/ns/net", holder.id())).expect("it runs");
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("root may go there");
        Network(holder)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers that the store is on this machine, and that no other name is anywhere.
fn serve_names() {
    let socket = UdpSocket::bind("127.0.0.1:53").expect("the network is our own");
    spawn(move || {
        let mut query = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
}

/// Answers one query (RFC 1035).
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    let (mut name, mut end) = (Vec::new(), HEADER);
    while let length @ 1.. = usize::from(*query.get(end)?) {
        name.push(String::from_utf8_lossy(query.get(end + 1..=end + length)?).into_owned());
        end += 1 + length;
    }
    let question = query.get(HEADER..end + 5)?;
    let is_store = name.join(".").eq_ignore_ascii_case(STORE);
    let has_address = is_store && question.get(question.len() - 4..)? == [0, 1, 0, 1];
    // An answer of one question: no error, or that there is no such name.
    let mut answer = query.get(..2)?.to_vec();
    answer.extend([0x81, if is_store { 0x80 } else { 0x83 }]);
    answer.extend([0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend(question);
    if has_address {
        // The name of the question, for a minute.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

/// Serves a store that refuses everybody, and gives the requests that come.
fn serve_store() -> Receiver<String> {
    let listener = TcpListener::bind(("127.0.0.1", HTTP_PORT)).expect("the network is our own");
    let (sender, requests) = channel();
    spawn(move || {
        let body = "<Error><Code>AccessDenied</Code><Message>not for you</Message></Error>";
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                request.extend(byte);
            }
            let _ = write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = sender.send(String::from_utf8_lossy(&request).into_owned());
        }
    });
    requests
}

/// A server of TLS whose certificate signs itself.
struct Tls(Child);

impl Tls {
    fn serve(dir: &Path) -> Self {
        let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                    -keyout key.pem -out cert.pem";
        let named = format!("{make} -subj /CN={STORE} -addext subjectAltName=DNS:{STORE}");
        let made = Command::new("sh").args(["-c", &named]).current_dir(dir).output();
        assert!(made.as_ref().is_ok_and(|made| made.status.success()), "{made:?}");
        let mut serve = Command::new("openssl");
        serve.args(["s_server", "-quiet", "-cert", "cert.pem", "-key", "key.pem", "-accept"]);
        serve.arg(format!("127.0.0.1:{TLS_PORT}")).current_dir(dir).stdin(Stdio::null());
        let server = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run");
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", TLS_PORT)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "openssl does not serve");
            sleep(Duration::from_millis(20));
        }
        Tls(server)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory that is all that the static dvol sees.
struct Root(TempDir);

impl Root {
    /// Holds what an image made from scratch gets from its engine: the name server and devices.
    fn scratch(dvol: &Path) -> Self {
        let root = Root(TempDir::new().expect("it can be made"));
        fs::copy(dvol, root.path("dvol")).expect("it can be copied");
        fs::create_dir(root.path("etc")).expect("it can be made");
        fs::write(root.path("etc/resolv.conf"), "nameserver 127.0.0.1\n").expect("it can be written");
        fs::create_dir(root.path("dev")).expect("it can be made");
        for (name, minor) in [("random", "8"), ("urandom", "9")] {
            let made =
                Command::new("mknod").arg(root.path("dev").join(name)).args(["c", "1", minor]).status();
            assert!(made.expect("mknod can be run").success(), "root may make devices");
        }
        root
    }

    /// Holds a system with a module for names of hosts that ends every program which loads it, as
    /// myhostname, mdns and resolve end one that has the C library in itself.
    fn with_module(dvol: &Path) -> Self {
        let root = Root::scratch(dvol);
        fs::write(root.path("etc/nsswitch.conf"), "hosts: files fatal dns\n").expect("it can be written");
        fs::write(root.path("etc/hosts"), "127.0.0.1 localhost\n").expect("it can be written");
        let module = "__attribute__((constructor)) static void loaded(void) { __builtin_trap(); }";
        let triple = format!("lib/{}-linux-gnu", std::env::consts::ARCH);
        for dir in ["lib", &triple] {
            fs::create_dir_all(root.path(dir)).expect("it can be made");
            let out = root.path(dir).join("libnss_fatal.so.2");
            compile(module, &["-shared", "-nostdlib", "-fPIC"], &out);
        }
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Child {
        let mut command = Command::new("chroot");
        command.arg(self.0.path()).args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs([("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
        command.env("DVOL_REMOTE_PASSWORD", "hush").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("chroot can be run")
    }

    fn dvol(&self, words: &[&str]) -> Child {
        self.run(&[&["/dvol", "--disable-docker-integration"], words].concat())
    }
}

fn compile(source: &str, how: &[&str], out: &Path) {
    let mut compiler = Command::new("cc");
    compiler.args(how).args(["-x", "c", "-", "-o"]).arg(out).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut compiler = compiler.spawn().expect("cc can be run");
    let mut input = compiler.stdin.take().expect("it is a pipe");
    input.write_all(source.as_bytes()).expect("it reads");
    drop(input);
    assert!(compiler.wait().expect("it is our child").success(), "cc does not compile {source}");
}

#[track_caller]
fn ended(child: Child) -> Output {
    child.wait_with_output().expect("it is our child")
}

#[test]
fn the_static_dvol_finds_names_and_tls_roots_by_itself() {
    let Some(dvol) = static_dvol() else { return };
    let programs = ["unshare", "chroot", "ip", "openssl", "cc"];
    if !is_root() || !programs.into_iter().all(has_program) {
        return;
    }
    if cfg!(target_env = "musl") {
        return skip("the C library knows no modules for names");
    }
    let _network = Network::enter();
    serve_names();
    let requests = serve_store();
    let certificate = TempDir::new().expect("it can be made");
    let _tls = Tls::serve(certificate.path());

    let roots = [Root::with_module(&dvol), Root::scratch(&dvol)];
    // The module does end a static program that asks the C library.
    let ask = format!(
        "#include <netdb.h>\nint main(void) {{ struct addrinfo *a; return getaddrinfo(\"{STORE}\", 0, 0, &a); }}"
    );
    compile(&ask, &["-static"], &roots[0].path("ask"));
    let asked = ended(roots[0].run(&["/ask"]));
    assert!(asked.status.signal().is_some(), "the module was not loaded: {asked:?}");

    let (plain, secret) =
        (format!("s3:http://{STORE}:{HTTP_PORT}/team/x"), format!("s3:https://{STORE}:{TLS_PORT}/team/x"));
    let mut handshakes = Vec::new();
    for root in &roots {
        let added = ended(root.dvol(&["remote", "add", "--insecure-http", "origin", &plain]));
        assert!(added.status.success(), "{added:?}");
        // It is tried again for half a minute.
        handshakes.push(root.dvol(&["ls-remote", &secret]));
        let listed = ended(root.dvol(&["ls-remote", "origin"]));
        let said = String::from_utf8_lossy(&listed.stderr);
        assert!(listed.status.code() == Some(1) && said.contains("not for you"), "{listed:?}");
        let request = requests.recv_timeout(Duration::from_secs(60)).expect("the store was asked");
        assert!(request.to_lowercase().contains(&format!("host: {STORE}:{HTTP_PORT}")), "{request}");
        while requests.try_recv().is_ok() {}
    }
    for handshake in handshakes {
        let ended = ended(handshake);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && said.contains("invalid peer certificate"), "{ended:?}");
    }
}
