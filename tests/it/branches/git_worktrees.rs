//! Data worktrees of git's worktrees: made and removed with them by the hook, or by
//! `worktree add --project`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{Pool, json, json_lines};

const COMPOSE: &str = "services:
  web: {image: web, ports: ['${WEB_PORT:-8080}:80', '9000:9000']}
volumes:
  db: {driver: dvol}
  files: {driver: dvol, name: shared_files}
";

fn git(pool: &Pool, at: &Path, words: &[&str]) -> Output {
    let binary = pool.command([""; 0]).get_program().to_owned();
    let folder = Path::new(&binary).parent().unwrap().display().to_string();
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=a@example.org"]).args(words);
    command.env("HOME", pool.dir()).env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap()));
    let output = command.current_dir(at).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    output
}

fn dvol(pool: &Pool, at: &Path, words: &[&str]) -> Output {
    pool.command(words).current_dir(at).output().unwrap()
}

#[track_caller]
fn ok(pool: &Pool, at: &Path, words: &[&str]) -> String {
    let output = dvol(pool, at, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with the volume `volume`, which has a commit.
fn repository(pool: &Pool, volume: &str, compose: Option<&str>) -> PathBuf {
    let code = pool.dir().join("code");
    fs::create_dir(&code).unwrap();
    git(pool, &code, &["init", "-q", "-b", "master"]);
    fs::write(code.join(".gitignore"), ".env\n").unwrap();
    if let Some(text) = compose {
        fs::write(code.join("compose.yaml"), text).unwrap();
    }
    git(pool, &code, &["add", "."]);
    git(pool, &code, &["commit", "-q", "-m", "first"]);
    pool.ok(["init", volume]);
    pool.write(volume, "state", "base");
    ok(pool, &code, &["commit", "-C", volume, "-m", "base"]);
    code
}

/// The worktrees: name and branch.
fn worktrees(pool: &Pool) -> Vec<String> {
    let list = json_lines(&pool.ok(["worktree", "list", "--format", "json"]));
    let all = list.iter().filter(|entry| entry["worktree"] != entry["volume"]);
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.map(|entry| format!("{} {}", word(&entry["worktree"]), word(&entry["branch"]))).collect()
}

fn current(pool: &Pool, volume: &str) -> String {
    pool.ok(["branch", "-C", volume, "--show-current"]).trim().to_owned()
}

#[test]
fn each_worktree_of_git_has_data_of_its_own_until_git_removes_it() {
    let pool = Pool::empty();
    let code = repository(&pool, "db", None);
    let out = ok(&pool, &code, &["hook", "install", "--worktrees", "db"]);
    assert!(out.contains("each worktree of git gets data of its own"), "{out}");
    git(&pool, &code, &["worktree", "add", "-q", "-b", "feat", "../it's mine"]);
    let mine = pool.dir().join("it's mine");
    assert_eq!(worktrees(&pool), ["db-it-s-mine feat"]);
    assert_eq!((current(&pool, "db"), pool.read("db-it-s-mine", "state")), ("master".into(), "base".into()));
    // What happens there stays there.
    pool.write("db-it-s-mine", "state", "migrated");
    ok(&pool, &mine, &["commit", "-C", "db-it-s-mine", "-m", "migrated"]);
    git(&pool, &mine, &["checkout", "-q", "-b", "next"]);
    assert_eq!((current(&pool, "db-it-s-mine"), current(&pool, "db")), ("next".into(), "master".into()));
    assert_eq!(pool.read("db-it-s-mine", "state"), "migrated");
    git(&pool, &mine, &["checkout", "-q", "--detach"]);
    assert_eq!(current(&pool, "db-it-s-mine"), "next");
    assert_eq!(pool.read("db", "state"), "base");
    // A branch of code that is checked out is so in one place only, and so is its data.
    git(&pool, &code, &["checkout", "-q", "-b", "here"]);
    assert_eq!((current(&pool, "db"), worktrees(&pool)), ("here".into(), vec!["db-it-s-mine next".into()]));
    git(&pool, &code, &["worktree", "remove", "../it's mine"]);
    git(&pool, &code, &["checkout", "-q", "master"]);
    assert!(worktrees(&pool).is_empty());
    assert!(pool.ok(["branch", "-C", "db"]).contains("feat"));
}

#[test]
fn a_worktree_whose_repository_cannot_be_seen_is_not_gone() {
    let pool = Pool::empty();
    let code = repository(&pool, "db", None);
    ok(&pool, &code, &["hook", "install", "--worktrees", "db"]);
    git(&pool, &code, &["worktree", "add", "-q", "-b", "feat", "../feat"]);
    // As in the container of a driver.
    fs::rename(&code, pool.dir().join("elsewhere")).unwrap();
    fs::rename(pool.dir().join("feat"), pool.dir().join("feat-elsewhere")).unwrap();
    pool.ok(["worktree", "prune"]);
    assert_eq!(worktrees(&pool), ["db-feat feat"]);
    fs::rename(pool.dir().join("elsewhere"), &code).unwrap();
    // The directory alone is gone: git says when that is so.
    pool.ok(["worktree", "prune"]);
    assert_eq!(worktrees(&pool), ["db-feat feat"]);
    git(&pool, &code, &["worktree", "prune"]);
    pool.ok(["protect", "db-feat"]);
    pool.ok(["worktree", "prune"]);
    assert_eq!(worktrees(&pool), ["db-feat feat"]);
    pool.fails(1, ["worktree", "remove", "db-feat"], "is protected");
    pool.ok(["unprotect", "db-feat"]);
    let pruned = json(&pool.ok(["worktree", "prune", "--format", "json"]));
    assert_eq!(pruned["removed"][0]["worktree"], "db-feat", "{pruned}");
}

#[test]
fn a_compose_project_in_a_worktree_of_git_finds_its_volumes_and_variables() {
    let pool = Pool::empty();
    let code = repository(&pool, "code_db", Some(COMPOSE));
    pool.ok(["init", "shared_files"]);
    git(&pool, &code, &["worktree", "add", "-q", "-b", "feat", "../feat"]);
    let feat = pool.dir().join("feat");
    let said = dvol(&pool, &code, &["worktree", "add", "--project"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("not in a linked worktree of git"), "{said:?}");
    fs::write(feat.join(".env"), "SECRET=1\n").unwrap();
    let added = dvol(&pool, &feat, &["worktree", "add", "--project", "--env", ".env", "--format", "json"]);
    let (out, err) = (String::from_utf8_lossy(&added.stdout), String::from_utf8_lossy(&added.stderr));
    let made = json(&out);
    assert_eq!(made["worktrees"][0]["worktree"], "feat_db", "{added:?}");
    assert_eq!((&made["worktrees"][0]["branch"], &made["project"]), (&"feat".into(), &"feat".into()));
    assert!(err.contains("volume shared_files has one name in all work trees"), "{err}");
    assert!(err.contains("service web publishes port 9000 in every work tree"), "{err}");
    let port = made["variables"]["WEB_PORT"].as_str().unwrap().to_owned();
    let text = fs::read_to_string(feat.join(".env")).unwrap();
    assert!(text.starts_with("SECRET=1\n# >>> dvol worktree"), "{text}");
    assert!(text.contains(&format!("\nCOMPOSE_PROJECT_NAME=feat\nWEB_PORT={port}\n")), "{text}");
    // Once more: the same, not a second block.
    ok(&pool, &feat, &["worktree", "add", "--project", "--env", ".env"]);
    assert_eq!(fs::read_to_string(feat.join(".env")).unwrap(), text);
    // The short name is the volume of this directory.
    assert_eq!(ok(&pool, &feat, &["branch", "--show-current", "-C", "db"]), "feat\n");
    ok(&pool, &feat, &["worktree", "remove", "--project"]);
    assert_eq!(fs::read_to_string(feat.join(".env")).unwrap(), "SECRET=1\n");
    assert!(worktrees(&pool).is_empty());
    let none = dvol(&pool, &feat, &["worktree", "remove", "--project", "--format", "json"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains(r#""error":"no_worktree""#), "{none:?}");
}

#[test]
fn a_project_with_a_fixed_name_gets_another_in_a_worktree_of_git() {
    let pool = Pool::empty();
    let code = repository(&pool, "shop_db", Some("name: shop\nvolumes:\n  db: {driver: dvol}\n"));
    git(&pool, &code, &["worktree", "add", "-q", "-b", "feat", "../feat"]);
    let feat = pool.dir().join("feat");
    let said = dvol(&pool, &feat, &["worktree", "add", "--project", "--format", "json"]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(err.contains(r#""error":"same_project""#), "{err}");
    assert!(err.contains(r#""command":"dvol worktree add --project --env .env""#), "{err}");
    ok(&pool, &feat, &["worktree", "add", "--project", "--env", ".env", "--expires", "7d"]);
    assert_eq!(worktrees(&pool), ["shop-feat_db feat"]);
    assert_eq!(ok(&pool, &feat, &["branch", "--show-current", "-C", "db"]), "feat\n");
}

#[test]
fn the_hook_makes_the_volumes_of_the_project_and_takes_them_away() {
    let pool = Pool::empty();
    let code = repository(&pool, "code_db", Some(COMPOSE));
    ok(&pool, &code, &["hook", "install", "--worktrees", "--env", ".env", "code_db"]);
    let said = git(&pool, &code, &["worktree", "add", "-q", "-b", "feat", "../feat"]);
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(told.contains("volume feat_db is a worktree of code_db on branch feat"), "{told}");
    let env = pool.dir().join("feat/.env");
    assert!(fs::read_to_string(&env).unwrap().contains("COMPOSE_PROJECT_NAME=feat"));
    // A branch that is older than the main checkout's does not start from its data.
    git(&pool, &code, &["branch", "old"]);
    git(&pool, &code, &["commit", "-q", "--allow-empty", "-m", "migration"]);
    pool.write("code_db", "state", "migrated");
    ok(&pool, &code, &["commit", "-C", "code_db", "-m", "migrated"]);
    git(&pool, &code, &["worktree", "add", "-q", "../old", "old"]);
    assert_eq!(pool.read("old_db", "state"), "base");
    git(&pool, &code, &["worktree", "remove", "../old"]);
    git(&pool, &code, &["worktree", "remove", "../feat"]);
    let pruned = json(&pool.ok(["worktree", "prune", "--format", "json"]));
    assert_eq!(pruned["removed"].as_array().unwrap().len(), 2, "{pruned}");
    assert_eq!(current(&pool, "code_db"), "master");
}

#[test]
fn the_hook_takes_every_volume_of_a_project_away() {
    let pool = Pool::empty();
    let compose = "volumes:\n  db: {driver: dvol}\n  cache: {driver: dvol}\n";
    let code = repository(&pool, "code_db", Some(compose));
    pool.ok(["init", "code_cache"]);
    pool.ok(["commit", "-m", "base", "-C", "code_cache"]);
    ok(&pool, &code, &["hook", "install", "--worktrees", "code_db"]);
    git(&pool, &code, &["worktree", "add", "-q", "-b", "feat", "../feat"]);
    assert_eq!(worktrees(&pool), ["feat_cache feat", "feat_db feat"]);
    // One that has nothing to do with this code stays.
    pool.ok(["worktree", "add", "other", "-b", "other", "-C", "code_cache"]);
    git(&pool, &code, &["worktree", "remove", "../feat"]);
    git(&pool, &code, &["checkout", "-q", "-b", "next"]);
    assert_eq!(worktrees(&pool), ["other other"]);
}
