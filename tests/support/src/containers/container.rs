//! A container that reads `file` when it starts and serves what it read, as a database would.

use jiff::Timestamp;

use super::Engine;
use crate::eventually;

/// Serves over HTTP what /data/file said at the start; ends at once when told to.
const SERVE: &str = "trap 'exit 0' TERM; mkdir -p /www; cp /data/file /www/file; \
    httpd -p 8080 -h /www; while :; do sleep 1000 & wait $!; done";

/// Serves as above, but deaf to the signal that asks it to stop.
const SERVE_DEAF: &str = "trap '' TERM; mkdir -p /www; cp /data/file /www/file; \
    httpd -p 8080 -h /www; while :; do sleep 1; done";

/// A container of a journey's engine.
pub struct Container<'e> {
    engine: &'e Engine,
    /// Its name.
    pub name: String,
}

impl<'e> Container<'e> {
    /// Runs a server named `name` on `volume`. `options` go to `docker run`.
    #[track_caller]
    pub fn serve(engine: &'e Engine, name: &str, volume: &str, options: &str) -> Self {
        Self::run(engine, name, volume, options, SERVE)
    }

    /// Runs a server that does not end when it is asked to.
    #[track_caller]
    pub fn serve_deaf(engine: &'e Engine, name: &str, volume: &str) -> Self {
        Self::run(engine, name, volume, "--stop-timeout 1", SERVE_DEAF)
    }

    #[track_caller]
    fn run(engine: &'e Engine, name: &str, volume: &str, options: &str, program: &str) -> Self {
        let line = format!(
            "docker run -d --name {name} --network none {options} \
             -v {volume}:/data --volume-driver=dvol busybox sh -c {}",
            quoted(program)
        );
        engine.sh(&line).ok();
        let container = Container { engine, name: name.to_owned() };
        container.served(); // it has read the file
        container
    }

    /// What the container serves. Waits until it answers, no matter what.
    #[track_caller]
    pub fn served(&self) -> String {
        let line = format!("docker exec {} wget -qO- http://127.0.0.1:8080/file", self.name);
        let mut answer = String::new();
        eventually(&format!("{} answers", self.name), || {
            let outcome = self.engine.sh(&line);
            answer = outcome.stdout;
            outcome.code == 0
        });
        answer
    }

    /// "running", "paused", "exited", "created", …
    #[track_caller]
    pub fn state(&self) -> String {
        self.inspect(".State.Status")
    }

    /// When it was started last.
    #[track_caller]
    pub fn started(&self) -> Timestamp {
        self.inspect(".State.StartedAt").parse().expect("the engine writes RFC 3339")
    }

    /// When it ended last.
    #[track_caller]
    pub fn finished(&self) -> Timestamp {
        self.inspect(".State.FinishedAt").parse().expect("the engine writes RFC 3339")
    }

    /// The engine's id for it.
    #[track_caller]
    pub fn id(&self) -> String {
        self.inspect(".Id")
    }

    #[track_caller]
    fn inspect(&self, field: &str) -> String {
        self.engine.sh(&format!("docker inspect -f '{{{{{field}}}}}' {}", self.name)).ok()
    }
}

/// As one word of a command line.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
