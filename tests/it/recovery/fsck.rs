//! fsck finds what is wrong and says what to do.

use std::fs;

use support::steps;

use crate::harness::{Pool, json};

#[test]
fn a_missing_tree_a_strange_tree_and_a_wrong_point_are_found() {
    let pool = Pool::with_commits(&["one"]);
    assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
    let commit = pool.root().join("db/commits").join(&pool.ids("db")[0]);
    fs::rename(&commit, pool.root().join("db/commits/stranger")).unwrap();
    fs::remove_file(pool.root().join("db/running_point")).unwrap();
    fs::create_dir(pool.root().join("lost")).unwrap();
    let run = pool.run(["fsck"]);
    assert_eq!(run.code, 4);
    for words in ["tree of this commit is missing", "stranger", "running point", "lost"] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
}

/// A reset dies while it has the working tree away, and then all that knew of it is lost.
#[test]
fn a_working_tree_that_is_away_is_kept_when_no_record_knows_it() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "two");
    let trace = pool.dir().join("trace");
    let reset = ["reset", "--hard", "HEAD"];
    let probe = Pool::with_commits(&["one"]);
    probe.write("db", "state", "two");
    probe.command(reset).env("DVOL_FAULT_TRACE", &trace).output().unwrap();
    let exchange = 1 + steps(&trace).iter().position(|point| point == "tree.exchange").unwrap();
    pool.command(reset).env("DVOL_FAULT", format!("{exchange}:kill")).output().unwrap();
    assert!(!pool.file("db", "state").exists());
    for file in ["metadata.redb", "records.log"] {
        fs::remove_file(pool.root().join(".dvol").join(file)).unwrap();
    }
    assert_eq!(pool.run(["fsck", "--repair", "--yes"]).code, 1);
    let lost = fs::read_dir(pool.root().join(".dvol/lost+found")).unwrap();
    let trees = lost.flat_map(|entry| fs::read_dir(entry.unwrap().path()).into_iter().flatten());
    let kept = trees.filter_map(|tree| fs::read_to_string(tree.unwrap().path().join("state")).ok());
    assert!(kept.collect::<Vec<_>>().contains(&"two".to_owned()));
}

/// What fsck says, as lines of severity and subject.
fn found(pool: &Pool, args: &[&str]) -> Vec<String> {
    let run = pool.run([&["fsck", "--format", "json"], args].concat());
    assert!(matches!(run.code, 0 | 1 | 4), "{}", run.err);
    let line = |line: &str| {
        let line = json(line);
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", word("severity"), word("volume"), word("subject"))
    };
    run.out.lines().map(line).collect()
}

#[test]
fn what_is_wrong_with_a_volume_is_put_right_and_can_be_taken_back() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "two");
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["tag", "v2"]);
    pool.ok(["branch", "other"]);
    pool.ok(["checkout", "-b", "dev"]);
    let (ids, volume) = (pool.ids("db"), pool.root().join("db"));
    let (first, second) = (ids[1].clone(), ids[0].clone());
    let whole = pool.ok(["log", "--format", "json"]);
    fs::rename(volume.join("commits").join(&second), pool.root().join(".dvol/kept")).unwrap();
    fs::remove_dir_all(volume.join("branches/other")).unwrap();
    fs::remove_file(volume.join("running_point")).unwrap();
    fs::create_dir(volume.join("branches/mine")).unwrap();
    fs::write(volume.join("branches/mine/letter"), "dear").unwrap();
    fs::write(volume.join("note"), "a note").unwrap();
    fs::create_dir(pool.root().join("lost")).unwrap();
    fs::create_dir(pool.root().join(".dvol/trash/0123")).unwrap();
    let expected = [
        "error db other".to_owned(),
        format!("error db {second}"),
        "error db running_point".to_owned(),
        "warning db note".to_owned(),
        "warning db branches/mine".to_owned(),
        "warning  lost".to_owned(),
        "warning  trash/0123".to_owned(),
    ];
    assert_eq!(found(&pool, &[]), expected);
    let corrected =
        expected.map(|line| line.replace("error ", "corrected ").replace("warning ", "corrected "));
    assert_eq!(found(&pool, &["--repair"]), corrected);
    assert_eq!(found(&pool, &[]), Vec::<String>::new());
    assert_eq!(pool.ids("db"), [first]);
    assert_eq!(fs::read_to_string(volume.join("branches/other/state")).unwrap(), "one");
    assert_eq!(pool.read("db", "state"), "two", "the working tree was left alone");
    let kept: Vec<_> = walkdir::WalkDir::new(pool.root().join(".dvol/lost+found"))
        .into_iter()
        .filter_map(|entry| entry.unwrap().file_name().to_str().map(str::to_owned))
        .collect();
    for name in ["letter", "note-", "lost.1", "0123.1"] {
        assert!(kept.iter().any(|kept| kept.starts_with(name)), "{name}: {kept:?}");
    }
    // The tree was found after all: the records come back for it.
    fs::rename(pool.root().join(".dvol/kept"), volume.join("commits").join(&second)).unwrap();
    pool.ok(["undo"]);
    assert_eq!(pool.ok(["log", "--format", "json"]), whole);
}

#[test]
fn what_no_copy_of_the_metadata_names_gets_records_from_the_directories() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "two");
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["init", "other"]);
    pool.ok(["commit", "-m", "a", "other"]);
    pool.ok(["checkout", "-b", "dev", "-C", "other"]);
    let ids = pool.ids("db");
    for name in ["metadata.redb", "records.log"] {
        fs::remove_file(pool.root().join(".dvol").join(name)).unwrap();
    }
    pool.fails(1, ["list"], "is missing");
    pool.fails(4, ["fsck"], "");
    let run = pool.run(["fsck", "--repair"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert_eq!(pool.ok(["fsck"]), "2 volumes: clean\n");
    assert_eq!(pool.ids("db"), ids, "in the order in which they were made");
    assert_eq!(pool.run(["status", "db"]).code, 0);
    assert_eq!(pool.ok(["branch", "--show-current", "-C", "other"]), "dev\n");
    assert!(pool.ok(["tag", "-C", "other"]).contains("found-1"));
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    assert_eq!(pool.read("db", "state"), "one");
    // From here on what no record names is no volume's any more.
    fs::create_dir_all(pool.root().join("third/branches/master")).unwrap();
    assert_eq!(found(&pool, &["--repair"]), ["corrected  third"]);
    assert!(pool.root().join(".dvol/lost+found/third.1/branches/master").is_dir());
}

#[test]
fn an_open_pool_directory_is_noted_and_no_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let pool = Pool::with_commits(&["one"]);
    fs::set_permissions(pool.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let run = pool.run(["fsck"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("note: ") && run.out.contains("chmod 0710"), "{}", run.out);
    pool.run(["fsck", "--repair", "--yes"]);
    assert_eq!(pool.ok(["fsck"]).matches("chmod").count(), 0);
}

#[test]
fn metadata_of_a_later_dvol_is_an_eight() {
    use redb::{Database, TableDefinition};
    let pool = Pool::with_commits(&["one"]);
    {
        let database = Database::open(pool.root().join(".dvol/metadata.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(TableDefinition::<&str, u64>::new("meta"))
            .unwrap()
            .insert("schema", 99)
            .unwrap();
        transaction.commit().unwrap();
    }
    pool.fails(8, ["fsck"], "newer dvol");
    pool.fails(8, ["fsck", "--repair"], "newer dvol");
}

/// What every reader shows.
fn all(pool: &Pool) -> String {
    ["log", "branch", "tag", "config", "reflog", "list"]
        .map(|verb| pool.ok([verb, "--format", "json"]))
        .concat()
}

#[test]
fn destroyed_metadata_is_told_and_rebuilt() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "v1"]);
    pool.ok(["checkout", "-b", "dev"]);
    pool.ok(["commit", "-m", "more"]);
    pool.ok(["config", "user.name", "Ada"]);
    let file = pool.root().join(".dvol/metadata.redb");
    let destroy: [(&str, &dyn Fn()); 4] = [
        ("missing", &|| fs::remove_file(&file).unwrap()),
        ("damaged", &|| fs::write(&file, "not a database at all").unwrap()),
        ("damaged", &|| fs::write(&file, "").unwrap()),
        ("missing", &|| drop(fs::remove_file(&file).and(fs::remove_file(file.with_extension("sums"))))),
    ];
    for (what, destroy) in destroy {
        let before = all(&pool);
        destroy();
        for verb in [&["list"][..], &["log"], &["init", "other"], &["commit", "-m", "x"], &["rm", "-f", "db"]]
        {
            let run = pool.run(verb);
            assert!(run.err.contains(what), "{verb:?}: {}", run.err);
            run.fails(1, "dvol fsck --repair");
        }
        pool.fails(4, ["fsck"], "");
        let run = pool.run(["fsck", "--repair"]);
        assert_eq!(run.code, 1, "{}{}", run.out, run.err);
        assert!(run.out.contains("rebuilt with 1 volume and 2 commits"), "{}", run.out);
        assert_eq!(all(&pool), before);
        assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
        pool.ok(["undo"]);
        pool.ok(["redo"]);
        assert_eq!(pool.ok(["log", "--format", "json"]).lines().count(), 2);
    }
    assert!(pool.root().join(".dvol/lost+found/metadata.redb.1").is_file());
}

/// Changes a byte of a file and leaves all that the file system tells of it as it was.
fn rot(path: &std::path::Path) {
    let times = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(times).unwrap();
}

#[test]
fn a_commit_that_rots_is_found_by_its_checksums() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "steady", "as it was");
    std::thread::sleep(std::time::Duration::from_millis(100));
    pool.ok(["commit", "-m", "Two"]);
    let taken = |run: String| run.lines().last().unwrap().to_owned();
    assert_eq!(
        taken(pool.ok(["fsck", "--deep"])),
        "0 commits as their checksums say; checksums of 2 more taken"
    );
    std::thread::sleep(std::time::Duration::from_millis(100));
    pool.write("db", "state", "three");
    pool.ok(["commit", "-m", "Three"]);
    let newest = pool.root().join("db/commits").join(&pool.ids("db")[0]);
    // What the newest has in common with its parent is not read: it ought to be what the parent's
    // is.
    rot(&newest.join("steady"));
    assert_eq!(
        taken(pool.ok(["fsck", "--deep"])),
        "2 commits as their checksums say; checksums of 1 more taken"
    );
    assert_eq!(pool.run(["fsck"]).code, 0, "without --deep nothing is read");
    let subject = |file: &str| format!("error db {}/{file}", pool.ids("db")[0]);
    assert_eq!(found(&pool, &["--deep"]), [subject("steady")]);
    rot(&newest.join("steady"));
    assert_eq!(found(&pool, &["--deep"]), Vec::<String>::new());
    fs::remove_file(newest.join("state")).unwrap();
    fs::write(newest.join("more"), "").unwrap();
    assert_eq!(found(&pool, &["--deep"]), [subject("more"), subject("state")]);
    assert_eq!(pool.run(["fsck", "--deep", "--repair"]).code, 4, "no copy has the right bytes");

    // Damaged checksums are no damaged commit.
    let sums = pool.root().join(".dvol/checksums").join(format!("db.{}", pool.ids("db")[1]));
    let mut bytes = fs::read(&sums).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&sums, bytes).unwrap();
    assert!(found(&pool, &["--deep"]).contains(&format!("warning db {}", pool.ids("db")[1])));
    assert!(found(&pool, &["--deep", "--repair"]).contains(&format!("corrected db {}", pool.ids("db")[1])));
}

#[test]
fn checksums_are_taken_when_the_setting_says_and_go_with_their_commit() {
    let pool = Pool::with_commits(&["one"]);
    let sums = |n: usize| pool.root().join(".dvol/checksums").join(format!("db.{}", pool.ids("db")[n]));
    assert!(!sums(0).exists());
    pool.ok(["config", "checksums", "commit"]);
    pool.ok(["commit", "-m", "Two"]);
    assert!(sums(0).is_file() && sums(1).is_file());
    let newest = sums(0);
    pool.ok(["reset", "--hard", "HEAD~1"]);
    pool.ok(["fsck", "--deep"]);
    pool.ok(["undo"]);
    assert!(newest.is_file(), "what undo brings back is protected still");
    pool.ok(["reset", "--hard", "HEAD~1"]);
    pool.ok(["gc", "--all", "-f"]);
    pool.ok(["fsck", "--deep"]);
    assert!(!newest.exists(), "nothing can bring it back");
    pool.fails(2, ["config", "checksums", "nonsense"], "background");
}

/// What is summed of a file with holes has changed once, and may change again.
#[test]
fn checksums_of_an_earlier_format_are_taken_again_and_blame_no_commit() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["fsck", "--deep"]);
    let sums = pool.root().join(".dvol/checksums").join(format!("db.{}", pool.ids("db")[0]));
    let whole = fs::read(&sums).unwrap();
    let mut earlier = whole.clone();
    earlier[..8].copy_from_slice(b"dvolchk1");
    // The sum of an entry, which differed then.
    let middle = earlier.len() / 2;
    earlier[middle] ^= 0xff;
    fs::write(&sums, earlier).unwrap();
    let said = pool.ok(["fsck", "--deep"]);
    assert!(said.ends_with("0 commits as their checksums say; checksums of 1 more taken\n"), "{said}");
    assert_eq!(fs::read(&sums).unwrap(), whole);
}
