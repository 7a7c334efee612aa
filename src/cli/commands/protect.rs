//! `dvol protect`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, operands};
use crate::ops;

/// Keep resets, forgets and rm away from a branch, a tag or a volume; without operands, list
///
/// Until dvol unprotect, whatever would reset, forget, move or delete it is refused unless it is
/// given --force (branch -D for a branch), and so is docker volume rm. Commits, checkouts and
/// renames go on as before. A protected branch protects the data of the commits that lead to its
/// head; a protected worktree, its branch so; a protected volume, everything in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol protect
  dvol protect frob_mysql
  dvol protect frob_mysql:master
  dvol protect demo-data -C frob_mysql")]
pub(in crate::cli) struct ProtectArgs {
    /// Protect the whole volume; needed only where a branch or tag has the volume's name
    #[arg(long)]
    whole: bool,
    /// Branch or tag, VOLUME:NAME, or a volume
    #[arg(num_args = 0..=2, value_names = ["NAME", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &ProtectArgs) -> Outcome {
    if args.operands.is_empty() && !args.whole {
        session.print(&ops::protected(&session.pool, session.volume(None)?.as_ref())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    set(session, args.whole, &args.operands, true)
}

/// Protects what the operands name, or ends that.
pub(in crate::cli) fn set(session: &Session, whole: bool, words: &[String], protected: bool) -> Outcome {
    let (name, volume) = if whole {
        (None, operands::only_volume(session, words)?)
    } else {
        let found = operands::read(session, words)?;
        (found.revision, found.volume)
    };
    if name.is_none() && volume.is_none() && !whole {
        return Err(Failure::Usage("name a branch, a tag or a volume".to_owned()));
    }
    catch_interrupts(&session.pool)?;
    session.done(&ops::protect(&session.pool, volume.as_ref(), name.as_ref(), protected)?)?;
    Ok(ExitCode::SUCCESS)
}
