//! `dvol branch`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::session::{Session, catch_interrupts};
use crate::cli::{Outcome, operands};
use crate::model::{BranchName, Revision, VolumeName};
use crate::ops;
use crate::report::{BranchStyle, BranchView};

/// List the branches of a volume, * marking the current one; make, rename or delete one
///
/// One word alone is a volume, whose branches are listed, when there is one of that name; else it
/// is a branch to be made. With -C it is always a branch.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol branch
  dvol branch -v frob_mysql
  dvol branch experiment HEAD~2
  dvol branch -m experiment bugfix
  dvol branch -d bugfix

dvol checkout -b NAME makes a branch and switches to it.")]
pub(in crate::cli) struct Args {
    /// Delete this branch and its working tree; refused when only it holds some commits
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["force_delete", "rename", "show_current"])]
    #[arg(add = crate::cli::complete::branches())]
    delete: Option<BranchName>,
    /// Delete this branch whatever it holds
    #[arg(short = 'D', value_name = "NAME", conflicts_with_all = ["rename", "show_current"])]
    #[arg(add = crate::cli::complete::branches())]
    force_delete: Option<BranchName>,
    /// Rename a branch: -m [OLD] NEW [VOLUME], OLD being the current one when it is not named
    #[arg(short = 'm', long = "move", conflicts_with = "show_current")]
    rename: bool,
    /// Print the name of the current branch
    #[arg(long)]
    show_current: bool,
    /// The branch to make and where it starts (HEAD when nothing is named), and the volume; with
    /// the other flags, the volume
    #[arg(num_args = 0..=3, value_names = ["NAME", "START", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
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
    let listed = match args.operands.as_slice() {
        [] => Some(session.volume(None)?),
        [word] if args.show_current => Some(session.volume(Some(&word.parse()?))?),
        [word] if session.globals.volume.is_none() => match word.parse::<VolumeName>() {
            Ok(name) if pool.store().read(|rows| rows.volume(&name))?.is_some() => Some(Some(name)),
            _ => None,
        },
        _ if args.show_current => return Err(Failure::Usage("--show-current makes no branch".to_owned())),
        _ => None,
    };
    if let Some(volume) = listed {
        let list = ops::branches(pool, volume.as_ref())?;
        let style = match (args.show_current, session.globals.verbose) {
            (true, _) => BranchStyle::Current,
            (false, 0) => BranchStyle::Names,
            (false, _) => BranchStyle::Heads,
        };
        session.print(&BranchView { list, style })?;
        return Ok(ExitCode::SUCCESS);
    }
    let (name, rest) = args.operands.split_first().expect("without a word the branches are listed");
    let name: BranchName = name.parse()?;
    let operands = operands::read(session, rest)?;
    let start = operands.revision.unwrap_or_else(Revision::head);
    catch_interrupts(pool)?;
    session.done(&ops::create_branch(pool, operands.volume.as_ref(), &name, &start)?)?;
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
