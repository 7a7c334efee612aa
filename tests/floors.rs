//! A file imports its own folder and lower floors only.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// The folders and files of `src`, by floor. Those of one floor do not know each other, except
/// where `ALSO` says so.
const FLOORS: [(&str, u8); 14] = [
    ("model", 0),
    ("sys", 1),
    ("layout", 2),
    ("store", 3),
    ("trees", 3),
    ("containers", 3),
    ("pool", 4),
    ("ops", 5),
    ("fsck", 6),
    ("remote", 6),
    ("report", 7),
    ("plugin", 7),
    ("cli", 8),
    ("lib", 9),
];

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn imports_lead_downward() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for entry in WalkDir::new(&src).into_iter().filter_map(Result::ok) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let relative = path.strip_prefix(&src).unwrap();
        let owner = first_word(relative.iter().next().unwrap().to_str().unwrap());
        if matches!(owner.as_str(), "main" | "lib") {
            continue;
        }
        let own = floor(&owner).unwrap_or_else(|| panic!("{owner} stands on no floor: add it to FLOORS"));
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in code.match_indices("crate::").map(|(at, found)| first_word(&code[at + found.len()..])) {
            if used == owner || used.is_empty() {
                continue;
            }
            let Some(other) = floor(&used) else {
                panic!("{}: crate::{used} stands on no floor", relative.display())
            };
            assert!(other < own, "{} uses {used}, which is not below {owner}", relative.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} imports were looked at");
}

#[test]
fn sys_knows_no_noun_and_the_library_never_prints() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in
        WalkDir::new(&src).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    {
        let relative = entry.path().strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(entry.path()).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        if !relative.starts_with("cli/") && !relative.contains("/tests/") {
            for word in ["println!", "eprintln!", "std::env::var", "process::exit"] {
                assert!(!code.contains(word), "{relative} has {word}");
            }
        }
    }
}
