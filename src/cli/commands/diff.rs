//! `dvol diff`

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::{Outcome, errors, operands};
use crate::ops::{self, DiffEntry, DiffRequest};
use crate::report::{DiffStat, diff_json, diff_name, diff_patch};

/// Show what differs between commits and the working tree
///
/// Without a revision: the working tree against HEAD; with one, against that commit; with two, or A..B, the second
/// commit against the first. Text files of up to 1 MiB are shown line by line, of all other files their sizes.
/// Mode, owner, extended attributes and hard links count, times do not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol diff
  dvol diff HEAD~2 --stat
  dvol diff v1..master --name-status
  dvol diff -C frob_mysql HEAD^ HEAD
  dvol diff other:HEAD -C frob_mysql
  dvol diff HEAD^ --stat --project shop
  dvol diff --exit-code > /dev/null || echo changed

With --exit-code: 0 nothing differs, 1 something does, 2 it could not be told.")]
pub(in crate::cli) struct Args {
    /// Show a table: lines of text files, bytes of others
    #[arg(long)]
    stat: bool,
    /// Show a letter and the path: A new, M modified, D deleted, T of another type, P only its attributes
    #[arg(long, conflicts_with = "stat")]
    name_status: bool,
    /// End with code 1 when anything differs
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    project: ProjectArg,
    /// The commits, or a range A..B, and the volume
    #[arg(num_args = 0..=3, value_names = ["REVISION", "REVISION", "VOLUME"])]
    #[arg(add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    match show(session, args) {
        Ok(true) if args.exit_code => Ok(ExitCode::from(1)),
        Ok(_) => Ok(ExitCode::SUCCESS),
        // What could not be told must not look like a difference.
        Err(failure) if args.exit_code => {
            let code = errors::exit(&failure, Some(&session.pool));
            Ok(if code == ExitCode::from(1) { ExitCode::from(2) } else { code })
        }
        Err(failure) => Err(failure),
    }
}

/// Whether anything differs.
fn show(session: &Session, args: &Args) -> Result<bool, Failure> {
    let project = args.project.read(session, None)?;
    let mut request = match project {
        Some(_) => of_project(session, &args.operands)?,
        None => request(session, &args.operands)?,
    };
    let is_text = session.is_text();
    request.texts = !args.name_status;
    let mut differs = false;
    session.paged(&mut |out| {
        let mut stat = DiffStat::default();
        let mut failed = None;
        let mut visit = |mut entry: DiffEntry| {
            differs = true;
            if is_text && project.is_some() {
                entry.path = Path::new(entry.volume.as_str()).join(&entry.path);
            }
            let written: io::Result<()> = match (is_text, args.name_status, args.stat) {
                (false, ..) => diff_json(out, &entry),
                (true, true, _) => diff_name(out, &entry),
                (true, false, true) => {
                    stat.add(&entry);
                    Ok(())
                }
                (true, false, false) => diff_patch(out, &entry),
            };
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        match &project {
            Some(project) => ops::diff_project(&session.pool, project, &request, &mut visit)?,
            None => ops::diff(&session.pool, &request, &mut visit)?,
        }
        failed.map_or(Ok(()), Err).and_then(|()| stat.write(out)).map_err(Failure::Output)
    })?;
    Ok(differs)
}

/// Of a project, no word is a volume.
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
