//! Reports of `log` and `show`, as git prints them.

mod graph;
mod template;

use std::io::{self, Write};

use super::status::letter;
use graph::{Graph, Rails};
pub use template::Template;

use crate::model::{BranchName, CodeState, ImageUse, MadeOn, RemoteName, VolumeName, format_size, plain};
use crate::ops::{Log, LogChanges, LogEntry, StatusChange, shown};
use crate::report::Lines;
use crate::report::json::lines;
use crate::report::style::{BRANCH, COMMIT, GREEN, HEAD, RED, TAG};
use crate::report::text::Text;
use crate::report::words::author;
use crate::sys::tree::ChangeKind;

/// How to show each commit.
#[derive(Debug, Clone, Default)]
pub enum LogStyle {
    /// Several lines, with the whole message.
    #[default]
    Full,
    /// One line.
    Oneline,
    /// Through a template.
    Template(Template),
}

/// A log and how to show it as text; JSON has one commit a line.
#[derive(Debug, Clone)]
pub struct LogView {
    /// The commits.
    pub log: Log,
    /// How to show each.
    pub style: LogStyle,
    /// Whether to show branches and tags beside commits.
    pub decorate: bool,
    /// Whether to draw lines between commits and their parents.
    pub graph: bool,
}

impl Lines for LogView {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.log.entries)
    }
}

impl Text for LogView {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = LogWriter::new(self);
        self.log.entries.iter().try_for_each(|entry| writer.entry(entry, out, &mut |_| Ok(())))
    }
}

/// Writes a log as text, commit by commit.
pub struct LogWriter<'v> {
    view: &'v LogView,
    graph: Graph,
    written: usize,
}

impl<'v> LogWriter<'v> {
    /// Starts the log.
    pub fn new(view: &'v LogView) -> Self {
        LogWriter { view, graph: Graph::default(), written: 0 }
    }

    /// Writes the next commit, and then what `more` writes, beside the lines of the graph.
    ///
    /// # Errors
    /// Those of `more`, and when `out` cannot be written.
    pub fn entry<E: From<io::Error>>(
        &mut self,
        entry: &LogEntry,
        out: &mut dyn Write,
        more: &mut dyn FnMut(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        self.written += 1;
        let last = self.written == self.view.log.entries.len();
        let rails = if self.view.graph {
            self.graph.next(&entry.id, entry.parent.as_ref())
        } else {
            Rails { joins: Vec::new(), first: String::new(), rest: String::new() }
        };
        for join in &rails.joins {
            writeln!(out, "{join}")?;
        }
        for (number, line) in self.view.lines_of(entry).iter().enumerate() {
            let rail = if number == 0 { &rails.first } else { &rails.rest };
            writeln!(out, "{}", format!("{rail}{line}").trim_end_matches(' '))?;
        }
        more(&mut Railed { out: &mut *out, rail: &rails.rest, inside: false })?;
        if matches!(self.view.style, LogStyle::Full) && !last {
            writeln!(out, "{}", rails.rest.trim_end())?;
        }
        Ok(())
    }
}

/// Writes the lines of the graph before each line.
struct Railed<'o> {
    out: &'o mut dyn Write,
    rail: &'o str,
    /// Whether the last line has no end yet.
    inside: bool,
}

impl Write for Railed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.inside {
                let rail = if line == b"\n" { self.rail.trim_end() } else { self.rail };
                self.out.write_all(rail.as_bytes())?;
            }
            self.out.write_all(line)?;
            self.inside = !line.ends_with(b"\n");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes one commit of a log as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn log_json(out: &mut dyn Write, entry: &LogEntry) -> io::Result<()> {
    lines(out, std::slice::from_ref(entry))
}

impl LogView {
    fn lines_of(&self, entry: &LogEntry) -> Vec<String> {
        let current = &self.log.current;
        let names = if self.decorate { names(entry, current) } else { String::new() };
        let mut body = match &self.style {
            LogStyle::Full => full(entry, &names),
            LogStyle::Oneline => {
                let subject = entry.message.lines().next().unwrap_or_default();
                let volumes =
                    if entry.volumes.is_empty() { String::new() } else { format!(" [{}]", volumes(entry)) };
                vec![format!("{COMMIT}{}{COMMIT:#}{names} {}{volumes}", entry.id.short(), plain(subject))]
            }
            LogStyle::Template(template) => {
                template.render(entry, current).split('\n').map(str::to_owned).collect()
            }
        };
        if let Some(LogChanges::Paths(changes)) = &entry.changes {
            if matches!(self.style, LogStyle::Full) {
                body.push(String::new());
            }
            body.extend(stat(changes));
        }
        body
    }
}

fn full(entry: &LogEntry, names: &str) -> Vec<String> {
    let mut body = vec![format!("{COMMIT}commit {}{COMMIT:#}{names}", entry.id)];
    body.push(format!("Author: {}", author(&entry.author)));
    body.push(format!("Date:   {}", entry.date.to_zoned().strftime("%a %b %-d %H:%M:%S %Y %z")));
    if let Some(code) = &entry.code {
        body.push(format!("Code:   {}", plain(&code_line(code))));
    }
    if !entry.volumes.is_empty() {
        body.push(format!("Volumes: {}", volumes(entry)));
    }
    if let Some(size) = entry.size {
        body.push(format!("Size:   {}", format_size(size)));
    }
    // A log of many commits has no room for what is the same in most.
    if let Some(made_on) =
        entry.made_on.as_ref().filter(|made| entry.size.is_some() && !made.images.is_empty())
    {
        body.push(format!("Made:   {}", plain(&made_line(made_on))));
    }
    if let Some(directory) = &entry.directory {
        body.push(format!("Path:   {}", shown(directory)));
    }
    body.push(String::new());
    let message = entry.message.lines();
    body.extend(
        message.map(|line| if line.is_empty() { String::new() } else { format!("    {}", plain(line)) }),
    );
    body
}

fn volumes(entry: &LogEntry) -> String {
    entry.volumes.iter().map(VolumeName::as_str).collect::<Vec<_>>().join(", ")
}

fn code_line(code: &CodeState) -> String {
    let commit = code.commit.get(..12).unwrap_or(&code.commit);
    let branch = code.branch.as_deref().map(|branch| format!(" ({branch})")).unwrap_or_default();
    let dirty = if code.dirty { " with changes" } else { "" };
    let remote = code.remote.as_deref().map(|remote| format!(", {remote}")).unwrap_or_default();
    format!("{commit}{branch}{dirty}{remote}")
}

fn made_line(made_on: &MadeOn) -> String {
    let images = made_on.images.iter().map(ImageUse::to_string).collect::<Vec<_>>().join(", ");
    let engine = made_on.engine.as_deref().map(|engine| format!(", {engine}")).unwrap_or_default();
    format!("with {images} on {}{engine}", made_on.architecture)
}

/// Formats the names of a commit: ` (HEAD -> master, tag: v1, experiment)`, or nothing.
fn names(entry: &LogEntry, current: &BranchName) -> String {
    let mut names = Vec::new();
    if entry.head {
        names.push(format!("{HEAD}HEAD -> {HEAD:#}{BRANCH}{current}{BRANCH:#}"));
    }
    names.extend(entry.tags.iter().map(|tag| format!("{TAG}tag: {tag}{TAG:#}")));
    let others = entry.branches.iter().filter(|branch| !(entry.head && *branch == current));
    names.extend(others.map(|branch| format!("{BRANCH}{branch}{BRANCH:#}")));
    if entry.dropped {
        names.push(format!("{RED}dropped{RED:#}"));
    }
    names.extend(entry.remote_refs.iter().map(|name| format!("{RED}{name}{RED:#}")));
    match entry.at.as_slice() {
        _ if !entry.forgotten => {}
        [] => names.push(format!("{RED}forgotten{RED:#}")),
        at => {
            let at = at.iter().map(RemoteName::as_str).collect::<Vec<_>>().join(" and ");
            names.push(format!("{RED}at {at}{RED:#}"));
        }
    }
    if names.is_empty() {
        return String::new();
    }
    format!(" {COMMIT}({COMMIT:#}{}{COMMIT}){COMMIT:#}", names.join(&format!("{COMMIT}, {COMMIT:#}")))
}

fn stat(changes: &[StatusChange]) -> Vec<String> {
    let mut body: Vec<String> = changes
        .iter()
        .map(|change| {
            let style = match change.kind {
                ChangeKind::Added => GREEN,
                ChangeKind::Deleted => RED,
                ChangeKind::Modified | ChangeKind::TypeChanged | ChangeKind::Attributes => COMMIT,
            };
            let letter = letter(change.kind);
            format!(" {style}{letter}{style:#}  {}", shown(&change.path))
        })
        .collect();
    let of = |kind: ChangeKind| changes.iter().filter(|change| change.kind == kind).count();
    let kinds = [
        (ChangeKind::Added, "added"),
        (ChangeKind::Modified, "modified"),
        (ChangeKind::Deleted, "deleted"),
        (ChangeKind::TypeChanged, "with another type"),
        (ChangeKind::Attributes, "with other attributes"),
    ];
    let parts =
        kinds.iter().filter(|(kind, _)| of(*kind) > 0).map(|(kind, word)| format!("{} {word}", of(*kind)));
    let parts: Vec<_> = parts.collect();
    let word = if changes.len() == 1 { "path" } else { "paths" };
    body.push(match parts.as_slice() {
        [] => " nothing changed".to_owned(),
        parts => format!(" {} {word}: {}", changes.len(), parts.join(", ")),
    });
    body
}
