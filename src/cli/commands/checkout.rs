//! `dvol checkout`

use std::path::PathBuf;

use super::restore;
use crate::cli::output::Failure;
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, operands};
use crate::error::Error;
use crate::model::{Base, Revision, Verb, VolumeName};
use crate::ops::{self, CheckoutRequest, Target};

/// Switch a volume to another branch
///
/// Restarts the containers that run on the volume, so that they see the other branch's working
/// tree. Each branch keeps its own working tree, so nothing is lost.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:
  dvol checkout -b experiment
  dvol checkout master
  dvol checkout -
  dvol checkout -b bugfix HEAD~2 frob_mysql
  dvol checkout -B experiment v1
  dvol checkout -b experiment --project shop")]
pub(in crate::cli) struct CheckoutArgs {
    /// Create the branch, starting from START [default: HEAD]
    #[arg(short = 'b')]
    create: bool,
    /// Create the branch or, if it exists and has no uncommitted changes, reset it to START
    #[arg(short = 'B', conflicts_with = "create")]
    recreate: bool,
    /// Switch despite uncommitted changes, which stay in the working tree of their branch (with -B,
    /// discard those of the branch that is reset, and reset it even if it is protected)
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    project: ProjectArg,
    /// Branch to switch to; - is the previously current branch
    #[arg(add = crate::cli::complete::branches(), required_unless_present = "paths")]
    branch: Option<String>,
    /// With -b or -B, commit to start from and volume; otherwise only the volume
    #[arg(num_args = 0..=2, value_names = ["START", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
    /// Bring these paths back from the commit BRANCH instead: as dvol restore
    #[arg(last = true, value_name = "PATH", conflicts_with_all = ["create", "recreate", "project"])]
    paths: Vec<PathBuf>,
}

impl CheckoutArgs {
    /// The arguments that switch to a branch.
    pub(in crate::cli) fn to(branch: &str) -> Self {
        CheckoutArgs { branch: Some(branch.to_owned()), ..CheckoutArgs::default() }
    }

    /// The arguments that create a branch and switch to it.
    pub(in crate::cli) fn creating(branch: &str, operands: &[String]) -> Self {
        CheckoutArgs { create: true, operands: operands.to_vec(), ..Self::to(branch) }
    }
}

pub(in crate::cli) fn run(session: &Session, args: &CheckoutArgs) -> Outcome {
    if !args.paths.is_empty() {
        let source = args.branch.as_deref().map_or(Ok(Revision::head()), |word| session.revision(word))?;
        if !args.operands.is_empty() {
            return Err(Failure::Usage("name the volume with -C before paths".to_owned()));
        }
        return restore::paths(session, source, &args.paths, args.force);
    }
    let project = args.project.read(session, None)?;
    let (create, volume) = if project.is_some() {
        let start = operands::only_revision(&args.operands)?;
        if start.is_some() && !args.create && !args.recreate {
            return Err(Failure::Usage("START requires -b or -B".to_owned()));
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
            _ => return Err(Failure::Usage("START requires -b or -B".to_owned())),
        };
        (None, session.volume(word.as_ref())?)
    };
    let word = args.branch.as_deref().unwrap_or_default();
    let branch = target(session, volume.as_ref(), word, create.is_some())?;
    let request = CheckoutRequest { volume, branch, create, replace: args.recreate, force: args.force };
    catch_interrupts(&session.pool)?;
    if let Some(project) = project {
        let done = ops::checkout_project(&session.pool, &project, &request)?;
        // A volume that was on the branch already knows of no container.
        let touched = done.iter().map(|done| &done.disruption).find(|one| !one.containers.is_empty());
        let disruption = touched.cloned().unwrap_or_default();
        session.note_containers(&disruption);
        session.done(&done)?;
        return session.end(Verb::Checkout, done.iter().map(|one| &one.volume), &disruption);
    }
    let done = ops::checkout(&session.pool, &request)?;
    session.note_containers(&done.disruption);
    session.done(&done)?;
    session.end(Verb::Checkout, [&done.volume], &done.disruption)
}

/// Parses the branch to switch to.
fn target(
    session: &Session,
    volume: Option<&VolumeName>,
    word: &str,
    creates: bool,
) -> Result<Target, Failure> {
    if word == "-" {
        return Ok(Target::Before(1));
    }
    let revision = word.parse::<Revision>();
    if let Ok(Revision { base: Base::BranchBefore(n), steps, .. }) = &revision
        && steps.is_empty()
    {
        return Ok(Target::Before(*n));
    }
    match word.parse() {
        Ok(branch) => Ok(Target::Branch(branch)),
        // A commit such as HEAD~1, which is no branch.
        Err(_) if !creates && revision.is_ok() => {
            let volume = session.pool.select(volume)?;
            Err(Error::NoBranch { volume, branch: word.to_owned() }.into())
        }
        Err(error) => Err(error.into()),
    }
}
