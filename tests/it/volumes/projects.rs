//! Compose projects without an engine: the volumes are those whose name begins as compose would
//! have it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::{Pool, Said, json_lines};

/// A pool with the volumes `shop_cache` and `shop_db`, with one commit of both and one of `shop_db`
/// alone, and a volume that belongs to no project.
fn shop() -> (Pool, [String; 2]) {
    let pool = Pool::empty();
    for volume in ["shop_cache", "shop_db", "shopping"] {
        pool.ok(["init", volume]);
        write(&pool, volume, "1");
    }
    let both = pool.ok(["commit", "--project", "shop", "-m", "one"]).trim().to_owned();
    write(&pool, "shop_db", "2");
    let alone = pool.ok(["commit", "-m", "two", "shop_db"]).trim().to_owned();
    (pool, [both, alone])
}

fn write(pool: &Pool, volume: &str, text: &str) {
    fs::write(pool.root().join(volume).join("running_point/state"), text).unwrap();
}

fn read(pool: &Pool, volume: &str) -> String {
    fs::read_to_string(pool.root().join(volume).join("running_point/state")).unwrap()
}

fn both(pool: &Pool) -> [String; 2] {
    [read(pool, "shop_cache"), read(pool, "shop_db")]
}

#[test]
fn a_commit_of_a_project_has_one_id_and_the_log_shows_it_once() {
    let (pool, [one, two]) = shop();
    for volume in ["shop_cache", "shop_db"] {
        assert_eq!(
            fs::read_to_string(pool.root().join(volume).join("commits").join(&one).join("state")).unwrap(),
            "1"
        );
    }
    let said = pool.run(["commit", "--project", "shop", "-m", "three"]);
    assert_eq!(said.err, "note: volumes of project shop: shop_cache, shop_db\n");
    let three = said.out.trim().to_owned();
    let oneline = pool.ok(["log", "--oneline", "--project", "shop"]);
    let expected = format!(
        "{} three [shop_cache, shop_db]\n{} two [shop_db]\n{} one [shop_cache, shop_db]\n",
        &three[..8],
        &two[..8],
        &one[..8]
    );
    assert_eq!(oneline, expected);
    let last = pool.ok(["log", "-1", "--stat", "--project", "shop"]);
    assert!(
        last.starts_with(&format!("commit {three}\n")) && last.contains("\nVolumes: shop_cache, shop_db\n"),
        "{last}"
    );
    assert!(!last.contains("two"), "{last}");
    let entries = json_lines(&pool.ok(["log", "--project", "shop", "--format", "json"]));
    assert_eq!(entries[1]["volumes"], serde_json::json!(["shop_db"]));
    assert_eq!((&entries[0]["head"], &entries[1]["head"]), (&true.into(), &false.into()));
    assert_eq!(
        pool.ok(["log", "--format", "{subject}", "--project", "shop", "--reverse"]),
        "one\ntwo\nthree\n"
    );
    assert_eq!(pool.ok(["log", "--format", "{subject}", "--project", "shop", "HEAD~1"]), "two\none\n");
    let lines = json_lines(&pool.ok(["commit", "--project", "shop", "-m", "four", "--format", "json"]));
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["volume"], &lines[0]["id"]), (&"shop_cache".into(), &lines[1]["id"]));
    // Whom it does not belong to is left alone.
    assert_eq!(pool.ok(["log", "shopping"]), "");
}

#[test]
fn a_reset_takes_all_volumes_to_the_commit_that_was_made_of_all_or_none_at_all() {
    let (pool, [one, two]) = shop();
    write(&pool, "shop_cache", "3");
    let done = pool.ok(["reset", "--hard", &one[..6], "--project", "shop"]);
    let head = format!("HEAD is now at {} one", &one[..8]);
    assert_eq!(
        done,
        format!("shop_cache: {head}\nshop_db: {head}\nshop_db: Dropped 1 commit that nothing else holds\n")
    );
    assert_eq!(both(&pool), ["1", "1"]);

    // An undo of all brings all back, also what was not committed; a redo takes that back.
    pool.ok(["undo", "--project", "shop"]);
    assert_eq!(both(&pool), ["3", "2"]);
    let said = pool.ok(["redo", "--project", "shop"]);
    assert_eq!(said.matches("; nothing else to redo").count(), 2, "{said}");
    assert_eq!(both(&pool), ["1", "1"]);
    pool.ok(["undo", "--project", "shop"]);
    assert_eq!(both(&pool), ["3", "2"]);

    // What only one of them has is refused for all.
    for (revision, what) in
        [(two.as_str(), "does not name the same commit"), ("HEAD~1", "goes past the root")]
    {
        pool.fails(1, ["reset", "--hard", revision, "--project", "shop"], what);
        assert_eq!(both(&pool), ["3", "2"]);
    }

    pool.fails(1, ["reset", "--project", "shop"], "cannot reset volume shop_cache, shop_db without --hard");
    // HEAD is each volume's own.
    pool.ok(["reset", "--hard", "--project", "shop"]);
    assert_eq!(both(&pool), ["1", "2"]);
}

#[test]
fn a_branch_of_a_project_is_one_of_each_volume() {
    let (pool, _) = shop();
    pool.fails(2, ["checkout", "dev", "HEAD", "--project", "shop"], "requires -b");
    let done = pool.ok(["checkout", "-b", "dev", "--project", "shop"]);
    assert_eq!(done, "shop_cache: Switched to a new branch 'dev'\nshop_db: Switched to a new branch 'dev'\n");
    write(&pool, "shop_db", "dirty");
    pool.fails(
        1,
        ["checkout", "master", "--project", "shop"],
        "branch dev of volume shop_db has uncommitted changes",
    );
    assert_eq!(pool.ok(["branch", "--show-current", "shop_cache"]), "dev\n");

    assert_eq!(pool.ok(["status", "--short", "--project", "shop"]), "M shop_db/state\n");
    let status = pool.ok(["status", "--project", "shop"]);
    assert!(status.starts_with("Volume shop_cache\nOn branch dev\nnothing to commit"), "{status}");
    assert!(status.contains("\n\nVolume shop_db\nOn branch dev\nChanges since"), "{status}");
    let lines = json_lines(&pool.ok(["status", "--format", "json", "--project", "shop"]));
    assert_eq!((&lines[0]["clean"], &lines[1]["clean"]), (&true.into(), &false.into()));

    pool.ok(["commit", "--project", "shop", "-m", "on dev"]);
    pool.ok(["checkout", "master", "shop_db"]);
    // One of them is there already.
    let done = pool.ok(["checkout", "master", "--project", "shop"]);
    assert_eq!(done, "shop_cache: Switched to branch 'master'\nshop_db: Already on 'master'\n");
    pool.fails(
        1,
        ["checkout", "-b", "dev", "--project", "shop"],
        "branch dev already exists in volume shop_cache",
    );
    pool.ok(["checkout", "dev", "--project", "shop"]);
    assert_eq!(both(&pool), ["1", "dirty"]);
    pool.ok(["undo", "--project", "shop"]);
    assert_eq!(pool.ok(["branch", "--show-current", "shop_db"]), "master\n");
}

#[test]
fn an_undo_of_one_volume_leaves_the_others_and_says_so() {
    let (pool, _) = shop();
    pool.ok(["commit", "--project", "shop", "-m", "three"]);
    let subject = |volume| pool.ok(["log", "-1", "--format", "{subject}", volume]);
    let said = pool.run(["undo", "shop_db"]);
    assert!(said.err.contains("only volume shop_db was undone"), "{}", said.err);
    assert_eq!((subject("shop_db"), subject("shop_cache")), ("two\n".to_owned(), "three\n".to_owned()));
    assert!(said.err.contains("dvol redo shop_db && dvol undo --project shop"), "{}", said.err);
    pool.fails(1, ["undo", "--project", "shop"], "volume shop_db alone was undone or changed since");
    pool.ok(["redo", "shop_db"]);
    pool.ok(["undo", "--project", "shop"]);
    assert_eq!((subject("shop_db"), subject("shop_cache")), ("two\n".to_owned(), "one\n".to_owned()));
    let fresh = Pool::empty();
    fresh.ok(["init", "blog_db"]);
    fresh.fails(1, ["undo", "--project", "blog"], "nothing to undo in compose project blog");
}

#[test]
fn what_compose_deletes_one_by_one_comes_back_as_a_project_and_goes_again() {
    let (pool, _) = shop();
    write(&pool, "shop_cache", "kept");
    let compose = pool.dir().join("shop");
    fs::create_dir(&compose).unwrap();
    fs::write(compose.join("compose.yaml"), "services: {}\n").unwrap();
    let here = |words: &[&str]| Said::from(pool.command(words).current_dir(&compose).output().unwrap()).ok();
    // As `down -v` does, and `up` then.
    for volume in ["shop_db", "shop_cache"] {
        pool.ok(["rm", "-f", volume]);
    }
    let back = here(&["undo", "--project", "."]);
    assert!(back.contains("volume shop_cache: rm: shop_cache; next undo: commit: one"), "{back}");
    assert_eq!(both(&pool), ["kept", "2"]);
    pool.ok(["redo", "--project", "shop"]);
    assert!(!pool.root().join("shop_db").exists() && !pool.root().join("shop_cache").exists());
    // Short names find what is deleted.
    here(&["undo", "db"]);
    assert_eq!(read(&pool, "shop_db"), "2");
    here(&["redo", "db"]);
    for volume in ["shop_cache", "shop_db"] {
        pool.ok(["init", volume]);
    }
    let back = pool.ok(["undo", "--project", "shop"]);
    assert!(back.contains("init: shop_db; next undo: rm: shop_db"), "{back}");
    pool.ok(["undo", "--project", "shop"]);
    assert_eq!(both(&pool), ["kept", "2"]);
    pool.ok(["fsck"]);
}

#[test]
fn a_project_that_is_none_is_refused() {
    let (pool, _) = shop();
    pool.fails(
        1,
        ["commit", "--project", "blog", "-m", "x"],
        "no dvol volume belongs to the compose project 'blog'",
    );

    pool.fails(2, ["commit", "--project", "Shop", "-m", "x"], "'Shop' is not a valid project name");
    pool.fails(2, ["commit", "--project", ".", "-m", "x"], "no compose file in this directory");
    for words in
        [&["-C", "shop_db", "status"][..], &["status", "shop_db"], &["reset", "--hard", "HEAD", "shop_db"]]
    {
        pool.fails(2, [words, &["--project", "shop"]].concat(), "--project covers all volumes");
    }
}

#[test]
fn in_its_directory_a_project_knows_its_volumes_by_short_names() {
    let (pool, [_, two]) = shop();
    let home = pool.dir().join("shop");
    fs::create_dir_all(home.join("src")).unwrap();
    fs::write(home.join("compose.yaml"), "services: {}\n").unwrap();
    let inside = |words: &[&str]| {
        let output = pool.command(words).current_dir(home.join("src")).output().unwrap();
        crate::harness::Said::from(output)
    };
    pool.ok(["switch", "shopping"]);
    for words in [
        &["log", "-1", "--format", "{id}", "db"][..],
        &["-C", "db", "log", "-1", "--format", "{id}"],
        &["rev-parse", "db:HEAD"],
        &["log", "-1", "--format", "{id}", "HEAD", "db"],
    ] {
        let said = inside(words);
        assert_eq!(said.out.trim(), two, "{words:?}: {}", said.err);
    }
    assert_eq!(inside(&["-v", "status", "--short", "db"]).err, "note: db is volume shop_db\n");
    assert_eq!(inside(&["commit", "--project", ".", "-m", "here"]).code, 0);
    assert_eq!(inside(&["clone", "cache:HEAD", "db"]).code, 0);
    // A volume of just that name wins.
    assert_eq!(json_lines(&inside(&["status", "db", "--format", "json"]).out)[0]["volume"], "db");
    assert_eq!(inside(&["rm", "-f", "db"]).out, "Deleted volume db\n");
    // dvol looks for a commit of the current volume in that volume alone.
    write(&pool, "shopping", "bread");
    pool.ok(["commit", "-m", "bread", "shopping"]);
    pool.ok(["tag", "cache", "-C", "shopping"]);
    write(&pool, "shopping", "milk");
    inside(&["reset", "--hard", "cache"]);
    assert_eq!(read(&pool, "shopping"), "bread");
    // Elsewhere it is no name, unless the command names the project.
    pool.fails(1, ["status", "db"], "Volume 'db' does not exist");
    let output =
        pool.command(["status", "--short", "db"]).env("COMPOSE_PROJECT_NAME", "shop").output().unwrap();
    assert!(output.status.success());
    let said = inside(&["rm", "-f", "cache"]);
    assert_eq!(said.out, "Deleted volume shop_cache\n");
}

#[test]
fn an_undo_takes_back_what_was_done_while_it_waited_for_its_locks() {
    let (pool, _) = shop();
    pool.ok(["commit", "--project", "shop", "-m", "three"]);
    let lock = fs::File::options().write(true).open(pool.root().join(".dvol/locks/volume/shop_db")).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    // The commit has the first volume and waits for the second, the undo has chosen and waits for
    // the first.
    let commit = waiting_for("shop_db", pool.command(["commit", "--project", "shop", "-m", "four"]));
    let undo = waiting_for("shop_cache", pool.command(["undo", "--project", "shop"]));
    drop(lock);
    let (commit, undo) = (commit.wait_with_output().unwrap(), undo.wait_with_output().unwrap());
    let (commit, undo) = (Said::from(commit), Said::from(undo));
    assert_eq!((commit.code, undo.code), (0, 0), "{commit:?} {undo:?}");
    assert!(
        undo.out.contains("shop_cache: commit: four") && undo.out.contains("shop_db: commit: four"),
        "{undo:?}"
    );
    assert_eq!(pool.ok(["log", "-1", "--project", "shop", "--format", "{subject}"]), "three\n");
}

/// Starts it, and waits until it says that it waits for this volume.
fn waiting_for(volume: &str, mut command: Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(&format!("for volume {volume}")) {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it ended without waiting for {volume}");
    }
    child.stderr = Some(errors.into_inner());
    child
}

#[test]
fn the_newest_commit_of_a_project_waits_for_what_follows_it_in_another_volume() {
    let pool = Pool::empty();
    for volume in ["shop_cache", "shop_db"] {
        pool.ok(["init", volume]);
    }
    pool.ok(["commit", "--project", "shop", "-m", "both"]);
    // Said to be made long before.
    for message in ["next", "last"] {
        pool.ok(["commit", "--date", "2001-01-01", "-m", message, "shop_db"]);
    }
    for (most, shown) in [("1", "last\n"), ("2", "last\nnext\n"), ("3", "last\nnext\nboth\n"), ("0", "")] {
        assert_eq!(pool.ok(["log", "--format", "{subject}", "-n", most, "--project", "shop"]), shown);
    }
}

#[test]
fn a_diff_of_a_project_is_of_all_its_volumes() {
    let (pool, [both, alone]) = shop();
    write(&pool, "shop_cache", "changed");
    write(&pool, "shopping", "not of it");
    assert_eq!(pool.ok(["diff", "--project", "shop", "--name-status"]), "M\tshop_cache/state\n");
    // An id that all have, and a step back that is another commit in each.
    let since = pool.ok(["diff", "--project", "shop", "--name-status", &both]);
    assert_eq!(since, "M\tshop_cache/state\nM\tshop_db/state\n");
    let patch = pool.ok(["diff", "--project", "shop", &format!("{both}..HEAD")]);
    assert!(patch.starts_with("diff a/shop_db/state b/shop_db/state\n"), "{patch}");
    assert!(patch.contains("\n-1\n") && patch.contains("\n+2\n"), "{patch}");
    let stat = pool.ok(["diff", "--project", "shop", "--stat", &both]);
    assert!(stat.contains(" shop_cache/state | 2 +-\n") && stat.contains(" 2 paths changed"), "{stat}");
    let told = json_lines(&pool.ok(["diff", "--project", "shop", "--format", "json", &both, "HEAD"]));
    assert_eq!((told.len(), &told[0]["volume"], &told[0]["path"]), (1, &"shop_db".into(), &"state".into()));
    pool.fails(1, ["diff", "--project", "shop", "--exit-code"], "");
    assert_eq!(pool.ok(["diff", "--project", "shop", "--exit-code", "HEAD", "HEAD"]), "");
    // Nothing is printed of some volumes when another has no such commit.
    for words in [&[&*alone][..], &["HEAD~1"], &["shop_db:HEAD"], &["HEAD", "HEAD~1"]] {
        let said = pool.run([&["diff", "--project", "shop"], words].concat());
        assert_eq!((said.code, &*said.out), (1, ""), "{words:?}: {said:?}");
    }
    pool.fails(2, ["diff", "--project", "shop", "HEAD", "HEAD", "shop_db"], "--project");
    pool.fails(2, ["diff", "--project", "shop", "-C", "shop_db"], "--project");
    pool.fails(1, ["diff", "--project", "nosuch"], "nosuch");
}
