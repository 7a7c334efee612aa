//! The operations on one volume or on all of them, with undo and redo.

use maud::{Markup, html};

use super::Trouble;
use super::frame::{self, Head, Tab};
use super::parts::{act, act_link, ago, commit_link, nothing};
use crate::error::Error;
use crate::model::{VolumeName, plain};
use crate::ops::{self, NextSteps, ReflogEntry};
use crate::ui::app::App;
use crate::ui::fields::Fields;

/// How many operations a page shows.
const MAX_OPERATIONS: usize = 200;

pub(in crate::ui) fn page(app: &App, fields: &Fields) -> Result<Markup, Trouble> {
    match fields.get("volume") {
        Some(name) => of_volume(app, &name.parse::<VolumeName>().map_err(Error::from)?),
        None => of_all(app),
    }
}

fn of_volume(app: &App, volume: &VolumeName) -> Result<Markup, Trouble> {
    let operations = ops::reflog(&app.pool, Some(volume), MAX_OPERATIONS)?;
    let steps = ops::next_steps(&app.pool, volume)?;
    let is_there = app.pool.store().read(|rows| rows.volume(volume))?.is_some();
    let body = html! {
        div.head {
            h1 { "Operations on " (volume) }
            div.actions { (buttons(volume, &steps)) }
        }
        (list(app, &operations, Some(&steps), is_there))
    };
    let home = format!("/v/{volume}");
    let mut crumbs = vec![("Operations", "/operations")];
    if is_there {
        crumbs.push((volume.as_str(), &home));
    }
    Ok(frame::page(app, &Head { title: "Operations", tab: Tab::Operations, crumbs: &crumbs }, &body))
}

fn of_all(app: &App) -> Result<Markup, Trouble> {
    let all = ops::reflog_of_all(&app.pool, MAX_OPERATIONS)?;
    let body = html! {
        div.head { h1 { "Operations" } }
        (list(app, &all, None, true))
    };
    Ok(frame::page(app, &Head { title: "Operations", tab: Tab::Operations, crumbs: &[] }, &body))
}

fn buttons(volume: &VolumeName, steps: &NextSteps) -> Markup {
    html! {
        @if let Some(step) = &steps.undo {
            span title=(plain(&step.summary)) { (act("Undo the last one", "undo", &[("volume", volume.as_str())])) }
        }
        @if let Some(step) = &steps.redo {
            span title=(plain(&step.summary)) { (act("Redo", "redo", &[("volume", volume.as_str())])) }
        }
    }
}

/// Lists operations; of one volume with the steps that undo and redo would take.
fn list(app: &App, operations: &[ReflogEntry], steps: Option<&NextSteps>, has_commits: bool) -> Markup {
    let is_next = |step: &Option<ops::PastStep>, entry: &ReflogEntry| {
        step.as_ref().is_some_and(|step| step.operation == entry.operation)
    };
    html! {
        @if operations.is_empty() { (nothing("Nothing was done yet.")) } @else {
            table.list.operations {
                caption.unseen { "Operations, the newest first" }
                thead {
                    tr {
                        th.number scope="col" { "Number" }
                        @if steps.is_none() { th scope="col" { "Volume" } }
                        th scope="col" { "What" }
                        th scope="col" { "HEAD" }
                        th scope="col" { "When" }
                        th scope="col" { span.unseen { "Actions" } }
                    }
                }
                tbody {
                    @for entry in operations {
                        tr {
                            td.number { (entry.operation) }
                            @if steps.is_none() { td { a href=(format!("/operations?volume={}", entry.volume)) { (entry.volume) } } }
                            td.what {
                                (plain(&entry.summary))
                                @if steps.is_some_and(|steps| is_next(&steps.undo, entry)) { " " span.mark { "undo takes this back" } }
                                @if steps.is_some_and(|steps| is_next(&steps.redo, entry)) { " " span.mark { "redo makes this again" } }
                            }
                            td.after {
                                @match &entry.after {
                                    Some(id) if has_commits && steps.is_some() => (commit_link(&entry.volume, id)),
                                    Some(id) => code.id { (id.short()) },
                                    None => span.dim { "–" },
                                }
                            }
                            td.when { (ago(app, entry.date)) }
                            td.end {
                                @let number = entry.operation.to_string();
                                (act_link("Undo …", "undo", &[("volume", entry.volume.as_str()), ("operation", &number)]))
                            }
                        }
                    }
                }
            }
        }
    }
}
