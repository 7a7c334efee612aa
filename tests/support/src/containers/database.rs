//! Databases in containers, each on a volume of dvol's, made of Debian's packages
//! (tools/database-image).

use std::path::Path;

use super::Engine;
use super::container::quoted;
use crate::{Outcome, eventually, skip};

/// A database that the journeys know.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its image.
    pub image: &'static str,
    /// Where its volume is mounted.
    volume: &'static str,
    /// Where it keeps its data.
    data: &'static str,
    /// Its own user's number.
    uid: &'static str,
    /// The client that reads statements from its standard input.
    client: &'static str,
    /// More arguments of its server.
    arguments: &'static str,
    /// What succeeds inside its container once it answers, as the image's health check does.
    ping: &'static str,
    /// What its log says when it finds that it did not end cleanly.
    recovery: &'static str,
}

/// PostgreSQL.
pub const POSTGRES: Kind = Kind {
    image: "postgres",
    volume: "/var/lib/postgresql/data",
    data: "/var/lib/postgresql/data",
    uid: "999",
    client: "psql -qAt -v ON_ERROR_STOP=1",
    arguments: "",
    ping: "pg_isready -q",
    recovery: "automatic recovery in progress",
};
/// PostgreSQL as its image has it from version 18 on: the volume holds the data some directories
/// deeper, and the image names it above them.
pub const POSTGRES_18: Kind = Kind {
    image: "postgres18",
    volume: "/var/lib/postgresql",
    data: "/var/lib/postgresql/18/docker",
    ..POSTGRES
};
/// MariaDB.
pub const MARIADB: Kind = Kind {
    image: "mariadb",
    volume: "/var/lib/mysql",
    data: "/var/lib/mysql",
    uid: "998",
    client: "mariadb -BN mysql",
    // Otherwise a server that has started goes on deleting what the one before it left.
    arguments: "--innodb-fast-shutdown=0",
    ping: "mariadb-admin ping",
    recovery: "Starting crash recovery",
};
/// Redis, which appends each write to a file.
pub const REDIS: Kind = Kind {
    image: "redis",
    volume: "/data",
    data: "/data",
    uid: "997",
    client: "redis-cli -e",
    arguments: "",
    ping: "redis-cli ping | grep -q PONG",
    recovery: "Bad file format",
};
/// Redis that keeps in memory what it was not told to save.
pub const REDIS_IN_MEMORY: Kind = Kind { arguments: "--appendonly no", ..REDIS };

impl Kind {
    /// Returns the client that reads statements from its standard input.
    pub fn client(&self) -> &'static str {
        self.client
    }
}

/// A database of a journey's engine.
pub struct Database<'e> {
    engine: &'e Engine,
    kind: Kind,
    /// Its container's name and its volume's.
    pub name: String,
}

impl<'e> Database<'e> {
    /// Runs a database on the volume of its name, which need not be there. Skips the test where
    /// there are no packages to make it of.
    #[track_caller]
    pub fn run(engine: &'e Engine, kind: Kind, name: &str) -> Option<Self> {
        if !Path::new("/usr/bin/dpkg-query").exists() {
            skip("databases are made of Debian's packages");
            return None;
        }
        engine.make_image(kind.image);
        // On a slow machine a clean end may take longer than the ten seconds that it has by
        // default. The engine itself does not look at its health before the journey is over.
        let options = "--network none --stop-timeout 120 --health-interval 1h";
        let volume = format!("-v {name}:{} --volume-driver=dvol", kind.volume);
        engine
            .sh(&format!("docker run -d --name {name} {options} {volume} {} {}", kind.image, kind.arguments))
            .ok();
        let database = Database { engine, kind, name: name.to_owned() };
        eventually(&format!("{name} answers"), || database.answers());
        Some(database)
    }

    /// What it answers to statements.
    #[track_caller]
    pub fn query(&self, statements: &str) -> String {
        self.exec(&format!("echo {} | {}", quoted(statements), self.kind.client)).ok()
    }

    /// Runs a command line inside its container.
    pub fn exec(&self, line: &str) -> Outcome {
        self.engine.sh(&format!("docker exec {} sh -c {}", self.name, quoted(line)))
    }

    /// Whether it answers now.
    pub fn answers(&self) -> bool {
        self.exec(self.kind.ping).code == 0
    }

    /// Whether it had to repair its data at its last start.
    #[track_caller]
    pub fn has_recovered(&self) -> bool {
        // It may have written before the engine calls it started.
        let ended =
            self.engine.sh(&format!("docker inspect -f '{{{{.State.FinishedAt}}}}' {}", self.name)).ok();
        let since = if ended.starts_with("0001") { String::new() } else { format!("--since {ended}") };
        let log = self.engine.sh(&format!("docker logs {since} {} 2>&1", self.name)).ok();
        assert!(!log.is_empty(), "{} has no log", self.name);
        log.contains(self.kind.recovery)
    }

    /// Checks that it answers, started without a repair, and that its directory is its own alone.
    #[track_caller]
    pub fn assert_well(&self, after: &str) {
        assert!(self.answers(), "after {after}: the command returned too early");
        assert!(!self.has_recovered(), "after {after}: it did not find what a clean end leaves");
        let owner = self.exec(&format!("stat -c '%u %a' {}", self.kind.data)).ok();
        assert_eq!(owner, format!("{} 700", self.kind.uid), "after {after}");
        let mut users = self.exec("ps -o user,comm | grep -v -e root -e USER | sort -u").ok();
        users.retain(|c| c != ' ');
        let own = self.kind.image.trim_end_matches(char::is_numeric);
        assert!(users.starts_with(own), "after {after}: its own user does not run it: {users}");
    }

    /// Makes a volume `name` of one of its commits and runs a database on that.
    #[track_caller]
    pub fn clone_of(&self, commit: &str, name: &str) -> Database<'e> {
        self.engine.sh(&format!("dvol clone {}:{commit} {name}", self.name)).ok();
        Database::run(self.engine, self.kind, name).expect("it was there before")
    }

    /// Ends it for good.
    #[track_caller]
    pub fn remove(self) {
        self.engine.sh(&format!("docker rm -f {0} && dvol rm -f {0}", self.name)).ok();
    }
}
