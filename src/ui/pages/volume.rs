//! The page of one volume: its history, its branches and tags, who uses it.

use maud::{Markup, html};

use super::changes::paths;
use super::frame::{self, Head, Tab};
use super::graph::{self, Cell, Lanes};
use super::parts::{act, act_link, ago, command, commit_address, commit_link, later, nothing, subject};
use super::{Trouble, beside};
use crate::error::Error;
use crate::model::{Revision, VolumeName, VolumeRecord, count, plain};
use crate::ops::{self, Log, LogEntry, LogStart, NextSteps};
use crate::sys::disk;
use crate::ui::app::App;
use crate::ui::fields::{Fields, address};

/// How many commits a page of the history has.
const PAGE_COMMITS: usize = 100;
/// How many changed paths stand beside the history.
const MAX_PATHS: usize = 12;

/// Parses the volume in an address; it must exist.
pub(super) fn named(app: &App, parts: &[String]) -> Result<VolumeRecord, Trouble> {
    let name: VolumeName = parts.first().map_or("", String::as_str).parse().map_err(Error::from)?;
    let record = app.pool.store().read(|rows| rows.volume(&name))?;
    record.ok_or_else(|| Trouble::Pool(Error::NoVolume(name)))
}

pub(in crate::ui) fn page(app: &App, parts: &[String], fields: &Fields) -> Result<Markup, Trouble> {
    let record = named(app, parts)?;
    let (pool, volume) = (&app.pool, &record.name);
    let name = volume.as_str();
    let number = fields.number("page").unwrap_or(1).max(1);
    let (history, cells, is_more) = history(app, &record, fields, number)?;
    let branches = pool.store().read(|rows| rows.branches(record.owner()))?;
    let places = pool.store().read(|rows| rows.worktrees(record.owner()))?;
    let tags = ops::tags(pool, Some(volume), None)?;
    let steps = ops::next_steps(pool, volume)?;
    let remotes = ops::remotes(pool, Some(volume))?;
    let head =
        branches.iter().find(|branch| branch.name == record.branch).and_then(|branch| branch.head.as_ref());
    let current = pool.store().read(|rows| rows.current_volume())?;
    let (last, is_busy) = pool.store().read(|rows| {
        let last = rows.operations(volume, 1)?.first().map_or(0, |last| last.number);
        Ok::<_, Error>((last, rows.journal()?.iter().any(|operation| operation.volume == *volume)))
    })?;

    let marked = disk::modified(&pool.layout().started(volume, &record.branch)).unwrap_or(0);

    let body = html! {
        div.head {
            h1 { (volume) }
            p.about {
                span.ref.branch.now { (record.branch) }
                @if record.protected { (protected()) }
                @if current.as_ref() == Some(volume) { " " span.mark { "current volume" } }
                @if let Some(owner) = &record.worktree_of {
                    " " span.mark { "worktree of " a href=(format!("/v/{owner}")) { (owner) } }
                }
            }
            div.actions {
                (act("Commit", "commit", &[("volume", name)]))
                @if let Some(head) = head {
                    (act("Reset to HEAD", "reset", &[("volume", name), ("revision", "HEAD")]))
                    (act("New branch", "branch", &[("volume", name), ("revision", head.short())]))
                    (act("Clone", "clone", &[("volume", name), ("revision", "HEAD")]))
                }
                (again(name, &steps))
                details.menu {
                    summary.button { "More" }
                    ul {
                        li { a href=(address("/operations", &[("volume", name)])) { "Operations" } }
                        @if head.is_some() {
                            @let remote = remotes.first().map_or("origin", |remote| remote.remote.as_str());
                            li { (act_link("Push …", "push", &[("volume", name), ("remote", remote), ("branch", record.branch.as_str())])) }
                        }
                        li { (act_link("Pull …", "pull", &[("volume", name)])) }
                        @let (verb, label) = if record.protected { ("unprotect", "Unprotect …") } else { ("protect", "Protect …") };
                        li { (act_link(label, verb, &[("volume", name)])) }
                        li { (act_link("Forget old data …", "forget", &[("volume", name)])) }
                        li { (act_link("Empty its trash …", "gc", &[("volume", name)])) }
                        @if head.is_some() {
                            li { (act_link("New worktree …", "add-worktree", &[("volume", name), ("revision", "HEAD")])) }
                        }
                        @match &record.worktree_of {
                            Some(owner) => {
                                @let fields = [("volume", name), ("of", owner.as_str())];
                                li { (act_link("Remove the worktree …", "remove-worktree", &fields)) }
                            }
                            None => li { (act_link("Delete the volume …", "rm", &[("volume", name)])) },
                        }
                    }
                }
            }
        }
        div.columns {
            section.history aria-label="History" {
                (rows(app, name, fields, &history, &cells, &places))
                @if history.entries.is_empty() && number == 1 {
                    div.welcome {
                        p { "There is no commit yet. A commit keeps the state of the volume, and a reset brings it back:" }
                        (command(&format!("dvol commit -C {volume} -m 'Before the migration'")))
                    }
                }
                @if number > 1 || is_more {
                    nav.pages aria-label="Pages of the history" {
                        @if number > 1 { a.button href=(page_address(name, fields, number - 1)) rel="prev" { "Newer" } }
                        span { "page " (number) }
                        @if is_more { a.button href=(page_address(name, fields, number + 1)) rel="next" { "Older" } }
                    }
                }
            }
            div.side {
                section {
                    h2 { "Working tree" }
                    @if is_busy {
                        (nothing("An operation on the volume is under way."))
                    } @else {
                        // Only an operation on this volume makes the page look at the tree again.
                        (later("status", "Look for changes", &format!("/v/{volume}/status"), &format!("{last} {marked}")))
                    }
                }
                (beside::users(app, volume))
                (beside::branches(&record, &branches, &places, fields))
                (beside::tags(name, &tags))
                (beside::facts(app, &record))
            }
        }
    };
    Ok(frame::page(app, &Head { title: name, tab: Tab::Volumes, crumbs: &[("Volumes", "/")] }, &body))
}

/// Marks what resets and deletions are kept from.
pub(super) fn protected() -> Markup {
    html! { span.mark title="Resets and deletions are refused until it is unprotected" { "protected" } }
}

/// Shows the buttons for undo and redo, with what they would do.
fn again(volume: &str, steps: &NextSteps) -> Markup {
    html! {
        @if let Some(step) = &steps.undo {
            span title=(plain(&step.summary)) { (act("Undo", "undo", &[("volume", volume)])) }
        }
        @if let Some(step) = &steps.redo {
            span title=(plain(&step.summary)) { (act("Redo", "redo", &[("volume", volume)])) }
        }
    }
}

/// Reads one page of the history, of all branches or of one, with its part of the graph; and
/// whether there is more.
fn history(
    app: &App,
    record: &VolumeRecord,
    fields: &Fields,
    number: usize,
) -> Result<(Log, Vec<Cell>, bool), Trouble> {
    let start = match fields.get("branch") {
        Some(branch) => LogStart::Revision(branch.parse::<Revision>().map_err(Error::from)?),
        None => LogStart::All,
    };
    let range = ((number - 1).saturating_mul(PAGE_COMMITS), PAGE_COMMITS);
    let owner = app.pool.store().read(|rows| rows.volume(record.owner()))?;
    let owner = owner.ok_or_else(|| Trouble::Pool(Error::NoVolume(record.owner().clone())))?;
    let page =
        app.with_lines(&owner, |lines| ops::log_page(&app.pool, &record.name, &start, range, lines))?;
    let mut lanes = Lanes::default();
    for (id, parent) in &page.above {
        lanes.next(id, parent.as_ref());
    }
    let entries = page.log.entries.iter();
    let cells = entries.map(|entry| lanes.next(&entry.id, entry.parent.as_ref())).collect();
    Ok((page.log, cells, page.is_more))
}

fn page_address(volume: &str, fields: &Fields, number: usize) -> String {
    let number = number.to_string();
    let mut query = vec![("page", number.as_str())];
    if let Some(branch) = fields.get("branch") {
        query.push(("branch", branch));
    }
    address(&format!("/v/{volume}"), &query)
}

fn rows(
    app: &App,
    volume: &str,
    fields: &Fields,
    log: &Log,
    cells: &[Cell],
    places: &[VolumeRecord],
) -> Markup {
    let lanes = graph::width(cells);
    html! {
        @if let Some(branch) = fields.get("branch") {
            p.only { "Only " span.ref.branch { (branch) } " · " a href=(format!("/v/{volume}")) { "show all branches" } }
        }
        ol.log {
            @for (entry, cell) in log.entries.iter().zip(cells) {
                li.forgotten[entry.forgotten] {
                    (graph::draw(cell, lanes, entry.head))
                    span.names { (refs(entry, log, places)) }
                    a.subject href=(commit_address(volume, &entry.id)) { (subject(&entry.message)) }
                    @if entry.forgotten { span.mark title="Only the record is left" { "forgotten" } }
                    span.author { (plain(&entry.author.name)) }
                    (commit_link(volume, &entry.id))
                    (ago(app, entry.date))
                    (menu(volume, entry))
                }
            }
        }
    }
}

/// Shows the branches, with the worktrees that show them, and the tags on a commit.
pub(super) fn refs(entry: &LogEntry, log: &Log, places: &[VolumeRecord]) -> Markup {
    html! {
        @for branch in &entry.branches {
            span.ref.branch.now[*branch == log.current] title="Branch" { (branch) }
            @for place in places.iter().filter(|place| place.is_worktree() && place.branch == *branch) {
                a.ref.place href=(format!("/v/{}", place.name)) title=(format!("Worktree of branch {branch}")) {
                    (place.name)
                }
            }
        }
        @for remote in &entry.remote_refs { span.ref.remote title="Where a remote was seen last" { (remote) } }
        @for tag in &entry.tags { span.ref.tag title="Tag" { (tag) } }
    }
}

fn menu(volume: &str, entry: &LogEntry) -> Markup {
    let id = entry.id.short();
    let fields = [("volume", volume), ("revision", id)];
    html! {
        details.menu.row {
            summary aria-label=(format!("Actions on commit {id}")) { "⋯" }
            ul {
                @if !entry.forgotten {
                    li { (act_link("Reset to this commit …", "reset", &fields)) }
                    li { (act_link("New branch from here …", "branch", &fields)) }
                    li { (act_link("New worktree from here …", "add-worktree", &fields)) }
                    li { (act_link("Clone …", "clone", &fields)) }
                }
                li { (act_link("Tag …", "tag", &fields)) }
                @if !entry.forgotten && !entry.head && entry.branches.is_empty() {
                    li { (act_link("Forget its data …", "forget", &fields)) }
                }
            }
        }
    }
}

/// Shows what changed in the working tree, in short.
pub(in crate::ui) fn status(app: &App, parts: &[String], _: &Fields) -> Result<Markup, Trouble> {
    let record = named(app, parts)?;
    let volume = &record.name;
    let status = ops::status(&app.pool, Some(volume))?;
    let body = html! {
        @if status.clean && status.head.is_none() {
            (nothing("It is empty, and there is no commit."))
        } @else if status.clean {
            p { "No changes since " @if let Some(head) = &status.head { (commit_link(volume, head)) } "." }
        } @else {
            p {
                a href=(format!("/v/{volume}/changes")) { (count(status.changes.len(), "changed path")) }
                @if status.head.is_none() { ", and no commit yet" }
            }
            (paths(&status.changes, MAX_PATHS))
            p { (act("Commit", "commit", &[("volume", volume.as_str())])) }
        }
        p { a href=(format!("/v/{volume}/status")) data-again { "Look again" } }
        @let left_out = status.written_by_start + status.ignored;
        @if left_out > 0 {
            p.dim title="Written by containers while dvol started them, or named by status.ignore" {
                (count(left_out, "path")) " left out"
            }
        }
    };
    let crumbs = [("Volumes", "/"), (volume.as_str(), &*format!("/v/{volume}"))];
    Ok(frame::page(
        app,
        &Head { title: "Working tree", tab: Tab::Volumes, crumbs: &crumbs },
        &html! { div data-part { (body) } },
    ))
}
