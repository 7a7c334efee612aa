//! What verbs say when all goes well, whole, as tables in `snapshots`: read them as a stranger
//! would.

use crate::harness::{Pool, snapshot};

/// Runs each line and adds it, with what it said, to a table.
fn table(pool: &Pool, lines: &[&[&str]]) -> String {
    let mut table = String::new();
    for words in lines {
        let said = pool.run(*words);
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
        let words: Vec<String> = words
            .iter()
            .map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() })
            .collect();
        table.push_str(&format!("$ dvol {}\n{}{}\n", words.join(" "), said.out, said.err));
    }
    let table = table.replace(&*pool.root().to_string_lossy(), "<pool>");
    table.replace(&format!("\"{}\"", std::env::consts::ARCH), "\"<architecture>\"")
}

#[test]
fn verbs_that_make_and_change_say_what_they_did() {
    let pool = Pool::empty();
    let mut said = table(&pool, &[&["init", "db"], &["init", "cache"], &["switch", "db"]]);
    pool.write("db", "state", "one");
    said += &table(&pool, &[&["commit", "-m", "One"]]);
    pool.write("db", "state", "two");
    said += &table(
        &pool,
        &[
            &["commit", "-m", "Two", "--date", "2024-04-30 12:00"],
            &["commit", "--amend", "-m", "Second"],
            &["tag", "v1", "HEAD^"],
            &["branch", "side", "v1"],
            &["branch", "-m", "side", "other"],
            &["checkout", "-b", "new"],
            &["checkout", "master"],
            &["checkout", "-"],
            &["checkout", "-B", "new", "v1"],
            &["checkout", "master"],
            &["reset", "--hard", "HEAD^"],
            &["undo"],
            &["redo"],
            &["reset", "--hard", "ORIG_HEAD"],
            &["branch", "-D", "new"],
            &["tag", "-d", "v1"],
            &["clone", "db:HEAD^", "copy"],
            &["rename", "copy", "twin"],
            &["export", "db", "db.tar"],
            &["import", "db.tar", "back"],
            &["config", "user.name", "Ada"],
            &["config", "-C", "db", "containers.quiesce", "pause"],
            &["run", "--rollback", "db", "--", "true"],
            &["rm", "-f", "twin"],
            &["undo", "twin"],
            &["fsck"],
        ],
    );
    snapshot("changes", &said);
}

#[test]
fn verbs_that_read_show_all_of_it() {
    let pool = Pool::with_commits(&["one", "two"]);
    for words in [
        &["tag", "v1", "HEAD^"][..],
        &["tag", "-m", "Before the migration", "v2"],
        &["branch", "side"],
        &["init", "cache"],
        &["switch", "db"],
        &["config", "user.name", "Ada"],
        &["config", "-C", "db", "containers.wait", "5"],
    ] {
        pool.ok(words);
    }
    let said = table(
        &pool,
        &[
            &["list"],
            &["branch", "-v"],
            &["branch", "--show-current"],
            &["tag"],
            &["reflog"],
            &["reflog", "cache"],
            &["rev-parse", "v1"],
            &["rev-parse", "--short", "HEAD"],
            &["rev-parse", "--abbrev-ref", "HEAD"],
            &["config"],
            &["config", "-C", "db"],
            &["config", "trash.keep"],
            &["inspect", "db"],
            &["gc", "-n"],
            &["status", "cache"],
            &["export", "--metadata"],
        ],
    );
    snapshot("reads", &said);
}

#[test]
fn every_verb_tells_how_it_is_used() {
    let pool = Pool::empty();
    let all = pool.ok(["-h"]);
    let mut said = format!("$ dvol -h\n{all}\n");
    let before_topics = all.lines().take_while(|line| !line.starts_with("Topics"));
    let named =
        before_topics.filter_map(|line| line.strip_prefix("  ")?.split_once("  ").map(|(verb, _)| verb));
    let verbs: Vec<&str> =
        named.filter(|verb| !verb.is_empty() && !verb.contains(' ') && *verb != "help").collect();
    assert!(verbs.len() > 25, "{verbs:?}");
    for (n, verb) in verbs.iter().enumerate() {
        let help = pool.ok([verb, "--help"]);
        // What is the same for all verbs is shown once.
        let own =
            if n == 0 { &*help } else { help.split("Options of all verbs:").next().expect("the first part") };
        said += &format!("$ dvol {verb} --help\n{own}\n");
    }
    snapshot("help", &said.replace(&*pool.root().to_string_lossy(), "<pool>"));
}
