//! The topics of `dvol help`, and what the README and the topics say about the command line.

use std::path::{Path, PathBuf};

use crate::harness::{Pool, json_lines};

/// The names of all topics, as `dvol help` lists them.
fn topics(pool: &Pool) -> Vec<String> {
    let overview = pool.ok(["help"]);
    let list = overview.split("Topics:\n").nth(1).expect("a list of topics");
    list.lines()
        .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The names of all verbs, as the overview lists them.
fn verbs(pool: &Pool) -> Vec<String> {
    let overview = pool.ok(["-h"]);
    let list = overview.split("Topics:\n").next().expect("text before the topics");
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// The pages that users and developers read, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = ["README.md", "CHANGELOG.md", "tools/README.md", "tools/package/README.md"];
    let topics = std::fs::read_dir(root.join("src/cli/help/topics")).unwrap();
    let topics = topics.map(|entry| entry.unwrap().path());
    let paths = named.iter().map(|name| root.join(name)).chain(topics);
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn page(name: &str) -> String {
    let found = pages().into_iter().find(|(path, _)| path.ends_with(name));
    found.unwrap_or_else(|| panic!("no page {name}")).1
}

#[test]
fn every_topic_fits_a_narrow_terminal_and_shows_no_markup() {
    let pool = Pool::empty();
    let topics = topics(&pool);
    assert_eq!(topics.len(), pages().len() - 4, "a topic's file is missing or not listed");
    for topic in topics {
        let page = pool.ok(["help", &topic]);
        // Lines of JSON stay as dvol prints them.
        let lines = page.lines().filter(|line| topic != "json" || !line.starts_with("    "));
        for line in lines {
            assert!(line.chars().count() <= 80, "{topic}: {line}");
            let marked = line.contains("**") || line.starts_with('#') || line.trim_start().starts_with('|');
            assert!(!marked, "{topic}: {line}");
        }
        assert!(!page.contains('\u{1b}'), "{topic}: a page that goes to a file has no colours");
    }
    assert!(!pool.root().exists(), "help needs no pool");
}

#[test]
fn help_shows_verbs_too_and_names_what_a_word_is_near_to() {
    let pool = Pool::empty();
    for words in [&["commit"][..], &["hook", "install"]] {
        let options = words.iter().copied().chain(["--help"]);
        assert_eq!(pool.ok(["help"].iter().chain(words)), pool.ok(options));
    }
    assert_eq!(pool.ok(["help"]), pool.ok(["--help"]));
    let said = pool.fails(2, ["help", "databaes"], "'databaes' is neither a verb nor a topic");
    assert!(said.contains("did you mean 'databases'?"), "{said}");
    pool.fails(2, ["help", "comit"], "'commit'");
}

#[test]
fn every_topic_has_a_man_page() {
    let pool = Pool::empty();
    pool.ok(["man", "share"]);
    let whole = std::fs::read_to_string(pool.dir().join("share/man1/dvol.1")).unwrap();
    for topic in topics(&pool) {
        let file = pool.dir().join(format!("share/man7/dvol-{topic}.7"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("dvol-{topic} 7")) || text.contains(".TH"), "{topic}: {text}");
        assert!(text.contains(".SH NAME") && text.lines().count() > 10, "{topic}: {text}");
        assert!(whole.contains(&format!("dvol\\-{}(7)", topic.replace('-', "\\-"))), "{topic}");
    }
    let databases = std::fs::read_to_string(pool.dir().join("share/man7/dvol-databases.7")).unwrap();
    assert!(databases.contains("psql \\-U postgres \\-c checkpoint"), "{databases}");
}

#[test]
fn the_topics_leave_out_no_verb_setting_or_option() {
    let pool = Pool::empty();
    let (readme, in_full) = (page("README.md"), page("topics/verbs.md"));
    for verb in verbs(&pool) {
        assert!(readme.contains(&format!("`{verb}")), "README.md: {verb}");
        let row = |line: &str| line.starts_with("| ") && line.contains(&format!("`{verb}"));
        assert!(in_full.lines().any(row), "verbs.md: {verb}");
    }
    let settings = page("topics/settings.md");
    for setting in json_lines(&pool.ok(["config", "--format", "json"])) {
        let key = setting["key"].as_str().unwrap();
        assert!(settings.contains(&format!("`{key}`")), "settings.md: {key}");
    }
    let options = page("topics/options.md");
    let overview = pool.ok(["--help"]);
    let listed = overview.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flags = listed.flat_map(str::split_whitespace).filter(|word| word.starts_with("--"));
    for flag in
        flags.map(|flag| flag.trim_end_matches('.')).filter(|flag| !["--help", "--version"].contains(flag))
    {
        assert!(options.contains(&format!("`{flag}")), "options.md: {flag}");
    }
}

#[test]
fn a_topic_that_is_typed_as_a_verb_is_pointed_out() {
    let said = Pool::empty().fails(2, ["databases"], "'databases' is not a verb of dvol");
    assert!(said.contains("hint: read the topic: dvol help databases\n"), "{said}");
}

/// Splits a command into words as a shell does, up to a pipe, a comment or another command.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    let ends = |word: &String| ["|", "&&", "#", "<-"].contains(&word.as_str());
    words.into_iter().take_while(|word| !ends(word)).filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_command_in_the_readme_and_the_topics_is_one_that_dvol_takes() {
    let pool = Pool::empty();
    let mut tried = 0;
    for (path, text) in pages() {
        let blocks = text.split("```").skip(1).step_by(2);
        let lines = blocks.flat_map(str::lines).flat_map(|line| line.split(" && "));
        let lines = lines.map(|line| line.trim_start_matches("$ ").trim_start_matches("sudo "));
        for line in lines.filter(|line| line.starts_with("dvol ") && !line.starts_with("dvol =")) {
            let mut words = words(line).split_off(1);
            // Help is shown only if the words before it are right.
            let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
            words.insert(end, "--help".to_owned());
            let said = pool.run(&words);
            assert_eq!(said.code, 0, "{}: {line}: {said:?}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 40, "only {tried} commands were found");
}

#[test]
fn the_readme_is_short_and_what_pages_refer_to_is_there() {
    let pool = Pool::empty();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(page("README.md").len() <= 12 * 1024, "the README has {} bytes", page("README.md").len());
    for (path, text) in pages() {
        for rest in text.split("`dvol help ").skip(1) {
            let name = rest.split('`').next().unwrap();
            if name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-') {
                pool.ok(["help", name]);
            }
        }
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            let here = path.parent().unwrap().join(link);
            assert!(link.starts_with("https://") || here.exists(), "{}: {link}", path.display());
        }
        let files = text.split(['`', ' ', '\n', '(', ')']).filter(|word| word.starts_with("tools/"));
        for file in
            files.map(|file| file.trim_end_matches([',', '.', '\'', ':'])).filter(|file| !file.contains('*'))
        {
            assert!(root.join(file).exists(), "{}: {file}", path.display());
        }
    }
}
