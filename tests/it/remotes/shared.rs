//! A volume that two pools share.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Team;
use crate::archives::tree_state::{differences, take_down};
use crate::harness::{Pool, hold, json_lines};

#[test]
fn a_catalogue_is_listed_where_there_is_no_pool_and_none_is_made() {
    let team = Team::with_clone();
    let nowhere = team.there.dir().join("nowhere");
    let (url, password) = (team.url(), team.password());
    let words = ["ls-remote", &url, "--password-file", &password, "--pool", nowhere.to_str().unwrap()];
    assert!(team.there.ok(words).contains("master"));
    team.there.fails(1, ["ls-remote", "--pool", nowhere.to_str().unwrap()], "remote 'origin' does not exist");
    assert!(!nowhere.exists());
    // Elsewhere, what was read once is kept.
    let cache = team.there.root().join(".dvol/remotes/cache");
    assert!(std::fs::read_dir(cache).unwrap().count() > 0);
}

#[test]
fn a_volume_goes_to_another_pool_and_back() {
    let team = Team::without_repository();
    let (here, there) = (&team.here, &team.there);
    let said = here.ok(["push", "-y", "-u", "origin", "master"]);
    assert!(said.contains("* [new branch]       master -> master"), "{said}");
    assert!(said.contains("branch 'master' set up to track 'origin/master'."), "{said}");
    assert_eq!(here.ok(["push"]), "Everything up-to-date\n");

    let said = there.ok(["clone", &team.volume("db")]);
    assert!(said.starts_with(&format!("Created volume db from {}:", team.volume("db"))), "{said}");
    assert_eq!(there.read("db", "state"), "two");
    assert_eq!(there.ids("db"), here.ids("db"), "all records came along");
    there.ok(["switch", "db"]);
    there.commit("three");
    let status = there.ok(["status"]);
    assert!(status.contains("Your branch is ahead of 'origin/master' by 1 commit."), "{status}");
    let said = there.ok(["push"]);
    assert!(said.contains(" master -> master\n") && said.contains(".."), "{said}");

    let said = here.ok(["pull"]);
    assert!(said.starts_with("Updating ") && said.contains("Fast-forward"), "{said}");
    assert_eq!(here.read("db", "state"), "three");
    assert_eq!(here.ids("db"), there.ids("db"));
    assert_eq!(here.ok(["pull"]), "Already up to date.\n");
    assert!(here.ok(["status"]).contains("Your branch is up to date with 'origin/master'."));
    here.ok(["undo"]);
    assert_eq!(here.read("db", "state"), "two", "an undo takes the pull back");
    assert!(here.ok(["status"]).contains("is behind 'origin/master' by 1 commit, and can be"));
    for pool in [here, there] {
        assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
    }
}

#[test]
fn a_worktree_is_pushed_and_pulled_as_a_branch_of_its_volume() {
    let team = Team::with_clone();
    let (here, there) = (&team.here, &team.there);
    here.ok(["worktree", "add", "feat", "-b", "side"]);
    here.write("feat", "state", "three");
    here.ok(["commit", "-m", "three", "-C", "feat"]);
    let said = here.ok(["push", "-u", "origin", "side", "-C", "feat"]);
    assert!(said.contains("* [new branch]       side -> side"), "{said}");
    assert_eq!(here.ok(["push", "-C", "feat"]), "Everything up-to-date\n");
    assert!(here.ok(["status", "feat"]).contains("up to date with 'origin/side'"));
    assert!(here.ok(["log", "--decorate", "--oneline", "feat"]).contains("origin/side"));
    assert_eq!(here.ok(["remote", "-v", "-C", "feat"]), format!("origin\t{}\n", team.url()));
    here.ok(["fetch", "-C", "feat"]);

    there.ok(["clone", &format!("{}:side", team.volume("db")), "other"]);
    there.write("other", "state", "four");
    there.ok(["commit", "-m", "four", "other"]);
    there.ok(["push", "-C", "other"]);
    here.ok(["fetch", "-C", "feat"]);
    // The volume's own branch may be busy meanwhile.
    let _busy = hold(here, "worktree/db");
    let said = here.ok(["pull", "-C", "feat", "--lock-timeout", "1"]);
    assert!(said.contains("Fast-forward"), "{said}");
    assert_eq!((here.read("feat", "state"), here.read("db", "state")), ("four".into(), "two".into()));
    here.ok(["reset", "--hard", "@{u}~1", "-C", "feat", "--lock-timeout", "1"]);
    assert_eq!(here.read("feat", "state"), "three");
    assert!(here.ok(["status", "feat"]).contains("is behind 'origin/side' by 1 commit"));
    here.ok(["fsck", "--deep"]);
}

#[test]
fn a_remote_is_listed_renamed_and_forgotten() {
    let team = Team::with_clone();
    let pool = &team.here;
    assert_eq!(pool.ok(["remote"]), "origin\n");
    assert_eq!(pool.ok(["remote", "-v"]), format!("origin\t{}\n", team.url()));
    assert_eq!(pool.ok(["remote", "get-url", "origin"]), format!("{}\n", team.url()));
    pool.fails(1, ["remote", "add", "origin", "/elsewhere"], "dvol remote set-url origin URL");
    pool.fails(2, ["remote", "add", "x", "relative"], "use the full path of a directory");
    pool.fails(2, ["remote", "add", "x", "/a/../b"], "neither . nor ..");
    let shown = pool.ok(["remote", "show", "origin"]);
    assert!(shown.contains("branch master follows master") && shown.contains("heads/master at"), "{shown}");
    pool.ok(["remote", "rename", "origin", "team"]);
    assert!(pool.ok(["status"]).contains("up to date with 'team/master'"));
    assert_eq!(pool.ok(["push"]), "Everything up-to-date\n");
    pool.ok(["remote", "set-url", "team", "/nowhere/at/all"]);
    pool.fails(1, ["fetch"], "cannot open the repository at /nowhere/at/all: there is none");
    pool.ok(["remote", "rm", "team"]);
    assert!(!pool.ok(["status"]).contains("Your branch"));
    pool.fails(1, ["push"], "remote 'origin' does not exist");
    // A volume may have a remote of its own.
    pool.ok(["remote", "add", "mine", &team.url(), "-C", "db"]);
    assert!(pool.ok(["remote", "-v", "-C", "db"]).contains("(volume db only)"));
    pool.ok(["rename", "db", "shop"]);
    assert!(pool.ok(["remote", "-v", "-C", "shop"]).contains("(volume shop only)"));
    assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
}

#[test]
fn a_catalogue_lists_its_tags_and_gives_each_to_whoever_asks() {
    let team = Team::new();
    team.here.ok(["tag", "-m", "1,000 orders\n\nno personal data", "small", "HEAD~1"]);
    team.here.ok(["push", "-y", "origin", "master", "small"]);
    let listed = team.there.ok(["ls-remote"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("VOLUME   REF "), "{listed}");
    assert!(lines[2].starts_with("db       small ") && lines[2].ends_with("1,000 orders"), "{listed}");
    let tags = json_lines(&team.there.ok(["ls-remote", "--tags", &team.url(), "--format", "json"]));
    assert_eq!((tags.len(), tags[0]["ref"].as_str()), (1, Some("tags/small")));
    assert_eq!(team.there.ok(["ls-remote", &team.volume("db"), "--format", "json"]).lines().count(), 2);
    let none = team.there.run(["ls-remote", "--exit-code", "-C", "nothing"]);
    assert_eq!(none.code, 2);

    team.there.ok(["clone", &format!("{}:small", team.volume("db")), "sample"]);
    assert_eq!(team.there.read("sample", "state"), "one");
    assert_eq!(team.there.ok(["tag", "-C", "sample"]), "small\n");
    team.there.fails(1, ["clone", &format!("{}:large", team.volume("db"))], "has no large of volume db");
    team.there.fails(1, ["clone", &team.volume("shop")], "has no volume shop");
    team.there.fails(1, ["clone", &team.volume("db"), "sample"], "volume sample already exists");
}

/// Makes a tree with an entry of each kind.
fn fill(root: &Path) {
    fs::create_dir_all(root.join("a directory/deep")).unwrap();
    fs::write(root.join("a directory/deep/file"), vec![7; 100_000]).unwrap();
    fs::hard_link(root.join("a directory/deep/file"), root.join("another name")).unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"not \xff UTF-8")), "").unwrap();
    symlink("../outside \\ of it", root.join("link")).unwrap();
    let holes = fs::File::create(root.join("holes")).unwrap();
    holes.set_len(3 << 20).unwrap();
    holes.write_all_at(b"in the middle", 1 << 20).unwrap();
    fs::File::create(root.join("all hole")).unwrap().set_len(1 << 20).unwrap();
    drop(UnixListener::bind(root.join("socket")).unwrap());
    let fifo = root.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::set_permissions(&fifo, fs::Permissions::from_mode(0o6711)).unwrap();
    fs::set_permissions(root.join("a directory"), fs::Permissions::from_mode(0o1750)).unwrap();
    let long_ago = SystemTime::UNIX_EPOCH - Duration::new(86_400, 250_000_000);
    fs::File::open(root.join("another name")).unwrap().set_modified(long_ago).unwrap();
}

fn commit_tree(pool: &Pool, volume: &str) -> std::path::PathBuf {
    pool.root().join(volume).join("commits").join(&pool.ids(volume)[0])
}

#[test]
fn every_kind_of_entry_comes_back_as_it_was() {
    let team = Team::new();
    fill(&team.here.root().join("db/branches/master"));
    team.here.ok(["commit", "-m", "all kinds"]);
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    team.there.ok(["clone", &team.volume("db")]);
    let (ours, theirs) =
        (take_down(&commit_tree(&team.here, "db")), take_down(&commit_tree(&team.there, "db")));
    assert!(ours.len() > 9, "{}", ours.len());
    let now = (i64::MAX, 0);
    assert_eq!(differences(&ours, &theirs, now), [""; 0]);
    let hole = fs::metadata(commit_tree(&team.there, "db").join("all hole")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::blocks(&hole), 0, "a hole stays one");
    // What came is known to equal the commit: nothing is sent back.
    team.there.ok(["switch", "db"]);
    assert!(team.there.ok(["status"]).contains("nothing to commit"));
    assert_eq!(team.there.ok(["push"]), "Everything up-to-date\n");
}

#[test]
fn a_pull_takes_from_this_machine_what_it_has() {
    let team = Team::with_clone();
    let words = (0..1 << 19_u32).map(|n: u32| n.wrapping_mul(2_654_435_761) ^ n.rotate_left(13));
    let blob: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    fs::write(team.here.file("db", "table"), &blob).unwrap();
    team.here.commit("a table");
    team.here.ok(["push"]);
    team.there.ok(["pull"]);
    let mut changed = blob;
    changed[1_000_000] ^= 1;
    fs::write(team.here.file("db", "table"), &changed).unwrap();
    team.here.commit("one byte");
    let sent = json_lines(&team.here.ok(["push", "--format", "json"]));
    assert!(sent[0]["sent"].as_u64().unwrap() < 200_000, "{}", sent[0]["sent"]);
    let pulled = json_lines(&team.there.ok(["pull", "--format", "json"]));
    let here = pulled[0]["data"]["here"].as_u64().unwrap();
    assert!(here >= (2 << 20) - 2 * 32_768, "{here}");
    assert_eq!(fs::read(team.there.file("db", "table")).unwrap(), changed);
}
