//! The walkthrough that the README's picture shows.

use support::containers::Engine;

#[test]
fn what_a_container_overwrote_is_had_back() {
    let Some(engine) = Engine::shared() else { return };
    let run = "docker run -v frob_mysql:/data --volume-driver=dvol busybox";

    let made = engine.sh("dvol init frob_mysql").ok();
    assert_eq!(made, "Created volume frob_mysql\nCreated branch frob_mysql/master");
    engine.sh(&format!("{run} sh -c 'echo hello > /data/file'")).ok();

    let committed = engine.sh("dvol commit -m Hello frob_mysql").ok();
    let id = committed.split_whitespace().last().expect("commit prints the id");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{committed}");

    engine.sh(&format!("{run} sh -c 'echo world > /data/file'")).ok();
    assert_eq!(engine.sh(&format!("{run} cat /data/file")).ok(), "world");

    engine.sh("dvol reset --hard HEAD frob_mysql").ok();
    assert_eq!(engine.sh(&format!("{run} cat /data/file")).ok(), "hello");

    let log = engine.sh("dvol log frob_mysql").ok();
    let lines: Vec<&str> = log.lines().collect();
    let [first, author, date, "", "    Hello"] = lines[..] else { panic!("{log}") };
    assert_eq!(first, format!("commit {id}"));
    assert!(author.starts_with("Author: ") && author.ends_with("Ada <ada@example.org>"), "{author}");
    assert!(date.starts_with("Date: "), "{date}");
}
