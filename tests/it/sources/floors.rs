//! Checks what each file of `src` may know: a file imports its own folder and lower floors only;
//! below `cli/` nothing prints, ends the process, reads the environment or names a command to type.
//!
//! Files are read as tokens, so comments and strings are never taken for code. Left out are files
//! and folders named tests, and `#[cfg(test)] mod tests { … }` inside a file; nothing else is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use walkdir::WalkDir;

/// The folders and files of `src`, by floor. Those of one floor do not know each other.
const FLOORS: [(&str, u8); 15] = [
    ("model", 0),
    ("sys", 1),
    ("layout", 2),
    ("store", 3),
    ("containers", 3),
    ("remotes", 3),
    ("error", 4),
    ("pool", 5),
    ("ops", 6),
    ("fsck", 7),
    ("report", 8),
    ("plugin", 8),
    ("ui", 8),
    ("cli", 9),
    ("lib", 10),
];

/// Strings below `cli/` that may name a verb: where, with which words, and why.
const NAMES_A_VERB: [(&str, &str, &str); 4] = [
    ("ops/doctor.rs", "", "a finding carries its remedy, which JSON has too"),
    ("fsck/", "", "a finding carries its remedy, which JSON has too"),
    ("ui/", "", "the page shows the commands that it runs, and others to copy"),
    ("pool/settings.rs", "dvol hook install", "the setting is about that command"),
];

const PRINTS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];
/// Calls, by their last two words.
const DOORS: [(&str, &str); 7] = [
    ("process", "exit"),
    ("env", "var"),
    ("env", "var_os"),
    ("env", "vars"),
    ("env", "args"),
    ("io", "stdout"),
    ("io", "stderr"),
];

/// A file of `src`: its path below, and its text.
struct File {
    path: String,
    text: String,
}

/// A word of a file that a rule may forbid.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    line: usize,
    word: String,
}

/// All words of one file that rules look at.
#[derive(Debug, Default)]
struct Code {
    /// Modules of the crate's root that paths lead to.
    imports: Vec<Found>,
    /// Printing macros and the calls of `DOORS`.
    calls: Vec<Found>,
    /// String literals, on one line each.
    strings: Vec<Found>,
}

fn files() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = WalkDir::new(&src).sort_by_file_name().into_iter().map(|entry| entry.unwrap().into_path());
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let below = |path: PathBuf| path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
    let files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| File { text: fs::read_to_string(&path).unwrap(), path: below(path) })
        .filter(|file| !is_test(Path::new(&file.path)))
        .collect();
    assert!(files.len() > 100, "only {} files were found", files.len());
    files
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// The module of the crate's root that a file belongs to.
fn owner(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

fn read(path: &str, text: &str) -> Code {
    // lib.rs is the root; a mod.rs is its folder.
    let depth = match path {
        "lib.rs" | "main.rs" => 0,
        _ => path.split('/').filter(|part| *part != "mod.rs").count(),
    };
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut code = Code::default();
    walk(&tokens.into_iter().collect::<Vec<_>>(), depth, &mut code);
    code
}

/// Reads the tokens of a module that lies `depth` below the root.
fn walk(tokens: &[TokenTree], depth: usize, code: &mut Code) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let rest = &tokens[at..];
        let line = token.span().start().line;
        let skipped = inline_tests(rest).or_else(|| doc_comment(rest));
        if let Some(skipped) = skipped {
            at += skipped;
            continue;
        }
        at += 1;
        match token {
            TokenTree::Ident(_) => {
                let word = token.to_string();
                let follows_path = at >= 3 && is_path_separator(&tokens[at - 3..]);
                if !follows_path && matches!(word.as_str(), "crate" | "super" | "self") {
                    let mut names = Vec::new();
                    resolve(rest, depth, &mut names);
                    code.imports.extend(names.into_iter().map(|word| Found { line, word }));
                }
                if PRINTS.contains(&word.as_str()) && is_punct(rest.get(1), '!') {
                    code.calls.push(Found { line, word: format!("{word}!") });
                }
                if let Some((module, call)) = DOORS.iter().find(|door| is_call(rest, door)) {
                    code.calls.push(Found { line, word: format!("{module}::{call}") });
                }
                if word == "mod"
                    && let Some(body) = rest.get(2).and_then(|token| group(token, Delimiter::Brace))
                {
                    walk(&body, depth + 1, code);
                    at += 2;
                }
            }
            TokenTree::Group(inside) => {
                walk(&inside.stream().into_iter().collect::<Vec<_>>(), depth, code);
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    let word = text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
                    code.strings.push(Found { line, word });
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// Finds the modules of the crate's root that a path leads to, which is read `up` below the root.
fn resolve(path: &[TokenTree], up: usize, names: &mut Vec<String>) {
    let Some(first) = path.first() else { return };
    let after =
        |up: usize, names: &mut Vec<String>| match path.get(1..).filter(|rest| is_path_separator(rest)) {
            Some(rest) => resolve_below(&rest[2..], up, names),
            // `use crate as root`, or a visibility such as `pub(crate)`.
            None if is_word(path.get(1), "as") && up == 0 => names.push("crate".to_owned()),
            None => {}
        };
    match first.to_string().as_str() {
        "crate" => after(0, names),
        "super" if up > 0 => after(up - 1, names),
        "self" => after(up, names),
        _ => {}
    }
}

/// Resolves what comes after `crate::`, `super::` or `self::`.
fn resolve_below(path: &[TokenTree], up: usize, names: &mut Vec<String>) {
    let Some(first) = path.first() else { return };
    if let Some(items) = group(first, Delimiter::Brace) {
        items.split(|token| is_punct(Some(token), ',')).for_each(|item| resolve_below(item, up, names));
    } else if up > 0 {
        resolve(path, up, names);
    } else {
        names.push(first.to_string());
    }
}

/// How many tokens an inline `#[cfg(test)] mod tests { … }` takes, if it stands here.
fn inline_tests(tokens: &[TokenTree]) -> Option<usize> {
    let mut attributes = BTreeSet::new();
    let mut at = 0;
    while is_punct(tokens.get(at), '#') {
        let body = tokens.get(at + 1).and_then(|token| group(token, Delimiter::Bracket))?;
        attributes.insert(body.into_iter().collect::<TokenStream>().to_string().replace(' ', ""));
        at += 2;
    }
    let is_tests = attributes.contains("cfg(test)")
        && is_word(tokens.get(at), "mod")
        && is_word(tokens.get(at + 1), "tests");
    group(tokens.get(at + 2)?, Delimiter::Brace).filter(|_| is_tests).map(|_| at + 3)
}

/// How many tokens a doc comment takes, if it stands here.
fn doc_comment(tokens: &[TokenTree]) -> Option<usize> {
    let at = if is_punct(tokens.get(1), '!') { 2 } else { 1 };
    let body = tokens.get(at).and_then(|token| group(token, Delimiter::Bracket))?;
    (is_punct(tokens.first(), '#') && is_word(body.first(), "doc")).then_some(at + 1)
}

fn group(token: &TokenTree, delimiter: Delimiter) -> Option<Vec<TokenTree>> {
    match token {
        TokenTree::Group(group) if group.delimiter() == delimiter => {
            Some(group.stream().into_iter().collect())
        }
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_word(token: Option<&TokenTree>, wanted: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(word)) if word == wanted)
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    is_punct(tokens.first(), ':') && is_punct(tokens.get(1), ':')
}

fn is_call(tokens: &[TokenTree], (module, call): &(&str, &str)) -> bool {
    let names_call = |token| {
        group(token, Delimiter::Brace).map_or_else(
            || is_word(Some(token), call),
            |items| items.iter().any(|item| is_word(Some(item), call)),
        )
    };
    is_word(tokens.first(), module)
        && tokens.get(1..).is_some_and(is_path_separator)
        && tokens.get(3).is_some_and(names_call)
}

/// Lists the imports of a file that do not lead downward.
fn upward(path: &str, text: &str) -> Vec<String> {
    let owner = owner(path);
    let own = floor(owner).unwrap_or_else(|| panic!("{owner} stands on no floor: add it to FLOORS"));
    let leads_up = |name: &str| name != owner && floor(name).is_none_or(|other| other >= own);
    let imports = read(path, text).imports.into_iter().filter(|found| leads_up(&found.word));
    imports.map(|Found { line, word }| format!("{path}:{line}: {word} is not below {owner}")).collect()
}

/// Lists what a file below the command line does that only `cli/` may.
fn loud(path: &str, text: &str) -> Vec<String> {
    let calls = read(path, text).calls;
    calls.into_iter().map(|Found { line, word }| format!("{path}:{line}: {word}")).collect()
}

/// Lists the strings of a file that name one of these commands.
fn advice(path: &str, text: &str, verbs: &BTreeSet<String>) -> Vec<(String, String)> {
    let names_verb = |text: &str| {
        text.match_indices("dvol ").any(|(at, found)| {
            let starts = text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            let word = text[at + found.len()..].split(|c: char| !c.is_ascii_lowercase() && c != '-').next();
            starts && word.is_some_and(|word| verbs.contains(word))
        })
    };
    let strings = read(path, text).strings.into_iter().filter(|found| names_verb(&found.word));
    strings.map(|Found { line, word }| (format!("{path}:{line}"), word)).collect()
}

/// The verbs, as `dvol --help` lists them.
fn verbs() -> BTreeSet<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_dvol")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let verb = |line: &str| {
        let (verb, about) = line.strip_prefix("  ")?.split_once("  ")?;
        let is_verb = verb.starts_with(|c: char| c.is_ascii_lowercase()) && !verb.contains(' ');
        (is_verb && !about.trim().is_empty()).then(|| verb.to_owned())
    };
    let verbs: BTreeSet<String> = help.lines().filter_map(verb).collect();
    for known in ["init", "commit", "import", "tag", "gc", "fsck", "rev-parse"] {
        assert!(verbs.contains(known), "dvol --help does not list {known}: {verbs:?}");
    }
    verbs
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_lead_downward() {
    let files = files().into_iter().filter(|file| !matches!(file.path.as_str(), "main.rs" | "lib.rs"));
    let files: Vec<File> = files.collect();
    let imports: usize = files.iter().map(|file| read(&file.path, &file.text).imports.len()).sum();
    assert!(imports > 300, "only {imports} imports were looked at");
    assert_none(&files.iter().flat_map(|file| upward(&file.path, &file.text)).collect::<Vec<_>>());
}

#[test]
fn the_library_is_silent() {
    let files = files().into_iter().filter(|file| owner(&file.path) != "cli");
    assert_none(&files.flat_map(|file| loud(&file.path, &file.text)).collect::<Vec<_>>());
}

#[test]
fn what_to_type_is_said_by_the_command_line_alone() {
    let verbs = verbs();
    let files = files().into_iter().filter(|file| owner(&file.path) != "cli");
    let mut unused = BTreeSet::from(NAMES_A_VERB);
    let mut faults = Vec::new();
    for (place, text) in files.flat_map(|file| advice(&file.path, &file.text, &verbs)) {
        let is_allowed =
            |(path, words, _): &&(&str, &str, &str)| place.starts_with(path) && text.contains(words);
        match NAMES_A_VERB.iter().find(is_allowed) {
            Some(allowed) => drop(unused.remove(allowed)),
            None => faults.push(format!("{place}: {text}")),
        }
    }
    assert_none(&faults);
    assert!(unused.is_empty(), "take these off NAMES_A_VERB: {unused:?}");
}

#[test]
fn each_floor_is_there() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_there = |name: &str| src.join(name).is_dir() || src.join(format!("{name}.rs")).is_file();
    let gone: Vec<_> = FLOORS.iter().map(|(name, _)| *name).filter(|name| !is_there(name)).collect();
    assert!(gone.is_empty(), "FLOORS has what is not in src: {gone:?}");
}

#[test]
fn a_fault_at_the_end_of_any_file_is_found() {
    let verbs = verbs();
    for File { path, text } in files().into_iter().filter(|file| owner(&file.path) != "cli") {
        let planted = format!("{text}\nfn planted() {{ println!(\"try dvol gc\"); }}\nuse crate::{{cli}};\n");
        let more = |after: usize, before: usize| assert!(after > before, "{path} is not read to its end");
        more(loud(&path, &planted).len(), loud(&path, &text).len());
        more(advice(&path, &planted, &verbs).len(), advice(&path, &text, &verbs).len());
        if !matches!(path.as_str(), "main.rs" | "lib.rs") {
            more(upward(&path, &planted).len(), upward(&path, &text).len());
        }
    }
}

#[test]
fn an_import_is_seen_however_it_is_spelt() {
    let names = |path: &str, text: &str| -> Vec<String> {
        read(path, text).imports.into_iter().map(|found| found.word).collect()
    };
    for (text, wanted) in [
        ("use crate::ops;", &["ops"][..]),
        ("pub(crate) use crate::{model::Id, pool::{Error, trash::T}, cli as c};", &["model", "pool", "cli"]),
        ("use crate::{self, ops};", &["self", "ops"]),
        ("use crate::*;", &["*"]),
        ("use crate as root;", &["crate"]),
        ("fn f(x: &crate::cli::X) { g!(crate::report::Y) }", &["cli", "report"]),
        ("use super::super::ops;", &["ops"]),
        ("use super::{disk, super::{ops, fsck::mend}};", &["ops", "fsck"]),
        ("use self::super::super::pool;", &["pool"]),
        ("mod inner { use super::super::super::ops; }", &["ops"]),
        ("mod inner { use super::super::locks; }", &[]),
        ("use super::locks; pub(super) fn f() {} pub(crate) struct S;", &[]),
        ("// use crate::ops\n/// [`crate::ops`]\nconst S: &str = \"crate::ops\";", &[]),
    ] {
        assert_eq!(names("sys/disk.rs", text), wanted, "{text}");
    }
    assert_eq!(names("sys/mod.rs", "use super::ops;"), ["ops"]);
    assert_eq!(names("sys/tree/mod.rs", "use super::super::ops; use super::disk;"), ["ops"]);

    assert_eq!(upward("sys/disk.rs", "use crate::{ops, model};"), ["sys/disk.rs:1: ops is not below sys"]);
    assert_eq!(upward("store/mod.rs", "\nuse crate::containers::X;").len(), 1);
    assert_eq!(upward("pool/mod.rs", "use crate::nowhere::X;").len(), 1);
    assert_eq!(upward("pool/mod.rs", "use crate::{error::Error, store, pool::trash};"), [""; 0]);
}

#[test]
fn only_an_inline_module_of_tests_is_left_out() {
    let tests = "#[cfg(test)]\n#[expect(x, reason = \"}\")]\nmod tests {\n fn f() { println!(\"{{\") }\n }\n";
    assert_eq!(loud("sys/disk.rs", tests), [""; 0]);
    let after = format!("{tests}fn f() {{ eprintln!() }}");
    assert_eq!(loud("sys/disk.rs", &after), ["sys/disk.rs:6: eprintln!"]);
    for text in [
        "#[cfg(test)]\nmod tests;\nfn f() { print!(\"\") }",
        "#[cfg(test)]\nuse x::y;\nfn f() { std::process::exit(1) }",
        "#[cfg(test)]\nfn f() { dbg!(1) }",
        "#[cfg(test)]\nmod others { fn f() { eprint!(\"\") } }",
        "mod tests { fn f() { std::env::var(\"HOME\") } }",
        "use std::io::{self, stdout};",
    ] {
        assert_eq!(loud("sys/disk.rs", text).len(), 1, "{text}");
    }
    assert_eq!(loud("sys/disk.rs", "/// println!(\"\")\nfn f() { x.stdout(y); println(1) }"), [""; 0]);
}

#[test]
fn advice_is_found_in_strings_and_only_there() {
    let verbs = BTreeSet::from(["import", "gc"].map(str::to_owned));
    let count = |text: &str| advice("sys/disk.rs", text, &verbs).len();
    for text in [
        "const A: &str = \"unpack it: gunzip -c FILE | dvol import - VOLUME\";",
        "#[error(\"run dvol gc: {}\", path.display())] struct S;",
        "fn f() { format!(\"{x}: `dvol \\\n      import` does it\") }",
        "const A: &str = r#\"dvol gc\"#;",
    ] {
        assert_eq!(count(text), 1, "{text}");
    }
    for text in [
        "//! dvol gc\n/// dvol gc\n// dvol gc\n/* dvol gc */ fn dvol() {}",
        "const A: &str = \"the dvol driver, dvol imports, mydvol gc\";",
    ] {
        assert_eq!(count(text), 0, "{text}");
    }
}
