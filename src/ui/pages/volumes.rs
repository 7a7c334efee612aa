//! The page of all volumes.

use maud::{Markup, html};

use super::Trouble;
use super::frame::{self, Head, Tab};
use super::parts::{act, ago, commit_link, container, nothing, size};
use super::volume::protected;
use crate::containers::State;
use crate::model::count;
use crate::ops::{self, VolumeEntry};
use crate::ui::app::{App, Sizes};
use crate::ui::fields::{Fields, address};

/// The columns that the list can be sorted by.
const COLUMNS: [(&str, &str); 8] = [
    ("volume", "Volume"),
    ("branch", "Branch"),
    ("age", "Head"),
    ("size", "Size"),
    ("unshared", "On disk"),
    ("trash", "Trash"),
    ("containers", "Containers"),
    ("project", "Project"),
];

pub(in crate::ui) fn page(app: &App, fields: &Fields) -> Result<Markup, Trouble> {
    let listing = ops::list(&app.pool, None)?;
    let sizes = app.sizes();
    let all = listing.volumes.len();
    let (filter, sort) = (fields.text("q").trim().to_lowercase(), fields.text("sort"));
    let mut volumes = listing.volumes;
    volumes.retain(|entry| has_words(entry, &filter));
    let is_reversed = fields.is_set("down");
    sort_by(&mut volumes, &sizes, sort, is_reversed);

    let body = html! {
        div.head {
            h1 { "Volumes" }
            form.filter role="search" method="get" action="/" {
                input #filter type="search" name="q" value=(fields.text("q")) autocomplete="off"
                    placeholder="Filter by name, branch, container, project" aria-label="Filter the volumes";
                @if !sort.is_empty() { input type="hidden" name="sort" value=(sort); }
                @if is_reversed { input type="hidden" name="down" value="1"; }
            }
            div.actions {
                (act("New volume", "init", &[]))
                (measure(app, &sizes))
            }
        }
        @if let Some(reason) = &listing.no_containers {
            div.notice { p { "The containers are not known: " (reason) } }
        }
        @if let Some(reason) = &sizes.failed {
            div.notice.bad { p { "The sizes were not measured: " (reason) } }
        }
        @if all == 0 {
            div.welcome {
                p { "There is no volume yet. Make one here, or let a container bring it:" }
                pre { code { "docker run -v NAME:/data --volume-driver=dvol IMAGE" } }
            }
        } @else {
            table.list.volumes {
                caption.unseen { "All volumes" }
                thead {
                    tr {
                        @for (key, name) in COLUMNS {
                            (heading(key, name, fields, sort, is_reversed))
                        }
                    }
                }
                tbody {
                    @for entry in &volumes { (row(app, entry, &sizes)) }
                }
            }
            p.count {
                @if volumes.len() < all { (volumes.len()) " of " }
                (count(all, "volume"))
                @if let Some(measured) = &sizes.measured { " · measured " (ago(app, measured.when)) }
            }
            @if volumes.is_empty() { (nothing("No volume has these words.")) }
        }
    };
    Ok(frame::page(app, &Head { title: "Volumes", tab: Tab::Volumes, crumbs: &[] }, &body))
}

/// A button that measures what the trees take on disk: nothing does so by itself.
pub(super) fn measure(app: &App, sizes: &Sizes) -> Markup {
    html! {
        form method="post" action="/measure" data-quiet {
            input type="hidden" name="token" value=(app.access.form_token());
            @if sizes.is_measuring {
                button disabled { "Measuring …" }
            } @else {
                button title="Looks at every file of the pool, as dvol du --all does" { "Measure sizes" }
            }
        }
    }
}

fn has_words(entry: &VolumeEntry, filter: &str) -> bool {
    let owner = entry.worktree_of.as_ref().map_or("", |owner| owner.as_str());
    let project = entry.project.as_deref().unwrap_or_default();
    let names = [entry.volume.as_str(), owner, entry.branch.as_str(), project];
    let containers = entry.containers.iter().flatten().map(String::as_str);
    let states = entry.states.iter().flatten().map(|state| match state {
        State::Running => "running",
        State::Paused => "paused",
        State::Stopped => "stopped",
    });
    let all: Vec<String> = names.into_iter().chain(containers).chain(states).map(str::to_lowercase).collect();
    filter.split_whitespace().all(|word| all.iter().any(|text| text.contains(word)))
}

fn sort_by(volumes: &mut [VolumeEntry], sizes: &Sizes, sort: &str, is_reversed: bool) {
    let unshared = |entry: &VolumeEntry| {
        let measured = sizes.measured.as_ref().and_then(|measured| measured.of(&entry.volume));
        measured.map(|usage| usage.branch_bytes + usage.commit_bytes)
    };
    let trash = |entry: &VolumeEntry| sizes.trash.get(&entry.volume).map(|(_, bytes)| *bytes);
    let running = |entry: &VolumeEntry| {
        let states = entry.states.iter().flatten();
        (states.clone().filter(|state| **state == State::Running).count(), states.count())
    };
    // The largest, the newest and the busiest stand first, as people look for these.
    match sort {
        "branch" => volumes.sort_by(|a, b| a.branch.as_str().cmp(b.branch.as_str())),
        "age" => volumes.sort_by_key(|entry| std::cmp::Reverse(entry.date)),
        "size" => volumes.sort_by_key(|entry| std::cmp::Reverse(entry.size)),
        "unshared" => volumes.sort_by_key(|entry| std::cmp::Reverse(unshared(entry))),
        "trash" => volumes.sort_by_key(|entry| std::cmp::Reverse(trash(entry))),
        "containers" => volumes.sort_by_key(|entry| std::cmp::Reverse(running(entry))),
        "project" => {
            volumes.sort_by(|a, b| (a.project.is_none(), &a.project).cmp(&(b.project.is_none(), &b.project)));
        }
        _ => {}
    }
    if is_reversed {
        volumes.reverse();
    }
}

fn heading(key: &str, name: &str, fields: &Fields, sort: &str, is_reversed: bool) -> Markup {
    let is_sorted = key == sort || sort.is_empty() && key == "volume";
    let mut query = vec![("sort", key)];
    if is_sorted && !is_reversed {
        query.push(("down", "1"));
    }
    if let Some(filter) = fields.get("q") {
        query.push(("q", filter));
    }
    let order = if is_reversed { "descending" } else { "ascending" };
    html! {
        th.(key) scope="col" aria-sort=[is_sorted.then_some(order)] {
            a href=(address("/", &query)) { (name) }
        }
    }
}

fn row(app: &App, entry: &VolumeEntry, sizes: &Sizes) -> Markup {
    let volume = &entry.volume;
    let measured = sizes.measured.as_ref().and_then(|measured| measured.of(volume));
    html! {
        tr.worktree[entry.worktree_of.is_some()] {
            th.volume scope="row" {
                a href=(format!("/v/{volume}")) { (volume) }
                @if entry.protected { " " (protected()) }
                @if entry.current { " " span.mark title="The current volume: commands mean it if they name none" { "current" } }
                @if let Some(owner) = &entry.worktree_of {
                    " " span.mark title=(format!("Shows a branch of volume {owner}")) { "worktree of " (owner) }
                }
            }
            td.branch { span.ref.branch { (entry.branch) } }
            td.age {
                @if let Some(head) = &entry.head { (commit_link(volume, head)) " " }
                @match entry.date { Some(date) => (ago(app, date)), None => span.dim { "no commit" } }
            }
            td.size { @match entry.size { Some(bytes) => (size(bytes)), None => span.dim { "–" } } }
            td.unshared {
                @match measured {
                    Some(usage) => (size(usage.branch_bytes + usage.commit_bytes)),
                    None => span.dim title="Not measured" { "–" },
                }
            }
            td.trash {
                @match sizes.trash.get(volume) {
                    Some((_, bytes)) => (size(*bytes)),
                    None => span.dim { "–" },
                }
            }
            td.containers {
                @let names = entry.containers.iter().flatten();
                @for (name, state) in names.zip(entry.states.iter().flatten()) { (container(name, *state)) " " }
            }
            td.project { @if let Some(project) = &entry.project { (project) } }
        }
    }
}
