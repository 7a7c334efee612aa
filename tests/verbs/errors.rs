//! Every refusal that the command line can be brought to, with its words and its exit code, as a
//! table in `snapshots/errors.txt`: read it as a stranger would.

use super::harness::{Pool, snapshot};

#[test]
fn every_error_has_its_words_and_its_exit_code() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1"]);
    pool.ok(["branch", "side"]);
    pool.ok(["init", "empty"]);
    pool.ok(["switch", "db"]);
    let fresh = Pool::empty();
    let mut table = String::new();
    let mut add = |pool: &Pool, words: &[&str]| {
        let said = pool.run(words);
        assert_ne!(said.code, 0, "{words:?} succeeds");
        table.push_str(&format!("$ dvol {}\n{}[exit {}]\n\n", words.join(" "), said.err, said.code));
    };
    add(&fresh, &["log"]);
    add(&fresh, &["commit", "-m", "x"]);
    for words in [
        &["switch", "nosuch"][..],
        &["switch", "side"],
        &["init", "db"],
        &["init", "../etc"],
        &["init", ".hidden"],
        &["rm", "nosuch"],
        &["rm", "db"],
        &["commit"],
        &["commit", "-m", " "],
        &["commit", "-m", "x", "--author", "<a"],
        &["commit", "-m", "x", "--date", "soon"],
        &["commit", "--amend", "-m", "x", "empty"],
        &["commit", "-F", "nosuch"],
        &["checkout", "nosuch"],
        &["checkout", "mastre"],
        &["checkout", "v1"],
        &["checkout", "-b", "side"],
        &["checkout", "-b", "v1"],
        &["checkout", "-b", "HEAD"],
        &["checkout", "-b", "a..b/"],
        &["checkout", "-b", "new", "empty:HEAD"],
        &["checkout", "-b", "new", "-C", "empty"],
        &["checkout", "side", "HEAD", "db"],
        &["checkout", "-"],
        &["branch", "-d", "master"],
        &["branch", "-d", "nosuch"],
        &["branch", "-m", "side", "master"],
        &["branch", "side", "HEAD"],
        &["reset", "HEAD"],
        &["reset", "--hard", "nosuch"],
        &["reset", "--hard", "HEAD~9"],
        &["reset", "--hard", "HEAD^2"],
        &["reset", "--hard", "HEAD^x"],
        &["reset", "--hard", "0000"],
        &["reset", "--hard", "HEAD@{99}"],
        &["reset", "--hard", "empty:HEAD"],
        &["reset", "--hard", "ORIG_HEAD"],
        &["tag", "v1"],
        &["tag", "master"],
        &["tag", "-d", "v2"],
        &["tag", "bad name"],
        &["log", "a...b"],
        &["log", "--since", "soon"],
        &["log", "--grep", "("],
        &["log", "--format", "{x}"],
        &["log", "--format", "xml"],
        &["list", "--format", "{id}"],
        &["rename", "db", "empty"],
        &["rename", "nosuch", "x"],
        &["clone", "db", "empty"],
        &["clone", "empty", "x"],
        &["export", "db"],
        &["export", "empty", "-"],
        &["import", "nosuch.tar", "x"],
        &["import", "--from-docker", "nosuch"],
        &["run", "db", "--", "true"],
        &["hook", "install"],
        &["config", "user.nam"],
        &["config", "trash.keep", "soon"],
        &["comit"],
        &["log", "--onelin"],
        &["-C", "db", "log", "HEAD", "empty"],
    ] {
        add(&pool, words);
    }
    pool.write("state", "not committed");
    add(&pool, &["checkout", "side"]);
    pool.ok(["checkout", "-f", "side"]);
    pool.commit("only here");
    pool.ok(["checkout", "master", "-f"]);
    add(&pool, &["branch", "-d", "side"]);
    pool.ok(["checkout", "-f", "side"]);
    pool.write("state", "not committed");
    pool.ok(["checkout", "-f", "master"]);
    add(&pool, &["checkout", "-B", "side"]);
    snapshot("errors", &table);
}
