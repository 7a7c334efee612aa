//! `dvol ls-tree`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::output::write_each;
use crate::cli::session::Session;
use crate::cli::{Outcome, tree_paths};
use crate::ops::{self, ListedEntry, TreePath};
use crate::report::{list_entry, list_json, list_name};

/// List the files of a commit: mode, type and path
///
/// Without a path, lists what the root of the volume holds. Reads the commit where it lies, and
/// follows no symlink. JSON has size, owner, links and times as well.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol ls-tree HEAD
  dvol ls-tree -r -l HEAD~2 base/1
  dvol ls-tree frob_mysql:v1 conf.d
  dvol ls-tree HEAD:base --name-only")]
pub(in crate::cli) struct LsTreeArgs {
    /// Go into directories
    #[arg(short)]
    recursive: bool,
    /// Show sizes in bytes
    #[arg(short = 'l', long)]
    long: bool,
    /// Show only the paths
    #[arg(long, conflicts_with = "long")]
    name_only: bool,
    /// Commit
    #[arg(value_name = "[VOLUME:]REVISION", add = crate::cli::complete::revisions())]
    revision: String,
    /// Path in the volume
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
}

pub(in crate::cli) fn run(session: &Session, args: &LsTreeArgs) -> Outcome {
    let volume = session.volume(None)?;
    let mut wanted = match tree_paths::read(session, &args.revision, volume.as_ref())? {
        Some(path) => path,
        None => TreePath { volume, revision: session.revision(&args.revision)?, path: PathBuf::new() },
    };
    wanted.path.extend(&args.path);
    let opened = ops::open_entry(&session.pool, &wanted)?;
    let is_text = session.is_text();
    session.paged(&mut |out| {
        let write = |entry: ListedEntry| match (is_text, args.name_only) {
            (false, _) => list_json(out, &entry),
            (true, true) => list_name(out, &entry),
            (true, false) => list_entry(out, &entry, args.long),
        };
        write_each(write, |visit| opened.list(args.recursive, visit))
    })?;
    Ok(ExitCode::SUCCESS)
}
