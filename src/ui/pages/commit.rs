//! The page of one commit.

use std::ffi::OsString;

use maud::{Markup, html};

use super::Trouble;
use super::frame::{self, Head, Tab};
use super::parts::{act, act_link, ago, command, commit_link, later, size, subject};
use super::volume::{self, refs};
use crate::error::Error;
use crate::model::{CodeState, CommitId, CommitRecord, Revision, VolumeName, plain, plain_lines};
use crate::ops::{self, LogRequest, LogStart};
use crate::ui::app::App;
use crate::ui::fields::Fields;
use crate::ui::forge;

/// Parses the volume and the commit in an address; both must exist. The commit may be one that was
/// dropped.
pub(super) fn named(app: &App, parts: &[String]) -> Result<(VolumeName, CommitRecord), Trouble> {
    let volume = volume::named(app, parts)?.name;
    let text = parts.get(1).map_or("", String::as_str);
    let revision: Revision = text.parse().map_err(Error::from)?;
    let record = ops::rev_parse(&app.pool, Some(&volume), &revision)?;
    Ok((volume, record))
}

/// Reads a commit as its id, as the pages link to it.
pub(super) fn revision_of(id: &CommitId) -> Result<Revision, Trouble> {
    Ok(id.to_string().parse().map_err(Error::from)?)
}

pub(in crate::ui) fn page(app: &App, parts: &[String], _: &Fields) -> Result<Markup, Trouble> {
    let (volume, record) = named(app, parts)?;
    let start = LogStart::Revision(revision_of(&record.id)?);
    let request = LogRequest { volume: Some(volume.clone()), start, most: Some(1), ..LogRequest::default() };
    let log = ops::log(&app.pool, &request)?;
    let places = app.pool.store().read(|rows| rows.worktrees(&rows.owner(&volume)?))?;
    let entry = log.entries.first().filter(|entry| entry.id == record.id);
    let (is_dropped, is_head) = entry.map_or((false, false), |entry| (entry.dropped, entry.head));
    let (id, name) = (record.id.short(), volume.as_str());
    let fields = [("volume", name), ("revision", id)];
    let base = format!("/v/{volume}/c/{}", record.id);
    let is_there = !record.forgotten;
    let line = |words: &[&str]| app.jobs.command(&words.iter().map(OsString::from).collect::<Vec<_>>());
    let body = html! {
        div.head {
            h1 { (subject(&record.message)) }
            p.about {
                @if let Some(entry) = entry { (refs(entry, &log, &places)) }
                @if is_dropped { span.mark title="No branch and no tag leads to it; trash has it" { "dropped" } }
                @if record.forgotten { span.mark title="Only the record is left" { "forgotten" } }
            }
            div.actions {
                @if is_there {
                    (act("Reset to this commit", "reset", &fields))
                    (act("New branch", "branch", &fields))
                    (act("Clone", "clone", &fields))
                }
                (act("Tag", "tag", &fields))
                @if is_there { a.button href=(format!("{base}/files")) { "Files" } }
            }
        }
        div.columns {
            section.history {
                @let rest = record.message.trim().lines().skip(1).collect::<Vec<_>>().join("\n");
                @if !rest.trim().is_empty() { pre.message { (plain_lines(rest.trim())) } }
                h2 { "What it changed" }
                (later("changes", "Show what it changed", &format!("{base}/changes"), ""))
            }
            div.side {
                section {
                    h2 { "Facts" }
                    dl {
                        dt { "Commit" } dd { code.whole { (record.id) } }
                        dt { "Author" } dd { (plain(&record.author.to_string())) }
                        dt { "Date" } dd { (ago(app, record.date)) }
                        @if let Some(bytes) = record.size { dt { "Size" } dd { (size(bytes)) } }
                        @if let Some(parent) = &record.parent { dt { "Parent" } dd { (commit_link(&volume, parent)) } }
                        @if let Some(code) = &record.code { dt { "Code" } dd { (code_state(code)) } }
                    }
                }
                @if is_there {
                    section {
                        h2 { "From a terminal" }
                        (command(&line(&["reset", "-C", name, "--hard", id])))
                        (command(&line(&["clone", &format!("{volume}:{id}"), &format!("{volume}-copy")])))
                        (command(&line(&["tag", "-C", name, "NAME", id])))
                        (command(&line(&["restore", "-C", name, "--source", id, "PATH"])))
                        (command(&format!("{} > {volume}.tar", line(&["export", &format!("{volume}:{id}")]))))
                        @if !is_head { p.dim { (act_link("Forget its data …", "forget", &fields)) } }
                    }
                }
            }
        }
    };
    let crumbs = [("Volumes", "/"), (name, &*format!("/v/{volume}"))];
    Ok(frame::page(
        app,
        &Head { title: &subject(&record.message), tab: Tab::Volumes, crumbs: &crumbs },
        &body,
    ))
}

fn code_state(code: &CodeState) -> Markup {
    let short: String = code.commit.chars().take(8).collect();
    let page = code.remote.as_deref().and_then(|remote| forge::commit_page(remote, &code.commit));
    html! {
        @match &page {
            Some(page) => a href=(page) rel="noreferrer" { (plain(&short)) },
            None => code { (plain(&short)) },
        }
        @if let Some(branch) = &code.branch { " on " (plain(branch)) }
        @if let Some(remote) = &code.remote { " of " (plain(&forge::shown(remote))) }
        @if code.dirty { ", with uncommitted changes" }
    }
}
