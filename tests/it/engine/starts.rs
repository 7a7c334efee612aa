//! What a container writes while dvol starts it again is not the user's change.

use support::fake_engine::{Container, Containers, FakeEngine, READY_AFTER, Status};

use crate::harness::{Pool, Said, json, json_lines};

struct Scene {
    pool: Pool,
    engine: FakeEngine,
}

impl Scene {
    /// A container on a volume with a commit, which writes three files at each start.
    fn new() -> Self {
        let (pool, engine) = (Pool::with_volume(), FakeEngine::new());
        std::fs::create_dir(pool.file("db", "run")).unwrap();
        pool.write("db", "table", "rows");
        pool.write("db", "control", "0");
        pool.commit("one");
        let container = Container { volume: "db", status: Status::Running, auto_remove: false };
        engine.set(&Containers::from([(format!("{READY_AFTER}0"), container)]));
        engine.write_at_start(&["control", "pid", "run/init"].map(|name| pool.file("db", name)));
        Scene { pool, engine }
    }

    fn run(&self, words: &[&str]) -> Said {
        self.pool.command_with(&self.engine.socket(), words).output().unwrap().into()
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> String {
        self.run(words).ok()
    }
}

const CLEAN: &str = "On branch new of volume db\n\
    Left out 3 paths, written while dvol started the containers\n\
    nothing to commit, working tree clean\n";

#[test]
fn a_checkout_after_a_commit_needs_no_force_until_the_user_writes() {
    let scene = Scene::new();
    scene.ok(&["checkout", "-b", "new"]);
    scene.pool.write("db", "table", "migrated");
    scene.ok(&["commit", "-m", "two"]);
    assert_eq!(scene.pool.read("db", "control"), "0++");
    assert_eq!(scene.ok(&["status"]), CLEAN);
    let status = json_lines(&scene.ok(&["status", "--format", "json"]));
    assert_eq!((&status[0]["clean"], &status[0]["written_by_start"]), (&true.into(), &3.into()));
    assert!(scene.ok(&["diff", "--name-only"]).contains("control"), "diff shows all");

    scene.ok(&["checkout", "master"]);
    // Back and forth: what an earlier start wrote to a branch stays excused.
    scene.ok(&["checkout", "new"]);
    assert_eq!(scene.ok(&["status"]), CLEAN);
    scene.ok(&["checkout", "-"]);
    scene.ok(&["checkout", "-"]);

    scene.pool.write("db", "table", "inserted");
    scene.run(&["checkout", "master"]).fails(1, "uncommitted changes");
    assert!(scene.ok(&["status"]).contains("modified:   table\n"));
    assert!(!scene.ok(&["status"]).contains("control"));
    scene.pool.write("db", "table", "migrated");
    scene.ok(&["checkout", "master"]);
}

#[test]
fn a_file_that_is_written_after_the_start_counts() {
    let scene = Scene::new();
    scene.ok(&["commit", "-m", "two"]);
    scene.ok(&["checkout", "-b", "new"]);
    scene.ok(&["checkout", "master"]);
    scene.pool.write("db", "control", "by the user");
    scene.run(&["checkout", "new"]).fails(1, "uncommitted changes");
    assert_eq!(scene.ok(&["status", "--short"]), "M control\n");
    // A reset takes back all of it, what the start wrote as well.
    scene.ok(&["reset", "--hard"]);
    assert_eq!(scene.pool.read("db", "pid"), "+");
    scene.ok(&["checkout", "new"]);
}

#[test]
fn what_is_written_right_after_a_commit_counts_where_no_check_tells_readiness() {
    let (pool, engine) = (Pool::with_volume(), FakeEngine::new());
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&Containers::from([("plain".to_owned(), container)]));
    let run = |words: &[&str]| Said::from(pool.command_with(&engine.socket(), words).output().unwrap());
    pool.write("db", "table", "rows");
    run(&["commit", "-m", "one"]).ok();
    pool.write("db", "table", "inserted");
    assert_eq!(run(&["status", "--short"]).ok(), "M table\n");
    run(&["checkout", "-b", "new"]).ok();
    run(&["checkout", "master"]).ok();
    run(&["checkout", "new"]).fails(1, "uncommitted changes");
}

#[test]
fn changes_from_before_a_start_stay_changes() {
    let scene = Scene::new();
    scene.ok(&["commit", "-m", "two"]);
    scene.pool.write("db", "table", "not committed");
    scene.ok(&["checkout", "-b", "new"]);
    scene.ok(&["checkout", "master"]);
    assert!(scene.ok(&["status"]).contains("modified:   table\n"));
    scene.run(&["checkout", "new"]).fails(1, "uncommitted changes");
    // Nor does an undo of a commit turn what it had into something that does not count.
    scene.ok(&["commit", "-m", "three"]);
    scene.ok(&["undo"]);
    assert!(scene.ok(&["status"]).contains("modified:   table\n"));
}

#[test]
fn paths_that_a_setting_names_do_not_count_but_are_committed_and_reset() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["checkout", "-b", "new"]);
    pool.fails(2, ["config", "-C", "db", "status.ignore", "a["], "patterns such as");
    pool.ok(["config", "-C", "db", "status.ignore", "*.pid,stats/*"]);
    std::fs::create_dir_all(pool.file("db", "stats/deep")).unwrap();
    pool.write("db", "server.pid", "1");
    pool.write("db", "stats/deep/x", "1");
    assert_eq!(pool.ok(["status", "--short"]), "A stats/\n");
    std::fs::remove_dir_all(pool.file("db", "stats")).unwrap();
    assert!(pool.ok(["status"]).contains("Left out 1 path, named by status.ignore\nnothing to commit"));
    assert_eq!(json(&pool.ok(["status", "--format", "json"]))["ignored"], 1);
    pool.ok(["checkout", "master"]);
    pool.ok(["checkout", "new"]);
    pool.ok(["commit", "-m", "two"]);
    assert_eq!(pool.ok(["show", "HEAD:server.pid"]), "1");
    pool.write("db", "server.pid", "2");
    pool.ok(["reset", "--hard"]);
    assert_eq!(pool.read("db", "server.pid"), "1");
}
