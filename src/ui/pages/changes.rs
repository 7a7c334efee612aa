//! What a commit or a working tree changed, with the differences of text files.

use std::ops::ControlFlow;

use maud::{Markup, html};

use super::Trouble;
use super::commit;
use super::frame::{self, Head, Tab};
use super::parts::{act_link, letter, nothing, size};
use super::volume;
use crate::model::{CommitId, VolumeName, count, plain};
use crate::ops::{self, DiffEntry, DiffRequest, DiffSide, StatusChange, shown};
use crate::sys::tree::{ChangeKind, EntryKind};
use crate::ui::app::App;
use crate::ui::fields::{Fields, address, path_text};

/// How many paths a page shows.
const MAX_ENTRIES: usize = 300;
/// How many lines of one difference a page shows.
const MAX_LINES: usize = 400;
/// How many differences are unfolded at first.
const MAX_OPEN: usize = 8;

/// Lists changed paths, at most so many.
pub(super) fn paths(changes: &[StatusChange], most: usize) -> Markup {
    html! {
        ul.paths {
            @for change in changes.iter().take(most) {
                li { (letter(change.kind)) " " span.path { (shown(&change.path)) } }
            }
        }
        @if changes.len() > most { p.dim { "and " (changes.len() - most) " more" } }
    }
}

/// Collects differences until there are too many for a page.
#[derive(Default)]
struct Found {
    entries: Vec<DiffEntry>,
    is_cut: bool,
}

impl Found {
    fn take(&mut self, entry: DiffEntry) -> ControlFlow<()> {
        if self.entries.len() == MAX_ENTRIES {
            self.is_cut = true;
            return ControlFlow::Break(());
        }
        self.entries.push(entry);
        ControlFlow::Continue(())
    }
}

pub(in crate::ui) fn of_working_tree(app: &App, parts: &[String], _: &Fields) -> Result<Markup, Trouble> {
    let record = volume::named(app, parts)?;
    let volume = &record.name;
    let request = DiffRequest { volume: Some(volume.clone()), texts: true, ..DiffRequest::default() };
    let mut found = Found::default();
    ops::diff(&app.pool, &request, &mut |entry| found.take(entry))?;
    let body = html! {
        div.head { h1 { "Changes in the working tree" } }
        (list(&found, volume, None))
    };
    let crumbs = [("Volumes", "/"), (volume.as_str(), &*format!("/v/{volume}"))];
    Ok(frame::page(app, &Head { title: "Changes", tab: Tab::Volumes, crumbs: &crumbs }, &body))
}

pub(in crate::ui) fn of_commit(app: &App, parts: &[String], _: &Fields) -> Result<Markup, Trouble> {
    let (volume, found) = commit::named(app, parts)?;
    let mut changes = Found::default();
    let has_data =
        ops::diff_of_commit(&app.pool, (&volume, &found.id), true, &mut |entry| changes.take(entry))?;
    let body = html! {
        div data-part {
            @if has_data {
                (list(&changes, &volume, Some(&found.id)))
            } @else {
                (nothing("The data of this commit or of its parent is not here any more."))
            }
        }
    };
    let back = format!("/v/{volume}/c/{}", found.id);
    let crumbs = [("Volumes", "/"), (volume.as_str(), &*format!("/v/{volume}")), (found.id.short(), &*back)];
    Ok(frame::page(app, &Head { title: "Changes", tab: Tab::Volumes, crumbs: &crumbs }, &body))
}

fn list(found: &Found, volume: &VolumeName, commit: Option<&CommitId>) -> Markup {
    html! {
        @if found.entries.is_empty() {
            (nothing("Nothing differs."))
        } @else {
            p.dim {
                @if found.is_cut { "The first " }
                (count(found.entries.len(), "changed path"))
            }
            div.changes {
                @for (n, entry) in found.entries.iter().enumerate() { (one(entry, n < MAX_OPEN, volume, commit)) }
            }
        }
    }
}

fn one(entry: &DiffEntry, is_open: bool, volume: &VolumeName, commit: Option<&CommitId>) -> Markup {
    let path = shown(&entry.path);
    let patch = entry.patch.as_deref().filter(|patch| !patch.is_empty());
    let head = html! {
        (letter(entry.kind)) " "
        span.path { (path) @if is_directory(entry) { "/" } }
        span.end { (amounts(entry)) }
    };
    html! {
        details.change open[is_open && patch.is_some()] {
            summary { (head) }
            div.inside {
                (links(entry, volume, commit))
                (attributes(entry))
                @match patch { Some(patch) => (lines(patch)), None => @if entry.binary { p.dim { "Not text." } } }
            }
        }
    }
}

fn is_directory(entry: &DiffEntry) -> bool {
    let side = entry.new.as_ref().or(entry.old.as_ref());
    side.is_some_and(|side| side.kind == EntryKind::Directory)
}

/// Links to the entry in the commit, and to what brings it back.
fn links(entry: &DiffEntry, volume: &VolumeName, commit: Option<&CommitId>) -> Markup {
    let path = path_text(&entry.path);
    let revision = commit.map_or("HEAD", |id| id.short());
    let is_there = if commit.is_some() { entry.new.is_some() } else { entry.old.is_some() };
    let kind = entry.new.as_ref().or(entry.old.as_ref()).map(|side| side.kind);
    html! {
        p.links {
            @if let Some(id) = commit.filter(|_| entry.new.is_some()) {
                @let base = format!("/v/{volume}/c/{id}");
                @match kind {
                    Some(EntryKind::Directory) => a href=(address(&format!("{base}/files"), &[("path", &path)])) { "Open" },
                    Some(EntryKind::File) => {
                        a href=(address(&format!("{base}/files"), &[("path", &path)])) { "Open" } " "
                        a href=(address(&format!("{base}/download"), &[("path", &path)])) { "Download" }
                    }
                    _ => {}
                }
                " "
            }
            @if is_there || commit.is_none() {
                @let label = if is_there { "Restore …" } else { "Delete …" };
                @let fields = [("volume", volume.as_str()), ("revision", revision), ("path", path.as_str())];
                (act_link(label, "restore", &fields))
            }
        }
    }
}

fn amounts(entry: &DiffEntry) -> Markup {
    let bytes = |side: &Option<DiffSide>| side.as_ref().map_or(0, |side| side.size);
    html! {
        @match entry.added.zip(entry.deleted) {
            Some((added, deleted)) => {
                span.plus { "+" (added) } " " span.minus { "−" (deleted) }
            }
            None if entry.binary => span.dim { (size(bytes(&entry.old))) " → " (size(bytes(&entry.new))) },
            None => {}
        }
    }
}

fn attributes(entry: &DiffEntry) -> Markup {
    let describe = |side: &DiffSide| format!("mode {}, owner {}:{}", side.mode, side.uid, side.gid);
    let target = |side: &DiffSide| side.target.as_deref().map(|target| format!(" → {}", plain(target)));
    html! {
        @if let (Some(old), Some(new)) = (&entry.old, &entry.new) {
            @if describe(old) != describe(new) { p.dim { (describe(old)) " → " (describe(new)) } }
            @if old.target != new.target { p.dim { (target(old).unwrap_or_default()) (target(new).unwrap_or_default()) } }
            @for xattr in &entry.xattrs {
                p.dim { "extended attribute " (plain(&xattr.name)) " " @match xattr.kind {
                    ChangeKind::Added => "added", ChangeKind::Deleted => "deleted", _ => "changed",
                } }
            }
        } @else if let Some(side) = entry.new.as_ref().or(entry.old.as_ref()) {
            p.dim { (describe(side)) (target(side).unwrap_or_default()) }
        }
    }
}

fn lines(patch: &str) -> Markup {
    let all = patch.lines().count();
    html! {
        pre.diff tabindex="0" aria-label="Difference" {
            @for line in patch.lines().take(MAX_LINES) {
                @let class = match line.as_bytes().first() {
                    Some(b'+') => "plus",
                    Some(b'-') => "minus",
                    Some(b'@') => "place",
                    _ => "same",
                };
                span.(class) { (plain(line)) "\n" }
            }
        }
        @if all > MAX_LINES { p.dim { (all - MAX_LINES) " more lines" } }
    }
}
