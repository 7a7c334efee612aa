//! What is around each page: head, navigation, and the place where commands report.

use maud::{DOCTYPE, Markup, html};

use super::parts::size;
use crate::sys::tree;
use crate::ui::app::App;

/// An entry of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Volumes,
    Operations,
    Pool,
    Commands,
    None,
}

/// The head of a page.
pub(super) struct Head<'a> {
    pub(super) title: &'a str,
    pub(super) tab: Tab,
    /// The pages above this one, with their addresses.
    pub(super) crumbs: &'a [(&'a str, &'a str)],
}

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Volumes, "/", "Volumes"),
    (Tab::Operations, "/operations", "Operations"),
    (Tab::Pool, "/pool", "Pool"),
    (Tab::Commands, "/jobs", "Commands"),
];

/// Puts the frame around a page.
pub(super) fn page(app: &App, head: &Head<'_>, body: &Markup) -> Markup {
    let root = app.pool.layout().root();
    let running = app.jobs.running();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (head.title) " · dvol" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                script src="/script.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/" aria-label="dvol: all volumes" {
                        img src="/icon.svg" alt="" width="22" height="22";
                        span { "dvol" }
                    }
                    nav aria-label="Pages" {
                        @for (tab, address, name) in TABS {
                            a href=(address) aria-current=[(tab == head.tab).then_some("page")] {
                                (name)
                                @if tab == Tab::Commands && running > 0 { " " span.count { (running) } }
                            }
                        }
                    }
                    div.pool {
                        @if let Ok(free) = tree::free_space(root) {
                            span.free { (size(free)) " free" }
                        }
                        code title="The pool" { (root.display()) }
                        span #live .live role="status" title="The page updates by itself only with JavaScript" {
                            span { "not live" }
                        }
                    }
                }
                main #main tabindex="-1" {
                    @if !head.crumbs.is_empty() {
                        nav.crumbs aria-label="Where this page is" {
                            @for (name, address) in head.crumbs {
                                a href=(address) { (name) }
                                span aria-hidden="true" { "/" }
                            }
                        }
                    }
                    (body)
                }
                aside #tray .tray aria-label="Commands" aria-live="polite" {}
                dialog #dialog aria-label="Run a command" {}
            }
        }
    }
}
