//! `dvol checkout`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::project::ProjectArg;
use crate::cli::session::{Session, catch_interrupts};
use crate::cli::{Outcome, operands};
use crate::model::{Base, Revision, VolumeName};
use crate::ops::{self, CheckoutRequest, Target};

/// Switch a volume to another branch
///
/// Containers that run on the volume are restarted on the other branch's working tree. Each branch
/// keeps a working tree of its own, so nothing is thrown away.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol checkout -b experiment
  dvol checkout master
  dvol checkout -
  dvol checkout -b bugfix HEAD~2 frob_mysql
  dvol checkout -B experiment v1
  dvol checkout -b experiment --project shop")]
pub(in crate::cli) struct Args {
    /// Make the branch first, from START (HEAD when none is named)
    #[arg(short = 'b')]
    create: bool,
    /// The same, and make a branch of that name anew when there is one; refused when it has
    /// uncommitted changes, which would be lost
    #[arg(short = 'B', conflicts_with = "create")]
    recreate: bool,
    /// Switch although there are uncommitted changes: they stay in their branch (with -B, they are
    /// thrown away)
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    project: ProjectArg,
    /// The branch; - is the one that was current before
    #[arg(add = crate::cli::complete::branches())]
    branch: String,
    /// With -b and -B where the branch starts, and the volume; else the volume
    #[arg(num_args = 0..=2, value_names = ["START", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let project = args.project.read(session, None)?;
    let (create, volume) = if project.is_some() {
        let start = operands::only_revision(&args.operands)?;
        if start.is_some() && !args.create && !args.recreate {
            return Err(Failure::Usage("a start for the branch goes with -b".to_owned()));
        }
        let creates = args.create || args.recreate;
        (creates.then(|| start.unwrap_or_else(Revision::head)), None)
    } else if args.create || args.recreate {
        let operands = operands::read(session, &args.operands)?;
        (Some(operands.revision.unwrap_or_else(Revision::head)), operands.volume)
    } else {
        let word: Option<VolumeName> = match args.operands.as_slice() {
            [] => None,
            [word] => Some(word.parse()?),
            _ => return Err(Failure::Usage("a start for the branch goes with -b".to_owned())),
        };
        (None, session.volume(word.as_ref())?)
    };
    let branch = target(&args.branch)?;
    let request = CheckoutRequest { volume, branch, create, replace: args.recreate, force: args.force };
    catch_interrupts(&session.pool)?;
    if let Some(project) = project {
        let done = ops::checkout_project(&session.pool, &project, &request)?;
        if let Some(first) = done.iter().find(|done| !done.containers.is_empty()) {
            session.note_containers("restarted", &first.containers);
        }
        session.done(&done)?;
        return Ok(ExitCode::SUCCESS);
    }
    let done = ops::checkout(&session.pool, &request)?;
    session.note_containers("restarted", &done.containers);
    session.done(&done)?;
    Ok(ExitCode::SUCCESS)
}

fn target(word: &str) -> Result<Target, Failure> {
    if word == "-" {
        return Ok(Target::Before(1));
    }
    match word.parse::<Revision>().map(|revision| (revision.base, revision.steps.is_empty())) {
        Ok((Base::BranchBefore(n), true)) => Ok(Target::Before(n)),
        _ => Ok(Target::Branch(word.parse()?)),
    }
}
