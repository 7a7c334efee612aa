//! What the page runs: the same commands as a terminal, with the same refusals and questions.

use std::process::Stdio;

use rustix::process::{Signal, kill_process};

use super::{open, text};
use crate::harness::Pool;
use crate::remotes::Team;
use support::fake_engine::{Container, Containers, FakeEngine, SHORT_LIVED, Status};
use support::page::Page;

#[test]
fn verbs_are_done_and_taken_back() {
    let pool = Pool::with_volume();
    let page = open(&pool);
    let done = |verb: &str, fields: &str, command: &str| {
        let job = page.act(verb, fields);
        assert!(job.body.contains("data-state=\"done\""), "{verb}: {}", text(&job.body));
        assert!(text(&job.body).contains(command), "{command} is not in {}", text(&job.body));
    };
    pool.write("db", "state", "first");
    done(
        "commit",
        "volume=db&message=The+first",
        "dvol --disable-docker-integration commit -C db -m 'The first'",
    );
    pool.write("db", "state", "broken");
    done("reset", "volume=db&revision=HEAD", "reset -C db --hard HEAD");
    assert_eq!(pool.read("db", "state"), "first");
    done("undo", "volume=db", "undo db");
    assert_eq!(pool.read("db", "state"), "broken");
    done("redo", "volume=db", "redo db");
    done("branch", "volume=db&name=side&revision=HEAD&switch=1", "checkout -C db -b side HEAD");
    pool.write("db", "state", "second");
    done("commit", "volume=db&message=The+second%0D%0A%0D%0AWith+more.", "commit -C db");
    assert!(pool.ok(["log", "-n", "1", "db"]).contains("With more."));
    done("checkout", "volume=db&branch=master", "checkout -C db master");
    assert_eq!(pool.read("db", "state"), "first");
    done("tag", "volume=db&name=v1&revision=HEAD&message=One", "tag -C db -m One v1 HEAD");
    done("clone", "volume=db&name=copy&revision=v1", "clone db:v1 copy");
    assert_eq!(pool.read("copy", "state"), "first");
    done("restore", "volume=db&revision=side&path=state", "restore -C db --source side -- state");
    assert_eq!(pool.read("db", "state"), "second");
    done("delete-branch", "volume=db&branch=side&force=1", "branch -C db -D side");
    done("delete-tag", "volume=db&name=v1", "tag -C db -d v1");
    done("commit", "volume=db&message=-third", "--message=-third");
    done("forget", "volume=db&last=1", "forget -C db --keep-last 1");
    done("gc", "volume=", "gc");
    done("protect", "volume=db", "protect --whole -C db");
    assert!(page.get("/").body.contains("protected") && page.get("/v/db").body.contains("/do/unprotect"));
    let refused = page.act("reset", "volume=db&revision=HEAD");
    assert!(refused.body.contains("data-state=\"failed\""), "{refused:?}");
    done("unprotect", "volume=db", "unprotect --whole -C db");
    done("init", "volume=new", "init new");
    assert_eq!(pool.ids("db").len(), 2);
}

#[test]
fn worktrees_are_added_and_removed() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["branch", "-C", "db", "side"]);
    let page = open(&pool);
    for (fields, command, branch) in [
        ("name=db_side&branch=side", "worktree add db_side db:side", "side"),
        (
            "name=db_try&branch=try&revision=HEAD~1&expires=7d",
            "worktree add db_try -b try 'db:HEAD~1' --expires 7d",
            "try",
        ),
    ] {
        let job = page.act("add-worktree", &format!("volume=db&{fields}"));
        assert!(job.body.contains("data-state=\"done\""), "{}", text(&job.body));
        assert!(text(&job.body).replace('\'', "").contains(&command.replace('\'', "")), "{job:?}");
        let name = command.split(' ').nth(2).unwrap();
        assert!(job.body.contains(&format!("data-back=\"/v/{name}\"")), "{job:?}");
        assert!(text(&page.get(&format!("/v/{name}")).body).contains(branch));
    }
    assert_eq!((pool.read("db_side", "state"), pool.read("db_try", "state")), ("two".into(), "one".into()));
    let form = page.get("/do/remove-worktree?volume=db_try&of=db").body;
    assert!(text(&form).contains("dvol --disable-docker-integration worktree remove db_try"), "{form}");
    let removed = page.act("remove-worktree", "volume=db_try&of=db");
    assert!(
        removed.body.contains("data-state=\"done\"") && removed.body.contains("data-back=\"/v/db\""),
        "{removed:?}"
    );
    assert_eq!(page.get("/v/db_try").status, 404);
    assert!(pool.ok(["branch", "db"]).contains("try"), "the branch stays");
    let refused = page.act("add-worktree", "volume=db&name=again&branch=side");
    assert!(refused.body.contains("data-state=\"failed\""), "{refused:?}");
}

#[test]
fn a_question_of_the_command_line_is_asked_on_the_page() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    let asked = page.act("rm", "volume=db");
    let question = "Delete volume db with all its branches and commits?";
    assert!(
        asked.body.contains("data-state=\"asking\"") && text(&asked.body).contains(question),
        "{asked:?}"
    );
    assert!(pool.root().join("db").exists());
    page.post("/jobs/1/answer", "answer=no");
    let refused = page.settled("/jobs/1");
    assert!(refused.body.contains("data-state=\"failed\""), "{refused:?}");
    assert!(pool.root().join("db").exists());

    assert!(page.act("rm", "volume=db").body.contains("data-state=\"asking\""));
    page.post("/jobs/2/answer", "answer=yes");
    let done = page.settled("/jobs/2");
    assert!(done.body.contains("data-state=\"done\""), "{done:?}");
    assert!(text(&done.body).contains("undo this: dvol undo db"), "{done:?}");
    assert!(!pool.root().join("db").exists());
    let all = page.act("gc", "all=1");
    assert!(text(&all.body).contains("can no longer be undone?"), "{all:?}");
}

#[test]
fn refusals_have_the_words_and_the_hints_of_the_command_line() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["branch", "-C", "db", "side"]);
    pool.write("db", "state", "changed");
    let page = open(&pool);
    for (verb, fields, words) in [
        ("checkout", "volume=db&branch=side", &["checkout", "-C", "db", "side"][..]),
        ("reset", "volume=db&revision=nothing", &["reset", "-C", "db", "--hard", "nothing"]),
        ("commit", "volume=nothing&message=x", &["commit", "-C", "nothing", "-m", "x"]),
        ("branch", "volume=db&name=side&revision=HEAD", &["branch", "-C", "db", "side", "HEAD"]),
        ("delete-branch", "volume=db&branch=master", &["branch", "-C", "db", "-d", "master"]),
    ] {
        let said = pool.run(words);
        assert_ne!(said.code, 0, "{words:?}");
        let job = page.act(verb, fields);
        assert!(job.body.contains("data-state=\"failed\""), "{job:?}");
        let shown = text(&job.body).replace("&#39;", "'");
        for line in said.err.lines() {
            let line = line.split_once(": ").map_or(line, |(_, rest)| rest);
            assert!(shown.contains(line), "{line} is not in {shown}");
        }
    }
    // What is no name is refused before a command runs.
    let refused = page.post("/do/commit", "volume=../db&message=x");
    assert_eq!(refused.status, 422, "{refused:?}");
}

#[test]
fn two_clicks_at_once_and_a_command_in_a_terminal_wait_for_each_other() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    let mut typed = pool.command(["commit", "-C", "db", "-m", "typed"]);
    let mut typed = typed.stdout(Stdio::null()).spawn().unwrap();
    let clicks: Vec<String> = (0..3)
        .map(|n| {
            let started = page.post("/do/commit", &format!("volume=db&message=click+{n}"));
            started.header("location").unwrap().to_owned()
        })
        .collect();
    assert!(typed.wait().unwrap().success());
    for job in clicks {
        let job = page.settled(&job);
        assert!(job.body.contains("data-state=\"done\""), "{}", text(&job.body));
    }
    assert_eq!(pool.ids("db").len(), 5);
}

#[test]
fn the_server_ends_after_the_commands_that_run() {
    let pool = Pool::with_commits(&["one"]);
    let mut page = open(&pool);
    assert!(page.act("rm", "volume=db").body.contains("data-state=\"asking\""));
    // No page can answer any more, which is a no.
    page.end();
    assert!(pool.root().join("db").exists());
    pool.ok(["status", "db"]);
}

#[test]
fn a_branch_is_pushed_after_a_question_and_pulled() {
    let team = Team::without_repository();
    let page = open(&team.here);
    let asked = page.act("push", "volume=db&remote=origin&branch=master&follow=1");
    assert!(text(&asked.body).contains("personal data too"), "{asked:?}");
    page.post("/jobs/1/answer", "answer=yes");
    let done = page.settled("/jobs/1");
    assert!(done.body.contains("data-state=\"done\""), "{}", text(&done.body));
    assert!(text(&page.get("/v/db").body).contains("origin/master"));

    team.there.ok(["clone", &team.volume("db")]);
    let there = open(&team.there);
    team.here.commit("three");
    assert!(page.act("push", "volume=db&remote=origin&branch=master").body.contains("data-state=\"done\""));
    let pulled = there.act("pull", "volume=db");
    assert!(pulled.body.contains("data-state=\"done\""), "{}", text(&pulled.body));
    assert_eq!(team.there.read("db", "state"), "three");
}

#[test]
fn what_is_done_though_a_container_is_not_up_is_told_as_in_a_terminal() {
    let (pool, engine) = (Pool::with_commits(&["one"]), FakeEngine::new());
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&Containers::from([(SHORT_LIVED.to_owned(), container)]));
    let page = Page::start(pool.command_with(&engine.socket(), ["ui", "--no-open"]));
    let job = page.act("commit", "volume=db&message=two");
    assert!(job.body.contains("data-state=\"poor\""), "{job:?}");
    let (said, id) = (text(&job.body), pool.ids("db")[0].clone());
    let problem = format!("the commit of volume db is done, but container {SHORT_LIVED} has ended");
    for part in ["done, but not all is well", &id, &problem] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(pool.ids("db").len(), 2);
}

#[test]
fn a_long_copy_tells_what_it_copies_while_it_goes_on() {
    let pool = Pool::with_volume();
    for n in 0..2000 {
        pool.write("db", &format!("file{n}"), "content");
    }
    let mut server = pool.command(["ui", "--no-open"]);
    // The copy stands still at its third entry, and so takes longer than what goes without a word.
    server.env("DVOL_FAULT", "tree.copy+3:stop");
    let page = Page::start(server);
    let started = page.post("/do/commit", "volume=db&message=Many+files");
    let job = started.header("location").unwrap().to_owned();
    support::eventually("the copy stands still", || !page.standing().is_empty());
    std::thread::sleep(std::time::Duration::from_millis(700));
    let before = page.get(&job).body;
    assert!(before.contains("data-state=\"running\"") && !text(&before).contains("copying"), "{before}");
    for pid in page.standing() {
        kill_process(pid, Signal::CONT).unwrap();
    }
    let done = page.settled(&job);
    let said = text(&done.body);
    assert!(done.body.contains("data-state=\"done\"") && said.contains("copying "), "{said}");
    assert!(said.contains("in 2000 entries"), "{said}");
}
