//! Report of `fetch`, in git's words.

use std::io::{self, Write};

use crate::model::{CommitId, RefName, format_size};
use crate::ops::{DataReceived, Fetched, FetchedRef};
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Fetched {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.refs.is_empty() {
            writeln!(out, "From {}/{}", self.url, self.their_volume)?;
        }
        for one in &self.refs {
            writeln!(out, "{}", line(one, self.remote.as_str()))?;
        }
        self.data.iter().try_for_each(|data| writeln!(out, "{}", came(data)))
    }
}

/// Says how much of a commit's data came, and how much was here.
fn came(data: &DataReceived) -> String {
    let DataReceived { id, bytes, here, .. } = data;
    format!(
        "Commit {}: {} received, {} were here",
        id.short(),
        format_size(bytes - here.min(bytes)),
        format_size(*here)
    )
}

fn line(one: &FetchedRef, remote: &str) -> String {
    let name = one.reference.short();
    let kind = match one.reference {
        RefName::Head(_) => "branch",
        RefName::Tag(_) => "tag",
    };
    let way = format!("{name} -> {remote}/{name}");
    let crossed = if one.others.is_empty() { "" } else { " (pushes crossed)" };
    match (&one.from, &one.to) {
        (_, None) => format!(" - {:<18} (none) -> {remote}/{name}", "[deleted]"),
        (None, Some(_)) => format!(" * {:<18} {way}{crossed}", format!("[new {kind}]")),
        (Some(from), Some(to)) => {
            let (mark, dots, end) =
                if one.forced { ('+', "...", " (forced update)") } else { (' ', "..", "") };
            let ids = format!("{}{dots}{}", CommitId::short(from), to.short());
            format!(" {mark} {ids:<18} {way}{end}{crossed}")
        }
    }
}

json_line!(Fetched);
