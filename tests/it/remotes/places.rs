//! A repository in a bucket of an S3 server, and on another machine that ssh reaches.
//!
//! The S3 server is moto; `ssh` is a script that starts Debian's `sftp-server`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::{eventually, has_program};

use crate::harness::{Pool, Said, json_lines};

/// How many machines push at once.
const RACERS: u64 = 6;
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// Two pools and what gives them access to one place.
pub(super) struct Pair {
    dir: tempfile::TempDir,
    pub(super) here: Pool,
    there: Pool,
    variables: Vec<(&'static str, String)>,
}

impl Pair {
    fn new(variables: Vec<(&'static str, String)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("password"), "a password\n").unwrap();
        Pair { dir, here: Pool::with_commits(&["one", "two"]), there: Pool::elsewhere(3), variables }
    }

    /// Two pools with the keys of a store.
    pub(super) fn with_keys() -> Self {
        let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        Pair::new(keys.map(|(name, value)| (name, value.to_owned())).to_vec())
    }

    pub(super) fn command(&self, pool: &Pool, words: &[&str]) -> Command {
        let mut command = pool.command(words);
        command.env("DVOL_REMOTE_PASSWORD_FILE", self.dir.path().join("password"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn run(&self, pool: &Pool, words: &[&str]) -> Said {
        Said::from(self.command(pool, words).output().unwrap())
    }

    #[track_caller]
    pub(super) fn ok(&self, pool: &Pool, words: &[&str]) -> String {
        let said = self.run(pool, words);
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
        said.out
    }

    /// Pushes, lists, clones, pushes back and pulls.
    pub(super) fn share(&self, url: &str) {
        let volume = format!("{url}/db");
        self.ok(&self.here, &["remote", "add", "origin", url]);
        let said = self.ok(&self.here, &["push", "-y", "-u", "origin", "master"]);
        assert!(said.contains("* [new branch]       master -> master"), "{said}");
        assert_eq!(self.ok(&self.here, &["push"]), "Everything up-to-date\n");
        assert!(self.ok(&self.here, &["ls-remote", &volume]).contains("master"));
        self.ok(&self.there, &["clone", &volume]);
        assert_eq!(self.there.read("db", "state"), "two");
        self.ok(&self.there, &["switch", "db"]);
        self.there.commit("three");
        self.ok(&self.there, &["push"]);
        self.here.commit("four");
        let said = self.run(&self.here, &["push"]);
        assert!(said.code == 1 && said.out.contains("[rejected]"), "{said:?}");
        self.ok(&self.here, &["reset", "--hard", "HEAD~1"]);
        self.ok(&self.here, &["pull"]);
        assert_eq!(self.here.read("db", "state"), "three");
    }
}

impl Pair {
    /// Has several machines push a commit of their own at once: one gets through, the others hear
    /// of it, and the ref has one head.
    fn race(&self, url: &str) {
        let volume = format!("{url}/db");
        let pools: Vec<Pool> = (0..RACERS).map(|number| Pool::elsewhere(20 + number)).collect();
        for pool in &pools {
            self.ok(pool, &["clone", &volume]);
            self.ok(pool, &["switch", "db"]);
            pool.commit("mine");
        }
        let won = std::thread::scope(|scope| {
            let push = |pool| {
                let said = self.run(pool, &["push", "--lock-timeout", "120"]);
                assert!(said.code == 0 || said.out.contains("(fetch first)"), "{said:?}");
                said.code == 0
            };
            let pushers: Vec<_> = pools.iter().map(|pool| scope.spawn(move || push(pool))).collect();
            pushers.into_iter().map(|pusher| pusher.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
        let refs = json_lines(&self.ok(&self.here, &["ls-remote", &volume, "--format", "json"]));
        assert_eq!((refs.len(), &refs[0]["crossed"]), (1, &false.into()), "{refs:?}");
        assert_eq!(self.ok(&self.here, &["remote", "fsck", "origin"]), "1 volume: clean\n");
    }
}

/// A server on a port of its own; it ends with the test.
///
/// `.ci/run` installs it from PyPI, and sets `DVOL_TEST_NO_MOTO` where that cannot be reached.
pub(super) struct Moto {
    server: Child,
    pub(super) port: u16,
}

impl Moto {
    pub(super) fn start() -> Option<Self> {
        if std::env::var_os("DVOL_TEST_NO_MOTO").is_some() {
            eprintln!("skipped: .ci/run says that there is no moto");
            return None;
        }
        if !has_program("moto_server") {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Moto { server, port };
        eventually("the S3 server answers", || moto.put("/team"));
        Some(moto)
    }

    /// Makes a bucket.
    fn put(&self, path: &str) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let request = format!(
            "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_volume_is_shared_through_a_bucket() {
    let Some(moto) = Moto::start() else { return };
    let pair = Pair::with_keys();
    pair.share(&format!("s3:http://127.0.0.1:{}/team/catalog", moto.port));
    pair.race(&format!("s3:http://127.0.0.1:{}/team/catalog", moto.port));
    // The bucket must be there: dvol makes none.
    let nosuch = format!("s3:http://127.0.0.1:{}/nosuch/catalog", moto.port);
    pair.ok(&pair.here, &["remote", "add", "nosuch", &nosuch]);
    let said = pair.run(&pair.here, &["push", "-y", "nosuch", "master"]);
    assert!(said.code == 1 && said.err.contains("The specified bucket does not exist"), "{said:?}");
}

/// Makes an `ssh` that takes down what it gets and becomes the server of files.
fn make_ssh(dir: &Path, server: &str) -> PathBuf {
    let ssh = dir.join("ssh");
    let place = dir.display();
    let text = format!("#!/bin/sh\necho \"$@\" >> {place}/words\nenv >> {place}/variables\n{server}\n");
    fs::write(&ssh, text).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    ssh
}

#[test]
fn a_volume_is_shared_through_ssh_which_gets_no_secret() {
    if !has_program(SFTP_SERVER) {
        return;
    }
    let far = tempfile::tempdir().unwrap();
    make_ssh(far.path(), &format!("exec {SFTP_SERVER}"));
    let path = format!("{}:{}", far.path().display(), std::env::var("PATH").unwrap());
    let pair = Pair::new(vec![("PATH", path), ("AWS_SECRET_ACCESS_KEY", "hush".to_owned())]);
    pair.share(&format!("sftp://ada@nas:2222{}/new/catalog", far.path().display()));
    pair.race(&format!("sftp://ada@nas:2222{}/new/catalog", far.path().display()));
    assert!(far.path().join("new/catalog/config").exists());
    let words = fs::read_to_string(far.path().join("words")).unwrap();
    let first = words.lines().next().unwrap();
    assert_eq!(first, "-oClearAllForwardings=yes -oForwardAgent=no -p 2222 -l ada -s -- nas sftp");
    let variables = fs::read_to_string(far.path().join("variables")).unwrap();
    assert!(variables.contains("HOME=") && !variables.contains("hush"), "{variables}");
    assert!(!variables.contains("PASSWORD"), "{variables}");

    make_ssh(far.path(), "echo 'ada@nas: Permission denied (publickey).' >&2; exit 255");
    let said = pair.run(&pair.here, &["fetch"]);
    assert!(said.code == 1 && said.err.contains("ada@nas: Permission denied (publickey)."), "{said:?}");
}

#[test]
fn the_example_of_a_catalogue_does_what_it_shows() {
    // For a reason to skip; the example has a server of its own.
    let Some(_moto) = Moto::start() else { return };
    let walk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/examples/catalogue/walk");
    let output = Command::new(walk).env("DVOL", env!("CARGO_BIN_EXE_dvol")).output().unwrap();
    let said = Said::from(output);
    assert!(said.code == 0 && said.out.ends_with("The catalogue did what it should.\n"), "{said:?}");
}

#[test]
fn an_address_with_a_password_or_plain_http_is_refused() {
    let pool = Pool::with_volume();
    for address in ["s3:https://key:hush@host/team", "sftp://ada:hush@nas/srv/x"] {
        let said = pool.run(["remote", "add", "origin", address]);
        assert!(said.code == 2 && said.err.contains("has no password"), "{said:?}");
        assert!(!said.err.contains("hush"), "{said:?}");
    }
    pool.fails(2, ["remote", "add", "origin", "s3:http://192.0.2.1:9000/team"], "use https://");
}
