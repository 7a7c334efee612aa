//! `dvol branch`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, operands};
use crate::model::{BranchName, Revision, VolumeName};
use crate::ops;
use crate::report::{BranchStyle, BranchView};

/// List, create, rename or delete branches
///
/// Without operands, list the branches of the current volume; * marks the current branch. A single
/// operand that names a volume lists that volume's branches; any other creates a branch. With -C, a
/// single operand always creates a branch.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol branch
  dvol branch -v frob_mysql
  dvol branch experiment HEAD~2
  dvol branch -m experiment bugfix
  dvol branch -d bugfix
  dvol branch -u origin/master

To create a branch and switch to it, use dvol checkout -b NAME.")]
pub(in crate::cli) struct BranchArgs {
    /// Delete a branch and its working tree, unless commits are reachable only from it
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["force_delete", "rename", "show_current"])]
    #[arg(add = crate::cli::complete::branches())]
    delete: Option<BranchName>,
    /// Delete a branch even if it is protected or commits are reachable only from it
    #[arg(short = 'D', value_name = "NAME", conflicts_with_all = ["rename", "show_current"])]
    #[arg(add = crate::cli::complete::branches())]
    force_delete: Option<BranchName>,
    /// Rename a branch: -m [OLD] NEW [VOLUME]; OLD defaults to the current branch
    #[arg(short = 'm', short_alias = 'M', long = "move", conflicts_with = "show_current")]
    rename: bool,
    /// List the branches of remotes as well, as dvol last saw them
    #[arg(short = 'a', long, conflicts_with_all = ["delete", "force_delete", "rename"])]
    all: bool,
    /// List the branches of remotes, as dvol last saw them
    #[arg(short = 'r', long, conflicts_with_all = ["all", "delete", "force_delete", "rename", "show_current"])]
    remotes: bool,
    /// List the branches, as without operands
    #[arg(long, conflicts_with_all = ["delete", "force_delete", "rename"])]
    list: bool,
    /// Let the current branch, or the one that is named, follow a branch of a remote
    #[arg(short = 'u', long, value_name = "REMOTE/BRANCH", conflicts_with_all = ["delete", "force_delete", "rename", "all", "remotes", "list", "show_current"])]
    set_upstream_to: Option<String>,
    /// Let the current branch, or the one that is named, follow none
    #[arg(long, conflicts_with_all = ["delete", "force_delete", "rename", "all", "remotes", "list", "show_current", "set_upstream_to"])]
    unset_upstream: bool,
    /// Print the name of the current branch
    #[arg(long)]
    show_current: bool,
    /// Branch to create, commit to start it from [default: HEAD], and volume; with the other flags,
    /// only the volume
    #[arg(num_args = 0..=3, value_names = ["NAME", "START", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &BranchArgs) -> Outcome {
    let pool = &session.pool;
    if let Some(branch) = args.delete.as_ref().or(args.force_delete.as_ref()) {
        let volume = operands::only_volume(session, &args.operands)?;
        catch_interrupts(pool)?;
        let deleted = ops::delete_branch(pool, volume.as_ref(), branch, args.force_delete.is_some())?;
        session.done(&deleted)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.rename {
        return rename(session, &args.operands);
    }
    if args.set_upstream_to.is_some() || args.unset_upstream {
        return follow(session, args);
    }
    let listed = match args.operands.as_slice() {
        [] => Some(session.volume(None)?),
        words if args.all || args.remotes || args.list => Some(operands::only_volume(session, words)?),
        [word] if args.show_current => Some(session.volume(Some(&word.parse()?))?),
        [word] if session.globals.volume.is_none() => match word.parse::<VolumeName>() {
            Ok(name) if pool.store().read(|rows| rows.volume(&name))?.is_some() => Some(Some(name)),
            _ => None,
        },
        _ if args.show_current => {
            return Err(Failure::Usage("--show-current takes only a volume".to_owned()));
        }
        _ => None,
    };
    if let Some(volume) = listed {
        let list = (!args.remotes).then(|| ops::branches(pool, volume.as_ref())).transpose()?;
        let remotes = match args.all || args.remotes {
            true => ops::remote_branches(pool, volume.as_ref())?,
            false => Vec::new(),
        };
        let style = match (args.show_current, session.globals.verbose) {
            (true, _) => BranchStyle::Current,
            (false, 0) => BranchStyle::Names,
            (false, 1) => BranchStyle::Heads,
            (false, _) => BranchStyle::Upstreams,
        };
        session.print(&BranchView { list, remotes, style })?;
        return Ok(ExitCode::SUCCESS);
    }
    let (name, rest) = args.operands.split_first().expect("the branches are listed when no operand is given");
    let name: BranchName = name.parse()?;
    let operands = operands::read(session, rest)?;
    let start = operands.revision.unwrap_or_else(Revision::head);
    catch_interrupts(pool)?;
    session.done(&ops::create_branch(pool, operands.volume.as_ref(), &name, &start)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a branch follow one of a remote, or none.
fn follow(session: &Session, args: &BranchArgs) -> Outcome {
    let follows = match &args.set_upstream_to {
        Some(text) => {
            let bad = || Failure::Usage(format!("'{text}' is not REMOTE/BRANCH, such as origin/master"));
            let (remote, branch) = text.split_once('/').ok_or_else(bad)?;
            Some((remote.parse()?, branch.parse()?))
        }
        None => None,
    };
    let (branch, volume) = match args.operands.as_slice() {
        [] => (None, None),
        [branch] => (Some(branch.parse()?), None),
        [branch, volume] => (Some(branch.parse()?), Some(volume.parse()?)),
        _ => return Err(Failure::Usage("-u takes [BRANCH [VOLUME]]".to_owned())),
    };
    let volume = session.volume(volume.as_ref())?;
    let branch: Option<BranchName> = branch;
    session.done(&ops::set_upstream(&session.pool, volume.as_ref(), branch.as_ref(), follows)?)?;
    Ok(ExitCode::SUCCESS)
}

fn rename(session: &Session, words: &[String]) -> Outcome {
    let (from, to, volume) = match words {
        [to] => (None, to, None),
        [from, to] => (Some(from.parse()?), to, None),
        [from, to, volume] => (Some(from.parse()?), to, Some(volume.parse()?)),
        _ => return Err(Failure::Usage("-m takes [OLD] NEW [VOLUME]".to_owned())),
    };
    let volume = session.volume(volume.as_ref())?;
    catch_interrupts(&session.pool)?;
    let from: Option<BranchName> = from;
    session.done(&ops::rename_branch(&session.pool, volume.as_ref(), from.as_ref(), &to.parse()?)?)?;
    Ok(ExitCode::SUCCESS)
}
