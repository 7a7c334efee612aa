//! Files of a commit, read without touching the working tree.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use crate::harness::{Pool, json_lines, snapshot};

/// Bytes that no text has, and no end of line.
const BINARY: &[u8] = b"\x00\x1b[2J\xff\xfe\r\nno end";

/// Two commits of a tree with a file, a binary one, a link and directories; then other changes.
fn tree() -> Pool {
    let pool = Pool::with_volume();
    fs::create_dir_all(pool.file("db", "conf/deep")).unwrap();
    pool.write("db", "conf/my.cnf", "port=1\n");
    pool.write("db", "conf/deep/a:b", "colon");
    fs::write(pool.file("db", "blob"), BINARY).unwrap();
    symlink("/etc/passwd", pool.file("db", "link")).unwrap();
    symlink("conf", pool.file("db", "alias")).unwrap();
    for path in ["conf", "conf/deep"] {
        fs::set_permissions(pool.file("db", path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for path in ["conf/my.cnf", "conf/deep/a:b", "blob"] {
        fs::set_permissions(pool.file("db", path), fs::Permissions::from_mode(0o640)).unwrap();
    }
    pool.commit("First");
    pool.write("db", "conf/my.cnf", "port=2\n");
    fs::write(pool.file("db", "blob"), b"\x00").unwrap();
    pool.commit("Second");
    pool.write("db", "conf/my.cnf", "port=3\n");
    pool
}

fn bytes(pool: &Pool, word: &str) -> Vec<u8> {
    let output = pool.command(["show", word]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_file_of_a_commit_comes_out_byte_by_byte() {
    let pool = tree();
    assert_eq!(bytes(&pool, "HEAD~1:blob"), BINARY);
    assert_eq!(bytes(&pool, "HEAD:conf/my.cnf"), b"port=2\n");
    assert_eq!(bytes(&pool, "db:HEAD~1:/conf/my.cnf"), b"port=1\n");
    assert_eq!(bytes(&pool, "HEAD:conf/deep/a:b"), b"colon");
    assert_eq!(pool.ok(["show", "HEAD:conf/my.cnf", "db"]), "port=2\n");
    assert_eq!(pool.ok(["show", "-C", "db", "HEAD:conf/my.cnf"]), "port=2\n");
    assert_eq!(pool.read("db", "conf/my.cnf"), "port=3\n");
    let shell = "\"$0\" --disable-docker-integration show HEAD:blob | head -c 0";
    let piped = pool.command_of("sh").args(["-c", shell]).arg(support::dvol()).output().unwrap();
    assert!(piped.stderr.is_empty(), "{}", String::from_utf8_lossy(&piped.stderr));
}

#[test]
fn a_directory_lists_its_names_and_a_link_shows_its_target() {
    let pool = tree();
    assert_eq!(pool.ok(["show", "HEAD:conf"]), "tree HEAD:conf\n\ndeep/\nmy.cnf\n");
    assert_eq!(pool.ok(["show", "HEAD:"]), "tree HEAD:\n\nalias\nblob\nconf/\nlink\nstate\n");
    assert_eq!(pool.ok(["show", "HEAD:link"]), "/etc/passwd");
    let json = json_lines(&pool.ok(["show", "HEAD:conf/my.cnf", "--format", "json"]));
    assert_eq!((&json[0]["path"], &json[0]["type"]), (&"conf/my.cnf".into(), &"file".into()));
    assert_eq!((&json[0]["size"], &json[0]["mode"]), (&7.into(), &"0640".into()));
}

#[test]
fn no_symlink_of_a_container_leads_out_of_the_commit() {
    let pool = tree();
    symlink("/", pool.file("db", "root")).unwrap();
    pool.commit("With a link to the root");
    for word in ["HEAD:alias/my.cnf", "HEAD:root/etc/passwd", "HEAD:conf/../../x", "HEAD:state/x"] {
        let err = pool.fails(1, ["show", word], "does not exist in commit");
        assert!(err.contains("list the files"), "{err}");
    }
    pool.fails(1, ["ls-tree", "HEAD", "root/etc"], "does not exist in commit");
}

#[test]
fn a_word_before_a_colon_is_a_volume_or_a_commit() {
    let pool = tree();
    assert!(pool.ok(["show", "db:HEAD"]).contains("Second"));
    pool.fails(1, ["show", "HEAD:nosuch"], "path 'nosuch' does not exist in commit");
    pool.fails(1, ["show", "nosuch:state"], "'nosuch' names neither a commit of volume db nor a volume");
    pool.fails(1, ["show", "db:nosuch"], "'db:nosuch' names no commit in volume db");
    // A branch that has the name of another volume.
    pool.ok(["init", "other"]);
    pool.write("other", "mine", "other's");
    pool.ok(["commit", "-C", "other", "-m", "One"]);
    pool.ok(["switch", "db"]);
    pool.ok(["branch", "-C", "db", "other"]);
    assert_eq!(pool.ok(["show", "other:state"]), "Second");
    assert!(pool.ok(["show", "other:HEAD"]).contains("One"));
    assert_eq!(pool.ok(["show", "other:HEAD:mine"]), "other's");
    pool.write("db", "HEAD", "a file of that name");
    pool.ok(["commit", "-m", "Confusing"]);
    pool.ok(["checkout", "-C", "db", "other"]);
    pool.ok(["reset", "-C", "db", "--hard", "master"]);
    pool.fails(2, ["show", "other:HEAD"], "both a volume and a commit of volume db");
}

#[test]
fn dropped_commits_are_read_from_trash_and_forgotten_ones_are_named() {
    let pool = tree();
    let id = pool.ids("db")[0].clone();
    pool.ok(["reset", "--hard", "HEAD~1"]);
    assert_eq!(pool.ok(["show", &format!("{id}:conf/my.cnf")]), "port=2\n");
    assert!(pool.ok(["show", &id]).contains(".dvol/trash/"));
    pool.ok(["ls-tree", &id]);
    pool.ok(["undo"]);
    pool.ok(["forget", "HEAD~1"]);
    assert_eq!(pool.ok(["show", "HEAD~1:conf/my.cnf"]), "port=1\n");
    pool.ok(["gc", "--all", "-f"]);
    pool.fails(1, ["show", "HEAD~1:conf/my.cnf"], "is gone");
    pool.fails(1, ["ls-tree", "HEAD~1"], "is gone");
    assert!(pool.ok(["log", "-p"]).contains("the data of this commit or of its parent is gone"));
}

#[test]
fn ls_tree_lists_what_a_commit_holds() {
    let pool = tree();
    fs::set_permissions(pool.file("db", "state"), fs::Permissions::from_mode(0o600)).unwrap();
    pool.ok(["commit", "-m", "Third"]);
    let mut all = String::new();
    for words in [
        &["ls-tree", "HEAD"][..],
        &["ls-tree", "-r", "-l", "HEAD"],
        &["ls-tree", "HEAD~1", "conf"],
        &["ls-tree", "HEAD:conf/deep", "--name-only"],
        &["ls-tree", "-l", "db:HEAD~2", "blob"],
    ] {
        all.push_str(&format!("$ dvol {}\n{}\n", words.join(" "), pool.ok(words)));
    }
    snapshot("ls_tree", &all);
    let json = json_lines(&pool.ok(["ls-tree", "-r", "HEAD", "--format", "json"]));
    let paths: Vec<_> = json.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        ["alias", "blob", "conf", "conf/deep", "conf/deep/a:b", "conf/my.cnf", "link", "state"]
    );
    assert_eq!(json[0]["target"], "conf");
}

#[test]
fn fifos_have_no_content() {
    let pool = tree();
    let path = pool.file("db", "pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    pool.ok(["commit", "-m", "With a FIFO"]);
    pool.fails(1, ["show", "HEAD:pipe"], "it has no content");
    assert!(pool.ok(["ls-tree", "HEAD", "pipe"]).contains("FIFO"));
}

#[test]
fn logs_show_counts_and_patches() {
    let pool = tree();
    for (name, words) in [
        ("log_patch", &["log", "-p"][..]),
        ("log_patch_graph", &["log", "-p", "--graph", "-1"]),
        ("show_stat", &["show", "--stat"]),
        ("show_patch_stat", &["show", "--patch", "--stat", "--oneline"]),
    ] {
        snapshot(name, &pool.ok(words));
    }
    let stat = json_lines(&pool.ok(["log", "--stat", "-1", "--format", "json"]));
    let of = |path: &str| {
        let changes = stat[0]["changes"].as_array().unwrap();
        changes.iter().find(|change| change["path"] == path).unwrap().clone()
    };
    assert_eq!((&of("conf/my.cnf")["added"], &of("conf/my.cnf")["patch"]), (&1.into(), &None::<u8>.into()));
    assert_eq!((&of("blob")["binary"], &of("blob")["kind"]), (&true.into(), &"modified".into()));
    let patch = json_lines(&pool.ok(["show", "-p", "--format", "json"]));
    assert!(patch[0]["changes"].to_string().contains("+port=2"), "{}", patch[0]);
}
