//! Where the message, the author and the date of a commit come from, and how they are changed.

use crate::harness::{Pool, Said, json_lines};
use support::fake_engine::{Container, Containers, FakeEngine, Status};
use support::steps;

fn head(pool: &Pool) -> serde_json::Value {
    json_lines(&pool.ok(["log", "-1", "--format", "json"])).remove(0)
}

#[test]
fn a_message_is_read_from_a_file_or_from_standard_input() {
    let pool = Pool::with_volume();
    let said = pool.feed(["commit", "-F", "-"], b"From standard input\n\nwith a body\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(head(&pool)["message"], "From standard input\n\nwith a body");
    std::fs::write(pool.dir().join("message"), "From a file\n").unwrap();
    pool.ok(["commit", "--allow-empty", "-F", "message"]);
    assert_eq!(head(&pool)["message"], "From a file");
    pool.fails(1, ["commit", "-F", "nosuch"], "cannot read the message from nosuch");
    pool.fails(2, ["commit", "-F", "-"], "You must provide a commit message");
    pool.fails(2, ["commit"], "You must provide a commit message");
    pool.fails(2, ["commit", "-F", "message", "-m", "both"], "cannot be used with");
}

#[test]
fn a_date_and_an_author_can_be_given() {
    let pool = Pool::with_volume();
    pool.ok(["commit", "-m", "x", "--date", "2020-02-29 12:00", "--author", "Eve <eve@example.org>"]);
    assert_eq!(head(&pool)["date"], "2020-02-29T12:00:00Z");
    assert_eq!(head(&pool)["author"]["name"], "Eve");
    pool.fails(2, ["commit", "-m", "x", "--date", "whenever"], "is not a date");
}

#[test]
fn amend_gives_the_newest_commit_other_words_and_keeps_its_tree() {
    let pool = Pool::with_commits(&["one", "tow"]);
    let old = head(&pool);
    pool.write("db", "state", "not committed");
    let id = pool.ok(["commit", "--amend", "-m", "two"]);
    let new = head(&pool);
    assert_eq!((new["id"].as_str().unwrap(), &new["message"]), (id.trim(), &"two".into()));
    assert_eq!((&new["date"], &new["parent"]), (&old["date"], &old["parent"]));
    assert_ne!(new["id"], old["id"]);
    assert_eq!(pool.read("db", "state"), "not committed");
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("db", "state"), "tow");
    let old = old["id"].as_str().unwrap();
    assert_eq!(pool.ok(["rev-parse", "HEAD@{1}"]).trim(), old);
    assert!(pool.ok(["show", old]).contains("    tow\n"));
    pool.ok(["fsck"]);
    pool.fails(2, ["commit", "--amend"], "You must provide a commit message");
}

#[test]
fn amend_leaves_what_a_tag_holds() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "kept"]);
    pool.ok(["commit", "--amend", "-m", "deux", "--author", "Eve"]);
    assert_eq!(pool.ok(["log", "--format", "{subject} {name}"]), "deux Eve\none Ada\n");
    assert_eq!(pool.ok(["log", "kept", "--format", "{subject} {name}"]), "two Ada\none Ada\n");
    pool.ok(["reset", "--hard", "kept"]);
    assert_eq!(pool.read("db", "state"), "two");
    pool.ok(["fsck"]);
}

/// A large file that is written to all the time is copied while containers run, and compared while
/// they are held.
#[test]
fn a_commit_that_dies_while_it_brings_a_copy_up_to_date_is_undone() {
    let engine = FakeEngine::new();
    let running = Container { volume: "db", status: Status::Running, auto_remove: false };
    let containers = Containers::from([("server".to_owned(), running)]);
    let large = "x".repeat(3 << 20);
    let prepare = || {
        let pool = Pool::with_commits(&["one"]);
        pool.write("db", "large", &large);
        engine.set(&containers);
        pool
    };
    let words = ["-v", "commit", "-m", "two", "--format", "json"];
    let pool = prepare();
    if dvol::sys::disk::can_clone(&pool.root()) {
        eprintln!("skipped: this file system shares blocks");
        return;
    }
    let trace = pool.dir().join("trace");
    let run = |pool: &Pool, words: &[&str], name: &str, value: &std::ffi::OsStr| {
        Said::from(pool.command_with(&engine.socket(), words).env(name, value).output().unwrap())
    };
    let said = run(&pool, &words, "DVOL_FAULT_TRACE", trace.as_os_str());
    assert_eq!(said.code, 0, "{said:?}");
    let done = json_lines(&said.out).remove(0);
    assert_eq!(done["quiesced"]["revised"], serde_json::json!({"files": 1, "bytes": 0}), "{done}");
    assert!(said.err.contains("patched 1 files, 0 B"), "{said:?}");
    let points = steps(&trace);
    let first = points.iter().position(|point| point == "tree.symlink").unwrap();
    let last = points.iter().position(|point| point == "tree.patch").unwrap();
    for point in (first..=last + 2).map(|index| index + 1) {
        let pool = prepare();
        let fault = format!("{point}:kill");
        assert_ne!(run(&pool, &words, "DVOL_FAULT", fault.as_ref()).code, 0, "survived {fault}");
        let undone = run(&pool, &["fsck"], "LANG", "C".as_ref());
        assert!(engine.now() == containers, "{fault}: {undone:?}");
        pool.ok(["fsck"]);
        assert_eq!(pool.ok(["log", "--format", "%s"]), "one\n", "{fault}");
        assert_eq!(std::fs::read_dir(pool.root().join(".dvol/staging")).unwrap().count(), 0, "{fault}");
        assert_eq!(pool.read("db", "large"), large);
    }
}

/// On a busy engine each call takes long.
#[test]
fn a_commit_asks_the_engine_no_more_than_it_must() {
    let (pool, engine) = (Pool::with_commits(&["one"]), FakeEngine::new());
    let asked = |names: &[&str], status: Status| {
        let container =
            |name: &&str| (name.to_string(), Container { volume: "db", status, auto_remove: false });
        engine.set(&names.iter().map(container).collect());
        pool.write("db", "state", &format!("{names:?} {status:?}"));
        let words = ["commit", "-m", "more"];
        let said = Said::from(pool.command_with(&engine.socket(), words).output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
        let last = |call: String| call.rsplit('/').take(2).collect::<Vec<_>>().join(" of ");
        engine.calls().into_iter().map(last).collect::<Vec<String>>()
    };
    let count = |calls: &[String], call: &str| calls.iter().filter(|one| *one == call).count();
    // Before it copies, before it holds containers, and once more for mounts without a container.
    let lists = "json of containers";
    let idle = asked(&[], Status::Stopped);
    assert_eq!((idle.len(), count(&idle, lists)), (4, 3), "{idle:?}");
    // What made the data is known from these lists, but for the versions of image and engine.
    let stopped = asked(&["one", "two"], Status::Stopped);
    assert_eq!((stopped.len(), count(&stopped, lists)), (6, 3), "{stopped:?}");
    assert_eq!(count(&stopped, "json of postgres:15"), 1, "{stopped:?}");
    // Each container that runs is held, which more lists confirm.
    let running = asked(&["one"], Status::Running);
    assert_eq!((running.len(), count(&running, lists)), (16, 6), "{running:?}");
    assert_eq!(count(&running, "json of postgres:15"), 1, "{running:?}");
    let made = json_lines(&pool.ok(["log", "-1", "--format", "json"])).remove(0)["made_on"].clone();
    assert_eq!(made["images"], serde_json::json!([{"image": "postgres:15"}]), "{made}");
}
