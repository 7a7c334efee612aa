//! Errors for programs: one JSON object on standard error, with a code that never changes and the
//! command that helps.

use crate::harness::{Pool, Said, json};

/// Reads the only line on standard error.
fn error(said: &Said) -> serde_json::Value {
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    let error = json(&said.err);
    assert_eq!(error["exit"], said.code, "{error}");
    error
}

#[test]
fn each_error_has_a_code_and_the_command_that_helps() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "empty"]);
    pool.ok(["switch", "db"]);
    pool.ok(["protect", "db:master"]);
    let none = "";
    for (words, code, command) in [
        (&["switch", "nosuch"][..], "no_volume", "dvol list"),
        (&["init", "db"], "volume_exists", "dvol switch db"),
        (&["checkout", "nosuch"], "no_branch", "dvol branch db"),
        (&["commit", "-m", " "], "no_message", "dvol commit -m MESSAGE"),
        (&["reset", "HEAD"], "hard_required", "dvol reset --hard"),
        (&["reset", "--hard", "HEAD"], "protected", "dvol unprotect db:master"),
        (&["commit", "--amend", "-m", "x", "empty"], "no_commits", "dvol commit -m MESSAGE empty"),
        (&["show", "HEAD~9"], "past_root", "dvol log db"),
        (&["tag", "-d", "nosuch"], "no_tag", "dvol tag -C db"),
        (&["config", "nosuch"], "unknown_setting", none),
        (&["rm", "empty"], "not_confirmed", none),
        (&["redo", "empty"], "nothing_to_redo", none),
        (&["commit", "--nosuch"], "usage", "dvol commit -h"),
        (&["nosuch"], "usage", "dvol --help"),
    ] {
        let said = pool.run([words, &["--format", "json"]].concat());
        assert_ne!(said.code, 0, "{words:?}");
        let error = error(&said);
        assert_eq!(error["error"], code, "{words:?}: {error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        let hints = error["hints"].as_array().unwrap();
        let helps = hints.iter().any(|hint| hint["command"] == command);
        assert!(helps || command.is_empty(), "{words:?}: {error}");
    }
    let said = pool.run(["commit", "--nosuch", "--format=json"]);
    assert_eq!(error(&said)["error"], "usage");
}

#[test]
fn people_read_no_json() {
    let pool = Pool::with_commits(&["one"]);
    let said = pool.fails(1, ["switch", "nosuch"], "error: Volume 'nosuch' does not exist");
    assert!(said.contains("hint: list the volumes: dvol list"), "{said}");
}
