//! All volumes of a compose project at once.

use super::Team;

#[test]
fn a_project_is_pushed_and_pulled_as_one_and_refused_as_one() {
    let team = Team::new();
    let (here, there) = (&team.here, &team.there);
    for name in ["shop_db", "shop_files"] {
        here.ok(["init", name]);
        here.write(name, "state", "one");
        here.ok(["commit", "-m", "one", name]);
    }
    let said = here.ok(["push", "-y", "-u", "--project", "shop", "origin"]);
    assert!(said.contains("/shop_db\n") && said.contains("/shop_files\n"), "{said}");
    for name in ["shop_db", "shop_files"] {
        there.ok(["clone", &team.volume(name)]);
    }
    for name in ["shop_db", "shop_files"] {
        here.write(name, "state", "two");
        here.ok(["commit", "-m", "two", name]);
    }
    here.ok(["push", "--project", "shop"]);
    // One of two cannot be pulled: neither is.
    there.write("shop_files", "state", "changed");
    there.fails(1, ["pull", "--project", "shop"], "shop_files");
    assert_eq!(there.read("shop_db", "state"), "one");
    there.ok(["reset", "--hard", "HEAD", "shop_files"]);
    there.ok(["pull", "--project", "shop"]);
    assert_eq!(
        (there.read("shop_db", "state"), there.read("shop_files", "state")),
        ("two".into(), "two".into())
    );
    // One of two cannot be pushed: neither is.
    there.write("shop_files", "state", "three");
    there.ok(["commit", "-m", "three", "shop_files"]);
    there.ok(["push", "-C", "shop_files"]);
    for name in ["shop_db", "shop_files"] {
        here.write(name, "state", "other");
        here.ok(["commit", "-m", "other", name]);
    }
    let said = here.run(["push", "--project", "shop"]);
    assert!(said.code == 1 && said.out.contains("(fetch first)"), "{said:?}");
    assert!(!here.ok(["ls-remote", &team.volume("shop_db")]).contains("other"));
    here.fails(2, ["push", "--project", "shop", "origin", "master"], "name no branches and tags");
}
