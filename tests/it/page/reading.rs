//! What the pages show.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::{open, text};
use crate::harness::Pool;
use support::fake_engine::{Container, Containers, FakeEngine, Status};
use support::opens::Opens;
use support::page::Page;

#[test]
fn volumes_are_listed_filtered_and_sorted_without_a_script() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "shop_data"]);
    pool.ok(["clone", "db", "copy"]);
    let engine = FakeEngine::new();
    let container = |volume, status| Container { volume, status, auto_remove: false };
    engine.set(&Containers::from([
        ("web".to_owned(), container("db", Status::Running)),
        ("idle".to_owned(), container("copy", Status::Stopped)),
    ]));
    let page = Page::start(pool.command_with(&engine.socket(), ["ui", "--no-open"]));
    let order = |path: &str| {
        let html = page.get(path).body;
        let rows = html.split("<th class=\"volume\" scope=\"row\">").skip(1);
        rows.map(|row| text(row.split("</a>").next().unwrap()).trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order("/"), ["copy", "db", "shop_data"]);
    assert_eq!(order("/?q=DB"), ["db"]);
    assert_eq!(order("/?q=web"), ["db"]);
    assert_eq!(order("/?q=stopped"), ["copy"]);
    assert_eq!(order("/?q=none-of-these").len(), 0);
    assert_eq!(order("/?down=1"), ["shop_data", "db", "copy"]);
    assert_eq!(order("/?sort=containers")[0], "db");
    assert_eq!(order("/?sort=size")[2], "shop_data", "what has no commit stands last");
    let html = page.get("/").body;
    assert!(html.contains("title=\"web: running\"") && html.contains("title=\"idle: stopped\""), "{html}");
    let said = text(&html);
    for part in ["3 volumes", "no commit", "free", "master"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    // The form tells what a reset does to the container before it runs.
    let form = text(&page.get("/do/reset?volume=db&revision=HEAD").body);
    assert!(form.contains("Kills and starts web"), "{form}");
    let form = text(&page.get("/do/commit?volume=db").body);
    assert!(form.contains("Stops and starts web"), "{form}");
}

#[test]
fn the_form_of_an_undo_tells_which_containers_that_operation_concerns() {
    let (pool, engine) = (Pool::with_commits(&["one", "two"]), FakeEngine::new());
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    pool.ok(["undo", "db"]);
    pool.ok(["tag", "-C", "db", "v1", "HEAD"]);
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&Containers::from([("web".to_owned(), container)]));
    let page = Page::start(pool.command_with(&engine.socket(), ["ui", "--no-open"]));
    let form = |query: &str| text(&page.get(&format!("/do/undo?volume=db{query}")).body);
    assert!(!form("").contains("web"), "the tag is next: {}", form(""));
    // The init is the first operation, then come two commits, the reset and its undo.
    for (operation, held) in [(3, false), (4, true), (5, true), (6, false)] {
        let said = form(&format!("&operation={operation}"));
        assert_eq!(said.contains("Kills and starts web"), held, "{operation}: {said}");
    }
}

#[test]
fn a_worktree_stands_under_its_volume() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "eve"]);
    pool.ok(["worktree", "add", "aside", "-b", "side", "db:HEAD"]);
    let page = open(&pool);
    let said = text(page.get("/").body.split("<tbody>").nth(1).unwrap());
    let (db, aside, eve) = (said.find("db"), said.find("worktree of db"), said.find("eve"));
    assert!(db.is_some() && db < aside && aside < eve, "{said}");
    let said = text(&page.get("/v/aside").body);
    assert!(said.contains("worktree of db") && said.contains("Remove the worktree"), "{said}");
    let html = page.get("/v/db").body;
    assert!(text(&html).contains("in aside"), "a branch says where it is checked out: {html}");
    let graph = html.split("<ol class=\"log\">").nth(1).and_then(|rest| rest.split("</ol>").next());
    let graph = graph.unwrap_or_default();
    assert!(graph.contains("href=\"/v/aside\""), "the graph has it: {html}");
    assert!(!graph.contains("title=\"Worktree of branch master\""), "a volume is no worktree: {html}");
    for path in ["/v/aside/status", "/v/aside/changes", "/pool", "/operations?volume=aside"] {
        assert_eq!(page.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_history_shows_branches_tags_and_its_pages() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["checkout", "-C", "db", "-b", "side", "HEAD~1"]);
    pool.commit("three");
    pool.ok(["tag", "-C", "db", "v1", "HEAD"]);
    let page = open(&pool);
    let html = page.get("/v/db").body;
    let said = text(&html);
    for part in ["one", "two", "three", "side", "master", "v1", "Ada", "Undo", "No container"] {
        assert!(said.contains(part) || part == "No container", "{part} is not in {said}");
    }
    assert_eq!(html.matches("<svg class=\"graph\"").count(), 3);
    assert!(said.find("three").unwrap() < said.find("two").unwrap());
    let only = text(&page.get("/v/db?branch=master").body);
    assert!(only.contains("two") && !only.contains("three"), "{only}");

    for n in 0..101 {
        pool.ok(["commit", "-C", "db", "-m", &format!("number {n}")]);
    }
    let first = page.get("/v/db").body;
    assert_eq!(first.matches("<svg class=\"graph\"").count(), 100);
    assert!(first.contains("rel=\"next\"") && !first.contains("rel=\"prev\""));
    let second = page.get("/v/db?page=2").body;
    assert_eq!(second.matches("<svg class=\"graph\"").count(), 4);
    assert!(second.contains("rel=\"prev\"") && !second.contains("rel=\"next\""));
    assert_eq!(page.get("/v/db?page=9999999999").status, 200);
}

#[test]
fn the_pages_of_a_history_have_the_order_of_the_graph_in_a_terminal() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    // Clocks were wrong: a parent may look newer than its child.
    let commit = |n: usize| {
        let date = format!("2024-05-01T{:02}:{:02}:00Z", n * 7 % 24, n * 13 % 60);
        pool.ok(["commit", "-C", "db", "-m", &format!("number {n}"), "--date", &date]);
    };
    let mut made = 0;
    for branch in 0..5 {
        pool.ok(["checkout", "-C", "db", "-f", "-b", &format!("b{branch}"), &format!("HEAD~{branch}")]);
        (0..24).for_each(|_| {
            made += 1;
            commit(made);
        });
        same_as_terminal(&pool, &page);
    }
    pool.ok(["undo", "db"]);
    pool.ok(["branch", "-C", "db", "-D", "b1"]);
    same_as_terminal(&pool, &page);
    // Another volume of that name has another history.
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["init", "db"]);
    commit(1);
    same_as_terminal(&pool, &page);
}

/// Asserts that the pages of the history of `db` list what the terminal lists.
#[track_caller]
fn same_as_terminal(pool: &Pool, page: &Page) {
    let typed = pool.ok(["log", "--graph", "--all", "--format", "{id}", "db"]);
    let typed: Vec<String> = typed
        .split(|c: char| !c.is_ascii_hexdigit())
        .filter(|id| id.len() == 32)
        .map(str::to_owned)
        .collect();
    let mut shown = Vec::new();
    for number in 1.. {
        let html = page.get(&format!("/v/db?page={number}")).body;
        let rows = html.split("<a class=\"subject\" href=\"/v/db/c/").skip(1);
        shown.extend(rows.map(|row| row[..32].to_owned()));
        if !html.contains("rel=\"next\"") {
            break;
        }
    }
    assert!(!typed.is_empty());
    assert_eq!(shown, typed);
}

#[test]
fn a_commit_shows_what_it_changed_its_files_and_its_commands() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "text", "a\nb\n");
    std::fs::create_dir(pool.file("db", "dir")).unwrap();
    pool.write("db", "dir/binary", "\0\u{1}\u{2}");
    std::fs::write(pool.root().join("db/running_point").join(OsStr::from_bytes(b"\xff name")), "odd")
        .unwrap();
    pool.commit("two");
    let id = pool.ids("db")[0].clone();
    let page = open(&pool);
    let said = text(&page.get(&format!("/v/db/c/{id}")).body);
    for part in ["two", &id, "Ada <ada@example.org>", "reset -C db --hard", "clone db:", "tag -C db NAME"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let changes = text(&page.get(&format!("/v/db/c/{id}/changes")).body);
    for part in ["text", "+a", "dir/binary", "\\xff name", "-one", "+two"] {
        assert!(changes.contains(part), "{part} is not in {changes}");
    }
    let root = page.get(&format!("/v/db/c/{id}/files")).body;
    assert!(root.contains("files?path=%25FF%2520name") && text(&root).contains("dir/"), "{root}");
    assert!(text(&page.get(&format!("/v/db/c/{id}/files?path=text")).body).contains("a\nb\n"));
    assert!(text(&page.get(&format!("/v/db/c/{id}/files?path=dir/binary")).body).contains("not text"));
    assert!(page.get(&format!("/v/db/c/{id}/download?path=%25FF%2520name")).body.contains("odd"));

    pool.write("db", "state", "changed");
    let status = text(&page.get("/v/db/status").body);
    assert!(status.contains("1 changed path") && status.contains("state"), "{status}");
    assert!(text(&page.get("/v/db/changes").body).contains("+changed"));
}

#[test]
fn operations_trash_and_settings_are_shown() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    pool.ok(["init", "gone"]);
    pool.ok(["rm", "-f", "gone"]);
    let page = open(&pool);
    let all = text(&page.get("/operations").body);
    assert!(all.contains("reset") && all.contains("gone") && all.contains("db"), "{all}");
    let of_one = text(&page.get("/operations?volume=db").body);
    assert!(of_one.contains("undo takes this back") && !of_one.contains("gone"), "{of_one}");
    assert_eq!(page.get("/operations?volume=gone").status, 200);
    let said = text(&page.get("/pool").body);
    for part in ["gone", "Bring back", "trash.keep", "free of", "Space by volume"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let health = text(&page.get("/pool/doctor").body);
    assert!(health.contains("versions") && health.contains("clock"), "{health}");
    assert!(text(&page.get("/").body).contains('–'), "nothing is measured by itself");
    assert_eq!(page.post("/measure", "").status, 303);
    support::eventually("the sizes are there", || text(&page.get("/").body).contains("measured"));
}

#[test]
fn no_page_walks_a_tree_but_those_that_are_opened_for_that() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    pool.write("db", "state", "changed");
    let ids = pool.ids("db");
    let page = open(&pool);
    let (tree, commit) =
        (pool.root().join("db/branches/master"), pool.root().join("db/commits").join(&ids[0]));
    let opens = Opens::of([tree.as_path(), commit.as_path()]);
    for path in
        ["/", "/?q=db&sort=size", "/v/db", "/operations", "/pool", "/v/db/c/HEAD", "/do/reset?volume=db"]
    {
        assert_eq!(page.get(path).status, 200, "{path}");
        assert_eq!(opens.count(), 0, "{path} walked a tree");
    }
    for path in ["/v/db/status", "/v/db/changes", "/v/db/c/HEAD/files"] {
        assert_eq!(page.get(path).status, 200, "{path}");
        assert!(opens.count() > 0, "{path} looks at a tree, and nothing was seen");
    }
}

#[test]
fn what_is_not_there_has_a_page_that_says_so() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    for (path, part) in [
        ("/v/nothing", "nothing"),
        ("/v/db/c/ffffffff", "ffffffff"),
        ("/v/db/c/HEAD/files?path=none", "none"),
        ("/jobs/7", "no such command"),
        ("/do/format", "no such verb"),
        ("/nowhere", "no such page"),
        ("/v/db?branch=nothing", "nothing"),
    ] {
        let reply = page.get(path);
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
        assert!(text(&reply.body).contains(part), "{path}: {reply:?}");
    }
}

#[test]
fn the_page_goes_on_while_the_metadata_cannot_be_read() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    let (metadata, away) = (pool.root().join(".dvol/metadata.redb"), pool.dir().join("away"));
    std::fs::rename(&metadata, &away).unwrap();
    let reply = page.get("/");
    assert_eq!(reply.status, 500, "{reply:?}");
    assert!(text(&reply.body).contains("dvol fsck --repair"), "{reply:?}");
    std::fs::rename(&away, &metadata).unwrap();
    assert_eq!(page.get("/").status, 200);
}
