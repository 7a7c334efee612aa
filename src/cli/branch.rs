//! `dvol branch`

use std::process::ExitCode;

use super::Outcome;
use super::session::{Session, catch_interrupts};
use crate::model::{BranchName, VolumeName};
use crate::ops;

/// List the branches of a volume, * marking the current one; or delete one
///
/// dvol checkout -b NAME makes a branch.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol branch\n  dvol branch frob_mysql\n  dvol branch -d experiment")]
pub(super) struct Args {
    /// Delete this branch and its working tree; refused when only it holds some commits
    #[arg(short, long, value_name = "NAME", conflicts_with = "force_delete")]
    delete: Option<BranchName>,
    /// Delete this branch whatever it holds
    #[arg(short = 'D', value_name = "NAME")]
    force_delete: Option<BranchName>,
    /// The volume; the current one when none is named
    #[arg(add = super::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let volume = session.volume(args.volume.as_ref())?;
    if let Some(branch) = args.delete.as_ref().or(args.force_delete.as_ref()) {
        catch_interrupts(&session.pool)?;
        let deleted = ops::delete_branch(&session.pool, volume, branch, args.force_delete.is_some())?;
        session.print(&deleted)?;
    } else {
        session.print(&ops::branches(&session.pool, volume)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
