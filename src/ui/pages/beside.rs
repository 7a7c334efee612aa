//! What stands beside the history of a volume: its containers, branches, tags, and facts.

use std::path::PathBuf;

use maud::{Markup, html};

use super::parts::{act_link, ago, commit_address, container, nothing, size, subject};
use super::volume::protected;
use crate::layout;
use crate::model::{BranchRecord, VolumeName, VolumeRecord, count, plain};
use crate::ops::TagEntry;
use crate::ui::app::App;
use crate::ui::fields::{Fields, address};

pub(super) fn users(app: &App, volume: &VolumeName) -> Markup {
    html! {
        section {
            h2 { "Containers" }
            @match app.pool.containers().users_of(volume) {
                Ok(users) if users.is_empty() => (nothing("No container uses it.")),
                Ok(mut users) => {
                    @let () = users.sort_by(|a, b| a.name.cmp(&b.name));
                    ul.plain {
                        @for user in &users {
                            li {
                                (container(&user.name, user.state))
                                @if let Some(service) = &user.service {
                                    span.dim { " " (plain(&service.project)) " / " (plain(&service.name)) }
                                }
                            }
                        }
                    }
                }
                Err(error) => p.nothing { "Not known: " (error) },
            }
        }
    }
}

pub(super) fn branches(
    record: &VolumeRecord,
    branches: &[BranchRecord],
    places: &[VolumeRecord],
    fields: &Fields,
) -> Markup {
    let volume = record.name.as_str();
    html! {
        section {
            h2 { "Branches " span.count { (branches.len()) } }
            ul.plain.refs {
                @for branch in branches {
                    @let name = branch.name.as_str();
                    @let is_current = branch.name == record.branch;
                    @let place = places.iter().find(|place| place.branch == branch.name);
                    li {
                        a.ref.branch.now[is_current] href=(address(&format!("/v/{volume}"), &[("branch", name)]))
                            aria-current=[(fields.get("branch") == Some(name)).then_some("true")] { (name) }
                        @if branch.protected { (protected()) }
                        @if branch.head.is_none() { span.dim { "no commit" } }
                        @if is_current {
                            span.dim.end { "current" }
                        } @else if let Some(VolumeRecord { name: place, .. }) = place {
                            span.end {
                                span.dim { "in " a href=(format!("/v/{place}")) { (place) } }
                                " "
                                (act_link("Remove", "remove-worktree", &[("volume", place.as_str()), ("of", volume)]))
                            }
                        } @else {
                            span.end {
                                (act_link("Check out", "checkout", &[("volume", volume), ("branch", name)]))
                                " "
                                (act_link("Worktree", "add-worktree", &[("volume", volume), ("branch", name)]))
                                " "
                                (act_link("Delete", "delete-branch", &[("volume", volume), ("branch", name)]))
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn tags(volume: &str, tags: &[TagEntry]) -> Markup {
    html! {
        @if !tags.is_empty() {
            section {
                h2 { "Tags " span.count { (tags.len()) } }
                ul.plain.refs {
                    @for tag in tags {
                        li {
                            a.ref.tag href=(commit_address(volume, &tag.commit)) title=(subject(&tag.subject)) { (tag.tag) }
                            span.end {
                                (act_link("Delete", "delete-tag", &[("volume", volume), ("name", tag.tag.as_str())]))
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn facts(app: &App, record: &VolumeRecord) -> Markup {
    let volume = &record.name;
    let sizes = app.sizes();
    let full = |path: PathBuf| app.pool.layout().full(&path).display().to_string();
    html! {
        section {
            h2 { "Facts" }
            dl {
                dt { "Created" } dd { (ago(app, record.created)) }
                dt { "On disk" }
                dd {
                    @match sizes.measured.as_ref().and_then(|measured| measured.of(volume)) {
                        Some(usage) => {
                            (size(usage.branch_bytes)) " in " (count(usage.branches, "working tree")) ", "
                            (size(usage.commit_bytes)) " in " (count(usage.commits, "commit"))
                        }
                        None => span.dim { "not measured" },
                    }
                }
                @if let Some((operations, bytes)) = sizes.trash.get(volume) {
                    dt { "Trash" } dd { (size(*bytes)) " of " (count(*operations, "operation")) }
                }
                dt { "Working tree" } dd { code { (full(layout::working_tree(record.owner(), &record.branch))) } }
                dt { "In compose" } dd { code { (volume) ": {external: true}" } }
            }
        }
    }
}
