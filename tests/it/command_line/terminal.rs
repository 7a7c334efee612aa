//! Text that others wrote, as a terminal gets it: no character of it moves the cursor, changes the
//! title, or lets a line read as another one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use support::fake_engine::{Container, FakeEngine, Status};

use crate::harness::{Pool, Said, json};

/// C1's control sequence introducer, overrides and isolates, the title, and an invisible tag.
const EVIL: &str = "a\u{9b}2Jb\u{202e}c\u{2066}d\u{1b}]0;x\u{7}e\u{1b}[8mf\u{200f}\u{e0041}g\u{7f}\rh";

/// Returns whether a terminal would act on something other than dvol's own styles.
fn acts(text: &str) -> bool {
    let is_evil = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().any(is_evil)
}

#[track_caller]
fn check(what: &str, said: &Said) {
    assert!(!acts(&said.out) && !acts(&said.err), "{what}: {said:?}");
}

#[track_caller]
fn run(pool: &Pool, words: &[&str]) -> Said {
    let said = pool.run(words);
    check(&words.join(" "), &said);
    said
}

#[test]
fn a_message_and_an_author_are_shown_as_text() {
    let pool = Pool::with_volume();
    let author = format!("{EVIL} <a@example.org>");
    assert_eq!(run(&pool, &["commit", "-m", "x", "--author", &author]).code, 2);
    // A name that the environment or git gives.
    let mut command = pool.command(["commit", "-m", EVIL]);
    let said = Said::from(command.env("DVOL_AUTHOR_NAME", EVIL).output().unwrap());
    check("commit", &said);
    let log = run(&pool, &["log"]);
    assert!(log.out.contains("a\\u{9b}2Jb\\u{202e}c\\u{2066}d\\x1b]0;x\\x07e\\x1b[8mf"), "{log:?}");
    pool.ok(["commit", "-m", &format!("subject\n\n{EVIL}\n{EVIL}")]);
    for words in [
        &["log", "--oneline"][..],
        &["log", "--graph", "--stat"],
        &["log", "--format", "%an %s %B"],
        &["log", "--format", "json"],
        &["show", "HEAD~1"],
        &["show", "--format", "json"],
        &["reflog"],
        &["branch", "-v"],
        &["inspect"],
        &["du"],
        &["reset", "--hard", "HEAD~1"],
        &["undo"],
        &["export", "--metadata"],
        &["commit", "--amend", "-m", EVIL],
    ] {
        assert_eq!(run(&pool, words).code, 0, "{words:?}");
    }
    let line = pool.ok(["log", "-1", "--format", "json"]);
    assert_eq!(json(&line)["message"].as_str().unwrap().trim_end(), EVIL);
}

#[test]
fn names_and_contents_of_files_are_shown_as_text() {
    let pool = Pool::with_commits(&["one"]);
    let name = EVIL.replace('/', "");
    pool.write("db", &name, "text");
    pool.write("db", "text", "left \u{202e} right\n");
    pool.write("db", "dos", "line\r\n");
    symlink(EVIL, pool.file("db", "link")).unwrap();
    for words in [
        &["status"][..],
        &["status", "--short"],
        &["status", "--format", "json"],
        &["diff", "--stat"],
        &["diff", "--name-status"],
        &["diff", "--format", "json"],
        &["restore", "nothing"],
        &["log", &name],
        &["nosuchverb\u{202e}\u{9b}"],
        &["checkout", EVIL],
        &["init", EVIL],
        &["config", EVIL, "x"],
        &["commit", "-F", EVIL],
        &["-p", EVIL, "list"],
    ] {
        run(&pool, words);
    }
    let said = pool.run(["diff"]);
    // A text of DOS keeps its line ends.
    assert!(said.out.contains("+line\r\n") && !acts(&said.out.replace("\r\n", "\n")), "{said:?}");
    assert!(said.out.contains("+left \\u{202e} right\n"), "{said:?}");
    pool.ok(["commit", "-m", "two"]);
    run(&pool, &["log", "-1", "--stat"]).ok();
}

#[test]
fn the_name_of_a_project_is_shown_as_text() {
    let pool = Pool::with_volume();
    let said = run(&pool, &["commit", "--project", EVIL, "-m", "x"]);
    assert_eq!(said.code, 2, "{said:?}");
    fs::write(pool.dir().join("compose.yaml"), "name: \"a\\u009bb\\u202e\"\n").unwrap();
    let said = run(&pool, &["commit", "--project", ".", "-m", "x"]);
    assert_ne!(said.code, 0, "{said:?}");
}

#[test]
fn a_command_in_a_container_is_shown_as_text() {
    let pool = Pool::with_volume();
    let engine = FakeEngine::new();
    let web = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&[("web".to_owned(), web)].into());
    pool.ok(["config", "-C", "db", "containers.pre-commit", "before \u{202e}\u{2066} fails"]);
    let output = pool.command_with(&engine.socket(), ["commit", "-m", "x"]).output().unwrap();
    let said = Said::from(output);
    check("a command that fails", &said);
    said.fails(1, "before \\u{202e}\\u{2066} fails");
}

/// Answers every request with this error.
fn serve_error(socket: &Path, message: &str) {
    let listener = UnixListener::bind(socket).unwrap();
    let body = serde_json::json!({ "message": message }).to_string();
    let answer = format!(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

#[test]
fn an_error_of_the_engine_is_shown_as_text() {
    let pool = Pool::with_volume();
    let socket = pool.dir().join("engine.sock");
    serve_error(&socket, EVIL);
    for words in [&["commit", "-m", "x"][..], &["rm", "-f", "db"], &["list"], &["doctor"]] {
        let said = Said::from(pool.command_with(&socket, words).output().unwrap());
        check(&words.join(" "), &said);
    }
    let said = Said::from(pool.command_with(&socket, ["commit", "-m", "x"]).output().unwrap());
    said.fails(1, "a\\u{9b}2Jb\\u{202e}c\\u{2066}d\\x1b]0;x\\x07e");
}
