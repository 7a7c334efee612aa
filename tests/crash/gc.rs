//! `gc` that dies or fails in the middle: each entry of trash is there whole or gone, and what it
//! said it freed is gone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use support::scene::{Run, copy, prepare, remove, told, workshop};
use support::{remains, tree_text};

/// What each entry of trash holds.
fn trash(pool: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(pool.join(".dvol/trash")).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), tree_text(&e.path()))).collect()
}

#[test]
fn each_entry_of_trash_goes_or_stays_whole_and_what_was_freed_is_told() {
    let workshop = workshop();
    let template = prepare(workshop.path().join("template"));
    for ids in [100_000, 110_000, 120_000] {
        fs::write(template.join("db/branches/master/new"), ids.to_string()).unwrap();
        Run { pool: &template, engine: None, ids }.must(&["reset", "--hard", "HEAD", "db"]);
    }
    let before = trash(&template);
    assert_eq!(before.len(), 3);
    let (pool, trace) = (workshop.path().join("pool"), workshop.path().join("trace"));
    let run = |ids| Run { pool: &pool, engine: None, ids };
    let words = ["gc", "--all", "-f", "--format", "json"];
    copy(&template, &pool);
    let (output, points) = run(500_000).with_fault(&words, None, &trace);
    assert!(output.status.success() && trash(&pool).is_empty(), "{}", told(&output));
    let points = points.iter().filter(|point| !point.starts_with("redb.")).count();
    assert!(points > 10, "only {points} points");
    for point in 1..=points {
        for effect in ["kill", ["EIO", "ENOSPC", "EACCES"][point % 3]] {
            let fault = format!("{point}:{effect}");
            remove(&pool);
            copy(&template, &pool);
            let (output, _) = run(500_000).with_fault(&words, Some(&fault), &trace);
            let told = told(&output);
            let left = trash(&pool);
            assert!(left.iter().all(|(id, text)| before.get(id) == Some(text)), "{fault}: {told}");
            if effect == "kill" {
                assert_eq!(output.status.signal(), Some(9), "{fault}: {told}");
            } else {
                assert_eq!(output.status.code(), Some(1), "{fault}: {told}");
                let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                let number = |key: &str| said[key].as_u64().unwrap();
                // The others went all the same; the one that failed is whole, or out of the way of
                // any undo.
                assert_eq!(
                    (number("operations"), said["failed"].as_array().unwrap().len()),
                    (2, 1),
                    "{fault}: {told}"
                );
                assert_eq!(number("kept"), left.len() as u64, "{fault}: {told}");
                assert!(left.len() <= 1 && told.contains("error: "), "{fault}: {told}");
            }
            let (code, found) = run(600_000).fsck();
            assert!(matches!(code, 0 | 1), "{fault}: fsck {found}");
            assert_eq!((run(600_000).fsck().0, remains(&pool)), (0, (0, 0)), "{fault}");
            assert_eq!(trash(&pool), left, "{fault}: fsck");
            run(700_000).must(&["gc", "--all", "-f"]);
            assert!(trash(&pool).is_empty(), "{fault}");
        }
    }
}
