//! What a push is allowed, in git's words.

use super::Team;
use crate::harness::json_lines;

#[test]
fn who_comes_second_fetches_first() {
    let team = Team::with_clone();
    let (here, there) = (&team.here, &team.there);
    here.commit("three");
    here.ok(["push"]);
    there.commit("other");
    let said = there.run(["push"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains(" ! [rejected]         master -> master (fetch first)"), "{said:?}");
    assert!(said.err.contains("failed to push some refs to '"), "{said:?}");
    assert!(said.err.contains("hint: go on from them: dvol pull origin -C db"), "{said:?}");
    let fetched = there.ok(["fetch"]);
    assert!(fetched.starts_with(&format!("From {}\n", team.volume("db"))), "{fetched}");
    assert!(fetched.contains("..") && fetched.contains("master -> origin/master"), "{fetched}");
    assert_eq!(there.ok(["fetch"]), "");
    there.fails(1, ["pull"], "have diverged, with 1 commit and 1 commit of their own");
    let status = there.ok(["status"]);
    assert!(status.contains("have 1 and 1 different commits each"), "{status}");
    // Now that it is known, it is no news that is missing.
    let said = there.run(["push"]);
    assert!(said.code == 1 && said.out.contains("(non-fast-forward)"), "{said:?}");
    let said = there.ok(["push", "--force-with-lease"]);
    assert!(said.contains(" + ") && said.contains("(forced update)"), "{said}");
    // The other one sees that its commit was given up, and still has it.
    assert!(here.ok(["fetch"]).contains("(forced update)"));
    assert_eq!(here.read("db", "state"), "three");
    for pool in [here, there] {
        assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
    }
}

#[test]
fn a_lease_holds_for_what_was_last_seen() {
    let team = Team::with_clone();
    team.here.commit("three");
    team.here.ok(["push"]);
    team.there.commit("other");
    let said = team.there.run(["push", "--force-with-lease"]);
    assert!(said.code == 1 && said.out.contains("(stale info)"), "{said:?}");
    let said = team.there.run(["push", "--force-with-lease=master:HEAD~1"]);
    assert!(said.code == 1 && said.out.contains("(stale info)"), "{said:?}");
    team.there.ok(["push", "--force"]);
    team.there.fails(2, ["push", "--force-with-lease=master"], "takes REF:COMMIT");
    team.there.fails(2, ["push", "origin", ":"], "names nothing to push");
}

#[test]
fn tags_stay_where_they_are_and_refs_can_be_deleted() {
    let team = Team::without_repository();
    let pool = &team.here;
    pool.ok(["tag", "v1", "HEAD~1"]);
    let dry = pool.ok(["push", "-n", "--tags", "origin", "master"]);
    assert!(dry.contains("[new tag]") && dry.contains("[new branch]"), "{dry}");
    assert!(!team.repository().exists(), "a dry run makes nothing");
    pool.ok(["push", "-y", "--tags", "origin", "master", "master:copy"]);
    pool.ok(["tag", "-f", "v1", "HEAD"]);
    let said = pool.run(["push", "origin", "v1"]);
    assert!(said.code == 1 && said.out.contains("v1 -> v1 (already exists)"), "{said:?}");
    assert!(pool.ok(["push", "--force", "origin", "v1"]).contains("(forced update)"));
    let said = pool.ok(["push", "--delete", "origin", "copy"]);
    assert!(said.contains(" - [deleted]          copy"), "{said}");
    let said = pool.run(["push", "origin", ":copy"]);
    assert!(said.code == 1 && said.out.contains("remote ref does not exist"), "{said:?}");
    let refs = json_lines(&team.there.ok(["ls-remote", "--format", "json"]));
    let names: Vec<_> = refs.iter().map(|one| one["ref"].as_str().unwrap()).collect();
    assert_eq!(names, ["heads/master", "tags/v1"]);
    pool.fails(1, ["push", "origin", "nothing"], "'nothing' names no commit");
}

#[test]
fn a_pull_leaves_changes_alone_and_a_wrong_password_opens_nothing() {
    let team = Team::with_clone();
    team.here.commit("three");
    team.here.ok(["push"]);
    team.there.write("db", "state", "changed");
    team.there.fails(1, ["pull"], "dvol stash -C db");
    assert_eq!(team.there.read("db", "state"), "changed");
    std::fs::write(team.password(), "another\n").unwrap();
    team.there.fails(1, ["fetch"], "the password is wrong");
    std::fs::write(team.password(), "\n").unwrap();
    team.there.fails(1, ["fetch"], "is empty");
    std::fs::write(team.password(), "a password\n").unwrap();
    let other = team.there.dir().join("full");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("a file"), "").unwrap();
    let full = other.to_str().unwrap();
    let words = ["push", "-y", full, "--password-command", "echo a password"];
    team.there.fails(1, words, "a file lies there already");
    team.there.fails(1, ["push", "-y", full], "no password for");
    team.there.fails(1, ["pull", "origin", "none"], "has no heads/none of volume db");
}
