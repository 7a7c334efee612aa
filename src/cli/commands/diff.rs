//! `dvol diff`

use std::path::Path;
use std::process::ExitCode;

use crate::cli::output::{Failure, write_each};
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::{Outcome, errors, operands};
use crate::ops::{self, DiffEntry, DiffRequest};
use crate::report::{DiffStat, diff_json, diff_name, diff_name_status, diff_patch};

/// Show changes between commits and the working tree
///
/// Without a revision, compares the working tree with HEAD; with one, with that commit; with two,
/// or with A..B, the second commit with the first. Shows text files of up to 1 MiB line by line,
/// and the sizes of other files. Modes, owners, extended attributes and hard links count as
/// changes; times do not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol diff
  dvol diff HEAD~2 --stat
  dvol diff v1..master --name-status
  dvol diff -C frob_mysql HEAD^ HEAD
  dvol diff other:HEAD -C frob_mysql
  dvol diff HEAD^ --stat --project shop
  dvol diff --exit-code > /dev/null || echo changed

Exit code with --exit-code: 0 no differences, 1 differences, 2 error.")]
pub(in crate::cli) struct DiffArgs {
    /// Show a table of changed lines per text file and changed bytes per other file
    #[arg(long)]
    stat: bool,
    /// Show a letter and the path of each change: A added, M modified, D deleted, T type changed,
    /// P only attributes changed
    #[arg(long, conflicts_with = "stat")]
    name_status: bool,
    /// Show only the path of each change
    #[arg(long, conflicts_with_all = ["stat", "name_status"])]
    name_only: bool,
    /// Show the changes themselves; the default
    #[arg(short = 'p', long, hide = true, conflicts_with_all = ["stat", "name_status", "name_only"])]
    patch: bool,
    /// Exit with 1 if anything differs
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    project: ProjectArg,
    /// Commits to compare, or a range A..B, and volume
    #[arg(num_args = 0..=3, value_names = ["REVISION", "REVISION", "VOLUME"])]
    #[arg(add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &DiffArgs) -> Outcome {
    match show(session, args) {
        Ok(true) if args.exit_code => Ok(ExitCode::from(1)),
        Ok(_) => Ok(ExitCode::SUCCESS),
        // A failure must not look like a difference.
        Err(failure) if args.exit_code => {
            let code = errors::exit(&failure, Some(&session.pool), session.globals.format());
            Ok(if code == ExitCode::from(1) { ExitCode::from(2) } else { code })
        }
        Err(failure) => Err(failure),
    }
}

/// Shows the differences; returns whether there are any.
fn show(session: &Session, args: &DiffArgs) -> Result<bool, Failure> {
    let project = args.project.read(session, None)?;
    let mut request = match project {
        Some(_) => of_project(session, &args.operands)?,
        None => request(session, &args.operands)?,
    };
    let is_text = session.is_text();
    request.texts = !args.name_status && !args.name_only;
    let mut differs = false;
    session.paged(&mut |out| {
        let mut stat = DiffStat::default();
        let write = |mut entry: DiffEntry| {
            differs = true;
            if is_text && project.is_some() {
                entry.path = Path::new(entry.volume.as_str()).join(&entry.path);
            }
            match (is_text, args.name_status, args.stat) {
                (false, ..) => diff_json(out, &entry),
                (true, true, _) => diff_name_status(out, &entry),
                (true, ..) if args.name_only => diff_name(out, &entry),
                (true, false, true) => {
                    stat.add(&entry);
                    Ok(())
                }
                (true, false, false) => diff_patch(out, &entry),
            }
        };
        write_each(write, |visit| match &project {
            Some(project) => ops::diff_project(&session.pool, project, &request, visit),
            None => ops::diff(&session.pool, &request, visit),
        })?;
        stat.write(out).map_err(Failure::Output)
    })?;
    Ok(differs)
}

/// Reads the operands of `--project`, none of which names a volume.
fn of_project(session: &Session, words: &[String]) -> Result<DiffRequest, Failure> {
    let (from, to) = match words {
        [word] if operands::is_range(session, word) => {
            let range = session.range(word)?;
            (Some(range.from), Some(range.to))
        }
        [from, to] => (Some(from.parse()?), Some(to.parse()?)),
        words => (operands::only_revision(words)?, None),
    };
    Ok(DiffRequest { volume: None, from, to, texts: false })
}

fn request(session: &Session, words: &[String]) -> Result<DiffRequest, Failure> {
    if let [word, rest @ ..] = words
        && operands::is_range(session, word)
    {
        let range = session.range(word)?;
        let volume = operands::only_volume(session, rest)?;
        return Ok(DiffRequest { volume, from: Some(range.from), to: Some(range.to), texts: false });
    }
    let (from, last) = match words {
        [from, last] => (Some(session.revision(from)?), operands::last(session, last)?),
        [from, to, volume] => {
            let volume = session.volume(Some(&volume.parse()?))?;
            (
                Some(session.revision(from)?),
                operands::Operands { revision: Some(session.revision(to)?), volume },
            )
        }
        [word] => (None, operands::last(session, word)?),
        words => (None, operands::read(session, words)?),
    };
    let (from, to) = match from {
        Some(from) => (Some(from), last.revision),
        None => (last.revision, None),
    };
    Ok(DiffRequest { volume: last.volume, from, to, texts: false })
}
