//! Every file of the tests runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Follows `mod name;` from `file` on, and adds every file that the compiler reads for it.
fn add(file: PathBuf, found: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let folder = file.parent().unwrap();
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let folder = match stem {
        "main" | "mod" | "lib" => folder.to_owned(),
        _ => folder.join(stem),
    };
    for line in text.lines().map(str::trim) {
        assert!(!line.starts_with("#[path"), "{} names a path; share code in tests/support", file.display());
        let Some(name) = line.strip_suffix(';').and_then(|line| {
            line.strip_prefix("mod ")
                .or(line.strip_prefix("pub mod "))
                .or(line.strip_prefix("pub(crate) mod "))
        }) else {
            continue;
        };
        let flat = folder.join(format!("{name}.rs"));
        add(if flat.exists() { flat } else { folder.join(name).join("mod.rs") }, found);
    }
    found.insert(file);
}

/// Lists where Cargo begins to read: `tests/NAME.rs`, `tests/NAME/main.rs`, the library that they
/// share, and the programs of the fuzzer.
fn roots(tests: &Path) -> Vec<PathBuf> {
    let mut roots = vec![tests.join("support/src/lib.rs")];
    let fuzz = fs::read_to_string(tests.join("fuzz/Cargo.toml")).unwrap();
    let programs = fuzz.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    roots.extend(programs.map(|path| tests.join("fuzz").join(path)));
    for entry in fs::read_dir(tests).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            roots.push(path);
        } else if path.join("main.rs").exists() {
            roots.push(path.join("main.rs"));
        }
    }
    roots
}

#[test]
fn no_file_of_the_tests_is_left_out_of_the_lists_of_modules() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut listed = BTreeSet::new();
    roots(&tests).into_iter().for_each(|root| add(root, &mut listed));
    let walk = WalkDir::new(&tests).into_iter().filter_entry(|entry| entry.file_name() != "target");
    let files: BTreeSet<PathBuf> = walk
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    let left_out: Vec<_> = files.difference(&listed).map(|path| path.display().to_string()).collect();
    assert!(left_out.is_empty(), "these files never run; list them with `mod`: {left_out:#?}");
    assert!(files.len() > 100, "only {} files were found", files.len());
}
