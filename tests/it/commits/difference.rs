//! A reset to any commit copies what differs and no more: at most twice as many bytes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Duration;

use dvol::layout::Layout;
use dvol::store::Store;
use serde_json::Value;

use crate::harness::{Pool, Said, json};
use support::fake_engine::{Container, Containers, FOREIGN, FakeEngine, Status};

const FILES: usize = 40;
const FILE_BYTES: usize = 50_000;

/// A volume with a running container; every way of quiescing has something to do.
struct Scene {
    pool: Pool,
    engine: FakeEngine,
}

impl Scene {
    fn new() -> Self {
        let (pool, engine) = (Pool::empty(), FakeEngine::new());
        let scene = Scene { pool, engine };
        scene.pool.ok(["init", "db"]);
        fs::create_dir(scene.pool.file("db", "base")).unwrap();
        (0..FILES).for_each(|n| scene.write(n, "first"));
        let container = Container { volume: "db", status: Status::Running, auto_remove: false };
        scene.engine.set(&Containers::from([("server".to_owned(), container)]));
        scene
    }

    /// Writes one file whole, so that its size stays.
    fn write(&self, n: usize, text: &str) {
        self.pool.write("db", &format!("base/{n}"), &text.repeat(FILE_BYTES)[..FILE_BYTES]);
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> Value {
        let words = [words, &["--format", "json"]].concat();
        let said = Said::from(self.pool.command_with(&self.engine.socket(), words).output().unwrap());
        json(&said.ok())
    }

    fn working_tree(&self, volume: &str) -> BTreeMap<String, Vec<u8>> {
        contents(&self.pool.file(volume, ""))
    }

    /// Resets, checks the tree, and checks what was copied against what differed.
    #[track_caller]
    fn reset(&self, volume: &str, revision: &str, differs: usize) {
        let id = self.pool.ok(["rev-parse", revision, "-C", volume]).trim().to_owned();
        let before = self.working_tree(volume);
        let done = self.ok(&["reset", "--hard", &id, volume]);
        let target = contents(&self.pool.root().join(volume).join("commits").join(&id));
        let now = self.working_tree(volume);
        assert!(now == target, "{revision}: the tree is not the commit's");
        let differed = target.iter().filter(|(name, bytes)| before.get(*name) != Some(bytes));
        let differed: usize = differed.map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(differed, differs * FILE_BYTES, "{revision}: what the test did");
        let bytes = |pass: &str| usize::try_from(done[pass]["bytes"].as_u64().unwrap()).unwrap();
        let copied = bytes("copied") + bytes("quiesced");
        assert!(copied <= 2 * differed, "{revision}: {copied} bytes were copied, {differed} differ");
    }
}

fn contents(tree: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(tree).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(tree).unwrap().to_string_lossy().into_owned();
    files.map(|entry| (name(entry.path()), fs::read(entry.path()).unwrap())).collect()
}

/// Nothing waits here for times to grow old.
#[test]
fn the_first_reset_after_a_commit_in_each_way_of_quiescing() {
    for way in ["stop", "pause", "none"] {
        let scene = Scene::new();
        scene.ok(&["--quiesce", way, "commit", "-m", "one"]);
        scene.write(3, "other");
        scene.reset("db", "HEAD", 1);
        // What was written just before the commit, and just after it.
        scene.write(4, "second");
        scene.ok(&["--quiesce", way, "commit", "-m", "two"]);
        scene.write(4, "third");
        scene.write(5, "third");
        scene.reset("db", "HEAD", 2);
        scene.reset("db", "HEAD", 0);
        scene.write(6, "third");
        scene.reset("db", "HEAD", 1);
    }
}

#[test]
fn back_and_forth_between_two_commits_and_to_dropped_ones() {
    let scene = Scene::new();
    scene.ok(&["commit", "-m", "one"]);
    scene.write(1, "second");
    scene.ok(&["commit", "-m", "two"]);
    scene.write(2, "third");
    scene.ok(&["commit", "-m", "three"]);
    for _ in 0..3 {
        scene.reset("db", "HEAD^", 1);
        scene.reset("db", "ORIG_HEAD", 1);
    }
    // Both newer ones are in trash now.
    scene.reset("db", "HEAD~2", 2);
    let dropped = scene.pool.ok(["rev-parse", "ORIG_HEAD", "-C", "db"]);
    scene.write(7, "mine");
    scene.reset("db", dropped.trim(), 3);
    scene.reset("db", "HEAD^", 1);
}

#[test]
fn after_an_undo_and_its_undo() {
    let scene = Scene::new();
    scene.ok(&["commit", "-m", "one"]);
    scene.write(1, "second");
    scene.ok(&["commit", "-m", "two"]);
    scene.write(2, "mine");
    scene.reset("db", "HEAD^", 2);
    scene.ok(&["undo", "db"]);
    scene.reset("db", "HEAD", 1);
    scene.ok(&["undo", "db"]);
    scene.ok(&["redo", "db"]);
    scene.reset("db", "HEAD", 0);
    scene.write(3, "mine");
    scene.reset("db", "HEAD^", 2);
}

#[test]
fn across_branches() {
    let scene = Scene::new();
    scene.ok(&["commit", "-m", "one"]);
    scene.ok(&["checkout", "-b", "side", "-C", "db"]);
    scene.write(1, "side");
    scene.ok(&["commit", "-m", "on the side"]);
    scene.write(2, "mine");
    scene.reset("db", "master", 2);
    scene.reset("db", "ORIG_HEAD", 1);
    scene.ok(&["checkout", "-f", "master", "-C", "db"]);
    scene.write(5, "master");
    scene.ok(&["commit", "-m", "on master"]);
    scene.reset("db", "side", 2);
}

#[test]
fn on_a_clone() {
    let scene = Scene::new();
    scene.ok(&["commit", "-m", "one"]);
    scene.write(1, "second");
    scene.ok(&["commit", "-m", "two"]);
    scene.ok(&["clone", "db", "copy"]);
    scene.reset("copy", "HEAD", 0);
    scene.pool.write("copy", "base/4", &"mine".repeat(FILE_BYTES)[..FILE_BYTES]);
    scene.reset("copy", "HEAD", 1);
    scene.pool.ok(["commit", "-m", "three", "copy"]);
    scene.pool.write("copy", "base/5", &"mine".repeat(FILE_BYTES)[..FILE_BYTES]);
    scene.reset("copy", "HEAD^", 1);
}

/// Deletes what the metadata has about the paths that a commit changed, as if they were too many.
fn forget_changed(scene: &Scene, commit: &str) {
    let store = Store::new(&Layout::new(scene.pool.root()), Duration::from_secs(5));
    let (volume, commit) = ("db".parse().unwrap(), commit.parse().unwrap());
    store.write(|writer| writer.set_changed(&volume, &commit, None)).unwrap();
}

#[test]
fn where_checksums_relate_two_commits_no_content_is_read() {
    let scene = Scene::new();
    scene.pool.ok(["config", "checksums", "commit"]);
    scene.ok(&["commit", "-m", "one"]);
    scene.write(1, "second");
    fs::hard_link(scene.pool.file("db", "base/8"), scene.pool.file("db", "base/twin")).unwrap();
    scene.ok(&["commit", "-m", "two"]);
    let [second, first] = <[String; 2]>::try_from(scene.pool.ids("db")).unwrap();
    forget_changed(&scene, &second);
    // Only a look at the bytes would find this.
    let unlike = scene.pool.root().join("db/commits").join(&first).join("base/9");
    let times = fs::metadata(&unlike).unwrap().modified().unwrap();
    fs::write(&unlike, "other".repeat(FILE_BYTES / 5)).unwrap();
    fs::File::options().write(true).open(&unlike).unwrap().set_modified(times).unwrap();
    scene.ok(&["branch", "side", "-C", "db"]);
    // All but the file that changed and the one that has two names in one of them.
    let reused = |done: &Value| assert_eq!(done["quiesced"]["reused"], FILES - 2, "{done}");

    let done = scene.ok(&["reset", "--hard", &first, "db"]);
    reused(&done);
    assert!(scene.pool.read("db", "base/9").starts_with("first"), "its bytes were compared");
    assert!(!scene.pool.file("db", "base/twin").exists());
    let done = scene.ok(&["reset", "--hard", &second, "db"]);
    reused(&done);
    assert_eq!(fs::metadata(scene.pool.file("db", "base/8")).unwrap().nlink(), 2);
    // Damaged checksums relate nothing.
    let sums = scene.pool.root().join(".dvol/checksums").join(format!("db.{first}"));
    let mut bytes = fs::read(&sums).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&sums, bytes).unwrap();
    scene.ok(&["reset", "--hard", &first, "db"]);
    assert!(scene.pool.read("db", "base/9").starts_with("other"), "its bytes were not compared");
}

/// A container that writes elsewhere as well is not killed, and under `pause` is only frozen.
#[test]
fn nothing_is_compared_where_all_is_copied_anyway() {
    let scene = Scene::new();
    let both: &'static str = format!("db {FOREIGN}").leak();
    let container = Container { volume: both, status: Status::Running, auto_remove: false };
    scene.engine.set(&Containers::from([("both".to_owned(), container)]));
    scene.pool.ok(["config", "containers.quiesce", "pause"]);
    scene.ok(&["commit", "-m", "one"]);
    let trace = scene.pool.dir().join("trace");
    let syncs = || {
        let _ = fs::remove_file(&trace);
        let mut command = scene.pool.command_with(&scene.engine.socket(), ["reset", "--hard", "HEAD", "db"]);
        Said::from(command.env("DVOL_FAULT_TRACE", &trace).output().unwrap()).ok();
        let points = fs::read_to_string(&trace).unwrap();
        points.lines().filter(|point| *point == "redb.sync").count()
    };
    let known = syncs();
    scene.ok(&["undo", "db"]);
    assert_eq!(syncs(), known, "it wrote an index that it did not use");
}

#[test]
fn much_that_was_copied_for_little_is_told_with_the_cure() {
    let scene = Scene::new();
    let page = |text: &str| {
        let file = fs::File::options().write(true).open(scene.pool.file("db", "large")).unwrap();
        file.write_all_at(text.as_bytes(), 8192).unwrap();
    };
    fs::write(scene.pool.file("db", "large"), vec![7; 3 << 20]).unwrap();
    let told = |words: &[&str]| {
        let mut command = scene.pool.command_with(&scene.engine.socket(), words);
        let said = Said::from(command.env("DVOL_TEST_MUCH", (2 << 20).to_string()).output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
        let is_told = said.err.contains("note: copied 3.0 MiB of large files of which little changed; where");
        assert_eq!(said.err.contains("dvol pool move image --size"), is_told, "{said:?}");
        is_told
    };
    let shares = dvol::sys::disk::can_clone(&scene.pool.root());
    assert!(!told(&["commit", "-m", "one", "db"]), "nothing was there before");
    page("first");
    assert_eq!(told(&["commit", "-m", "two", "db"]), !shares);
    page("mine");
    assert_eq!(told(&["reset", "--hard", "HEAD", "db"]), !shares);
    page("mine");
    assert!(!told(&["-q", "reset", "--hard", "HEAD", "db"]));
    // Most of it is new, and then it is small.
    fs::write(scene.pool.file("db", "large"), vec![8; 3 << 20]).unwrap();
    assert!(!told(&["reset", "--hard", "HEAD", "db"]));
    scene.write(1, "mine");
    assert!(!told(&["reset", "--hard", "HEAD", "db"]));
}
