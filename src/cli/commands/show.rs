//! `dvol show`

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::log::Look;
use crate::cli::log_changes::{self, Changes};
use crate::cli::output::{Failure, write_each};
use crate::cli::session::Session;
use crate::cli::{Outcome, operands, tree_paths};
use crate::model::Revision;
use crate::ops::{self, ListedEntry, LogRequest, LogStart, OpenedEntry};
use crate::report::{LogView, list_json, list_name};
use crate::sys::tree::EntryKind;

/// Show one commit and what it changed, or one of its files
///
/// Names the size and the directory of the commit, which ordinary tools can read. REVISION:PATH
/// writes the content of a file, the target of a symlink, or the names in a directory; nothing in
/// the working tree changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol show
  dvol show HEAD~2 frob_mysql
  dvol show -p v1
  dvol show HEAD~1:my.cnf
  dvol show frob_mysql:v1:data/dump.sql > dump.sql")]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    changes: Changes,
    /// Commit [default: HEAD] or one of its files, and volume
    #[arg(num_args = 0..=2, value_names = ["REVISION[:PATH]", "VOLUME"])]
    #[arg(add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &ShowArgs) -> Outcome {
    if let [word, rest @ ..] = args.operands.as_slice() {
        let volume = operands::only_volume(session, rest)?;
        if let Some(path) = tree_paths::read(session, word, volume.as_ref())? {
            return show_entry(session, word, &ops::open_entry(&session.pool, &path)?);
        }
    }
    let style = args.look.style(session)?;
    let operands = operands::read(session, &args.operands)?;
    let request = LogRequest {
        volume: operands.volume,
        start: LogStart::Revision(operands.revision.unwrap_or_else(Revision::head)),
        most: Some(1),
        detailed: !args.changes.any(),
        ..LogRequest::default()
    };
    let log = ops::log(&session.pool, &request)?;
    let view = LogView { log, style, decorate: args.look.decorates(), graph: false };
    if args.changes.any() {
        log_changes::page(session, &view, args.changes)?;
    } else {
        session.page(&view)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_entry(session: &Session, word: &str, opened: &OpenedEntry) -> Outcome {
    let is_directory = opened.listed.side.kind == EntryKind::Directory;
    if !session.is_text() || is_directory {
        list(session, word, opened)?;
    } else if io::stdout().is_terminal() {
        if opened.is_binary()? {
            return Err(Failure::Usage(format!(
                "refusing to write '{word}' to the terminal, as it is no text: redirect it to a file or a pipe"
            )));
        }
        session.paged(&mut |out| opened.write_content(out).map_err(Failure::of_content))?;
    } else {
        // Byte by byte: nothing that escapes control characters stands between.
        let mut out = io::stdout().lock();
        opened.write_content(&mut out).map_err(Failure::of_content)?;
        out.flush().map_err(Failure::Output)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(session: &Session, word: &str, opened: &OpenedEntry) -> Result<(), Failure> {
    session.paged(&mut |out| {
        if session.is_text() {
            writeln!(out, "tree {word}\n").map_err(Failure::Output)?;
        }
        let write = |mut entry: ListedEntry| {
            if !session.is_text() {
                return list_json(out, &entry);
            }
            // The names alone, as in git.
            if let Some(name) = entry.path.file_name() {
                entry.path = name.into();
            }
            list_name(out, &entry)
        };
        write_each(write, |visit| opened.list(false, visit))
    })
}
