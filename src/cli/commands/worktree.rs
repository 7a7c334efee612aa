//! `dvol worktree`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{BranchName, Revision, VolumeName};
use crate::ops::{self, Guard, WorktreeBranch, WorktreeRequest};
use crate::pool::parse_age;

/// Have several branches of a volume checked out at the same time
///
/// A worktree is a further name under which containers mount a branch of a volume. Every verb takes
/// it where it takes a volume, and acts on that branch; history and tags are shared. A branch is
/// checked out in one place only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol worktree add frob_feat -b feat
  docker run -v frob_feat:/var/lib/postgresql/data postgres
  dvol commit -m 'Add a column' -C frob_feat
  dvol worktree list
  dvol worktree remove frob_feat")]
pub(in crate::cli) struct WorktreeArgs {
    #[command(subcommand)]
    verb: WorktreeVerb,
}

#[derive(Debug, clap::Subcommand)]
enum WorktreeVerb {
    /// Make a worktree: of a branch, or with -b of a new one
    ///
    /// Without a branch, the worktree shows the branch of its own name, which is made from HEAD if
    /// there is none. Where the file system shares blocks, that takes moments at any size.
    #[command(after_help = "Example:
  dvol worktree add frob_feat feat
  dvol worktree add frob_feat frob_mysql:feat
  dvol worktree add frob_try -b try HEAD~2 --expires 7d")]
    Add(AddArgs),
    /// List the worktrees of a volume, or of all volumes
    #[command(visible_alias = "ls")]
    #[command(after_help = "Example:\n  dvol worktree list\n  dvol worktree list frob_mysql")]
    List {
        /// Volume whose worktrees to list [default: all volumes that have any]
        #[arg(add = crate::cli::complete::volumes())]
        volume: Option<VolumeName>,
    },
    /// Remove a worktree; its branch stays, with commits and uncommitted changes
    ///
    /// Refused while a container uses the worktree, running or not.
    #[command(visible_alias = "rm", after_help = "Example:\n  dvol worktree remove frob_feat")]
    Remove {
        /// Remove it even if it is protected
        #[arg(short, long)]
        force: bool,
        /// Worktree to remove
        #[arg(add = crate::cli::complete::worktrees())]
        worktree: VolumeName,
    },
    /// Remove the expired worktrees that no container uses
    #[command(after_help = "Example:\n  dvol worktree prune -n\n  dvol worktree prune")]
    Prune {
        /// Only report what would be removed
        #[arg(short = 'n', long)]
        dry_run: bool,
        /// Volume whose worktrees to prune [default: all volumes]
        #[arg(add = crate::cli::complete::volumes())]
        volume: Option<VolumeName>,
    },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Make this branch for the worktree
    #[arg(short = 'b', value_name = "NEW")]
    new: Option<BranchName>,
    /// Let the worktree expire after this time: the next prune removes it, if no container uses it
    #[arg(long, value_name = "AGE", value_parser = age)]
    expires: Option<i64>,
    /// Name of the worktree, for docker run -v NAME:/PATH
    name: VolumeName,
    /// Branch to show; with -b, the commit to start from [default: HEAD]
    #[arg(value_name = "[VOLUME:]BRANCH", add = crate::cli::complete::volume_branches())]
    branch: Option<String>,
}

/// Parses an age, in microseconds.
fn age(text: &str) -> Result<i64, String> {
    parse_age(text).ok_or_else(|| "use a number with d, h or m, such as 7d".to_owned())
}

pub(in crate::cli) fn run(session: &Session, args: &WorktreeArgs) -> Outcome {
    match &args.verb {
        WorktreeVerb::Add(args) => add(session, args),
        WorktreeVerb::List { volume } => {
            let volume = session.volume(volume.as_ref())?;
            session.page(&ops::worktrees(&session.pool, volume.as_ref())?)?;
            Ok(ExitCode::SUCCESS)
        }
        WorktreeVerb::Remove { worktree, force } => {
            let worktree = session.find(worktree)?;
            catch_interrupts(&session.pool)?;
            session.done(&ops::remove_worktree(&session.pool, &worktree, Guard::Ask, *force)?)?;
            if session.wants_remarks() {
                say("hint", &format!("undo this: dvol undo {worktree}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        WorktreeVerb::Prune { dry_run, volume } => {
            let volume = session.volume(volume.as_ref())?;
            session.done(&ops::prune_worktrees(&session.pool, volume.as_ref(), *dry_run)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn add(session: &Session, args: &AddArgs) -> Outcome {
    let (named, branch) = match (&args.new, args.branch.as_deref()) {
        (Some(new), start) => {
            let start = start.map_or_else(|| Ok(Revision::head()), |start| session.revision(start))?;
            (start.volume.clone(), WorktreeBranch::New(new.clone(), start))
        }
        (None, Some(text)) => {
            let (volume, branch) = match text.split_once(':') {
                Some((volume, branch)) => (Some(session.find(&volume.parse()?)?), branch),
                None => (None, text),
            };
            (volume, WorktreeBranch::Existing(branch.parse()?))
        }
        (None, None) => (None, WorktreeBranch::Either(args.name.as_str().parse()?, Revision::head())),
    };
    let volume = match (session.volume(None)?, named) {
        (Some(flag), Some(named)) if flag != named => {
            return Err(Failure::Usage(format!(
                "-C names volume {flag}, the branch is one of volume {named}: name one"
            )));
        }
        (flag, named) => flag.or(named),
    };
    session.pool.refuse_elsewhere(&args.name)?;
    catch_interrupts(&session.pool)?;
    let (name, lifetime) = (args.name.clone(), args.expires);
    let request = WorktreeRequest { name, volume, branch, lifetime, options: Default::default() };
    let added = ops::add_worktree(&session.pool, &request)?;
    session.done(&added)?;
    if session.wants_remarks() {
        let name = &args.name;
        say("hint", &format!("use it in a container: docker run -v {name}:/PATH IMAGE"));
        say("hint", &format!("work on it: dvol status {name}"));
    }
    Ok(ExitCode::SUCCESS)
}
