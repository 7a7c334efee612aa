//! Checks what a machine can check of the English in sources, tests, scripts and help texts.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// The longest line that holds a comment, in characters.
const WIDTH: usize = 100;
/// Words that no doc comment begins with: a first line is a verb and its object.
const FIRST_WORDS: [&str; 5] = ["The same", "It ", "It's ", "Who ", "What it has otherwise"];
/// Riddles and people without a name: say which process, caller or engine is meant.
const WORDS: [&str; 4] = ["somebody", "nobody", "cannot be had", "is told"];
/// This file alone spells them out.
const OWN: &str = "english.rs";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rust,
    Script,
    Page,
}

fn kind(path: &Path, text: &str) -> Option<Kind> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => Some(Kind::Rust),
        Some("md") => Some(Kind::Page),
        Some("py" | "sh") => Some(Kind::Script),
        _ if text.starts_with("#!") => Some(Kind::Script),
        _ => None,
    }
}

/// Lists what is wrong in a file, as `path:line: what`.
fn faults(path: &str, kind: Kind, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_doc = false;
    for (number, line) in text.lines().enumerate() {
        let mut fault = |what: String| found.push(format!("{path}:{}: {what}", number + 1));
        let start = line.trim_start();
        let is_comment = match kind {
            Kind::Rust => {
                let is_outside = |(code, _): (&str, &str)| code.matches('"').count() % 2 == 0;
                start.starts_with("//") || line.split_once(" // ").is_some_and(is_outside)
            }
            Kind::Script => start.starts_with('#') && !start.starts_with("#!"),
            Kind::Page => false,
        };
        let length = line.chars().count();
        if is_comment && length > WIDTH && !line.contains("://") {
            fault(format!("a comment ends at column {length}"));
        }
        let doc = ["///", "//!"].iter().find_map(|mark| start.strip_prefix(mark));
        let doc = doc.filter(|_| kind == Kind::Rust);
        if let Some(first) = doc.filter(|_| !in_doc).map(str::trim_start) {
            let bad = FIRST_WORDS.iter().find(|words| first.starts_with(*words));
            bad.into_iter().for_each(|words| fault(format!("a doc comment begins with {:?}", words.trim())));
        }
        in_doc = doc.is_some();
        let lower = line.to_lowercase();
        let read = if kind == Kind::Rust { prose(&lower) } else { lower };
        WORDS.iter().filter(|words| has(&read, words)).for_each(|words| fault(format!("says {words:?}")));
    }
    found
}

/// Blanks the words of a line that are part of a longer name, as in `fn nobody_waits()`.
fn prose(line: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let words = line.split_inclusive(|c| !part(c));
    words.map(|word| if word.contains('_') { " " } else { word }).collect()
}

fn has(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, found)| {
        let before = line[..at].chars().next_back();
        let after = line[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[test]
fn the_text_keeps_to_what_a_machine_can_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut checked = 0;
    for folder in ["src", "tests", "tools", "migrations", ".ci", "README.md"] {
        let entries = WalkDir::new(root.join(folder)).sort_by_file_name().into_iter().map(Result::unwrap);
        for entry in entries.filter(|entry| entry.file_type().is_file() && entry.file_name() != OWN) {
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            let path = entry.path().strip_prefix(root).unwrap();
            let Some(kind) = kind(path, &text) else { continue };
            found.extend(faults(path.to_str().unwrap(), kind, &text));
            checked += 1;
        }
    }
    assert!(checked > 200, "only {checked} files were read");
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[test]
fn each_fault_is_found_where_it_stands() {
    let long = format!("// {}", "x".repeat(WIDTH));
    for (kind, text, wanted) in [
        (Kind::Rust, "/// The same, for a group.\nfn f() {}", 1),
        (Kind::Rust, "fn f() {}\n    /// Who holds it.", 2),
        (Kind::Rust, "//! It is a pool.", 1),
        (Kind::Rust, "/// Returns it.\n///\n/// Waits; nobody else does.", 3),
        (Kind::Rust, "let text = \"the option cannot be had\";", 1),
        (Kind::Rust, "let x = 1; // Somebody waits", 1),
        (Kind::Rust, &long, 1),
        (Kind::Script, "#!/bin/sh\n# The caller is told.", 2),
        (Kind::Script, &long.replace("//", "#"), 1),
        (Kind::Page, "# Pools\n\nNobody needs it.", 3),
    ] {
        let found = faults("a", kind, text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(&format!("a:{wanted}: ")), "{text}: {found:?}");
    }
    for (kind, text) in [
        (Kind::Rust, "/// Returns the head.\n/// It is none without a commit.\n/// The same holds for tags."),
        (Kind::Rust, "fn nobody_waits() {}\n/// Items are listed."),
        (Kind::Rust, &format!("let x = \"{}\";", "x".repeat(WIDTH))),
        (Kind::Rust, &format!("let x = \"{} // \";", "x".repeat(WIDTH))),
        (Kind::Rust, &format!("// https://example.org/{}", "x".repeat(WIDTH))),
        (
            Kind::Page,
            "The README is one line, however long it is. \
                      The README is one line, however long it is. ",
        ),
    ] {
        assert_eq!(faults("a", kind, text), [""; 0], "{text}");
    }
}
