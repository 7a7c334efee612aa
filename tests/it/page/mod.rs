//! The page of `dvol ui`: what it shows, what it runs, and whom it lets in.

mod actions;
mod attacks;
mod live;
mod reading;

use crate::harness::Pool;
use support::page::Page;

/// Starts the page of a pool without an engine.
#[track_caller]
fn open(pool: &Pool) -> Page {
    Page::start(pool.command(["ui", "--no-open"]))
}

/// Returns the text of a page: its HTML without tags.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
