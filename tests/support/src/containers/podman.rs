//! Podman with a store, a service and a driver of our own; the machine's own is not touched.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::engine::{TOOL, other_debian, tool, utf8};
use crate::{Outcome, dvol, eventually, has_program, is_root};

const IMAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/test-image");

/// Podman, a pool, and the driver between them. As [`super::Engine`], it is the machine's podman or
/// another Debian's, in namespaces that tools/engine makes in the same directory.
pub struct Podman {
    dir: TempDir,
    children: Vec<Child>,
    is_of_other_debian: bool,
}

impl Podman {
    /// Podman on a store of its own, or none where there is no podman.
    pub fn start() -> Option<Self> {
        if !is_root() || (other_debian().is_none() && !has_program("podman")) {
            return None;
        }
        let dir = tempfile::Builder::new().prefix("dvol-podman.").tempdir().expect("a temporary directory");
        let other = other_debian();
        if let Some(root) = &other {
            let watched = std::process::id().to_string();
            tool(&["start", "--watch", &watched, "--root", utf8(root), utf8(dir.path())]);
        }
        let mut podman = Podman { dir, children: Vec::new(), is_of_other_debian: other.is_some() };
        podman.configure();
        let log = podman.path("driver.log");
        let driver =
            podman.background(dvol(), &["plugin", "--socket", &podman.path("plugins/dvol.sock")], &log);
        podman.children.push(driver);
        podman.await_socket("plugins/dvol.sock");
        let log = podman.path("service.log");
        let (program, socket) = (podman.path("bin/podman"), format!("unix://{}", podman.path("podman.sock")));
        let service = podman.background(&program, &["system", "service", "--time", "0", &socket], &log);
        podman.children.push(service);
        podman.await_socket("podman.sock");
        podman.sh(&format!("'{IMAGE}' --with podman busybox")).ok();
        Some(podman)
    }

    /// What a person would write into containers.conf, and a store without kernel modules.
    fn configure(&self) {
        fs::create_dir_all(self.dir.path().join("bin")).expect("it can be written");
        let socket = self.path("plugins/dvol.sock");
        let containers = "netns = \"none\"\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]";
        // Newer ones of crun want a tree of cgroups that not every machine has.
        let runtime = if self.is_of_other_debian { "\nruntime = \"runc\"" } else { "" };
        let engine = format!("cgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"{runtime}");
        let configuration = format!(
            "[containers]\n{containers}\n[engine]\n{engine}\n[engine.volume_plugins]\ndvol = \"{socket}\"\n"
        );
        fs::write(self.path("containers.conf"), configuration).expect("it can be written");
        let program = format!(
            "#!/bin/sh\nexport CONTAINERS_CONF={0}/containers.conf\nunset CONTAINER_HOST DOCKER_HOST\n\
             export PODMAN_IGNORE_CGROUPSV1_WARNING=1\n\
             exec {1} --root {0}/store --runroot {0}/run --tmpdir {0}/tmp --storage-driver vfs \"$@\"\n",
            self.dir.path().display(),
            self.real_podman()
        );
        fs::write(self.path("bin/podman"), program).expect("it can be written");
        fs::set_permissions(self.path("bin/podman"), fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    /// How to run podman itself; ours, by the same name, comes before it in the PATH.
    fn real_podman(&self) -> String {
        if self.is_of_other_debian {
            return format!("'{TOOL}' enter {} podman", self.dir.path().display());
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let found = path.split(':').map(|dir| Path::new(dir).join("podman")).find(|program| program.exists());
        found.expect("podman is installed").display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("temporary directories have plain names").to_owned()
    }

    fn background(&self, program: impl AsRef<OsStr>, arguments: &[&str], log: &str) -> Child {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program).args(arguments);
        self.environment(&mut command);
        let log = File::create(log).expect("it can be written");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("setpriv is installed")
    }

    fn await_socket(&self, name: &str) {
        eventually(name, || UnixStream::connect(self.path(name)).is_ok());
    }

    fn environment(&self, command: &mut Command) {
        let beside = dvol().parent().expect("a program lies in a directory").display();
        let path = std::env::var("PATH").unwrap_or_default();
        for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DVOL_FAULT", "DVOL_FAULT_TRACE"] {
            command.env_remove(name);
        }
        command
            .current_dir(std::env::temp_dir())
            .env("PATH", format!("{}:{beside}:{path}", self.path("bin")))
            .env("CONTAINER_HOST", format!("unix://{}", self.path("podman.sock")))
            .env("DVOL_POOL", self.path("pool"))
            .env("STATE_DIRECTORY", self.path("state"));
    }

    /// Runs a command line as a user of this podman and pool would type it.
    pub fn sh(&self, line: &str) -> Outcome {
        Outcome::of(line, |command| self.environment(command))
    }

    /// A container of busybox on `volume`, which adds a line to /data/starts when it starts.
    #[track_caller]
    pub fn serve(&self, name: &str, volume: &str, options: &str) {
        let program = "trap \"exit 0\" TERM; echo up >> /data/starts; while :; do sleep 1000 & wait $!; done";
        let line =
            format!("podman run -d --name {name} {options} -v {volume}:/data busybox sh -c '{program}'");
        self.sh(&line).ok();
        eventually("the container has started", || self.inside(name, "ls /data/starts").code == 0);
    }

    /// Makes a directory that podman and its clients find at the same path.
    pub fn home(&self, name: &str) -> PathBuf {
        let home = self.dir.path().join(name);
        fs::create_dir(&home).expect("it can be written");
        home
    }

    /// Runs a command in a container.
    pub fn inside(&self, name: &str, command: &str) -> Outcome {
        self.sh(&format!("podman exec {name} {command}"))
    }

    /// The current working tree of a volume.
    pub fn running_point(&self, volume: &str) -> PathBuf {
        self.dir.path().join("pool").join(volume).join("running_point")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.sh("podman rm --all --force --time 0");
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.is_of_other_debian {
            tool(&["stop", utf8(self.dir.path())]);
        }
    }
}
