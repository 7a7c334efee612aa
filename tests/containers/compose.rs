//! A compose project: its volumes by their short names, all of them as one, and a copy for each
//! test worker.

use std::fs;
use std::path::PathBuf;

use support::containers::Engine;
use support::{Outcome, steps};

/// A database and an application that uses two volumes; one of them has a name of its own.
const PROJECT: &str = r#"
x-service: &service
  image: busybox
  network_mode: none
  command: sh -c 'trap "exit 0" TERM; while :; do sleep 1000 & wait $$!; done'
services:
  db:
    <<: *service
    volumes: ["db:/db"]
  app:
    <<: *service
    depends_on: [db]
    volumes: ["db:/db", "uploads:/uploads"]
volumes:
  db: {driver: dvol}
  uploads: {driver: dvol, name: frob_files}
"#;

/// A test worker with a copy of its own of the database.
const WORKER: &str = r#"
services:
  worker:
    image: busybox
    network_mode: none
    command: cat /db/file
    volumes: ["db:/db"]
volumes:
  db:
    driver: dvol
    driver_opts: {from: "shop_db:master"}
"#;

struct Project<'e> {
    engine: &'e Engine,
    home: PathBuf,
}

impl<'e> Project<'e> {
    fn new(engine: &'e Engine, name: &str, file: &str) -> Self {
        let home = engine.pool().with_file_name(name);
        fs::create_dir(&home).expect("the engine's directory can be written");
        fs::write(home.join("docker-compose.yml"), file).expect("the directory was just made");
        Project { engine, home }
    }

    /// Runs compose in the project's directory; it must have nothing to warn of and nothing to ask.
    #[track_caller]
    fn compose(&self, words: &str) {
        let said = self.sh(&format!("docker-compose {words} </dev/null 2>&1")).ok();
        for word in ["warn", "already exists", "Recreate ("] {
            assert!(!said.contains(word), "{said}");
        }
    }

    /// Runs a command line in the project's directory.
    fn sh(&self, line: &str) -> Outcome {
        self.engine.sh(&format!("cd {} && {line}", self.home.display()))
    }

    fn write(&self, text: &str) {
        self.sh(&format!("docker exec shop_app_1 sh -c 'echo {text} >/db/file; echo {text} >/uploads/file'"))
            .ok();
    }

    fn read(&self) -> String {
        self.sh("docker exec shop_app_1 cat /db/file /uploads/file").ok().replace('\n', " ")
    }
}

#[test]
fn a_compose_project_is_committed_and_reset_as_one() {
    let Some(engine) = Engine::shared() else { return };
    let shop = Project::new(engine, "shop", PROJECT);
    shop.compose("up -d");
    shop.write("one");

    // Each container is stopped once, also one that is on both volumes.
    let trace = engine.pool().with_file_name("trace-of-shop");
    let traced = format!("DVOL_FAULT_TRACE={} dvol commit --project shop -m one", trace.display());
    let committed = engine.sh(&traced);
    assert!(committed.stderr.contains("volumes of project shop: frob_files, shop_db"), "{committed}");
    let one = committed.ok();
    let stops = steps(&trace).iter().filter(|step| *step == "container.stop").count();
    assert_eq!(stops, 2);

    // In its directory the project and its volumes need no long names.
    shop.write("two");
    shop.sh("dvol commit --project . -m two").ok();
    assert_eq!(shop.sh("dvol log --format '{subject}' db").ok(), "two\none");
    assert_eq!(shop.sh("dvol log --format '{subject}' uploads").ok(), "two\none");
    shop.write("three");
    assert_eq!(shop.sh("dvol status --short --project .").ok(), "M frob_files/file\nM shop_db/file");
    shop.sh(&format!("dvol reset --hard {one} --project .")).ok();
    assert_eq!(shop.read(), "one one");
    shop.sh("dvol undo --project .").ok();
    assert_eq!(shop.read(), "three three");
    shop.sh("dvol checkout -b dev --project .").ok();
    assert_eq!(shop.read(), "two two");

    // A name that may mean two is refused.
    let labels = "--label com.docker.compose.project=shop --label com.docker.compose.volume=db";
    engine.sh(&format!("docker volume create -d dvol {labels} second")).ok();
    let said = shop.sh("dvol log db").refused();
    let both = "'db' is ambiguous in the compose project shop: it may be second, shop_db";
    assert!(said.contains(both), "{said}");
    shop.sh("docker volume rm second").ok();

    // Refused before a container is touched: one volume has no such branch.
    shop.sh("dvol branch -C db only && dvol checkout -f master --project .").ok();
    let started = || shop.sh("docker inspect -f '{{.State.StartedAt}}' shop_app_1 shop_db_1").ok();
    let before = started();
    let said = shop.sh("dvol checkout -f only --project .").refused();
    assert!(said.contains("branch 'only' does not exist in volume frob_files"), "{said}");
    assert_eq!((started(), shop.read().as_str()), (before, "three three"));

    // The same options are seen again by the second up.
    let worker = Project::new(engine, "worker", WORKER);
    worker.compose("up -d");
    worker.compose("up -d");
    assert_eq!(worker.sh("docker wait worker_worker_1 && docker logs -n 1 worker_worker_1").ok(), "0\ntwo");
    worker.compose("down -v");

    // The project is known also when it is down; what down -v deletes comes back.
    shop.compose("down");
    shop.sh("dvol commit --project shop -m three").ok();
    assert_eq!(engine.sh("dvol log -1 --format '{subject}' frob_files").ok(), "three");
    shop.compose("down -v");
    shop.sh("dvol undo --project .").ok();
    shop.compose("up -d");
    assert_eq!(shop.read(), "three three");
    shop.compose("down");
}

/// A project whose only volume the tests make with dvol.
const LABELLED: &str = r#"
services:
  db: {image: busybox, network_mode: none, command: "true", volumes: ["db:/db"]}
volumes:
  db: {driver: dvol}
"#;

#[test]
fn a_volume_that_dvol_makes_for_a_project_has_composes_labels_and_no_old_ones() {
    let Some(engine) = Engine::shared() else { return };
    let project = Project::new(engine, "labelled", LABELLED);
    let labels = || {
        let format = "{{range $key, $value := .Labels}}{{$key}}={{$value}} {{end}}";
        project.sh(&format!("docker volume inspect -f '{format}' labelled_db")).ok()
    };
    let own = "com.docker.compose.project=labelled com.docker.compose.volume=db ";
    project.sh("dvol init labelled_db").ok();
    assert_eq!(labels(), own.trim());
    project.compose("up -d");
    project.compose("down");

    // What the engine remembers of a volume that dvol deleted would make compose ask whether to
    // recreate the next one.
    let stale = "--label com.docker.compose.project=labelled --label com.docker.compose.config-hash=1";
    project.sh("docker volume rm labelled_db").ok();
    project.sh(&format!("docker volume create -d dvol {stale} labelled_db")).ok();
    project.sh("dvol rm -f labelled_db && dvol init labelled_db").ok();
    assert_eq!(labels(), own.trim());

    // Whatever brings it into being: an undo, also outside of the directory, a clone, a rename.
    project.sh("dvol commit -m one labelled_db && docker volume rm labelled_db").ok();
    project.sh("dvol undo labelled_db").ok();
    assert_eq!(labels(), own.trim());
    project.sh("docker volume rm labelled_db").ok();
    engine.sh("dvol undo --project labelled && dvol clone labelled_db labelled-other").ok();
    assert_eq!(labels(), own.trim());
    project.sh("dvol rm -f labelled_db && dvol rename labelled-other labelled_db").ok();
    assert_eq!(labels(), own.trim());

    // A driver that serves another pool makes no volume for this one.
    project.sh("docker volume rm labelled_db").ok();
    let other = engine.pool().with_file_name("other-pool");
    project.sh(&format!("dvol -p {} init labelled_db", other.display())).ok();
    project.sh("docker volume inspect labelled_db").refused();
}
