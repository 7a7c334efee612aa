//! `dvol worktree`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::code_worktree::project::{self, Wish};
use crate::cli::code_worktree::{GitWorktree, clear};
use crate::cli::git::Git;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{BranchName, Revision, VolumeName};
use crate::ops::{self, Guard, PruneScope, WorktreeBranch, WorktreeRequest};
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
  dvol worktree add frob_try -b try HEAD~2 --expires 7d
  dvol worktree add --project --env .env")]
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
        /// Remove all that were made for this worktree of git, and their block of variables
        #[arg(long, conflicts_with = "worktree")]
        project: bool,
        /// Worktree to remove
        #[arg(add = crate::cli::complete::worktrees(), required_unless_present = "project")]
        worktree: Option<VolumeName>,
    },
    /// Remove unused worktrees that are expired, or whose worktree of git is gone
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
    /// In a worktree of git: make the volumes that the compose project of this directory looks for,
    /// from those of the main checkout's; BRANCH defaults to the code's
    #[arg(long)]
    project: bool,
    /// Keep variables in this file: the name of the compose project, and free ports for those that
    /// the compose file takes from variables
    #[arg(long, value_name = "FILE", requires = "project", value_hint = clap::ValueHint::FilePath)]
    env: Option<PathBuf>,
    /// Name of the worktree, for docker run -v NAME:/PATH; none with --project
    #[arg(value_name = "NAME", required_unless_present_any = ["project"])]
    first: Option<String>,
    /// Branch to show; with -b, the commit to start from [default: HEAD]
    #[arg(value_name = "[VOLUME:]BRANCH", add = crate::cli::complete::volume_branches())]
    second: Option<String>,
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
        WorktreeVerb::Remove { worktree, force, project: _ } => {
            let names = match worktree {
                Some(worktree) => vec![session.find(worktree)?],
                None => of_directory(session)?,
            };
            catch_interrupts(&session.pool)?;
            for name in &names {
                let removed = ops::remove_worktree(&session.pool, name, Guard::Ask, *force)?;
                clear(removed.code.as_ref())?;
                session.done(&removed)?;
                if session.wants_remarks() {
                    say("hint", &format!("undo this: dvol undo {name}"));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        WorktreeVerb::Prune { dry_run, volume } => {
            let volume = session.volume(volume.as_ref())?;
            let scope = volume.as_ref().map_or(PruneScope::Pool, PruneScope::Volume);
            let pruned = ops::prune_worktrees(&session.pool, scope, *dry_run)?;
            if !dry_run {
                pruned.removed.iter().try_for_each(|removed| clear(removed.code.as_ref()))?;
            }
            session.done(&pruned)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Lists the worktrees that were made for the worktree of git around this directory.
fn of_directory(session: &Session) -> Result<Vec<VolumeName>, Failure> {
    let found = GitWorktree::need(&Git::here(&session.pool))?.data(session)?;
    if found.is_empty() {
        return Err(Failure::Named {
            code: "no_worktree",
            message: "this worktree of git has no data worktrees".to_owned(),
            hints: vec!["list them all: dvol worktree list".to_owned()],
            exit: 1,
        });
    }
    Ok(found.into_iter().map(|record| record.name).collect())
}

/// Makes the volumes that the compose project of this directory looks for.
fn add_project(session: &Session, args: &AddArgs) -> Outcome {
    if args.second.is_some() || session.globals.volume.is_some() {
        let text = "--project makes all volumes of the project: name only a branch, or with -b a start";
        return Err(Failure::Usage(text.to_owned()));
    }
    let git = Git::here(&session.pool);
    let tree = GitWorktree::need(&git)?;
    let code = git.look_up(&["symbolic-ref", "--short", "-q", "HEAD"]);
    let word = args.first.as_deref();
    let branch = |_: &VolumeName| -> Result<WorktreeBranch, Failure> {
        let start = word.map_or_else(|| Ok(Revision::head()), str::parse)?;
        match (&args.new, word, &code) {
            (Some(new), ..) => Ok(WorktreeBranch::New(new.clone(), start)),
            (None, Some(word), _) => Ok(WorktreeBranch::Existing(word.parse()?)),
            (None, None, Some(code)) => Ok(WorktreeBranch::Either(code.parse()?, start)),
            (None, None, None) => Err(Failure::Usage("the code is on no branch: name one".to_owned())),
        }
    };
    catch_interrupts(&session.pool)?;
    let wish = Wish { branch: &branch, env: args.env.as_deref(), lifetime: args.expires };
    let Some(made) = project::add(session, &tree, &wish)? else {
        return Err(Failure::Named {
            code: "no_project",
            message: format!("the compose project of {} has no volume of dvol's", tree.main.display()),
            hints: vec!["name a worktree and its volume: dvol worktree add NAME VOLUME:BRANCH".to_owned()],
            exit: 1,
        });
    };
    session.done(&made)?;
    Ok(ExitCode::SUCCESS)
}

fn add(session: &Session, args: &AddArgs) -> Outcome {
    if args.project {
        return add_project(session, args);
    }
    let name: VolumeName = args.first.as_deref().unwrap_or_default().parse()?;
    let (named, branch) = match (&args.new, args.second.as_deref()) {
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
        (None, None) => (None, WorktreeBranch::Either(name.as_str().parse()?, Revision::head())),
    };
    let volume = match (session.volume(None)?, named) {
        (Some(flag), Some(named)) if flag != named => {
            return Err(Failure::Usage(format!(
                "-C names volume {flag}, the branch is one of volume {named}: name one"
            )));
        }
        (flag, named) => flag.or(named),
    };
    session.pool.refuse_elsewhere(&name)?;
    catch_interrupts(&session.pool)?;
    let (worktree, lifetime) = (name.clone(), args.expires);
    let options = Default::default();
    let request = WorktreeRequest { name: worktree, volume, branch, lifetime, options, code: None };
    let added = ops::add_worktree(&session.pool, &request)?;
    session.done(&added)?;
    if session.wants_remarks() {
        say("hint", &format!("use it in a container: docker run -v {name}:/PATH IMAGE"));
        say("hint", &format!("work on it: dvol status {name}"));
    }
    Ok(ExitCode::SUCCESS)
}
