//! What people type who know git or Docker.

use crate::harness::{Pool, json, json_lines};

/// Words that dvol takes as git does, and what each prints on a pool with two commits.
#[test]
fn words_of_git_that_mean_the_same_are_taken() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["commit", "-am", "three"]);
    pool.ok(["commit", "--all", "-m", "four"]);
    assert_eq!(pool.ok(["log", "--pretty=oneline"]), pool.ok(["log", "--oneline"]));
    assert_eq!(pool.ok(["log", "--pretty=%h %s"]), pool.ok(["log", "--format", "%h %s"]));
    assert_eq!(pool.ok(["log", "--pretty=format:%h"]), pool.ok(["log", "--format", "%h"]));
    assert_eq!(pool.ok(["log", "--format=tformat:%h"]), pool.ok(["log", "--format", "%h"]));
    assert_eq!(pool.ok(["log", "--pretty"]), pool.ok(["log"]));
    assert_eq!(pool.ok(["--no-pager", "log"]), pool.ok(["log"]));
    pool.fails(2, ["log", "--pretty=xml"], "'xml' is no format");
    for words in [["branch", "-a"], ["branch", "--all"], ["branch", "--list"]] {
        assert_eq!(pool.ok(words), "* master\n");
    }
    pool.ok(["tag", "-a", "v1", "-m", "The first"]);
    assert_eq!(json_lines(&pool.ok(["tag", "--format", "json"]))[0]["message"], "The first");
    pool.ok(["switch", "-c", "fix/one"]);
    pool.ok(["switch", "other", "-c"]);
    pool.ok(["switch", "-c", "early", "HEAD~1", "db"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "early\n");
    pool.ok(["switch", "-"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "other\n");
    pool.ok(["branch", "-M", "renamed"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "renamed\n");
    assert_eq!(pool.ok(["status", "-sb"]), "");
    pool.ok(["config", "user.name", "Grace"]);
    assert_eq!(pool.ok(["config", "--get", "user.name"]), "Grace\n");
    pool.write("db", "state", "changed");
    assert_eq!(pool.ok(["diff", "--name-only"]), "state\n");
    assert_eq!(pool.ok(["diff", "-p"]), pool.ok(["diff"]));
    pool.ok(["commit", "--amend", "--no-edit", "--author", "Grace <grace@example.org>"]);
    let newest = &json_lines(&pool.ok(["log", "-1", "--format", "json"]))[0];
    assert_eq!((&newest["message"], &newest["author"]["name"]), (&"four".into(), &"Grace".into()));
    pool.fails(2, ["commit", "--no-edit"], "--amend");
}

#[test]
fn no_branch_is_made_by_a_word_that_lists_branches() {
    let pool = Pool::with_commits(&["one"]);
    pool.fails(1, ["branch", "--list", "feature"], "does not exist");
    assert_eq!(pool.ok(["branch"]), "* master\n");
}

/// `-p` is `--patch` where git has it, and `--pool` before the verb and elsewhere.
#[test]
fn a_short_p_is_the_pool_or_the_patch() {
    let pool = Pool::with_commits(&["one", "two"]);
    let root = pool.root();
    let root = root.to_str().unwrap();
    let elsewhere = Pool::with_commits(&["other"]);
    let subject = |words: &[&str]| elsewhere.ok(words.iter().copied());
    assert_eq!(subject(&["-p", root, "log", "-1", "--format", "{subject}"]), "two\n");
    assert_eq!(subject(&["log", "--pool", root, "-1", "--format", "{subject}"]), "two\n");
    assert_eq!(subject(&["status", "-p", root]), subject(&["--pool", root, "status"]));
    assert_eq!(json(&subject(&["list", "-p", root, "--format", "json"]))["volume"], "db");
    pool.write("db", "state", "changed");
    assert!(pool.ok(["diff", "-p"]).contains("+changed"));
    assert!(pool.ok(["diff", "-p", "HEAD~1"]).contains("-one"));
}

/// Words that need a sentence: each is an error whose hint names what does the job.
#[test]
fn other_words_of_git_and_docker_get_a_sentence() {
    let pool = Pool::with_commits(&["one", "two"]);
    for (words, code, hint) in [
        (&["add", "."][..], 2, "dvol commit"),
        (&["stash", "--keep-index"], 2, "dvol stash takes all changes"),
        (&["merge", "side"], 2, "dvol reset --hard BRANCH"),
        (&["rebase", "-i"], 2, "dvol reset --hard BRANCH"),
        (&["cherry-pick", "HEAD"], 2, "dvol reset --hard BRANCH"),
        (&["revert", "HEAD"], 2, "dvol reset --hard HEAD~1"),
        (&["mv", "a", "b"], 2, "dvol rename"),
        (&["clean", "-fd"], 2, "dvol reset --hard"),
        (&["submodule", "add"], 2, "dvol commit --project"),
        (&["bisect", "start"], 2, "dvol log --stat"),
        (&["worktree", "move", "a", "b"], 2, "dvol rename"),
        (&["worktree", "lock", "a"], 2, "dvol worktree"),
        (&["restore", "--staged", "state"], 2, "there is no index"),
        (&["archive"], 2, "dvol export"),
        (&["ls-files"], 2, "dvol ls-tree"),
        (&["cat-file", "-p", "HEAD:state"], 2, "dvol show REVISION:PATH"),
        (&["version"], 2, "dvol --version"),
        (&["create", "x"], 2, "dvol init"),
        (&["commit", "--dry-run"], 2, "dvol status"),
        (&["branch", "--contains", "HEAD"], 2, "dvol log --all"),
        (&["log", "--name-only"], 2, "dvol log --stat"),
        (&["diff", "--cached"], 2, "there is no index"),
        (&["diff", "--staged"], 2, "there is no index"),
        (&["reset", "--soft", "HEAD~1"], 2, "dvol undo"),
        (&["reset", "--mixed"], 2, "dvol reset --hard"),
        (&["rm", "-rf", "db"], 2, "dvol rm"),
        (&["gc", "--prune=now"], 2, "dvol gc --all"),
        (&["config", "--global", "user.name", "x"], 2, "dvol config KEY VALUE"),
        (&["switch", "master"], 1, "dvol checkout master"),
        (&["checkout", "HEAD~1"], 1, "dvol checkout -b NAME HEAD~1"),
        (&["checkout", "HEAD"], 1, "dvol checkout -b NAME HEAD"),
    ] {
        let said = pool.run(words);
        assert_eq!(said.code, code, "{words:?}: {}", said.err);
        let hint_line = said.err.lines().find(|line| line.starts_with("hint: "));
        assert!(hint_line.is_some_and(|line| line.contains(hint)), "{words:?}: {}", said.err);
        assert!(!said.err.contains("as a value"), "{words:?}: {}", said.err);
    }
}
