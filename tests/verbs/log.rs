//! The log in all its forms, whole outputs.

use super::harness::{Pool, json, snapshot};

/// Three branches, two tags, six commits.
fn history() -> Pool {
    let pool = Pool::with_commits(&["Schema of May", "Add the index\n\nIt makes the report fast."]);
    pool.ok(["tag", "v1", "HEAD~1"]);
    pool.ok(["checkout", "-b", "experiment"]);
    pool.commit("Try a wider key");
    pool.ok(["checkout", "-b", "bugfix", "v1"]);
    pool.write("notes", "why");
    pool.commit("Mend the totals");
    pool.ok(["checkout", "master"]);
    pool.commit("Load the fixtures");
    pool.ok(["checkout", "experiment"]);
    pool.commit("Measure it");
    pool.ok(["tag", "-m", "Good enough", "measured"]);
    pool
}

#[test]
fn whole_outputs() {
    let pool = history();
    for (name, words) in [
        ("log", &["log"][..]),
        ("log_decorate", &["log", "--decorate", "-2"]),
        ("log_oneline", &["log", "--oneline"]),
        ("log_graph", &["log", "--oneline", "--graph", "--all", "--decorate"]),
        ("log_graph_full", &["log", "--graph", "--all"]),
        ("log_stat", &["log", "--stat", "bugfix"]),
        ("log_json", &["log", "--all", "--format", "json"]),
        ("log_template", &["log", "--all", "--format", "{short} {day} [{refs}] {subject}"]),
        ("show", &["show", "bugfix"]),
        ("show_json", &["show", "bugfix", "--format", "json"]),
        ("show_first", &["show", "v1", "--decorate"]),
    ] {
        snapshot(name, &pool.ok(words));
    }
}

fn subjects(pool: &Pool, words: &[&str]) -> Vec<String> {
    let all = [&["log", "--format", "%s"][..], words].concat();
    pool.ok(all).lines().map(str::to_owned).collect()
}

#[test]
fn what_is_shown_can_be_chosen() {
    let pool = history();
    let all = ["Measure it", "Try a wider key", "Add the index", "Schema of May"];
    assert_eq!(subjects(&pool, &[]), all);
    assert_eq!(subjects(&pool, &["-n", "1"]), all[..1]);
    assert_eq!(subjects(&pool, &["-2"]), all[..2]);
    assert_eq!(subjects(&pool, &["-2", "HEAD~1", "db"]), all[1..3]);
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    assert_eq!(subjects(&pool, &["--reverse"]), reversed);
    assert_eq!(subjects(&pool, &["--reverse", "-1"]), all[..1]);
    assert_eq!(subjects(&pool, &["v1..experiment"]), all[..3]);
    assert_eq!(subjects(&pool, &["master..", "db"]), all[..2]);
    assert_eq!(subjects(&pool, &["..master"]), ["Load the fixtures"]);
    assert_eq!(subjects(&pool, &["HEAD..HEAD"]), Vec::<String>::new());
    assert_eq!(subjects(&pool, &["--grep", "^It makes|wider"]), all[1..2]);
    assert_eq!(subjects(&pool, &["--grep", "INDEX", "-i"]), all[2..3]);
    assert_eq!(subjects(&pool, &["--author", "example.org", "-1"]), all[..1]);
    assert_eq!(subjects(&pool, &["--author", "nobody"]), Vec::<String>::new());
    assert_eq!(
        subjects(&pool, &["--since", "2024-05-01T10:05:00Z", "--until", "2024-05-01T10:07:00Z"]),
        all[1..2]
    );
    assert_eq!(subjects(&pool, &["--until", "yesterday"]), Vec::<String>::new());
    assert_eq!(subjects(&pool, &["--since", "2024-05-01", "--until", "2024-05-01"]), all);
    assert_eq!(subjects(&pool, &["--all"]).len(), 6);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let pool = history();
    for (words, part) in [
        (&["log", "a...b"][..], "is not a range"),
        (&["log", "--since", "soon"], "is not a date"),
        (&["log", "--grep", "("], "is not a regular expression"),
        (&["log", "--format", "{nosuch}"], "the format knows no {nosuch}"),
        (&["log", "--format", "xml"], "use text, json"),
        (&["list", "--format", "{id}"], "a template goes with log and show only"),
        (&["log", "--all", "master"], "name no revision"),
    ] {
        let error = pool.fails(2, words);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn fields_of_json_are_only_ever_added() {
    let pool = history();
    let log = json(&pool.ok(["log", "-1", "--format", "json"]));
    let fields: Vec<&str> = log[0].as_object().unwrap().keys().map(String::as_str).collect();
    for field in ["volume", "id", "parent", "message", "author", "date", "code", "branches", "tags", "head"] {
        assert!(fields.contains(&field), "{field} is gone");
    }
}
