//! The files of a commit: directories to go through, files to open and to download.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use futures_util::{Stream, stream};
use maud::{Markup, html};
use tokio::sync::mpsc;

use super::Trouble;
use super::commit::{named, revision_of};
use super::frame::{self, Head, Tab};
use super::parts::{act, nothing, size, subject};
use crate::error::Error;
use crate::model::{self, CommitRecord, VolumeName, plain, plain_lines};
use crate::ops::{self, ListedEntry, OpenedEntry, TreePath, shown};
use crate::sys::tree::EntryKind;
use crate::ui::app::App;
use crate::ui::fields::{Fields, address, path_text};

/// How many entries of a directory a page shows.
const MAX_ENTRIES: usize = 2000;
/// How much of a file a page shows, in bytes.
const MAX_SHOWN_BYTES: usize = 256 << 10;
/// How many pieces of a download wait for its reader.
const PIECES: usize = 4;

fn open(
    app: &App,
    volume: &VolumeName,
    commit: &CommitRecord,
    fields: &Fields,
) -> Result<OpenedEntry, Trouble> {
    let revision = revision_of(&commit.id)?;
    Ok(ops::open_entry(
        &app.pool,
        &TreePath { volume: Some(volume.clone()), revision, path: fields.path("path") },
    )?)
}

pub(in crate::ui) fn page(app: &App, parts: &[String], fields: &Fields) -> Result<Markup, Trouble> {
    let (volume, commit) = named(app, parts)?;
    let opened = open(app, &volume, &commit, fields)?;
    let base = format!("/v/{volume}/c/{}", commit.id);
    let at = |path: &Path| address(&format!("{base}/files"), &[("path", &path_text(path))]);
    let path = &opened.listed.path;
    let is_root = path.as_os_str() == ".";
    let text = path_text(path);
    let name = path.file_name().map_or_else(|| subject(&commit.message), |name| shown(Path::new(name)));
    let is_directory = opened.listed.side.kind == EntryKind::Directory;
    let body = html! {
        div.head {
            h1 { (name) }
            div.actions {
                @if opened.listed.side.kind == EntryKind::File {
                    a.button href=(address(&format!("{base}/download"), &[("path", &text)])) { "Download" }
                }
                @if !is_root {
                    (act("Restore", "restore", &[("volume", volume.as_str()), ("revision", commit.id.short()), ("path", &text)]))
                }
            }
        }
        @if !is_root {
            nav.crumbs aria-label="Directories" {
                a href=(at(Path::new(""))) { (volume) }
                @let above: Vec<&Path> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
                @for above in above.into_iter().rev() {
                    span aria-hidden="true" { "/" }
                    a href=(at(above)) { (shown(Path::new(above.file_name().unwrap_or_default()))) }
                }
            }
        }
        @if is_directory { (directory(&opened, &base)?) } @else { (content(&opened)?) }
    };
    let home = format!("/v/{volume}");
    let crumbs = [("Volumes", "/"), (volume.as_str(), &*home), (commit.id.short(), &*base)];
    Ok(frame::page(app, &Head { title: &name, tab: Tab::Volumes, crumbs: &crumbs }, &body))
}

fn directory(opened: &OpenedEntry, base: &str) -> Result<Markup, Trouble> {
    let (mut entries, mut is_cut) = (Vec::new(), false);
    opened.list(false, &mut |entry| {
        is_cut = entries.len() == MAX_ENTRIES;
        if is_cut {
            return ControlFlow::Break(());
        }
        entries.push(entry);
        ControlFlow::Continue(())
    })?;
    entries.sort_by_key(|entry: &ListedEntry| entry.side.kind != EntryKind::Directory);
    Ok(html! {
        @if entries.is_empty() { (nothing("The directory is empty.")) } @else {
            table.list.files {
                caption.unseen { "Files" }
                thead { tr { th scope="col" { "Name" } th.size scope="col" { "Size" } th.mode scope="col" { "Mode" } th.owner scope="col" { "Owner" } th.modified scope="col" { "Modified" } } }
                tbody { @for entry in &entries { (row(entry, base)) } }
            }
            p.count { @if is_cut { "The first " } (model::entries(entries.len() as u64)) }
        }
    })
}

fn row(entry: &ListedEntry, base: &str) -> Markup {
    let name = shown(Path::new(entry.path.file_name().unwrap_or_default()));
    let link = address(&format!("{base}/files"), &[("path", &path_text(&entry.path))]);
    let side = &entry.side;
    html! {
        tr {
            th scope="row" {
                @match side.kind {
                    EntryKind::Directory => { a.directory href=(link) { (name) "/" } }
                    EntryKind::File => { a href=(link) { (name) } }
                    _ => { (name) }
                }
                @if let Some(target) = &side.target { span.dim { " → " (plain(target)) } }
            }
            td.size { @if side.kind == EntryKind::File { (size(side.size)) } }
            td.mode { code { (side.mode) } }
            td.owner { (side.uid) ":" (side.gid) }
            td.modified { time datetime=(side.modified) { (side.modified.replace('T', " ").trim_end_matches('Z')) } }
        }
    }
}

/// Shows a file that is text; its beginning, if it is long.
fn content(opened: &OpenedEntry) -> Result<Markup, Trouble> {
    if !matches!(opened.listed.side.kind, EntryKind::File | EntryKind::Symlink) {
        return Ok(nothing("This has no content."));
    }
    if opened.is_binary()? {
        return Ok(
            html! { p.dim { (size(opened.listed.side.size)) ", not text. Download it to look inside." } },
        );
    }
    let mut head = Beginning(Vec::new());
    match opened.write_content(&mut head) {
        Err(error) if !head.is_full() => return Err(error.into()),
        _ => {}
    }
    let text = plain_lines(&String::from_utf8_lossy(&head.0));
    Ok(html! {
        pre.file tabindex="0" aria-label="Content" { (text) }
        @if head.is_full() { p.dim { "The first " (size(MAX_SHOWN_BYTES as u64)) "; download the file to see the rest." } }
    })
}

/// Keeps the beginning of what is written, and then refuses the rest.
struct Beginning(Vec<u8>);

impl Beginning {
    fn is_full(&self) -> bool {
        self.0.len() >= MAX_SHOWN_BYTES
    }
}

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(MAX_SHOWN_BYTES - self.0.len());
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file on its way to a browser, which saves it and never shows it.
pub(in crate::ui) struct Download<S> {
    pub(in crate::ui) disposition: String,
    pub(in crate::ui) content: S,
}

/// Opens a file of a commit for a download.
pub(in crate::ui) fn download(
    app: &App,
    volume: &str,
    commit: &str,
    fields: &Fields,
) -> Result<Download<impl Stream<Item = Result<Vec<u8>, io::Error>> + Send + use<>>, Trouble> {
    let (volume, commit) = named(app, &[volume.to_owned(), commit.to_owned()])?;
    let opened = open(app, &volume, &commit, fields)?;
    let listed = &opened.listed;
    if listed.side.kind != EntryKind::File {
        let (path, id) = (shown(&listed.path), commit.id.clone());
        return Err(Error::NoContent { path, volume, id }.into());
    }
    let name = path_text(Path::new(listed.path.file_name().unwrap_or_default()));
    let (sender, receiver) = mpsc::channel(PIECES);
    std::thread::spawn(move || {
        let mut pieces = Pieces(sender);
        if let Err(error) = opened.write_content(&mut pieces) {
            // The reader sees that the file broke off.
            let _ = pieces.0.blocking_send(Err(io::Error::other(error.to_string())));
        }
    });
    let content = stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    Ok(Download { disposition: format!("attachment; filename*=UTF-8''{name}"), content })
}

/// Sends what is written, piece by piece, and waits while the reader is slow.
struct Pieces(mpsc::Sender<Result<Vec<u8>, io::Error>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(bytes.to_vec()));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
