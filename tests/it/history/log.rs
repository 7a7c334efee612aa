//! The log in all its forms, whole outputs.

use crate::harness::{Pool, json_lines, snapshot};

/// Three branches, two tags, six commits.
fn history() -> Pool {
    let pool = Pool::with_commits(&["Schema of May", "Add the index\n\nIt makes the report fast."]);
    pool.ok(["tag", "v1", "HEAD~1"]);
    pool.ok(["checkout", "-b", "experiment"]);
    pool.commit("Try a wider key");
    pool.ok(["checkout", "-b", "bugfix", "v1"]);
    pool.write("db", "notes", "why");
    pool.commit("Mend the totals");
    pool.ok(["checkout", "master"]);
    pool.commit("Load the fixtures");
    pool.ok(["checkout", "experiment"]);
    pool.commit("Measure it");
    pool.ok(["tag", "-m", "Good enough", "measured"]);
    pool
}

#[test]
fn each_form_of_the_log_prints_as_before() {
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
        let root = pool.root().display().to_string();
        let machine = format!("\"architecture\":\"{}\"", std::env::consts::ARCH);
        let said = pool.ok(words).replace(&root, "POOL").replace(&machine, "\"architecture\":\"ARCH\"");
        snapshot(name, &said);
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
    assert_eq!(subjects(&pool, &["--author", "Nemo"]), Vec::<String>::new());
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
        (&["log", "--format", "{nosuch}"], "unknown field {nosuch}"),
        (&["log", "--format", "xml"], "use text, json"),
        (&["list", "--format", "{id}"], "only log and show take a template"),
        (&["log", "--all", "master"], "take no revision"),
    ] {
        pool.fails(2, words, part);
    }
}

#[test]
fn fields_of_json_are_only_ever_added() {
    let pool = history();
    let log = json_lines(&pool.ok(["log", "-1", "--format", "json"]));
    let fields: Vec<&str> = log[0].as_object().unwrap().keys().map(String::as_str).collect();
    for field in ["volume", "id", "parent", "message", "author", "date", "code", "branches", "tags", "head"] {
        assert!(fields.contains(&field), "{field} is gone");
    }
}

/// Gives the volume `db` a chain of so many commits by writing their records alone.
fn long_history(commits: u32) -> Pool {
    let pool = Pool::with_commits(&["root"]);
    lengthen(&pool, "db", commits);
    pool
}

/// Gives a volume that has a commit a chain of so many more.
fn lengthen(pool: &Pool, volume: &str, commits: u32) {
    use dvol::model::{CommitRecord, Instant, Row, RowChange, Signature};
    let layout = dvol::layout::Layout::new(pool.root());
    let store = dvol::store::Store::new(&layout, std::time::Duration::from_secs(10));
    let volume = volume.parse().unwrap();
    store
        .write(|writer| {
            let branch = writer.branches(&volume)?.remove(0);
            let mut parent = branch.head.clone();
            for number in 0..commits {
                let id = format!("{:032x}", u128::from(number.reverse_bits()) << 64 | 1).parse().unwrap();
                writer.apply(&RowChange::insert(Row::Commit(CommitRecord {
                    volume: volume.clone(),
                    id,
                    parent: parent.take(),
                    message: format!("number {number}"),
                    author: Signature { name: "Ada".into(), email: String::new() },
                    date: Instant { micros: 1_714_560_000_000_000 + i64::from(number), offset: 0 },
                    code: None,
                    size: None,
                    forgotten: false,
                    made_on: None,
                })))?;
                parent =
                    Some(format!("{:032x}", u128::from(number.reverse_bits()) << 64 | 1).parse().unwrap());
            }
            let after = dvol::model::BranchRecord { head: parent, ..branch.clone() };
            writer.apply(&RowChange::update(Row::Branch(branch), Row::Branch(after)))
        })
        .unwrap();
}

/// How many bytes a run reads, and how many lines it writes. A shell that waited for it has its
/// count.
fn bytes_read(pool: &Pool, words: &[&str]) -> (u64, usize) {
    let dvol = pool.command(words);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "\"$@\"; cat /proc/$$/io", "sh"]).arg(dvol.get_program()).args(dvol.get_args());
    for (name, value) in dvol.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    let output = shell.current_dir(pool.dir()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (log, account) = text.split_once("rchar: ").expect("the kernel counts what is read");
    (account.lines().next().unwrap().parse().unwrap(), log.lines().count())
}

#[test]
fn the_newest_few_cost_the_same_however_long_the_history_is() {
    let (short, long) = (long_history(100), long_history(10_000));
    let words = ["log", "--oneline", "-n", "20"];
    let ((few, shown), (many, same)) = (bytes_read(&short, &words), bytes_read(&long, &words));
    assert_eq!((shown, same), (20, 20));
    let (all, lines) = bytes_read(&long, &["log", "--oneline"]);
    assert_eq!(lines, 10_001);
    // A tree of more levels, and 20 commits that lie apart: some pages more, not the history.
    assert!(many < few + 1_000_000, "{few} bytes of 100 commits, {many} of 10,000; {all} for all");
    println!("{few} bytes of 100 commits, {many} of 10,000; {all} for all");
}

#[test]
fn the_newest_few_of_a_project_cost_the_same_however_long_its_histories_are() {
    let project = |commits| {
        let pool = Pool::empty();
        for volume in ["shop_cache", "shop_db"] {
            pool.ok(["init", volume]);
        }
        pool.ok(["commit", "-m", "root", "--project", "shop"]);
        for volume in ["shop_cache", "shop_db"] {
            lengthen(&pool, volume, commits);
        }
        pool.ok(["commit", "-m", "newest", "--project", "shop"]);
        pool
    };
    let (short, long) = (project(100), project(5_000));
    let words = ["log", "--oneline", "-n", "10", "--project", "shop"];
    let ((few, shown), (many, same)) = (bytes_read(&short, &words), bytes_read(&long, &words));
    assert_eq!((shown, same), (10, 10));
    assert!(many < few + 1_000_000, "{few} bytes of 100 commits each, {many} of 5,000");
    // What lies deeper in one volume than in the other is found all the same, and shown once.
    for number in 0..30 {
        long.ok(["commit", "-m", &format!("alone {number}"), "shop_db"]);
    }
    let told = long.ok(["log", "--format", "{subject}", "-n", "31", "--project", "shop"]);
    assert!(told.starts_with("alone 29\n") && told.ends_with("alone 0\nnewest\n"), "{told}");
}
