//! The page of `dvol ui` in a real browser: the walkthrough by clicks, with a real PostgreSQL.
//!
//! With `DVOL_SCREENSHOTS=DIR`, the pictures of the main pages go there; `tools/picture` has those
//! of the README.

mod browser;

use std::path::PathBuf;

use browser::Browser;
use support::containers::{Database, Engine, POSTGRES};
use support::page::Page;

const ASK: &str = "select count(*), min(name) from customer";

#[test]
fn commit_break_reset_branch_and_undo_by_clicks_on_a_real_database() {
    let Some(engine) = Engine::of_its_own() else { return };
    let Some(browser) = Browser::start() else { return };
    let Some(database) = Database::run(&engine, POSTGRES, "shop_db") else { return };
    database.query(
        "create table customer (id serial primary key, name text); \
         insert into customer (name) select 'customer ' || n from generate_series(1, 500) n",
    );
    let page = Page::start(engine.command(&["ui", "--no-open"]));
    browser.look(1280, 800, false);
    browser.go(&page.first);
    browser.sees("shop_db");
    browser.sees("live");
    assert_eq!(browser.run("return location.search"), "", "the token does not stay in the address");
    browser.click("main", "shop_db");
    browser.sees("There is no commit yet");

    // Commit.
    browser.click(".head", "Commit");
    browser.sees("Stops and starts shop_db");
    browser.types("Customers from production");
    browser.sees("dvol commit -C shop_db -m 'Customers from production'");
    browser.click("dialog", "Commit");
    browser.until(
        "the history has the commit",
        "document.querySelector('.log .subject')?.textContent === 'Customers from production'",
    );
    browser.until("its command is done", "document.querySelector('.tray .job.done')");
    database.assert_well("a commit by the page");

    // Break it, and reset.
    database.query("drop table customer");
    browser.click(".head", "Reset to HEAD");
    browser.sees("Kills and starts shop_db");
    browser.click("dialog", "Reset");
    browser.until(
        "the reset is done",
        "[...document.querySelectorAll('.tray .job.done code')].some((one) => one.textContent.includes('reset'))",
    );
    // What the database writes as it starts is no change.
    browser.sees("No changes since");
    assert_eq!(database.query(ASK), "500|customer 1");

    // Branch, and migrate on the branch.
    browser.click(".head", "New branch");
    browser.until(
        "the form is there",
        "document.querySelector('dialog[open] #field-name') === document.activeElement",
    );
    browser.types("migration");
    browser.click("dialog", "Create");
    browser.until(
        "the branch is current",
        "document.querySelector('.head .ref.branch')?.textContent === 'migration'",
    );
    support::eventually("the database answers", || database.answers());
    database.query("alter table customer add email text; update customer set email = id || '@example.org'");
    // What a terminal does shows by itself.
    engine.sh("dvol commit -m 'Add e-mail addresses' shop_db").ok();
    browser.sees("Add e-mail addresses");

    // Undo takes the commit back, and redo brings it again.
    browser.click(".head", "Undo");
    browser.sees("dvol undo shop_db");
    browser.click("dialog", "Undo");
    browser.until("the commit is gone", "!document.querySelector('.log').textContent.includes('Add e-mail')");
    browser.click(".head", "Redo");
    browser.click("dialog", "Redo");
    browser.sees("Add e-mail addresses");

    // A checkout by the list of branches.
    browser.until("nothing runs", "!document.querySelector('.job.running')");
    browser.click(".refs", "Check out");
    browser.click("dialog", "Check out");
    browser
        .until("master is current", "document.querySelector('.head .ref.branch')?.textContent === 'master'");
    support::eventually("the database answers", || database.answers());
    assert_eq!(database.query(ASK), "500|customer 1");

    // A question is asked, and no is an answer.
    engine.sh("dvol init scratch").ok();
    browser.go(&format!("{}/v/scratch", page.origin()));
    browser.click(".head", "More");
    browser.click(".head", "Delete the volume …");
    browser.click("dialog", "Delete");
    browser.sees("Delete volume scratch with all its branches and commits?");
    browser.click(".tray", "No");
    browser.sees("failed");
    engine.sh("dvol status scratch").ok();
    browser.click(".head", "More");
    browser.click(".head", "Delete the volume …");
    browser.click("dialog", "Delete");
    browser.click(".tray", "Yes");
    browser.until("the page of a volume that is gone is left", "location.pathname === '/'");
    engine.sh("dvol status scratch").refused();

    pictures(&engine, &browser, &page);
    many_names_on_one_commit(&engine, &browser, &page);
    drop(page);
    database.remove();
}

/// Asserts that a commit with many branches and tags makes no page wider than its window.
fn many_names_on_one_commit(engine: &Engine, browser: &Browser, page: &Page) {
    let script = "for n in 1 2 3 4 5 6; do dvol tag -C billing a-tag-with-a-long-name-$n HEAD; \
                  dvol branch -C billing a-branch-with-a-long-name-$n HEAD; done";
    engine.sh(script).ok();
    for width in [1180, 720, 390, 320] {
        browser.look(width, 844, false);
        browser.go(&format!("{}/v/billing", page.origin()));
        browser.until("the page is whole", "!document.querySelector('[aria-busy]')");
        assert_eq!(too_wide(browser), 0, "at {width} pixels");
        let subject = "Math.round(document.querySelector('.log .subject').getBoundingClientRect().width)";
        let subject = browser.run(&format!("return {subject}"));
        assert!(subject.as_u64() >= Some(40), "the message has {subject} of {width} pixels");
    }
}

/// Returns by how much the page is wider than its window.
fn too_wide(browser: &Browser) -> serde_json::Value {
    browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
}

/// Makes pictures of the main pages, of a pool as a developer may have it.
fn pictures(engine: &Engine, browser: &Browser, page: &Page) {
    let kept = std::env::var_os("DVOL_SCREENSHOTS").map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a directory can be made");
    let folder = kept.as_deref().unwrap_or(temporary.path());
    engine.sh(include_str!("scene.sh")).ok();
    let id = engine.sh("dvol rev-parse HEAD billing").ok();
    let pages = [
        ("volumes", "/".to_owned(), 1180, 560),
        ("volume", "/v/shop_db".to_owned(), 1180, 560),
        ("commit", format!("/v/billing/c/{id}"), 1180, 760),
        ("files", format!("/v/billing/c/{id}/files"), 1180, 560),
        ("operations", "/operations".to_owned(), 1180, 760),
        ("pool", "/pool".to_owned(), 1180, 1400),
        ("form", "/do/reset?volume=shop_db&revision=HEAD".to_owned(), 1180, 560),
    ];
    page.post("/measure", "");
    support::eventually("the sizes are there", || page.get("/").body.contains("measured"));
    for (name, address, width, height) in &pages {
        for (look, width, height, is_dark) in
            [("light", *width, *height, false), ("dark", *width, *height, true), ("narrow", 390, 844, false)]
        {
            browser.look(width, height, is_dark);
            browser.go(&format!("{}{address}", page.origin()));
            browser.until(
                "the page is whole",
                "!document.querySelector('[aria-busy]') && document.querySelector('.live.on')",
            );
            // Nothing is wider than the window, and everything has a name for those who cannot see.
            assert_eq!(too_wide(browser), 0, "{name} at {width} pixels");
            let nameless = browser.run(
                "return [...document.querySelectorAll('a, button, input:not([type=hidden]), textarea')] \
                 .filter((one) => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length || one.title)) \
                 .map((one) => one.outerHTML).join(' ')",
            );
            assert_eq!(nameless, "", "{name}");
            let path = folder.join(format!("{name}-{look}.png"));
            browser.picture(&path);
            assert!(path.metadata().is_ok_and(|made| made.len() > 2000), "{name}-{look} is empty");
        }
    }
}
