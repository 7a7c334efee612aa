//! Which branch of a remote a branch follows; what comes along with a push, a fetch and a clone.

use super::Team;
use crate::harness::json_lines;

#[test]
fn branches_of_remotes_are_listed_and_followed() {
    let team = Team::with_clone();
    let pool = &team.there;
    pool.ok(["branch", "side"]);
    pool.commit("three");
    let head = &pool.ids("db")[1][..8].to_owned();
    let ours = &pool.ids("db")[0][..8].to_owned();
    assert_eq!(pool.ok(["branch", "-r"]), "  origin/master\n");
    assert_eq!(pool.ok(["branch", "-a"]), "* master\n  side\n  remotes/origin/master\n");
    let lines = pool.ok(["branch", "-vv"]);
    let wanted = format!("* master {ours} [origin/master: ahead 1] three\n  side   {head} two\n");
    assert_eq!(lines, wanted);
    assert_eq!(pool.ok(["branch", "-u", "origin/master", "side"]), "Branch db/side follows origin/master\n");
    assert!(pool.ok(["branch", "-vv"]).contains(&format!("  side   {head} [origin/master] two")));
    let json = json_lines(&pool.ok(["branch", "-a", "--format", "json"]));
    assert_eq!(
        (json.len(), &json[0]["upstream"]["ahead"], &json[2]["remote"]),
        (3, &1.into(), &"origin".into())
    );
    pool.fails(1, ["branch", "-u", "origin/none"], "has no heads/none of volume db");
    pool.fails(1, ["branch", "-u", "nosuch/master"], "remote 'nosuch' does not exist");
    pool.fails(2, ["branch", "-u", "master"], "is not REMOTE/BRANCH");
    let said = pool.ok(["branch", "--unset-upstream"]);
    assert_eq!(said, "Branch db/master follows no branch of a remote\n");
    pool.fails(1, ["pull"], "follows");
}

#[test]
fn without_a_terminal_a_repository_is_made_only_if_that_was_said() {
    let team = Team::without_repository();
    let said = team.here.run(["push", "origin", "master"]);
    assert!(said.code == 1 && said.err.contains("without -y"), "{said:?}");
    assert!(said.err.contains("everything in the volume goes there, personal data too"), "{said:?}");
    assert!(!team.repository().exists());
    team.here.ok(["push", "-y", "origin", "master"]);
    team.here.commit("three");
    team.here.ok(["push", "origin", "master"]);
}

#[test]
fn tags_with_a_message_come_along_if_that_is_asked_for() {
    let team = Team::with_clone();
    let pool = &team.here;
    pool.ok(["tag", "plain"]);
    pool.ok(["tag", "-m", "the first", "noted", "HEAD~1"]);
    pool.commit("three");
    pool.ok(["branch", "side"]);
    pool.ok(["reset", "--hard", "HEAD~1"]);
    pool.ok(["tag", "-m", "elsewhere", "aside", "side"]);
    let said = pool.ok(["push", "--follow-tags"]);
    assert!(said.contains("[new tag]") && said.contains("noted") && !said.contains("aside"), "{said}");
    assert!(!said.contains("plain"), "{said}");
    assert_eq!(pool.ok(["push", "--follow-tags"]), "Everything up-to-date\n");
}

#[test]
fn all_remotes_are_fetched_from_and_one_that_is_gone_stops_no_other() {
    let team = Team::with_clone();
    let pool = &team.there;
    pool.ok(["remote", "add", "a", "/nosuch/place", "--password-file", &team.password()]);
    team.here.commit("three");
    team.here.ok(["push"]);
    let said = pool.run(["fetch", "--all"]);
    assert!(said.code == 1 && said.err.contains("/nosuch/place: there is none"), "{said:?}");
    assert!(said.out.contains("master -> origin/master"), "{said:?}");
    pool.ok(["remote", "rm", "a"]);
    assert_eq!(pool.ok(["fetch", "--all"]), "");
    pool.fails(2, ["fetch", "--all", "origin"], "cannot be used with");
}

#[test]
fn a_clone_has_the_data_of_as_many_commits_as_were_asked_for() {
    let team = Team::new();
    team.here.commit("three");
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let there = &team.there;
    let from = team.volume("db");
    let elsewhere = |volume: &str| {
        let log = json_lines(&there.ok(["log", "-C", volume, "--format", "json"]));
        log.iter().filter(|one| one["at"].is_array()).count()
    };
    for (words, name, without) in
        [(&["--depth", "1"][..], "one", 2), (&["--depth", "2"], "two", 1), (&["--all"], "all", 0)]
    {
        there.ok([&["clone", &from, name], words].concat());
        assert_eq!(elsewhere(name), without, "{name}");
    }
    there.ok(["reset", "--hard", "HEAD~2", "-C", "all"]);
    assert_eq!(there.read("all", "state"), "one");
    assert_eq!(there.ok(["fsck", "--deep"]).lines().next(), Some("3 volumes: clean"));
    there.fails(2, ["clone", "--all", "all", "copy"], "are for a clone from a remote");
    there.ok(["undo", "-C", "two"]);
    assert!(!there.ok(["list"]).contains("two"));
}
