//! How a commit may be named, and what is said when it is not.

use crate::harness::{Pool, json_lines};

#[test]
fn an_ambiguous_prefix_lists_its_candidates() {
    let pool = Pool::with_commits(&["one", "two"]);
    let error = pool.fails(1, ["reset", "--hard", "0000"], "is ambiguous: several commits");
    for line in ["the candidates are", " 2024-05-01 - one", " 2024-05-01 - two"] {
        assert!(error.contains(line), "{error}");
    }
}

#[test]
fn what_is_misspelt_is_met_with_what_may_have_been_meant() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "before-migration"]);
    pool.ok(["checkout", "-b", "experiment"]);
    for (words, meant) in [
        (&["checkout", "mastre"][..], "did you mean 'master'?"),
        (&["reset", "--hard", "experimnt~1"], "did you mean 'experiment'?"),
        (&["reset", "--hard", "before-migratoin"], "did you mean 'before-migration'?"),
        (&["tag", "-d", "befor-migration"], "did you mean 'before-migration'?"),
        (&["branch", "-d", "experimnt"], "did you mean 'experiment'?"),
    ] {
        pool.fails(1, words, meant);
    }
    pool.fails(1, ["worktree", "add", "feat", "-b", "side", "db"], "name the commit it is on: db:HEAD");
    pool.ok(["init", "frob_mysql"]);
    pool.fails(1, ["switch", "frob_msql"], "did you mean 'frob_mysql'?");
    pool.fails(2, ["config", "user.nam"], "did you mean 'user.name'");
    pool.fails(2, ["comit"], "'commit'");
}

#[test]
fn every_form_of_a_revision_names_its_commit() {
    let pool = Pool::with_commits(&["one", "two", "three"]);
    let ids: Vec<String> = ["HEAD~2", "HEAD~1", "HEAD"]
        .iter()
        .map(|revision| pool.ok(["rev-parse", revision]).trim().to_owned())
        .collect();
    pool.ok(["tag", "v1", "HEAD^"]);
    pool.ok(["checkout", "-b", "side", "HEAD~1"]);
    pool.ok(["checkout", "master"]);
    for (revision, expected) in [
        ("@", 2),
        ("@^^", 0),
        ("HEAD~1^1", 0),
        ("HEAD^0", 2),
        ("master~2", 0),
        ("v1", 1),
        ("v1~", 0),
        ("side", 1),
        ("@{-1}", 1),
        ("db:HEAD", 2),
        (&ids[0], 0),
        (&ids[1][..9], 1),
    ] {
        assert_eq!(pool.ok(["rev-parse", revision]).trim(), ids[expected], "{revision}");
    }
    pool.ok(["reset", "--hard", "HEAD~2"]);
    assert_eq!(pool.ok(["rev-parse", "--abbrev-ref", "HEAD"]), "master\n");
    assert_eq!(pool.ok(["rev-parse", "--short", "v1"]).trim(), &ids[1][..8]);
    assert_eq!(json_lines(&pool.ok(["rev-parse", "v1", "--format", "json"]))[0]["commit"], ids[1]);
    for (revision, code, words) in [
        ("HEAD~9", 1, "past the root"),
        ("HEAD^2", 1, "second parent"),
        ("nosuch", 1, "names no commit"),
        ("HEAD^x", 2, "is not a revision"),
        ("other:HEAD", 1, "Volume 'other' does not exist"),
        ("HEAD@{99}", 1, "no such operation"),
    ] {
        pool.fails(code, ["rev-parse", revision], words);
    }
    assert_eq!(pool.run(["rev-parse", "-q", "--verify", "nosuch"]).err, "");
}
