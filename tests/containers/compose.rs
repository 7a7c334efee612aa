//! A compose project: its volumes by their short names, all of them as one, and a copy for each
//! test worker.

use std::fs;
use std::path::{Path, PathBuf};

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
    driver_opts: {from: "pattern:master"}
"#;

/// A project with one volume.
pub(crate) const TILL: &str = r#"
services:
  app:
    image: busybox
    network_mode: none
    command: sh -c 'trap "exit 0" TERM; while :; do sleep 1000 & wait $$!; done'
    volumes: ["db:/db"]
volumes:
  db: {driver: dvol}
"#;

/// Checks that compose had nothing to warn of and nothing to ask.
#[track_caller]
pub(crate) fn has_nothing_to_say(said: &str) {
    let words = said.to_lowercase();
    for word in ["warn", "already exists", "recreate ("] {
        assert!(!words.contains(word), "{said}");
    }
}

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
        has_nothing_to_say(&self.sh(&format!("docker-compose {words} </dev/null 2>&1")).ok());
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

    // The project is known also when it is down.
    shop.compose("down");
    shop.sh("dvol commit --project shop -m three").ok();
    assert_eq!(engine.sh("dvol log -1 --format '{subject}' frob_files").ok(), "three");
}

#[test]
fn what_compose_says_of_the_examples_is_nothing() {
    let Some(engine) = Engine::shared() else { return };
    for name in ["compose", "worktrees"] {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tools/examples/{name}/shop/compose.yml"));
        let file = fs::read_to_string(file).expect("the example is there");
        Project::new(engine, &format!("example_{name}"), &file).compose("config -q");
    }
}

#[test]
fn a_worker_has_a_copy_of_its_own_by_from() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("pattern", "two");
    let worker = Project::new(engine, "worker", WORKER);
    worker.compose("up -d");
    // The same options are seen again by the second up.
    worker.compose("up -d");
    assert_eq!(worker.sh("docker wait worker_worker_1 && docker logs -n 1 worker_worker_1").ok(), "0\ntwo");
    worker.compose("down -v");
    assert_eq!(engine.on_disk("pattern"), "two");
}

#[test]
fn what_down_v_deletes_comes_back() {
    let Some(engine) = Engine::shared() else { return };
    let till = Project::new(engine, "till", TILL);
    till.compose("up -d");
    till.sh("docker exec till_app_1 sh -c 'echo three >/db/file'").ok();
    till.sh("dvol commit --project . -m three").ok();
    till.compose("down -v");
    till.sh("dvol undo --project .").ok();
    till.compose("up -d");
    assert_eq!(till.sh("docker exec till_app_1 cat /db/file").ok(), "three");
    till.compose("down");
}

#[test]
fn what_compose_runs_once_is_not_stopped_and_run_again() {
    let Some(engine) = Engine::shared() else { return };
    let project = Project::new(engine, "once", TILL);
    project.compose("up -d");
    let running =
        |name: &str| project.sh(&format!("docker inspect -f '{{{{.State.StartedAt}}}}' {name}")).ok();
    // A command of `compose run`, and a hook as newer composes run it before a service starts.
    let task = "sh -c 'echo begun >>/db/log; sleep 1000'";
    project.compose(&format!("run -d --name once_run app {task}"));
    let labels = "--label com.docker.compose.project=once --label com.docker.compose.service=app \
                  --label com.docker.compose.hook=pre_start";
    let hook = "docker run -d --name once_hook --network none --volumes-from once_app_1";
    project.sh(&format!("{hook} {labels} busybox {task}")).ok();
    support::eventually("both have begun", || {
        project.sh("docker exec once_app_1 cat /db/log").stdout.lines().count() == 2
    });
    let names = ["once_app_1", "once_run", "once_hook"];
    let before = names.map(running);
    for verb in ["commit -m one", "reset --hard HEAD", "checkout -b side"] {
        let said = project.sh(&format!("dvol {verb} -C db")).refused();
        if verb.starts_with("commit") {
            let words = "cannot stop containers once_hook, once_run: compose runs one command in each";
            assert!(said.contains(words) && said.contains("--pause"), "{said}");
        }
    }
    project.sh("dvol commit --pause -m one -C db").ok();
    assert_eq!(names.map(running), before, "a container was started again");
    project.sh("docker rm -f once_hook").ok();
    let said = project.sh("dvol reset --hard HEAD -C db").refused();
    assert!(
        said.contains("compose runs one command in it") && said.contains("docker wait once_run"),
        "{said}"
    );
    // What has ended is in no way.
    project.sh("docker kill once_run && dvol commit -m two -C db && dvol reset --hard HEAD -C db").ok();
    assert_eq!(running("once_run"), before[1]);
    project.sh("docker rm once_run").ok();
    project.compose("down -v");
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
