//! A reset of a running PostgreSQL copies what differs: at most twice as many bytes.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use support::containers::{Database, Engine, POSTGRES};

/// The sizes of the files of `target` that differ in `tree`.
fn differing(tree: &Path, target: &Path) -> u64 {
    let read = |root: &Path| -> BTreeMap<String, Vec<u8>> {
        let files = walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok);
        let files = files.filter(|entry| entry.file_type().is_file());
        let name =
            |path: &Path| path.strip_prefix(root).expect("it is beneath").to_string_lossy().into_owned();
        files.map(|file| (name(file.path()), std::fs::read(file.path()).unwrap_or_default())).collect()
    };
    let tree = read(tree);
    let differ = read(target).into_iter().filter(|(name, bytes)| tree.get(name) != Some(bytes));
    differ.map(|(_, bytes)| bytes.len() as u64).sum()
}

#[test]
fn a_reset_after_a_commit_in_each_way_and_between_two_commits_copies_what_differs() {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, POSTGRES, "differing_pg") else { return };
    database.exec("pgbench -i -q -s 3").ok();
    let change = |table: &str| {
        database.query(&format!("create table {table} as select generate_series(1, 1000) n; checkpoint"));
    };
    let reset = |revision: &str| {
        let id = engine.sh(&format!("dvol rev-parse {revision} -C differing_pg")).ok();
        let volume = engine.pool().join("differing_pg");
        let found = ["commits", "branches"].map(|folder| volume.join(folder));
        let target = found[0].join(&id);
        // A commit that was dropped lies in trash until the reset.
        let differs = target.exists().then(|| differing(&found[1].join("master"), &target));
        let said = engine.sh(&format!("dvol --format json reset --hard {id} differing_pg")).ok();
        let done: Value = serde_json::from_str(&said).expect("JSON");
        let copied: u64 =
            ["copied", "quiesced"].iter().map(|pass| done[pass]["bytes"].as_u64().expect("a number")).sum();
        let whole = differing(Path::new("/nonexistent"), &target);
        eprintln!("reset to {revision}: {copied} bytes of {whole}, {differs:?} differ");
        match differs {
            Some(differs) => assert!(copied <= 2 * differs, "{revision}: {copied} copied, {differs} differ"),
            None => assert!(copied < whole, "{revision}: everything was copied"),
        }
    };
    for way in ["stop", "pause", "none"] {
        engine.sh("docker exec differing_pg psql -qc checkpoint").ok();
        engine.sh(&format!("dvol --quiesce {way} commit -m {way} differing_pg")).ok();
        change(&format!("after_{way}"));
        reset("HEAD");
        change(&format!("again_{way}"));
        reset("HEAD");
    }
    for _ in 0..2 {
        reset("HEAD^");
        reset("ORIG_HEAD");
    }
    engine.sh("dvol undo differing_pg").ok();
    reset("HEAD");
    database.remove();
}
