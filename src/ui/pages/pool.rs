//! The page of the pool: where its space goes, trash, settings, health.

use maud::{Markup, html};

use super::Trouble;
use super::frame::{self, Head, Tab};
use super::parts::{act, act_link, ago, later, nothing, prose, size};
use super::volumes::measure;
use crate::model::{VolumeName, count, plain};
use crate::ops::{self, DeletedVolume, Health};
use crate::sys::tree;
use crate::ui::app::{App, Sizes};

/// How many volumes have a bar of their own.
const MAX_BARS: usize = 20;
/// The width of the picture, in units of its own.
const WIDTH: u64 = 1000;

/// What the bar of one volume shows, in bytes.
struct Bar {
    volume: Option<VolumeName>,
    parts: [u64; 3],
}

impl Bar {
    fn sum(&self) -> u64 {
        self.parts.iter().sum()
    }
}

pub(in crate::ui) fn page(app: &App) -> Result<Markup, Trouble> {
    let sizes = app.sizes();
    let root = app.pool.layout().root();
    let deleted = ops::deleted_volumes(&app.pool)?;
    let settings = ops::settings(&app.pool, None)?;
    let trash: u64 = sizes.trash.values().map(|(_, bytes)| bytes).sum();
    let operations: usize = sizes.trash.values().map(|(operations, _)| operations).sum();
    let body = html! {
        div.head {
            h1 { "Pool" }
            p.about { code { (root.display()) } }
            div.actions { (measure(app, &sizes)) }
        }
        div.numbers {
            @if let (Ok(free), Ok(total)) = (tree::free_space(root), tree::total_space(root)) {
                div { b { (size(free)) } span { "free of " (size(total)) } }
            }
            div { b { (size(trash)) } span { "in trash, of " (count(operations, "operation")) } }
            @if let Some(sum) = sizes.measured.as_ref().and_then(|measured| measured.usage.last()) {
                div { b { (size(sum.branch_bytes)) } span { "in " (count(sum.branches, "working tree")) } }
                div { b { (size(sum.commit_bytes)) } span { "in " (count(sum.commits, "commit")) } }
            }
        }
        section { h2 { "Space by volume" } (picture(app, &sizes)?) }
        (trash_list(app, &deleted, trash))
        section {
            h2 { "Health" }
            (later("doctor", "Check what dvol needs", "/pool/doctor", ""))
        }
        section {
            h2 { "Settings" }
            p.dim { "Change one with " code { "dvol config KEY VALUE" } "." }
            table.list.settings {
                caption.unseen { "Settings of the pool" }
                thead { tr { th scope="col" { "Key" } th scope="col" { "Value" } th scope="col" { "" } } }
                tbody {
                    @for setting in &settings {
                        tr {
                            th scope="row" { code { (setting.key) } }
                            td { @if setting.value.is_empty() { span.dim { "–" } } @else { code { (plain(&setting.value)) } } }
                            td.end { @if setting.set { span.mark { "set" } } @else { span.dim { "default" } } }
                        }
                    }
                }
            }
        }
    };
    Ok(frame::page(app, &Head { title: "Pool", tab: Tab::Pool, crumbs: &[] }, &body))
}

/// Draws the space that each volume takes: measured, or else what is known without a look.
fn picture(app: &App, sizes: &Sizes) -> Result<Markup, Trouble> {
    let mut bars: Vec<Bar> = match &sizes.measured {
        Some(measured) => {
            let of_volumes = measured.usage.iter().filter(|usage| usage.volume.is_some());
            let bars = of_volumes.map(|usage| Bar {
                volume: usage.volume.clone(),
                parts: [usage.branch_bytes, usage.commit_bytes, usage.trash_bytes],
            });
            bars.collect()
        }
        None => {
            let sums = ops::commit_sizes(&app.pool)?;
            let bars = sums.into_iter().map(|(volume, bytes)| {
                let trash = sizes.trash.get(&volume).map_or(0, |(_, bytes)| *bytes);
                Bar { volume: Some(volume), parts: [0, bytes, trash] }
            });
            bars.collect()
        }
    };
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.sum()));
    if bars.len() > MAX_BARS {
        let mut parts = [0; 3];
        for bar in bars.drain(MAX_BARS..) {
            parts.iter_mut().zip(bar.parts).for_each(|(sum, one)| *sum += one);
        }
        bars.push(Bar { volume: None, parts });
    }
    let most = bars.iter().map(Bar::sum).max().unwrap_or(0).max(1);
    Ok(html! {
        @if bars.is_empty() { (nothing("There is no volume.")) } @else {
            p.dim {
                @match &sizes.measured {
                    Some(measured) => {
                        "On disk, measured " (ago(app, measured.when)) "; what trees share counts for none of them."
                    }
                    None => "The files of all commits, and trash; what trees share counts for each. Measure the sizes to see what is on disk.",
                }
            }
            ul.legend aria-hidden="true" {
                @if sizes.measured.is_some() { li.p0 { "working trees" } }
                li.p1 { "commits" } li.p2 { "trash" }
            }
            table.bars {
                caption.unseen { "Space by volume" }
                tbody {
                    @for bar in &bars {
                        tr {
                            th scope="row" {
                                @match &bar.volume {
                                    Some(volume) => a href=(format!("/v/{volume}")) { (volume) },
                                    None => "all others",
                                }
                            }
                            td.bar { (draw(bar, most)) }
                            td.size { (size(bar.sum())) }
                        }
                    }
                }
            }
        }
    })
}

fn draw(bar: &Bar, most: u64) -> Markup {
    let scaled =
        |bytes: u64| u64::try_from(u128::from(bytes) * u128::from(WIDTH) / u128::from(most)).unwrap_or(WIDTH);
    let mut from = 0;
    let pieces = bar.parts.map(|bytes| {
        let piece = (scaled(from), scaled(bytes).max(u64::from(bytes > 0)));
        from += bytes;
        piece
    });
    html! {
        svg viewBox=(format!("0 0 {WIDTH} 14")) preserveAspectRatio="none" width="100%" height="14" aria-hidden="true" {
            @for (n, (x, width)) in pieces.iter().enumerate() {
                rect class=(format!("p{n}")) x=(x) y="0" width=(width) height="14" {}
            }
        }
    }
}

fn trash_list(app: &App, deleted: &[DeletedVolume], trash: u64) -> Markup {
    html! {
        section {
            div.head {
                h2 { "Trash" }
                div.actions { @if trash > 0 { (act("Empty trash", "gc", &[])) } }
            }
            p.dim { "Trash keeps what operations removed, so that they can be undone." }
            @if deleted.is_empty() { (nothing("No deleted volume is in trash.")) } @else {
                table.list {
                    caption.unseen { "Deleted volumes" }
                    thead { tr { th scope="col" { "Deleted volume" } th scope="col" { "When" } th.size scope="col" { "Size" } th scope="col" { span.unseen { "Actions" } } } }
                    tbody {
                        @for one in deleted {
                            @let number = one.operation.to_string();
                            @let name = one.volume.as_str();
                            @let other = format!("{name}-{number}");
                            tr {
                                th scope="row" { a href=(format!("/operations?volume={name}")) { (name) } }
                                td { (ago(app, one.date)) }
                                td.size { (size(one.bytes)) }
                                td.end {
                                    @let mut fields = vec![("volume", name), ("operation", number.as_str())];
                                    @if one.taken { @let () = fields.push(("as", other.as_str())); (act_link("Bring back …", "undo", &fields)) }
                                    @else { (act_link("Bring back …", "undo", &fields)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Shows what `dvol doctor` finds.
pub(in crate::ui) fn doctor(app: &App) -> Result<Markup, Trouble> {
    let checks = ops::doctor(&app.pool, &app.socket);
    let body = html! {
        table.list.health {
            caption.unseen { "Checks" }
            tbody {
                @for check in &checks {
                    @let (class, word) = match check.health {
                        Health::Good => ("good", "good"),
                        Health::Poor => ("poor", "poor"),
                        Health::Bad => ("bad", "bad"),
                    };
                    tr.(class) {
                        td.mark { span.dot.(class) aria-hidden="true" {} span.unseen { (word) } }
                        th scope="row" { (check.subject) }
                        td { (plain(&check.found)) @if let Some(remedy) = &check.remedy { p.hint { (prose(remedy)) } } }
                    }
                }
            }
        }
    };
    let crumbs = [("Pool", "/pool")];
    Ok(frame::page(
        app,
        &Head { title: "Health", tab: Tab::Pool, crumbs: &crumbs },
        &html! { div data-part { (body) } },
    ))
}
