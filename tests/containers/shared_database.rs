//! A database goes through a remote to another machine: there a container of the same image comes
//! up on the clone, and answers what the first one would.

use std::path::Path;
use std::process::Command;

use support::containers::{Database, Engine, POSTGRES, quoted};
use support::skip;

const LOAD: &str = "create table item (id serial primary key, name text, pad text); \
    insert into item (name, pad) select 'item ' || n, repeat(md5(n::text), 4) from generate_series(1, 150000) n; vacuum analyze item; checkpoint";
/// Changes a page in a hundred, at places that lie further apart than restic's pieces are long.
const CHANGE: &str = "update item set name = name || '!' where id % 5000 < 50; checkpoint";
const ASK: &str =
    "select count(*), sum(hashtext(name || pad)), count(*) filter (where name like '%!') from item";

/// Everything about a tree but times of access: names, kinds, owners, modes, times and content.
fn tree(root: &Path) -> String {
    let list = "find . -printf '%P %y %U %G %m %T@ %l\\n' | sort; \
        find . -type f -print0 | sort -z | xargs -0 sha256sum";
    let output = Command::new("sh").args(["-c", list]).current_dir(root).output().expect("it runs");
    assert!(output.status.success() && output.stdout.len() > 10_000);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn bytes_in(directory: &Path) -> u64 {
    let output =
        Command::new("du").args(["-sb", directory.to_str().expect("UTF-8")]).output().expect("it runs");
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .split_whitespace()
        .next()
        .expect("a word")
        .parse()
        .expect("a number")
}

#[test]
fn postgresql_is_cloned_on_another_machine_byte_by_byte_and_answers() {
    // Engines of its own: others choose the current volume of the shared one.
    let (Some(here), Some(there)) = (Engine::of_its_own(), Engine::of_its_own()) else { return };
    let Some(database) = Database::run(&here, POSTGRES, "shared_pg") else { return };
    let team = tempfile::tempdir().unwrap();
    let (url, password) = (team.path().join("catalog"), team.path().join("password"));
    std::fs::write(&password, "a password\n").unwrap();
    for engine in [&here, &there] {
        let (url, password) = (url.display(), password.display());
        engine.sh(&format!("dvol remote add shared_catalog '{url}' --password-file '{password}'")).ok();
    }
    database.query(LOAD);
    here.sh("dvol commit -m loaded shared_pg").ok();
    let restic = |words: &str| {
        let (repository, password) = (team.path().join("restic"), password.display());
        let line = format!(
            "restic --no-cache -q -r {} --password-file {password} {words}",
            quoted(repository.to_str().unwrap())
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let has_restic = Command::new("restic").arg("version").output().is_ok();
    let back_up = |commit: &str| {
        let root = here.pool().join("shared_pg/commits").join(commit);
        restic(&format!("backup {}", quoted(root.to_str().unwrap())));
    };
    let id = || here.sh("dvol rev-parse HEAD shared_pg").ok();
    here.sh("dvol switch shared_pg").ok();
    here.sh("dvol push -y -u shared_catalog master").ok();
    let sent_first = bytes_in(&url);
    if has_restic {
        restic("init");
        back_up(&id());
    } else {
        skip("restic cannot be run");
    }
    database.query(CHANGE);
    let (asked, before) = (database.query(ASK), bytes_in(&team.path().join("restic")));
    here.sh("dvol commit -m changed shared_pg").ok();
    let shown = here.sh("dvol show shared_pg").ok();
    assert!(shown.contains("Made:   with postgres (1"), "the image and its version: {shown}");
    here.sh("dvol push").ok();
    let sent = bytes_in(&url) - sent_first;
    if has_restic {
        back_up(&id());
        let theirs = bytes_in(&team.path().join("restic")) - before;
        assert!(sent * 2 < theirs, "the second push sent {sent} bytes, restic {theirs}");
    }

    // No container is there yet, and its engine has no such image.
    let cloned = there.sh(&format!("dvol clone '{}/shared_pg'", url.display()));
    assert!(cloned.stderr.contains("this machine's engine has no such image"), "{cloned}");
    cloned.ok();
    let commit = |engine: &Engine| engine.pool().join("shared_pg/commits").join(id());
    let ours = tree(&commit(&here));
    assert!(tree(&commit(&there)) == ours, "the clone's commit is not the same");
    assert!(tree(&there.pool().join("shared_pg/branches/master")) == ours, "its working tree is not");
    let Some(copy) = Database::run(&there, POSTGRES, "shared_pg") else { return };
    assert!(!copy.has_recovered(), "not a clean end");
    assert_eq!(copy.query(ASK), asked);
    copy.exec("pg_amcheck --install-missing --heapallindexed --all").ok();

    // And back: what the second machine writes comes up in the first one's container.
    copy.query("delete from item where id > 100");
    there.sh("dvol commit -m fewer shared_pg").ok();
    let pushed = there.sh("dvol switch shared_pg && dvol push").ok();
    assert!(pushed.contains("master -> master"), "{pushed}");
    here.sh("dvol reset --hard HEAD shared_pg").ok();
    let pulled = here.sh("dvol pull shared_catalog");
    assert!(!pulled.stderr.contains("was made with"), "both have the same image: {pulled}");
    pulled.ok();
    assert_eq!(database.query("select count(*) from item"), "100");
    copy.remove();
    database.remove();
}
